"""Checks of a whole target: its owner, permissions, protection from destruction, and values."""

from collections.abc import Iterator

from tests.support.bundle_resolver import Bundle
from tooling.databricks_setup.bundle.rules import faults as value_faults

HOLDS_DATA = ("schemas", "volumes", "external_locations", "secret_scopes")


def lifecycle(bundle: Bundle) -> list[str]:
    """Resources that hold data are protected; in development nothing is, so that `bundle destroy` works."""
    production = bundle.config["mode"] == "production"
    return [
        f"{kind}.{key} can{'' if production else 'not'} be destroyed"
        for kind, resources in bundle.config["resources"].items()
        for key, each in resources.items()
        if each.get("lifecycle", {}).get("prevent_destroy", False) != (production and kind in HOLDS_DATA)
    ]


def values(bundle: Bundle) -> list[str]:
    """Every value passes the rules of `make deploy`, which has a rule for every variable."""
    given = {**bundle.values}
    if bundle.config["mode"] == "development":
        # The CLI replaces these with the user's name after the check.
        given = given | dict.fromkeys(("deployer", "job_principal"), "${workspace.current_user.userName}")
    return value_faults(bundle.written, bundle.target, given)


def target(bundle: Bundle) -> list[str]:
    """A production target has one copy, in the folder of a named deployer, and runs as a service principal."""
    if bundle.config["mode"] != "production":
        return []
    root_path = bundle.config.get("workspace", {}).get("root_path", "")
    name = bundle.config["bundle"]["name"]
    faults = []
    if not root_path.endswith(f"/{bundle.values['deployer']}/.bundle/{name}/{bundle.target}"):
        faults.append(f"{bundle.target} has no root_path of its own")
    if "default" in bundle.variables["deployer"]:
        faults.append("a second person would deploy a second copy: the deployer has a default")
    if bundle.config.get("run_as") != {"service_principal_name": bundle.values["job_principal"]}:
        faults.append(f"{bundle.target} does not run as the jobs' service principal")
    return faults


_LEVELS = {
    "jobs": {"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"},
    "alerts": {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"},
    "dashboards": {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"},
    "secret_scopes": {"READ", "WRITE", "MANAGE"},
}
"""The permission levels that the workspace supports for each kind; the official models allow all of them."""
_MINIMAL_GRANTS = {
    "schemas": {"job_principal": {"USE_SCHEMA", "CREATE_TABLE"}, "analysts": {"USE_SCHEMA"}},
    "checkpoints": {"job_principal": {"READ_VOLUME", "WRITE_VOLUME"}},
    "landing": {"job_principal": {"READ_VOLUME"}},
}


def permissions(bundle: Bundle) -> list[str]:
    """Permissions have levels that their kind supports; viewers read no secret; grants are exactly the needed ones."""
    if bundle.config["mode"] == "development":
        granted = [
            key for found in bundle.config["resources"].values() for key, each in found.items() if "grants" in each
        ]
        return [f"{key} grants something in development, where its owner is alone" for key in granted]
    faults = [
        f"{kind}.{key} has no level {each['level']}"
        for kind, levels in _LEVELS.items()
        for key, resource in bundle.resources(kind).items()
        for each in resource.get("permissions", [])
        if each["level"] not in levels
    ]
    # The CLI applies the target's permissions to every resource, and on a secret scope CAN_VIEW becomes READ.
    general = [(each.get("group_name"), each["level"]) for each in bundle.config["permissions"]]
    faults += [f"{group} would read secrets" for group, level in general if group and level != "CAN_RUN"]
    readers = {each.get("service_principal_name") for each in bundle.resources("secret_scopes")["keys"]["permissions"]}
    if readers != {bundle.values["job_principal"]}:
        faults.append(f"secrets are read by {readers}")
    return [*faults, *_grant_faults(bundle)]


def _grant_faults(bundle: Bundle) -> Iterator[str]:
    holders = {"schemas": bundle.resources("schemas")["pinterest"], **bundle.resources("volumes")}
    for name, expected in _MINIMAL_GRANTS.items():
        wanted = {bundle.values[who]: privileges for who, privileges in expected.items()}
        found = {each["principal"]: set(each["privileges"]) for each in holders[name].get("grants", [])}
        if found != wanted:
            yield f"expected the grants {wanted} on {name}, found {found}"


def tags(bundle: Bundle) -> list[str]:
    """The costs of every job are tagged with project, target and cost center."""
    expected = {"project", "target", "cost_center"}
    return [
        f"{key} has the tags {each['tags']}"
        for key, each in bundle.resources("jobs").items()
        if not expected <= each["tags"].keys()
    ]
