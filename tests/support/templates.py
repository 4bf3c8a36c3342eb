"""The CloudFormation templates as plain values: a short tag is its function, an included file its content."""

from typing import Any

from tooling.aws_setup import stacks, templates
from tooling.aws_setup.templates import FOLDER

STACKS = tuple(stack.name for stack in stacks.STACKS)
"""In their order of creation."""

TEMPLATES = tuple(FOLDER / f"{stack}.yaml" for stack in STACKS)


def load(stack: str) -> dict[str, Any]:
    """Return the template of a stack."""
    return parse((FOLDER / f"{stack}.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Any]:
    """Return the template that a text describes; included files are looked for beside the real templates."""
    template: dict[str, Any] = templates.parse(text, FOLDER / "template.yaml")
    return template
