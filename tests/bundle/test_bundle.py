"""The bundle passes every check in every target, and a broken bundle fails each check."""

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.bundle import checks, governance
from tests.support.bundle_resolver import BundleError, load, targets

ROOT = Path(__file__).parents[2]
MAIN, JOB, REPLAY = "databricks.yml", "resources/batch.job.yml", "resources/replay.job.yml"
STREAM, SERVERLESS = "resources/stream.job.yml", "resources/stream_serverless.job.yml"
BACKFILL = "resources/backfill.job.yml"
SCHEMA, LANDING = "resources/pinterest.schema.yml", "resources/landing.volume.yml"
LAG = "resources/stream_lag.alert.yml"
CHECKPOINTS, SCOPE = "resources/checkpoints.volume.yml", "resources/keys.secret_scope.yml"
KEPT = "      lifecycle: {prevent_destroy: true}\n"
GRANT = "      grants: [{principal: x, privileges: [READ_VOLUME]}]\n"
CRON = "default: 0 0 3 * * ?"
INGEST, REFINE = "- task_key: ingest\n          <<", "- task_key: refine\n          <<"
NEXT = "  schedule:\n"
CLUSTER_KEY, WORKERS = "          job_cluster_key: stream\n", "num_workers: ${var.stream_workers}"
SCHEDULE = "      schedule: {quartz_cron_expression: '0 0 3 * * ?', timezone_id: UTC}\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the bundle that a test may break."""
    shutil.copy(ROOT / MAIN, tmp_path)
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    for folder in ("notebooks", "src/pinterest_pipeline"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def break_it(copy: Path, file: str, old: str, new: str) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer says {old!r}: mend the test"
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")


def test_there_are_three_targets() -> None:
    assert targets(ROOT) == ["dev", "staging", "prod"]


@pytest.mark.parametrize("target", targets(ROOT))
@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_the_bundle_passes_every_check(check: checks.Check, target: str) -> None:
    assert check(load(ROOT, target)) == []


BROKEN = [
    (checks.shape, JOB, "max_retries:", "max_retriez:", "Unexpected field 'max_retriez'"),
    (checks.shape, JOB, "RUN_DURATION_SECONDS", "RUN_DURATION_HOURS", "not a valid JobsHealthMetric"),
    (checks.shape, SCHEMA, "catalog_name: ", "catalog: ", "Unexpected field 'catalog'"),
    (checks.files, JOB, "    batch:\n", "    nightly:\n", "nightly.job.yml"),
    (checks.files, LAG, "    stream_lag:\n", "    stream:\n", "the key stream is used twice"),
    (checks.paths, JOB, "../dist/*.whl", "../build/*.whl", "is not there"),
    (checks.paths, MAIN, "- notebooks", "- notebook", "notebook is not there"),
    (checks.graph, JOB, INGEST, INGEST.replace("ingest", "digest"), "digest, which is no task"),
    (checks.graph, JOB, REFINE, REFINE.replace("refine", "tables"), "expected tables -> ingest"),
    (checks.graph, JOB, "    batch:\n", "    nightly:\n", "expected the jobs"),
    (checks.graph, REPLAY, "task_key: replay", "task_key: refine", "expected replay"),
    (
        checks.triggers,
        JOB,
        "      schedule:\n",
        "      continuous:\n",
        "batch: expected ['schedule'], found ['continuous']",
    ),
    (checks.triggers, REPLAY, "      queue:\n", SCHEDULE + "      queue:\n", "replay: expected [], found ['schedule']"),
    (checks.triggers, STREAM, "      queue:\n", SCHEDULE + "      queue:\n", "found ['schedule', 'continuous']"),
    (checks.triggers, MAIN, "schedule_status: PAUSED", "schedule_status: UNPAUSED", "batch would start by itself"),
    (checks.triggers, STREAM, "${var.stream_status}", "UNPAUSED", "stream would start by itself"),
    (checks.one_stream, MAIN, "PAUSED\n", "UNPAUSED\n", "stream and stream_serverless would read the same"),
    (checks.continuous, STREAM, CLUSTER_KEY, f"{CLUSTER_KEY}          max_retries: 2\n", "takes no max_retries"),
    (checks.continuous, STREAM, CLUSTER_KEY, f"{CLUSTER_KEY}          depends_on: []\n", "takes no depends_on"),
    (
        checks.continuous,
        STREAM,
        CLUSTER_KEY,
        f"{CLUSTER_KEY}          timeout_seconds: 9\n",
        "takes no timeout_seconds",
    ),
    (
        checks.continuous,
        STREAM,
        "      queue:\n",
        "      timeout_seconds: 9\n      queue:\n",
        "job takes no timeout_seconds",
    ),
    (checks.continuous, STREAM, WORKERS, "autoscale: {min_workers: 1, max_workers: 4}", "not of a fixed size"),
    (
        checks.continuous,
        STREAM,
        "metric: STREAMING_BACKLOG_BYTES",
        "metric: STREAMING_BACKLOG_FILES",
        "found {'STREAMING",
    ),
    (checks.continuous, MAIN, "default: 100000000\n", "default: 0\n", "expected a limit for each"),
    (checks.schedule, MAIN, CRON, "default: 0 3 * * *", "expected 6 or 7 fields"),
    (checks.schedule, MAIN, CRON, "default: 0 0 3 * * *", "exactly one of"),
    (checks.schedule, LAG, "0 0/15 * * * ?", "0/15 * * * *", "expected 6 or 7 fields"),
    (checks.alerts, LAG, "bool_value: true", "bool_value: false", "stream_lag: expected that it fires on TRUE"),
    (checks.alerts, LAG, "name: fires", "name: lag", "stream_lag: expected that it fires on TRUE"),
    (checks.alerts, LAG, "${resources.schemas.pinterest.name}", "pinterest", "reads the declared schema"),
    (checks.alerts, LAG, "user_email: ${var.notification_email}", "user_email: x", "notifies the one address"),
    (checks.alerts, LAG, "pause_status: ${var.stream_status}", "pause_status: UNPAUSED", "is paused in development"),
    (checks.shape, LAG, "empty_result_state: OK", "empty_result_state: FINE", "not a valid AlertEvaluationState"),
    (checks.shape, LAG, "query_text:", "query:", "Unexpected field 'query'"),
    (checks.schedule, JOB, "timezone_id: UTC", "timezone_id: Europe/Rome", "is not UTC"),
    (checks.wheel_tasks, JOB, "entry_point: refine", "entry_point: refined", "no entry point refined"),
    (checks.wheel_tasks, JOB, "package_name: pinterest_pipeline", "package_name: pinterest", "no package pinterest"),
    (checks.wheel_tasks, JOB, "- environment_key: default", "- environment_key: other", "no environment default"),
    (checks.wheel_tasks, JOB, "../dist/*.whl", "../dist/*.zip", "no environment default"),
    (checks.wheel_tasks, STREAM, "- job_cluster_key: stream", "- job_cluster_key: main", "no job cluster stream"),
    (checks.wheel_tasks, STREAM, "- whl: ../dist/*.whl", "- whl: ../dist/x.whl", "does not get the wheel"),
    (checks.wheel_tasks, STREAM, "entry_point: stream", "entry_point: streams", "no entry point streams"),
    (checks.shape, STREAM, "STREAMING_BACKLOG_SECONDS", "STREAMING_LAG_SECONDS", "not a valid JobsHealthMetric"),
    (checks.shape, STREAM, "task_retry_mode: NEVER", "task_retry_mode: ALWAYS", "not a valid TaskRetryMode"),
    (
        checks.shape,
        STREAM,
        "data_security_mode: SINGLE_USER",
        "data_security_mode: ALONE",
        "not a valid DataSecurityMode",
    ),
    (checks.parameters, STREAM, "default: continuous", "default: once", "invalid Mode value"),
    (checks.parameters, MAIN, "default: 10\n", "default: -1\n", "seconds from 0 up"),
    (checks.parameters, STREAM, "--region=", "--aws-region=", "stream: "),
    (
        checks.parameters,
        SERVERLESS,
        "              - --region={{job.parameters.region}}\n",
        "",
        "no task uses the job parameter region",
    ),
    (
        checks.guards,
        STREAM,
        'on_streaming_backlog_exceeded: ["${var.notification_email}"]',
        "on_streaming_backlog_exceeded: [x]",
        "mails about a backlog",
    ),
    (checks.parameters, JOB, "--landing=", "--folder=", "ingest: "),
    (checks.parameters, JOB, "              - --prefix={{job.parameters.prefix}}\n", "", "--prefix"),
    (checks.parameters, REPLAY, "--schema=", "--database=", "replay: "),
    (checks.parameters, JOB, "default: auto_loader", "default: by_hand", "invalid Reader value"),
    (checks.parameters, JOB, "{{job.parameters.prefix}}", "{{job.parameters.id}}", "no job parameter id"),
    (checks.places, JOB, "default: ${resources.schemas.pinterest.name}", "default: ${var.schema}", "not declared"),
    (checks.places, JOB, "default: /Volumes/${var.catalog}/", "default: /Volumes/main2/", "looks for checkpoints"),
    (checks.guards, JOB, "max_concurrent_runs: 1", "max_concurrent_runs: 2", "one run at a time"),
    (checks.guards, REPLAY, "timeout_seconds: ${var.task_timeout_seconds}", "timeout_seconds: 0", "replay ends"),
    (checks.guards, JOB, 'on_failure: ["${var.notification_email}"]', "on_failure: [x]", "mails to those who asked"),
    (checks.guards, MAIN, "default: 2\n", "default: 0\n", "ingest is tried again"),
    (checks.guards, MAIN, "default: 14400", "default: 60", "slow runs reported"),
    (checks.for_each, BACKFILL, "tasks.days.values", "tasks.dates.values", "is no value of"),
    (checks.for_each, BACKFILL, "--day={{input}}", "--day=2024-05-01", "its input is not used"),
    (checks.variables, MAIN, NEXT, "  password:\n    default: x\n" + NEXT, "sounds secret"),
    (checks.variables, MAIN, NEXT, "  spare:\n    default: x\n" + NEXT, "spare has no description"),
    (checks.variables, MAIN, NEXT, "  spare:\n    default: x\n" + NEXT, "spare is not used"),
    (governance.values, MAIN, "prefix: pinterest-dev", "prefix: Pinterest_Dev", "the prefix must be"),
    (governance.values, MAIN, NEXT, "  spare:\n    default: x\n    description: x\n" + NEXT, "spare cannot be 'x'"),
    (checks.hard_coded, MAIN, "default: pinterest-analysts", "default: ann@company.example", "names an e-mail address"),
    (
        checks.hard_coded,
        MAIN,
        "    workspace: &workspace\n",
        "    workspace: &workspace\n      host: x\n",
        "names a host",
    ),
    (
        governance.lifecycle,
        CHECKPOINTS,
        "      volume_type",
        KEPT + "      volume_type",
        "checkpoints cannot be destroyed",
    ),
    (
        governance.permissions,
        CHECKPOINTS,
        "      volume_type",
        GRANT + "      volume_type",
        "checkpoints grants something",
    ),
    (governance.tags, MAIN, "    cost_center: ${var.cost_center}\n", "", "batch has the tags"),
    (checks.hard_coded, JOB, "environment_key: default\n", "existing_cluster_id: x\n", "names a cluster"),
]


@pytest.mark.parametrize(("check", "file", "old", "new", "finding"), BROKEN)
def test_a_broken_bundle_fails_its_check(
    copy: Path, check: checks.Check, file: str, old: str, new: str, finding: str
) -> None:
    break_it(copy, file, old, new)

    assert finding in "\n".join(check(load(copy, "dev")))


BROKEN_IN_PRODUCTION = [
    (governance.target, MAIN, "/${bundle.name}/${bundle.target}", "", "prod has no root_path of its own"),
    (governance.target, MAIN, "    run_as: *run_as\n", "", "prod does not run as the jobs' service principal"),
    (governance.target, MAIN, "  job_principal:\n", "    default: x\n  job_principal:\n", "the deployer has a default"),
    (checks.shape, LANDING, "volume_type: EXTERNAL", "volume_type: REMOTE", "not a valid VolumeType"),
    (checks.shape, SCOPE, "level: READ", "level: CAN_READ", "not a valid SecretScopePermissionLevel"),
    (checks.shape, SCHEMA, "[USE_SCHEMA]", "[USE]", "not a valid Privilege"),
    (checks.places, LANDING, "${resources.schemas.pinterest.name}", "other", "volume landing is in"),
    (checks.places, MAIN, "landing_path: /Volumes/${var.catalog}", "landing_path: /Volumes/x", "looks for landing"),
    (
        governance.lifecycle,
        SCHEMA,
        "prevent_destroy: true",
        "prevent_destroy: false",
        "schemas.pinterest can be destroyed",
    ),
    (governance.permissions, MAIN, "level: CAN_RUN", "level: CAN_VIEW", "pinterest-operators would read secrets"),
    (governance.permissions, SCOPE, "${var.job_principal}", "${var.deployer}", "secrets are read by"),
    (governance.permissions, SCHEMA, "[USE_SCHEMA]", "[USE_SCHEMA, SELECT]", "expected the grants"),
]


@pytest.mark.parametrize(("check", "file", "old", "new", "finding"), BROKEN_IN_PRODUCTION)
def test_a_broken_production_target_fails_its_check(
    copy: Path, check: checks.Check, file: str, old: str, new: str, finding: str
) -> None:
    break_it(copy, file, old, new)

    assert finding in "\n".join(check(load(copy, "prod")))


@pytest.mark.parametrize("reference", ["var.catalogue", "resources.schemas.posts.name", "bundle.owner", "cluster.id"])
def test_a_dangling_reference_is_rejected(copy: Path, reference: str) -> None:
    break_it(copy, SCHEMA, "${var.catalog}", f"${{{reference}}}")

    with pytest.raises(BundleError, match="refers to nothing"):
        load(copy, "dev")


def test_a_target_cannot_set_an_undeclared_variable(copy: Path) -> None:
    break_it(copy, MAIN, "prefix: pinterest-dev", "prefiks: pinterest-dev")

    with pytest.raises(BundleError, match="prefiks"):
        load(copy, "dev")


@pytest.mark.parametrize("merged", ["{max_retries: 2}", "&own {max_retries: 2}", "attempts"])
def test_a_merge_of_anything_but_aliases_is_rejected(copy: Path, merged: str) -> None:
    break_it(copy, JOB, "<<: *attempts", f"<<: {merged}")

    with pytest.raises(BundleError, match="behind <<"):
        load(copy, "dev")


def test_a_merge_of_a_list_of_aliases_merges_all_of_them(copy: Path) -> None:
    break_it(copy, JOB, "<<: *attempts", "<<: [*attempts]")

    assert load(copy, "dev").resources("jobs") == load(ROOT, "dev").resources("jobs")


def test_the_stream_runtime_has_the_spark_version_of_the_tests() -> None:
    sparks = {"17.3.x-scala2.13": "4.0", "18.x-scala2.13": "4.1"}  # the LTS versions with Spark 4
    assert version("pyspark").startswith(sparks[load(ROOT, "prod").values["stream_spark_version"]])


def test_each_target_has_its_own_schema_prefix_and_job_name() -> None:
    bundles = [load(ROOT, target) for target in targets(ROOT)]

    assert len({bundle.resources("schemas")["pinterest"]["name"] for bundle in bundles}) == 3
    assert len({bundle.values["prefix"] for bundle in bundles}) == 3
