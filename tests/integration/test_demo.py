"""The demo as a user runs it: the script, its exit code, its files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from pinterest_pipeline.publish.answers import ANSWERS
from tests.support.landed import keyed
from tests.support.scripts import SCRIPTS, run_here

SCRIPT = SCRIPTS / "demo.py"
PEOPLE = 40


# Variables of a user's environment that the demo must not use.
ELSEWHERE = {
    "AWS_PROFILE": "unknown-here",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "socks5://127.0.0.1:9",
}


def run_demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | ELSEWHERE
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=1100, env=environment)


def write_folder(folder: Path, lines: dict[Entity, list[dict[str, Any] | str]]) -> None:
    folder.mkdir()
    for entity in ENTITIES:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines[entity]]
        (folder / f"{entity.name}.jsonl").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def answer(output: Path, name: str) -> list[list[str]]:
    with (output / "answers" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One run on a folder with good rows, a duplicate, a broken line and impossible values."""
    folder = tmp_path_factory.mktemp("demo")
    keys = range(1, PEOPLE + 1)
    write_folder(
        folder / "rows",
        {
            PIN: [*(keyed(PIN, key, category="art") for key in keys), keyed(PIN, 1, category="travel"), "{broken"],
            GEO: [*(keyed(GEO, key) for key in keys), keyed(GEO, 99, latitude=91)],
            USER: [*(keyed(USER, key) for key in keys), keyed(USER, 99, age=-3)],
        },
    )
    return folder / "demo-output", run_demo("--source", "rows", cwd=folder)


Demo = tuple[Path, subprocess.CompletedProcess[str]]


def test_the_demo_succeeds_and_says_that_every_count_adds_up(demo: Demo) -> None:
    assert demo[1].returncode == 0, demo[1].stderr
    assert "All 27 checks hold" in demo[1].stdout


def test_every_answer_is_a_csv_file_named_as_its_sql_with_its_columns_as_header(demo: Demo) -> None:
    assert {path.stem for path in (demo[0] / "answers").iterdir()} == {answer.name for answer in ANSWERS}
    for found in ANSWERS:
        assert answer(demo[0], found.name)[0] == list(found.columns)


def test_the_newest_duplicate_counts_and_bad_rows_do_not(demo: Demo) -> None:
    assert answer(demo[0], "q2a_posts_by_year_and_category")[1:] == [
        ["2018", "art", str(PEOPLE - 1)],
        ["2018", "travel", "1"],
    ]


def test_the_report_says_what_was_rejected_and_why(demo: Demo) -> None:
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    for reason in ("latitude: expected -90 to 90", "age: expected 0 to 130", "payload: expected one JSON object"):
        assert reason in page


def test_the_script_ends_with_the_code_of_its_outcome(tmp_path: Path) -> None:
    assert run_demo("--source", "nowhere", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "-1"], "--rows must be 0 or more"),
        (["--source", "nowhere"], "there is no folder nowhere"),
        (["--source", "sqlite:///nowhere.db"], "nowhere.db"),
        (["--source", "oops://host/db"], "oops"),
        (["--output", "."], "holds files that are not from a demo"),
        (["--output", "notes.txt"], "cannot use notes.txt as the output folder"),
        (["--rows", "9999999999"], "rows"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    done = run_here(SCRIPT, *arguments, folder=tmp_path, environment=os.environ | ELSEWHERE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert not (tmp_path / "demo-output" / "report.html").exists()
