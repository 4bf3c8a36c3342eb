"""A deployment's lifecycle against an emulated AWS: planned, created, changed, broken, interrupted, drifted, removed.

The stacks are small ones of these tests, cut like the real ones: what holds data, and what is made from its outputs.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.support.aws_emulator import REGION, emulated_aws, environment
from tooling.aws_setup.applying import apply
from tooling.aws_setup.changes import Change
from tooling.aws_setup.clients import Clients, open_clients
from tooling.aws_setup.deployment import Deployment, outputs
from tooling.aws_setup.drift import find_drift
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.operations import Event, state_of
from tooling.aws_setup.planning import Planned, plan
from tooling.aws_setup.removal import Data, destroy
from tooling.aws_setup.settings import Kafka, Settings, Streams
from tooling.aws_setup.stacks import Stack
from tooling.aws_setup.status import status_of

Tree = dict[str, Any]

DATA: Tree = {
    "Parameters": {"Prefix": {"Type": "String"}},
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "DeletionPolicy": "RetainExceptOnCreate", "Properties": {"KeyPolicy": {}}},
        "LandingBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
    },
    "Outputs": {
        "KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}},
        "LandingBucket": {"Value": {"Ref": "LandingBucket"}},
    },
}
STREAMS: Tree = {
    "Parameters": {
        "Prefix": {"Type": "String"},
        "KeyArn": {"Type": "String", "AllowedPattern": "arn:[^:]+:kms:.+"},
        "RetentionHours": {"Type": "Number"},
    },
    "Resources": {
        "Pin": {
            "Type": "AWS::Kinesis::Stream",
            "Properties": {
                "Name": {"Fn::Sub": "streaming-${Prefix}-pin"},
                "ShardCount": 1,
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "DependsOn": "Pin",
            "Properties": {"QueueName": {"Ref": "Prefix"}, "VisibilityTimeout": {"Ref": "RetentionHours"}},
        },
    },
    "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}},
}


class Watcher:
    """Keeps the progress, and runs a test's action at an event."""

    def __init__(self, interrupt_at: str = "") -> None:
        self.events: list[Event] = []
        self.notes: list[str] = []
        self.changed: dict[str, int] = {}
        self._interrupt_at = interrupt_at

    def stack(self, name: str, changes: Sequence[Change]) -> None:
        self.changed[name] = len(changes)

    def event(self, event: Event) -> None:
        self.events.append(event)
        if self._interrupt_at and f"{event.resource} {event.status}" == self._interrupt_at:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.notes.append(text)
        if self._interrupt_at and text.startswith(self._interrupt_at):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url, pytest.MonkeyPatch.context() as patched:
        for name, value in environment(url).items():
            patched.setenv(name, value)
        yield open_clients(REGION)


@pytest.fixture
def deployment(clients: Clients, tmp_path: Path) -> Deployment:
    """One of its own for each test: names in an account must differ."""
    settings = Settings(prefix=f"{uuid4().hex[:8]}", kafka=Kafka(kind="none"))
    return Deployment(settings, clients, 0.02, catalogue(tmp_path, DATA, STREAMS))


