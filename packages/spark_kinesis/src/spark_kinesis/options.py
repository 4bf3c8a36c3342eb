"""The source's options, parsed and validated into plain values."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from spark_kinesis.errors import OptionError
from spark_kinesis.positions import Latest, Since, Start, TrimHorizon
from spark_kinesis.timestamps import milliseconds

T = TypeVar("T")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}
_DURATION = "a duration with its unit, such as 400ms, 10s, 2m or 1h"
_POSITION = 'latest, earliest, trim_horizon or {"at_timestamp": "...", "format": "..."}'
_ARN = re.compile(r"arn:[\w-]+:kinesis:(?P<region>[\w-]+):\d{12}:stream/(?P<name>[\w.-]+)")
_NAME = re.compile(r"[\w.-]{1,128}")

# Databricks' options of enhanced fan-out, ignored because this source polls.
_FAN_OUT = frozenset(
    name.lower()
    for name in (
        "consumerName",
        "consumerNamePrefix",
        "consumerRefreshInterval",
        "deregisterConsumerTimeoutInterval",
        "registerConsumerTimeoutInterval",
        "registeredConsumerId",
        "registeredConsumerIdType",
        "requireConsumerDeregistration",
    )
)
NAMES = (
    "awsAccessKey",
    "awsSecretKey",
    "awsSessionToken",
    "consumerMode",
    "endpoint",
    "failOnDataLoss",
    "fetchBufferSize",
    "initialPosition",
    "maxFetchDuration",
    "maxFetchRate",
    "maxRecordsPerFetch",
    "minFetchPeriod",
    "profile",
    "region",
    "roleArn",
    "roleExternalId",
    "roleSessionName",
    "serviceCredential",
    "shardFetchInterval",
    "shardsPerTask",
    "streamARN",
    "streamName",
)
"""All supported options."""


@dataclass(frozen=True)
class Stream:
    """A stream to read.

    Attributes:
        name: Its name, as in the column `stream` and the offsets.
        arn: Its ARN, if the options gave one; calls then use it.
    """

    name: str
    arn: str = ""


@dataclass(frozen=True)
class Credentials:
    """Credentials of calls; without any of them boto3's default chain applies.

    Attributes:
        access_key: AWS access key id.
        secret_key: AWS secret access key.
        session_token: The session token of temporary keys.
        profile: A profile of the machine's AWS configuration.
        role: ARN of a role to assume with the credentials above.
        external_id: The external id that the role's trust policy requires.
        session_name: The role session's name, as in CloudTrail.
    """

    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role: str = ""
    external_id: str = field(default="", repr=False)
    session_name: str = "spark-kinesis-source"


@dataclass(frozen=True)
class Limits:
    """How fast and how much is fetched.

    Attributes:
        records: Maximum records per GetRecords call.
        rate: Maximum bytes per second that a task fetches from a shard.
        period: Minimum seconds between two fetches of one shard.
        duration: Approximate seconds of fetching at `rate` that a batch takes from a shard.
        buffer: Maximum bytes that a task fetches ahead of Spark.
    """

    records: int = 10_000
    rate: float = 2.0**20
    period: float = 0.4
    duration: float = 10.0
    buffer: int = 20 * 2**30


@dataclass(frozen=True)
class Options:
    """The options of a query.

    Attributes:
        streams: The streams to read.
        initial: Where a query without a checkpoint starts.
        region: AWS region; empty leaves it to boto3.
        endpoint: URL of an endpoint other than the region's.
        credentials: Credentials of calls.
        limits: How fast and how much is fetched.
        shards_per_task: Maximum shards per task.
        shard_interval: Minimum seconds between two listings of a stream's shards.
        fail_on_data_loss: Whether records that expired unread stop the query.
    """

    streams: tuple[Stream, ...]
    initial: Start
    region: str
    endpoint: str
    credentials: Credentials
    limits: Limits
    shards_per_task: int
    shard_interval: float
    fail_on_data_loss: bool


def parse(given: Mapping[str, str], default_position: str = "latest") -> Options:
    """Read the options of a query.

    Args:
        given: The options of the query; names are case-insensitive.
        default_position: The default of `initialPosition`.

    Returns:
        The validated options.

    Raises:
        OptionError: An option is unknown, missing or invalid; the message names it and contains no secret.
    """
    values = {name.lower(): text.strip() for name, text in given.items()}
    _refuse(values)
    streams, arn_region = _streams(values)
    read = partial(_read, values)
    return Options(
        streams=streams,
        initial=read("initialPosition", default_position, _position, _POSITION),
        region=values.get("region", "") or arn_region,
        endpoint=read("endpoint", "", _url, "a URL that begins with http:// or https://"),
        credentials=_credentials(values),
        limits=Limits(
            records=read("maxRecordsPerFetch", "10000", _integer(1, 10_000), "an integer from 1 to 10000"),
            rate=read("maxFetchRate", "1.0", _positive, "a number above 0, in MB per second") * 2**20,
            period=read("minFetchPeriod", "400ms", _seconds, _DURATION),
            duration=read("maxFetchDuration", "10s", _seconds, _DURATION),
            buffer=read("fetchBufferSize", "20gb", _size, "a size above 0 with its unit, such as 512mb or 20gb"),
        ),
        shards_per_task=read("shardsPerTask", "5", _integer(1, 1_000), "an integer from 1 to 1000"),
        shard_interval=read("shardFetchInterval", "1s", _seconds, _DURATION),
        fail_on_data_loss=read("failOnDataLoss", "true", _boolean, "true or false"),
    )


def _refuse(values: Mapping[str, str]) -> None:
    known = {name.lower(): name for name in NAMES}
    for name in values.keys() - known.keys() - _FAN_OUT:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {known[near[0]]}?" if near else f"the options are {', '.join(NAMES)}"
        raise OptionError(f"the kinesis source has no option {name}; {hint}")
    if values.get("servicecredential"):
        raise OptionError(
            "serviceCredential needs Databricks' own kinesis source; here use awsAccessKey and awsSecretKey, roleArn, "
            "profile or boto3's default chain"
        )
    mode = values.get("consumermode", "polling").lower()
    if mode != "polling":
        raise OptionError(f"consumerMode must be polling, found {mode}: this source has no enhanced fan-out")


def _streams(values: Mapping[str, str]) -> tuple[tuple[Stream, ...], str]:
    """Return the streams, and the region that their ARNs name."""
    names, arns = values.get("streamname", ""), values.get("streamarn", "")
    if bool(names) == bool(arns):
        found = "both" if names else "neither"
        raise OptionError(f"give either the option streamName or streamARN; found {found}")
    found_arns = [_arn(text.strip()) for text in arns.split(",")] if arns else []
    regions = {match["region"] for match in found_arns}
    if len(regions) > 1:
        raise OptionError(f"streamARN must name streams of one region, found {', '.join(sorted(regions))}")
    streams = [Stream(match["name"], match[0]) for match in found_arns] or [_stream(text) for text in names.split(",")]
    if len({stream.name for stream in streams}) < len(streams):
        raise OptionError(f"streamName must name each stream once, found {names or arns}")
    return tuple(streams), next(iter(regions), "")


def _stream(text: str) -> Stream:
    if not _NAME.fullmatch(text.strip()):
        raise OptionError(f"streamName must be comma-separated names, found {text.strip()!r}")
    return Stream(text.strip())


def _arn(text: str) -> re.Match[str]:
    match = _ARN.fullmatch(text)
    if not match:
        raise OptionError(f"streamARN must look like arn:aws:kinesis:REGION:ACCOUNT:stream/NAME, found {text!r}")
    return match


def _credentials(values: Mapping[str, str]) -> Credentials:
    access_key, secret_key = values.get("awsaccesskey", ""), values.get("awssecretkey", "")
    if bool(access_key) != bool(secret_key):
        raise OptionError("awsAccessKey and awsSecretKey must be given together; found only one of them")
    if access_key and values.get("profile"):
        raise OptionError("give awsAccessKey and awsSecretKey, or profile, not both")
    return Credentials(
        access_key,
        secret_key,
        values.get("awssessiontoken", ""),
        values.get("profile", ""),
        values.get("rolearn", ""),
        values.get("roleexternalid", ""),
        values.get("rolesessionname", "") or Credentials.session_name,
    )


def _read(values: Mapping[str, str], name: str, default: str, kind: Callable[[str], T], expected: str) -> T:
    text = values.get(name.lower(), "") or default
    try:
        return kind(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"the option {name} must be {expected}, found {text!r}") from error


def _position(text: str) -> Start:
    named: dict[str, Start] = {"latest": Latest(), "earliest": TrimHorizon(), "trim_horizon": TrimHorizon()}
    if text.lower() in named:
        return named[text.lower()]
    asked = {name.lower(): value for name, value in json.loads(text).items()}
    at, pattern = asked.pop("at_timestamp"), asked.pop("format", "")
    if asked:
        raise ValueError(asked)
    return Since(milliseconds(at, pattern))


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError(text)
    return text


def _integer(low: int, high: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return integer


def _positive(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def _seconds(text: str) -> float:
    number, unit = _measure(text)
    return number * _SECONDS[unit]


def _size(text: str) -> int:
    number, unit = _measure(text)
    return round(_positive(str(number * _BYTES[unit])))


def _measure(text: str) -> tuple[float, str]:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.lower())
    if not match:
        raise ValueError(text)
    return float(match[1]), match[2]


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]
