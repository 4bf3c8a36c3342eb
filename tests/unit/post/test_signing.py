import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pinterest_pipeline.errors import PostError, SettingsError
from pinterest_pipeline.post.api.client import ApiClient, Pace
from pinterest_pipeline.post.api.signing import AuthKind, open_auth
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.records import Record
from pinterest_pipeline.post.source.opening import open_source
from tests.support.fake_api import Call, FakeApi, status
from tests.support.posting import post_settings, sqlite_url

REGION = "eu-west-1"


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Put AWS credentials into the environment, and no others, and return the secret one."""
    made_up = "made-up-for-this-test"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made_up)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return made_up


def expected_signature(call: Call, secret: str) -> str:
    """Sign a request as AWS' documentation says, step by step, with nothing but hashes."""
    scheme, scope_and_rest = call.headers["authorization"].split(" ", 1)
    assert scheme == "AWS4-HMAC-SHA256"
    parts = dict(part.strip().split("=", 1) for part in scope_and_rest.split(","))
    _, day, region, service, end = parts["Credential"].split("/")
    assert (region, service, end) == (REGION, "execute-api", "aws4_request")
    names = parts["SignedHeaders"].split(";")
    headers = "".join(f"{name}:{call.headers[name].strip()}\n" for name in names)
    hashed_body = hashlib.sha256(call.body).hexdigest()
    request = "\n".join(["POST", call.path, "", headers, parts["SignedHeaders"], hashed_body])
    hashed_request = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([scheme, call.headers["x-amz-date"], f"{day}/{region}/{service}/{end}", hashed_request])
    key = f"AWS4{secret}".encode()
    for step in (day, region, service, end, text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key.hex()


def post_signed(api: FakeApi) -> None:
    auth = open_auth(AuthKind.IAM, api.url, REGION)
    with ApiClient(api.url, Pace(first_wait=0.001), auth=auth) as client:
        client.post(TopicRoute("abc123.pin"), [Record(33, '{"index":33}', 33)])


def test_a_signature_is_what_aws_computes_itself(api: FakeApi, signer: str) -> None:
    post_signed(api)

    (call,) = api.calls
    assert call.headers["authorization"].endswith(f"Signature={expected_signature(call, signer)}")
    assert call.headers["x-amz-security-token"] == "token"
    assert {"host", "content-type", "x-amz-date"} <= set(
        call.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    )


def test_credentials_that_end_midway_stop_posting_in_one_line(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys that last a minute are renewed for each request, and the third time the program fails."""
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    keys = json.dumps({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": soon})
    program, config = tmp_path / "keys.sh", tmp_path / "config"
    program.write_text(f"echo x >> {tmp_path}/calls\n[ $(wc -l < {tmp_path}/calls) -lt 3 ] && echo '{keys}'\n")
    config.write_text(f"[default]\ncredential_process = sh {program}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    source = open_source(sqlite_url(tmp_path, 30), {})
    settings = replace(post_settings(api, tmp_path), auth=open_auth(AuthKind.IAM, api.url, REGION))

    with pytest.raises(PostError, match=r"credentials could not be renewed .* run the same command again") as raised:
        post_batch(source, settings)
    assert "\n" not in str(raised.value)


def test_each_try_is_signed_anew(api: FakeApi, signer: str) -> None:
    api.script.append(status(503))

    post_signed(api)

    assert len(api.calls) == 2
    for call in api.calls:
        assert call.headers["authorization"].endswith(f"Signature={expected_signature(call, signer)}")


@pytest.mark.usefixtures("signer")
@pytest.mark.parametrize(
    "host", ["abc.execute-api.eu-west-1.amazonaws.com", "vpce-1-2.execute-api.eu-west-1.vpce.amazonaws.com"]
)
def test_the_region_is_read_from_the_url(host: str) -> None:
    assert open_auth(AuthKind.IAM, f"https://{host}/prod") is not None


@pytest.mark.usefixtures("signer")
def test_a_region_that_nothing_tells_is_asked_for() -> None:
    with pytest.raises(SettingsError, match="--region"):
        open_auth(AuthKind.IAM, "https://api.example.com")


@pytest.mark.usefixtures("signer")
def test_missing_aws_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(SettingsError, match="no AWS credentials"):
        open_auth(AuthKind.IAM, "https://api.example.com", REGION)


def test_an_api_key_from_the_settings_goes_into_its_header(api: FakeApi) -> None:
    auth = open_auth(AuthKind.API_KEY, api.url, settings={"PINTEREST_API_KEY": "key-1"})

    with ApiClient(api.url, Pace(), auth=auth) as client:
        client.post(TopicRoute("abc123.pin"), [Record(33, "{}", 33)])

    assert api.calls[0].headers["x-api-key"] == "key-1"


@pytest.mark.usefixtures("signer")
def test_a_key_goes_beside_the_signature_where_a_usage_plan_counts(api: FakeApi) -> None:
    auth = open_auth(AuthKind.IAM_WITH_KEY, api.url, REGION, {"PINTEREST_API_KEY": "key-1"})
    with ApiClient(api.url, Pace(), auth=auth) as client:
        client.post(TopicRoute("abc123.pin"), [Record(33, "{}", 33)])
    headers = api.calls[0].headers
    assert headers["x-api-key"] == "key-1"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256")
    with pytest.raises(SettingsError, match="--auth iam-with-key needs the key"):
        open_auth(AuthKind.IAM_WITH_KEY, api.url, REGION, {})


@pytest.mark.parametrize("settings", [{}, {"PINTEREST_API_KEY": ""}, {"PINTEREST_API_KEY": "two\nlines"}])
def test_a_key_that_cannot_be_one_is_asked_for(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="PINTEREST_API_KEY"):
        open_auth(AuthKind.API_KEY, "https://api.example.com", settings=settings)


def test_no_auth_adds_nothing() -> None:
    assert open_auth(AuthKind.NONE, "https://api.example.com") is None
