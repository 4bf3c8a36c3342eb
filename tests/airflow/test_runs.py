"""Airflow runs the DAG, including deferred waits, against a workspace that checks every call, and logs no secret."""

from uuid import UUID

import pytest

from tests.airflow.outcomes import ALL_WELL, FAILED_FOR_GOOD, tokens
from tests.airflow.services import Airflow
from tests.airflow.workspace import CLIENT_SECRET, Attempt, Workspace

FAILED = Attempt(failed="refine")
FAILED_AT_ONCE = Attempt(failed="refine", looks=0)
VARIABLE = {"key": "pinterest_batch_job", "value": "[dev ann] pinterest-batch"}


def test_each_dag_run_finds_the_job_by_its_name_starts_it_once_and_waits_without_a_worker(
    running: Airflow, workspace: Workspace
) -> None:
    run = running.trigger()

    running.wait_for_state(run, "run", "deferred")
    assert running.ended(run) == ALL_WELL
    first, second, *rest = workspace.calls
    assert (first.path, first.payload["name"]) == ("jobs/list", "pinterest-batch")
    assert (second.path, second.payload["job_id"], UUID(tokens(workspace)[0]).version) == ("jobs/run-now", 11, 5)
    # Airflow may take an attempt for dead and make another, which begins with the same two calls.
    looks = [call for call in rest if call not in (first, second)]
    assert {(call.path, str(call.payload["run_id"])) for call in looks} == {("jobs/runs/get", "101")}

    assert running.ended(running.trigger()) == ALL_WELL
    assert len(set(tokens(workspace))) == len(workspace.runs) == 2


def test_another_job_is_named_by_a_variable(running: Airflow, workspace: Workspace) -> None:
    workspace.jobs[12] = VARIABLE["value"]
    running.call("POST", "variables", VARIABLE)
    try:
        assert running.ended(running.trigger()) == ALL_WELL
    finally:
        running.call("DELETE", f"variables/{VARIABLE['key']}")

    assert [run.job_id for run in workspace.runs.values()] == [12]


def test_a_repair_that_becomes_visible_late_is_found_by_the_second_attempt(
    running: Airflow, workspace: Workspace
) -> None:
    workspace.script = [FAILED, Attempt(looks=2, stale=1)]

    assert running.ended(running.trigger()) == ALL_WELL
    assert (len(workspace.runs), len(tokens(workspace)), len(workspace.called("jobs/runs/repair"))) == (1, 2, 1)


def test_each_attempt_repairs_the_failed_run_once_and_so_does_one_after_the_task_is_cleared(
    running: Airflow, workspace: Workspace
) -> None:
    workspace.script = [FAILED, FAILED, FAILED_AT_ONCE, FAILED_AT_ONCE]
    run = running.trigger()

    assert running.ended(run) == FAILED_FOR_GOOD
    assert "refine ended as FAILED; publish ended as UPSTREAM_FAILED: ['the reason of " in running.log(run, "run")
    assert running.attempts(run, "run") == 3
    repair = {"run_id": 101, "rerun_all_failed_tasks": True}
    repairs = [repair] + [repair | {"latest_repair_id": earlier} for earlier in (501, 502, 503)]
    # Airflow can start a task before its scheduler has committed it: such an attempt ends before it calls anybody.
    assert workspace.called("jobs/runs/repair") == repairs[: len(tokens(workspace))]

    running.clear(run, "run")

    assert running.ended(run) == ALL_WELL
    assert (len(workspace.runs), len(tokens(workspace)), len(set(tokens(workspace)))) == (1, 4, 1)
    assert workspace.called("jobs/runs/repair") == repairs


def test_a_cancelled_run_is_not_repaired(running: Airflow, workspace: Workspace) -> None:
    workspace.script = [Attempt(result="CANCELED")]
    run = running.trigger()

    assert running.ended(run) == FAILED_FOR_GOOD
    assert "run 101 was cancelled" in running.log(run, "run")
    assert (len(tokens(workspace)), workspace.called("jobs/runs/repair")) == (1, [])


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ({7: "another-job"}, "expected a job named 'pinterest-batch'"),
        ({11: "pinterest-batch", 12: "pinterest-batch"}, "There are more than one job with name pinterest-batch"),
    ],
    ids=["no such job", "two such jobs"],
)
def test_nothing_is_started_unless_exactly_one_job_has_the_name(
    running: Airflow, workspace: Workspace, jobs: dict[int, str], said: str
) -> None:
    workspace.jobs = jobs
    run = running.trigger()

    assert running.ended(run) == FAILED_FOR_GOOD
    assert said in running.log(run, "run")
    assert {call.path for call in workspace.calls} == {"jobs/list"}


def test_calls_are_repeated_while_the_workspace_is_busy(running: Airflow, workspace: Workspace) -> None:
    workspace.refusals |= {"jobs/list": [503], "jobs/run-now": [429, 503], "jobs/runs/get": [503, 0, 429]}

    assert running.ended(running.trigger()) == ALL_WELL
    assert (len(workspace.runs), len(set(tokens(workspace)))) == (1, 1)
    assert not any(workspace.refusals.values())


def test_a_lost_answer_starts_no_second_run(running: Airflow, workspace: Workspace) -> None:
    workspace.lost = {"jobs/run-now"}

    assert running.ended(running.trigger()) == ALL_WELL
    assert (len(workspace.runs), len(tokens(workspace)), len(set(tokens(workspace)))) == (1, 2, 1)


def test_a_job_that_is_not_the_one_of_this_repository_fails_the_dag_run(running: Airflow, workspace: Workspace) -> None:
    workspace.script = [Attempt(chain=("tables", "ingest", "publish"))]
    run = running.trigger()

    assert running.ended(run) == FAILED_FOR_GOOD
    assert "expected tables -> ingest -> refine -> publish" in running.log(run, "run")
    assert len(tokens(workspace)) == 1


def test_no_log_of_any_test_holds_a_secret(running: Airflow, workspace: Workspace) -> None:
    logs = running.logs()

    assert any("run 101 is" in text for text in logs.values())
    assert [
        path for path, text in logs.items() if any(secret in text for secret in (CLIENT_SECRET, *workspace.tokens))
    ] == []
