"""Run all tests in two lanes: those with a Spark session of their own, and the others, one process after the other.

Spark's tests wait on one thread most of the time, so the others cost little time beside them. The last of the others
are those of Spark's tests that run over Spark Connect: the two ways do not fit into one process. What the others print
is shown when both have ended, and then tables of what the folders and the dearest files have cost.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from tests.support.costs import FILE, Cost, table

ROOT = Path(__file__).parents[2]
COSTS = ["-p", "tests.support.costs"]
PYTEST = [sys.executable, "-m", "pytest", *COSTS, "--cov", "--cov-report=", "--cov-fail-under=0"]
AIRFLOW = [str(ROOT / ".venvs/airflow/bin/python"), "-m", "pytest", *COSTS, "-c", "tests/airflow/pytest.ini"]
IN_A_CLASSIC_SESSION = ["-m", "not connect"]
WITH_SPARK = ["tests/spark", "tests/notebooks", "tests/faults", "tests/integration/test_kinesis_source.py"]
OVER_CONNECT = ["--spark=connect", "-m", "connect", "tests/spark", "tests/notebooks"]
WITHOUT_SPARK = ["tests/unit", "tests/bundle", "tests/infrastructure", "tests/integration"]


def main() -> int:
    """Run everything; return the exit code of what failed, or 0."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        costs, printed = Path(folder) / "costs", Path(folder) / "printed"
        with printed.open("wb") as output:
            elsewhere = [f"--ignore={path}" for path in WITH_SPARK]
            others = [[*AIRFLOW, "tests/airflow"], [*PYTEST, *WITHOUT_SPARK, *elsewhere], [*PYTEST, *OVER_CONNECT]]
            beside = pool.submit(run, others, costs, ".coverage.others", output)
            codes = [
                *run([[*PYTEST, *IN_A_CLASSIC_SESSION, *WITH_SPARK]], costs, ".coverage.spark", None),
                *beside.result(),
            ]
        sys.stdout.write(printed.read_text(encoding="utf-8", errors="replace"))
        sys.stdout.write("\n".join(["", "What the tests cost", *table(added_up(costs)), ""]))
    return next((code for code in codes if code), 0)


def run(commands: Sequence[Sequence[str]], costs: Path, coverage: str, output: BinaryIO | None) -> list[int]:
    """Run commands one after the other, also after a failure; return their exit codes."""
    environment = os.environ | {FILE: str(costs), "COVERAGE_FILE": coverage}
    stderr = subprocess.STDOUT if output else None
    return [
        subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=stderr, check=False).returncode
        for command in commands
    ]


def added_up(file: Path) -> dict[str, Cost]:
    """Return the costs that the processes have kept, by file."""
    found: dict[str, Cost] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        for name, cost in json.loads(line).items():
            found[name] = found.get(name, Cost()) + Cost(**cost)
    return found


if __name__ == "__main__":
    sys.exit(main())
