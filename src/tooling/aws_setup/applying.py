"""Brings a deployment to its settings: one stack after the other, each given the outputs of those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tooling.aws_setup import uploads
from tooling.aws_setup.changes import dropped_on_failure, make_change_set
from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.deployment import outputs
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.finishing import finish
from tooling.aws_setup.operations import DEAD, GONE, HALF_REMOVED, event_ids, follow, state_of
from tooling.aws_setup.rolling import HealthGate
from tooling.aws_setup.stacks import HOLDS_DATA, Expected

if TYPE_CHECKING:
    from tooling.aws_setup.changes import ChangeSet
    from tooling.aws_setup.deployment import Deployment, Show
    from tooling.aws_setup.operations import State
    from tooling.aws_setup.rolling import Attend
    from tooling.aws_setup.stacks import Stack

_HOW_TO_GO_ON = "restore the setting, or copy the data and apply with --allow-data-loss"


def apply(deployment: Deployment, show: Show, *, allow_data_loss: bool = False) -> None:
    """Bring every wanted stack to its settings and template; a stack that matches already is not changed.

    A run after one that was cut off at any point continues it: it waits for running operations of CloudFormation,
    removes what could not be created, and goes on.

    Args:
        deployment: The deployment.
        show: Receives progress, to be displayed.
        allow_data_loss: Whether resources that hold data may be replaced or removed.

    Raises:
        SettingsError: Something that must be uploaded is not there.
        AwsError: AWS refuses or fails; what was created before stays.
    """
    uploads.check(deployment.settings)
    if deployment.unwanted(deployment.states()):
        _shrink(deployment, show, allow_data_loss=allow_data_loss)
    for stack in deployment.stacks:
        _bring_up(deployment, stack, show, allow_data_loss=allow_data_loss)
    finish(deployment.clients, outputs(deployment.states()), show.note, deployment.poll_seconds)


def _shrink(deployment: Deployment, show: Show, *, allow_data_loss: bool) -> None:
    """Remove stacks that are no longer in the settings, each before those that it uses.

    So the link to the proxy is removed before the proxy, and Airflow before its route to the internet.
    """
    states = deployment.states()
    unwanted = deployment.unwanted(states)
    held = [one for stack in unwanted for one in deployment.resources(stack, states[stack.name])]
    lost = [f"{one.name} ({one.kind})" for one in held if one.kind in HOLDS_DATA]
    if lost and not allow_data_loss:
        raise AwsError(f"resources that are no longer in the settings hold data: {', '.join(lost)}; {_HOW_TO_GO_ON}")
    for stack in reversed(deployment.catalogue):
        if stack in unwanted:
            show.note(f"removing {states[stack.name].name}: it is no longer in the settings")
            remove(deployment, states[stack.name], show)
        elif stack.name in states:
            _bring_up(deployment, stack, show, allow_data_loss=allow_data_loss)


def _bring_up(deployment: Deployment, stack: Stack, show: Show, *, allow_data_loss: bool) -> None:
    client = deployment.clients.cloudformation
    states = deployment.states()
    state = _settled(deployment, states.get(stack.name), show)
    known = deployment.known(states)
    uploads.upload(deployment.clients.s3, deployment.settings, stack.name, known, show.note)
    change_set = make_change_set(client, deployment.spec(stack, state, known, Expected()), deployment.poll_seconds)
    show.stack(change_set.spec.stack, change_set.changes)
    if change_set.executable:
        with dropped_on_failure(client, change_set):
            _guard(change_set, allow_data_loss=allow_data_loss)
            before = event_ids(client, change_set.stack)
        with aws_says(f"{change_set.spec.stack}: the change cannot be started"):
            client.execute_change_set(ChangeSetName=change_set.identity)
        _watch(deployment, change_set.stack, show, before)


def _watch(deployment: Deployment, stack: str, show: Show, before: frozenset[str] | None) -> State:
    client = deployment.clients.cloudformation
    state = state_of(client, stack)
    if state is None:
        raise AwsError(f"{stack} was removed by another process while it was being changed; apply again")
    return follow(client, state, show.event, deployment.poll_seconds, before, _gate(deployment, state, show))


def _settled(deployment: Deployment, state: State | None, show: Show) -> State | None:
    """Return a stack in a state that can be changed; None where there is none."""
    if state and state.under_way:
        state = at_rest(deployment, state, show)
    if state and state.status in DEAD:
        show.note(f"{state.name} is {state.status}: removing its remaining resources")
        remove(deployment, state, show)
        return None
    if state and state.status == HALF_REMOVED:
        raise AwsError(f"{state.name} is {state.status}: its removal failed; end it with destroy, then apply again")
    if state and state.status == "UPDATE_ROLLBACK_FAILED":
        raise AwsError(
            f"{state.name} is stuck in {state.status}: repair what its events name, run `aws cloudformation "
            f"continue-update-rollback --region {deployment.settings.region} --stack-name {state.name}`, then apply"
        )
    return state


def _gate(deployment: Deployment, state: State, show: Show) -> Attend | None:
    group = state.outputs.get("ClientGroup")
    return HealthGate(deployment.clients, state.identity, group, show.note).attend if group else None


def at_rest(deployment: Deployment, state: State, show: Show) -> State | None:
    """Wait until no operation runs on a stack, and return the stack; None where it is deleted.

    A failure is shown and not raised: the next operation starts from whatever state the stack is in.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    client = deployment.clients.cloudformation
    show.note(f"{state.name} is {state.status}: waiting for the running operation")
    try:
        gate = _gate(deployment, state, show)
        now: State | None = follow(client, state, show.event, deployment.poll_seconds, attend=gate)
    except AwsError as failure:
        show.note(str(failure))
        now = state_of(client, state.identity)
    return now if now and now.status != GONE else None


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


def _guard(change_set: ChangeSet, *, allow_data_loss: bool) -> None:
    lost = [change for change in change_set.changes if change.loses_data]
    if lost and not allow_data_loss:
        names = ", ".join(f"{change.resource} ({change.kind}: {', '.join(change.properties)})" for change in lost)
        raise AwsError(
            f"{change_set.spec.stack}: the change would remove or replace resources that hold data: {names}; "
            f"{_HOW_TO_GO_ON}"
        )
