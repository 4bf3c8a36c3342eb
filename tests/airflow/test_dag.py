"""The DAG's file: it loads without a connection, and finds the faults of a finished run."""

import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import pytest

from tests.airflow.services import DAG, LATE, Airflow
from tests.airflow.workspace import CHAIN, Attempt, Run, Tree

OFFLINE = f"""
import runpy, socket, sys

def refuse(*_):
    raise SystemExit("a connection was opened while the file was loaded")

socket.socket.connect = refuse
runpy.run_path({str(DAG)!r})
"""


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The DAG's file, imported."""
    spec = importlib.util.spec_from_file_location(DAG.stem, DAG)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_loads_without_an_error_or_a_warning(running: Airflow) -> None:
    assert running.call("GET", "importErrors")["import_errors"] == []
    assert running.call("GET", "dagWarnings")["dag_warnings"] == []
    assert {dag["dag_id"] for dag in running.call("GET", "dags")["dags"]} == {DAG.stem, LATE}


def test_loading_it_uses_neither_a_database_nor_the_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("nothing")
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    subprocess.run([sys.executable, "-c", OFFLINE], env=environment, cwd=home, check=True, capture_output=True)

    assert not (home / "airflow.db").exists()


def test_the_ui_shows_its_schedule_owner_and_documentation(running: Airflow) -> None:
    details = running.call("GET", f"dags/{DAG.stem}/details")

    assert (details["timetable_summary"], details["timezone"], details["catchup"]) == ("0 3 * * *", "UTC", False)
    assert (details["max_active_runs"], details["owners"]) == (1, ["pinterest-pipeline"])
    assert "Before it is switched on" in details["doc_md"]
    assert "`tables` → `ingest` → `refine` → `publish`" in details["doc_md"]


def ended(*attempts: Attempt) -> Tree:
    """Return a run as the workspace returns it, after its first attempt and its repairs."""
    run = Run(1, 11, attempts[0])
    for number, attempt in enumerate(attempts):
        run.repairs, run.attempt, run.result, run.looks = [500] * number, attempt, "", attempt.looks
        run.look()
    return run.as_json()


def test_a_run_of_all_tasks_in_their_order_has_no_fault(module: ModuleType) -> None:
    assert module.faults(ended(Attempt())) == []


def test_in_a_repaired_run_the_last_attempt_of_a_task_counts(module: ModuleType) -> None:
    run = ended(Attempt(failed="refine"), Attempt())
    assert len(run["tasks"]) == len(CHAIN) + 2

    assert module.faults({**run, "tasks": run["tasks"][::-1]}) == []


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (("tables", "ingest", "publish"), "'publish': ['ingest']"),
        (("tables", "refine", "ingest", "publish"), "'refine': ['tables']"),
        ((*CHAIN, "report"), "'report': ['publish']"),
        ((), "the job's tasks depend so: {}"),
    ],
    ids=["one is missing", "two are swapped", "one is new", "none ran"],
)
def test_a_run_of_another_job_is_detected(module: ModuleType, chain: tuple[str, ...], said: str) -> None:
    (fault,) = module.faults(ended(Attempt(chain=chain)))

    assert said in fault


def test_a_task_that_did_not_succeed_is_detected_though_the_run_did(module: ModuleType) -> None:
    run = ended(Attempt())
    run["tasks"][2]["state"]["result_state"] = "EXCLUDED"

    assert module.faults(run) == ["refine ended as EXCLUDED"]
