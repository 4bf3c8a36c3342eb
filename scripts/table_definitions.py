"""Write resources/tables.sql from the definitions."""

import argparse
from pathlib import Path

from pinterest_pipeline.console import run_script
from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.lake.tables import create_statements

_SCRIPT = Path(__file__).parents[1] / "resources" / "tables.sql"


def main() -> None:
    """Write the script.

    Raises:
        SettingsError: The script cannot be written.
    """
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        _SCRIPT.write_text(create_statements(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {_SCRIPT}: {error.strerror}") from error


if __name__ == "__main__":
    run_script(main)
