"""The CloudFormation templates as they are sent to AWS: plain JSON with the API's document included.

This does what `aws cloudformation package` and a transform on AWS's side would do, so that a plan needs no bucket and
the template that was read is the one that is sent.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tooling.aws_setup.errors import AwsError

FOLDER = Path(__file__).parents[3] / "infrastructure"
"""The folder of the templates."""

INCLUDE = "AWS::Include"
DEPLOYMENT = "ApiDeployment"
"""The resource that puts a state of the API on its stage. AWS never changes one: a new state needs a new one."""

QUOTA = "MonthlyRequests"
"""The parameter with the requests a month of a usage plan; 0 where there is none."""

_MAX_BYTES = 51_200
_DIGEST_LENGTH = 10
_IN_TEXT = re.compile(r"\$\{(\w+)")

Tree = Any
Values = Mapping[str, str]


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short tags, parsed by libyaml in a tenth of the time."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> Tree:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: text.split(".", 1) if tag == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None}


def _text(_: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_multi_constructor("!", _tagged)
# CloudFormation knows no dates: 2012-10-17 is the version of a policy.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


@dataclass(frozen=True)
class Template:
    """One stack's template.

    Attributes:
        path: Its file.
    """

    path: Path

    @cached_property
    def tree(self) -> Tree:
        """The template, with what it includes.

        Raises:
            AwsError: It cannot be read.
        """
        return parse(_text_of(self.path), self.path)

    def body(self, values: Values) -> str:
        """Return what CloudFormation gets: an API's deployment is named after the API's content.

        Where a usage plan counts requests, every method asks for a key beside the signature.

        Args:
            values: The stack's parameters; the API's content depends on some of them.

        Raises:
            AwsError: It is longer than CloudFormation takes.
        """
        tree = _metered(self.tree) if values.get(QUOTA, "0") != "0" else self.tree
        text = json.dumps(_redeployed(tree, values), separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode())
        if size > _MAX_BYTES:
            raise AwsError(f"{self.path} has {size:,} bytes, CloudFormation takes {_MAX_BYTES:,}; split it in two")
        return text

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Tree]]:
        """Its parameters, by name."""
        found: Mapping[str, Mapping[str, Tree]] = self.tree.get("Parameters", {})
        return found

    @property
    def outputs(self) -> frozenset[str]:
        """The names of its outputs, also of those that only exist under a condition."""
        return frozenset(self.tree.get("Outputs", {}))


def parse(text: str, path: Path) -> Tree:
    """Return a template's text as plain values, short tags written out and other files included.

    Args:
        text: The text.
        path: Its file; what it includes lies beside it.

    Raises:
        AwsError: It is no YAML, or an included file cannot be read.
    """
    try:
        return _included(_Loader(text).get_single_data(), path.parent)
    except yaml.YAMLError as error:
        raise AwsError(f"cannot read the template {path}: {error}") from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AwsError(f"cannot read the template {path}: {error.strerror}") from error


def digest(tree: Tree) -> str:
    """Return a hash of a tree's content for a resource's name: 10 hexadecimal digits, for any order of its keys."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]


def _included(tree: Tree, folder: Path) -> Tree:
    if isinstance(tree, dict):
        transform = tree.get("Fn::Transform")
        if isinstance(transform, dict) and transform.get("Name") == INCLUDE:
            path = folder / transform["Parameters"]["Location"]
            return parse(_text_of(path), path)
        return {key: _included(value, folder) for key, value in tree.items()}
    return [_included(value, folder) for value in tree] if isinstance(tree, list) else tree


def _metered(tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return {
            key: [{**one, "api_key": []} for one in value] if key == "security" else _metered(value)
            for key, value in tree.items()
        }
    return [_metered(value) for value in tree] if isinstance(tree, list) else tree


def _redeployed(tree: Tree, values: Values) -> Tree:
    apis = {name for name, one in tree["Resources"].items() if one["Type"] == "AWS::ApiGateway::RestApi"}
    if not apis:
        return tree
    # Another way to the proxy is another API, though the document is the same: what the document refers to counts too.
    used = _reached(apis, {**tree["Resources"], **tree.get("Conditions", {})})
    content = [{name: one for name, one in tree["Resources"].items() if name in used & apis}]
    given = {name: values[name] for name in used & values.keys()}
    return _renamed(tree, f"{DEPLOYMENT}{digest([content, given])}")


def _reached(names: set[str], declared: Mapping[str, Tree]) -> set[str]:
    """Return all that something refers to, directly or through what it refers to: resources, conditions, parameters."""
    reached: set[str] = set()
    new = names
    while new:
        reached |= new
        new = {found for name in new if name in declared for found in _references(declared[name])} - reached
    return reached


def _references(tree: Tree) -> set[str]:
    if isinstance(tree, list):
        return set().union(*map(_references, tree))
    if not isinstance(tree, dict):
        return set()
    found = set().union(*map(_references, tree.values()))
    for function, value in tree.items():
        match function, value:
            case ("Ref" | "Condition", str(name)) | ("Fn::GetAtt" | "Fn::If", [str(name), *_]):
                found.add(name)
            case ("Fn::Sub", str(text)) | ("Fn::Sub", [str(text), *_]):
                found.update(_IN_TEXT.findall(text))
    return found


def _renamed(tree: Tree, name: str) -> Tree:
    if isinstance(tree, dict):
        return {name if key == DEPLOYMENT else key: _renamed(value, name) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_renamed(value, name) for value in tree]
    return name if tree == DEPLOYMENT else tree
