"""Places in a shard, and the offsets of a query: what its checkpoint holds, as a versioned JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from spark_kinesis.errors import CheckpointError

VERSION = 1
"""Version of the offsets' format."""


@dataclass(frozen=True)
class Latest:
    """Behind all that is there when the query is planned first; resolved to a time then."""


@dataclass(frozen=True)
class TrimHorizon:
    """Before the oldest record that is kept."""


@dataclass(frozen=True)
class Since:
    """Before the first record that arrived at this time or later, in milliseconds since 1970."""

    ms: int


@dataclass(frozen=True)
class After:
    """Behind the record of this sequence number."""

    sequence: str


@dataclass(frozen=True)
class Finished:
    """At the end of a closed shard."""


Position: TypeAlias = TrimHorizon | Since | After | Finished
Start: TypeAlias = Latest | TrimHorizon | Since
Json: TypeAlias = "Mapping[str, Json] | str | int | None"


@dataclass(frozen=True)
class StreamOffset:
    """Where a query stands in one stream.

    Attributes:
        created: When the stream was created, in milliseconds since 1970; None where nobody says.
        complete: All that arrived before this time, in milliseconds since 1970, is before the positions.
        kept: How long the stream kept records then, in milliseconds.
        shards: The position in each shard that is read or was finished last.
    """

    created: int | None
    complete: int
    kept: int
    shards: Mapping[str, Position]


@dataclass(frozen=True)
class Offset:
    """Where a query stands.

    Attributes:
        initial: Where each shard that comes into the query begins.
        streams: The position in each stream; empty before the first batch was planned.
    """

    initial: Start
    streams: Mapping[str, StreamOffset]

    def to_json(self) -> dict[str, Json]:
        """Return the object for the checkpoint; equal offsets give equal texts."""
        return {
            "version": VERSION,
            "initial": _write(self.initial),
            "streams": {name: _write_stream(self.streams[name]) for name in sorted(self.streams)},
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Json]) -> "Offset":
        """Read what `to_json` wrote.

        Raises:
            CheckpointError: It was written by another version, or by something else.
        """
        if found.get("version") != VERSION:
            raise CheckpointError(
                f"the checkpoint's offsets must have version {VERSION}, found {found.get('version')!r}; use the "
                "kinesis source that wrote them, or a new checkpoint"
            )
        try:
            streams = {name: _read_stream(_object(value)) for name, value in _object(found["streams"]).items()}
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
    return {"created": stream.created, "complete": stream.complete, "kept": stream.kept, "shards": shards}


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


def _read_stream(found: Mapping[str, Json]) -> StreamOffset:
    created, complete, kept = found["created"], found["complete"], found["kept"]
    if not (isinstance(created, int | None) and isinstance(complete, int) and isinstance(kept, int)):
        raise TypeError(found)
    shards = {shard: _read_position(position) for shard, position in _object(found["shards"]).items()}
    return StreamOffset(created, complete, kept, shards)


def _object(found: Json) -> Mapping[str, Json]:
    if not isinstance(found, Mapping):
        raise TypeError(found)
    return found
