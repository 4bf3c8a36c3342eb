"""All seven real templates, one after the other, each given the outputs of those before it.

What the emulated AWS lacks is replaced by a parameter of the parameter store under the same name, so that everything
around it is real: conditions, references, outputs, uploads, the order.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.support.aws_emulator import emulated_aws, environment
from tooling.aws_setup import uploads
from tooling.aws_setup.applying import apply
from tooling.aws_setup.archives import Archive
from tooling.aws_setup.clients import open_clients
from tooling.aws_setup.deployment import Deployment, outputs
from tooling.aws_setup.display import Shown
from tooling.aws_setup.planning import plan
from tooling.aws_setup.removal import Data, destroy
from tooling.aws_setup.settings import Airflow, Api, Connector, Database, Databricks, Settings
from tooling.aws_setup.stacks import STACKS, Stack

# The emulator's us-east-1 has three zones, and MSK refuses brokers in one of them.
REGION = "eu-west-1"
LACKING = {
    "AWS::Budgets::Budget",
    *("AWS::ApiGateway::VpcLink", "AWS::ApplicationAutoScaling::ScalableTarget"),
    *("AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::NatGateway"),
    *("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::KafkaConnect::Connector"),
    *("AWS::KafkaConnect::CustomPlugin", "AWS::KafkaConnect::WorkerConfiguration", "AWS::MSK::Cluster"),
    *("AWS::MSK::Configuration", "AWS::MSK::ServerlessCluster", "AWS::MWAA::Environment"),
}
"""Types that the emulator lacks; docs/aws.md says so."""

# In the form of what the templates ask these attributes for, so that the parameters of later stacks take them.
ATTRIBUTES = {
    "Arn": "arn:aws:kafka:us-east-1:000000000000:cluster/stand-in/0-1",
    "MasterUserSecret.SecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:stand-in",
}
IMAGE = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
REFERENCE = re.compile(r"\$\{(\w+)(?:\.[^}]*)?\}")
Tree = Any


def carried(stack: Stack, folder: Path) -> Stack:
    """Return a stack whose template has stand-ins for what the emulator lacks."""
    tree = stack.template.tree
    gone = {name for name, one in tree["Resources"].items() if _lacks(one)}
    tree = _without(tree, gone)
    for name in gone:
        condition = {key: value for key, value in tree["Resources"][name].items() if key == "Condition"}
        kind = stack.template.tree["Resources"][name]["Type"]
        tree["Resources"][name] = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": kind},
            **condition,
        }
    for parameter in tree["Parameters"].values():
        # Amazon's own entries of the parameter store are not there.
        parameter["Type"] = parameter["Type"].replace(IMAGE, "String")
    (folder / f"{stack.name}.yaml").write_text(json.dumps(tree), encoding="utf-8")
    return replace(stack, folder=folder)


def _lacks(resource: Tree) -> bool:
    # Of alarms it lacks those over a query of metrics.
    return resource["Type"] in LACKING or "Metrics" in resource.get("Properties", {})


def _without(tree: Tree, gone: set[str]) -> Tree:
    if isinstance(tree, dict):
        match tree:
            case {"Fn::GetAtt": [name, attribute]} if name in gone or attribute in ATTRIBUTES.keys() - {"Arn"}:
                return ATTRIBUTES.get(attribute, "stand-in")
            case {"Ref": name} if name in gone:
                return ATTRIBUTES["Arn"]
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": REFERENCE.sub(lambda found: "stand-in" if found[1] in gone else found[0], text)}
        return {key: _without(value, gone) for key, value in tree.items()}
    return [_without(value, gone) for value in tree] if isinstance(tree, list) else tree


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Everything that there can be, in the emulated AWS."""
    plugin = tmp_path / "s3.zip"
    plugin.write_bytes(b"a plugin")
    settings = Settings(
        region=REGION,
        alarm_email="me@example.org",
        monthly_budget_usd=1000,
        api=Api(monthly_requests=1_000_000),
        database=Database(kind="create"),
        connector=Connector(plugin=str(plugin), plugin_sha256=hashlib.sha256(b"a plugin").hexdigest()),
        databricks=Databricks(external_id="0b1c-22"),
        airflow=Airflow(enabled=True),
    )
    with emulated_aws(tmp_path) as url:
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        clients = open_clients(REGION)
        # The archives of the client's machine are 550 MB: no test downloads them.
        monkeypatch.setattr(uploads, "provide", fetched)
        monkeypatch.setattr(clients.kafka, "get_bootstrap_brokers", lambda **_: BROKERS)
        monkeypatch.setattr(clients.elbv2, "describe_target_health", lambda **_: HEALTHY)
        yield Deployment(settings, clients, 0.02, tuple(carried(stack, tmp_path) for stack in STACKS))


BROKERS = {"BootstrapBrokerStringSaslIam": "b-1.pinterest.example:9098"}
HEALTHY = {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}]}
FETCHED: list[str] = []


def fetched(archives: Iterable[Archive], _: Path, bucket: str, *__: object) -> None:
    FETCHED.extend(f"{bucket}/{archive.key}" for archive in archives)


def test_seven_stacks_are_made_told_of_each_other_and_removed(deployment: Deployment) -> None:
    names = [stack.name for stack in STACKS]
    plans = [*plan(deployment)]
    assert [one.stack.name for one in plans if one.changes] == names

    with Shown(Console(file=StringIO())) as shown:
        apply(deployment, shown)
    states = deployment.states()
    assert {name: state.status for name, state in states.items()} == dict.fromkeys(names, "CREATE_COMPLETE")
    given = outputs(states)
    assert states["clients"].parameters["BootstrapBrokers"] == "b-1.pinterest.example:9098"
    for name in ("database", "kafka", "clients", "airflow"):
        assert states[name].parameters["VpcId"] == given["VpcId"]
    assert states["streams"].parameters["ProxyLoadBalancerArn"] == given["ProxyLoadBalancerArn"]
    assert all(state.parameters["KeyArn"] == given["KeyArn"] for name, state in states.items() if name != "data")

    s3, artifacts = deployment.clients.s3, given["ArtifactsBucket"]
    kept = {one["Key"].split("/")[0] for one in s3.list_objects_v2(Bucket=artifacts)["Contents"]}
    assert kept == {"client", "plugins"}
    assert len(FETCHED) == 3
    assert all(one.startswith(f"{artifacts}/archives/") for one in FETCHED)
    dags = {one["Key"] for one in s3.list_objects_v2(Bucket=given["DagsBucket"])["Contents"]}
    assert {"dags/pinterest_batch.py", states["airflow"].parameters["RequirementsKey"]} == dags

    with Shown(Console(file=StringIO())) as again:
        apply(deployment, again)
    assert again.changed.total() == 0
    with Shown(Console(file=StringIO())) as removed:
        destroy(deployment, removed, Data.KEEP)
        assert deployment.states().keys() == {"data", "network", "database"}
        destroy(deployment, removed, Data.DELETE)
    assert deployment.states() == {}
    assert s3.list_buckets()["Buckets"] == []
