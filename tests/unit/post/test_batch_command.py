import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES, PIN
from tests.support.fake_api import FakeApi, status
from tests.support.posting import NAMES, folder_of, json_rows, refused_in_one_line, sqlite_url
from tests.support.scripts import SCRIPTS, run_here

SCRIPT = SCRIPTS / "post_batch.py"
SHOWN = "shown-nowhere"


def options(api: str, folder: Path, source: str, *more: str) -> list[str]:
    files = ["--progress", str(folder / "progress.json"), "--dead-letters", str(folder / "dead.jsonl")]
    return ["--source", source, "--api", api, "--prefix", NAMES.prefix, *files, *more]


def run(api: str, folder: Path, source: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", **environment}
    return run_here(SCRIPT, *options(api, folder, source, *more), folder=folder, environment=environment)


def start(api: str, folder: Path, source: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *options(api, folder, source, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
    )


def test_a_run_posts_everything_and_shows_the_counts(api: FakeApi, tmp_path: Path) -> None:
    process = start(api.url, tmp_path, sqlite_url(tmp_path, 30), "--records-per-request", "10")
    output, _ = process.communicate()

    assert process.returncode == 0
    assert sum(api.keys(NAMES.topic(PIN)).values()) == 30
    assert len(api.calls) == 9
    for entity in ENTITIES:
        assert any(entity.name in line and line.count("30") == 3 for line in output.splitlines())


def test_rows_that_may_be_in_twice_are_shown_only_where_there_are_any(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 3))
    api.script.append(status(502))

    assert "maybe twice" in run(api.url, tmp_path, str(tmp_path)).stdout
    assert "maybe twice" not in run(api.url, tmp_path, str(tmp_path)).stdout


def test_a_url_with_a_password_may_stand_in_the_environment(api: FakeApi, tmp_path: Path) -> None:
    done = run(api.url, tmp_path, "", SOURCE_DATABASE_URL=f"mysql://user:{SHOWN}@127.0.0.1:1/d")

    assert "Connection refused" in done.stderr
    assert SHOWN not in done.stderr


def test_a_generated_source_s_url_may_hold_no_password_either(tmp_path: Path) -> None:
    url = f"mysql://user:{SHOWN}@127.0.0.1:1/d"

    done = run_here(SCRIPTS / "make_source.py", "--url", url, folder=tmp_path, environment=os.environ)

    assert done.returncode == 2
    assert "SOURCE_DATABASE_PASSWORD" in done.stderr
    assert SHOWN not in done.stderr


def test_dead_letters_end_with_exit_code_1_and_say_where_they_are(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 3))
    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] == 1 else None)

    done = run(api.url, tmp_path, str(tmp_path))

    assert done.returncode == 1
    assert f"1 rows could not be posted; they are in {tmp_path / 'dead.jsonl'}" in done.stderr
    assert json.loads((tmp_path / "dead.jsonl").read_text())["key"] == 1


def test_dead_letters_are_posted_again_until_none_is_left(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 3))
    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] else None)
    assert run(api.url, tmp_path, str(tmp_path)).returncode == 1

    api.otherwise = lambda call: api.take_some(call, lambda record: 50002 if record["key"] == 2 else None)
    some = run(api.url, tmp_path, "dead.jsonl")
    api.otherwise = lambda _: None
    rest = run(api.url, tmp_path, "dead.jsonl")

    assert (some.returncode, rest.returncode) == (1, 0)
    assert "1 rows could not be posted; they are in dead.jsonl" in some.stderr
    assert (api.keys(NAMES.topic(PIN)), (tmp_path / "dead.jsonl").read_text()) == ({0: 1, 1: 1, 2: 1}, "")


def test_a_last_line_without_its_end_is_left_and_the_summary_says_so(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 2))
    with (tmp_path / "pin.jsonl").open("a") as file:
        file.write('{"index": 3')

    done = run(api.url, tmp_path, str(tmp_path))

    assert done.returncode == 0
    assert f"the last line of {tmp_path / 'pin.jsonl'} has no newline" in done.stderr
    assert sum(api.keys(NAMES.topic(PIN)).values()) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--source", f"mysql://user:{SHOWN}@127.0.0.1:1/d"], "SOURCE_DATABASE_PASSWORD"),
        (["--source", "mysql://127.0.0.1:1/d"], "Connection refused"),
        (["--source", "nowhere"], "no folder nowhere"),
        (["--api", "http://10.0.0.7"], "--insecure-http"),
        (["--prefix", "A_B"], "the prefix must be"),
        (["--records-per-request", "0"], "must be 1 or more"),
        (["--auth", "api-key"], "PINTEREST_API_KEY"),
        (["--credentials-file", "none.env"], "cannot read the credentials file"),
        (["--progress", "/dev/null/progress.json"], "cannot write"),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_code_2(
    api: FakeApi, tmp_path: Path, changed: list[str], message: str
) -> None:
    folder_of(tmp_path, pin=json_rows(PIN, 1))

    done = run(api.url, tmp_path, str(tmp_path), *changed)

    assert refused_in_one_line(done, message), done.stderr
    assert SHOWN not in done.stderr + done.stdout
    assert api.calls == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_keeps_progress_shows_the_counts_and_says_how_to_go_on(
    api: FakeApi, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    source = sqlite_url(tmp_path, 200)
    api.delay = 0.05
    more = ("--records-per-request", "10", "--in-flight", "1")
    process = start(api.url, tmp_path, source, *more)
    while len(api.calls) < 5:
        time.sleep(0.01)

    process.send_signal(number)
    output, errors = process.communicate()

    assert process.returncode == code
    assert "posted" in output
    assert "run the same command again to resume" in " ".join(errors.split())
    assert "Traceback" not in errors
    api.delay = 0
    assert run(api.url, tmp_path, source).returncode == 0
    counts = api.keys(NAMES.topic(PIN))
    assert len(counts) == 200
    assert sum(counts.values()) <= 210
