import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES
from tests.support.fake_api import fake_api
from tests.support.posting import NAMES, sqlite_url

SCRIPT = Path(__file__).parents[2] / "scripts" / "post_batch.py"
ROWS, RECORDS, IN_FLIGHT = 400, 10, 4


@pytest.mark.parametrize("requests_before_the_kill", [1, 30, 75])
def test_a_killed_run_goes_on_and_posts_nothing_twice_but_what_was_in_flight(
    tmp_path: Path, requests_before_the_kill: int
) -> None:
    command = [sys.executable, str(SCRIPT), "--source", sqlite_url(tmp_path, ROWS), "--prefix", NAMES.prefix]
    command += ["--records-per-request", str(RECORDS), "--in-flight", str(IN_FLIGHT)]
    with fake_api() as api:
        command += ["--api", api.url]
        api.delay = 0.02
        killed = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
        while len(api.calls) < requests_before_the_kill:
            time.sleep(0.005)
        killed.kill()
        assert killed.wait() == -9
        api.delay = 0

        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    repeated = 0
    for entity in ENTITIES:
        counts = api.keys(NAMES.topic(entity))
        assert set(counts) == set(range(0, 2 * ROWS, 2))
        repeated += sum(counts.values()) - ROWS
    assert repeated <= IN_FLIGHT * RECORDS
