"""A stand-in for a Databricks workspace: the part of the Jobs API that a DAG calls, and the token endpoint.

It is strict where Databricks is: it refuses a call without one of its tokens or with an unknown field, a repair of a
run that did not fail, and a repair without the last repair's id. Outcomes are scripted: one `Attempt` for a run and one
for each of its repairs.
"""

import base64
import re
import secrets
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Tree = dict[str, Any]

CLIENT_ID = "5f1c2f6e-0000-4000-8000-000000000001"
CLIENT_SECRET = secrets.token_urlsafe(24)
FOR_EVER = 10**9
CHAIN = ("tables", "ingest", "refine", "publish")

FIELDS = {
    ("GET", "jobs/list"): {"limit", "expand_tasks", "include_user_names", "page_token", "name"},
    ("POST", "jobs/run-now"): {"job_id", "idempotency_token", "job_parameters", "performance_target"},
    ("GET", "jobs/runs/get"): {"run_id", "include_history", "include_resolved_values", "page_token"},
    ("GET", "jobs/runs/get-output"): {"run_id"},
    ("POST", "jobs/runs/repair"): {"run_id", "rerun_all_failed_tasks", "latest_repair_id", "job_parameters"},
    ("POST", "jobs/runs/cancel"): {"run_id"},
}


def name_of(path: str) -> str:
    """Return a call's name; for these calls the API's versions 2.1 and 2.2 do not differ."""
    return re.sub(r"^/api/2\.[12]/", "", path)


class RefusedError(Exception):
    """Raised when the workspace answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error_code": code, "message": message}


@dataclass(frozen=True)
class Attempt:
    """The outcome of a run or of a repair.

    Attributes:
        looks: The number of requests for its state that find it running.
        stale: The number of requests after a repair that still return the state before it.
        failed: The task that fails, if any.
        result: The run's result if no task fails.
        chain: The tasks, in their order.
    """

    looks: int = 1
    stale: int = 0
    failed: str | None = None
    result: str = "SUCCESS"
    chain: tuple[str, ...] = CHAIN


@dataclass(frozen=True)
class Call:
    """One call that reached the workspace."""

    method: str
    path: str
    payload: Tree


@dataclass
class Run:
    """One run of a job, with an entry for each attempt of a task."""

    run_id: int
    job_id: int
    attempt: Attempt
    looks: int = 0
    result: str = ""
    tasks: list[Tree] = field(default_factory=list)
    repairs: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Count a request for the state; after the scripted number of them the run ends."""
        self.looks += 1
        if not self.result and self.looks > self.attempt.looks:
            self._end()

    def _end(self) -> None:
        self.result = self.attempt.result if self.attempt.failed is None else "FAILED"
        chain = self.attempt.chain
        done = {each["task_key"] for each in self.tasks if each["state"]["result_state"] == "SUCCESS"}
        failed_at = chain.index(self.attempt.failed) if self.attempt.failed else len(chain)
        for place, key in enumerate(chain):
            if key not in done:
                result = "SUCCESS" if place < failed_at else "FAILED" if place == failed_at else "UPSTREAM_FAILED"
                self.tasks.append(self._task(place, result))

    def _task(self, place: int, result: str) -> Tree:
        return {
            "task_key": self.attempt.chain[place],
            "run_id": 1000 * self.run_id + len(self.tasks),
            "attempt_number": len(self.repairs),
            "depends_on": [{"task_key": key} for key in self.attempt.chain[max(place - 1, 0) : place]],
            "state": {"life_cycle_state": "TERMINATED", "result_state": result},
        }

    def state(self) -> Tree:
        """Return the state as `runs/get` shows it."""
        result = "FAILED" if self.repairs and self.looks <= self.attempt.stale else self.result
        return {"life_cycle_state": "TERMINATED", "result_state": result} if result else {"life_cycle_state": "RUNNING"}

    def as_json(self) -> Tree:
        """Return the run as `runs/get` does."""
        return {
            "run_id": self.run_id,
            "job_id": self.job_id,
            "run_page_url": f"https://workspace.test/#job/{self.job_id}/run/{self.run_id}",
            "state": {**self.state(), "state_message": ""},
            "tasks": self.tasks,
            "repair_history": [{"type": "ORIGINAL"}, *({"type": "REPAIR", "id": each} for each in self.repairs)],
        }


