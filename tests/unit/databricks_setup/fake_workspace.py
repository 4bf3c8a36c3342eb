"""A stand-in for a Databricks workspace over HTTP, as strict about each call as databricks-sdk's own declarations.

The fields of a request are the parameters of the SDK's method that makes it; objects in it must survive the SDK's
dataclasses unchanged. Anything else is a 400. Responses are made from the SDK's dataclasses.
"""

import base64
import inspect
import json
import re
import threading
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass, replace
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from databricks.sdk.service import catalog, iam, sql, workspace
from databricks.sdk.service.catalog import CredentialPurpose, ValidateCredentialResult

from tests.unit.databricks_setup.fake_sql import Tables, executed

KNOWN = "dapi-of-the-test"
HERE = 4711
ME = "ann@example.com"
MASTER = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL"
Answer = tuple[int, Mapping[str, Any]]


class RefusalError(Exception):
    """Raised where a call is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error_code": code, "message": message}


@dataclass
class FakeWorkspace:
    """The state of the workspace, its permissions, and every call that was made."""

    credentials: dict[str, catalog.CredentialInfo] = field(default_factory=dict)
    locations: dict[str, catalog.ExternalLocationInfo] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)
    scopes: dict[str, dict[str, str]] = field(default_factory=dict)
    bindings: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    grants: dict[tuple[str, str], dict[str, set[str]]] = field(default_factory=dict)
    catalogs: set[str] = field(default_factory=lambda: {"main"})
    principals: set[str] = field(default_factory=set)
    trusted: set[str] = field(default_factory=set)
    """External ids that the role on AWS trusts."""
    out_of_sight: set[str] = field(default_factory=set)
    """Names of credentials that are bound to other workspaces."""
    denied: str = r"(?!)"
    """Calls without permission, as METHOD path."""
    limited: int = 0
    """The number of next calls that the rate limit rejects."""
    lost: str = r"(?!)"
    """The first such call takes effect, and its response is lost."""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)

    def changes(self) -> list[str]:
        """Every call that was not a read, as METHOD path, then the statements that write."""
        written = [f"{method} {path}" for method, path, _ in self.calls if method != "GET"]
        statements = ["CREATE OR REPLACE TABLE" for _, _, text in self.calls if "CREATE OR REPLACE TABLE" in text]
        reads = ("/validate-credentials", "/sql/statements")
        return [each for each in written if not each.endswith(reads)] + statements

    def state(self) -> Mapping[str, object]:
        """All that a user would find."""
        return {
            "credentials": {name: info.as_dict() for name, info in self.credentials.items()},
            "locations": {name: info.as_dict() for name, info in self.locations.items()},
            "tables": {name: rows for name, (_, rows) in self.tables.items()},
            "scopes": self.scopes,
            "bindings": self.bindings,
            "grants": self.grants,
        }

    def answer(self, method: str, target: str, text: str, token: str | None) -> Answer:
        """Answer one call."""
        url = urlsplit(target)
        path, query = unquote(url.path), dict(parse_qsl(url.query))
        if path.startswith("/.well-known/"):
            return 404, {"error_code": "NOT_FOUND", "message": "no such page"}
        self.calls.append((method, path, text))
        try:
            if token != f"Bearer {KNOWN}":
                raise RefusalError(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type")
            if self.limited:
                self.limited -= 1
                raise RefusalError(429, "REQUEST_LIMIT_EXCEEDED", "too many requests")
            if re.search(self.denied, f"{method} {path}"):
                raise RefusalError(403, "PERMISSION_DENIED", f"User does not have the right to {method} {path}")
            for verb, pattern, handle in _ROUTES:
                if verb == method and (found := re.fullmatch(pattern, path)):
                    body = handle(self, *found.groups(), json.loads(text) if text else query)
                    self._lose(f"{method} {path}")
                    return 200, body
        except RefusalError as refusal:
            return refusal.status, refusal.body
        return 400, {"error_code": "BAD_REQUEST", "message": f"the stand-in knows no {method} {path}"}

    def _lose(self, call: str) -> None:
        if re.search(self.lost, call):
            self.lost = r"(?!)"
            raise RefusalError(503, "TEMPORARILY_UNAVAILABLE", "the answer was lost")

    def credential(self, name: str) -> catalog.CredentialInfo:
        if name not in self.credentials or name in self.out_of_sight:
            raise RefusalError(404, "RESOURCE_DOES_NOT_EXIST", f"Credential '{name}' does not exist")
        return self.credentials[name]


def external_id(name: str) -> str:
    """The external id that Databricks gives a credential."""
    return f"id-of-{name}"


def accepted(method: Callable[..., Any], body: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Check the fields of a request against the SDK's method that makes it, and return them as its types."""
    hints = typing.get_type_hints(method)
    known = [name for name in inspect.signature(method).parameters if name not in {"self", *path}]
    if unknown := sorted(body.keys() - set(known)):
        raise RefusalError(400, "INVALID_PARAMETER_VALUE", f"unknown fields: {', '.join(unknown)}")
    return {name: _typed(hints[name], value, name) for name, value in body.items()}


