"""Calls that no emulator supports: requests and responses by botocore's own models of the services."""

from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ProfileNotFound
from botocore.stub import ANY, Stubber

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup import storage
from tooling.aws_setup.changes import ChangeSet, StackSpec, drop, make_change_set
from tooling.aws_setup.clients import Clients, aws_says, open_clients
from tooling.aws_setup.deployment import Deployment
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.finishing import await_proxy, close_default_group, proxy_is_healthy
from tooling.aws_setup.lookups import answers
from tooling.aws_setup.operations import State
from tooling.aws_setup.settings import Settings
from tooling.aws_setup.status import health_of
from tooling.aws_setup.zones import pick_zones

Call = tuple[str, dict[str, Any], dict[str, Any]]

CLUSTER = "arn:aws:kafka:us-east-1:123456789012:cluster/pinterest/0-1"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1"
CONNECTOR = "arn:aws:kafkaconnect:us-east-1:123456789012:connector/x/1"


@pytest.fixture(scope="module")
def clients() -> Clients:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        return open_clients("us-east-1")


def answering(client: BaseClient, *scripted: Call) -> Stubber:
    """Have a client expect these calls, in this order, and no other."""
    stub = Stubber(client)
    for operation, asked, answer in scripted:
        stub.add_response(operation, answer, asked)
    stub.activate()
    return stub


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


def said(error: Exception) -> str:
    with pytest.raises((AwsError, SettingsError)) as raised, aws_says("cannot do it"):
        raise error
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "aws sso login"),
        (ProfileNotFound(profile="work"), "work"),
        (EndpointConnectionError(endpoint_url="https://kafka.mars"), "whether the region has this service"),
        (refusal("ExpiredToken"), "have expired"),
        (refusal("InvalidClientTokenId"), "does not know these credentials"),
        (
            refusal("AccessDenied", "not authorized to perform: iam:CreateRole"),
            r"iam:CreateRole (AccessDenied); request the permission",
        ),
        (refusal("LimitExceededException"), "Service Quotas"),
        (refusal("Throttling"), "in a few minutes"),
        (refusal("TooManyRequestsException"), "in a few minutes"),
        (S3UploadFailedError("Failed to upload start.sh"), "cannot do it: Failed to upload start.sh"),
        (refusal("Whatever", "first line\n  second line"), "cannot do it: first line second line (Whatever)"),
    ],
)
def test_an_error_of_aws_is_one_line_that_says_what_to_do(error: Exception, words: str) -> None:
    assert words in said(error)


def test_without_credentials_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(SettingsError, match="aws sso login"):
        open_clients("us-east-1")
    with pytest.raises(SettingsError, match="nobody"):
        open_clients("us-east-1", "nobody")


def deployed(**parameters: str) -> State:
    return State("s", "arn", "CREATE_COMPLETE", {}, parameters, datetime.now(UTC))


ASK_BROKERS: Call = (
    "get_bootstrap_brokers",
    {"ClusterArn": CLUSTER},
    {"BootstrapBrokerStringSaslIam": "b-2:9098,b-1:9098"},
)
NO_LOG_ROLE: Call = ("get_account", {}, {})


def test_the_brokers_are_those_of_the_listener_for_iam_in_one_order(clients: Clients) -> None:
    with answering(clients.kafka, ASK_BROKERS), answering(clients.apigateway, NO_LOG_ROLE):
        told = answers(clients, {"ClusterArn": CLUSTER}, {})
    assert told == {"BootstrapBrokers": "b-1:9098,b-2:9098", "LogRoleArn": ""}


def test_brokers_that_are_in_use_are_kept_as_long_as_the_cluster_is_the_same(clients: Clients) -> None:
    states = {"clients": deployed(ClusterArn=CLUSTER, BootstrapBrokers="b-3:9098"), "streams": deployed(LogRoleArn="")}
    assert answers(clients, {"ClusterArn": CLUSTER}, states)["BootstrapBrokers"] == "b-3:9098"
    other = ("get_bootstrap_brokers", {"ClusterArn": f"{CLUSTER}2"}, {"BootstrapBrokerStringSaslIam": "b-9:9098"})
    with answering(clients.kafka, other):
        assert answers(clients, {"ClusterArn": f"{CLUSTER}2"}, states)["BootstrapBrokers"] == "b-9:9098"


def test_a_cluster_without_that_listener_is_refused(clients: Clients) -> None:
    asked = ("get_bootstrap_brokers", {"ClusterArn": CLUSTER}, {"BootstrapBrokerStringTls": "b-1:9094"})
    with answering(clients.kafka, asked), pytest.raises(AwsError, match="no listener for IAM"):
        answers(clients, {"ClusterArn": CLUSTER}, {})


