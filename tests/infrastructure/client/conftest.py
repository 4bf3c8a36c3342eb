"""Fixtures for the client: a sandbox for each test, and one on which start.sh has run."""

import sys
from pathlib import Path

import pytest

from tests.infrastructure.client.sandbox import ARCHIVES, Sandbox
from tooling.aws_setup.archives import read_archives
from tooling.local_cloud.jars import jars
from tooling.local_cloud.kafka.broker import LOGGING


@pytest.fixture(scope="session")
def tools() -> list[Path]:
    """The jars of Kafka's command-line tools, at the pinned version."""
    return [*jars(f"org.apache.kafka:kafka-tools:{read_archives(ARCHIVES)['kafka'].version}"), *jars(LOGGING)]


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
