"""Every notebook runs from its file, with its declared widgets, and shows its documented results."""

import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import Row

from pinterest_pipeline.entities import ENTITIES, USER
from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.charts import draw, html
from pinterest_pipeline.publish.health import HEALTH
from tests.notebooks.conftest import IN_ORDER, Workspace
from tests.support.bundle_resolver import GIVEN, load
from tests.support.notebook_runner import FOLDER, NOTEBOOKS, Page, cells
from tests.support.stand_ins import FileSystem
from tests.support.streamed import only

ROOT = Path(__file__).parents[2]
OF_A_NOTEBOOK = {"trigger": "available_now"}  # a cell that never ended would not do to begin with


def test_every_notebook_is_tested() -> None:
    assert set(NOTEBOOKS) == set(IN_ORDER)


@pytest.mark.connect
def test_set_up_creates_the_tables_and_shows_them_and_the_files(pages: dict[str, Page]) -> None:
    tables, files = pages["set_up"].shown
    assert {"pin", "geo", "user", "runs"} <= {row[1] for row in tables.rows}
    assert [Path(row[0]).name for row in files.rows] == ["topics"]


@pytest.mark.connect
def test_set_up_mounts_once_and_shows_no_key(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, USER)
    fs = FileSystem(folders={"/mnt/pinterest": workspace.folder / "landing"})
    mount = {"access": "mount", "landing": "/mnt/pinterest", "bucket": "posts", "scope": "aws"}
    shown = [workspace.open("set_up", fs, **mount).shown for _ in range(2)]
    assert fs.calls == ["mount s3a://posts /mnt/pinterest"]
    assert "hidden-of-the-test" not in f"{shown} {capfd.readouterr()}"


@pytest.mark.connect
def test_set_up_removes_the_mount(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, USER)
    fs = FileSystem()
    fs.mount("s3a://posts", "/mnt/pinterest", extra_configs={})
    still_mounted = workspace.open("set_up", fs, access="unmount", landing="/mnt/pinterest").shown[-1]
    assert [row[0].mount_point for row in still_mounted.rows] == ["/databricks-datasets"]


@pytest.mark.connect
def test_ingest_shows_the_records_that_it_read(pages: dict[str, Page]) -> None:
    runs, *raw = pages["ingest"].shown
    assert sum(row[runs.columns.index("rows_read")] for row in runs.rows) == 10
    assert [len(shown.rows) for shown in raw] == [3, 3, 4]


@pytest.mark.connect
def test_refine_shows_clean_rows_and_rejected_records(pages: dict[str, Page]) -> None:
    runs, *tables = pages["refine"].shown
    assert sum(row[runs.columns.index("rows_rejected")] for row in runs.rows) == 1
    assert [len(shown.rows) for shown in tables] == [3, 3, 3, 0, 0, 1]