class Workspace:
    """The workspace's jobs and runs, and every call that it received.

    Attributes:
        jobs: The names of the jobs, by id.
        script: The outcomes of the next runs and repairs; those after them succeed.
        refusals: The status codes of a path's next answers; 0 answers as usual.
        lost: Paths whose next answer is not sent, though the call takes effect.
        calls: The calls, without those of the token endpoint.
        tokens: The issued tokens.
        violations: The invalid calls.
    """

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Clear everything but the tokens, which callers may still have."""
        self.jobs = {7: "another-job", 11: "pinterest-batch"}
        self.script: list[Attempt] = []
        self.refusals: dict[str, list[int]] = defaultdict(list)
        self.lost: set[str] = set()
        self.runs: dict[int, Run] = {}
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self._by_idempotency_token: dict[str, Run] = {}

    def token(self, authorization: str, body: str) -> Tree:
        """Answer the token endpoint: a service principal's client id and secret for a token."""
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != expected or parse_qs(body) != {"grant_type": ["client_credentials"], "scope": ["all-apis"]}:
            self.violations.append("the token endpoint received an invalid request")
            raise RefusedError(401, "invalid_client", "Client authentication failed")
        self.tokens.append(secrets.token_urlsafe(24))
        return {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 3600}

    def answer(self, method: str, path: str, authorization: str, payload: Tree) -> Tree:
        """Answer one call of the API.

        Raises:
            RefusedError: Databricks would refuse the call, or the test scripted a refusal.
        """
        with self._lock:
            name = name_of(path)
            self.calls.append(Call(method, name, payload))
            if authorization.removeprefix("Bearer ") not in self.tokens:
                self.violations.append(f"{method} {path} came without a token")
                raise RefusedError(403, "PERMISSION_DENIED", "Invalid access token")
            if self.refusals[name] and (status := self.refusals[name].pop(0)):
                raise RefusedError(status, "TEMPORARILY_UNAVAILABLE", "Try again later")
            self._refuse_unknown(method, name, payload)
            found: Tree = getattr(self, "_" + name.replace("/", "_").replace("-", "_"))(payload)
            return found

    def _refuse_unknown(self, method: str, name: str, payload: Tree) -> None:
        if (method, name) not in FIELDS or (unknown := payload.keys() - FIELDS[method, name]):
            self.violations.append(f"{method} {name} with {sorted(payload)}")
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"Unknown: {name} {sorted(unknown)}")

    def _jobs_list(self, query: Tree) -> Tree:
        wanted = query.get("name", "").casefold()
        found = [
            {"job_id": key, "settings": {"name": name}} for key, name in self.jobs.items() if name.casefold() == wanted
        ]
        return {"jobs": found} if found else {}

    def _jobs_run_now(self, body: Tree) -> Tree:
        job_id, token = int(body["job_id"]), body.get("idempotency_token", "")
        if job_id not in self.jobs or not 0 < len(token) <= 64:
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"Job {job_id} with the token {token!r}")
        if token not in self._by_idempotency_token:
            run = Run(len(self.runs) + 101, job_id, self._next_attempt())
            self.runs[run.run_id] = self._by_idempotency_token[token] = run
        return {"run_id": self._by_idempotency_token[token].run_id}

    def _next_attempt(self) -> Attempt:
        return self.script.pop(0) if self.script else Attempt()

    def _run(self, payload: Tree) -> Run:
        run_id = int(payload["run_id"])
        if run_id not in self.runs:
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist")
        return self.runs[run_id]

    def _jobs_runs_get(self, query: Tree) -> Tree:
        run = self._run(query)
        run.look()
        return run.as_json()

    def _jobs_runs_get_output(self, query: Tree) -> Tree:
        return {"error": f"the reason of {query['run_id']}"}

    def _jobs_runs_repair(self, body: Tree) -> Tree:
        run = self._run(body)
        last = run.repairs[-1] if run.repairs else None
        if (
            run.result in {"", "SUCCESS"}
            or body.get("rerun_all_failed_tasks") is not True
            or body.get("latest_repair_id") != last
        ):
            self.violations.append(f"a run that is {run.result or 'running'} was repaired with {body}")
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", "This run cannot be repaired with these fields")
        run.repairs.append(len(run.repairs) + 501)
        run.attempt, run.result, run.looks = self._next_attempt(), "", 0
        return {"repair_id": run.repairs[-1]}

    def _jobs_runs_cancel(self, body: Tree) -> Tree:
        run = self._run(body)
        run.result = run.result or "CANCELED"
        return {}

    def called(self, name: str) -> list[Tree]:
        """Return the payload of each call of a path."""
        return [call.payload for call in self.calls if call.path == name]

    def finish(self) -> None:
        """Let unfinished runs succeed at the next request for their state."""
        for run in self.runs.values():
            run.attempt = Attempt(looks=0)
