"""Runs both halves of the pipeline on one machine, from a source to a report, with every row accounted for."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from rich.console import Console

from pinterest_pipeline.entities import Names
from pinterest_pipeline.errors import SettingsError, StageError
from pinterest_pipeline.files import locked
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.tables import Lake, Origin, create_tables
from pinterest_pipeline.post.batch import PostSettings, Tally, post_batch
from pinterest_pipeline.post.source.opening import Source, open_source
from pinterest_pipeline.publish.answers import ANSWERS, Answer
from pinterest_pipeline.publish.publishing import publish
from pinterest_pipeline.refine.merging import refine
from tooling.demo.accounting import checks, rejections, take_account
from tooling.demo.commits import stream_of
from tooling.demo.outcome import account_table, flows, write_answers
from tooling.demo.report import AnswerRows, Check, Report, write_report
from tooling.demo.sample_data.source_data import fill_source
from tooling.demo.stream_half import StreamHalf, Tallies
from tooling.demo.watch import LANDED, POSTED, STREAMED, Watch
from tooling.local_cloud.cloud import LocalCloud, LocalCloudSettings
from tooling.local_cloud.kinesis import CREDENTIALS
from tooling.local_cloud.processes import own_environment, personal_environment
from tooling.local_cloud.spark.session import CATALOG, local_spark, schema_folder
from tooling.local_cloud.tables import Tables, bare

PREFIX = "demo"
SEED = 2022
LAKE = Lake(CATALOG, "pinterest")

_MARKER = ".pinterest-demo"
_BYTES_TO_START = 500_000_000
_BYTES_PER_ROW = 12_000  # a row of each table: in the source, in Kafka, in files, raw and clean
_LANDING_SECONDS = 120
_ANSWER = "SELECT {columns} FROM {table} ORDER BY {order}"
_STREAM_SECONDS = 15.0  # posts are streamed for so long, while the batch half runs


@dataclass(frozen=True)
class DemoSettings:
    """What to run.

    Attributes:
        rows: Generated rows of each table, where no source is given.
        source: A database URL or a folder of three JSON-lines files; empty for generated rows.
        output: Folder of the report, the answers, and the run's files in `work`.
    """

    rows: int
    source: str
    output: Path

    @property
    def work(self) -> Path:
        """The folder of the run's files: source, Kafka, landed files, tables, logs."""
        return self.output / "work"

    @property
    def warehouse(self) -> Path:
        """The folder of the schemas."""
        return self.work / "lake"

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.output / "report.html"

    @property
    def answers(self) -> Path:
        """The folder of the answers' CSV files."""
        return self.output / "answers"

    @property
    def dead_letters(self) -> Path:
        """The file of the rows that could not be posted to Kafka."""
        return self.output / "dead-letters.jsonl"

    @property
    def dead_letters_of_streams(self) -> Path:
        """The file of the rows that could not be posted to Kinesis."""
        return self.output / "dead-letters-of-streams.jsonl"

    @property
    def checkpoints(self) -> str:
        """The folder of all checkpoints."""
        return str(self.work.resolve() / "checkpoints")


def run_demo(settings: DemoSettings, console: Console, linger: Callable[[LocalCloud], None]) -> None:
    """Run both halves once, write the answers and the report, and check that no row is missing.

    Args:
        settings: What to run.
        console: Where its progress is shown.
        linger: Called at the end with the local cloud, while it still runs.

    Raises:
        PipelineError: Something failed, or the counts do not add up.
    """
    started, watch = datetime.now(UTC), Watch(console)
    clock = _Clock(console, watch)
    source = open_source(settings.source) if settings.source else None
    with ExitStack() as stack:
        stack.enter_context(own_output(settings))
        drawing = stack.enter_context(ExitStack())
        drawing.enter_context(watch.drawn())
        # Spark takes as long to start as everything before it: both at once.
        session = stack.enter_context(ThreadPoolExecutor(1)).submit(_start_spark, settings, watch)
        # After Ctrl-C, Spark's start cannot be cancelled and is awaited.
        stack.callback(watch.say, "stopping")
        with clock.stage("local cloud started"):
            cloud = stack.enter_context(LocalCloud(LocalCloudSettings(settings.work.resolve() / "cloud", PREFIX)))
        source = source or _generate(settings, clock)
        spark, tallies, streamed = _run_both(source, settings, cloud, session, clock)
        stack.callback(spark.stop)
        with clock.stage("answers"):
            publish(spark, LAKE, settings.checkpoints)
        with clock.stage("rows counted"):
            tables = Tables(schema_folder(settings.warehouse, LAKE.schema))
            accounts = take_account(tables, LAKE, cloud, tallies, streamed)
            rejected, stream = rejections(tables, LAKE), stream_of(tables, LAKE, started)
            answers = tuple(_answer(tables, answer) for answer in ANSWERS)
        drawing.close()
        report = Report(
            title="Pinterest pipeline",
            prefix=PREFIX,
            source=source.name if settings.source else f"{settings.rows:,} generated rows a table, seed {SEED}",
            started_at=started,
            seconds=(datetime.now(UTC) - started).total_seconds(),
            times=clock.seconds,
            flows=flows(accounts),
            checks=checks(accounts),
            rejections=rejected,
            stream=stream,
            answers=answers,
        )
        write_answers(answers, settings.answers)
        write_report(report, settings.report)
        console.print(account_table(accounts))
        for line in source.left():
            console.print(line, soft_wrap=True, highlight=False)
        _say_outcome(report.checks, settings, console, report.seconds)
        linger(cloud)


