"""Decides as API Gateway does whether a request may pass: AWS Signature Version 4 and API keys."""

import hashlib
import hmac
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tooling.local_cloud.api_gateway.api_document import API_KEY, SIGV4

VARIABLES = ("LOCAL_API_ACCESS_KEY_ID", "LOCAL_API_SECRET_ACCESS_KEY", "LOCAL_API_KEY")
"""Environment variables of the callers' credentials: access key ID, secret access key, API key."""

NO_SIGNATURE = "Missing Authentication Token"
UNKNOWN_KEY = "The security token included in the request is invalid."
WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
FORBIDDEN = "Forbidden"

_SERVICE = "execute-api"
_LIFETIME = timedelta(minutes=5)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/\s]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,\s]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class KnownCredentials:
    """The credentials that callers must have; empty for kinds that are not checked.

    Attributes:
        access_key: The access key ID in a signature.
        secret_key: The key that signs.
        api_key: The header x-api-key.
    """

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> "KnownCredentials":
        """Return those of this process's environment; process lists would show a command line to everyone."""
        return cls(*(os.environ.get(name, "") for name in VARIABLES))

    def checks(self) -> frozenset[str]:
        """Return the kinds of security scheme that can be checked."""
        signature = {SIGV4} if self.access_key and self.secret_key else set()
        return frozenset(signature | ({API_KEY} if self.api_key else set()))


@dataclass(frozen=True)
class Call:
    """A request as it was received.

    Attributes:
        method: Its method.
        url: Its URL with query, percent escapes as sent.
        headers: Names in lower case.
        body: Its body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def refusal(call: Call, required: Collection[str], known: KnownCredentials, now: datetime) -> str | None:
    """Return API Gateway's message for an unauthorised request; None for an authorised one.

    Args:
        call: The request.
        required: Kinds of security scheme of the operation; unknown ones are not checked.
        known: The callers' credentials.
        now: The time.
    """
    checks = known.checks() & set(required)
    refused = _signature_refusal(call, known, now) if SIGV4 in checks else None
    if refused is None and API_KEY in checks and not _same(call.headers.get("x-api-key", ""), known.api_key):
        refused = FORBIDDEN
    return refused


def _signature_refusal(call: Call, known: KnownCredentials, now: datetime) -> str | None:
    signed = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
    moment = _moment(call.headers.get("x-amz-date", ""))
    if signed is None or moment is None:
        return NO_SIGNATURE
    if not _same(signed["key"], known.access_key):
        return UNKNOWN_KEY
    if signed["service"] != _SERVICE:
        return f"Credential should be scoped to correct service: '{_SERVICE}'."
    if abs(now - moment) > _LIFETIME:
        return f"Signature expired: {moment:{_TIMESTAMP}} is more than 5 minutes from {now:{_TIMESTAMP}}"
    names = signed["headers"].split(";")
    if "host" not in names or "x-amz-date" not in names or not _body_is_the_signed_one(call):
        return WRONG_SIGNATURE
    return None if _same(_signature(call, signed, names, known), signed["signature"]) else WRONG_SIGNATURE


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _body_is_the_signed_one(call: Call) -> bool:
    # A signer may send the body's hash in a header; the signature then covers that header, not the body.
    stated = call.headers.get("x-amz-content-sha256")
    return stated is None or _same(stated, hashlib.sha256(call.body).hexdigest())


def _signature(call: Call, signed: re.Match[str], names: Collection[str], known: KnownCredentials) -> str:
    signer = SigV4Auth(Credentials(known.access_key, known.secret_key), signed["service"], signed["region"])
    headers = {name: call.headers[name] for name in names if name in call.headers}
    request = AWSRequest(method=call.method, url=call.url, headers=headers, data=call.body)
    request.context["timestamp"] = call.headers["x-amz-date"]
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
