import sys

import pytest

from tooling.local_cloud.command import read_arguments
from tooling.local_cloud.kafka.sink import Rotation


@pytest.mark.parametrize(
    ("arguments", "rotation"),
    [([], Rotation()), (["--flush-size", "5", "--rotate-interval-ms", "60000"], Rotation(5, 60_000))],
)
def test_files_rotate_as_the_command_line_says(
    arguments: list[str], rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_cloud.py", *arguments])

    assert read_arguments().rotation == rotation


def test_the_streams_are_made_as_the_command_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["local_cloud.py", "--kinesis-port", "4567", "--shards", "5"])

    settings = read_arguments()

    assert (settings.kinesis_port, settings.shards) == (4567, 5)
