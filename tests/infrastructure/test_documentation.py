"""What docs/aws.md says about rights is what the templates need."""

from pathlib import Path

from tests.infrastructure.rules import template
from tests.infrastructure.templates import STACKS

AWS = (Path(__file__).parents[2] / "docs" / "aws.md").read_text(encoding="utf-8")

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
"""Types whose service makes a role of its own in the account, with the principal that the right is for."""


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
