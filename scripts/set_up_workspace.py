"""Plan, create and check what a bundle cannot declare in a Databricks workspace: credentials and secret values."""

from pinterest_pipeline.console import run_script
from tooling.databricks_setup.workspace.command import main

if __name__ == "__main__":
    run_script(main)
