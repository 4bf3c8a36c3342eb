"""Write the request models of infrastructure/api.yaml from the declaration."""

from pinterest_pipeline.console import run_script
from tooling.aws_setup.request_models import with_models
from tooling.files import generate
from tooling.local_cloud.cloud import DOCUMENT


def main() -> None:
    """Write the file.

    Raises:
        SettingsError: It cannot be written.
    """
    generate(DOCUMENT, lambda: with_models(DOCUMENT.read_text(encoding="utf-8")), __doc__)


if __name__ == "__main__":
    run_script(main)
