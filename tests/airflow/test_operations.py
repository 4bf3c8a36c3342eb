"""Actions on a DAG run in the UI, a restart of Airflow, and a missed deadline."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.airflow.outcomes import ALL_WELL, FAILED_FOR_GOOD, tokens
from tests.airflow.services import LATE, Airflow, wait_for
from tests.airflow.workspace import FOR_EVER, Attempt, Workspace


def waiting(running: Airflow, workspace: Workspace) -> str:
    """Start a DAG run whose job does not end, and wait until it is deferred."""
    workspace.script = [Attempt(looks=FOR_EVER)]
    run = running.trigger()
    running.wait_for_state(run, "run", "deferred")
    return run


def test_once_unpaused_it_runs_the_last_missed_interval_only(running: Airflow) -> None:
    (run,) = running.runs("scheduled")

    when = datetime.fromisoformat(running.call("GET", run)["run_after"])
    assert (when.hour, when.minute) == (3, 0)
    assert datetime.now(UTC) - when < timedelta(days=1, minutes=5)


@pytest.mark.parametrize("task", ["run", None], ids=["the task", "the DAG run"])
def test_marking_it_as_failed_cancels_the_jobs_run(running: Airflow, workspace: Workspace, task: str | None) -> None:
    run = waiting(running, workspace)

    running.mark_as_failed(run, task)

    assert running.ended(run) == FAILED_FOR_GOOD
    assert workspace.runs[101].result == "CANCELED"


def test_after_a_restart_airflow_continues_with_the_existing_run(running: Airflow, workspace: Workspace) -> None:
    run = waiting(running, workspace)

    for service in ("scheduler", "triggerer"):
        running.kill(service)
    for service in ("scheduler", "triggerer"):
        running.start(service)
    workspace.finish()

    assert running.ended(run) == ALL_WELL
    assert len(workspace.runs) == 1
    assert len(set(tokens(workspace))) == 1


def test_a_dag_run_past_its_deadline_fails_and_the_log_names_it(running: Airflow, workspace: Workspace) -> None:
    workspace.script = [Attempt(looks=FOR_EVER)]
    running.switch_on(LATE)
    try:
        (run,) = wait_for(lambda: running.runs("scheduled", LATE), "the late DAG runs")
        states = running.ended(run)
        assert (states["run"], states[""]) == ("skipped", "failed")
    finally:
        running.switch_off(LATE)

    run_id = run.rpartition("/")[2]
    said = f"{LATE}: DAG run {run_id} failed (timed_out); its deadline is 6 hours"
    wait_for(lambda: any(said in text for text in running.logs().values()), "the DAG processor's log says so")
