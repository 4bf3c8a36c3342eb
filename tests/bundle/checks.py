"""Checks of a bundle; each returns the faults that it found as text, or nothing."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr
from importlib.metadata import distribution
from typing import cast

from databricks.bundles.alerts import Alert
from databricks.bundles.dashboards import Dashboard
from databricks.bundles.external_locations import ExternalLocation
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.secret_scopes import SecretScope
from databricks.bundles.volumes import Volume

import pinterest_pipeline
from pinterest_pipeline.arguments import PARSERS, read
from pinterest_pipeline.errors import SettingsError
from tests.bundle.governance import lifecycle, permissions, tags, target, values
from tests.support.bundle_resolver import Bundle, Tree
from tooling.databricks_setup.bundle.quartz import quartz_faults

CHAINS = {
    "backfill": ["days", "backfill"],
    "batch": ["tables", "ingest", "refine", "publish"],
    "erase": ["tables", "erase"],
    "replay": ["replay"],
    "stream": ["stream"],
    "stream_serverless": ["stream"],
    "upkeep": ["tables", "upkeep"],
}
TRIGGERS = {"batch": "schedule", "stream": "continuous", "stream_serverless": "schedule", "upkeep": "schedule"}
"""The jobs that a trigger starts, and the kind of trigger."""
DISTRIBUTION = "pinterest-pipeline"
WHEELS = "dist/*.whl"

Shape = Callable[[Tree], object]
_SHAPES: Mapping[str, Shape] = {
    "alerts": cast("Shape", Alert.from_dict),
    "dashboards": cast("Shape", Dashboard.from_dict),
    "external_locations": cast("Shape", ExternalLocation.from_dict),
    "jobs": cast("Shape", Job.from_dict),
    "schemas": cast("Shape", Schema.from_dict),
    "secret_scopes": cast("Shape", SecretScope.from_dict),
    "volumes": cast("Shape", Volume.from_dict),
}
_RETRIES = {"max_retries", "min_retry_interval_millis", "retry_on_timeout"}
_BACKLOG = {f"STREAMING_BACKLOG_{unit}" for unit in ("SECONDS", "RECORDS", "BYTES", "FILES")}
_JOB_PARAMETER = re.compile(r"\{\{job\.parameters\.(\w+)\}\}")
_TASK_VALUE = re.compile(r"\{\{tasks\.(\w+)\.values\.(\w+)\}\}")
_INPUT = "{{input}}"
_AN_INPUT = "2018-08-24"  # of the only task that runs for each of many: a day
_SECRET_NAME = re.compile(r"secret|passw|token|credential|private|access_?key|api_?key", re.IGNORECASE)
_HARD_CODED = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    "a host": re.compile(r"https?://|\bdbc-\w|\.(databricks|azuredatabricks|amazonaws)\.|^\s*host:", re.MULTILINE),
    "a cluster or warehouse id": re.compile(r"\b\d{4}-\d{6}-\w{8}\b|existing_cluster_id|\b[0-9a-f]{16}\b"),
    "a key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bdapi[0-9a-f]{32}\b"),
}


def shape(bundle: Bundle) -> list[str]:
    """Every resource is of a known kind and matches the official model of that kind."""
    return [fault for kind, resources in bundle.config["resources"].items() for fault in _shape_faults(kind, resources)]


def _shape_faults(kind: str, resources: Mapping[str, Tree]) -> Iterator[str]:
    for key, tree in resources.items():
        try:
            _SHAPES[kind](tree)
        except (KeyError, TypeError, ValueError) as error:
            yield f"{kind}.{key}: {error}"


def files(bundle: Bundle) -> list[str]:
    """Every included file holds one resource and is named <key>.<kind>.yml; no two kinds share a key."""
    keys = [key for resources in bundle.config["resources"].values() for key in resources]
    faults = [f"the key {key} is used twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    for path, tree in bundle.files.items():
        parts = [tree, *tree.get("targets", {}).values()]
        named = {
            f"{key}.{kind[:-1]}.yml"
            for part in parts
            for kind, found in part.get("resources", {}).items()
            for key in found
        }
        if named != {path.name}:
            faults.append(f"{path.name} holds {sorted(named)}")
    return faults


def paths(bundle: Bundle) -> list[str]:
    """Every path exists: relative ones of the resources, and all synchronised ones."""
    named = [bundle.root / path for path in bundle.config["sync"]["paths"]]
    named += [path.parent / text for path, tree in bundle.files.items() for text in _texts(tree) if _is_path(text)]
    there = {bundle.root / artifact["path"] / WHEELS for artifact in bundle.config["artifacts"].values()}
    return [f"{path} is not there" for path in named if path.resolve() not in there and not path.exists()]


def _is_path(text: str) -> bool:
    return text.startswith(("./", "../"))


def _texts(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        tree = [*tree.values()]
    if isinstance(tree, list):
        for inner in tree:
            yield from _texts(inner)
    if isinstance(tree, str):
        yield tree


def graph(bundle: Bundle) -> list[str]:
    """Every task depends on tasks of its job, and they run one after the other along the data path."""
    jobs_there = bundle.resources("jobs")
    faults = [] if jobs_there.keys() == CHAINS.keys() else [f"expected the jobs {[*CHAINS]}, found {[*jobs_there]}"]
    for key in jobs_there.keys() & CHAINS.keys():
        faults += _graph_faults(jobs_there[key], CHAINS[key])
    return faults


def _graph_faults(job: Tree, chain: list[str]) -> list[str]:
    needs = {task["task_key"]: [need["task_key"] for need in task.get("depends_on", [])] for task in job["tasks"]}
    faults = [f"{key} depends on {need}, which is no task" for key in needs for need in needs[key] if need not in needs]
    expected = dict(zip(chain, ([], *([key] for key in chain)), strict=False))
    return faults if needs == expected else [*faults, f"expected {' -> '.join(chain)}, found {needs}"]


def tasks(bundle: Bundle) -> list[Tree]:
    """Return the tasks of all jobs that run code."""
    return [task for job in bundle.resources("jobs").values() for task in _running(job)]


def _running(job: Tree) -> list[Tree]:
    """Return the tasks of a job that run code: for a for-each task, its inner task."""
    return [task.get("for_each_task", {}).get("task", task) for task in job["tasks"]]


def for_each(bundle: Bundle) -> list[str]:
    """A for-each task takes its inputs from a task that it depends on, and passes each to its inner task."""
    faults = []
    for job in bundle.resources("jobs").values():
        for task in job["tasks"]:
            if (each := task.get("for_each_task")) is None:
                continue
            needs = [need["task_key"] for need in task.get("depends_on", [])]
            found = _TASK_VALUE.fullmatch(each["inputs"])
            if found is None or found[1] not in needs:
                faults.append(f"{task['task_key']}: {each['inputs']} is no value of {needs}")
            if not any(_INPUT in text for text in each["task"]["python_wheel_task"]["parameters"]):
                faults.append(f"{task['task_key']}: its input is not used")
    return faults


def triggers(bundle: Bundle) -> list[str]:
    """Each triggered job has one trigger, and no other job has any; in development all are paused."""
    found = {key: _triggers(job) for key, job in bundle.resources("jobs").items()}
    expected = {key: [TRIGGERS[key]] if key in TRIGGERS else [] for key in found}
    faults = [f"{key}: expected {expected[key]}, found {found[key]}" for key in found if found[key] != expected[key]]
    if bundle.config["mode"] == "development":
        # In development the CLI pauses only triggers without a status.
        awake = [key for key, job in bundle.resources("jobs").items() if "UNPAUSED" in _statuses(job)]
        faults += [f"{key} would start by itself in development" for key in awake]
    return faults


def _triggers(job: Tree) -> list[str]:
    return [kind for kind in ("schedule", "continuous", "trigger") if kind in job]


def _statuses(job: Tree) -> list[str | None]:
    return [job[kind].get("pause_status") for kind in _triggers(job)]


def schedule(bundle: Bundle) -> list[str]:
    """Every schedule of a job or an alert is a Quartz expression, in UTC."""
    schedules = [job["schedule"] for job in bundle.resources("jobs").values() if "schedule" in job]
    alerts = [alert["schedule"] for alert in bundle.resources("alerts").values()]
    expressions = [each["quartz_cron_expression"] for each in schedules]
    expressions += [each["quartz_cron_schedule"] for each in alerts]
    faults = [fault for each in expressions for fault in quartz_faults(each)]
    schedules += alerts
    return faults + [f"{each['timezone_id']} is not UTC" for each in schedules if each["timezone_id"] != "UTC"]


def one_stream(bundle: Bundle) -> list[str]:
    """At most one of the jobs that share the streams' checkpoints is not paused."""
    streams = {key: job for key, job in bundle.resources("jobs").items() if CHAINS.get(key) == ["stream"]}
    awake = [key for key, job in streams.items() if _statuses(job) != ["PAUSED"]]
    return [f"{' and '.join(awake)} would read the same checkpoints"] if len(awake) > 1 else []


