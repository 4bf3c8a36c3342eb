"""Commands in Markdown, held against what they call: a script's own parser, the Makefile's targets, the bundle's jobs.

Nothing is started. A script's `main` runs up to where it has read its command line, a target of the Makefile stands for
its recipe, and of the Databricks CLI only `bundle` is known, with the options that documents may use.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import yaml

from tests.support.scripts import main_of

ROOT = Path(__file__).parents[2]
# The changelog has commands of earlier versions.
DOCUMENTS = [
    path for place in ("*.md", "docs/*.md", "packages/*/*.md") for path in ROOT.glob(place) if path.stem != "CHANGELOG"
]

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_SHELLS = {"", "bash", "sh"}
_CALLS = re.compile(r"(^|[\s/(])(make|databricks|scripts/\w+\.py)(\s|$)|BUNDLE_VAR_\w")
_SEPARATORS = {"|", "||", "&", "&&", ";", "(", ")"}
_REDIRECTIONS = {">", ">>", "<", ">&"}
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$\((\w+)\)")
_RECIPE = re.compile(r"^([a-z][a-z-]*):.*\n((?:(?:\t|ifdef|else|endif).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A line that somebody would type.

    Attributes:
        text: The line.
        complete: Whether it stands in a block, to be run as it is; inside a sentence it may leave out what is required.
    """

    text: str
    complete: bool


def commands(markdown: str) -> Iterator[Command]:
    """Find every line of a shell's block, and every span of code, that calls a script, make, or the Databricks CLI."""
    for language, block in _FENCE.findall(markdown):
        if language in _SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                if _CALLS.search(line):
                    yield Command(line.strip(), complete=True)
    for span in _SPAN.findall(_FENCE.sub("", markdown)):
        if _CALLS.search(span) and not span.startswith("..."):
            yield Command(" ".join(span.split()), complete=False)


