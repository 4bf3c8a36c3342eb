"""Ingests the Kafka sink's files into the raw tables: every line of every file once."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.streaming.readwriter import DataStreamReader

from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.raw import QUERIES, append_raw
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.checkpoints import folder
from pinterest_pipeline.lake.paths import is_pattern, literal_path
from pinterest_pipeline.lake.queries import run_to_end
from pinterest_pipeline.lake.runs import recorded, spool_of
from pinterest_pipeline.lake.tables import Lake, Origin

_FILES_PER_BATCH = 2_000
_LINE_DIGITS = 10


def ingest_landing(
    spark: SparkSession, lake: Lake, names: Names, landing: str, checkpoints: str, reader: Reader
) -> None:
    """Ingest every new line in the landing folder into the raw tables.

    Args:
        spark: The session.
        lake: Where the raw tables are.
        names: The deployment's topics.
        landing: The folder or bucket the sink writes to.
        checkpoints: The folder with a checkpoint folder for each query.
        reader: How new files are found.

    Raises:
        StageError: A topic's folder does not exist, or the reader would take its name for a pattern; nothing is read
            then. Or a query failed; it resumes where it stopped when it is started again.
    """
    # Every folder is checked before the first query starts: none is left running if another cannot start.
    lines = {entity: _lines(_files(spark, f"{landing}/topics/{names.topic(entity)}", reader)) for entity in ENTITIES}
    with recorded(spark, lake, spool_of(folder(checkpoints), QUERIES)):
        again = reader is Reader.AUTO_LOADER
        run_to_end(
            partial(append_raw, rows, lake, entity, checkpoints, read_again=again) for entity, rows in lines.items()
        )


def _files(spark: SparkSession, folder: str, reader: Reader) -> DataFrame:
    if reader is Reader.AUTO_LOADER and is_pattern(folder):
        raise StageError(f"Auto Loader would read {folder} as a pattern: use a landing without any of * ? [ ] {{ }} \\")
    stream = spark.readStream.schema("value STRING").option("wholetext", value=True).option("pathGlobFilter", "*.json")
    stream = stream.option("recursiveFileLookup", value=True)
    if reader is Reader.AUTO_LOADER:
        stream = stream.format("cloudFiles").option("cloudFiles.format", "text")
        stream = stream.option("cloudFiles.maxFilesPerTrigger", _FILES_PER_BATCH)
        # The connector may rewrite a file, longer, after a crash (docs/decisions/0012): without this, lines after its
        # old end would never be read. Its earlier lines are read again, with the same positions.
        stream = stream.option("cloudFiles.allowOverwrites", value=True)
    else:
        # Spark ignores files by age: without this, a file copied in with an old date would never be read.
        stream = stream.format("text").option("maxFileAge", "36500d").option("maxFilesPerTrigger", _FILES_PER_BATCH)
    return _loaded(stream, folder if reader is Reader.AUTO_LOADER else literal_path(folder))


def landed_lines(spark: SparkSession, folder: str, day: date) -> DataFrame:
    """Return the lines of the files written on a day, up to and including its end, whether or not raw has them.

    Args:
        spark: The session.
        folder: The topic's folder.
        day: The day, in UTC.

    Raises:
        StageError: The folder does not exist.
    """
    reader = spark.read.schema("value STRING").format("text").option("wholetext", value=True)
    reader = reader.option("pathGlobFilter", "*.json").option("recursiveFileLookup", value=True)
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    # Spark excludes both bounds, to the second.
    after, before = begins - timedelta(seconds=1), begins + timedelta(days=1, seconds=1)
    bounds = {"modifiedAfter": after, "modifiedBefore": before}
    reader = reader.options(timeZone="UTC", **{name: f"{at:%Y-%m-%dT%H:%M:%S}" for name, at in bounds.items()})
    return _lines(_loaded(reader, literal_path(folder)))


def _loaded(reader: DataFrameReader | DataStreamReader, folder: str) -> DataFrame:
    try:
        files = reader.load(folder)
        # On Spark Connect errors are raised only when the schema is requested.
        _ = files.schema
    except AnalysisException as error:
        raise StageError(
            f"expected landed files in {folder}, but it cannot be read; has the sink written, and is --landing right?"
        ) from error
    return files


def _lines(files: DataFrame) -> DataFrame:
    """Split whole files into lines, which gives every record its line number, and so its Kafka offset."""
    # The name is taken from the path once a file, not once a line, and splitting at a character is several times as
    # fast as at a pattern.
    named = files.select(
        sf.replace("value", sf.lit("\r\n"), sf.lit("\n")).alias("text"),
        sf.regexp_extract("_metadata.file_path", r"(topics/.*)$", 1).alias("file"),
        sf.col("_metadata.file_modification_time").alias("arrived_at"),
    )
    lines = named.select(sf.posexplode(sf.split("text", "\n")).alias("line", "payload"), "file", "arrived_at")
    return lines.where(sf.col("payload") != "").select(
        "payload", sf.lit(Origin.S3).alias("origin"), _position().alias("position"), "arrived_at"
    )


def _position() -> Column:
    # Line numbers have equal width, so that positions in one file compare as texts.
    line = sf.lpad((sf.col("line") + 1).cast("STRING"), _LINE_DIGITS, "0")
    return sf.concat("file", sf.lit(":"), line)
