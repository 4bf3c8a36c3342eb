"""Requests to the emulated Kinesis: every fault is reported, by AWS' own model."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from moto.kinesis.models import kinesis_backends
from werkzeug.test import Client, TestResponse

from tooling.local_cloud.kinesis.handlers import OrderedBackend
from tooling.local_cloud.kinesis.server import application

MODEL = botocore.session.get_session().get_service_model("kinesis")
REFUSALS = {
    "SerializationException",
    "ValidationException",
    "InvalidArgumentException",
    "LimitExceededException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "UnknownOperationException",
}
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"

Ask = Callable[..., TestResponse]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send one request to a Kinesis with the stream s of two shards and one record, without a server."""
    monkeypatch.setattr(kinesis_backends, "backend", OrderedBackend)
    kinesis_backends.reset()
    client = Client(application)

    def ask(action: str, body: object = None, **headers: str) -> TestResponse:
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        sent = {"X-Amz-Target": f"Kinesis_20131202.{action}", "Content-Type": "application/x-amz-json-1.1", **headers}
        return client.post("/", data=content, headers=sent)

    ask("CreateStream", {"StreamName": "s", "ShardCount": 2})
    ask("PutRecord", {"StreamName": "s", "Data": "YQ==", "PartitionKey": "k"})
    return ask


def refused(answer: TestResponse) -> tuple[str, str]:
    """Return the error's type and its message."""
    assert answer.status_code == 400
    return answer.get_json(force=True)["__type"], answer.get_json(force=True)["message"]


def good(shape: Shape, name: str) -> SearchStrategy[Any]:
    """Return values that a parameter may have, names and numbers of the stream s first."""
    known: Mapping[str, object] = {"StreamName": "s", "StreamARN": ARN, "ResourceARN": ARN, "Data": "YQ=="}
    values: SearchStrategy[Any]
    match shape:
        case StructureShape():
            values = parameters(shape)
        case ListShape():
            values = st.lists(good(shape.member, ""), min_size=1, max_size=2)
        case MapShape():
            values = st.dictionaries(st.just("a"), good(shape.value, ""))
        case StringShape() if shape.enum:
            values = st.sampled_from(shape.enum)
        case _ if name in known:
            values = st.just(known[name])
        case StringShape():
            values = st.sampled_from([FIRST, SECOND, "0", "7", str(2**127), "czpzaGFyZElkLTAwMDAwMDAwMDAwMDow"])
        case _:
            values = st.booleans() if shape.type_name == "boolean" else st.sampled_from([1, 24, 1000.5])
    return values


def bad() -> SearchStrategy[Any]:
    """Return values that fit nowhere, or nearly."""
    numbers = [0, -1, 5.5, 1e308, 10**30, 9999999999999]
    texts = ["", "é", "\u0661", "\ud800", "x" * 3000, "-1", "5", str(2**128), f"{ARN}one"]
    return st.sampled_from([None, True, *numbers, *texts, [], [None], {}, {"a": {}}])


@cache
def parameters(shape: StructureShape) -> SearchStrategy[dict[str, Any]]:
    """Return parameters of which most are right and some are wrong or null, which stands for missing."""
    fields = {name: st.one_of(*[good(member, name)] * 6, bad()) for name, member in shape.members.items()}
    likely = {name for name in fields if name in shape.required_members or name == "StreamName"}
    rest = {name: field for name, field in fields.items() if name not in likely}
    return st.fixed_dictionaries({name: fields[name] for name in likely}, optional=rest)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    """Return an action and its parameters."""
    action = draw(st.sampled_from(MODEL.operation_names))
    shape = MODEL.operation_model(action).input_shape
    assert shape is not None
    return action, draw(parameters(shape))


# One stream for all examples: later ones see the changes of earlier ones.
@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests())
def test_every_request_is_answered_or_refused_for_a_reason(ask: Ask, request: tuple[str, Any]) -> None:
    answer = ask(*request)
    assert answer.status_code == 200 or refused(answer)[0] in REFUSALS


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b"null", b'{"Limit": NaN}', b'{"Limit": 1e999}', b"[" * 100_000]
)
def test_a_body_that_is_no_object_of_json_is_refused(ask: Ask, body: bytes) -> None:
    assert refused(ask("ListStreams", body))[0] == "SerializationException"


