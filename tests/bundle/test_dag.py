"""Airflow's DAG and the bundle agree about the batch job: its name, schedule, tasks and their order."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support import templates
from tests.support.bundle_resolver import Bundle, load

ROOT = Path(__file__).parents[2]
INFRASTRUCTURE = ROOT / "infrastructure"
DAG = INFRASTRUCTURE / "dags" / "pinterest_batch.py"


def constants(text: str) -> dict[str, object]:
    """Return the DAG's constants; Airflow has its own environment, so the file is parsed and not run."""
    found: dict[str, object] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant() | ast.Tuple()):
                found[name] = ast.literal_eval(node.value)
    return found


def cron(quartz: str) -> str:
    """Return a Quartz expression in cron syntax: without seconds, and `?` becomes `*`."""
    second, minute, hour, day, month, weekday = quartz.split()
    assert second == "0", f"cron knows no seconds: {quartz}"
    return " ".join([minute, hour, *("*" if field == "?" else field for field in (day, month, weekday))])


def differences(text: str, bundle: Bundle) -> list[str]:
    """Return the differences between the DAG and the bundle."""
    dag, job = constants(text), bundle.resources("jobs")["batch"]
    needs = {task["task_key"]: [need["task_key"] for need in task.get("depends_on", [])] for task in job["tasks"]}
    order = tuple(TopologicalSorter(needs).static_order())
    said = {"JOB": job["name"], "SCHEDULE": cron(job["schedule"]["quartz_cron_expression"]), "TASKS": order}
    return [
        f"{name}: the DAG has {dag.get(name)!r}, the bundle {value!r}"
        for name, value in said.items()
        if dag.get(name) != value
    ]


@pytest.fixture(scope="module")
def prod() -> Bundle:
    return load(ROOT, "prod")


def test_the_dag_agrees_with_the_bundle(prod: Bundle) -> None:
    assert differences(DAG.read_text(encoding="utf-8"), prod) == []
    assert prod.resources("jobs")["batch"]["schedule"]["timezone_id"] == "UTC"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('SCHEDULE = "0 3 * * *"', 'SCHEDULE = "0 4 * * *"', "SCHEDULE"),
        ('JOB = "pinterest-batch"', 'JOB = "pinterest"', "JOB"),
        ('("tables", "ingest", "refine", "publish")', '("tables", "refine", "ingest", "publish")', "TASKS"),
        ('("tables", "ingest", "refine", "publish")', '("tables", "ingest", "refine")', "TASKS"),
    ],
)
def test_a_dag_that_disagrees_with_the_bundle_is_found(prod: Bundle, old: str, new: str, found: str) -> None:
    text = DAG.read_text(encoding="utf-8")
    assert old in text
    (difference,) = differences(text.replace(old, new), prod)
    assert difference.startswith(found)


def test_the_local_airflow_has_the_version_of_mwaa() -> None:
    template = templates.load("airflow")
    version = template["Parameters"]["AirflowVersion"]["Default"]
    requirements = (INFRASTRUCTURE / "dags" / "requirements.txt").read_text(encoding="utf-8")
    (constraints,) = re.findall(r"/constraints-([\d.]+)/constraints-[\d.]+\.txt", requirements)
    packages = [line for line in requirements.splitlines() if not line.startswith(("#", "--"))]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert constraints == version
    assert {f"apache-airflow=={version}", *packages} <= set(project["dependency-groups"]["airflow"])
