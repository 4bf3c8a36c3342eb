"""A rolling update of the proxy's machines: new before old, and an old one stops only when a new one is healthy."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from tooling.aws_setup.applying import at_rest
from tooling.aws_setup.clients import Clients, open_clients
from tooling.aws_setup.deployment import Deployment
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.operations import Event, State, follow
from tooling.aws_setup.rolling import GROUP, HealthGate
from tooling.aws_setup.settings import Settings

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/pipeline-pinterest-clients/1"
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1"
START = datetime(2026, 1, 1, tzinfo=UTC)
REPLACING = [Event("1", START, GROUP, "AWS::AutoScaling::AutoScalingGroup", "UPDATE_IN_PROGRESS", "")]
ROLLING_BACK = [Event("0", START, "s", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""), *REPLACING]
Tree = dict[str, Any]


class Aws:
    """Scripted responses of AWS, poll after poll; any further request fails."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.stubs = [Stubber(one) for one in (clients.autoscaling, clients.elbv2, clients.cloudformation)]
        self.autoscaling, self.elbv2, self.cloudformation = self.stubs
        for stub in self.stubs:
            stub.activate()

    def machines(self, group_version: str, **versions: str) -> None:
        """The group has these machines, each of a version of its launch template."""
        machines = [{"InstanceId": name, "LaunchTemplate": {"Version": one}, **REST} for name, one in versions.items()]
        group = {"LaunchTemplate": {"Version": group_version}, "Instances": machines, "TargetGroupARNs": [TARGETS]}
        self.autoscaling.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [{**GROUP_REST, **group}]})

    def health(self, **states: str) -> None:
        """The load balancer reports this of its targets."""
        found = [{"Target": {"Id": name}, "TargetHealth": {"State": state}} for name, state in states.items()]
        asked = {"TargetGroupArn": TARGETS}
        self.elbv2.add_response("describe_target_health", {"TargetHealthDescriptions": found}, asked)

    def takes_signal(self, machine: str) -> None:
        """CloudFormation waits for a signal of this machine."""
        asked = {"StackName": STACK, "LogicalResourceId": GROUP, "UniqueId": machine, "Status": "SUCCESS"}
        self.cloudformation.add_response("signal_resource", {}, asked)

    def events(self, *events: tuple[str, str, str]) -> None:
        """The stack has these events so far: resource, status, reason."""
        found = [
            {
                "EventId": str(number),
                "StackId": STACK,
                "StackName": "s",
                "Timestamp": START + timedelta(seconds=number),
                "LogicalResourceId": resource,
                "ResourceType": "AWS::CloudFormation::Stack" if resource == "s" else "AWS::X::Y",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
            for number, (resource, status, reason) in enumerate(events)
        ]
        self.cloudformation.add_response("describe_stack_events", {"StackEvents": found[::-1]})

    def stack(self, status: str) -> None:
        """The stack is in this state."""
        found = {"StackName": "s", "StackId": STACK, "StackStatus": status, "CreationTime": START}
        self.cloudformation.add_response("describe_stacks", {"Stacks": [found]})

    def gate(self) -> HealthGate:
        return HealthGate(self.clients, STACK, "group-1", lambda _: None)

    def was_asked_all(self) -> None:
        for stub in self.stubs:
            stub.assert_no_pending_responses()


REST: Tree = {
    "AvailabilityZone": "us-east-1a",
    "LifecycleState": "InService",
    "HealthStatus": "Healthy",
    "ProtectedFromScaleIn": False,
}
GROUP_REST: Tree = {
    "AutoScalingGroupName": "group-1",
    "MinSize": 2,
    "MaxSize": 3,
    "DesiredCapacity": 2,
    "DefaultCooldown": 300,
    "AvailabilityZones": ["us-east-1a"],
    "HealthCheckType": "ELB",
    "CreatedTime": START,
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    found = Aws(open_clients("us-east-1"))
    yield found
    found.was_asked_all()


def test_a_new_machine_is_signalled_once_when_it_answers_its_load_balancer(aws: Aws) -> None:
    gate = aws.gate()
    # The event comes before the group has the new version: a machine that is healthy now is an old one.
    aws.machines("1", old="1")
    aws.machines("2", old="1", new="2")
    aws.health(old="healthy", new="initial")
    aws.machines("2", old="1", new="2")
    aws.health(old="healthy", new="healthy")
    aws.takes_signal("new")
    aws.machines("2", old="1", new="2")
    for _ in range(4):
        gate.attend(REPLACING)


def test_a_signal_that_comes_too_early_is_sent_again(aws: Aws) -> None:
    gate = aws.gate()
    for _ in range(2):
        aws.machines("2", old="1", new="2")
        aws.health(new="healthy")
    aws.cloudformation.add_client_error("signal_resource", "ValidationError", "is not in a state to be signaled")
    aws.takes_signal("new")
    gate.attend(REPLACING)
    gate.attend(REPLACING)


def test_nothing_is_asked_while_other_resources_change(aws: Aws) -> None:
    aws.gate().attend([])
    aws.gate().attend([*REPLACING, Event("2", START, GROUP, "AWS::X::Y", "UPDATE_COMPLETE", "")])


def test_a_roll_back_that_replaces_a_machine_is_given_its_signal_too(aws: Aws) -> None:
    aws.machines("1", old="1", again="1")
    aws.health(old="healthy", again="healthy")
    aws.takes_signal("again")
    aws.takes_signal("old")
    aws.gate().attend(ROLLING_BACK)


def test_a_new_machine_that_never_answers_is_rolled_back_and_said_to_be_the_cause(aws: Aws) -> None:
    began = ("s", "UPDATE_IN_PROGRESS", ""), (GROUP, "UPDATE_IN_PROGRESS", "")
    failed = (GROUP, "UPDATE_FAILED", "Received 0 SUCCESS signal(s) out of 1")
    aws.events(*began)
    aws.machines("2", old="1", new="2")
    aws.health(old="healthy", new="unhealthy")
    aws.events(*began, failed, ("s", "UPDATE_ROLLBACK_COMPLETE", ""))
    aws.stack("UPDATE_ROLLBACK_COMPLETE")
    state = State("s", STACK, "UPDATE_IN_PROGRESS", {}, {}, START)
    with pytest.raises(AwsError, match=r"UPDATE_ROLLBACK_COMPLETE: ClientGroup.*0 SUCCESS signal"):
        follow(aws.clients.cloudformation, state, lambda _: None, 0, frozenset(), aws.gate().attend)


class Quiet:
    def stack(self, name: str, changes: object) -> None: ...

    def event(self, event: Event) -> None: ...

    def note(self, text: str) -> None: ...


def test_a_run_after_one_that_was_cut_off_goes_on_with_the_signals(aws: Aws) -> None:
    before = ("s", "CREATE_IN_PROGRESS", ""), (GROUP, "CREATE_COMPLETE", ""), ("s", "CREATE_COMPLETE", "")
    now = ("s", "UPDATE_IN_PROGRESS", ""), (GROUP, "UPDATE_IN_PROGRESS", "")
    aws.events(*before, *now)
    aws.events(*before, *now)
    aws.machines("2", old="1", new="2")
    aws.health(old="healthy", new="healthy")
    aws.takes_signal("new")
    aws.events(*before, *now, (GROUP, "UPDATE_COMPLETE", ""), ("s", "UPDATE_COMPLETE", ""))
    aws.stack("UPDATE_COMPLETE")
    state = State("s", STACK, "UPDATE_IN_PROGRESS", {GROUP: "group-1"}, {}, START)
    assert at_rest(Deployment(Settings(), aws.clients, 0), state, Quiet()) is not None
