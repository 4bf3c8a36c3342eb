"""The steps of an apply that CloudFormation cannot do, after all stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.errors import AwsError
from tooling.polling import attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tooling.aws_setup.clients import Clients
    from tooling.aws_setup.templates import Values

_PROXY_SECONDS = 1200


def finish(clients: Clients, outputs: Values, note: Callable[[str], None], poll_seconds: float) -> None:
    """Do what is left to do; what is done already is left alone.

    Args:
        clients: The services.
        outputs: What the stacks gave.
        note: Called with a line of progress.
        poll_seconds: The longest time between two requests.

    Raises:
        AwsError: AWS refuses, or the REST proxy does not answer in time.
    """
    if "DefaultSecurityGroupId" in outputs:
        close_default_group(clients, outputs["DefaultSecurityGroupId"], note)
    if "ProxyTargetGroupArn" in outputs:
        await_proxy(clients, outputs["ProxyTargetGroupArn"], note, poll_seconds)


def close_default_group(clients: Clients, group: str, note: Callable[[str], None]) -> None:
    """Take every rule from the network's default security group, which AWS makes open to its own members.

    Whatever is started without a group of its own is in this one, and then reaches nothing and is reached by nothing.

    Raises:
        AwsError: AWS refuses.
    """
    with aws_says(f"cannot close the default security group {group}"):
        (found,) = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        incoming, outgoing = found.get("IpPermissions", []), found.get("IpPermissionsEgress", [])
        if incoming:
            clients.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=incoming)
        if outgoing:
            clients.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=outgoing)
    if incoming or outgoing:
        note("removed every rule of the network's default security group")


def await_proxy(clients: Clients, target_group: str, note: Callable[[str], None], poll_seconds: float) -> None:
    """Wait until the REST proxy answers its load balancer.

    CloudFormation's operation ends when the machine is started; its installation is visible here only.

    Raises:
        AwsError: It does not answer in time.
    """
    if proxy_is_healthy(clients, target_group):
        return
    note("waiting for the REST proxy to answer: its machine installs it, which takes a few minutes")
    for _ in attempts(_PROXY_SECONDS, poll_seconds):
        if proxy_is_healthy(clients, target_group):
            note("the REST proxy answers")
            return
    raise AwsError(
        f"the REST proxy does not answer after {_PROXY_SECONDS / 60:g} minutes; read the log group that `status` names "
        "as ProxyLogGroup, and apply again"
    )


def proxy_is_healthy(clients: Clients, target_group: str) -> bool:
    """Return whether a REST proxy answers its load balancer.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    with aws_says("cannot get the health of the REST proxy"):
        found = clients.elbv2.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    return any(target.get("TargetHealth", {}).get("State") == "healthy" for target in found)
