"""Plans and makes a deployment: one stack after the other, each told what the ones before it gave."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pinterest_pipeline.aws import uploads
from pinterest_pipeline.aws.answers import answers
from pinterest_pipeline.aws.changes import Change, ChangeSet, Wish, drop, make_change_set
from pinterest_pipeline.aws.clients import Clients, aws_says
from pinterest_pipeline.aws.finishing import finish
from pinterest_pipeline.aws.operations import DEAD, Event, State, event_ids, follow, state_of
from pinterest_pipeline.aws.stacks import STACKS, Stack, expected_outputs, parameters
from pinterest_pipeline.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinterest_pipeline.aws.settings import Settings
    from pinterest_pipeline.aws.templates import Values

POLL_SECONDS = 3.0


@dataclass(frozen=True)
class Deployment:
    """One deployment in one account.

    Attributes:
        settings: What a person decided.
        clients: The services.
        poll_seconds: Time between two looks at an operation.
        catalogue: The stacks that there can be, in the order in which they are made.
    """

    settings: Settings
    clients: Clients
    poll_seconds: float = POLL_SECONDS
    catalogue: tuple[Stack, ...] = STACKS

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks that the settings want, in order."""
        return tuple(stack for stack in self.catalogue if stack.wanted(self.settings))

    def states(self) -> Mapping[str, State]:
        """Return the states of all stacks that are there in some form, wanted or not, by their short names.

        Raises:
            AwsError: AWS does not tell.
        """
        client = self.clients.cloudformation
        found = {stack.name: state_of(client, stack.full_name(self.settings)) for stack in self.catalogue}
        return {name: state for name, state in found.items() if state}

    def outputs(self, states: Mapping[str, State]) -> Values:
        """Return what stacks gave, and what AWS only tells who asks.

        Raises:
            AwsError: AWS does not tell.
        """
        given = {name: value for state in states.values() if state.there for name, value in state.outputs.items()}
        return {**given, **answers(self.clients, given, states)}