@contextmanager
def own_output(settings: DemoSettings) -> Iterator[None]:
    """Empty the output folder and lock it for one run; it must be new, empty, or an earlier demo's.

    Args:
        settings: What to run.

    Raises:
        SettingsError: The folder holds something else, another demo uses it, it cannot be written, or it has no space
            for so many rows; then nothing in it has changed.
    """
    output, marker = settings.output, settings.output / _MARKER
    try:
        if output.is_dir() and any(output.iterdir()) and not marker.exists():
            raise SettingsError(
                f"{output} holds files that are not from a demo; use another --output or an empty folder"
            )
        output.mkdir(parents=True, exist_ok=True)
        taken = SettingsError(f"another demo runs in {output}; stop it or use another --output")
        with locked(marker, taken):
            _check_room(settings)
            for stale in (settings.work, settings.answers):
                shutil.rmtree(stale, ignore_errors=True)
            for file in (settings.report, settings.dead_letters, settings.dead_letters_of_streams):
                file.unlink(missing_ok=True)
            settings.work.mkdir()
            yield
    except PermissionError as error:
        raise SettingsError(f"cannot use {output} as the output folder: {error.strerror}") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingsError(f"cannot use {output} as the output folder: it is not a folder") from error


def _check_room(settings: DemoSettings) -> None:
    output = settings.output
    needed, free = _BYTES_TO_START + settings.rows * _BYTES_PER_ROW, shutil.disk_usage(output).free
    if free < needed:
        raise SettingsError(
            f"a demo of {settings.rows:,} rows a table needs about {needed / 1e9:.1f} GB in {output}, but "
            f"{free / 1e9:.1f} GB are free; use fewer --rows or another --output"
        )


@dataclass
class _Clock:
    """The time of each stage, and a line about it in the terminal."""

    console: Console
    watch: Watch
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            self.watch.say(name)
            yield
        except (PySparkException, Py4JError) as error:
            raise StageError(f"{name}: failed with {str(error).strip().splitlines()[0]}") from error
        self.seconds[name] = time.monotonic() - started
        self.console.print(f"[green]✓[/] {name} [dim]{self.seconds[name]:.1f} s[/]", highlight=False)


def _start_spark(settings: DemoSettings, watch: Watch) -> SparkSession:
    # Spark's Python workers inherit the environment in which its JVM is started: requests must stay on this machine.
    for name in personal_environment():
        del os.environ[name]
    os.environ.update(own_environment() | CREDENTIALS)
    spark = local_spark(settings.warehouse, log=settings.work / "spark.log")
    spark.streams.addListener(watch.listener)
    create_tables(spark, LAKE)
    return spark


def _generate(settings: DemoSettings, clock: _Clock) -> Source:
    location = f"sqlite:///{settings.work.resolve() / 'source.db'}"
    with clock.stage("source"):
        fill_source(location, settings.rows, SEED)
    return open_source(location)


def _run_both(
    source: Source, settings: DemoSettings, cloud: LocalCloud, session: "Future[SparkSession]", clock: _Clock
) -> tuple[SparkSession, tuple[Tally, ...], Tallies]:
    """Run the batch half while the stream half runs, until all rows of both are clean or in quarantine."""
    names = Names(PREFIX)
    stream = StreamHalf(
        names, cloud, LAKE, settings.checkpoints, settings.dead_letters_of_streams, seconds=_STREAM_SECONDS
    )
    looks = {
        LANDED: lambda entity: cloud.records_landed(names.topic(entity)),
        STREAMED: lambda entity: cloud.records_in_stream(names.stream(entity)),
    }
    with clock.watch.looking(looks), stream.running(source, session, clock.watch) as flowing:
        tallies = _post(source, settings, cloud, clock)
        with clock.stage("tables created"):
            spark = session.result()
        with clock.stage("raw"):
            ingest_landing(spark, LAKE, names, str(cloud.landing_folder), settings.checkpoints, Reader.FILES)
        with clock.stage("clean"):
            refine(spark, LAKE, settings.checkpoints, Origin.S3)
        with clock.stage("streams in"):
            streamed = flowing.settle(spark)
    return spark, tallies, streamed


def _post(source: Source, settings: DemoSettings, cloud: LocalCloud, clock: _Clock) -> tuple[Tally, ...]:
    post = PostSettings(
        api=cloud.api_url,
        names=Names(PREFIX),
        progress=settings.work / "progress.json",
        dead_letters=settings.dead_letters,
    )
    with clock.stage("posted"):
        tallies = post_batch(source, post, lambda tally: clock.watch.set(POSTED, tally.entity, tally.posted))
    with clock.stage("in S3"):
        expected = {topic: tally.posted for topic, tally in zip(cloud.settings.topics, tallies, strict=True)}
        cloud.wait_until_landed(expected, _LANDING_SECONDS)
    for topic in cloud.settings.topics:
        # A topic without records has no files: its folder shows that nothing was posted, not that the path is wrong.
        (cloud.landing_folder / "topics" / topic).mkdir(parents=True, exist_ok=True)
    return tallies


def _answer(tables: Tables, answer: Answer) -> AnswerRows:
    order = ", ".join(f"{column} NULLS FIRST" for column in answer.columns)
    query = _ANSWER.format(columns=", ".join(answer.columns), table=bare(LAKE.table(answer.name)), order=order)
    return AnswerRows(answer, [tuple(row.values()) for row in tables.rows(query)])


def _say_outcome(found: Sequence[Check], settings: DemoSettings, console: Console, seconds: float) -> None:
    wrong = [f"{check.name}: expected {check.expected:,}, found {check.found:,}" for check in found if not check.holds]
    if wrong:
        raise StageError(f"the counts do not add up: {'; '.join(wrong)}. See {settings.report}")
    console.print(f"All {len(found)} checks hold, in {seconds:.0f} s. Open {settings.report}", highlight=False)
