"""No change of a setting makes CloudFormation create a resource under the name of an existing one."""

from pathlib import Path

import pytest

from tests.infrastructure.replacement import TAGS, Influences, collisions, create_only
from tests.infrastructure.rules import Template, template
from tooling.aws_setup import templates
from tooling.aws_setup.naming import CREATE_ONLY, digested, digests
from tooling.aws_setup.stacks import STACKS, Stack

DIGESTS = [(stack, resource) for stack in STACKS for resource in digested(stack.template).values()]


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_setting_never_replaces_a_resource_under_its_own_name(stack: Stack) -> None:
    assert collisions(template(stack.name)) == []


@pytest.mark.parametrize(
    ("stack", "old", "new", "fault"),
    [
        # The plugin's hash alone: brokers, subnets and much else replace a connector as well.
        ("clients", "s3-sink-${ConnectorDigest}", "s3-sink-${PluginSha256}", "Connector: BootstrapBrokers"),
        ("clients", "plugins/${PluginSha256}.zip", "${StartScriptKey}", "Plugin: StartScriptKey"),
        ("kafka", "${Prefix}-${ServerlessClusterDigest}", "${Prefix}", f"ServerlessCluster: SubnetIds, {TAGS}"),
        ("kafka", "${Prefix}-${ClusterDigest}", "${Prefix}", "Cluster: SubnetIds"),
        ("kafka", "broker-storage-${ClusterDigest}", "broker-storage", "BrokerStorageGrowth: SubnetIds"),
    ],
)
def test_a_fixed_name_is_found(stack: str, old: str, new: str, fault: str) -> None:
    text = template(stack).text
    assert old in text
    assert fault in "\n".join(collisions(Template(stack, text.replace(old, new))))


@pytest.mark.parametrize("kind", CREATE_ONLY)
def test_a_digest_covers_the_create_only_properties_of_the_registry(kind: str) -> None:
    names = {"ConnectorName", "ClusterName"}
    assert set(CREATE_ONLY[kind]) == set(create_only(kind)) - names


@pytest.mark.parametrize(("stack", "resource"), DIGESTS, ids=lambda one: getattr(one, "name", one))
def test_a_digest_changes_with_every_parameter_that_can_replace_its_resource(stack: Stack, resource: str) -> None:
    parameter, before = f"{resource}Digest", dict.fromkeys(stack.template.parameters, "a")
    influences = Influences(template(stack.name)).settings(resource)
    assert influences
    told = digests(stack.template, before, {"team": "a"})[parameter]
    for name in influences:
        values, tags = ({**before, name: "b"}, {"team": "a"}) if name != TAGS else (before, {"team": "b"})
        assert digests(stack.template, values, tags)[parameter] != told, name


def test_a_digest_stays_when_a_change_can_be_made_in_place(tmp_path: Path) -> None:
    (clients,) = (stack for stack in STACKS if stack.name == "clients")
    before = dict.fromkeys(clients.template.parameters, "a")
    text = clients.template.path.read_text(encoding="utf-8").replace("flush.size", "flush.sizes")
    (tmp_path / "clients.yaml").write_text(text, encoding="utf-8")
    changed = digests(templates.Template(tmp_path / "clients.yaml"), {**before, "WorkerUnits": "b"}, {})
    assert changed == digests(clients.template, before, {})
