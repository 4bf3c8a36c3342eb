import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES, GEO, PIN
from tests.support.fake_api import FakeApi, status
from tests.support.posting import NAMES, folder_of, json_rows, refused_in_one_line, sqlite_url
from tests.support.scripts import SCRIPTS, run_here

SCRIPT = SCRIPTS / "post_stream.py"
FAST = ("--rate", "0")


def options(api: str, folder: Path, source: str, *more: str) -> list[str]:
    files = ["--dead-letters", str(folder / "dead.jsonl")]
    return ["--source", source, "--api", api, "--prefix", NAMES.prefix, *files, *more]


def run(api: str, folder: Path, source: str, *more: str, columns: int = 200) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": str(columns)}
    return run_here(SCRIPT, *options(api, folder, source, *more), folder=folder, environment=environment)


def start(api: FakeApi, folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start an endless run and return once each stream has had a request."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *options(api.url, folder, sqlite_url(folder, 200), *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    while len({call.topic for call in api.calls}) < 3:
        time.sleep(0.01)
    return process


def sent(output: str) -> int:
    """Add up the column `sent` of the summary."""
    return sum(
        int(count.replace(",", "")) for count in re.findall(r"^ *(?:pin|geo|user) +([\d,]+) ", output, re.MULTILINE)
    )


def test_a_run_posts_what_it_is_told_to_and_shows_the_counts(api: FakeApi, tmp_path: Path) -> None:
    done = run(api.url, tmp_path, sqlite_url(tmp_path, 40), *FAST, "--count", "30", "--seed", "7")

    assert done.returncode == 0
    assert "--seed 7" in done.stderr
    assert sent(done.stdout) == len(api.taken) == 90


def test_one_at_a_time_is_the_first_version_s_way(api: FakeApi, tmp_path: Path) -> None:
    run(api.url, tmp_path, sqlite_url(tmp_path, 5), *FAST, "--count", "5", "--one-at-a-time")

    assert sorted(call.path.rpartition("/")[2] for call in api.calls) == ["record"] * 15


def test_the_summary_s_titles_are_whole_on_a_narrow_terminal(api: FakeApi, tmp_path: Path) -> None:
    done = run(api.url, tmp_path, sqlite_url(tmp_path, 5), *FAST, "--count", "5", columns=80)

    assert {"maybe", "letters", "waiting", "requests"} <= {*done.stdout.split()}


def test_dead_letters_end_with_exit_code_1_and_say_where_they_are(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, geo=json_rows(GEO, 3))
    api.otherwise = lambda call: status(400)(call) if "1" in [record["key"] for record in call.records] else None

    done = run(api.url, tmp_path, str(tmp_path), *FAST, "--count", "3")

    assert done.returncode == 1
    assert f"1 rows could not be posted; they are in {tmp_path / 'dead.jsonl'}" in done.stderr
    assert json.loads((tmp_path / "dead.jsonl").read_text())["key"] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--source", "nowhere"], "no folder nowhere"),
        (["--api", "nowhere"], "the API must be a URL"),
        (["--count", "0"], "count must be"),
        (["--rate", "-1"], "rate must be"),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_code_2(
    api: FakeApi, tmp_path: Path, changed: list[str], message: str
) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 1))

    done = run(api.url, tmp_path, str(tmp_path), *changed)

    assert refused_in_one_line(done, message), done.stderr
    assert (done.stdout, api.calls) == ("", [])


def test_a_stream_that_is_missing_is_one_line_behind_what_was_sent(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = lambda call: status(404)(call) if call.topic == NAMES.stream(GEO) else None

    done = run(api.url, tmp_path, sqlite_url(tmp_path, 5), "--rate", "20")

    assert done.returncode == 2
    assert sent(done.stdout) == len(api.taken)
    assert f"{NAMES.stream(GEO)}/records answered 404: there is no such stream" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_a_line_says_now_and_then_what_happens(api: FakeApi, tmp_path: Path) -> None:
    done = run(api.url, tmp_path, sqlite_url(tmp_path, 60), "--rate", "10", "--count", "55", columns=80)

    assert re.search(
        r"^pin: \d+ sent, 0 maybe twice, 0 dead, \d+ rows/s, p50 .* · geo: .* · user: ",
        done.stderr,
        re.MULTILINE,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_sends_what_was_read_and_says_what_was_sent(
    api: FakeApi, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    api.delay = 0.05
    process = start(api, tmp_path, "--rate", "100")

    process.send_signal(number)
    output, errors = process.communicate(timeout=20)

    assert process.returncode == code
    assert sent(output) == len(api.taken) > 0
    assert len({sum(name == NAMES.stream(entity) for name, _, _ in api.taken) for entity in ENTITIES}) == 1
    assert "stopping" in errors
    assert "Traceback" not in errors


def test_a_second_ctrl_c_stops_at_once(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = status(503, retry_after="60")
    process = start(api, tmp_path)

    process.send_signal(signal.SIGINT)
    time.sleep(1)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert time.monotonic() - began < 3
    assert "p99" in output
    assert "Traceback" not in errors
