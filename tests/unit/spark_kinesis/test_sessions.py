"""Calls are signed with the keys that the options name, and with no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from moto import mock_aws

from spark_kinesis.client import Client
from spark_kinesis.errors import OptionError
from spark_kinesis.options import Stream, parse
from spark_kinesis.positions import Since
from spark_kinesis.sessions import connect

ROLE = "arn:aws:iam::123456789012:role/reader"
KEYS = {"awsAccessKey": "AKIAOPTIONS", "awsSecretKey": "hush"}


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    credentials = tmp_path / "credentials"
    credentials.write_text("[mine]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = hush\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    with mock_aws():
        # moto sets keys of its own in the environment while it stands in for AWS.
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADEFAULT")
        yield


def signer(**options: str) -> str:
    """Return the access key that a call is signed with."""
    client = cast("Any", connect(parse({"streamName": "pins", "region": "us-east-1"} | options)))
    seen: list[str] = []
    client.meta.events.register_first("before-send.kinesis", lambda request, **_: seen.append(str(request.headers)))
    client.list_streams()
    return seen[0].split("Credential=")[1].split("/")[0]


@pytest.mark.parametrize(
    ("options", "key"), [({}, "AKIADEFAULT"), ({"profile": "mine"}, "AKIAPROFILE"), (KEYS, "AKIAOPTIONS")]
)
def test_keys_come_from_the_options_a_profile_or_the_default_chain(options: dict[str, str], key: str) -> None:
    assert signer(**options) == key


@pytest.mark.parametrize(
    ("endpoint", "proxies"), [("http://127.0.0.1:4566", {}), ("http://localhost:4566", {}), ("", None)]
)
def test_a_proxy_of_the_environment_is_for_other_machines(endpoint: str, proxies: dict[str, str] | None) -> None:
    client = cast("Any", connect(parse({"streamName": "pins", "region": "us-east-1", "endpoint": endpoint} | KEYS)))

    assert client.meta.config.proxies == proxies


def test_a_role_gives_keys_of_its_own() -> None:
    assert signer(roleArn=ROLE, roleExternalId="theirs", roleSessionName="me", **KEYS).startswith("ASIA")


def test_a_profile_that_is_not_there_is_said() -> None:
    with pytest.raises(OptionError, match=r"cannot connect to Kinesis: .*nobody"):
        connect(parse({"streamName": "pins", "profile": "nobody"}))


def test_a_region_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(OptionError, match="check the options region"):
        connect(parse({"streamName": "pins"}))


def test_a_time_to_begin_at_is_sent_to_the_millisecond() -> None:
    client = cast("Any", connect(parse({"streamName": "pins", "region": "us-east-1"})))
    client.create_stream(StreamName="pins", ShardCount=1)
    sent: list[bytes] = []
    client.meta.events.register_first("before-send.kinesis", lambda request, **_: sent.append(request.body))
    Client(client).iterator(Stream("pins"), "shardId-000000000000", Since(1_700_000_000_567))
    assert b'"Timestamp": 1700000000.567' in sent[0]


def test_times_are_milliseconds() -> None:
    client = cast("Any", connect(parse({"streamName": "pins", "region": "us-east-1"})))
    client.create_stream(StreamName="pins", ShardCount=1)
    created = client.describe_stream_summary(StreamName="pins")["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    assert isinstance(created, int)
    assert created > 1_700_000_000_000
