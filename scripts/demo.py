"""Run the whole pipeline on this machine, batch and stream: source, API, Kafka, Kinesis, Spark, answers, report."""

from pinterest_pipeline.console import run_script
from tooling.demo.command import main

if __name__ == "__main__":
    run_script(main)
