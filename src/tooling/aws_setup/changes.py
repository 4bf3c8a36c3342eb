"""What CloudFormation would do: change sets, made and read."""

from __future__ import annotations

import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.operations import NEW, state_of
from tooling.aws_setup.stacks import HOLDS_DATA
from tooling.polling import attempts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        CreateChangeSetInputTypeDef,
        DescribeChangeSetOutputTypeDef,
        ResourceChangeTypeDef,
    )

# CloudFormation has no code for it, only these words.
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_MAX_SECONDS = 600
_NEVER = "False"


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Attributes:
        action: Add, Modify, Remove, or another word of CloudFormation's.
        resource: Its name in the template.
        kind: Its type.
        replacement: True, False or Conditional, for a modification; else empty.
        policy: What becomes of what is replaced or removed: Delete, Retain, ...; empty where AWS does not say.
        properties: What changes about it, for a modification.
    """

    action: str
    resource: str
    kind: str
    replacement: str = ""
    policy: str = ""
    properties: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether records may be lost, or remain in a resource that nothing reads any more."""
        gone = self.action == "Remove" and self.policy != "Retain"
        replaced = self.replacement not in ("", _NEVER)
        return (gone or replaced) and self.kind in HOLDS_DATA


@dataclass(frozen=True)
class StackSpec:
    """How a stack shall be.

    Attributes:
        stack: Its full name.
        kind: Whether it exists already.
        template: Its template.
        values: Its parameters.
        tags: Its tags, and those of all that is in it.
        role: ARN of the role that CloudFormation acts with; empty for the caller's own rights.
    """

    stack: str
    kind: Literal["CREATE", "UPDATE"]
    template: str
    values: Mapping[str, str]
    tags: Mapping[str, str]
    role: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that waits in AWS.

    Attributes:
        spec: What it came from.
        identity: Its ARN.
        stack: The ARN of its stack.
        changes: What it would do to resources.
        executable: Whether there is anything to do; outputs alone may change.
    """

    spec: StackSpec
    identity: str
    stack: str
    changes: tuple[Change, ...] = ()
    executable: bool = False


def make_change_set(client: CloudFormationClient, spec: StackSpec, poll_seconds: float) -> ChangeSet:
    """Have CloudFormation find out what it would do, and wait until it has.

    Args:
        client: The service.
        spec: How the stack shall be.
        poll_seconds: The longest time between two requests.

    Raises:
        AwsError: The template or a value is refused.
    """
    request: CreateChangeSetInputTypeDef = {
        "StackName": spec.stack,
        "ChangeSetName": f"change-{uuid.uuid4().hex}",
        "ChangeSetType": spec.kind,
        "TemplateBody": spec.template,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in spec.values.items()],
        "Tags": [{"Key": name, "Value": value} for name, value in spec.tags.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    if spec.role:
        # CloudFormation keeps it with the stack, and removes the stack with it too.
        request["RoleARN"] = spec.role
    with aws_says(f"{spec.stack}: the change set is refused"):
        made = client.create_change_set(**request)
    change_set = ChangeSet(spec, made["Id"], made["StackId"])
    with dropped_on_failure(client, change_set):
        with aws_says(f"{spec.stack}: the change set cannot be read"):
            answer = _finished(client, change_set.identity, poll_seconds)
            if answer["Status"] == "CREATE_COMPLETE":
                return replace(change_set, changes=tuple(_changes(client, answer)), executable=True)
        reason = answer.get("StatusReason", "")
        if not any(words in reason for words in _NOTHING_TO_DO):
            raise AwsError(f"{spec.stack}: the change set is refused: {_explained(client, change_set, reason)}")
    drop(client, change_set)
    return change_set


@contextmanager
def dropped_on_failure(client: CloudFormationClient, change_set: ChangeSet) -> Iterator[None]:
    """Delete a change set when the block fails or is interrupted: nobody would find it later."""
    try:
        yield
    except BaseException:
        # What went wrong is what the person must hear of, not that the tidying failed too.
        with suppress(AwsError):
            drop(client, change_set)
        raise


def drop(client: CloudFormationClient, change_set: ChangeSet) -> None:
    """Take a change set back, and with it the empty stack that it made where there was none.

    Raises:
        AwsError: It cannot be taken back.
    """
    with aws_says(f"{change_set.spec.stack}: the change set cannot be deleted"):
        client.delete_change_set(ChangeSetName=change_set.identity)
        if change_set.spec.kind == "CREATE":
            _drop_empty_stack(client, change_set.stack)


def _drop_empty_stack(client: CloudFormationClient, stack: str) -> None:
    """Delete a stack that has no resources and no change sets: another process may be about to create it."""
    state = state_of(client, stack)
    if state and state.status in NEW and not client.list_change_sets(StackName=stack)["Summaries"]:
        client.delete_stack(StackName=stack)


def _explained(client: CloudFormationClient, change_set: ChangeSet, reason: str) -> str:
    """Return a reason in AWS's own words; where it only points to its events, what these say."""
    if "DescribeEvents" not in reason:
        return reason
    found = client.describe_events(ChangeSetName=change_set.identity, Filters={"FailedEvents": True})
    said = [
        f"{event.get('LogicalResourceId', '')} {event.get('ValidationPath', '')}: {event['ValidationStatusReason']}"
        for event in found.get("OperationEvents", [])
        if event.get("ValidationStatusReason")
    ]
    return "; ".join(said) or reason


def _finished(client: CloudFormationClient, identity: str, poll_seconds: float) -> DescribeChangeSetOutputTypeDef:
    for _ in attempts(_MAX_SECONDS, poll_seconds):
        answer = client.describe_change_set(ChangeSetName=identity)
        if answer["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return answer
    raise AwsError(f"the change set {identity} is not ready after {_MAX_SECONDS} s; try again later")


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
        found["Action"],
        found["LogicalResourceId"],
        found["ResourceType"],
        replacement,
        found.get("PolicyAction", ""),
        tuple(sorted(named - {""})),
    )