@dataclass(frozen=True)
class Project:
    """What commands are held against.

    Attributes:
        root: The folder of the Makefile, of databricks.yml, `scripts` and `resources`.
    """

    root: Path

    def faults(self, command: Command) -> list[str]:
        """Return what is wrong with a command, in words; nothing where it can be run."""
        words = shlex.shlex(command.text, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        calls: list[list[str]] = [[]]
        for word in words:
            if word in _SEPARATORS:
                calls.append([])
            else:
                calls[-1].append(word)
        return [fault for call in calls for fault in self._faults_of(call, complete=command.complete)]

    def _faults_of(self, call: Sequence[str], *, complete: bool) -> Iterator[str]:
        words = [*call]
        while words and (words[0] == "export" or _ASSIGNMENT.fullmatch(words[0])):
            yield from self._faults_of_assignment(words.pop(0))
        if words and words[0].endswith("python"):
            words.pop(0)
        for end in (number for number, word in enumerate(words) if word in _REDIRECTIONS):
            del words[end:]
            break
        if not words:
            return
        name, arguments = words[0], words[1:]
        if re.fullmatch(r"scripts/\w+\.py", name):
            yield from self._faults_of_script(name, arguments, complete=complete and bool(arguments))
        elif name == "make":
            yield from self._faults_of_make(arguments)
        elif name == "databricks" and arguments[:1] == ["bundle"]:
            yield from self._faults_of_cli(arguments[1:], complete=complete)

    def _faults_of_assignment(self, word: str) -> Iterator[str]:
        name = word.partition("=")[0]
        if name.startswith("BUNDLE_VAR_") and name.removeprefix("BUNDLE_VAR_") not in self.bundle["variables"]:
            yield f"databricks.yml declares no variable for {name}"

    def _faults_of_script(self, name: str, arguments: Sequence[str], *, complete: bool) -> Iterator[str]:
        if not (self.root / name).is_file():
            yield f"there is no {name}"
            return
        faults = [*_parse(main_of(self.root / name), name, arguments, complete=complete)]
        yield from faults
        if name == "scripts/bundle.py" and not faults:
            action, target, *more = arguments
            yield from self._faults_of_cli([action, "--target", target, *more], complete=complete)

    def _faults_of_make(self, arguments: Sequence[str]) -> Iterator[str]:
        given = {found[1]: found[2] for word in arguments if (found := _ASSIGNMENT.fullmatch(word))}
        for target in (word for word in arguments if not _ASSIGNMENT.fullmatch(word)):
            if target not in self.recipes:
                yield f"the Makefile has no target {target}"
                continue
            known = {*_REFERENCE.findall(self.recipes[target])}
            yield from (f"make {target} has no use for {name}" for name in given if name not in known)
            for line in _expanded(self.recipes[target], self.defaults | given):
                if re.search(r"scripts/\w+\.py", line):
                    yield from self.faults(Command(line, complete=True))

    def _faults_of_cli(self, arguments: Sequence[str], *, complete: bool) -> Iterator[str]:
        def read() -> None:
            _cli_parser([*self.bundle["targets"]], [*self.jobs]).parse_args()

        faults = [*_parse(read, "databricks bundle", arguments, complete=complete)]
        yield from faults
        if not faults and arguments[0] == "run" and "--params" in arguments:
            job = next(word for word in arguments if word in self.jobs)
            known = {parameter["name"] for parameter in self.jobs[job].get("parameters", [])}
            given = {pair.partition("=")[0] for pair in arguments[arguments.index("--params") + 1].split(",")}
            yield from (f"the job {job} has no parameter {name}" for name in sorted(given - known))

    @cached_property
    def bundle(self) -> dict[str, Any]:
        """databricks.yml as it is written."""
        found: dict[str, Any] = yaml.safe_load((self.root / "databricks.yml").read_text(encoding="utf-8"))
        return found

    @cached_property
    def jobs(self) -> Mapping[str, Any]:
        """The bundle's jobs as they are written, by key."""
        files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (self.root / "resources").glob("*.yml")]
        return {key: job for file in files for key, job in file.get("resources", {}).get("jobs", {}).items()}

    @cached_property
    def recipes(self) -> Mapping[str, str]:
        """The Makefile's targets and their recipes."""
        return dict(_RECIPE.findall((self.root / "Makefile").read_text(encoding="utf-8")))

    @cached_property
    def defaults(self) -> dict[str, str]:
        """The Makefile's variables that a person may give, with their defaults."""
        return dict(re.findall(r"^(\w+) \?= (.*)$", (self.root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _expanded(recipe: str, values: Mapping[str, str]) -> Iterator[str]:
    for line in recipe.splitlines():
        yield _REFERENCE.sub(lambda found: values.get(found[1], ""), line).strip().lstrip("@").lstrip()


def _cli_parser(targets: Sequence[str], jobs: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser of what `databricks bundle` takes, as far as documents need it."""
    parser = argparse.ArgumentParser("databricks bundle")
    actions = parser.add_subparsers(required=True, metavar="action")
    for name in ("validate", "deploy", "run", "destroy"):
        action = actions.add_parser(name)
        action.add_argument("--target", choices=targets)
        action.add_argument("--auto-approve", action="store_true")
    actions.choices["validate"].add_argument("--strict", action="store_true")
    actions.choices["run"].add_argument("job", choices=jobs)
    actions.choices["run"].add_argument("--params")
    actions.choices["run"].add_argument("--no-wait", action="store_true")
    return parser


class _ParsedError(Exception):
    """Raised when a parser has read a command line and found nothing wrong."""


class _WrongError(Exception):
    """Raised with what a parser complains of."""


def _parse(run: Callable[[], object], name: str, arguments: Sequence[str], *, complete: bool) -> Iterator[str]:
    """Run what reads the command line, and go no further."""
    read_some = argparse.ArgumentParser.parse_known_args

    def read(
        parser: argparse.ArgumentParser, given: Sequence[str] | None = None, into: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        parser.allow_abbrev = False  # a document has the option's whole name
        found: tuple[argparse.Namespace, list[str]] = read_some(parser, given, into)
        if given is None:  # not a command's own parser, which is given the rest
            raise _ParsedError
        return found

    def read_all(parser: argparse.ArgumentParser, given: Sequence[str] | None = None) -> NoReturn:
        parser.allow_abbrev = False
        _, unknown = read_some(parser, given)
        if unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        raise _ParsedError

    def refuse(_: argparse.ArgumentParser, message: str) -> NoReturn:
        raise _WrongError(message)

    replaced = patch.multiple(argparse.ArgumentParser, parse_known_args=read, parse_args=read_all, error=refuse)
    with replaced, patch.object(sys, "argv", [name, *arguments]):
        try:
            run()
        except _ParsedError:
            return
        except _WrongError as wrong:
            if complete or "arguments are required" not in str(wrong):
                yield f"{name}: {wrong}"
        else:
            yield f"{name} does not read its command line"
