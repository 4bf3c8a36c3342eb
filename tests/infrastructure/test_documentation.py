"""The documents agree with templates, bundle and price list about rights, alarms and costs."""

import re
from pathlib import Path

import yaml

from tests.infrastructure.rules import template
from tests.support.templates import STACKS
from tooling.aws_setup import stacks
from tooling.aws_setup.costs import monthly_costs, read_prices
from tooling.aws_setup.deployment import Resource
from tooling.aws_setup.settings import Airflow, Database, Settings

ROOT = Path(__file__).parents[2]
AWS = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

LINKED = {
    "AWS::ApiGateway::VpcLink": "ops.apigateway.amazonaws.com",
    "AWS::ApplicationAutoScaling::ScalableTarget": "kafka.application-autoscaling.amazonaws.com",
    "AWS::AutoScaling::AutoScalingGroup": "autoscaling.amazonaws.com",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "AWS::KafkaConnect::Connector": "kafkaconnect.amazonaws.com",
    "AWS::MSK::Cluster": "kafka.amazonaws.com",
    "AWS::MWAA::Environment": "airflow.amazonaws.com",
    "AWS::RDS::DBInstance": "rds.amazonaws.com",
}
"""Types whose service creates a service-linked role in the account, with its principal."""


def test_every_service_linked_role_is_named_with_the_stack_that_needs_it() -> None:
    rows = [line for line in AWS.splitlines() if line.lstrip().startswith("|") and ".amazonaws.com" in line]
    needed = {
        principal: stack
        for stack in STACKS
        for kind, principal in LINKED.items()
        for _ in [*template(stack).of(kind)][:1]
    }
    assert needed.keys() == set(LINKED.values())
    assert {row.split("`")[1]: row.split("|")[3].split(",")[0].strip() for row in rows} == needed


def test_every_alarm_and_every_alert_has_its_line_in_operations() -> None:
    named = {
        properties.get("AlarmName", {"Fn::Sub": name})["Fn::Sub"].replace("${Prefix}", "<prefix>")
        for stack in STACKS
        for name, properties in template(stack).of("AWS::CloudWatch::Alarm")
    }
    alarms = {re.sub("-(pin|geo|user)-stream", "-<entity>-stream", name) for name in named}
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "resources").glob("*.alert.yml")]
    alerts = {key for file in files for key in file["resources"]["alerts"]}
    lines = re.findall(r"^\| `([^`]+)`(?: \(\w+\))? \| [A-Z]", OPERATIONS, re.MULTILINE)
    assert {*lines} >= alarms | alerts
    assert {line for line in lines if line.startswith("<prefix>-")} <= alarms


def test_the_costs_by_part_are_those_of_the_price_list() -> None:
    said = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", OPERATIONS, re.MULTILINE))
    assert said == {stack.name: f"{monthly(stack):.0f}" for stack in stacks.STACKS}


def monthly(stack: stacks.Stack) -> float:
    """The monthly cost of a stack with default settings, plus database and Airflow."""
    settings = Settings(database=Database(kind="create"), airflow=Airflow(enabled=True))
    made = [
        Resource(stack, name, each["Type"])
        for name, each in stack.template.tree["Resources"].items()
        if each.get("Condition") not in {"Serverless", "Public"}
    ]
    return sum(cost.monthly or 0 for cost in monthly_costs(settings, made, read_prices()))
