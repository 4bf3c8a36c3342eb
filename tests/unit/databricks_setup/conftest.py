"""What tests of the workspace share: the script, a stand-in for a workspace, and a person."""

import importlib.util
import os
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.unit.databricks_setup.fake_workspace import KNOWN, WorkspaceServer, workspace_server
from tests.unit.databricks_setup.person import KEY_ID, ROOT, SECRET, VARIABLES, Person, empty
from tooling.databricks_setup.bundle.values import read_bundle
from tooling.databricks_setup.workspace import secrets
from tooling.databricks_setup.workspace.keys import ENVIRONMENT


@pytest.fixture(scope="module")
def server() -> Iterator[WorkspaceServer]:
    with workspace_server() as server:
        yield server


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "set_up_workspace", ROOT / "src" / "tooling" / "databricks_setup" / "workspace" / "command.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Parsed once for all tests.
    bundle = read_bundle(ROOT)
    vars(module)["read_bundle"] = lambda _: bundle
    return module


@pytest.fixture
def person(
    server: WorkspaceServer, script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Person:
    for name in os.environ:
        if name.startswith(("DATABRICKS_", "BUNDLE_VAR_")):
            monkeypatch.delenv(name)
    settings = {
        "DATABRICKS_HOST": f"http://127.0.0.1:{server.server_address[1]}",
        "DATABRICKS_TOKEN": KNOWN,
        "DATABRICKS_CONFIG_FILE": "/nowhere",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        ENVIRONMENT[0]: KEY_ID,
        ENVIRONMENT[1]: SECRET,
        **{f"BUNDLE_VAR_{name}": value for name, value in VARIABLES.items()},
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "_POLL_SECONDS", 0)
    person = Person(script, server, monkeypatch, capsys)
    person.uses(empty())
    return person
