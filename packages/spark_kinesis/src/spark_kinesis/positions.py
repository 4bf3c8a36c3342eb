"""Positions in a shard, and the offsets of a query as its checkpoint stores them: a versioned JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from spark_kinesis.errors import CheckpointError

VERSION = 2
"""Version of the offsets' format that is written."""

_TIME_FIELDS = {1: ("complete", "kept"), VERSION: ("complete_until_ms", "retention_ms")}
"""Names of a stream's two times, by version; every version is read, so that a query resumes after an upgrade."""


@dataclass(frozen=True)
class Latest:
    """After every record present at first planning; resolved to a time then."""


@dataclass(frozen=True)
class TrimHorizon:
    """Before the oldest retained record."""


@dataclass(frozen=True)
class Since:
    """Before the first record that arrived at this time or later, in milliseconds since 1970."""

    ms: int


@dataclass(frozen=True)
class After:
    """After the record with this sequence number."""

    sequence: str


@dataclass(frozen=True)
class Finished:
    """At the end of a closed shard."""


Position: TypeAlias = TrimHorizon | Since | After | Finished
Start: TypeAlias = Latest | TrimHorizon | Since
Json: TypeAlias = "Mapping[str, Json] | str | int | None"


@dataclass(frozen=True)
class StreamOffset:
    """A query's progress in one stream.

    Attributes:
        created: When the stream was created, in milliseconds since 1970; None if unknown.
        complete_until_ms: Every record that arrived before this time, in milliseconds since 1970, precedes the
            positions.
        retention_ms: The stream's retention period at that time, in milliseconds.
        shards: The position in each shard that is being read or was finished last.
    """

    created: int | None
    complete_until_ms: int
    retention_ms: int
    shards: Mapping[str, Position]


@dataclass(frozen=True)
class Offset:
    """A query's progress.

    Attributes:
        initial: Where reading begins in each new shard.
        streams: The progress in each stream; empty before the first batch is planned.
    """

    initial: Start
    streams: Mapping[str, StreamOffset]

    def to_json(self) -> dict[str, Json]:
        """Return the JSON object for the checkpoint; equal offsets give equal texts."""
        return {
            "version": VERSION,
            "initial": _write(self.initial),
            "streams": {name: _write_stream(self.streams[name]) for name in sorted(self.streams)},
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Json]) -> "Offset":
        """Read an offset that `to_json` wrote, in this version of the format or an earlier one.

        Raises:
            CheckpointError: It has an unknown version, or is not an offset.
        """
        version = found.get("version")
        names = _TIME_FIELDS.get(version) if isinstance(version, int) else None
        if names is None:
            raise CheckpointError(
                f"the checkpoint's offsets must have version {' or '.join(map(str, _TIME_FIELDS))}, found {version!r}; "
                "use the kinesis source that wrote them, or a new checkpoint"
            )
        try:
            streams = {name: _read_stream(_object(value), *names) for name, value in _object(found["streams"]).items()}
            return cls(_read_start(found["initial"]), streams)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint's offsets cannot be read: {error!r} in {dict(found)}") from error


def _write(position: Position | Latest) -> Json:
    match position:
        case After(sequence):
            return {"after": sequence}
        case Since(ms):
            return {"since": ms}
        case TrimHorizon():
            return "trim_horizon"
        case Latest():
            return "latest"
        case Finished():
            return "finished"


def _write_stream(stream: StreamOffset) -> Json:
    shards = {shard: _write(stream.shards[shard]) for shard in sorted(stream.shards)}
    return {
        "created": stream.created,
        "complete_until_ms": stream.complete_until_ms,
        "retention_ms": stream.retention_ms,
        "shards": shards,
    }


def _read(found: Json) -> Position | Latest:
    if isinstance(found, str):
        named: dict[str, Position | Latest] = {
            "trim_horizon": TrimHorizon(),
            "latest": Latest(),
            "finished": Finished(),
        }
        return named[found]
    ((kind, value),) = _object(found).items()
    if kind == "after" and isinstance(value, str):
        return After(str(int(value)))
    if kind == "since" and isinstance(value, int):
        return Since(value)
    raise ValueError(found)


def _read_position(found: Json) -> Position:
    position = _read(found)
    if isinstance(position, Latest):
        raise TypeError(found)
    return position


def _read_start(found: Json) -> Start:
    position = _read(found)
    if isinstance(position, After | Finished):
        raise TypeError(found)
    return position


def _read_stream(found: Mapping[str, Json], complete_until: str, retention: str) -> StreamOffset:
    created, until_ms, retention_ms = found["created"], found[complete_until], found[retention]
    if not (isinstance(created, int | None) and isinstance(until_ms, int) and isinstance(retention_ms, int)):
        raise TypeError(found)
    shards = {shard: _read_position(position) for shard, position in _object(found["shards"]).items()}
    return StreamOffset(created, until_ms, retention_ms, shards)


def _object(found: Json) -> Mapping[str, Json]:
    if not isinstance(found, Mapping):
        raise TypeError(found)
    return found
