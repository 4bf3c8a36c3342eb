"""Names that change when AWS must replace the resource that has them.

Where a property can be set only at creation, CloudFormation creates the replacement before it deletes the old resource,
and two resources of one name are refused. So the templates put a digest of such properties into the name: a parameter
called `<resource>Digest`, which is computed here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tooling.aws_setup.templates import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tooling.aws_setup.templates import Template, Tree, Values

CREATE_ONLY: Mapping[str, tuple[str, ...]] = {
    "AWS::KafkaConnect::Connector": (
        "ConnectorDescription",
        "KafkaCluster",
        "KafkaClusterClientAuthentication",
        "KafkaClusterEncryptionInTransit",
        "KafkaConnectVersion",
        "LogDelivery",
        "NetworkType",
        "Plugins",
        "ServiceExecutionRoleArn",
        "WorkerConfiguration",
    ),
    "AWS::KafkaConnect::CustomPlugin": ("ContentType", "Description", "Location", "Name"),
    "AWS::KafkaConnect::WorkerConfiguration": ("Description", "Name", "PropertiesFileContent"),
    "AWS::MSK::Cluster": (
        "BrokerNodeGroupInfo/BrokerAZDistribution",
        "BrokerNodeGroupInfo/ClientSubnets",
        "BrokerNodeGroupInfo/SecurityGroups",
        "EncryptionInfo/EncryptionAtRest",
        "EncryptionInfo/EncryptionInTransit/InCluster",
    ),
    "AWS::MSK::ServerlessCluster": ("ClientAuthentication", "Tags", "VpcConfigs"),
}
"""Paths of the properties that replace a resource when they change, except the name that carries the digest.

From the schemas of the CloudFormation registry. Of a type that is not listed only the name in the template counts.
"""

_SUFFIX = "Digest"
_IN_TEXT = re.compile(r"\$\{(\w+)")


def digests(template: Template, values: Values, tags: Values) -> Values:
    """Return the values of a template's digest parameters.

    Args:
        template: The template.
        values: Its other parameters.
        tags: The tags of the stack, which CloudFormation puts on every resource.
    """
    identities = _Identities(template.tree, values, tags)
    return {name: digest(identities.of(resource)) for name, resource in digested(template).items()}


def digested(template: Template) -> Mapping[str, str]:
    """Return a template's digest parameters, and the resource that each of them is of."""
    resources = {f"{name}{_SUFFIX}": name for name in template.tree["Resources"]}
    return {name: resources[name] for name in template.parameters if name in resources}


class _Identities:
    """What makes each resource of a template another one.

    Args:
        tree: The template.
        values: Its parameters.
        tags: The tags of its stack.
    """

    def __init__(self, tree: Tree, values: Values, tags: Values) -> None:
        self._tree = tree
        self._values = values
        self._tags = tags

    def of(self, resource: str) -> Tree:
        """Return a resource's create-only properties, with what they refer to."""
        declared = self._tree["Resources"][resource]
        paths = CREATE_ONLY.get(declared["Type"], ())
        properties = {**declared.get("Properties", {}), "Tags": dict(self._tags)}
        return [resource, {path: self._resolved(_at(properties, path)) for path in paths}]

    def _resolved(self, node: Tree) -> Tree:
        if isinstance(node, list):
            return [self._resolved(one) for one in node]
        if not isinstance(node, dict):
            return node
        match node:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
                return [node, self._named(name)]
            case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
                return [node, [self._named(name) for name in _IN_TEXT.findall(text)]]
            case {"Fn::If": [str(condition), *branches]}:
                return [self._resolved(self._tree["Conditions"][condition]), self._resolved(branches)]
        return {key: self._resolved(value) for key, value in node.items()}

    def _named(self, name: str) -> Tree:
        return self.of(name) if name in self._tree["Resources"] else self._values.get(name)


def _at(properties: Tree, path: str) -> Tree:
    found = properties
    for step in path.split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found
