"""The availability zones of a deployment, picked by zone id: a zone's name means another zone in every account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.clients import aws_says

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tooling.aws_setup.clients import Clients
    from tooling.aws_setup.operations import State
    from tooling.aws_setup.templates import Values

PARAMETERS = ("Zone1", "Zone2", "Zone3")
"""The parameters that name a deployment's zones, in the order of its subnets."""

UNSUPPORTED = frozenset({"use1-az3"})
"""Zones that MSK refuses brokers in; see BrokerNodeGroupInfo in MSK's API reference."""


def pick_zones(clients: Clients, count: int, states: Mapping[str, State]) -> Values:
    """Return the zones of the subnets; those in use are kept, for another zone would be another subnet.

    Args:
        clients: The services.
        count: How many zones the settings ask for.
        states: The stacks that exist, by their short names.

    Returns:
        Zone ids by parameter; a third one is empty in a region that has two.

    Raises:
        SettingsError: The region has fewer zones than that.
        AwsError: AWS refuses the question.
    """
    network = states.get("network")
    in_use = network.parameters if network and network.there else {}
    if PARAMETERS[0] in in_use:
        ids = [in_use[name] for name in PARAMETERS if in_use.get(name)]
    else:
        ids = _offered(clients)[: len(PARAMETERS)]
    if len(ids) < count:
        raise SettingsError(
            f"network.zones is {count}, but the region has {len(ids)} availability zones in which MSK runs brokers "
            f"({', '.join(ids)}); set network.zones = 2, or choose another region"
        )
    return dict(zip(PARAMETERS, [*ids, ""], strict=False))


def _offered(clients: Clients) -> list[str]:
    with aws_says("cannot get the region's availability zones"):
        found = clients.ec2.describe_availability_zones(
            Filters=[
                {"Name": "zone-type", "Values": ["availability-zone"]},
                {"Name": "state", "Values": ["available"]},
            ]
        )["AvailabilityZones"]
    return sorted({zone["ZoneId"] for zone in found} - UNSUPPORTED)
