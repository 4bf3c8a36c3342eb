"""CloudFormation templates as plain values: a short tag becomes its function, an included file its content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "infrastructure"

STACKS = ("data", "network", "database", "kafka", "clients", "streams", "airflow")
"""In their order of creation."""

TEMPLATES = tuple(path for path in (FOLDER / f"{stack}.yaml" for stack in STACKS) if path.exists())
"""The templates that exist."""

_INCLUDE = "AWS::Include"


class _Loader(yaml.SafeLoader):
    """YAML in which a word with an exclamation mark is one of CloudFormation's functions."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, object]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    value = loader.construct_scalar(yaml.ScalarNode(node.tag, node.value))
    return {name: value.split(".", 1) if suffix == "GetAtt" else value}


def _text(_: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_multi_constructor("!", _function)
# CloudFormation knows no dates: a policy's version is a text.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def load(stack: str) -> dict[str, Any]:
    """Return the template of a stack."""
    return parse((FOLDER / f"{stack}.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Any]:
    """Return the template that a text describes; included files are looked for beside the real templates."""
    template = _included(_Loader(text).get_single_data())
    assert isinstance(template, dict)
    return template


def _included(node: object) -> object:
    if isinstance(node, list):
        return [_included(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    rest = {name: _included(value) for name, value in node.items() if name != "Fn::Transform"}
    transform = node.get("Fn::Transform")
    if transform is None:
        return rest
    assert transform["Name"] == _INCLUDE, f"no stack may ask for the transform {transform['Name']}"
    text = (FOLDER / transform["Parameters"]["Location"]).read_text(encoding="utf-8")
    return rest | parse(text)
