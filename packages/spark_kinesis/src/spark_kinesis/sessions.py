"""Creates boto3's client for Kinesis with the credentials of the options."""

from ipaddress import ip_address
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
)
from botocore.exceptions import BotoCoreError

from spark_kinesis.errors import OptionError

if TYPE_CHECKING:
    from spark_kinesis.client import Calls
    from spark_kinesis.options import Credentials, Options

_CONNECTIONS = 32


class _AssumedRole(CredentialProvider):
    """Keys of a role, obtained from STS and renewed shortly before they expire."""

    METHOD = CANONICAL_NAME = "kinesis-source-role"

    def __init__(self, credentials: "Credentials", region: str) -> None:
        super().__init__()
        self._credentials = credentials
        self._region = region

    def load(self) -> DeferredRefreshableCredentials:
        """Return keys that are fetched on first use."""
        asked = {"RoleArn": self._credentials.role, "RoleSessionName": self._credentials.session_name}
        if self._credentials.external_id:
            asked["ExternalId"] = self._credentials.external_id
        sts = _session(self._credentials).create_client("sts", region_name=self._region or None)
        return DeferredRefreshableCredentials(create_assume_role_refresher(sts, asked), self.METHOD)


def connect(options: "Options") -> "Calls":
    """Return a client without retries of its own, whose times are milliseconds since 1970.

    Args:
        options: The source's options.

    Raises:
        OptionError: The region, profile or endpoint cannot be used.
    """
    credentials = options.credentials
    try:
        session = _assuming(options) if credentials.role else _session(credentials)
        # Parsing `datetime`s would take a tenth of a page's time.
        factory = session.get_component("response_parser_factory")
        factory.set_parser_defaults(timestamp_parser=_milliseconds)
        session.register("creating-serializer.kinesis", _to_the_millisecond)
        client = session.create_client(
            "kinesis",
            region_name=options.region or None,
            endpoint_url=options.endpoint or None,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                # A proxy from the environment is for other machines.
                proxies={} if _is_this_machine(options.endpoint) else None,
                max_pool_connections=_CONNECTIONS,
                connect_timeout=10,
                read_timeout=60,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise OptionError(
            f"cannot connect to Kinesis: {error}; check the options region, profile and endpoint"
        ) from error
    return cast("Calls", client)


def _assuming(options: "Options") -> botocore.session.Session:
    # Keys set on a session take precedence over its providers, so the role's session has none.
    session = botocore.session.Session(profile=options.credentials.profile or None)
    resolver = CredentialResolver([_AssumedRole(options.credentials, options.region)])
    session.register_component("credential_provider", resolver)
    return session


def _session(credentials: "Credentials") -> botocore.session.Session:
    session = botocore.session.Session(profile=credentials.profile or None)
    if credentials.access_key:
        session.set_credentials(credentials.access_key, credentials.secret_key, credentials.session_token or None)
    return session


def _is_this_machine(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _to_the_millisecond(**event: object) -> None:
    # Older versions truncate times to whole seconds: reading would begin too early.
    cast("dict[str, str]", event["serializer_kwargs"])["timestamp_precision"] = "millisecond"


def _milliseconds(value: float | str) -> int:
    return round(float(value) * 1000)
