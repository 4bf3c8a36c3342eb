"""What tests of the client share: a machine of a test's own, and one that start.sh has been run on."""

import sys
from pathlib import Path

import pytest

from tests.infrastructure.client.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    if sys.platform != "linux":
        pytest.skip("start.sh is for Amazon Linux; another system's tools take other options")
    return Sandbox(tmp_path)


@pytest.fixture
def started(sandbox: Sandbox) -> Sandbox:
    """The sandbox after a first run; its calls are forgotten."""
    sandbox.run_well()
    sandbox.calls()
    return sandbox
