"""A process with all that it has started, and whether they are gone."""

import psutil

UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
"""The environment of a process without coverage, for what other tests measure or is not of this project.

To begin to measure takes a tenth of a second of processor time in each process, and there are hundreds.
"""


def family(pid: int) -> list[psutil.Process]:
    """List a process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Return whether none of them runs; a zombie does not count."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
