"""A stand-in for Amazon Kinesis Data Streams: moto's, with a store of its own that loses nothing.

It answers over HTTP what moto answers, to requests that AWS' own service model allows. Not there: limits of throughput,
expiry of iterators and records, enhanced fan-out, shard filters, dry runs, stream ids, records above 1 MiB, states
other than ACTIVE, signatures and permissions. All is kept in memory: nothing survives its end. This module says how to
reach it and loads none of it; `python -m tooling.local_cloud.kinesis` runs it.
"""

import httpx

from tooling.local_cloud.errors import LocalCloudError

REGION = "us-east-1"
"""The local cloud's region."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Environment of who calls it. It checks none, but no client signs without."""

COUNTS = "/counts"
"""Path of a page of its own: how many records each stream holds, counted where they are kept."""


def stream_counts(url: str) -> dict[str, int]:
    """Return how many records each stream of the local region holds.

    Args:
        url: Where the emulator is.

    Raises:
        LocalCloudError: It does not answer.
    """
    try:
        # No proxy of the environment may come between.
        answer = httpx.get(f"{url}{COUNTS}", trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise LocalCloudError(f"the local Kinesis at {url} does not return its record counts: {error}") from error
    counts: dict[str, int] = answer.json()
    return counts
