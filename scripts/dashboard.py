"""Write the bundle's dashboard from the declared answers."""

from pathlib import Path

from pinterest_pipeline.console import run_script
from pinterest_pipeline.deploy.dashboard import dashboard

FILE = Path(__file__).parents[1] / "dashboards" / "pinterest.lvdash.json"


def main() -> None:
    """Write the file."""
    FILE.write_text(dashboard(), encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
