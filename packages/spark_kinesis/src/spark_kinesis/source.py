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
from spark_kinesis.shard_planning import Context

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.accumulators import Accumulator

    Rows = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Task(InputPartition):
    """The ranges that one task reads.

    Attributes:
        ranges: Its ranges, by generation.
    """

    ranges: tuple[Generation, ...]


class KinesisDataSource(DataSource):
    """Reads Kinesis Data Streams, with the option names and columns of Databricks' source of the same name."""

    accumulator: ClassVar["Accumulator[Progress] | None"] = None
    """Collects the progress of tasks."""

    @classmethod
    def name(cls) -> str:
        """Return the format's name."""
        return "kinesis"

    def schema(self) -> StructType:
        """Return the columns.

        Raises:
            OptionError: An option is wrong.
        """
        # Checked at load: PySpark hides what the constructor of a stream reader raises.
        parse(self.options)
        return _columns()

    def reader(self, schema: StructType) -> "KinesisBatchReader":
        """Return a reader from the initial position to the newest record.

        Raises:
            OptionError: An option or the schema is wrong.
        """
        options = parse(self.options, default_position="earliest")
        if isinstance(options.initial, Latest):
            raise OptionError("a batch query cannot start at initialPosition latest: there are no records after it")
        return KinesisBatchReader(_checked(options, schema), self.accumulator)

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":
        """Return a reader of micro-batches.

        Raises:
            OptionError: An option or the schema is wrong.
        """
        return KinesisStreamReader(_checked(parse(self.options), schema), self.accumulator)


def metered(meter: Meter) -> type[KinesisDataSource]:
    """Return the source to register for a meter to collect what it reads.

    Args:
        meter: The meter.
    """
    return type("KinesisDataSource", (KinesisDataSource,), {"accumulator": meter.accumulator})


class _Reader:
    """The part of both readers that runs in tasks; it is serialized to them."""

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
    """Reads existing records, once."""

    def partitions(self) -> list[InputPartition]:
        """Return the tasks, each for a few shards.

        Raises:
            KinesisSourceError: A stream cannot be read.
        """
        planner = Planner(Context(_client(self._options), self._options))
        tasks = planner.tasks(Offset(self._options.initial, {}), planner.latest())
        # Without any task Spark would create one of its own.
        return [Task(task) for task in tasks] or [Task(())]


class KinesisStreamReader(_Reader, DataSourceStreamReader):
    """Reads new records, batch after batch."""

    _planner: Planner | None = None

    def initialOffset(self) -> dict[str, Json]:
        """Return the start of a new query as in its options; the end of the first batch resolves it."""
        return Offset(self._options.initial, {}).to_json()

    def latestOffset(self) -> dict[str, Json]:
        """Return the end of the next batch.

        Raises:
            KinesisSourceError: A stream cannot be read, or records expired unread.
        """
        return self._plan().latest().to_json()

    def partitions(self, start: Mapping[str, Json], end: Mapping[str, Json]) -> list[InputPartition]:
        """Return the tasks of a batch, each for a few shards.

        Raises:
            KinesisSourceError: The offsets belong to other streams, or records expired unread.
        """
        tasks = self._plan().tasks(Offset.from_json(start), Offset.from_json(end))
        return [Task(task) for task in tasks]

    def _plan(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(Context(_client(self._options), self._options))
        return self._planner


@lru_cache(maxsize=8)
def _client(options: Options) -> Client:
    """Return the process's client: creating one takes longer than many tasks."""
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
            f"the kinesis source has the columns {columns}, found {schema.simpleString()}; do not set a schema"
        )
    return options
