"""Which settings can make CloudFormation replace a resource: by the registry's schemas, which cfn-lint carries.

A resource is replaced when one of its create-only properties changes. What can change them is followed through
references, conditions, and outputs of the stacks before.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.infrastructure.rules import Template, template
from tooling.aws_setup import uploads
from tooling.aws_setup.settings import Settings
from tooling.aws_setup.stacks import LATER, STACKS

Tree = Any

TAGS = "Tags"
"""Stands for the tags of the settings, which CloudFormation puts on everything that takes tags."""

REFUSED = frozenset({"Cidr"})
"""Settings that cannot change once a deployment exists: the driver refuses it."""

_NAME = re.compile(r"(Name|Identifier)$")
_IN_TEXT = re.compile(r"\$\{(\w+)")


@cache
def create_only(kind: str) -> tuple[str, ...]:
    """Return the paths of a type's create-only properties."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return tuple(sorted(path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])))


@dataclass(frozen=True)
class Influences:
    """What can replace the resources of one template; the templates of the other stacks are as they are."""

    checked: Template

    def of(self, resource: str) -> frozenset[str]:
        """Return the parameters, or the tags, that can change a create-only property of a resource."""
        declared = self.checked.resources[resource]
        paths = create_only(declared["Type"])
        nodes = [_at(declared.get("Properties", {}), path) for path in paths]
        tags = {TAGS} if TAGS in paths else set()
        return frozenset({name for node in nodes for name in self.within(node)} | tags)

    def settings(self, resource: str) -> frozenset[str]:
        """Return those that follow the settings, except the prefix, which is in every name."""
        found = self.of(resource)
        return frozenset(name for name in found if name == TAGS or follows_settings(self.checked.stack, name))

    def names(self, resource: str) -> Mapping[str, frozenset[str]]:
        """Return the properties that name a resource once and for all, with the parameters that are in each name."""
        declared = self.checked.resources[resource]
        found = {path: _at(declared.get("Properties", {}), path) for path in create_only(declared["Type"])}
        return {
            path: frozenset(self.within(node))
            for path, node in found.items()
            if node and _NAME.search(path) and not set(_references(node)) & self.checked.resources.keys()
        }

    def within(self, node: Tree) -> Iterator[str]:
        """Yield the parameters that can make an expression of the template mean something else."""
        conditions = self.checked.tree.get("Conditions", {})
        for name in _references(node):
            if name in self.checked.resources:
                yield from self.of(name)
            elif name in conditions:
                yield from self.within(conditions[name])
            elif name in self.checked.tree["Parameters"]:
                yield name


@cache
def follows_settings(stack: str, parameter: str) -> bool:
    """Return whether a stack's parameter changes with a setting, directly or through another stack's output."""
    if parameter in REFUSED | {"Prefix"}:
        return False
    (declared,) = (one for one in STACKS if one.name == stack)
    if parameter in {*declared.from_settings(Settings()), *_UPLOADS, *LATER}:
        return True
    return any(_output_follows(one.name, parameter) for one in STACKS if parameter in one.template.outputs)


def _output_follows(stack: str, output: str) -> bool:
    found = Influences(template(stack))
    return any(follows_settings(stack, name) for name in found.within(found.checked.tree["Outputs"][output]["Value"]))


_UPLOADS = {
    *uploads.ARCHIVE_PARAMETERS.values(),
    *("StartScriptKey", "StartScriptSha256", "PluginSha256", "RequirementsKey"),
}


def _references(node: Tree) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    if not isinstance(node, Mapping):
        return
    match node:
        case {"Ref": str(name)} | {"Condition": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::If": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from _IN_TEXT.findall(text)
    for value in node.values():
        yield from _references(value)


def _at(node: Tree, path: str) -> Tree:
    found = node
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def collisions(checked: Template) -> list[str]:
    """Return the resources of a fixed name that a setting can replace: the replacement would meet its own name."""
    influences = Influences(checked)
    return [
        f"{resource}: {', '.join(sorted(changing))} can replace it under the same {path}"
        for resource in checked.resources
        for path, named in influences.names(resource).items()
        if (changing := influences.settings(resource) - named - _digested(checked, named))
    ]


def _digested(checked: Template, names: frozenset[str]) -> frozenset[str]:
    """Return what the digests in a name account for; that they do is another test's business."""
    resources = [name.removesuffix("Digest") for name in names if name.endswith("Digest")]
    return frozenset().union(*(Influences(checked).of(one) for one in resources if one in checked.resources))