def alerts(bundle: Bundle) -> list[str]:
    """Every alert fires on TRUE, reads the schema that the bundle declares, and notifies the one address."""
    schema = bundle.resources("schemas")["pinterest"]
    place = f"`{schema['catalog_name']}`.`{schema['name']}`."
    faults = []
    for key, alert in bundle.resources("alerts").items():
        evaluation = alert["evaluation"]
        notified = [each["user_email"] for each in evaluation["notification"]["subscriptions"]]
        holds = {
            "fires on TRUE": evaluation["comparison_operator"] == "EQUAL"
            and evaluation["threshold"] == {"value": {"bool_value": True}}
            and f" AS {evaluation['source']['name']}" in alert["query_text"],
            "reads the declared schema": set(re.findall(r"(?:FROM|JOIN) (`\S+`\.)`", alert["query_text"])) == {place},
            "notifies the one address": notified == [bundle.values["notification_email"]],
            "is paused in development": bundle.config["mode"] == "production"
            or alert["schedule"]["pause_status"] == "PAUSED",
        }
        faults += [f"{key}: expected that it {name}" for name, fine in holds.items() if not fine]
    return faults


def wheel_tasks(bundle: Bundle) -> list[str]:
    """Every task runs an entry point of the package, on declared compute that installs the wheel."""
    entry_points = distribution(DISTRIBUTION).entry_points.names
    faults = []
    for job in bundle.resources("jobs").values():
        for task in _running(job):
            run = task["python_wheel_task"]
            faults += [f"{task['task_key']}: {fault}" for fault in _compute_faults(job, task)]
            if run["package_name"] != pinterest_pipeline.__name__:
                faults.append(f"{task['task_key']}: no package {run['package_name']}")
            if run["entry_point"] not in entry_points:
                faults.append(f"{task['task_key']}: no entry point {run['entry_point']}")
    return faults


