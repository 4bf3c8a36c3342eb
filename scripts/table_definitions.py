"""Write resources/tables.sql from the definitions of the tables."""

from pathlib import Path

from pinterest_pipeline.console import run_script
from pinterest_pipeline.lake.tables import create_statements
from tooling.files import generate

_FILE = Path(__file__).parents[1] / "resources" / "tables.sql"


def main() -> None:
    """Write the file.

    Raises:
        SettingsError: It cannot be written.
    """
    generate(_FILE, create_statements, __doc__)


if __name__ == "__main__":
    run_script(main)
