"""A stand-in for Amazon Kinesis Data Streams: moto's, with a store of its own that loses nothing.

It answers as moto does, over HTTP, to requests that AWS' own service model allows. Not implemented:
limits of throughput, expiry of iterators and records, enhanced fan-out, shard filters, dry runs, stream ids, records
above 1 MiB, states other than ACTIVE, signatures and permissions. Everything is in memory and ends with the process.
This module has its addresses and imports none of it; `python -m tooling.local_cloud.kinesis` runs it.
"""

import httpx

from tooling.local_cloud.errors import LocalCloudError

REGION = "us-east-1"
"""The local cloud's region."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Environment of its callers. It verifies no signature, but clients need credentials to sign with."""

COUNTS = "/counts"
"""Path of a page of its own: the number of records in each stream."""


def stream_counts(url: str) -> dict[str, int]:
    """Return how many records each stream of the local region holds.

    Args:
        url: Where the emulator is.

    Raises:
        LocalCloudError: It does not answer.
    """
    try:
        # Proxies of the environment are not used.
        answer = httpx.get(f"{url}{COUNTS}", trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise LocalCloudError(f"the local Kinesis at {url} does not return its record counts: {error}") from error
    counts: dict[str, int] = answer.json()
    return counts
