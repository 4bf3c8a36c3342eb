"""A process that dies at a chosen step."""

from types import ModuleType

import pytest


class PowerCutError(Exception):
    """Raised in the place of a step that is never reached."""


def cut_off(monkeypatch: pytest.MonkeyPatch, module: ModuleType, step: str) -> None:
    """Let the process die once just before a step of the module; later the step runs."""
    taken = getattr(module, step)

    def die(*_: object, **_named: object) -> None:
        monkeypatch.setattr(module, step, taken)
        raise PowerCutError

    monkeypatch.setattr(module, step, die)
