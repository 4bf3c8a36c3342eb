"""What a person who runs a script sees: the console, and one clear line where something goes wrong."""

import sys
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console

from pinterest_pipeline.errors import PipelineError

USAGE_ERROR = 2
INTERRUPTED = 130


def run_script(main: Callable[[], None]) -> NoReturn:
    """Run a script's main function and leave the process with an honest exit code.

    Args:
        main: The script's work; it raises a `PipelineError` for every trouble a person can mend.

    Raises:
        SystemExit: Always: 0 on success, 2 after a `PipelineError` or an `OSError`, 130 after Ctrl-C.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        main()
    except PipelineError as error:
        errors.print(f"error: {error}")
        sys.exit(USAGE_ERROR)
    except OSError as error:
        # Disk full, folder gone, no permission: what the package could not foresee, still in one line.
        errors.print(f"error: {error}; nothing more was written")
        sys.exit(USAGE_ERROR)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(INTERRUPTED)
    sys.exit(0)
