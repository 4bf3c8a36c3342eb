"""What CloudFormation does while it does it: a stack's state, its events, and why it failed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tooling.aws_setup.clients import aws_says, hint_for
from tooling.aws_setup.errors import AwsError
from tooling.polling import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

NEW = frozenset({"REVIEW_IN_PROGRESS"})
"""A stack that has a change set and no resources yet."""

DEAD = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""A stack whose creation failed: it can only be deleted."""

HALF_REMOVED = "DELETE_FAILED"
GONE = "DELETE_COMPLETE"

GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
"""Final states of operations that succeeded."""

UNDER_WAY = "_IN_PROGRESS"

_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
_MAX_SECONDS_TO_BEGIN = 120

# Words in the reasons of resources that failed because another one did.
_CONSEQUENCE = ("cancelled", "canceled")


@dataclass(frozen=True)
class State:
    """A stack as it is.

    Attributes:
        name: Its full name.
        identity: Its ARN, which outlives it.
        status: CloudFormation's status.
        outputs: Its outputs.
        parameters: Its parameters.
        changed: When it was last changed.
    """

    name: str
    identity: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    changed: datetime

    @property
    def there(self) -> bool:
        """Whether it exists, in any state."""
        return self.status not in NEW | DEAD | {GONE, HALF_REMOVED}

    @property
    def under_way(self) -> bool:
        """Whether an operation runs on it."""
        return self.status.endswith(UNDER_WAY) and self.status not in NEW


@dataclass(frozen=True)
class Event:
    """One event of a stack.

    Attributes:
        identity: Its id.
        at: When.
        resource: The resource's name in the template; the stack's own name for the stack itself.
        kind: The resource's type.
        status: CloudFormation's status.
        reason: The reason, where there is one.
    """

    identity: str
    at: datetime
    resource: str
    kind: str
    status: str
    reason: str

    @property
    def of_stack(self) -> bool:
        """Whether it is about the stack itself."""
        return self.kind == "AWS::CloudFormation::Stack"

    @property
    def ends(self) -> bool:
        """Whether it ends an operation of the stack."""
        return self.of_stack and not self.status.endswith(UNDER_WAY)

    @property
    def is_cause(self) -> bool:
        """Whether it is a failure that no other failure caused."""
        return self.status.endswith("_FAILED") and not any(word in self.reason.lower() for word in _CONSEQUENCE)


def state_of(client: CloudFormationClient, name: str) -> State | None:
    """Return a stack's state; None where there is no stack of that name or ARN.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    with aws_says(f"cannot describe the stack {name}"):
        try:
            found = client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            # The code is ValidationError for all that can be wrong with a request.
            if "does not exist" in str(error):
                return None
            raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    changed = found.get("LastUpdatedTime", found["CreationTime"])
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    return State(found["StackName"], found["StackId"], found["StackStatus"], outputs, parameters, changed)


def follow(
    client: CloudFormationClient,
    state: State,
    show: Callable[[Event], None],
    poll_seconds: float,
    before: frozenset[str] | None = None,
    attend: Callable[[Sequence[Event]], None] | None = None,
) -> State:
    """Show a stack's events until the operation ends.

    Events decide: the state that DescribeStacks returns can be older than they are.

    Args:
        client: The service.
        state: The stack.
        show: Shows an event.
        poll_seconds: The longest time between two requests.
        before: Ids of the events from before the operation was requested; None where it runs already.
        attend: Called with the events so far after every request; does what CloudFormation waits for.

    Returns:
        The stack as it then is.

    Raises:
        AwsError: The operation failed; the message names the first cause.
    """
    seen = set(_earlier(client, state.identity) if before is None else before)
    happened: list[Event] = []
    deadline = time.monotonic() + _MAX_SECONDS_TO_BEGIN
    for _ in attempts(math.inf, poll_seconds):
        fresh = events(client, state.identity, seen)
        for event in fresh:
            show(event)
        seen |= {event.identity for event in fresh}
        happened += fresh
        if any(event.ends for event in fresh):
            break
        if attend:
            attend(happened)
        if not happened and time.monotonic() > deadline:
            raise AwsError(f"{state.name}: CloudFormation has not started the operation; try again")
    ended = [event for event in happened if event.ends][-1]
    now = state_of(client, state.identity)
    if ended.status in GOOD | {GONE}:
        return replace(now, status=ended.status) if now else replace(state, status=ended.status)
    causes = [event for event in happened if event.is_cause]
    raise AwsError(f"{state.name} is {ended.status}: {_cause(causes)}")


def _earlier(client: CloudFormationClient, stack: str) -> frozenset[str]:
    """Return the ids of the events from before the running operation."""
    found = events(client, stack, ())
    starts = [place for place, event in enumerate(found) if event.of_stack and event.status in _BEGINNINGS]
    return frozenset(event.identity for event in found[: starts[-1] if starts else 0])


def events(client: CloudFormationClient, stack: str, seen: Iterable[str]) -> list[Event]:
    """Return a stack's events that were not seen yet, the oldest first.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    known = frozenset(seen)
    with aws_says(f"cannot read the events of {stack}"):
        return [*reversed([*_new_events(client, stack, known)])]


def event_ids(client: CloudFormationClient, stack: str) -> frozenset[str]:
    """Return the ids of all events that a stack has.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    return frozenset(event.identity for event in events(client, stack, ()))


def _new_events(client: CloudFormationClient, stack: str, known: frozenset[str]) -> Iterator[Event]:
    # The newest come first: everything after a known event is known too.
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for found in page["StackEvents"]:
            if found["EventId"] in known:
                return
            yield _event(found)


def _event(found: StackEventTypeDef) -> Event:
    return Event(
        found["EventId"],
        found["Timestamp"],
        found.get("LogicalResourceId", ""),
        found.get("ResourceType", ""),
        found.get("ResourceStatus", ""),
        found.get("ResourceStatusReason", ""),
    )


def _cause(causes: list[Event]) -> str:
    # The stack's reason sums up those of its resources; it is used where no resource has one.
    first = next((event for event in causes if not event.of_stack), causes[0] if causes else None)
    if first is None:
        return "CloudFormation gives no reason; read the stack's events in the console"
    reason = " ".join(first.reason.split())
    return f"{first.resource} ({first.kind}) failed first: {reason}{_quota_hint(reason)}"


def _quota_hint(reason: str) -> str:
    low = reason.lower()
    meant = "quota" in low or "maximum number" in low or ("limit" in low and "rate" not in low)
    return f"; {hint_for('LimitExceeded')}" if meant else ""
