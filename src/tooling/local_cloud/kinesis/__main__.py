"""The emulated Kinesis as a service."""

import argparse

from pinterest_pipeline.console import run_script
from tooling.local_cloud.kinesis.server import install, serve


def main() -> None:
    """Serve until a signal stops the process."""
    parser = argparse.ArgumentParser(description="Stand-in for Amazon Kinesis Data Streams.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stream", action="append", default=[], help="a stream to create at the start")
    parser.add_argument("--shards", type=int, default=1, help="shards of each of these streams")
    options = parser.parse_args()
    install(options.stream, options.shards)
    serve(options.port)


if __name__ == "__main__":
    run_script(main)
