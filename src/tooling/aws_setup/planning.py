"""What an apply would do, found out without leaving anything behind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tooling.aws_setup import uploads
from tooling.aws_setup.changes import Change, drop, make_change_set
from tooling.aws_setup.deployment import Resource
from tooling.aws_setup.operations import DEAD, HALF_REMOVED
from tooling.aws_setup.stacks import expected_outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tooling.aws_setup.deployment import Deployment
    from tooling.aws_setup.operations import State
    from tooling.aws_setup.stacks import Expected, Stack
    from tooling.aws_setup.templates import Values


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
    there = [name for name, state in states.items() if state.there]
    known = deployment.known(states)
    expected = expected_outputs(deployment.stacks, there, deployment.settings.region)
    for stack in deployment.stacks:
        yield _planned(deployment, stack, states.get(stack.name), known, expected)
    for stack in deployment.unwanted(states):
        gone = sorted(deployment.resources(stack, states[stack.name]), key=lambda resource: resource.name)
        removals = tuple(Change("Remove", resource.name, resource.kind) for resource in gone)
        yield Planned(stack, removals, frozenset(), "the settings do not want it any more")


def blocker(state: State | None) -> str:
    """Return why no change set can be made of a stack as it is, and what an apply would do; empty where one can."""
    if state is None:
        return ""
    if state.under_way:
        return f"{state.status}: an operation is under way; apply would wait for it"
    if state.status in DEAD:
        return f"{state.status}: apply would remove what is left and make it anew"
    if state.status == HALF_REMOVED:
        return f"{state.status}: its removal failed; destroy goes on with it"
    if state.status == "UPDATE_ROLLBACK_FAILED":
        return f"{state.status}: apply would say how to go on"
    return ""


def _planned(deployment: Deployment, stack: Stack, state: State | None, known: Values, expected: Expected) -> Planned:
    there, note = deployment.resources(stack, state), blocker(state)
    if note:
        return Planned(stack, (), there, note)
    client = deployment.clients.cloudformation
    change_set = make_change_set(client, deployment.spec(stack, state, known, expected), deployment.poll_seconds)
    if change_set.executable:
        drop(client, change_set)
    alone = change_set.executable and not change_set.changes
    note = "its outputs change, and no resource" if alone else ""
    return Planned(stack, change_set.changes, _after(stack, there, change_set.changes), note)


def _after(stack: Stack, there: frozenset[Resource], changes: Iterable[Change]) -> frozenset[Resource]:
    by_action: dict[str, set[Resource]] = defaultdict(set)
    for change in changes:
        by_action[change.action].add(Resource(stack, change.resource, change.kind))
    return (there | by_action["Add"]) - by_action["Remove"]
