import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import SystemRandom
from threading import Event, Thread

import psutil
import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import USER
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.refine.live import catch_up
from tests.faults.stream_driver import GO, READY
from tests.support.costs import Meter
from tests.support.landed import keyed
from tests.support.reading import rows, table_folder
from tests.support.streamed import Sender
from tests.support.unmeasured import UNMEASURED
from tests.support.waiting import eventually
from tooling.local_cloud.kinesis import CREDENTIALS

KILLS = int(os.environ.get("KILLS", "2"))
LONGEST_START_SECONDS, LONGEST_WORK_SECONDS = 10.0, 5.0
KEYS = 50
SENT_AT_ONCE = 10
REST_SECONDS = 0.2
ROOT = Path(__file__).parents[2]


@dataclass
class Producer:
    """Sends users all the time, each with a name of its own; some keys again and again."""

    sender: Sender
    names: list[str] = field(default_factory=list)
    last: dict[int, str] = field(default_factory=dict)

    @contextmanager
    def sending(self) -> Iterator[None]:
        over = Event()
        thread = Thread(target=self._send, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _send(self, over: Event) -> None:
        while not over.wait(REST_SECONDS):
            for _ in range(SENT_AT_ONCE):
                key, name = len(self.names) % KEYS, f"send-{len(self.names)}"
                self.sender.send(USER, keyed(USER, key, first_name=name))
                self.names.append(name)
                self.last[key] = name


@dataclass(frozen=True)
class Driver:
    """A process of the stream job that has been started."""

    process: subprocess.Popen[bytes]
    folder: Path

    def go(self) -> None:
        """Let it take up the streams as soon as its Spark runs."""
        assert eventually((self.folder / READY).exists, progress=self.used)
        (self.folder / GO).touch()

    def used(self) -> float:
        """Return the processor seconds of the process and its JVM: a driver that still works goes on using them."""
        return Meter(psutil.Process(self.process.pid)).seconds()

    def kill(self) -> None:
        """Kill it with its JVM and its Python workers, all at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start(stack: ExitStack, folder: Path, *arguments: str) -> Driver:
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.stream_driver", str(folder), *arguments],
        cwd=ROOT,
        env={**os.environ, **CREDENTIALS, **UNMEASURED},
        stderr=(folder / "stderr").open("wb"),
        start_new_session=True,
    )
    driver = Driver(process, folder)
    stack.callback(driver.kill)
    return driver


def wait_for_a_moment(kill: int, log: Path, driver: Driver) -> None:
    """Wait for any moment: of a driver's work, once it has brought a batch in, and every other time of its start."""
    if kill % 2 == 0:
        time.sleep(SystemRandom().uniform(0, LONGEST_START_SECONDS))
        return
    commits = len([*log.glob("*.json")])
    assert eventually(lambda: len([*log.glob("*.json")]) > commits, progress=driver.used)
    time.sleep(SystemRandom().uniform(0, LONGEST_WORK_SECONDS))


@pytest.mark.timeout(7200)
@pytest.mark.entities(USER)
def test_a_driver_killed_at_any_moment_loses_no_record_and_doubles_none(
    spark: SparkSession, lake: Lake, sent: Sender, tmp_path: Path
) -> None:
    table = table_folder(spark, lake.raw(USER))
    checkpoints = str(tmp_path / "checkpoints")
    given = (str(table.parents[1]), lake.schema, sent.streams.names.prefix, sent.streams.endpoint, checkpoints)
    log, producer = table / "_delta_log", Producer(sent)
    with producer.sending(), ExitStack() as stack:
        # The next driver starts its Spark while the one before works: what is killed is work, not a start.
        drivers = [start(stack, tmp_path / "driver-1", *given)]
        for kill in range(1, KILLS + 1):
            working = drivers.pop()
            if kill < KILLS:
                drivers.append(start(stack, tmp_path / f"driver-{kill + 1}", *given))
            working.go()
            wait_for_a_moment(kill, log, working)
            assert working.process.poll() is None, "the driver ended on its own"
            working.kill()
    brought_by_killed_drivers = len(rows(spark, lake.raw(USER)))

    for _ in ("the batch that was cut off", "all that came since"):
        catch_up(spark, lake, sent.streams, checkpoints)

    raw, clean = rows(spark, lake.raw(USER)), rows(spark, lake.clean(USER))
    assert Counter(json.loads(row["payload"])["first_name"] for row in raw) == Counter(producer.names)
    assert sorted((row["ind"], row["user_name"].split()[0]) for row in clean) == sorted(producer.last.items())
    assert 0 < brought_by_killed_drivers < len(raw)
