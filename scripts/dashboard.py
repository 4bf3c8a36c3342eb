"""Write the bundle's dashboard, dashboards/pinterest.lvdash.json, from the declared answers."""

from pathlib import Path

from pinterest_pipeline.console import run_script
from tooling.databricks_setup.bundle.dashboard import dashboard
from tooling.files import generate

_FILE = Path(__file__).parents[1] / "dashboards" / "pinterest.lvdash.json"


def main() -> None:
    """Write the file.

    Raises:
        SettingsError: It cannot be written.
    """
    generate(_FILE, dashboard, __doc__)


if __name__ == "__main__":
    run_script(main)
