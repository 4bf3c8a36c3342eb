"""One Airflow and one Databricks workspace for a run of these tests; each test has the workspace to itself."""

import json
from collections.abc import Iterator

import pytest

from tests.airflow.services import DAG, Airflow, airflow, wait_for
from tests.airflow.serving import HOST, connection, serving
from tests.airflow.workspace import Workspace
from tests.support.authority import write_certificates


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Airflow, Workspace]]:
    """Airflow with the DAG switched on, and the workspace that it reaches by its connection."""
    home = tmp_path_factory.mktemp("airflow")
    write_certificates(home, HOST)
    connections = home / "connections.json"
    workspace = Workspace()
    with serving(workspace, home / "server.crt", home / "server.key") as proxy:
        connections.write_text(json.dumps({"databricks_default": connection()}), encoding="utf-8")
        with airflow(home, connections, home / "ca.crt", proxy) as running:
            running.switch_on(DAG.stem)
            # Airflow runs the last missed interval of the schedule.
            (first,) = wait_for(lambda: running.runs("scheduled"), "a scheduled run is there")
            running.ended(first)
            yield running, workspace


@pytest.fixture
def running(pair: tuple[Airflow, Workspace]) -> Airflow:
    """The running Airflow."""
    return pair[0]


@pytest.fixture
def workspace(pair: tuple[Airflow, Workspace]) -> Iterator[Workspace]:
    """The workspace, reset; at the end of the test it must have recorded no violation."""
    pair[1].reset()
    yield pair[1]
    assert pair[1].violations == []
