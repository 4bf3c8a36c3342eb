"""Plans, progress and states as tables and lines of a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import Console, RenderableType
    from rich.progress import TaskID

    from tooling.aws_setup.changes import Change
    from tooling.aws_setup.costs import Cost, Prices
    from tooling.aws_setup.drift import Drift
    from tooling.aws_setup.operations import Event
    from tooling.aws_setup.planning import Planned
    from tooling.aws_setup.status import Status

_COLOURS = {"Add": "green", "Modify": "yellow", "Remove": "red"}
_SHORT = len("AWS::")


def plan_table(planned: Iterable[Planned]) -> Table:
    """Draw what would change: stack, action, resource, type, replacement."""
    table = Table("stack", "action", "resource", "type", "replaced", "because of")
    for one in planned:
        if one.note:
            table.add_row(one.stack.name, Text(one.note, "yellow"))
        for change in one.changes:
            table.add_row(one.stack.name, *_cells(change))
        if not one.changes and not one.note:
            table.add_row(one.stack.name, Text("nothing to change", "dim"))
        table.add_section()
    return table


def _cells(change: Change) -> Sequence[RenderableType]:
    colour = "bold red" if change.loses_data else _COLOURS.get(change.action, "")
    replaced = {"True": "yes", "False": "no", "Conditional": "perhaps"}.get(change.replacement, "")
    return (
        Text(change.action.lower(), colour),
        Text(change.resource),
        Text(change.kind[_SHORT:]),
        Text(f"{replaced}, data is lost" if change.loses_data else replaced, colour if change.loses_data else ""),
        Text(", ".join(change.properties)),
    )


def cost_table(costs: Sequence[Cost], prices: Prices) -> Table:
    """Draw what a deployment costs a month by being there."""
    table = Table("paid for", "units", "each, USD", "a month, USD", "price of", title="rough monthly cost")
    for column in table.columns[1:4]:
        column.justify = "right"
    for cost in costs:
        if cost.price is None or cost.monthly is None:
            table.add_row(cost.what, f"{cost.units:,}", "", "not in the list", "")
        else:
            each = f"{cost.price.usd:g} a {cost.price.per}"
            table.add_row(cost.what, f"{cost.units:,}", each, f"{cost.monthly:,.2f}", cost.price.date)
    table.add_section()
    table.add_row("together", "", "", f"{sum(cost.monthly or 0 for cost in costs):,.2f}", "")
    table.caption = (
        f"List prices of {prices.region} without tax; requests, records, storage and traffic come on top. "
        "infrastructure/prices.toml names each price's source."
    )
    return table


def drift_table(drifts: Iterable[Drift]) -> Table:
    """Draw what differs from the templates."""
    table = Table("stack", "resource", "type", "property", "template", "AWS")
    for drift in drifts:
        cells = (drift.stack, drift.resource, drift.kind[_SHORT:], drift.property, drift.expected, drift.actual)
        table.add_row(*map(Text, cells))
    return table


def status_tables(status: Status) -> Iterable[RenderableType]:
    """Draw the stacks' states, then what a person needs, then how the running parts fare."""
    stacks = Table("stack", "state", "last change")
    for name, state in status.stacks:
        stacks.add_row(
            name, state.status if state else "not there", f"{state.changed:%Y-%m-%d %H:%M} UTC" if state else ""
        )
    yield stacks
    # No table: these are to be copied, and a table would break them into lines.
    for name, value, about in status.needed:
        yield Text.assemble((name, "bold"), f"  {about}\n    {value}")
    yield from map(Text, status.health)
    yield from (Text(f"next: {step}", "yellow") for step in status.steps)


class Shown:
    """Shows an apply or a removal as it goes: a bar a stack, and a line an event.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        """Show nothing yet."""
        self._console = console
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._bar: TaskID | None = None
        self._done: set[str] = set()
        self.changed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the terminal."""
        self._bars.stop()

    def stack(self, name: str, changes: Sequence[Change]) -> None:
        """A stack's turn has come, and this is what will change of it."""
        self._done = set()
        self.changed[name] += len(changes)
        if changes:
            self._bar = self._bars.add_task(name, total=len(changes))
        else:
            self._bar = None
            self._console.print(f"{name}: nothing to change", highlight=False)

    def event(self, event: Event) -> None:
        """Something happened to a resource."""
        line = Text.assemble(
            (f"{event.at:%H:%M:%S} ", "dim"),
            (event.status.lower().replace("_", " "), "red" if event.status.endswith("_FAILED") else "green"),
            f" {event.resource} ({event.kind[_SHORT:]})",
            f": {event.reason}" if event.reason else "",
        )
        self._console.print(line, soft_wrap=True)
        if event.status.endswith("_COMPLETE") and not event.of_stack:
            self._done.add(event.resource)
        if self._bar is not None:
            self._bars.update(self._bar, completed=len(self._done))

    def note(self, text: str) -> None:
        """Something that is no resource."""
        self._console.print(Text(text, "dim"), soft_wrap=True)
