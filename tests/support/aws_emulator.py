"""An emulated AWS: ministack, whose CloudFormation has change sets, events, roll-back and drift.

It lacks MSK Connect, MWAA, VPC links and NAT gateways; docs/aws.md names what is therefore not tested.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.unmeasured import UNMEASURED
from tooling.local_cloud.processes import HOST, Service, free_port, listens

ACCOUNT = "000000000000"
REGION = "us-east-1"


def environment(url: str) -> dict[str, str]:
    """Return the environment with which every boto3 client of a process calls the emulator."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


@contextmanager
def emulated_aws(folder: Path) -> Iterator[str]:
    """Run it, and give its URL."""
    port = free_port()
    settings = {"GATEWAY_PORT": str(port), "MINISTACK_HOST": HOST, **UNMEASURED}
    service = Service("ministack", [sys.executable, "-m", "ministack"], folder, settings)
    try:
        service.wait_until(lambda: listens(port), 60)
        yield f"http://{HOST}:{port}"
    finally:
        service.stop()
