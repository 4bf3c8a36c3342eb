"""Airflow as it runs on MWAA, on this machine: API server, scheduler, triggerer and DAG processor, each a process.

Beside its database in SQLite and the local executor, only times differ, set by a cluster policy and not
in the DAG: seconds between two attempts and two polls, and a second until Airflow detects that a process has ended.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import requests
from cryptography.fernet import Fernet

from tests.airflow.workspace import Tree
from tests.support.waiting import eventually

DAG = Path(__file__).parents[2] / "infrastructure" / "dags" / "pinterest_batch.py"
LATE = "pinterest_late"
"""A copy of the DAG whose deadline comes soon."""
DEADLINE_SECONDS = 12

Answer = TypeVar("Answer")

SERVICES = ("api-server", "scheduler", "triggerer", "dag-processor")
TIMEOUT_SECONDS = 600

POLICY = f"""
from datetime import timedelta

def task_policy(task):
    task.retry_delay = timedelta(seconds=1)
    task.retry_exponential_backoff = False
    if task.task_id == "run":
        task.pause = timedelta(seconds=3)

def dag_policy(dag):
    if dag.dag_id == "{LATE}":
        dag.dagrun_timeout = timedelta(seconds={DEADLINE_SECONDS})
"""


class ServiceError(Exception):
    """Raised when a service of Airflow refuses a call, or does not reach an expected state in time."""


@dataclass
class Airflow:
    """A running Airflow, controlled by its REST API as from its UI."""

    home: Path
    environment: dict[str, str]
    url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    def start(self, service: str) -> None:
        """Start one of the services."""
        with (self.home / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                [sys.executable, "-m", "airflow", service],
                env=self.environment,
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, service: str) -> None:
        """Kill a service and all its child processes."""
        process = self.processes.pop(service)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log_in(self) -> None:
        """Wait for the API server and get a token."""
        answer = wait_for(self._try_to_log_in, "the API server answers")
        self.session.headers["Authorization"] = f"Bearer {answer}"

    def _try_to_log_in(self) -> str | None:
        try:
            answer = requests.get(f"{self.url}/auth/token", timeout=10)
        except requests.ConnectionError:
            return None
        return str(answer.json()["access_token"]) if answer.ok else None

    def call(self, method: str, path: str, body: Tree | None = None) -> Tree:
        """Call the REST API."""
        answer = self.session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=30)
        if not answer.ok:
            raise ServiceError(f"{method} {path}: {answer.status_code} {answer.text}")
        tree: Tree = answer.json() if answer.content else {}
        return tree

    def switch_on(self, dag_id: str) -> None:
        """Wait until a DAG is known, and unpause it."""
        wait_for(lambda: dag_id in {dag["dag_id"] for dag in self.call("GET", "dags")["dags"]}, f"{dag_id} is known")
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def switch_off(self, dag_id: str) -> None:
        """Pause a DAG."""
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": True})

    def mark_as_failed(self, run: str, task: str | None = None) -> None:
        """Apply the UI's action of this name to a task or to the whole DAG run."""
        if task is None:
            self.call("PATCH", run, {"state": "failed"})
        else:
            self.call("PATCH", f"{run}/taskInstances/{task}", {"new_state": "failed"})

    def clear(self, run: str, task: str) -> None:
        """Clear a task of a DAG run and its downstream tasks, so that they run again."""
        dag, _, run_id = run.removeprefix("dags/").partition("/dagRuns/")
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task], "include_downstream": True}
        self.call("POST", f"dags/{dag}/clearTaskInstances", {**body, "only_failed": False, "reset_dag_runs": True})

    def trigger(self, dag_id: str = DAG.stem) -> str:
        """Start a DAG run; returns its path in the API."""
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})
        return f"dags/{dag_id}/dagRuns/{run['dag_run_id']}"

    def runs(self, kind: str, dag_id: str = DAG.stem) -> list[str]:
        """Return the DAG runs of a kind, `scheduled` or `manual`, as paths."""
        runs = self.call("GET", f"dags/{dag_id}/dagRuns?run_type={kind}")["dag_runs"]
        return [f"dags/{dag_id}/dagRuns/{each['dag_run_id']}" for each in runs]

    def states(self, run: str) -> dict[str, str]:
        """Return the states of a DAG run's tasks, and under the empty key its own."""
        tasks = self.call("GET", f"{run}/taskInstances")["task_instances"]
        return {each["task_id"]: each["state"] for each in tasks} | {"": self.call("GET", run)["state"]}

    def ended(self, run: str) -> dict[str, str]:
        """Wait for a DAG run's end, and return the final states of its tasks and its own."""
        wait_for(lambda: self.call("GET", run)["state"] in {"success", "failed"}, f"{run} ends")
        return self.states(run)

    def wait_for_state(self, run: str, task: str, state: str) -> None:
        """Wait until a task of a DAG run is in a state."""
        wait_for(lambda: self.states(run)[task] == state, f"{task} of {run} is {state}")

    def attempts(self, run: str, task: str) -> int:
        """Return how many attempts of a task Airflow has made, with those that it lost before they started."""
        return int(self.call("GET", f"{run}/taskInstances/{task}")["try_number"])

    def log(self, run: str, task: str) -> str:
        """Return the log of the last attempt of a task."""
        attempt = self.attempts(run, task)
        return str(self.call("GET", f"{run}/taskInstances/{task}/logs/{attempt}?full_content=true")["content"])

    def logs(self) -> dict[Path, str]:
        """Return the content of every log file of Airflow."""
        return {path: path.read_text(encoding="utf-8") for path in self.home.rglob("*.log")}


def wait_for(ask: Callable[[], Answer], what: str, seconds: float = TIMEOUT_SECONDS) -> Answer:
    """Poll until the answer is true, and return it.

    Raises:
        ServiceError: It did not become true in time.
    """
    # A request costs Airflow's API server tens of milliseconds of processor time.
    if not (answer := eventually(ask, seconds, pause=0.3)):
        raise ServiceError(f"expected within {seconds} s that {what}")
    return answer


def _settings(home: Path, port: int, connections: Path) -> dict[str, str]:
    backend = {"connections_file_path": str(connections)}
    sections = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__PARALLELISM": 2,
        "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
        # As on MWAA, a secrets backend has the connection; there it is Secrets Manager's.
        "SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "SECRETS__BACKEND_KWARGS": json.dumps(backend),
    }
    return {f"AIRFLOW__{key}": str(value) for key, value in sections.items()} | {"AIRFLOW_HOME": str(home)}


@contextmanager
def airflow(home: Path, connections: Path, certificate: Path, proxy: str) -> Iterator[Airflow]:
    """Run Airflow until the context ends."""
    (home / "dags").mkdir()
    shutil.copy(DAG, home / "dags")
    late = DAG.read_text(encoding="utf-8").replace(f'dag_id="{DAG.stem}"', f'dag_id="{LATE}"')
    (home / "dags" / f"{LATE}.py").write_text(late, encoding="utf-8")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    network = {"REQUESTS_CA_BUNDLE": str(certificate), "HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1"}
    environment = {**os.environ, **_settings(home, port, connections), **network}
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    running = Airflow(home, environment, f"http://127.0.0.1:{port}")
    try:
        for service in SERVICES:
            running.start(service)
        running.log_in()
        yield running
    finally:
        for service in list(running.processes):
            running.kill(service)