class Show(Protocol):
    """What a person sees of an apply or a removal."""

    def stack(self, name: str, changes: Sequence[Change]) -> None:
        """A stack's turn has come, and this is what will change of it."""
        ...

    def event(self, event: Event) -> None:
        """Something happened to a resource."""
        ...

    def note(self, text: str) -> None:
        """Something that is no resource: an upload, a wait."""
        ...


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: The stack.
        name: Its name in the template.
        kind: Its type.
    """

    stack: Stack
    name: str
    kind: str


@dataclass(frozen=True)
class Planned:
    """What an apply would do to one stack.

    Attributes:
        stack: The stack.
        changes: What would change; empty where nothing would.
        resources: What it would then be made of.
        note: What a person should know about it; empty where there is nothing to say.
    """

    stack: Stack
    changes: tuple[Change, ...]
    resources: frozenset[Resource]
    note: str = ""


def plan(deployment: Deployment) -> Iterator[Planned]:
    """Find out what an apply would do, and leave nothing behind.

    Raises:
        SettingsError: Something that must be uploaded is not there.
        AwsError: AWS refuses a template or a value.
    """
    uploads.check(deployment.settings)
    states = deployment.states()
    outputs = deployment.outputs(states)
    coming = [one for one in deployment.stacks if one.name not in states or not states[one.name].there]
    expected = expected_outputs(coming, deployment.settings.region)
    client = deployment.clients.cloudformation
    for stack in deployment.stacks:
        state = states.get(stack.name)
        there = _resources(deployment, stack, state)
        if state and state.under_way:
            yield Planned(stack, (), there, f"{state.status}: an operation is under way; apply would wait for it")
        elif state and state.status in DEAD:
            yield Planned(stack, (), there, f"{state.status}: apply would remove what is left and make it anew")
        else:
            wish = _wish(deployment, stack, state, outputs, expected)
            change_set = make_change_set(client, wish, deployment.poll_seconds)
            if change_set.changes:
                drop(client, change_set)
            yield Planned(stack, change_set.changes, _after(stack, there, change_set.changes))


def apply(deployment: Deployment, show: Show, *, allow_data_loss: bool = False) -> None:
    """Make every wanted stack what the settings and templates say; what is so already is left alone.

    A run that was cut off at any point is taken up by the next one: it waits for what CloudFormation is still doing,
    removes what could not be made, and goes on.

    Args:
        deployment: The deployment.
        show: What the person sees.
        allow_data_loss: Whether what holds data may be replaced or removed.

    Raises:
        SettingsError: Something that must be uploaded is not there.
        AwsError: AWS refuses or fails; what was made before stays.
    """
    uploads.check(deployment.settings)
    for stack in deployment.stacks:
        states = deployment.states()
        state = _settled(deployment, states.get(stack.name), show)
        outputs = deployment.outputs(states)
        uploads.upload(deployment.clients.s3, deployment.settings, stack.name, outputs, show.note)
        wish = _wish(deployment, stack, state, outputs, {})
        change_set = make_change_set(deployment.clients.cloudformation, wish, deployment.poll_seconds)
        show.stack(change_set.wish.stack, change_set.changes)
        if change_set.changes:
            _guard(deployment, change_set, allow_data_loss=allow_data_loss)
            _execute(deployment, change_set, show)
    finish(deployment.clients, deployment.outputs(deployment.states()), show.note, deployment.poll_seconds)


def _resources(deployment: Deployment, stack: Stack, state: State | None) -> frozenset[Resource]:
    if state is None or not state.there:
        return frozenset()
    with aws_says(f"cannot list what is in {state.name}"):
        pages = deployment.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=state.name)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
    return frozenset(Resource(stack, one["LogicalResourceId"], one["ResourceType"]) for one in found)


def _after(stack: Stack, there: frozenset[Resource], changes: Iterable[Change]) -> frozenset[Resource]:
    by_action: dict[str, set[Resource]] = defaultdict(set)
    for change in changes:
        by_action[change.action].add(Resource(stack, change.resource, change.kind))
    return (there | by_action["Add"]) - by_action["Remove"]


def _wish(deployment: Deployment, stack: Stack, state: State | None, outputs: Values, expected: Values) -> Wish:
    settings = deployment.settings
    values = parameters(stack, settings, uploads.names(settings), outputs, expected)
    kind: Literal["CREATE", "UPDATE"] = "UPDATE" if state and state.there else "CREATE"
    return Wish(stack.full_name(settings), kind, stack.template.body(values), values, settings.tags)


def _settled(deployment: Deployment, state: State | None, show: Show) -> State | None:
    """Return a stack in a state that can be changed; None where there is none."""
    if state and state.under_way:
        show.note(f"{state.name} is {state.status}: waiting for what is under way")
        state = _unless_deleted(follow(deployment.clients.cloudformation, state, show.event, deployment.poll_seconds))
    if state and state.status in DEAD:
        show.note(f"{state.name} is {state.status}: removing what is left of it")
        remove(deployment, state, show)
        return None
    if state and state.status == "UPDATE_ROLLBACK_FAILED":
        raise AwsError(
            f"{state.name} is stuck in {state.status}: mend what its events name, run "
            f"`aws cloudformation continue-update-rollback --stack-name {state.name}`, and apply again"
        )
    return state


def _unless_deleted(state: State) -> State | None:
    return None if state.status == "DELETE_COMPLETE" else state


def remove(deployment: Deployment, state: State, show: Show) -> None:
    """Remove a stack and wait until it is gone.

    Raises:
        AwsError: AWS refuses or fails.
    """
    client = deployment.clients.cloudformation
    before = event_ids(client, state.identity)
    with aws_says(f"cannot remove {state.name}"):
        client.delete_stack(StackName=state.identity)
    follow(client, state, show.event, deployment.poll_seconds, before)


def _guard(deployment: Deployment, change_set: ChangeSet, *, allow_data_loss: bool) -> None:
    lost = [change for change in change_set.changes if change.loses_data]
    if not lost or allow_data_loss:
        return
    drop(deployment.clients.cloudformation, change_set)
    names = ", ".join(f"{change.resource} ({change.kind}: {', '.join(change.properties)})" for change in lost)
    raise AwsError(
        f"{change_set.wish.stack}: the change would remove or replace what holds data: {names}; take the setting back, "
        "or copy the data and apply with --allow-data-loss"
    )


def _execute(deployment: Deployment, change_set: ChangeSet, show: Show) -> None:
    client, name = deployment.clients.cloudformation, change_set.wish.stack
    state = state_of(client, name)
    if state is None:
        raise AwsError(f"{name} was removed by somebody else while it was being changed; apply again")
    before = event_ids(client, state.identity)
    with aws_says(f"{name}: the change cannot be started"):
        client.execute_change_set(ChangeSetName=change_set.identity)
    follow(client, state, show.event, deployment.poll_seconds, before)
