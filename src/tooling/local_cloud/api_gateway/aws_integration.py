"""Executes an AWS integration: maps the request to the service's, signs and sends it, and maps the response.

A stand-in for what API Gateway does with mapping templates.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, EnvProvider
from starlette.responses import JSONResponse, Response

from tooling.local_cloud.api_gateway.authorisation import Call
from tooling.local_cloud.api_gateway.integrations import JSON, AwsAction
from tooling.local_cloud.api_gateway.mapping_templates import Input, Parameters
from tooling.local_cloud.errors import LocalCloudError


@dataclass(frozen=True)
class Account:
    """A service's endpoint, and credentials in place of the integration's role.

    Attributes:
        endpoint: The service's URL.
        credentials: What calls are signed with.
    """

    endpoint: str
    credentials: Credentials

    @classmethod
    def from_environment(cls, endpoint: str) -> "Account":
        """Return the service at this URL with the credentials of this process's environment.

        Raises:
            LocalCloudError: There are none.
        """
        credentials = EnvProvider().load()
        if credentials is None:
            raise LocalCloudError(
                "calls to Kinesis are signed: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for this process"
            )
        return cls(endpoint, credentials)


async def execute(
    integration: AwsAction, call: Call, parameters: Mapping[str, str], account: Account, client: httpx.AsyncClient
) -> Response:
    """Return the caller's answer.

    Raises:
        httpx.TransportError: The service cannot be reached.
        ValueError: A body is not JSON and a template reads it.
        LocalCloudError: A template fails, or the document maps no response for the service's status.
    """
    template = integration.requests.get(content_type(call.headers))
    if template is None:
        return JSONResponse({"message": "Unsupported Media Type"}, 415)
    given = _parameters(call, parameters)

    def request() -> httpx.Request:
        body = template.render(Input(call.body, given), _context(call), integration.stage)
        return _signed(integration, body.encode("utf-8", "replace"), account)

    # In a thread: a body of megabytes takes time, and other requests must not wait for it.
    answer = await client.send(await asyncio.to_thread(request))
    return _mapped(integration, answer, call, given)


def content_type(headers: Mapping[str, str]) -> str:
    """Return the content type of a request as templates and models are chosen by it; JSON where there is none."""
    return headers.get("content-type", JSON).partition(";")[0].strip().lower()


def _parameters(call: Call, path: Mapping[str, str]) -> Parameters:
    query = dict(parse_qsl(call.url.partition("?")[2], keep_blank_values=True))
    return Parameters({name: unquote(value) for name, value in path.items()}, query, call.headers)


def _context(call: Call) -> dict[str, object]:
    return {"httpMethod": call.method, "responseOverride": {}}


def _signed(integration: AwsAction, body: bytes, account: Account) -> httpx.Request:
    request = AWSRequest("POST", account.endpoint, integration.headers, body)
    SigV4Auth(account.credentials, integration.service, integration.region).add_auth(request)
    return httpx.Request("POST", account.endpoint, headers=dict(request.headers.items()), content=body)


def _mapped(integration: AwsAction, answer: httpx.Response, call: Call, given: Parameters) -> Response:
    mapped = integration.answer(answer.status_code)
    if mapped is None:
        raise LocalCloudError(f"the document maps no response for the status {answer.status_code}")
    override: dict[str, int] = {}
    content = answer.content
    if mapped.template is not None:
        context = _context(call) | {"responseOverride": override}
        content = mapped.template.render(Input(content, given), context, integration.stage).encode("utf-8")
    return Response(content, override.get("status", mapped.status), media_type=JSON)
