"""Write docs/data-dictionary.md from the declaration."""

import argparse
from pathlib import Path

from pinterest_pipeline.console import run_script
from pinterest_pipeline.contracts.data_dictionary import data_dictionary
from pinterest_pipeline.errors import SettingsError

_PAGE = Path(__file__).parents[1] / "docs" / "data-dictionary.md"


def main() -> None:
    """Write the page.

    Raises:
        SettingsError: The page cannot be written.
    """
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        _PAGE.write_text(data_dictionary(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {_PAGE}: {error.strerror}") from error


if __name__ == "__main__":
    run_script(main)
