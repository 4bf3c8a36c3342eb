"""Kinesis records as Arrow batches, in the columns of Databricks' source."""

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from spark_kinesis.client import Record

COLUMNS = {
    "partitionKey": "string",
    "data": "binary",
    "stream": "string",
    "shardId": "string",
    "sequenceNumber": "string",
    "approximateArrivalTimestamp": "timestamp",
}
"""The source's columns and their types in Spark."""

_TIME: pa.DataType = pa.timestamp("us", "UTC")
_TYPES: dict[str, pa.DataType] = {"string": pa.string(), "binary": pa.binary(), "timestamp": _TIME}
_SCHEMA = pa.schema({name: _TYPES[kind] for name, kind in COLUMNS.items()})


def to_batch(stream: str, shard: str, records: Sequence[Record]) -> pa.RecordBatch:
    """Return the records of one shard as one batch.

    Args:
        stream: The stream's name.
        shard: The shard's id.
        records: As returned by GetRecords.
    """
    arrivals = [record["ApproximateArrivalTimestamp"] * 1000 for record in records]
    columns: list[pa.Array[Any]] = [
        pa.array([record["PartitionKey"] for record in records], pa.string()),
        pa.array([record["Data"] for record in records], pa.binary()),
        pa.repeat(stream, len(records)),
        pa.repeat(shard, len(records)),
        pa.array([record["SequenceNumber"] for record in records], pa.string()),
        pa.array(arrivals, pa.int64()).cast(_TIME),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def pack(batch: pa.RecordBatch) -> bytes:
    """Serialize a batch, to be sent with a plan."""
    return batch.serialize().to_pybytes()


def unpack(packed: bytes) -> pa.RecordBatch:
    """Deserialize a batch from `pack`."""
    return pa.ipc.read_record_batch(pa.py_buffer(packed), _SCHEMA)


def data_bytes(batch: pa.RecordBatch) -> int:
    """Return the size of the records' data in bytes."""
    total = pc.sum(pc.binary_length(cast("pa.BinaryArray", batch.column("data"))))
    return int(total.as_py() or 0)
