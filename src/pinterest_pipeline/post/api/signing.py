"""Authenticates requests by AWS Signature Version 4 or an API key; neither is taken from the command line."""

import os
import re
from collections.abc import Generator, Mapping
from enum import StrEnum

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from pinterest_pipeline.errors import PostError, SettingsError

API_KEY_SETTING = "PINTEREST_API_KEY"
_KEY_HEADER = "x-api-key"
_SERVICE = "execute-api"
# API Gateway needs no other signed headers to authenticate the caller.
_SIGNED_HEADERS = ("Content-Type",)


class AuthKind(StrEnum):
    """How the API authenticates the posting client."""

    NONE = "none"
    IAM = "iam"
    API_KEY = "api-key"
    IAM_WITH_KEY = "iam-with-key"


class SigV4(httpx.Auth):
    """Signs each attempt of each request for an IAM-authorised API Gateway."""

    requires_request_body = True

    def __init__(self, credentials: Credentials, region: str, key: str = "") -> None:
        """Keep the credentials, which may refresh themselves, and the API key of a usage plan, if there is one."""
        self._credentials = credentials
        self._region = region
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature's headers to the request."""
        headers = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(request.method, str(request.url), headers=headers, data=request.content)
        SigV4Auth(self._fresh(), _SERVICE, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        if self._key:
            request.headers[_KEY_HEADER] = self._key
        yield request

    def _fresh(self) -> ReadOnlyCredentials:
        try:
            # Frozen: a signature must not mix a key and a token from before and after a refresh.
            return self._credentials.get_frozen_credentials()
        except Exception as error:  # credential providers raise errors of their own
            raise PostError(
                f"the AWS credentials could not be renewed ({' '.join(str(error).split())}): sign in again, or "
                "correct their source, and run the same command again"
            ) from error


class ApiKey(httpx.Auth):
    """Adds an API Gateway key, which meters usage and does not authorise on its own."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the key's header to the request."""
        request.headers[_KEY_HEADER] = self._key
        yield request


def open_auth(
    kind: AuthKind, api: str, region: str | None = None, settings: Mapping[str, str] | None = None
) -> httpx.Auth | None:
    """Create the authentication of requests.

    Args:
        kind: How the API authenticates the client.
        api: The API's URL; its host names the region.
        region: The region, if the URL does not contain it.
        settings: PINTEREST_API_KEY; the environment's by default. IAM uses botocore's default chain: environment,
            profile, instance role.

    Raises:
        SettingsError: The credentials, the region or the key cannot be found.
    """
    settings = os.environ if settings is None else settings
    match kind:
        case AuthKind.NONE:
            return None
        case AuthKind.API_KEY:
            return ApiKey(_key(kind, settings))
        case AuthKind.IAM:
            return _iam(api, region)
        case AuthKind.IAM_WITH_KEY:
            return _iam(api, region, _key(kind, settings))


def _key(kind: AuthKind, settings: Mapping[str, str]) -> str:
    key = settings.get(API_KEY_SETTING, "")
    if not key or not key.isascii() or not key.isprintable():
        raise SettingsError(f"--auth {kind} needs the key in the environment as {API_KEY_SETTING}")
    return key


def _iam(api: str, region: str | None, key: str = "") -> SigV4:
    try:
        session = Session()
        credentials = session.get_credentials()
        region = region or _region_of(api) or session.get_config_variable("region")
    except BotoCoreError as error:
        raise SettingsError(f"--auth iam cannot read the AWS credentials: {error}") from error
    if credentials is None:
        raise SettingsError("--auth iam found no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID")
    if not region:
        raise SettingsError("--auth iam cannot tell the API's region from its URL: give --region")
    return SigV4(credentials, region, key)


def _region_of(api: str) -> str | None:
    found = re.search(r"execute-api\.([a-z0-9-]+)\.(?:amazonaws|vpce)", httpx.URL(api).host)
    return found[1] if found else None