def test_a_role_for_logs_that_the_account_has_is_not_replaced(clients: Clients) -> None:
    with answering(clients.apigateway, ("get_account", {}, {"cloudwatchRoleArn": "arn:aws:iam::1:role/theirs"})):
        assert answers(clients, {}, {}) == {"LogRoleArn": "arn:aws:iam::1:role/theirs"}
    # The role that this deployment created is then the account's; another lookup would take it for somebody else's.
    assert answers(clients, {}, {"streams": deployed(LogRoleArn="")}) == {"LogRoleArn": ""}


def zones(*ids: str) -> Call:
    asked = {"Filters": [{"Name": "zone-type", "Values": ["availability-zone"]}, ANY]}
    return "describe_availability_zones", asked, {"AvailabilityZones": [{"ZoneId": one} for one in ids]}


def test_zones_are_picked_by_their_ids_and_never_one_that_msk_refuses(clients: Clients) -> None:
    with answering(clients.ec2, zones("use1-az3", "use1-az6", "use1-az1", "use1-az4", "use1-az2")):
        picked = pick_zones(clients, 3, {})
    assert picked == {"Zone1": "use1-az1", "Zone2": "use1-az2", "Zone3": "use1-az4"}


def test_a_network_keeps_the_zones_that_it_has(clients: Clients) -> None:
    there = {"network": deployed(Zone1="use1-az5", Zone2="use1-az6", Zone3="")}
    with answering(clients.ec2):
        assert pick_zones(clients, 2, there) == {"Zone1": "use1-az5", "Zone2": "use1-az6", "Zone3": ""}


def test_a_region_with_too_few_zones_is_named_before_anything_is_made(clients: Clients) -> None:
    with answering(clients.ec2, zones("usw1-az1", "usw1-az3")), pytest.raises(SettingsError, match=r"zones = 2"):
        pick_zones(clients, 3, {})


def test_a_network_keeps_its_range_of_addresses(clients: Clients) -> None:
    there = {"network": deployed(Cidr="10.0.0.0/16")}
    with pytest.raises(SettingsError, match=r"made with 10\.0\.0\.0/16 and keeps its range"):
        Deployment(Settings(), clients).known(there)


@pytest.mark.parametrize(("states", "healthy"), [([], False), (["initial"], False), (["unhealthy", "healthy"], True)])
def test_the_proxy_answers_where_one_target_is_healthy(clients: Clients, states: list[str], healthy: bool) -> None:
    found = [{"Target": {"Id": "i-1"}, "TargetHealth": {"State": state}} for state in states]
    asked = ("describe_target_health", {"TargetGroupArn": GROUP}, {"TargetHealthDescriptions": found})
    with answering(clients.elbv2, asked):
        assert proxy_is_healthy(clients, GROUP) is healthy


def test_an_apply_waits_until_the_proxy_answers(clients: Clients) -> None:
    stub = Stubber(clients.elbv2)
    for states in ([], ["initial"], ["healthy"]):
        found = [{"Target": {"Id": "i-1"}, "TargetHealth": {"State": state}} for state in states]
        stub.add_response("describe_target_health", {"TargetHealthDescriptions": found})
    notes: list[str] = []
    with stub:
        await_proxy(clients, GROUP, notes.append, 0)
        stub.assert_no_pending_responses()
    assert notes[-1] == "the REST proxy answers"


def test_the_default_security_group_is_closed_once(clients: Clients) -> None:
    inward, outward = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}, {"IpProtocol": "-1"}
    opened = {"GroupId": "sg-1", "IpPermissions": [inward], "IpPermissionsEgress": [outward]}
    asked = {"GroupIds": ["sg-1"]}
    notes: list[str] = []
    first = answering(
        clients.ec2,
        ("describe_security_groups", asked, {"SecurityGroups": [opened]}),
        ("revoke_security_group_ingress", {"GroupId": "sg-1", "IpPermissions": [inward]}, {}),
        ("revoke_security_group_egress", {"GroupId": "sg-1", "IpPermissions": [outward]}, {}),
    )
    with first:
        close_default_group(clients, "sg-1", notes.append)
        first.assert_no_pending_responses()
    assert len(notes) == 1
    with answering(clients.ec2, ("describe_security_groups", asked, {"SecurityGroups": [{"GroupId": "sg-1"}]})):
        close_default_group(clients, "sg-1", notes.append)
    assert len(notes) == 1


def test_what_cannot_be_asked_about_is_told_and_stops_nothing(clients: Clients) -> None:
    stub = Stubber(clients.kafkaconnect)
    stub.add_client_error("describe_connector", "NotFoundException", "no such connector")
    with stub:
        (line,) = health_of(clients, {"ConnectorArn": CONNECTOR})
    assert "no such connector" in line


