"""The DAG `pinterest_batch`: Airflow starts the Databricks job of the batch half, waits for it, and checks what it did.

The whole job runs in one task. Its tasks, their order, retries and compute belong to the bundle
(`resources/batch.job.yml`); a copy of them as Airflow tasks would be a second declaration, and a job of its own in the
workspace. What Airflow must know of them is `TASKS`, and every finished run is compared with it.

One DAG run is one run of the job: the idempotency token is made of the DAG run's id, so every retry (after a
lost response, a dead worker, a restart of Airflow, a cleared task) finds the existing run, and repairs it where it
failed. Parsing this file, every few seconds, reads neither the metadata database nor a secret.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.databricks.hooks.databricks import DatabricksHook, RunState
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator, get_current_context, task

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

JOB = "pinterest-batch"
JOB_VARIABLE = "pinterest_batch_job"
TASKS = ("tables", "ingest", "refine", "publish")
SCHEDULE = "0 3 * * *"
DEADLINE_HOURS = 6
RETRIES = 2
JOB_RUN = "job_run"

# Rendered when a task runs. The first is the same for every attempt of one DAG run, whose own id may be longer than the
# 64 characters that an idempotency token may have.
ONE_DAG_RUN = "{{ macros.uuid.uuid5(macros.uuid.NAMESPACE_URL, dag.dag_id ~ '/' ~ run_id) }}"
NAME_OF_JOB = f"{{{{ var.value.get('{JOB_VARIABLE}', '{JOB}') }}}}"

DOC = f"""
Runs the Databricks job `{JOB}` on the schedule `{SCHEDULE}` (UTC): {" → ".join(f"`{key}`" for key in TASKS)}, from the
files in the landing bucket to the answers.

- `run` finds the job by its name, starts it and looks at it every minute, holding no worker in between. It repairs a
  run that failed, and checks in the end that each of the job's tasks ran, behind the one before it, and succeeded.
- `stop` cancels the job's run if it is still running, as after *Mark as failed*.

**Before it is switched on.** Airflow and the bundle must not both start the job: deploy the bundle with
`BUNDLE_VAR_schedule_status=PAUSED`. The connection `databricks_default` holds the workspace's address and the client
id and secret of a service principal that may run the job (*Can manage run*) and sees no other job of this name. Under
another name the job is found by the Airflow variable `{JOB_VARIABLE}`. Switched on, the DAG makes up for the last time
that the schedule names, and for none before.

**Run it again.** *Clear* `run` repairs the same run once the cause is mended: only what failed runs again. A run that
succeeded or was cancelled stays as it is. *Trigger* starts a new run; every task of the job is safe to repeat.

