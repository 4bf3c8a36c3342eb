"""Start the local cloud, print its addresses, and keep it running until Ctrl-C."""

from pinterest_pipeline.console import run_script
from tooling.local_cloud.command import main

if __name__ == "__main__":
    run_script(main)
