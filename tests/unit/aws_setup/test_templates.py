"""Templates as sent to AWS: short tags expanded, the API included, and a new deployment of it only after a change."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.templates import Template

API = """\
Conditions:
  PrivateProxy: !Equals [!Ref Proxy, private]
Resources:
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}
  VpcLink:
    Type: AWS::ApiGateway::VpcLink
    Properties: {TargetArns: [!Ref Balancer]}
  ApiDeployment:
    Type: AWS::ApiGateway::Deployment
    Properties: {RestApiId: !Ref Api}
  Stage:
    Type: AWS::ApiGateway::Stage
    DependsOn: ApiDeployment
    Properties: {DeploymentId: !Ref ApiDeployment}
"""


def template(folder: Path, text: str) -> Template:
    file = folder / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    return Template(file)


def deployment(folder: Path, document: str, values: dict[str, str] | None = None) -> str:
    (folder / "api.yaml").write_text(document, encoding="utf-8")
    resources = json.loads(template(folder, API).body(values or {}))["Resources"]
    (name,) = resources.keys() - {"Api", "Stage", "VpcLink"}
    assert resources["Stage"]["Properties"]["DeploymentId"] == {"Ref": name}
    assert resources["Stage"]["DependsOn"] == name
    return str(name)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Key", {"Ref": "Key"}),
        ("!GetAtt Key.Arn", {"Fn::GetAtt": ["Key", "Arn"]}),
        ("!GetAtt Database.Endpoint.Port", {"Fn::GetAtt": ["Database", "Endpoint.Port"]}),
        ('!Sub "${A}-b"', {"Fn::Sub": "${A}-b"}),
        ("!Condition Private", {"Condition": "Private"}),
        ('!Equals [!Ref Kind, "none"]', {"Fn::Equals": [{"Ref": "Kind"}, "none"]}),
        ("!Join [',', [a, !Ref B]]", {"Fn::Join": [",", ["a", {"Ref": "B"}]]}),
        ("2012-10-17", "2012-10-17"),
    ],
)
def test_short_tags_are_written_out(tmp_path: Path, short: str, long: object) -> None:
    assert template(tmp_path, f"Resources: {{}}\nValue: {short}").tree["Value"] == long


def test_the_api_is_part_of_the_template(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("openapi: 3.0.1\nuri: {'Fn::Sub': '${AWS::Region}'}", encoding="utf-8")
    body = json.loads(template(tmp_path, API).body({}))["Resources"]["Api"]["Properties"]["Body"]
    assert body == {"openapi": "3.0.1", "uri": {"Fn::Sub": "${AWS::Region}"}}


def test_a_changed_api_is_deployed_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    before = deployment(tmp_path, "title: one")
    assert deployment(tmp_path, "title: one  # the same") == before
    assert deployment(tmp_path, "title: two") != before


def test_another_way_to_the_proxy_is_deployed_anew_and_another_rate_is_not(tmp_path: Path) -> None:
    document = "{connectionType: {'Fn::If': [PrivateProxy, VPC_LINK, INTERNET]}, connectionId: {Ref: VpcLink}}"
    values = {"Proxy": "private", "Balancer": "one", "ThrottleRate": "1"}
    private = deployment(tmp_path, document, values)
    assert deployment(tmp_path, document, {**values, "ThrottleRate": "2"}) == private
    assert deployment(tmp_path, document, {**values, "Proxy": "public"}) != private
    assert deployment(tmp_path, document, {**values, "Balancer": "another"}) != private


# No deadline: each example makes a folder.
@settings(max_examples=50)
@given(st.text(min_size=1, max_size=30))
def test_any_text_of_the_api_arrives_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("api")
    (folder / "api.yaml").write_text(yaml.safe_dump({"title": text}), encoding="utf-8")
    assert json.loads(template(folder, API).body({}))["Resources"]["Api"]["Properties"]["Body"] == {"title": text}


def test_a_template_that_cloudformation_would_not_take_is_refused_here(tmp_path: Path) -> None:
    with pytest.raises(AwsError, match="takes 51,200; split it"):
        template(tmp_path, f"Resources: {{}}\nDescription: {'x' * 52_000}").body({})


@pytest.mark.parametrize("text", ["Resources: [", "a: !Ref {b"])
def test_a_template_that_is_no_yaml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(AwsError, match=r"stack\.yaml"):
        _ = template(tmp_path, text).tree


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(AwsError, match=r"gone\.yaml"):
        _ = Template(tmp_path / "gone.yaml").tree