@pytest.mark.parametrize(
    ("action", "wrong", "kind", "reason"),
    [
        ("GetRecords", {"ShardIterator": "x", "Limit": "5"}, "Serialization", "string at 'limit'"),
        ("PutRecord", {"StreamName": "s", "Data": "a!", "PartitionKey": "k"}, "Serialization", "the text at 'data'"),
        ("PutRecord", {"StreamName": "s", "Data": "", "PartitionKey": "\ud800"}, "Serialization", "at 'partitionKey'"),
        ("GetRecords", {"ShardIterator": "x", "Limit": 10_001}, "Validation", "value less than or equal to 10000"),
        ("ListShards", {"StreamName": "s", "MaxResults": 0}, "Validation", "value greater than or equal to 1"),
        ("SplitShard", {"StreamName": "s", "ShardToSplit": FIRST}, "Validation", "'newStartingHashKey' failed"),
        ("DescribeStream", {"StreamName": "not a name"}, "Validation", "regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("DescribeStream", {}, "InvalidArgument", "Either StreamName or StreamARN"),
        (
            "PutRecords",
            {"StreamName": "s", "Records": [{"Data": "YQ==", "PartitionKey": "k"}] * 501},
            "Validation",
            "500",
        ),
        ("PutRecords", {"StreamName": "s", "Records": [{"PartitionKey": "k"}]}, "Validation", "records.1.member.data"),
        ("PutRecord", {"StreamName": "s", "Data": ""}, "Validation", "partitionKey' failed"),
        ("CreateStream", {"StreamName": "t", "ShardCount": 9999999999999}, "LimitExceeded", "Limit: 6000"),
        (
            "UpdateShardCount",
            {"StreamName": "s", "TargetShardCount": 10**9, "ScalingType": "UNIFORM_SCALING"},
            "LimitExceeded",
            "Current shard count for the account: 2",
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k", "DryRun": True},
            "InvalidArgument",
            "no DryRun",
        ),
    ],
)
def test_what_is_wrong_is_said_as_kinesis_says_it(ask: Ask, action: str, wrong: object, kind: str, reason: str) -> None:
    said, message = refused(ask(action, wrong))
    assert (said, reason in message) == (f"{kind}Exception", True), message


def test_all_faults_are_named_at_once_but_ten_at_most(ask: Ask) -> None:
    records = [{"Data": "YQ==", "PartitionKey": ""}] * 20
    _, message = refused(ask("PutRecords", {"StreamName": "not a name", "Records": records}))
    assert message.startswith("10 validation errors detected: ")
    assert "'records.9.member.partitionKey'" in message


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"ShardIteratorType": "AT_TIMESTAMP"}, "Must specify timestampInMillis"),
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, "AT_SEQUENCE_NUMBER and no StartingSequenceNumber"),
        ({"ShardIteratorType": "LATEST", "StartingSequenceNumber": "1"}, "LATEST and also a StartingSequenceNumber"),
        ({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1e300}, "cannot be greater than the current"),
    ],
)
def test_an_iterator_has_all_that_its_type_needs_and_nothing_else(
    ask: Ask, where: dict[str, object], reason: str
) -> None:
    kind, message = refused(ask("GetShardIterator", {"StreamName": "s", "ShardId": FIRST, **where}))
    assert (kind, reason in message) == ("InvalidArgumentException", True), message


def test_another_shards_sequence_number_is_refused(ask: Ask) -> None:
    put = {"StreamName": "s", "Data": "YQ==", "PartitionKey": "k", "ExplicitHashKey": "0"}
    number = ask("PutRecord", put).get_json(force=True)["SequenceNumber"]
    where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
    _, message = refused(ask("GetShardIterator", {"StreamName": "s", "ShardId": SECOND, **where}))
    assert f"It encodes {FIRST}, while it was used in a call to a shard with {SECOND}" in message


def test_a_token_stands_alone(ask: Ask) -> None:
    token = ask("ListShards", {"StreamName": "s", "MaxResults": 1}).get_json(force=True)["NextToken"]
    _, message = refused(ask("ListShards", {"StreamName": "s", "NextToken": token}))
    assert message == "NextToken and StreamName cannot be provided together."


def test_a_null_is_a_parameter_that_is_not_given(ask: Ask) -> None:
    assert ask("ListStreams", {"Limit": None, "Unknown": 1}).get_json(force=True)["StreamNames"] == ["s"]


def test_what_an_account_has_is_counted(ask: Ask) -> None:
    limits = ask("DescribeLimits").get_json(force=True)
    assert (limits["OpenShardCount"], limits["OnDemandStreamCount"]) == (2, 0)


@pytest.mark.parametrize(
    "headers", [{"X-Amz-Target": ""}, {"X-Amz-Target": "dispatch"}, {"Content-Type": "text/plain"}]
)
def test_a_request_of_no_action_of_kinesis_is_refused(ask: Ask, headers: dict[str, str]) -> None:
    answer = ask("ListStreams", {}, **headers)
    assert answer.status_code == 200 if "Content-Type" in headers else refused(answer)[0] == "UnknownOperationException"


@pytest.mark.parametrize("scope", ["a/20260101/nowhere/kinesis/aws4_request", "", "a"])
def test_a_signature_that_cannot_be_read_breaks_nothing(ask: Ask, scope: str) -> None:
    answer = ask("ListStreams", Authorization=f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x")
    assert answer.status_code == 400 if "nowhere" in scope else answer.status_code == 200


def test_a_body_that_is_too_large_is_refused_unread(ask: Ask) -> None:
    answer = ask("ListStreams", b"[" * (16 * 2**20))
    assert (answer.status_code, answer.get_json(force=True)["__type"]) == (413, "RequestEntityTooLargeException")
    assert refused(ask("ListStreams", b"\x1f\x8b", **{"Content-Encoding": "gzip"}))[0] == "SerializationException"
