"""Every template with cfn-lint's strictest settings, as deployed: with its included files."""

import json
from functools import cache

import pytest
from cfnlint.config import ConfigMixIn, ManualArgs
from cfnlint.decode.decode import decode_str
from cfnlint.runner import Runner

from tooling.aws_setup.stacks import STACKS, Stack

STRICTEST = ManualArgs(
    include_checks=["I"],
    include_experimental=True,
    # A number where a text belongs is a finding as well.
    configure_rules={"E3012": {"strict": True}},
    # A resource type that a region lacks is a finding too.
    regions=["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2"],
)


@cache
def runner() -> Runner:
    """Read the rules, which takes longer than to check a template."""
    return Runner(ConfigMixIn(**STRICTEST))


def findings(text: str) -> list[str]:
    template, errors = decode_str(text)
    found = [*errors, *(runner().validate_template(template) if template else ())]
    return [f"line {one.linenumber}: {one.rule.id} {one.message}" for one in found]


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_template_has_no_finding(stack: Stack) -> None:
    assert findings(json.dumps(stack.template.tree, indent=1)) == []


@pytest.mark.parametrize(
    ("resource", "rule"),
    [
        ({"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": "1"}}, "E3012"),
        ({"Type": "AWS::Kinesis::Stream", "Properties": {"Shards": 1}}, "E3002"),
        ({"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.t4g.micro"}}, "I3011"),
        ({"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "a"}}, "I4010"),
    ],
)
def test_errors_and_missing_properties_are_found(resource: dict[str, object], rule: str) -> None:
    found = findings(json.dumps({"Resources": {"One": resource}}))
    assert any(f" {rule} " in one for one in found), found
