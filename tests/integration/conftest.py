"""What integration tests share: one local cloud a run, and topics and sinks of a test's own on it."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, sync_playwright

from tooling.local_cloud.cloud import LocalCloud, LocalCloudSettings
from tooling.local_cloud.kafka.broker import create_topics
from tooling.local_cloud.kafka.sink import READY, Rotation
from tooling.local_cloud.processes import Service, python_service

StartSink = Callable[..., Service]
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    settings = LocalCloudSettings(
        folder=tmp_path_factory.mktemp("cloud"), prefix="test", rotation=Rotation(flush_size=100, idle_ms=200)
    )
    with LocalCloud(settings) as cloud:
        yield cloud


@pytest.fixture
def topic(local_cloud: LocalCloud) -> str:
    """A topic of three partitions that no other test and no sink knows."""
    name = f"own.{uuid4().hex}"
    create_topics(local_cloud.bootstrap, [name])
    return name


@pytest.fixture
def start_sink(local_cloud: LocalCloud, topic: str, tmp_path: Path) -> Iterator[StartSink]:
    """Start a sink on the test's own topic; all of them end with the test."""
    services: list[Service] = []

    def start(target: str, *options: str, environment: Mapping[str, str] | None = None, ready: bool = True) -> Service:
        arguments = [topic, "--bootstrap", local_cloud.bootstrap, "--target", target, "--idle-ms", "200", *options]
        service = python_service("tooling.local_cloud.kafka.sink", arguments, tmp_path, environment)
        services.append(service)
        return service.wait_until(lambda: service.has_logged(READY), 150) if ready else service

    yield start
    for service in services:
        service.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None and os.environ.get("CI") != "true":
        pytest.skip("chromium is not installed: apt-get install chromium")
    assert chromium is not None, "CI must install chromium: not found"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
        yield browser
        browser.close()
