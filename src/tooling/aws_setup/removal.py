"""Removes a deployment; data only on request."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pinterest_pipeline.entities import ENTITIES, Names
from tooling.aws_setup import storage
from tooling.aws_setup.applying import at_rest, remove
from tooling.aws_setup.deployment import outputs
from tooling.aws_setup.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tooling.aws_setup.deployment import Deployment, Show
    from tooling.aws_setup.operations import State


class Data(StrEnum):
    """What to do with existing data."""

    REFUSE = "refuse"
    KEEP = "keep"
    DELETE = "delete"


def destroy(deployment: Deployment, show: Show, data: Data = Data.REFUSE) -> None:
    """Remove the deployment, the newest stack first. It can be repeated: stacks that are gone already are skipped.

    Buckets, the key and the database stay, with the stacks that hold them, unless their data is to be deleted.

    Args:
        deployment: The deployment.
        show: Receives progress, to be displayed.
        data: What to do with existing data.

    Raises:
        AwsError: There is data and `data` is REFUSE, or AWS refuses or fails.
    """
    states = deployment.states()
    held = [*data_there(deployment, states)] if data is Data.REFUSE else []
    if held:
        raise AwsError(
            f"there is data: {'; '.join(held)}. With --keep-data buckets and database stay, and records in streams and "
            "topics are lost; with --delete-data everything is lost"
        )
    kept = frozenset() if data is Data.DELETE else kept_stacks(states)
    for stack in reversed(deployment.catalogue):
        state = states.get(stack.name)
        if state and stack.name in kept:
            show.note(f"{state.name} stays: it holds data that cannot be recreated")
        elif state:
            _remove(deployment, state, show)


def kept_stacks(states: Mapping[str, State]) -> frozenset[str]:
    """Return which stacks outlive a removal that deletes no data: a database stays where it can be reached."""
    return frozenset({"data", "database", "network"} if "database" in states else {"data"})


def data_there(deployment: Deployment, states: Mapping[str, State]) -> Iterator[str]:
    """Tell what data there is, in words.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    given, clients = outputs(states), deployment.clients
    bucket = given.get("LandingBucket")
    if bucket and not storage.is_empty(clients.s3, bucket):
        yield f"files in the bucket {bucket}"
    if "database" in states:
        yield f"the database {given.get('DatabaseIdentifier', states['database'].name)}"
    if "kafka" in states:
        yield f"the topics of {states['kafka'].name}, which cannot be read from here"
    if "streams" in states:
        names = [Names(deployment.settings.prefix).stream(entity) for entity in ENTITIES]
        full = [name for name in names if storage.has_records(clients.kinesis, name)]
        if full:
            yield f"records in the streams {', '.join(full)}"


def _remove(deployment: Deployment, state: State, show: Show) -> None:
    clients = deployment.clients
    now = at_rest(deployment, state, show) if state.under_way else state
    if now is None:
        return
    # First, while the stack still has their names: the templates have AWS keep all of these when their
    # stack goes, so that no slip of the hand in the console deletes data.
    names = storage.names_in_aws(clients.cloudformation, now.identity)
    for database in names.get("AWS::RDS::DBInstance", []):
        storage.delete_database(clients.rds, database, show.note)
    for bucket in names.get("AWS::S3::Bucket", []):
        storage.delete_bucket(clients.s3, bucket, show.note)
    for key in names.get("AWS::KMS::Key", []):
        storage.delete_key(clients.kms, key, show.note)
    show.note(f"removing {now.name}")
    remove(deployment, now, show)
