"""One deployment in one account: its stacks, their outputs, and the specification of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup import uploads
from tooling.aws_setup.changes import StackSpec
from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.lookups import answers
from tooling.aws_setup.operations import state_of
from tooling.aws_setup.stacks import STACKS, Expected, Stack, parameters
from tooling.aws_setup.zones import PARAMETERS, pick_zones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tooling.aws_setup.changes import Change
    from tooling.aws_setup.clients import Clients
    from tooling.aws_setup.operations import Event, State
    from tooling.aws_setup.settings import Settings
    from tooling.aws_setup.templates import Values

POLL_SECONDS = 3.0


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
class Deployment:
    """One deployment in one account.

    Attributes:
        settings: The deployment's settings.
        clients: The services.
        poll_seconds: The longest time between two requests about an operation.
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
            AwsError: AWS refuses the call or cannot be reached.
        """
        client = self.clients.cloudformation
        found = {stack.name: state_of(client, stack.full_name(self.settings)) for stack in self.catalogue}
        return {name: state for name, state in found.items() if state}

    def unwanted(self, states: Mapping[str, State]) -> tuple[Stack, ...]:
        """Return the stacks that are there though the settings do not want them, in order."""
        return tuple(one for one in self.catalogue if one.name in states and not one.wanted(self.settings))

    def known(self, states: Mapping[str, State]) -> Values:
        """Return the outputs of stacks, values that only an API returns, and the names of uploads.

        Raises:
            SettingsError: A file that must be uploaded is not there, or the settings ask for another range of addresses
                than the network has.
            AwsError: AWS refuses the call or cannot be reached.
        """
        given = outputs(states)
        self._check_range(states)
        has_zones = any(PARAMETERS[0] in stack.template.parameters for stack in self.stacks)
        zones = pick_zones(self.clients, self.settings.network.zones, states) if has_zones else {}
        return {**given, **zones, **answers(self.clients, given, states), **uploads.names(self.settings)}

    def _check_range(self, states: Mapping[str, State]) -> None:
        # Another range is another network, and everything in the old one would still use it.
        network, cidr = states.get("network"), self.settings.network.cidr
        in_use = network.parameters.get("Cidr", cidr) if network and network.there else cidr
        if in_use != cidr:
            raise SettingsError(
                f"network.cidr is {cidr}, but the network was made with {in_use} and keeps its range: restore "
                "the setting, or run destroy --keep-data and apply again"
            )

    def spec(self, stack: Stack, state: State | None, known: Values, expected: Expected) -> StackSpec:
        """Return how a stack shall be.

        Args:
            stack: The stack.
            state: How it is.
            known: What is known.
            expected: Placeholders for unknown outputs.

        Raises:
            AwsError: A parameter has no value.
        """
        values = parameters(stack, self.settings, known, expected)
        kind: Literal["CREATE", "UPDATE"] = "UPDATE" if state and state.there else "CREATE"
        name, settings = stack.full_name(self.settings), self.settings
        return StackSpec(name, kind, stack.template.body(values), values, settings.tags, settings.service_role)

    def resources(self, stack: Stack, state: State | None) -> frozenset[Resource]:
        """Return a stack's resources.

        Raises:
            AwsError: AWS refuses the call or cannot be reached.
        """
        if state is None or not state.there:
            return frozenset()
        with aws_says(f"cannot list what is in {state.name}"):
            pages = self.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=state.name)
            found = [one for page in pages for one in page["StackResourceSummaries"]]
        there = [one for one in found if one["ResourceStatus"] != "DELETE_COMPLETE"]
        return frozenset(Resource(stack, one["LogicalResourceId"], one["ResourceType"]) for one in there)


def outputs(states: Mapping[str, State]) -> Values:
    """Return what the stacks gave that are there."""
    return {name: value for state in states.values() if state.there for name, value in state.outputs.items()}


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
