import hashlib
import hmac
from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.post.client import ApiClient, Pace
from pinterest_pipeline.post.records import Record
from pinterest_pipeline.post.signing import AuthKind, open_auth
from pinterest_pipeline.post.topics import TopicRoute
from tests.unit.fake_api import Call, FakeApi, status

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


@pytest.mark.parametrize("settings", [{}, {"PINTEREST_API_KEY": ""}, {"PINTEREST_API_KEY": "two\nlines"}])
def test_a_key_that_cannot_be_one_is_asked_for(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="PINTEREST_API_KEY"):
        open_auth(AuthKind.API_KEY, "https://api.example.com", settings=settings)


def test_no_auth_adds_nothing() -> None:
    assert open_auth(AuthKind.NONE, "https://api.example.com") is None
