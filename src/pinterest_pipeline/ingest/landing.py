"""The files that the Kafka sink wrote, into the raw tables: every line of every file once."""

from enum import StrEnum
from functools import partial

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.checkpoints import folder
from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.raw import QUERIES, append_raw
from pinterest_pipeline.observe import recorded, spool_of
from pinterest_pipeline.paths import is_pattern, literal_path
from pinterest_pipeline.streams import run_to_end
from pinterest_pipeline.tables import Lake, Origin

_FILES_PER_BATCH = 2_000
_LINE_DIGITS = 10


class Reader(StrEnum):
    """How new files are found."""

    AUTO_LOADER = "auto_loader"
    """Databricks' own: it keeps what it has seen in RocksDB and scales to millions of files."""
    FILES = "files"
    """Spark's own, for everywhere else."""


def ingest_landing(
    spark: SparkSession, lake: Lake, names: Names, landing: str, checkpoints: str, reader: Reader
) -> None:
    """Bring every line that is new in the landing folder into the raw tables.

    Args:
        spark: The session.
        lake: Where the raw tables are.
        names: The deployment's topics.
        landing: The folder or bucket the sink writes to.
        checkpoints: The folder with a checkpoint folder for each query.
        reader: How new files are found.

    Raises:
        StageError: A topic's folder is not there, or has a name that the reader would take for a pattern, and then
            nothing is read; or a query failed, and it resumes where
            it stopped when it is started again.
    """
    # Every folder is looked at before the first query starts: none is left running when another cannot start.
    lines = {entity: _lines(_files(spark, f"{landing}/topics/{names.topic(entity)}", reader)) for entity in ENTITIES}
    with recorded(spark, lake, spool_of(folder(checkpoints), QUERIES)):
        run_to_end(partial(append_raw, rows, lake, entity, checkpoints) for entity, rows in lines.items())


def _files(spark: SparkSession, folder: str, reader: Reader) -> DataFrame:
    if reader is Reader.AUTO_LOADER and is_pattern(folder):
        raise StageError(f"Auto Loader would read {folder} as a pattern: use a landing without any of * ? [ ] {{ }} \\")
    stream = spark.readStream.schema("value STRING").option("wholetext", value=True).option("pathGlobFilter", "*.json")
    stream = stream.option("recursiveFileLookup", value=True)
    if reader is Reader.AUTO_LOADER:
        stream = stream.format("cloudFiles").option("cloudFiles.format", "text")
        stream = stream.option("cloudFiles.maxFilesPerTrigger", _FILES_PER_BATCH)
        # The connector may write a file again, longer, after a crash (docs/decisions/0012): what is behind its old end
        # would never be read. What is in it already comes again, under the position that it has.
        stream = stream.option("cloudFiles.allowOverwrites", value=True)
    else:
        # Spark forgets files by age: without this, a file that is copied in with an old date would never be read.
        stream = stream.format("text").option("maxFileAge", "36500d").option("maxFilesPerTrigger", _FILES_PER_BATCH)
    try:
        return stream.load(folder if reader is Reader.AUTO_LOADER else literal_path(folder))
    except AnalysisException as error:
        raise StageError(
            f"expected landed files in {folder}, but it cannot be read; has the sink written, and is --landing right?"
        ) from error


def _lines(files: DataFrame) -> DataFrame:
    """Split whole files into lines, which is what gives every record its line number, and so its Kafka offset."""
    lines = files.select(
        sf.posexplode(sf.split("value", r"\r?\n")).alias("line", "payload"),
        sf.col("_metadata.file_path").alias("path"),
        sf.col("_metadata.file_modification_time").alias("arrived_at"),
    )
    return lines.where(sf.col("payload") != "").select(
        "payload", sf.lit(Origin.S3).alias("origin"), _position().alias("position"), "arrived_at"
    )


def _position() -> Column:
    # Line numbers of equal width, so that two positions of one file compare as texts.
    line = sf.lpad((sf.col("line") + 1).cast("STRING"), _LINE_DIGITS, "0")
    return sf.concat(sf.regexp_extract("path", r"(topics/.*)$", 1), sf.lit(":"), line)