def catalogue(folder: Path, data: Tree, streams: Tree) -> tuple[Stack, ...]:
    for name, content in (("data", data), ("streams", streams)):
        (folder / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    return (
        Stack("data", lambda _: True, lambda _: {}, folder),
        Stack("streams", lambda _: True, lambda s: {"RetentionHours": str(s.streams.retention_hours)}, folder),
    )


def changed(deployment: Deployment, streams: Tree, folder: Path) -> Deployment:
    return replace(deployment, catalogue=catalogue(folder, DATA, streams))


# IAM refuses it when its turn comes, behind the queue's.
REFUSED: Tree = {
    "Type": "AWS::IAM::Policy",
    "DependsOn": "Queue",
    "Properties": {
        "PolicyName": "x",
        "Roles": ["nobody"],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": []},
    },
}
BROKEN: Tree = {**STREAMS, "Resources": {**STREAMS["Resources"], "Policy": REFUSED}}


def made(deployment: Deployment) -> Watcher:
    watcher = Watcher()
    apply(deployment, watcher)
    return watcher


def planned(deployment: Deployment) -> dict[str, Planned]:
    return {one.stack.name: one for one in plan(deployment)}


def statuses(deployment: Deployment) -> dict[str, str]:
    return {name: state.status for name, state in deployment.states().items()}


def test_a_plan_names_every_resource_and_leaves_nothing_behind(deployment: Deployment) -> None:
    plans = planned(deployment)
    assert [change.resource for change in plans["data"].changes] == ["Key", "LandingBucket"]
    assert {(change.action, change.kind) for change in plans["streams"].changes} == {
        ("Add", "AWS::Kinesis::Stream"),
        ("Add", "AWS::SQS::Queue"),
    }
    assert statuses(deployment) == {}


def test_apply_makes_what_was_planned_and_a_second_one_changes_nothing(deployment: Deployment) -> None:
    plans = planned(deployment)
    first = made(deployment)
    prefix = deployment.settings.prefix
    assert first.changed == {f"pipeline-{prefix}-{name}": len(one.changes) for name, one in plans.items()}
    assert statuses(deployment) == {"data": "CREATE_COMPLETE", "streams": "CREATE_COMPLETE"}
    assert {event.resource for event in first.events if event.status == "CREATE_COMPLETE"} > {"Key", "Pin", "Queue"}

    second = made(deployment)
    assert second.changed == {f"pipeline-{prefix}-data": 0, f"pipeline-{prefix}-streams": 0}
    assert second.events == []
    assert all(not one.changes for one in planned(deployment).values())


def test_a_changed_setting_changes_what_it_is_about(deployment: Deployment) -> None:
    made(deployment)
    longer = replace(
        deployment, settings=deployment.settings.model_copy(update={"streams": Streams(retention_hours=48)})
    )
    (change,) = planned(longer)["streams"].changes
    assert (change.action, change.resource, change.replacement) == ("Modify", "Queue", "False")
    assert change.properties == ("VisibilityTimeout",)
    assert made(longer).changed == {
        f"pipeline-{longer.settings.prefix}-data": 0,
        f"pipeline-{longer.settings.prefix}-streams": 1,
    }
    assert planned(longer)["streams"].changes == ()


def test_a_failed_change_names_its_first_cause_and_is_rolled_back(deployment: Deployment, tmp_path: Path) -> None:
    made(deployment)
    with pytest.raises(
        AwsError, match=r"UPDATE_ROLLBACK_COMPLETE: Policy \(AWS::IAM::Policy\) failed first: .*nobody"
    ) as failure:
        made(changed(deployment, BROKEN, tmp_path))
    assert "\n" not in str(failure.value)
    assert statuses(deployment)["streams"] == "UPDATE_ROLLBACK_COMPLETE"
    again = made(changed(deployment, STREAMS, tmp_path))
    assert again.events == []


def test_a_stack_that_could_not_be_made_is_removed_and_made_anew(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(AwsError, match=r"is ROLLBACK_COMPLETE: Policy .*nobody"):
        made(changed(deployment, BROKEN, tmp_path))
    mended = changed(deployment, STREAMS, tmp_path)
    assert "create it again" in planned(mended)["streams"].note
    watcher = made(mended)
    assert any("removing its remaining resources" in note for note in watcher.notes)
    assert statuses(mended)["streams"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    "moment",
    ["Key CREATE_COMPLETE", "LandingBucket CREATE_IN_PROGRESS", "Pin CREATE_IN_PROGRESS", "Queue CREATE_COMPLETE"],
)
def test_an_apply_that_was_interrupted_is_taken_up_by_the_next(deployment: Deployment, moment: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        apply(deployment, Watcher(moment))
    made(deployment)
    assert statuses(deployment) == {"data": "CREATE_COMPLETE", "streams": "CREATE_COMPLETE"}
    assert made(deployment).events == []


def test_a_plan_that_was_interrupted_does_not_stand_in_the_way(deployment: Deployment) -> None:
    plans = plan(deployment)
    assert next(plans).stack.name == "data"
    # A plan that is killed between its two calls leaves a stack that has only a change set.
    deployment.clients.cloudformation.create_change_set(
        StackName=f"pipeline-{deployment.settings.prefix}-data",
        ChangeSetName="left",
        ChangeSetType="CREATE",
        TemplateBody=deployment.catalogue[0].template.body({}),
        Parameters=[{"ParameterKey": "Prefix", "ParameterValue": deployment.settings.prefix}],
    )
    assert statuses(deployment) == {"data": "REVIEW_IN_PROGRESS"}
    assert len(planned(deployment)["data"].changes) == 2
    made(deployment)
    assert statuses(deployment)["data"] == "CREATE_COMPLETE"


def test_replacing_what_holds_data_needs_a_word(deployment: Deployment, tmp_path: Path) -> None:
    made(deployment)
    pin = {
        **STREAMS["Resources"]["Pin"],
        "Properties": {"Name": {"Fn::Sub": "streaming-${Prefix}-pin-2"}, "ShardCount": 1},
    }
    other = changed(deployment, {**STREAMS, "Resources": {**STREAMS["Resources"], "Pin": pin}}, tmp_path)
    with pytest.raises(AwsError, match=r"hold data: Pin \(AWS::Kinesis::Stream: .*Name.*--allow-data-loss"):
        made(other)
    assert statuses(deployment)["streams"] == "CREATE_COMPLETE"
    apply(other, Watcher(), allow_data_loss=True)
    assert statuses(deployment)["streams"] == "UPDATE_COMPLETE"


def test_what_the_settings_do_not_want_any_more_is_planned_guarded_and_removed(deployment: Deployment) -> None:
    made(deployment)
    data, streams = deployment.catalogue
    without = replace(deployment, catalogue=(data, replace(streams, wanted=lambda _: False)))
    assert {change.action for change in planned(without)["streams"].changes} == {"Remove"}
    with pytest.raises(AwsError, match=r"no longer in the settings hold data: Pin"):
        made(without)
    apply(without, Watcher(), allow_data_loss=True)
    assert statuses(deployment) == {"data": "CREATE_COMPLETE"}
    assert made(without).events == []


def test_what_other_hands_changed_is_found_and_nothing_else(deployment: Deployment) -> None:
    made(deployment)
    assert [*find_drift(deployment)] == []
    queues = boto3.client("sqs", region_name=REGION)
    url = outputs(deployment.states())["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "72"})
    (drift,) = find_drift(deployment)
    assert (drift.resource, drift.property, drift.expected, drift.actual) == ("Queue", "/VisibilityTimeout", "24", "72")

    queues.delete_queue(QueueUrl=url)
    (drift,) = find_drift(deployment)
    assert (drift.resource, drift.property, drift.actual) == ("Queue", "", "deleted")


def test_the_status_names_what_is_there_and_what_is_not(deployment: Deployment) -> None:
    assert status_of(deployment).stacks == [("data", None), ("streams", None)]
    made(deployment)
    states = {name: state.status if state else "" for name, state in status_of(deployment).stacks}
    assert states == {"data": "CREATE_COMPLETE", "streams": "CREATE_COMPLETE"}


def test_without_data_a_removal_needs_no_word_and_keeps_the_bucket(deployment: Deployment) -> None:
    made(deployment)
    destroy(deployment, Watcher())
    assert statuses(deployment) == {"data": "CREATE_COMPLETE"}
    destroy(deployment, Watcher())
    made(deployment)
    assert statuses(deployment) == {"data": "CREATE_COMPLETE", "streams": "CREATE_COMPLETE"}


def test_data_is_not_removed_without_a_word(deployment: Deployment) -> None:
    made(deployment)
    bucket, stream = (
        outputs(deployment.states())["LandingBucket"],
        f"streaming-{deployment.settings.prefix}-pin",
    )
    deployment.clients.s3.put_object(Bucket=bucket, Key="topics/x", Body=b"{}")
    deployment.clients.kinesis.put_record(StreamName=stream, Data=b"{}", PartitionKey="1")
    with pytest.raises(AwsError, match=f"files in the bucket {bucket}; records in the streams {stream}"):
        destroy(deployment, Watcher())
    assert statuses(deployment) == {"data": "CREATE_COMPLETE", "streams": "CREATE_COMPLETE"}

    destroy(deployment, Watcher(), Data.KEEP)
    assert statuses(deployment) == {"data": "CREATE_COMPLETE"}
    assert deployment.clients.s3.get_object(Bucket=bucket, Key="topics/x")["Body"].read() == b"{}"


def test_data_is_deleted_with_everything_where_that_is_asked_for(deployment: Deployment) -> None:
    made(deployment)
    clients, bucket = deployment.clients, outputs(deployment.states())["LandingBucket"]
    clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        clients.s3.put_object(Bucket=bucket, Key="a", Body=body)
    clients.s3.delete_object(Bucket=bucket, Key="a")
    key = outputs(deployment.states())["KeyArn"]
    watcher = Watcher()
    destroy(deployment, watcher, Data.DELETE)
    assert statuses(deployment) == {}
    assert f"deleted 3 objects and versions from the bucket {bucket}" in watcher.notes
    assert bucket not in {found["Name"] for found in clients.s3.list_buckets()["Buckets"]}
    assert clients.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    destroy(deployment, watcher, Data.DELETE)


@pytest.mark.parametrize("moment", ["Queue DELETE_IN_PROGRESS", "Queue DELETE_COMPLETE", "Pin DELETE_COMPLETE"])
def test_a_removal_that_was_interrupted_is_taken_up_by_the_next(deployment: Deployment, moment: str) -> None:
    made(deployment)
    with pytest.raises(KeyboardInterrupt):
        destroy(deployment, Watcher(moment), Data.KEEP)
    destroy(deployment, Watcher(), Data.KEEP)
    assert statuses(deployment) == {"data": "CREATE_COMPLETE"}


@pytest.mark.parametrize("moment", ["Queue DELETE_COMPLETE", "deleted the bucket", "the key"])
def test_no_bucket_and_no_key_is_forgotten_when_a_deletion_of_data_was_interrupted(
    deployment: Deployment, moment: str
) -> None:
    made(deployment)
    given = outputs(deployment.states())
    with pytest.raises(KeyboardInterrupt):
        destroy(deployment, Watcher(moment), Data.DELETE)
    destroy(deployment, Watcher(), Data.DELETE)
    assert statuses(deployment) == {}
    clients = deployment.clients
    assert given["LandingBucket"] not in {found["Name"] for found in clients.s3.list_buckets()["Buckets"]}
    assert clients.kms.describe_key(KeyId=given["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_removal_waits_for_what_is_under_way(deployment: Deployment) -> None:
    with pytest.raises(KeyboardInterrupt):
        apply(deployment, Watcher("Pin CREATE_IN_PROGRESS"))
    destroy(deployment, Watcher(), Data.DELETE)
    assert statuses(deployment) == {}
    assert state_of(deployment.clients.cloudformation, f"pipeline-{deployment.settings.prefix}-streams") is None