def test_the_health_of_what_runs_is_said_in_words(clients: Clients) -> None:
    unhealthy: Call = ("describe_target_health", {"TargetGroupArn": GROUP}, {"TargetHealthDescriptions": []})
    failed = ("describe_connector", {"connectorArn": CONNECTOR}, {"connectorState": "FAILED"})
    with answering(clients.elbv2, unhealthy), answering(clients.kafkaconnect, failed):
        outputs = {"ProxyTargetGroupArn": GROUP, "ConnectorArn": CONNECTOR}
        assert [*health_of(clients, outputs)] == ["the REST proxy does not answer", "the connector is FAILED"]
    assert [*health_of(clients, {})] == []


NAMED = {"DBInstanceIdentifier": "db"}


def database(status: str) -> Call:
    return ("describe_db_instances", NAMED, {"DBInstances": [{**NAMED, "DBInstanceStatus": status}]})


def test_a_database_is_deleted_with_a_last_snapshot(clients: Clients) -> None:
    unlocked = {**NAMED, "DeletionProtection": False, "ApplyImmediately": True}
    deleted = {**NAMED, "FinalDBSnapshotIdentifier": ANY}
    notes: list[str] = []
    stub = answering(
        clients.rds,
        database("available"),
        ("modify_db_instance", unlocked, {}),
        database("available"),
        ("delete_db_instance", deleted, {}),
    )
    stub.add_client_error("describe_db_instances", "DBInstanceNotFound", http_status_code=404)
    with stub:
        storage.delete_database(clients.rds, "db", notes.append)
        stub.assert_no_pending_responses()
    assert "in the snapshot db-" in notes[0]


def test_a_database_that_is_being_deleted_is_only_waited_for(clients: Clients) -> None:
    stub = answering(clients.rds, database("deleting"))
    stub.add_client_error("describe_db_instances", "DBInstanceNotFound", http_status_code=404)
    with stub:
        storage.delete_database(clients.rds, "db", pytest.fail)
        stub.assert_no_pending_responses()


def test_a_database_that_is_gone_is_no_trouble(clients: Clients) -> None:
    stub = Stubber(clients.rds)
    stub.add_client_error("describe_db_instances", "DBInstanceNotFound", http_status_code=404)
    with stub:
        storage.delete_database(clients.rds, "db", pytest.fail)


def test_a_cluster_that_comes_or_goes_has_no_brokers_yet(clients: Clients) -> None:
    states = {"streams": deployed(LogRoleArn="")}
    for code in ("BadRequestException", "NotFoundException"):
        stub = Stubber(clients.kafka)
        stub.add_client_error("get_bootstrap_brokers", code)
        with stub:
            assert answers(clients, {"ClusterArn": CLUSTER}, states) == {"LogRoleArn": ""}


def test_a_change_of_outputs_alone_is_one_to_execute(clients: Clients) -> None:
    stub = Stubber(clients.cloudformation)
    stub.add_response("create_change_set", {"Id": "arn:change", "StackId": "arn:stack"})
    stub.add_response("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": []})
    with stub:
        change_set = make_change_set(clients.cloudformation, StackSpec("s", "UPDATE", "{}", {}, {}), 0)
    assert (change_set.executable, change_set.changes) == (True, ())


def test_cloudformation_acts_with_the_role_that_the_settings_name(clients: Clients) -> None:
    role = "arn:aws:iam::123456789012:role/deployer"
    asked = dict.fromkeys(("StackName", "ChangeSetName", "ChangeSetType", "TemplateBody", "Parameters", "Tags"), ANY)
    stub = Stubber(clients.cloudformation)
    for given in ({"RoleARN": role}, {}):
        made = {"Id": "arn:change", "StackId": "arn:stack"}
        stub.add_response("create_change_set", made, {**asked, "Capabilities": ANY, **given})
        stub.add_response("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": []})
    with stub:
        make_change_set(clients.cloudformation, StackSpec("s", "UPDATE", "{}", {}, {}, role), 0)
        make_change_set(clients.cloudformation, StackSpec("s", "UPDATE", "{}", {}, {}), 0)


@pytest.mark.parametrize("others", [0, 1])
def test_an_empty_stack_is_removed_unless_somebody_else_is_about_to_make_it(clients: Clients, others: int) -> None:
    empty = {
        "StackName": "s",
        "StackStatus": "REVIEW_IN_PROGRESS",
        "CreationTime": datetime.now(UTC),
        "StackId": "arn:stack",
    }
    stub = Stubber(clients.cloudformation)
    stub.add_response("delete_change_set", {}, {"ChangeSetName": "arn:change"})
    stub.add_response("describe_stacks", {"Stacks": [empty]}, {"StackName": "arn:stack"})
    stub.add_response("list_change_sets", {"Summaries": [{}] * others}, {"StackName": "arn:stack"})
    if not others:
        stub.add_response("delete_stack", {}, {"StackName": "arn:stack"})
    with stub:
        drop(clients.cloudformation, ChangeSet(StackSpec("s", "CREATE", "{}", {}, {}), "arn:change", "arn:stack"))
        stub.assert_no_pending_responses()


