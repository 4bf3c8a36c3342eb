"""The arguments of the tasks of the bundle's jobs. Nothing here needs Spark: the bundle is checked without it."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum

from pinterest_pipeline.entities import Names
from pinterest_pipeline.ingest.readers import Reader

_ARGUMENTS = {
    "catalog": "catalog of the pipeline's schema",
    "schema": "schema of the pipeline's tables",
    "prefix": "the deployment's id, part of the names of topics and streams",
    "landing": "folder or volume that the Kafka sink writes to",
    "checkpoints": "folder or volume of the checkpoints",
}


_TYPES: Mapping[str, Callable[[str], object]] = {"prefix": Names}


class Mode(StrEnum):
    """How long the task `stream` runs."""

    CONTINUOUS = "continuous"
    """Until a query fails or the run is cancelled."""
    AVAILABLE_NOW = "available_now"
    """Until all records that existed at its start are read; the only mode on serverless compute."""


class Arguments:
    """What a task was given, by argument; a task has only those of its parser."""

    catalog: str
    schema: str
    prefix: Names
    landing: str
    checkpoints: str
    reader: Reader
    analysts: str
    region: str
    service_credential: str
    trigger: Mode
    interval_seconds: float
    day: date
    first: date
    last: date
    user_name: str
    age: int | None
    date_joined: datetime | None


def parser(*names: str) -> argparse.ArgumentParser:
    """Return the argument parser of a task with these arguments, all of them required.

    Args:
        names: Names of common arguments: catalog, schema, prefix, landing, checkpoints.
    """
    made = argparse.ArgumentParser()
    for name in names:
        made.add_argument(f"--{name}", required=True, type=_TYPES.get(name, str), help=_ARGUMENTS[name])
    return made


def tables_parser() -> argparse.ArgumentParser:
    """Return the parser of the tasks `tables` and `replay`."""
    return parser("catalog", "schema")


def publish_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `publish`; an empty optional argument counts as not given."""
    made = parser("catalog", "schema", "checkpoints")
    made.add_argument("--analysts", default="", help="group that may read clean, answers and runs (default: none)")
    return made


def ingest_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `ingest`."""
    made = parser("catalog", "schema", "prefix", "landing", "checkpoints")
    made.add_argument("--reader", type=Reader, choices=list(Reader), default=Reader.AUTO_LOADER)
    return made


def refine_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `refine`."""
    return parser("catalog", "schema", "checkpoints")


def stream_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `stream`; an empty optional argument counts as not given."""
    made = parser("catalog", "schema", "prefix", "checkpoints")
    made.add_argument("--region", default="", help="AWS region of the streams (default: that of Spark)")
    made.add_argument("--service-credential", default="", help="name of a service credential that may read them")
    made.add_argument("--trigger", type=Mode, choices=list(Mode), default=Mode.CONTINUOUS)
    made.add_argument(
        "--interval-seconds", type=_interval, default=10.0, help="time between batches in continuous mode"
    )
    return made


def days_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `days`."""
    made = argparse.ArgumentParser()
    made.add_argument("--first", type=_day, required=True, help="first day of arrival, in UTC (empty: today)")
    made.add_argument("--last", type=_day, required=True, help="last day of arrival, in UTC (empty: today)")
    return made


def erase_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `erase`; an empty age or date means that it is unknown."""
    made = parser("catalog", "schema", "checkpoints")
    made.add_argument("--user-name", required=True, help="first and last name, as in the clean table user")
    made.add_argument("--age", type=_years, required=True, help="age in years")
    made.add_argument("--date-joined", type=_timestamp, required=True, help="such as 2018-08-24 07:56:22, in UTC")
    return made


def backfill_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `backfill`."""
    made = parser("catalog", "schema", "prefix", "landing", "checkpoints")
    made.add_argument("--day", type=_day, required=True, help="day of arrival, in UTC")
    return made


PARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "tables": tables_parser,
    "ingest": ingest_parser,
    "refine": refine_parser,
    "stream": stream_parser,
    "publish": publish_parser,
    "replay": tables_parser,
    "backfill": backfill_parser,
    "days": days_parser,
    "erase": erase_parser,
    "upkeep": tables_parser,
}
"""The parser of each task."""


def read(task: str, arguments: Sequence[str] | None = None) -> Arguments:
    """Return a task's arguments.

    Args:
        task: The task's name.
        arguments: The command line; by default that of the process.

    Raises:
        SettingsError: The prefix is invalid.
        SystemExit: An argument is missing, unknown or invalid.
    """
    return PARSERS[task]().parse_args(arguments, Arguments())


def _day(text: str) -> date:
    return date.fromisoformat(text) if text else datetime.now(UTC).date()


def _years(text: str) -> int | None:
    return int(text) if text else None


def _timestamp(text: str) -> datetime | None:
    if not text:
        return None
    timestamp = datetime.fromisoformat(text)
    return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds from 0 up, got {text}")
    return seconds
