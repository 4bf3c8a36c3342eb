"""A process with all that it has started, and whether they are gone."""

import psutil


def family(pid: int) -> list[psutil.Process]:
    """List a process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Return whether none of them runs; a zombie does not count."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
