"""The stacks and their templates match: every parameter has a value, and each value is allowed."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tooling.aws_setup import uploads
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.naming import digested
from tooling.aws_setup.settings import (
    Airflow,
    Client,
    Connector,
    Database,
    Databricks,
    Kafka,
    Network,
    Settings,
    Streams,
)
from tooling.aws_setup.stacks import FORMS, LATER, STACKS, Expected, Stack, expected_outputs, parameters, replicas
from tooling.aws_setup.zones import PARAMETERS as ZONES

ZIP = b"a plugin"
PICKED = dict(zip(ZONES, ["use1-az1", "use1-az2", ""], strict=True))
VARIANTS: dict[str, dict[str, Any]] = {
    "by default": {},
    "stream alone": {"kafka": Kafka(kind="none")},
    "serverless": {"kafka": Kafka(kind="serverless")},
    "two zones": {"network": Network(zones=2), "kafka": Kafka(brokers_per_zone=2)},
    "public proxy": {
        "client": Client(proxy="public", architecture="x86_64", instance_type="t3.small", key_pair="mine")
    },
    "everything": {
        "alarm_email": "me@example.org",
        "database": Database(kind="create", multi_az=True),
        "streams": Streams(mode="provisioned", shards=4),
        "databricks": Databricks(access="instance-profile"),
        "airflow": Airflow(enabled=True),
    },
    "an external id": {"databricks": Databricks(external_id="0b1c-22")},
}


@pytest.fixture(params=VARIANTS, ids=lambda name: str(name).replace(" ", "-"))
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    plugin = tmp_path / "s3.zip"
    plugin.write_bytes(ZIP)
    connector = Connector(plugin=str(plugin), plugin_sha256=hashlib.sha256(ZIP).hexdigest())
    return Settings(connector=connector, **VARIANTS[request.param])


def told(settings: Settings) -> dict[str, dict[str, str]]:
    """Return every wanted stack's parameters for an empty account."""
    wanted = [stack for stack in STACKS if stack.wanted(settings)]
    expected, known = expected_outputs(wanted, (), settings.region), {**PICKED, **uploads.names(settings)}
    return {stack.name: dict(parameters(stack, settings, known, expected)) for stack in wanted}


def stack(name: str) -> Stack:
    return next(one for one in STACKS if one.name == name)


def faults(declared: Mapping[str, Any], value: str) -> list[str]:
    values = value.split(",") if declared["Type"] == "CommaDelimitedList" else [value]
    pattern, allowed = declared.get("AllowedPattern", ".*"), declared.get("AllowedValues")
    wrong = [one for one in values if not re.fullmatch(pattern, one) or (allowed and one not in map(str, allowed))]
    if declared["Type"] == "Number" and not declared.get("MinValue", 0) <= int(value) <= declared.get(
        "MaxValue", 10**9
    ):
        wrong.append(value)
    return wrong


def test_every_parameter_gets_a_value_that_its_template_allows(settings: Settings) -> None:
    for name, values in told(settings).items():
        for parameter, value in values.items():
            assert not faults(stack(name).template.parameters[parameter], value), (name, parameter, value)


def test_what_the_settings_say_is_heard(settings: Settings) -> None:
    for one in STACKS:
        assert one.from_settings(settings).keys() <= one.template.parameters.keys(), one.name


def test_an_output_is_used_by_a_later_stack_and_never_by_an_earlier_one(settings: Settings) -> None:
    known = {"Prefix", *LATER, *ZONES, *uploads.names(settings)}
    for one in (one for one in STACKS if one.wanted(settings)):
        needed = {name for name, declared in one.template.parameters.items() if "Default" not in declared}
        assert needed <= known | one.from_settings(settings).keys() | digested(one.template).keys(), one.name
        known |= one.template.outputs


def test_every_output_that_is_passed_on_has_a_stand_in_for_plans() -> None:
    outputs = {output for one in STACKS for output in one.template.outputs} | LATER
    passed_on = outputs & {name for one in STACKS for name in one.template.parameters}
    assert FORMS.keys() == passed_on


def test_a_plan_stands_in_for_outputs_that_come_with_a_change_of_a_stack_that_is_there() -> None:
    settings = Settings(kafka=Kafka(kind="none"), airflow=Airflow(enabled=True))
    wanted = [one for one in STACKS if one.wanted(settings)]
    known = {"KeyArn": "k", "AlarmTopicArn": "a", "VpcId": "v", "VpcCidr": "c", **PICKED, **uploads.names(settings)}
    expected = expected_outputs(wanted, ["data", "network", "streams"], settings.region)
    told = parameters(stack("airflow"), settings, known, expected)
    assert told["DagsBucket"] == FORMS["DagsBucket"]
    assert told["VpcId"] == "v"
    # An optional parameter may never have a value: the stack with that output exists and does not have it.
    assert "ProxyLoadBalancerArn" not in parameters(stack("streams"), settings, known, expected)


def test_a_parameter_that_nothing_gives_is_named(settings: Settings) -> None:
    with pytest.raises(AwsError, match=r"the stack network needs KeyArn"):
        parameters(stack("network"), settings, PICKED, Expected())


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["data", "network", "kafka", "clients", "streams"]),
        ({"kafka": Kafka(kind="none")}, ["data", "streams"]),
        ({"kafka": Kafka(kind="none"), "airflow": Airflow(enabled=True)}, ["data", "network", "streams", "airflow"]),
        (
            {"kafka": Kafka(kind="none"), "database": Database(kind="create")},
            ["data", "network", "database", "streams"],
        ),
    ],
)
def test_a_deployment_has_only_what_its_settings_need(changes: dict[str, Any], names: list[str]) -> None:
    assert [one.name for one in STACKS if one.wanted(Settings(**changes))] == names


def test_topics_have_a_copy_in_every_zone() -> None:
    assert replicas(Settings(network=Network(zones=2))) == 2
    # Of three copies two must have a record before it counts as accepted; of two copies, one.
    assert replicas(Settings()) == 3
    assert replicas(Settings(kafka=Kafka(kind="serverless"))) == 3
