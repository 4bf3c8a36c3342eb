"""What a Databricks notebook finds in its workspace: dbutils with widgets, mounts, secrets and other notebooks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class WorkspaceError(Exception):
    """Raised where the workspace would refuse; like its own errors, it is of no type that the package knows."""


class Mount(NamedTuple):
    """One row of the list of mounts."""

    mount_point: str
    source: str
    encryption_type: str = ""


@dataclass
class FileSystem:
    """`dbutils.fs`: a second mount at the same place is refused, and so is unmounting what is not mounted."""

    mounted: list[Mount] = field(default_factory=lambda: [Mount("/databricks-datasets", "databricks-datasets")])
    calls: list[str] = field(default_factory=list)
    configs: dict[str, str] = field(default_factory=dict)
    refusal: BaseException | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)

    def mounts(self) -> Sequence[Mount]:
        return list(self.mounted)

    def mount(self, source: str, mount_point: str, *, extra_configs: dict[str, str]) -> bool:
        if self.refusal:
            raise self.refusal
        if mount_point in {each.mount_point for each in self.mounted}:
            raise WorkspaceError(f"Directory already mounted: {mount_point}")
        self.calls.append(f"mount {source} {mount_point}")
        self.mounted.append(Mount(mount_point, source))
        self.configs = extra_configs
        return True

    def unmount(self, mount_point: str) -> bool:
        if mount_point not in {each.mount_point for each in self.mounted}:
            raise WorkspaceError(f"Directory not mounted: {mount_point}")
        self.calls.append(f"unmount {mount_point}")
        self.mounted = [each for each in self.mounted if each.mount_point != mount_point]
        return True

    def ls(self, folder: str) -> list[str]:
        return sorted(str(path) for path in self.folders.get(folder, Path(folder)).iterdir())


@dataclass
class Secrets:
    """`dbutils.secrets`: values by scope and key."""

    values: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def get(self, scope: str, key: str) -> str:
        if (scope, key) not in self.values:
            raise WorkspaceError(f"Secret does not exist with scope: {scope} and key: {key}")
        return self.values[scope, key]


@dataclass
class Widgets:
    """`dbutils.widgets`: what a notebook declares, with what a person typed instead of the defaults."""

    typed: Mapping[str, str]
    declared: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def text(self, name: str, default: str, label: str) -> None:
        self._declare(name, default, label)

    def dropdown(self, name: str, default: str, choices: list[str], label: str) -> None:
        if not {default, self.typed.get(name, default)} <= set(choices):
            raise WorkspaceError(f"{name} is not one of {choices}")
        self._declare(name, default, label)

    def get(self, name: str) -> str:
        if name not in self.declared:
            raise WorkspaceError(f"InputWidgetNotDefined: {name}")
        self.read.add(name)
        return self.typed.get(name, self.declared[name])

    def _declare(self, name: str, default: str, label: str) -> None:
        if not label or name in self.declared:
            raise WorkspaceError(f"{name} has no label, or is declared twice")
        self.declared[name] = default


@dataclass
class Notebook:
    """`dbutils.notebook`: runs another notebook with values typed into its widgets, and returns what it found."""

    open: Callable[[str, Mapping[str, str]], object] | None = None
    found: list[str] = field(default_factory=list)

    def run(self, path: str, timeout_seconds: int, arguments: dict[str, str]) -> None:
        if self.open is None or timeout_seconds <= 0:
            raise WorkspaceError(f"Unable to run notebook {path}")
        self.open(path, arguments)

    def exit(self, value: str) -> None:
        self.found.append(value)


@dataclass
class DbUtils:
    """`dbutils`, as far as the project uses it."""

    fs: FileSystem = field(default_factory=FileSystem)
    secrets: Secrets = field(default_factory=Secrets)
    widgets: Widgets = field(default_factory=lambda: Widgets({}))
    notebook: Notebook = field(default_factory=Notebook)
