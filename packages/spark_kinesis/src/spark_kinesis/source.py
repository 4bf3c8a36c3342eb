"""The data source `kinesis`: the classes that Spark calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, cast

from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

from spark_kinesis.arrow import COLUMNS
from spark_kinesis.client import Client
from spark_kinesis.errors import OptionError
from spark_kinesis.metrics import Meter
from spark_kinesis.options import Options, parse
from spark_kinesis.planning import Planner
from spark_kinesis.positions import Json, Latest, Offset
from spark_kinesis.progress import Progress, ShardProgress
from spark_kinesis.ranges import Generation
from spark_kinesis.reading import read
from spark_kinesis.sessions import connect

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.accumulators import Accumulator

    Rows = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Task(InputPartition):
    """What one task reads.

    Attributes:
        ranges: Its ranges, by generation.
    """

    ranges: tuple[Generation, ...]


class KinesisDataSource(DataSource):
    """Reads Kinesis Data Streams, with the option names and columns of Databricks' source of the same name."""

    accumulator: ClassVar["Accumulator[Progress] | None"] = None
    """Where tasks say what they read."""

    @classmethod
    def name(cls) -> str:
        """Return the format's name."""
        return "kinesis"

    def schema(self) -> StructType:
        """Return the columns.

        Raises:
            OptionError: An option is wrong.
        """
        # At load: what a reader of streams raises when it is made PySpark hides behind an error of its own.
        parse(self.options)
        return _columns()

    def reader(self, schema: StructType) -> "KinesisBatchReader":
        """Return what reads from the initial position to the newest record.

        Raises:
            OptionError: An option or the schema is wrong.
        """
        options = parse(self.options, default_position="earliest")
        if isinstance(options.initial, Latest):
            raise OptionError("a batch query cannot begin at initialPosition latest: nothing is behind it")
        return KinesisBatchReader(_checked(options, schema), self.accumulator)

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":
        """Return what reads batch after batch.

        Raises:
            OptionError: An option or the schema is wrong.
        """
        return KinesisStreamReader(_checked(parse(self.options), schema), self.accumulator)


def metered(meter: Meter) -> type[KinesisDataSource]:
    """Return the source to be registered so that a meter sees what it reads.

    Args:
        meter: The meter.
    """
    return type("KinesisDataSource", (KinesisDataSource,), {"accumulator": meter.accumulator})


class _Reader:
    """What both readers do in a task; it travels there."""

    def __init__(self, options: Options, accumulator: "Accumulator[Progress] | None") -> None:
        self._options = options
        self._accumulator = accumulator

    def read(self, partition: InputPartition) -> "Rows":
        """Yield a task's records."""
        return read(_client(self._options), self._options, cast("Task", partition).ranges, self._report)

    def _report(self, progress: ShardProgress) -> None:
        if self._accumulator is not None:
            self._accumulator.add({(progress.stream, progress.shard): progress})


class KinesisBatchReader(_Reader, DataSourceReader):
    """Reads what is there, once."""

    def partitions(self) -> list[InputPartition]:
        """Return a task for each few shards.

        Raises:
            KinesisSourceError: A stream cannot be read.
        """
        planner = Planner(_client(self._options), self._options)
        tasks = planner.tasks(Offset(self._options.initial, {}), planner.latest())
        # Without any task Spark would read one of its own.
        return [Task(task) for task in tasks] or [Task(())]


class KinesisStreamReader(_Reader, DataSourceStreamReader):
    """Reads what is new, batch after batch."""

    _planner: Planner | None = None

    def initialOffset(self) -> dict[str, Json]:
        """Return where a new query begins, as the options say it; the first batch's end resolves it."""
        return Offset(self._options.initial, {}).to_json()

    def latestOffset(self) -> dict[str, Json]:
        """Return where the next batch ends.

        Raises:
            KinesisSourceError: A stream cannot be read, or records expired unread.
        """
        return self._plan().latest().to_json()

    def partitions(self, start: Mapping[str, Json], end: Mapping[str, Json]) -> list[InputPartition]:
        """Return a task for each few shards of a batch.

        Raises:
            KinesisSourceError: The offsets are not this query's, or records expired unread.
        """
        tasks = self._plan().tasks(Offset.from_json(start), Offset.from_json(end))
        return [Task(task) for task in tasks]

    def _plan(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(_client(self._options), self._options)
        return self._planner


@lru_cache(maxsize=8)
def _client(options: Options) -> Client:
    """Return the process's client: to make one takes longer than many a task."""
    return Client(connect(options))


def _columns() -> StructType:
    columns = StructType()
    for name, kind in COLUMNS.items():
        columns.add(name, kind)
    return columns


def _checked(options: Options, schema: StructType) -> Options:
    columns = _columns().simpleString()
    if schema.simpleString() != columns:
        raise OptionError(
            f"the kinesis source has the columns {columns}, found {schema.simpleString()}; "
            "give it no schema of your own"
        )
    return options
