"""Starts the local cloud, says how to reach it, and keeps it running until Ctrl-C."""

from pinterest_pipeline.console import run_script
from tooling.local_cloud.command import main

if __name__ == "__main__":
    run_script(main)