@pytest.mark.connect
def test_refine_replays_quarantine_once_and_only_when_asked(
    workspace: Workspace, pages: dict[str, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, USER)
    before, after = (page.shown[0] for page in (pages["refine"], workspace.open("refine", replay="yes")))
    stage, read = (before.columns.index(name) for name in ("stage", "rows_read"))
    assert [row[read] for row in before.rows if row[stage] == "replay"] == []
    assert [row[read] for row in after.rows if row[stage] == "replay"] == [1]


@pytest.mark.connect
def test_publish_shows_every_answer(pages: dict[str, Page]) -> None:
    runs, *answers = pages["publish"].shown
    assert len(runs.rows) == len(ANSWERS)
    assert [tuple(shown.columns) for shown in answers] == [answer.columns for answer in ANSWERS]
    assert answers[0].rows == [("Norway", "home-decor", 3)]


@pytest.mark.connect
def test_explore_shows_what_publish_wrote_and_every_run(pages: dict[str, Page]) -> None:
    *answers_and_health, runs = pages["explore"].shown
    assert answers_and_health[: len(ANSWERS)] == pages["publish"].shown[1:]
    assert {row[runs.columns.index("stage")] for row in runs.rows} == {"ingest", "refine", "publish"}


@pytest.mark.connect
def test_stream_shows_the_rows_of_the_streams_and_their_latency(pages: dict[str, Page]) -> None:
    so_far, late, *turned_away = pages["stream"].shown
    counts = {row[:2]: row[2:] for row in so_far.rows}
    assert {counts["ingest", entity.name] for entity in ENTITIES} == {(4, 4, 0, 0)}
    assert {counts["refine", entity.name] for entity in ENTITIES} == {(4, 3, 0, 1)}
    assert all(0 < row[late.columns.index("latency_p50_seconds")] < 3600 for row in late.rows)
    assert [shown.rows for shown in turned_away] == [[], [], []]


@pytest.mark.connect
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_reads_every_widget_that_it_declares(pages: dict[str, Page], name: str) -> None:
    widgets = pages[name].dbutils.widgets
    assert widgets.read == widgets.declared.keys()


@pytest.mark.connect
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_widget_defaults_are_the_job_parameters_of_prod(pages: dict[str, Page], name: str) -> None:
    declared = pages[name].dbutils.widgets.declared
    # A user enters the workspace's own service credential.
    jobs = load(ROOT, "prod", {**GIVEN["prod"], "kinesis_access": ""}).resources("jobs")
    parameters = jobs["stream" if name == "stream" else "batch"]["parameters"]
    given = {each["name"]: str(each["default"]) for each in parameters} | OF_A_NOTEBOOK
    shared = declared.keys() & given.keys()
    assert {"catalog", "schema"} <= shared
    assert {each: declared[each] for each in shared} == {each: given[each] for each in shared}
    assert declared.keys() - given.keys() <= {"access", "bucket", "scope", "credentials", "replay", "endpoint"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_begins_with_its_title_what_it_does_and_when_to_run_it(name: str) -> None:
    first = cells(name)[0]
    title, _, about, *_ = first.text.splitlines()
    assert first.markdown
    assert title == f"# {name.replace('_', ' ').capitalize()}"
    assert about
    assert "\n**Run it** " in first.text


def run_alone(code: str, folder: Path) -> None:
    """Run code next to the notebooks, with Spark but without this project's environment."""
    script = folder / "alone.py"
    script.write_text(f"import sys\nsys.path.append({str(Path(pyspark.__file__).parents[1])!r})\n{code}", "utf-8")
    subprocess.run([sys.executable, "-I", "-S", str(script)], cwd=FOLDER, check=True)


def opening(name: str) -> str:
    return next(cell.text for cell in cells(name) if not cell.markdown)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_finds_the_package_next_to_it(name: str, tmp_path: Path) -> None:
    run_alone(f"{opening(name)}\nimport pinterest_pipeline", tmp_path)


@pytest.mark.parametrize(("name", "stage"), [("ingest", "ingest.raw"), ("refine", "refine.merging")])
def test_the_batch_function_can_be_unpickled_without_the_package(name: str, stage: str, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    send = (
        f"import pinterest_pipeline.{stage} as stage\nPath({str(sent)!r}).write_bytes(cloudpickle.dumps(stage._writer))"
    )
    run_alone(f"{opening(name)}\n{send}", tmp_path)
    receive = f"from pyspark import cloudpickle\ncloudpickle.load(open({str(sent)!r}, 'rb'))"
    run_alone(f"{receive}\nassert 'pinterest_pipeline' not in sys.modules", tmp_path)


def test_explore_has_the_title_of_every_answer_and_health_measure() -> None:
    titles = [cell.text.splitlines()[0].removeprefix("## ") for cell in cells("explore") if cell.markdown]
    assert titles[1:-1] == [shown.title for shown in (*ANSWERS, *HEALTH)]


@pytest.mark.connect
def test_explore_draws_every_answer_from_the_rows_that_it_shows(pages: dict[str, Page]) -> None:
    page = pages["explore"]
    for answer, shown, drawn in zip(ANSWERS, page.shown[: len(ANSWERS)], page.charts[: len(ANSWERS)], strict=True):
        rows = [Row(**dict(zip(shown.columns, row, strict=True))) for row in shown.rows]
        assert drawn == html(draw(answer.name, rows))
        assert "<figure>" in drawn


@pytest.mark.connect
@pytest.mark.parametrize(
    ("name", "findings"),
    [
        ("ingest", ["Newest record: geo "]),
        ("refine", ["10 rows; the most on ", "Most often: user.payload breaks not_one_object, 1."]),
        ("explore", ["Newest record: geo ", "Most often: user.payload", "10 rows; the most on ", "No rows."]),
        ("stream", ["Highest: "]),
    ],
)
def test_a_notebook_draws_the_health_of_the_pipeline(pages: dict[str, Page], name: str, findings: list[str]) -> None:
    drawn = pages[name].charts[-len(findings) :]
    assert [finding in html for finding, html in zip(findings, drawn, strict=True)] == [True] * len(findings)
