"""What CloudFormation would do: change sets, made and read."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pinterest_pipeline.aws.clients import aws_says
from pinterest_pipeline.aws.operations import waits
from pinterest_pipeline.aws.stacks import HOLDS_DATA
from pinterest_pipeline.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef, ResourceChangeTypeDef

# CloudFormation has no code for it, only these words.
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_MOST_SECONDS = 600
_NEVER = "False"


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Attributes:
        action: Add, Modify, Remove, or another word of CloudFormation's.
        resource: Its name in the template.
        kind: Its type.
        replacement: True, False or Conditional, for a modification; else empty.
        properties: What changes about it, for a modification.
    """

    action: str
    resource: str
    kind: str
    replacement: str = ""
    properties: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether records may be gone afterwards."""
        gone = self.action == "Remove" or self.replacement not in ("", _NEVER)
        return gone and self.kind in HOLDS_DATA


@dataclass(frozen=True)
class Wish:
    """How a stack shall be.

    Attributes:
        stack: Its full name.
        kind: Whether it is there already.
        template: Its template.
        values: Its parameters.
        tags: Its tags, and those of all that is in it.
    """

    stack: str
    kind: Literal["CREATE", "UPDATE"]
    template: str
    values: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that waits in AWS.

    Attributes:
        wish: What it came from.
        identity: Its ARN.
        changes: What it would do; empty where there is nothing to do.
    """

    wish: Wish
    identity: str
    changes: tuple[Change, ...]


def make_change_set(client: CloudFormationClient, wish: Wish, poll_seconds: float) -> ChangeSet:
    """Have CloudFormation find out what it would do, and wait until it has.

    Args:
        client: The service.
        wish: How the stack shall be.
        poll_seconds: Time between two looks.

    Raises:
        AwsError: The template or a value is refused.
    """
    with aws_says(f"{wish.stack}: the change set is refused"):
        identity = client.create_change_set(
            StackName=wish.stack,
            ChangeSetName=f"change-{uuid.uuid4().hex}",
            ChangeSetType=wish.kind,
            TemplateBody=wish.template,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in wish.values.items()],
            Tags=[{"Key": name, "Value": value} for name, value in wish.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )["Id"]
    nothing = ChangeSet(wish, identity, ())
    try:
        with aws_says(f"{wish.stack}: the change set cannot be read"):
            answer = _finished(client, identity, poll_seconds)
            if answer["Status"] == "CREATE_COMPLETE":
                return ChangeSet(wish, identity, tuple(_changes(client, answer)))
        reason = answer.get("StatusReason", "")
        if not any(words in reason for words in _NOTHING_TO_DO):
            raise AwsError(f"{wish.stack}: the change set is refused: {reason}")
    except BaseException:
        # Ctrl-C among them: nobody would look for what is left.
        drop(client, nothing)
        raise
    drop(client, nothing)
    return nothing


def drop(client: CloudFormationClient, change_set: ChangeSet) -> None:
    """Take a change set back, and with it the empty stack that it made where there was none.

    Raises:
        AwsError: It cannot be taken back.
    """
    with aws_says(f"{change_set.wish.stack}: the change set cannot be taken back"):
        if change_set.wish.kind == "CREATE":
            client.delete_stack(StackName=change_set.wish.stack)
        else:
            client.delete_change_set(ChangeSetName=change_set.identity)


def _finished(client: CloudFormationClient, identity: str, poll_seconds: float) -> DescribeChangeSetOutputTypeDef:
    deadline = time.monotonic() + _MOST_SECONDS
    for _ in waits(poll_seconds):
        answer = client.describe_change_set(ChangeSetName=identity)
        if answer["Status"] in ("CREATE_COMPLETE", "FAILED") or time.monotonic() > deadline:
            break
    if answer["Status"] not in ("CREATE_COMPLETE", "FAILED"):
        raise AwsError(f"the change set {identity} is not ready after {_MOST_SECONDS} s; try again later")
    return answer


def _changes(client: CloudFormationClient, first: DescribeChangeSetOutputTypeDef) -> Iterator[Change]:
    page = first
    while True:
        yield from (_change(one["ResourceChange"]) for one in page["Changes"] if "ResourceChange" in one)
        if not page.get("NextToken"):
            return
        page = client.describe_change_set(ChangeSetName=first["ChangeSetId"], NextToken=page["NextToken"])


def _change(found: ResourceChangeTypeDef) -> Change:
    targets = [detail.get("Target", {}) for detail in found.get("Details", [])]
    named = {target.get("Name") or target.get("Attribute", "") for target in targets}
    replacement = found.get("Replacement", "") if found["Action"] == "Modify" else ""
    return Change(
        found["Action"], found["LogicalResourceId"], found["ResourceType"], replacement, tuple(sorted(named - {""}))
    )