def test_what_early_validation_found_is_said_and_not_where_to_look(clients: Clients) -> None:
    spec = StackSpec("s", "UPDATE", "{}", {}, {})
    reason = "The following hook(s)/validation failed: [AWS::EarlyValidation]. Use the DescribeEvents API."
    event = {
        "LogicalResourceId": "PinStream",
        "ValidationPath": "/Resources/PinStream/Properties",
        "ValidationStatusReason": "a stream of this name is there already",
    }
    stub = Stubber(clients.cloudformation)
    stub.add_response("create_change_set", {"Id": "arn:change", "StackId": "arn:stack"})
    stub.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    stub.add_response("describe_events", {"OperationEvents": [event]}, {"ChangeSetName": "arn:change", "Filters": ANY})
    stub.add_response("delete_change_set", {}, {"ChangeSetName": "arn:change"})
    with stub, pytest.raises(AwsError, match=r"PinStream /Resources.*a stream of this name is there already"):
        make_change_set(clients.cloudformation, spec, 0)


def test_a_bucket_that_fills_again_while_it_is_deleted_is_emptied_again(clients: Clients) -> None:
    late = {"Versions": [{"Key": "log", "VersionId": "1"}]}
    deleted = {"Bucket": "b", "Delete": {"Objects": [{"Key": "log", "VersionId": "1"}], "Quiet": True}}
    stub = answering(clients.s3, ("list_object_versions", {"Bucket": "b"}, {}))
    stub.add_client_error("delete_bucket", "BucketNotEmpty", http_status_code=409)
    stub.add_response("list_object_versions", late, {"Bucket": "b"})
    stub.add_response("delete_objects", {}, deleted)
    stub.add_response("delete_bucket", {}, {"Bucket": "b"})
    notes: list[str] = []
    with stub:
        storage.delete_bucket(clients.s3, "b", notes.append)
    assert notes[-1] == "deleted the bucket b"


def test_an_object_that_cannot_be_deleted_is_named(clients: Clients) -> None:
    held = {"Errors": [{"Key": "log", "Message": "it is under legal hold"}]}
    stub = answering(
        clients.s3, ("list_object_versions", {"Bucket": "b"}, {"Versions": [{"Key": "log", "VersionId": "1"}]})
    )
    stub.add_response("delete_objects", held)
    with stub, pytest.raises(AwsError, match="cannot delete log from the bucket b: it is under legal hold"):
        storage.delete_bucket(clients.s3, "b", print)


def test_a_stream_that_is_gone_holds_no_records(clients: Clients) -> None:
    stub = Stubber(clients.kinesis)
    stub.add_client_error("list_shards", "ResourceNotFoundException")
    with stub:
        assert not storage.has_records(clients.kinesis, "gone")


@pytest.mark.parametrize(
    ("pages", "full"),
    [
        ([{"Records": [], "MillisBehindLatest": 0}], False),
        # A page can be empty though records follow: a gap between them.
        ([{"Records": [], "MillisBehindLatest": 9, "NextShardIterator": "next"}, {"Records": [{}]}], True),
        ([{"Records": [], "MillisBehindLatest": 9}], False),
    ],
)
def test_a_shard_is_looked_through_until_its_end(clients: Clients, pages: list[dict[str, Any]], full: bool) -> None:
    record = {"SequenceNumber": "1", "Data": b"{}", "PartitionKey": "1"}
    stub = answering(
        clients.kinesis,
        ("list_shards", {"StreamName": "s"}, {"Shards": [shard("shardId-0")]}),
        (
            "get_shard_iterator",
            {"StreamName": "s", "ShardId": "shardId-0", "ShardIteratorType": "TRIM_HORIZON"},
            {"ShardIterator": "first"},
        ),
    )
    for place, page in zip(["first", "next"], pages, strict=False):
        found = [record for _ in page["Records"]]
        stub.add_response("get_records", {**page, "Records": found}, {"ShardIterator": place, "Limit": 1})
    with stub:
        assert storage.has_records(clients.kinesis, "s") is full
        stub.assert_no_pending_responses()


def shard(name: str) -> dict[str, Any]:
    return {
        "ShardId": name,
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
        "SequenceNumberRange": {"StartingSequenceNumber": "0"},
    }


def test_a_key_that_is_on_its_way_already_is_no_trouble(clients: Clients) -> None:
    stub = Stubber(clients.kms)
    stub.add_client_error("schedule_key_deletion", "KMSInvalidStateException")
    with stub:
        storage.delete_key(clients.kms, "key", pytest.fail)
