"""Plan, create, show and remove everything that the pipeline needs in an AWS account."""

from pinterest_pipeline.console import run_script
from tooling.aws_setup.command import main

if __name__ == "__main__":
    run_script(main)