**Late or failed.** A failed run is repaired up to {RETRIES + 1} times, beside the job's own attempts at each task.
After {DEADLINE_HOURS} hours the DAG run fails, and says so in the DAG processor's log; the job's run goes on until its
own limits end it.
"""


class RunJobOperator(BaseOperator):
    """Runs a Databricks job to its end, by name, once for a DAG run, and repairs it where it failed.

    It waits as a deferred task, by the clock, and looks at the run from a worker. The provider's operator would look
    from the triggerer, where Airflow 3.0 cannot read a connection that has extras, as one for a service principal has
    (apache/airflow#71525). So the triggerer needs no secret, either.

    It does not end the job's run when its process is killed: a killed worker's task is tried again and finds the run.
    """

    template_fields = ("job_name", "idempotency_token")
    job_name = NAME_OF_JOB
    idempotency_token = ONE_DAG_RUN
    # Airflow detects within five seconds that a process has ended. A task that resumes before that looks killed, and is
    # retried.
    pause = timedelta(minutes=1)

    def execute(self, context: "Context") -> None:
        """Start the job's run, or find the one that an earlier attempt has started.

        Raises:
            AirflowFailException: Its run was cancelled, and to try again would undo what somebody wanted; or it was
                not one of `TASKS`.
            AirflowException: There is no such job, or its run failed again after a repair.
        """
        databricks = hook()
        job_id = databricks.find_job_id_by_name(self.job_name)
        if job_id is None:
            raise AirflowException(f"expected a job named {self.job_name!r} that this connection may see, found none")
        job_run = databricks.run_now({"job_id": job_id, "idempotency_token": self.idempotency_token})
        context["ti"].xcom_push(JOB_RUN, job_run)
        self._look(context, job_run)

    def go_on(self, context: "Context", event: object, *, job_run: int, repaired: bool, attempt: int) -> None:
        """Check again, after the trigger has waited."""
        self.log.info("waited until %s", event)
        # For a failed deferred task, Airflow 3.0 resumes the last step and counts that as a new attempt.
        if attempt == context["ti"].try_number:
            self._look(context, job_run, repaired=repaired)
        else:
            self.execute(context)

    def _look(self, context: "Context", job_run: int, *, repaired: bool = False) -> None:
        databricks = hook()
        run = databricks.get_run(job_run)
        state = RunState(**run["state"])
        self.log.info("run %s is %s: %s", job_run, state, run["run_page_url"])
        if not state.is_terminal:
            self._wait(context, job_run, repaired=repaired)
        if state.result_state == "CANCELED":
            raise AirflowFailException(f"run {job_run} was cancelled; trigger the DAG for a new one")
        if state.is_successful:
            if found := faults(run):
                raise AirflowFailException(f"run {job_run}: {'; '.join(found)}")
            return
        failed = [each["run_id"] for each in last_attempts(run).values() if result(each) == "FAILED"]
        reasons = [databricks.get_run_output(each).get("error") for each in failed]
        if repaired:
            raise AirflowException(f"run {job_run}: {'; '.join(faults(run))}: {reasons}")
        self.log.warning("run %s: %s: %s; repairing it", job_run, "; ".join(faults(run)), reasons)
        last = databricks.get_latest_repair_id(job_run)
        repair = {} if last is None else {"latest_repair_id": last}
        databricks.repair_run({"run_id": job_run, "rerun_all_failed_tasks": True, **repair})
        self._wait(context, job_run, repaired=True)

    def _wait(self, context: "Context", job_run: int, *, repaired: bool) -> NoReturn:
        # Ends this process: Airflow continues with `go_on` in another.
        kwargs = {"job_run": job_run, "repaired": repaired, "attempt": context["ti"].try_number}
        self.defer(trigger=TimeDeltaTrigger(self.pause), method_name="go_on", kwargs=kwargs)


def hook() -> DatabricksHook:
    """Return the hook for Databricks, which retries throttled calls for half a minute."""
    return DatabricksHook(retry_limit=6, caller="pinterest_batch")


def last_attempts(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a run's tasks by key; one that was retried or repaired appears once for each attempt."""
    attempts = sorted(run.get("tasks", []), key=lambda each: each.get("attempt_number", 0))
    return {each["task_key"]: each for each in attempts}


def result(attempt: dict[str, Any]) -> str | None:
    """Return the result of an attempt at a task."""
    ended: str | None = attempt.get("state", {}).get("result_state")
    return ended


def faults(run: dict[str, Any]) -> list[str]:
    """Return the faults of a finished run: tasks that are missing, unknown, out of order or did not succeed."""
    last = last_attempts(run)
    order = {key: [need["task_key"] for need in each.get("depends_on", [])] for key, each in last.items()}
    expected = dict(zip(TASKS, ([], *([key] for key in TASKS)), strict=False))
    found = [] if order == expected else [f"expected {' -> '.join(TASKS)}, the job's tasks depend so: {order}"]
    return found + [f"{key} ended as {result(each)}" for key, each in last.items() if result(each) != "SUCCESS"]


def report(context: "Context") -> None:
    """Log in one line that a DAG run failed or missed its deadline."""
    # Airflow 3.0 has neither the SLAs of 2 nor the deadline alerts of 3.1. What it has is a limit for the DAG run,
    # checked by the scheduler, and this callback, run by the DAG processor: into its log, and so into CloudWatch.
    logging.getLogger(__name__).error(
        "%s: DAG run %s failed (%s); its deadline is %s hours",
        context["dag"].dag_id,
        context["run_id"],
        context.get("reason"),
        DEADLINE_HOURS,
    )


with DAG(
    dag_id="pinterest_batch",
    description="Runs the Databricks job of the batch half, once a day.",
    doc_md=DOC,
    schedule=SCHEDULE,
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # Somebody must have paused the bundle's own schedule first.
    is_paused_upon_creation=True,
    # Airflow 3.0 measures execution_timeout only while a task is on a worker, not while it waits.
    dagrun_timeout=timedelta(hours=DEADLINE_HOURS),
    on_failure_callback=report,
    tags=["pinterest-pipeline", "databricks"],
    default_args={
        "owner": "pinterest-pipeline",
        "retries": RETRIES,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(minutes=15),
    },
):
    run = RunJobOperator(task_id="run")

    @task
    def stop() -> None:
        """Cancel the job's run if it is still running.

        Airflow 3.0 cannot notify a deferred task that it was marked as failed, so nothing else cancels the run.
        """
        job_run = get_current_context()["ti"].xcom_pull(task_ids=run.task_id, key=JOB_RUN)
        if job_run is not None and not hook().get_run_state(job_run).is_terminal:
            hook().cancel_run(job_run)

    # A teardown: it runs after every result of `run`, is not skipped when the whole DAG run is marked as failed, and
    # does not decide the DAG run's result.
    run >> stop().as_teardown()
