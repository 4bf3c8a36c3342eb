"""Plans an apply by change sets, which are deleted afterwards."""

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
        resources: The resources that it would then have.
        note: A remark for the user; empty for none.
    """

    stack: Stack
    changes: tuple[Change, ...]
    resources: frozenset[Resource]
    note: str = ""


def plan(deployment: Deployment) -> Iterator[Planned]:
    """Return what an apply would do; change sets made for it are deleted.

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
        yield Planned(stack, removals, frozenset(), "it is no longer in the settings")


def blocker(state: State | None) -> str:
    """Return why no change set can be made of a stack as it is, and what an apply would do; empty where one can."""
    if state is None:
        return ""
    if state.under_way:
        return f"{state.status}: an operation is running; apply would wait for it"
    if state.status in DEAD:
        return f"{state.status}: apply would remove its remaining resources and create it again"
    if state.status == HALF_REMOVED:
        return f"{state.status}: its removal failed; destroy continues it"
    if state.status == "UPDATE_ROLLBACK_FAILED":
        return f"{state.status}: apply would say how to continue"
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
    note = "only its outputs change" if alone else ""
    return Planned(stack, change_set.changes, _after(stack, there, change_set.changes), note)


def _after(stack: Stack, there: frozenset[Resource], changes: Iterable[Change]) -> frozenset[Resource]:
    by_action: dict[str, set[Resource]] = defaultdict(set)
    for change in changes:
        by_action[change.action].add(Resource(stack, change.resource, change.kind))
    return (there | by_action["Add"]) - by_action["Remove"]
