"""Write the request models of infrastructure/api.yaml from the declaration."""

import argparse

from pinterest_pipeline.console import run_script
from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.request_models import with_models
from tooling.local_cloud.cloud import DOCUMENT


def main() -> None:
    """Write the models into the document.

    Raises:
        SettingsError: The document cannot be read or written.
    """
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        DOCUMENT.write_text(with_models(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {DOCUMENT}: {error.strerror}") from error


if __name__ == "__main__":
    run_script(main)
