"""Run a command several times while endless loops keep every core busy; stops at the first that fails."""

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack

LOOP = [sys.executable, "-c", "while True: pass"]


def main() -> int:
    """Run the command; return the exit code of the run that failed, or 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how often (default: %(default)s)")
    parser.add_argument("command", nargs="+", help="what to run, behind --")
    given = parser.parse_args()
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            stack.callback(subprocess.Popen(LOOP).kill)
        for turn in range(1, given.times + 1):
            code = subprocess.run(given.command, check=False).returncode
            sys.stdout.write(f"run {turn} of {given.times}: {'passed' if not code else f'failed with {code}'}\n")
            sys.stdout.flush()
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