def _compute_faults(job: Tree, task: Tree) -> list[str]:
    wheel = f"../{WHEELS}"
    if "job_cluster_key" not in task:
        environments = {each["environment_key"]: each["spec"]["dependencies"] for each in job.get("environments", [])}
        key = task.get("environment_key")
        return [] if wheel in environments.get(key, []) else [f"no environment {key} with the wheel"]
    key, clusters = task["job_cluster_key"], [each["job_cluster_key"] for each in job.get("job_clusters", [])]
    faults = [] if key in clusters else [f"no job cluster {key}"]
    return faults if {"whl": wheel} in task.get("libraries", []) else [*faults, "its cluster does not get the wheel"]


def parameters(bundle: Bundle) -> list[str]:
    """Every task's parameters are known to its entry point, and every job parameter is used by some task."""
    faults = []
    for job in bundle.resources("jobs").values():
        values = {each["name"]: each["default"] for each in job["parameters"]}
        used: set[str] = set()
        for task in _running(job):
            given = task["python_wheel_task"]["parameters"]
            names = {name for text in given for name in _JOB_PARAMETER.findall(text)}
            faults += [f"{task['task_key']}: no job parameter {name}" for name in sorted(names - values.keys())]
            faults += _refusals(task, [_filled(text, values) for text in given])
            used |= names
        faults += [f"no task uses the job parameter {name}" for name in sorted(values.keys() - used)]
    return faults


def _filled(text: str, values: Tree) -> str:
    return _JOB_PARAMETER.sub(lambda found: str(values.get(found[1])), text.replace(_INPUT, _AN_INPUT))


def _refusals(task: Tree, arguments: list[str]) -> list[str]:
    """Let the entry point's parser read its arguments."""
    entry_point = task["python_wheel_task"]["entry_point"]
    if entry_point not in PARSERS:
        return [f"{task['task_key']}: no function {entry_point}"]
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            read(entry_point, arguments)
    except (SystemExit, SettingsError) as refusal:
        return [f"{task['task_key']}: {said.getvalue().splitlines()[-1:] or refusal}"]
    return []


def places(bundle: Bundle) -> list[str]:
    """Job parameters refer to the schema and the volumes of the bundle, by the target's names."""
    schemas = {(each["catalog_name"], each["name"]) for each in bundle.resources("schemas").values()}
    volumes = {key: (each["catalog_name"], each["schema_name"]) for key, each in bundle.resources("volumes").items()}
    faults = [
        f"volume {key} is in {place}, which is not declared" for key, place in volumes.items() if place not in schemas
    ]
    for job in bundle.resources("jobs").values():
        values = {each["name"]: each["default"] for each in job["parameters"]}
        if (values["catalog"], values["schema"]) not in schemas:
            faults.append(f"{job['name']} works in {values['schema']}, which is not declared")
        for key, place in volumes.items():
            # `parameters` rejects a task that needs a path which its job does not declare.
            if (
                key in values
                and values[key] != f"/Volumes/{'/'.join(place)}/{bundle.resources('volumes')[key]['name']}"
            ):
                faults.append(f"{job['name']} looks for {key} in {values[key]}")
    return faults