def _typed(hint: object, value: object, name: str) -> object:
    inner = [each for each in typing.get_args(hint) if each is not type(None)]
    optional = type(None) in typing.get_args(hint)
    kind: Any = inner[0] if optional else hint
    if typing.get_origin(kind) is list and isinstance(value, list):
        return [_typed(typing.get_args(kind)[0], each, name) for each in value]
    wrong = RefusalError(400, "INVALID_PARAMETER_VALUE", f"{name} cannot be {value!r}")
    try:
        if is_dataclass(kind):
            parsed = typing.cast("Any", kind).from_dict(value)
            fits = parsed.as_dict() == value
        else:
            parsed = kind(value) if issubclass(kind, Enum) else value
            fits = issubclass(kind, Enum) or isinstance(value, kind) or (kind is int and str(value).isdecimal())
    except (ValueError, KeyError, AttributeError) as error:
        raise wrong from error
    if not fits:
        raise wrong
    return parsed


def _me(_: FakeWorkspace, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(iam.CurrentUserAPI.me, query)
    return iam.User(user_name=ME).as_dict()


def _get_credential(fake: FakeWorkspace, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.CredentialsAPI.get_credential, query, "name_arg")
    return fake.credential(name).as_dict()


def _create_credential(fake: FakeWorkspace, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.CredentialsAPI.create_credential, body)
    name, purpose, role = given["name"], given["purpose"], given["aws_iam_role"]
    if name in fake.credentials:
        raise RefusalError(409, "RESOURCE_ALREADY_EXISTS", f"Credential '{name}' already exists")
    if role.as_dict().keys() != {"role_arn"} or ("read_only" in given and purpose is CredentialPurpose.SERVICE):
        raise RefusalError(
            400, "INVALID_PARAMETER_VALUE", "a field that the workspace fills in, or of the other purpose"
        )
    if not given.get("skip_validation") and external_id(name) not in fake.trusted:
        raise RefusalError(400, "INVALID_PARAMETER_VALUE", "the role cannot be assumed")
    info = catalog.CredentialInfo(
        name=name,
        purpose=purpose,
        comment=given.get("comment"),
        read_only=given.get("read_only"),
        owner=ME,
        isolation_mode=catalog.IsolationMode.ISOLATION_MODE_OPEN,
        aws_iam_role=catalog.AwsIamRole(external_id(name), role.role_arn, MASTER),
    )
    fake.credentials[name] = info
    return info.as_dict()


def _update_credential(fake: FakeWorkspace, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.CredentialsAPI.update_credential, body, "name_arg")
    info = fake.credential(name)
    given.pop("skip_validation", None)
    if "aws_iam_role" in given:
        given["aws_iam_role"] = catalog.AwsIamRole(external_id(name), given["aws_iam_role"].role_arn, MASTER)
    fake.credentials[name] = replace(info, **given)
    return fake.credentials[name].as_dict()


def _validate(fake: FakeWorkspace, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.CredentialsAPI.validate_credential, body)
    info = fake.credential(given["credential_name"])
    if info.purpose is CredentialPurpose.STORAGE:
        url = given.get("url", "")
        overlaps = {name for name, each in fake.locations.items() if each.url == url}
        if not url or overlaps - {given.get("external_location_name")}:
            raise RefusalError(400, "INVALID_PARAMETER_VALUE", "no URL, or one that overlaps an external location")
        if given.get("external_location_name", next(iter(fake.locations), None)) not in {None, *fake.locations}:
            raise RefusalError(404, "RESOURCE_DOES_NOT_EXIST", "no such external location")
    passes = external_id(given["credential_name"]) in fake.trusted
    result = (
        catalog.CredentialValidationResult(result=ValidateCredentialResult.PASS)
        if passes
        else catalog.CredentialValidationResult("AWS IAM role cannot be assumed", ValidateCredentialResult.FAIL)
    )
    return catalog.ValidateCredentialResponse(results=[result]).as_dict()


def _get_location(fake: FakeWorkspace, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.ExternalLocationsAPI.get, query, "name")
    if name not in fake.locations:
        raise RefusalError(404, "EXTERNAL_LOCATION_DOES_NOT_EXIST", f"External Location '{name}' does not exist")
    return fake.locations[name].as_dict()


def _update_location(fake: FakeWorkspace, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.ExternalLocationsAPI.update, body, "name")
    fake.locations[name] = replace(fake.locations[name], **given)
    return fake.locations[name].as_dict()


def _isolated(fake: FakeWorkspace, kind: str, name: str) -> bool:
    if kind == "external_location":
        return fake.locations[name].isolation_mode is catalog.IsolationMode.ISOLATION_MODE_ISOLATED
    purpose = {"storage_credential": CredentialPurpose.STORAGE, "credential": CredentialPurpose.SERVICE}[kind]
    info = fake.credential(name)
    return info.purpose is purpose and info.isolation_mode is catalog.IsolationMode.ISOLATION_MODE_ISOLATED


def _get_bindings(fake: FakeWorkspace, kind: str, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.WorkspaceBindingsAPI.get_bindings, query, "securable_type", "securable_name")
    found = [catalog.WorkspaceBinding(each) for each in sorted(fake.bindings.get((kind, name), set()))]
    # A page may be empty and not be the last.
    if "page_token" not in query:
        return {"bindings": [], "next_page_token": "second"}
    return catalog.GetWorkspaceBindingsResponse(bindings=found).as_dict()


def _update_bindings(fake: FakeWorkspace, kind: str, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.WorkspaceBindingsAPI.update_bindings, body, "securable_type", "securable_name")
    if not _isolated(fake, kind, name):
        raise RefusalError(400, "INVALID_PARAMETER_VALUE", f"{name} is open: isolate it first")
    fake.bindings.setdefault((kind, name), set()).update(each.workspace_id for each in given["add"])
    return catalog.UpdateWorkspaceBindingsResponse().as_dict()


def _get_grants(fake: FakeWorkspace, kind: str, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.GrantsAPI.get, query, "securable_type", "full_name")
    granted = fake.grants.get((kind, name), {})
    assignments = [
        catalog.PrivilegeAssignment(principal, [catalog.Privilege(each) for each in sorted(privileges)])
        for principal, privileges in granted.items()
        if query.get("principal") in {None, principal}
    ]
    return catalog.GetPermissionsResponse(privilege_assignments=assignments).as_dict()


def _update_grants(fake: FakeWorkspace, kind: str, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(catalog.GrantsAPI.update, body, "securable_type", "full_name")
    _isolated(fake, kind, name)
    for change in given["changes"]:
        if change.principal not in fake.principals:
            message = f"Could not find principal with name {change.principal}"
            raise RefusalError(404, "PRINCIPAL_DOES_NOT_EXIST", message)
        granted = fake.grants.setdefault((kind, name), {}).setdefault(change.principal, set())
        granted.update(each.value for each in change.add)
    return catalog.UpdatePermissionsResponse().as_dict()


def _get_catalog(fake: FakeWorkspace, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.CatalogsAPI.get, query, "name")
    if name not in fake.catalogs:
        raise RefusalError(404, "CATALOG_DOES_NOT_EXIST", f"Catalog '{name}' does not exist")
    return catalog.CatalogInfo(name=name).as_dict()


def _list_scopes(fake: FakeWorkspace, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(workspace.SecretsAPI.list_scopes, query)
    return workspace.ListScopesResponse([workspace.SecretScope(name=name) for name in fake.scopes]).as_dict()


def _get_secret(fake: FakeWorkspace, query: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(workspace.SecretsAPI.get_secret, query)
    if given["key"] not in fake.scopes[given["scope"]]:
        raise RefusalError(404, "RESOURCE_DOES_NOT_EXIST", "no such secret")
    value = base64.b64encode(fake.scopes[given["scope"]][given["key"]].encode()).decode()
    return workspace.GetSecretResponse(given["key"], value).as_dict()


def _put_secret(fake: FakeWorkspace, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(workspace.SecretsAPI.put_secret, body)
    fake.scopes[given["scope"]][given["key"]] = given["string_value"]
    return {}


def _get_table(fake: FakeWorkspace, name: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(catalog.TablesAPI.get, query, "full_name")
    if name not in fake.tables:
        raise RefusalError(404, "TABLE_DOES_NOT_EXIST", f"Table '{name}' does not exist")
    return fake.tables[name][0].as_dict()


def _execute(fake: FakeWorkspace, body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = accepted(sql.StatementExecutionAPI.execute_statement, body)
    values = {each.name: each.value for each in given["parameters"]}
    statement = given["statement"]
    if set(re.findall(r":(\w+)", statement)) != values.keys() or given["warehouse_id"] != "0123456789abcdef":
        raise RefusalError(
            400, "INVALID_PARAMETER_VALUE", "parameters that differ from the markers, or no such warehouse"
        )
    identity = f"statement-{len(fake.calls)}"
    fake.waiting[identity] = executed(statement, values, fake.scopes, fake.tables).as_dict() | {
        "statement_id": identity
    }
    pending = sql.StatementStatus(state=sql.StatementState.PENDING)
    return sql.StatementResponse(statement_id=identity, status=pending).as_dict()


def _get_statement(fake: FakeWorkspace, identity: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    accepted(sql.StatementExecutionAPI.get_statement, query, "statement_id")
    return fake.waiting.pop(identity)


_UNITY = "/api/2.1/unity-catalog"
_ROUTES: list[tuple[str, str, Callable[..., Mapping[str, Any]]]] = [
    ("GET", "/api/2.0/preview/scim/v2/Me", _me),
    ("GET", f"{_UNITY}/credentials/([^/]+)", _get_credential),
    ("POST", f"{_UNITY}/credentials", _create_credential),
    ("PATCH", f"{_UNITY}/credentials/([^/]+)", _update_credential),
    ("POST", f"{_UNITY}/validate-credentials", _validate),
    ("GET", f"{_UNITY}/external-locations/([^/]+)", _get_location),
    ("PATCH", f"{_UNITY}/external-locations/([^/]+)", _update_location),
    ("GET", f"{_UNITY}/bindings/(\\w+)/([^/]+)", _get_bindings),
    ("PATCH", f"{_UNITY}/bindings/(\\w+)/([^/]+)", _update_bindings),
    ("GET", f"{_UNITY}/permissions/(\\w+)/([^/]+)", _get_grants),
    ("PATCH", f"{_UNITY}/permissions/(\\w+)/([^/]+)", _update_grants),
    ("GET", f"{_UNITY}/catalogs/([^/]+)", _get_catalog),
    ("GET", f"{_UNITY}/tables/([^/]+)", _get_table),
    ("GET", "/api/2.0/secrets/scopes/list", _list_scopes),
    ("GET", "/api/2.0/secrets/get", _get_secret),
    ("POST", "/api/2.0/secrets/put", _put_secret),
    ("POST", "/api/2.0/sql/statements", _execute),
    ("GET", "/api/2.0/sql/statements/([^/]+)", _get_statement),
]


class WorkspaceServer(ThreadingHTTPServer):
    workspace: FakeWorkspace


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: WorkspaceServer

    def _answer(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status, body = self.server.workspace.answer(self.command, self.path, text, self.headers.get("Authorization"))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Databricks-Org-Id", str(HERE))
        if status in {429, 503}:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def workspace_server() -> Iterator[WorkspaceServer]:
    """Serve a workspace on this machine; its `workspace` may be replaced at any time."""
    with WorkspaceServer(("127.0.0.1", 0), _Handler) as server:
        server.workspace = FakeWorkspace()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
