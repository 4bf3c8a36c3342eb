"""Run all tests in several processes, two at a time: Spark's tests wait on one thread most of the time.

The tests with a classic Spark session take longest and come first; what they print is shown at once, and what the
others print when all have ended. Those that run over Spark Connect are a process of their own, since the two ways to
Spark do not fit into one. At the end there are tables of what the folders and the dearest files have cost.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.support.costs import FILE, Cost, table

ROOT = Path(__file__).parents[2]
COSTS = ["-p", "tests.support.costs"]
AIRFLOW = [str(ROOT / ".venvs/airflow/bin/python"), "-m", "pytest", *COSTS, "-c", "tests/airflow/pytest.ini"]
PYTEST = [sys.executable, "-m", "pytest", *COSTS, "--cov", "--cov-report=", "--cov-fail-under=0"]
WITH_SPARK = ["tests/spark", "tests/notebooks", "tests/faults", "tests/integration/test_kinesis_source.py"]
WITHOUT_SPARK = ["tests/unit", "tests/bundle", "tests/infrastructure", "tests/integration"]
AT_ONCE = 2


@dataclass(frozen=True)
class Part:
    """Tests that one process runs.

    Attributes:
        name: What they have in common; part of the name of their coverage file.
        command: How to run them.
    """

    name: str
    command: Sequence[str]

    def run(self, folder: Path, output: Path | None) -> int:
        """Run the tests; return the exit code.

        Args:
            folder: The folder of the file that costs are added to.
            output: The file for what they print; None shows it.
        """
        environment = os.environ | {FILE: str(folder / "costs"), "COVERAGE_FILE": f".coverage.{self.name}"}
        with output.open("wb") if output else nullcontext() as file:
            stderr = subprocess.STDOUT if file else None
            done = subprocess.run(self.command, cwd=ROOT, env=environment, stdout=file, stderr=stderr, check=False)
        return done.returncode


CLASSIC = Part("spark", [*PYTEST, "-m", "not connect", *WITH_SPARK])
OTHERS = (
    Part("others", [*PYTEST, *WITHOUT_SPARK, *(f"--ignore={path}" for path in WITH_SPARK)]),
    Part("connect", [*PYTEST, "--spark=connect", "-m", "connect", "tests/spark", "tests/notebooks"]),
    # Last, with least beside it: Airflow takes a task for killed that has to wait for a core, and tries it again.
    Part("airflow", [*AIRFLOW, "tests/airflow"]),
)


def main() -> int:
    """Run everything; return the exit code of what failed, or 0."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = Path(name)
        running = [pool.submit(CLASSIC.run, folder, None)]
        running += [pool.submit(part.run, folder, folder / part.name) for part in OTHERS]
        codes = [each.result() for each in running]
        for part in OTHERS:
            sys.stdout.write((folder / part.name).read_text(encoding="utf-8", errors="replace"))
        sys.stdout.write("\n".join(["", "What the tests cost", *table(added_up(folder / "costs")), ""]))
    return next((code for code in codes if code), 0)


def added_up(file: Path) -> dict[str, Cost]:
    """Return the costs that the processes have kept, by file."""
    found: dict[str, Cost] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        for name, cost in json.loads(line).items():
            found[name] = found.get(name, Cost()) + Cost(**cost)
    return found


if __name__ == "__main__":
    sys.exit(main())