def guards(bundle: Bundle) -> list[str]:
    """No run hangs, overlaps, fails unseen or gives up at the first failure."""
    faults = []
    for job in bundle.resources("jobs").values():
        mails, asked = job["email_notifications"], [bundle.values["notification_email"]]
        expected = {
            "one run at a time": job["max_concurrent_runs"] == 1 and job["queue"]["enabled"],
            "mails to those who asked": mails["on_failure"] == asked,
        }
        if "continuous" in job:
            expected["mails about a backlog to those who asked"] = mails["on_streaming_backlog_exceeded"] == asked
        else:
            expected |= _guards_of_a_run_that_ends(job)
        faults += [f"{job['name']}: expected {name}" for name, holds in expected.items() if not holds]
    return faults


def _guards_of_a_run_that_ends(job: Tree) -> dict[str, bool]:
    slow = [rule["value"] for rule in job["health"]["rules"] if rule["metric"] == "RUN_DURATION_SECONDS"]
    expected = {"slow runs reported before they are stopped": 0 < min(slow) < job["timeout_seconds"]}
    for task in _running(job):
        expected[f"{task['task_key']} ends"] = 0 < task["timeout_seconds"] <= job["timeout_seconds"]
        expected[f"{task['task_key']} is tried again"] = min(task["max_retries"], task["min_retry_interval_millis"]) > 0
    return expected


def continuous(bundle: Bundle) -> list[str]:
    """A continuous job has only what Databricks supports for it, a cluster of a fixed size, and backlog rules."""
    faults = []
    for job in bundle.resources("jobs").values():
        if "continuous" in job:
            faults += [f"{job['name']}: {fault}" for fault in _continuous_faults(job)]
    return faults


def _continuous_faults(job: Tree) -> Iterator[str]:
    for key in (_RETRIES | {"timeout_seconds"}) & job.keys():
        yield f"a continuous job takes no {key}"
    for task in job["tasks"]:
        for key in (_RETRIES | {"timeout_seconds", "depends_on"}) & task.keys():
            yield f"{task['task_key']}: a task of a continuous job takes no {key}"
    for cluster in job.get("job_clusters", []):
        if "autoscale" in cluster["new_cluster"] or cluster["new_cluster"].get("num_workers", 0) < 1:
            yield f"cluster {cluster['job_cluster_key']} is not of a fixed size"
    limits = {rule["metric"]: rule["value"] for rule in job["health"]["rules"] if rule["op"] == "GREATER_THAN"}
    if limits.keys() != _BACKLOG or min(limits.values()) <= 0:
        yield f"expected a limit for each of {sorted(_BACKLOG)}, found {limits}"


def variables(bundle: Bundle) -> list[str]:
    """Every variable is described and used, and no variable with a secret-like name has a default."""
    text = "".join(path.read_text(encoding="utf-8") for path in (bundle.root / "databricks.yml", *bundle.files))
    faults = [f"{name} has no description" for name, each in bundle.variables.items() if not each.get("description")]
    faults += [f"{name} is not used" for name in bundle.variables if f"${{var.{name}}}" not in text]
    return faults + [
        f"{name} sounds secret and has a default"
        for name, each in bundle.variables.items()
        if _SECRET_NAME.search(name) and each.get("default")
    ]


def hard_coded(bundle: Bundle) -> list[str]:
    """No file names a host, a person, a cluster or a key."""
    return [
        f"{path.name} names {what}: {found[0].strip()}"
        for path in (bundle.root / "databricks.yml", *bundle.files)
        for what, form in _HARD_CODED.items()
        for found in form.finditer(path.read_text(encoding="utf-8"))
    ]


Check = Callable[[Bundle], list[str]]

ALL: tuple[Check, ...] = (
    shape,
    files,
    paths,
    graph,
    triggers,
    schedule,
    one_stream,
    continuous,
    alerts,
    wheel_tasks,
    parameters,
    places,
    guards,
    lifecycle,
    for_each,
    variables,
    values,
    hard_coded,
    target,
    permissions,
    tags,
)
