"""Start the local cloud, print its addresses, and keep it running until Ctrl-C."""

import argparse
import json
import shlex
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tooling.local_cloud.cloud import LocalCloud, LocalCloudSettings
from tooling.local_cloud.kafka.sink import Rotation


def read_arguments() -> LocalCloudSettings:
    """Return the settings that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--prefix", default="local", help="the deployment's id; it names topics and streams")
    parser.add_argument("--folder", type=Path, default=Path(".pinterest", "cloud"), help="data, landed files, logs")
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 for any free port")
    parser.add_argument("--rest-proxy-port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--kafka-port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--kinesis-port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--shards", type=int, default=LocalCloudSettings.shards, help="shards of each stream")
    parser.add_argument("--flush-size", type=int, default=Rotation.flush_size, help="maximum records per file")
    parser.add_argument(
        "--rotate-interval-ms",
        type=int,
        default=Rotation.rotate_interval_ms,
        help="maximum time span of the records in a file; 0 for no limit",
    )
    parser.add_argument("--target", default="", help="where the sink writes: a folder or s3://bucket/prefix")
    parser.add_argument("--s3-endpoint", help="URL of an S3 emulator")
    options = parser.parse_args()
    return LocalCloudSettings(
        folder=options.folder.absolute(),
        prefix=options.prefix,
        api_port=options.port,
        rest_proxy_port=options.rest_proxy_port,
        broker_port=options.kafka_port,
        kinesis_port=options.kinesis_port,
        shards=options.shards,
        rotation=Rotation(options.flush_size, options.rotate_interval_ms),
        target=options.target,
        s3_endpoint=options.s3_endpoint,
    )


def show(cloud: LocalCloud, console: Console) -> None:
    """Print the addresses, and commands to try."""
    table = Table(box=None, show_header=False)
    table.add_row("API", cloud.api_url)
    table.add_row("REST proxy", cloud.rest_proxy_url)
    table.add_row("Kafka", cloud.bootstrap)
    table.add_row("topics", " ".join(cloud.settings.topics))
    table.add_row("Kinesis", cloud.kinesis_url)
    table.add_row("streams", " ".join(cloud.settings.streams))
    table.add_row("landed files", cloud.settings.landing_target)
    table.add_row("logs", str(cloud.log_folder))
    console.print(table)
    console.print("\nTry it:\n")
    for command in (topic_example(cloud), stream_example(cloud)):
        console.print(f"{command}\n", soft_wrap=True, highlight=False, markup=False)
    console.print("Ctrl-C stops it.")


def topic_example(cloud: LocalCloud) -> str:
    """Return a shell command that posts one record to a topic."""
    body = json.dumps({"records": [{"key": 1, "value": {"index": 1, "title": "Hello"}}]})
    command = ["curl", "-H", "Content-Type: application/vnd.kafka.json.v2+json", "-d", body]
    return shlex.join([*command, f"{cloud.api_url}/topics/{cloud.settings.topics[0]}"])


def stream_example(cloud: LocalCloud) -> str:
    """Return a shell command that puts one record into a stream."""
    body = json.dumps({"Data": json.dumps({"index": 1, "title": "Hello"}), "PartitionKey": "1"})
    command = ["curl", "-X", "PUT", "-H", "Content-Type: application/json", "-d", body]
    return shlex.join([*command, f"{cloud.api_url}/streams/{cloud.settings.streams[0]}/record"])


def main() -> None:
    """Run the local cloud until Ctrl-C or until a part of it ends."""
    console = Console()
    cloud = LocalCloud(read_arguments())
    with ExitStack() as running:
        with console.status("starting the local cloud ..."):
            running.enter_context(cloud)
        show(cloud, console)
        cloud.run_until_stopped()
