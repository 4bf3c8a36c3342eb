"""Authorisation: signatures by botocore, verified as by API Gateway."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tooling.local_cloud.api_gateway.api_document import API_KEY, SIGV4
from tooling.local_cloud.api_gateway.authorisation import (
    FORBIDDEN,
    NO_SIGNATURE,
    UNKNOWN_KEY,
    WRONG_SIGNATURE,
    Call,
    KnownCredentials,
    refusal,
)

KNOWN = KnownCredentials("caller", "their-secret", "their-api-key")
CALLER = Credentials("caller", "their-secret")
URL = "http://127.0.0.1:8080/topics/abc.pin?a=1&b=x%20y"
BODY = b'{"records":[]}'


def signed_call(
    signer: Credentials = CALLER, service: str = "execute-api", headers: Mapping[str, str] | None = None
) -> Call:
    request = AWSRequest("POST", URL, {"Content-Type": "application/json", **(headers or {})}, BODY)
    SigV4Auth(signer, service, "eu-west-1").add_auth(request)
    sent = {name.lower(): value for name, value in request.headers.items()}
    return Call("POST", URL, {"host": "127.0.0.1:8080", "user-agent": "any"} | sent, BODY)


def refused(call: Call, now: datetime | None = None) -> str | None:
    return refusal(call, {SIGV4}, KNOWN, now or datetime.now(UTC))


def test_a_signed_request_passes() -> None:
    assert refused(signed_call()) is None


def test_a_request_without_a_signature_does_not() -> None:
    assert refused(Call("GET", URL, {"host": "127.0.0.1:8080"}, b"")) == NO_SIGNATURE


def test_another_secret_does_not() -> None:
    assert refused(signed_call(Credentials("caller", "guessed"))) == WRONG_SIGNATURE


def test_another_caller_does_not() -> None:
    assert refused(signed_call(Credentials("stranger", "their-secret"))) == UNKNOWN_KEY


def test_a_signature_for_another_service_does_not() -> None:
    assert "execute-api" in (refused(signed_call(service="s3")) or "")


def test_a_request_changed_after_signing_does_not() -> None:
    call = signed_call()
    assert refused(replace(call, body=b"{}")) == WRONG_SIGNATURE
    assert refused(replace(call, url=URL + "0")) == WRONG_SIGNATURE
    assert refused(replace(call, method="PUT")) == WRONG_SIGNATURE


def test_a_signed_statement_about_another_body_does_not() -> None:
    stated = signed_call(headers={"X-Amz-Content-SHA256": "0" * 64})
    assert refused(stated) == WRONG_SIGNATURE


def test_a_removed_signed_header_does_not() -> None:
    call = signed_call(headers={"X-Amz-Extra": "1"})
    fewer = {name: value for name, value in call.headers.items() if name != "x-amz-extra"}
    assert refused(replace(call, headers=fewer)) == WRONG_SIGNATURE


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_early_signature_does_not(minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    assert (refused(signed_call(), now) or "").startswith("Signature expired")


@pytest.mark.parametrize(("key", "answer"), [("their-api-key", None), ("other", FORBIDDEN), ("", FORBIDDEN)])
def test_an_api_key_is_compared(key: str, answer: str | None) -> None:
    call = Call("GET", URL, {"x-api-key": key}, b"")
    assert refusal(call, {API_KEY}, KNOWN, datetime.now(UTC)) == answer


def test_both_are_asked_for_where_both_are_listed() -> None:
    assert refusal(signed_call(), {SIGV4, API_KEY}, KNOWN, datetime.now(UTC)) == FORBIDDEN
    with_key = signed_call(headers={"x-api-key": "their-api-key"})
    assert refusal(with_key, {SIGV4, API_KEY}, KNOWN, datetime.now(UTC)) is None


def test_without_credentials_nothing_is_checked() -> None:
    assert refusal(Call("GET", URL, {}, b""), {SIGV4, API_KEY}, KnownCredentials(), datetime.now(UTC)) is None


def test_secrets_are_not_shown() -> None:
    assert "their-" not in repr(KNOWN)
