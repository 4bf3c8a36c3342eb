"""Write docs/data-dictionary.md from the declaration."""

from pathlib import Path

from pinterest_pipeline.console import run_script
from pinterest_pipeline.contracts.data_dictionary import data_dictionary
from tooling.files import generate

_FILE = Path(__file__).parents[1] / "docs" / "data-dictionary.md"


def main() -> None:
    """Write the file.

    Raises:
        SettingsError: It cannot be written.
    """
    generate(_FILE, data_dictionary, __doc__)


if __name__ == "__main__":
    run_script(main)
