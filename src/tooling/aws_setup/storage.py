"""What holds data: whether there is any, and how it is deleted for good."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tooling.aws_setup.clients import aws_says, code_of
from tooling.aws_setup.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

KEY_DAYS = 30
"""Days in which a key that is to be deleted can be brought back, and with it all that it encrypts."""

# Access logs arrive late, also in a bucket that was just emptied.
_TRIES = 5
_PAGES = 20


def names_in_aws(client: CloudFormationClient, stack: str) -> Mapping[str, Sequence[str]]:
    """Return the names in AWS of a stack's resources, by type.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    found: dict[str, list[str]] = defaultdict(list)
    with aws_says(f"cannot list what is in {stack}"):
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
            for one in page["StackResourceSummaries"]:
                if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE":
                    found[one["ResourceType"]].append(one["PhysicalResourceId"])
    return found


def is_empty(client: S3Client, bucket: str) -> bool:
    """Return whether a bucket holds no object, nor a version of one.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    with aws_says(f"cannot list the bucket {bucket}"):
        try:
            found = client.list_object_versions(Bucket=bucket, MaxKeys=1)
        except ClientError as error:
            if code_of(error) == "NoSuchBucket":
                return True
            raise
    return not found.get("Versions") and not found.get("DeleteMarkers")


def has_records(client: KinesisClient, stream: str) -> bool:
    """Return whether a stream holds a record that has not expired.

    A shard is read from its oldest record on, until one is found or the present is reached. A shard with very long
    gaps that is not read to its end counts as one that holds records.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    with aws_says(f"cannot read the stream {stream}"):
        try:
            shards = [
                shard["ShardId"]
                for page in client.get_paginator("list_shards").paginate(StreamName=stream)
                for shard in page["Shards"]
            ]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return False
            raise
        return any(_shard_has_records(client, stream, shard) for shard in shards)


def _shard_has_records(client: KinesisClient, stream: str, shard: str) -> bool:
    place: str | None = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    for _ in range(_PAGES):
        if place is None:
            return False
        page = client.get_records(ShardIterator=place, Limit=1)
        if page["Records"]:
            return True
        if page.get("MillisBehindLatest", 0) == 0:
            return False
        place = page.get("NextShardIterator")
    return True


def delete_bucket(client: S3Client, bucket: str, note: Callable[[str], None]) -> None:
    """Delete a bucket and every version of every object; a missing bucket is ignored.

    Raises:
        AwsError: AWS refuses.
    """
    with aws_says(f"cannot delete the bucket {bucket}"):
        try:
            _delete_full_bucket(client, bucket, note)
        except ClientError as error:
            if code_of(error) != "NoSuchBucket":
                raise


def _delete_full_bucket(client: S3Client, bucket: str, note: Callable[[str], None]) -> None:
    for attempt in range(_TRIES):
        deleted = _empty(client, bucket)
        note(f"deleted {deleted:,} objects and versions from the bucket {bucket}")
        try:
            client.delete_bucket(Bucket=bucket)
        except ClientError as error:
            if code_of(error) != "BucketNotEmpty" or attempt == _TRIES - 1:
                raise
        else:
            note(f"deleted the bucket {bucket}")
            return


def _empty(client: S3Client, bucket: str) -> int:
    deleted = 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        names: list[ObjectIdentifierTypeDef] = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})
        for error in answer.get("Errors", []):
            raise AwsError(f"cannot delete {error.get('Key')} from the bucket {bucket}: {error.get('Message')}")
        deleted += len(names)
    return deleted


def delete_database(client: RDSClient, name: str, note: Callable[[str], None]) -> None:
    """Delete a database and wait until it is gone; its last state stays as a snapshot. A missing one is ignored.

    Raises:
        AwsError: AWS refuses.
    """
    with aws_says(f"cannot delete the database {name}"):
        try:
            (found,) = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
            if found.get("DBInstanceStatus") != "deleting":
                _begin_deletion(client, name, note)
        except ClientError as error:
            if code_of(error) not in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
                raise
            return
        client.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)


def _begin_deletion(client: RDSClient, name: str, note: Callable[[str], None]) -> None:
    snapshot = f"{name}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    client.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    # The protection ends a little after it was asked for, and while it does the database cannot be deleted.
    client.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
    client.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=snapshot)
    note(f"deleting the database {name}; its last state is in the snapshot {snapshot}")


def delete_key(client: KMSClient, key: str, note: Callable[[str], None]) -> None:
    """Schedule a key's deletion after the longest time in which it can be restored.

    Raises:
        AwsError: AWS refuses.
    """
    with aws_says(f"cannot delete the key {key}"):
        try:
            client.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS)
        except ClientError as error:
            # Its deletion is scheduled already.
            if code_of(error) not in ("KMSInvalidStateException", "NotFoundException"):
                raise
            return
    note(
        f"the key {key} will be deleted in {KEY_DAYS} days, and everything that it encrypts, a database's last "
        "snapshot too, is lost with it; until then it can be restored"
    )
