"""Small helpers of tests that post to and read from the local cloud."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tooling.local_cloud.kafka.rest_requests import PRODUCE_TYPE


def post(url: str, topic: str, records: Iterable[Mapping[str, object]]) -> list[dict[str, Any]]:
    """Post records and return the result of each."""
    body = {"records": list(records)}
    answer = httpx.post(f"{url}/topics/{topic}", json=body, headers={"Content-Type": PRODUCE_TYPE}, timeout=30)
    assert answer.status_code == 200, answer.text
    offsets: list[dict[str, Any]] = answer.json()["offsets"]
    return offsets


def numbered(numbers: Iterable[int]) -> list[dict[str, object]]:
    """Make one record of each number."""
    return [{"key": number, "value": {"index": number}} for number in numbers]


def landed_files(landing: Path, topic: str) -> list[Path]:
    """List a topic's files in a landing folder; one that is still being written has a name that begins with a dot."""
    return sorted((landing / "topics" / topic).rglob("[!.]*.json"))


def landed_lines(landing: Path, topic: str) -> list[str]:
    """Read all lines of a topic in a landing folder."""
    return [line for file in landed_files(landing, topic) for line in file.read_text(encoding="utf-8").splitlines()]
