"""Write the bundle's dashboard from the declared answers."""

import argparse
from pathlib import Path

from pinterest_pipeline.console import run_script
from tooling.databricks_setup.bundle.dashboard import dashboard

FILE = Path(__file__).parents[1] / "dashboards" / "pinterest.lvdash.json"


def main() -> None:
    """Write the file."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    FILE.write_text(dashboard(), encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
