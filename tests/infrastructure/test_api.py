"""The API as deployed to API Gateway and as its callers see it: authenticated, validated, and as documented."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.credentials import Credentials
from openapi_spec_validator import validate

from tests.support.aws_emulator import ACCOUNT, REGION, emulated_aws, environment
from tooling.aws_setup.stacks import STACKS
from tooling.local_cloud.api_gateway.api_document import read_api
from tooling.local_cloud.api_gateway.authorisation import KnownCredentials
from tooling.local_cloud.api_gateway.aws_integration import Account
from tooling.local_cloud.api_gateway.gateway import application
from tooling.local_cloud.api_gateway.integrations import Deployment
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.http_service import MAX_BYTES

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Tree = Any

(STREAMS,) = (stack for stack in STACKS if stack.name == "streams")
BODY = STREAMS.template.tree["Resources"]["Api"]["Properties"]["Body"]
ABSENT = {"Ref": "AWS::NoValue"}
ANSWERS = [
    (200, ""),
    (400, "ValidationException"),
    (400, "ResourceNotFoundException"),
    (400, "LimitExceededException"),
    (500, "InternalFailure"),
]
BODIES = {
    "Record": {"Data": '{"ind": 7}', "PartitionKey": "7"},
    "Records": {"records": [{"data": '{"ind": 7}', "partition-key": "7"}]},
    "NewStream": {"ShardCount": 1},
}


def resolved(node: Tree, private: bool) -> Tree:
    """Return the document as CloudFormation hands it on, with or without a private link."""
    if isinstance(node, list):
        return [resolved(one, private) for one in node]
    if not isinstance(node, dict) or node == ABSENT:
        return node
    match node:
        case {"Fn::If": ["PrivateProxy", then, otherwise]}:
            value = resolved(then if private else otherwise, private)
        case {"Fn::Sub": text}:
            value = text.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", REGION)
        case {"Fn::GetAtt": [name, attribute]}:
            value = f"{name}.{attribute}"
        case {"Ref": name}:
            value = name
        case _:
            values = {key: resolved(one, private) for key, one in node.items()}
            value = {key: one for key, one in values.items() if one != ABSENT}
    return value


def operations(document: Tree) -> Iterator[tuple[str, str, Tree]]:
    for path, item in document["paths"].items():
        yield from ((path, name, operation) for name, operation in item.items() if name != "parameters")


OPERATIONS = [pytest.param(path, op, id=f"{name} {path}") for path, name, op in operations(BODY)]
ON_STREAMS = [
    pytest.param(path, name.upper(), op, id=f"{name} {path}")
    for path, name, op in operations(BODY)
    if path.startswith("/streams")
]


def keys(node: Tree) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from node
    if isinstance(node, Mapping | list):
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from keys(child)


@pytest.mark.parametrize("private", [True, False], ids=["through a link", "through the internet"])
def test_the_deployed_document_is_openapi_without_functions(private: bool) -> None:
    document = resolved(BODY, private)
    validate(document)
    assert not {key for key in keys(document) if key.startswith("Fn::")}


def test_the_rest_proxy_is_reached_through_the_link_if_there_is_one() -> None:
    def connection(private: bool) -> tuple[object, object]:
        way = resolved(BODY, private)["paths"]["/{proxy+}"]["x-amazon-apigateway-any-method"]
        integration = way["x-amazon-apigateway-integration"]
        return integration["connectionType"], integration.get("connectionId")

    assert connection(private=True) == ("VPC_LINK", "VpcLink")
    assert connection(private=False) == ("INTERNET", None)


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_method_requires_a_signature(path: str, operation: Tree) -> None:
    assert operation["security"] == [{"sigv4": []}], path


def test_a_usage_plan_requires_a_key_and_the_signature_for_every_method() -> None:
    def api(requests: str) -> Tree:
        resources = json.loads(STREAMS.template.body({"MonthlyRequests": requests}))["Resources"]
        (deployment,) = (name for name in resources if name.startswith("ApiDeployment"))
        return deployment, resources["Api"]["Properties"]["Body"]

    (plain, _), (metered, body) = api("0"), api("1000")
    assert [operation["security"] for _, _, operation in operations(body)] == [
        [{"sigv4": [], "api_key": []}] for _ in OPERATIONS
    ]
    # The content differs, and a stage serves a deployment.
    assert plain != metered


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_body_and_every_parameter_is_checked(path: str, operation: Tree) -> None:
    name = operation.get("x-amazon-apigateway-request-validator", BODY["x-amazon-apigateway-request-validator"])
    checks = BODY["x-amazon-apigateway-request-validators"][name]
    assert checks == {"validateRequestBody": True, "validateRequestParameters": True}
    media = operation.get("requestBody", {"content": {}})["content"].values()
    assert all(one["schema"]["$ref"].rpartition("/")[2] in BODY["components"]["schemas"] for one in media), path


async def ended(call: httpx.Request, kinesis: httpx.AsyncBaseTransport, known: KnownCredentials) -> int:
    """Return how the gateway answers this call with this Kinesis as backend."""
    api = read_api(DOCUMENT.read_text(encoding="utf-8"), Deployment({"restProxy": "proxy:8082"}, REGION))
    account = Account("http://kinesis/", Credentials("local", "made-up"))
    app = application(api, known, account, httpx.AsyncClient(transport=kinesis))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return (await client.send(call)).status_code


def answering(status: int, kind: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, json={"__type": kind}))


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(("path", "method", "operation"), ON_STREAMS)
def test_callers_get_only_documented_statuses_and_each_of_them(path: str, method: str, operation: Tree) -> None:
    content = operation.get("requestBody", {"content": {}})["content"]
    bodies = [json.dumps(BODIES[one["schema"]["$ref"].rpartition("/")[2]]).encode() for one in content.values()]
    anyone, body, good = KnownCredentials(), bodies[0] if bodies else b"", answering(200, "")

    def see(
        kinesis: httpx.AsyncBaseTransport = good,
        content: bytes = body,
        kind: str = "application/json",
        known: KnownCredentials = anyone,
    ) -> int:
        url = f"http://api{path.format(**{'stream-name': 'x'})}"
        return asyncio.run(
            ended(httpx.Request(method, url, content=content, headers={"Content-Type": kind}), kinesis, known)
        )

    seen = {see(answering(status, kind)) for status, kind in ANSWERS}
    seen |= {
        see(known=KnownCredentials("caller", "their-secret")),
        see(content=b" " * (MAX_BYTES + 1)),
        see(kind="text/plain"),
        see(httpx.MockTransport(unreachable)),
    }
    assert seen == {int(one) for one in operation["responses"]}


@pytest.fixture(scope="module")
def cloudformation(tmp_path_factory: pytest.TempPathFactory) -> Iterator["CloudFormationClient"]:
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url, pytest.MonkeyPatch.context() as patched:
        for name, value in environment(url).items():
            patched.setenv(name, value)
        yield boto3.client("cloudformation", region_name=REGION)


# The emulator supports no VPC links, so only the public proxy is tested.
@pytest.mark.parametrize("proxy", ["none", "public"])
def test_cloudformation_creates_the_streams_and_the_api(cloudformation: "CloudFormationClient", proxy: str) -> None:
    values = {
        "Prefix": f"api-{proxy}",
        "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0",
        "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        "Proxy": proxy,
        "ProxyAddress": "proxy.example:8082",
        "MonthlyRequests": "1000",
    }
    cloudformation.create_stack(
        StackName=proxy,
        TemplateBody=STREAMS.template.body(values),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=proxy, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (stack,) = cloudformation.describe_stacks(StackName=proxy)["Stacks"]
    assert {one["OutputKey"] for one in stack["Outputs"]} == STREAMS.template.outputs
