"""Values that no stack has as an output and an API returns; a value in use is kept, since another one is a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tooling.aws_setup.clients import aws_says, code_of
from tooling.aws_setup.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tooling.aws_setup.clients import Clients
    from tooling.aws_setup.operations import State
    from tooling.aws_setup.templates import Values


def answers(clients: Clients, outputs: Values, states: Mapping[str, State]) -> Values:
    """Return the parameters whose values must be asked for.

    Args:
        clients: The services.
        outputs: What the stacks gave.
        states: The stacks that are there, by their short names.

    Raises:
        AwsError: AWS refuses the call or cannot be reached.
    """
    users = _in_use(states, "clients"), _in_use(states, "streams")
    return {**_brokers(clients, outputs, users[0]), **_log_role(clients, users[1])}


def _in_use(states: Mapping[str, State], name: str) -> Values:
    state = states.get(name)
    return state.parameters if state and state.there else {}


def _brokers(clients: Clients, outputs: Values, in_use: Values) -> Values:
    """Return the brokers' addresses where there is a cluster: CloudFormation does not give them.

    AWS names some of the brokers, in any order, and any of them will do. Another text would replace the connector.
    """
    cluster = outputs.get("ClusterArn")
    if not cluster:
        return {}
    if in_use.get("ClusterArn") == cluster and "BootstrapBrokers" in in_use:
        return {"BootstrapBrokers": in_use["BootstrapBrokers"]}
    with aws_says("cannot get the brokers' addresses"):
        try:
            addresses = clients.kafka.get_bootstrap_brokers(ClusterArn=cluster).get("BootstrapBrokerStringSaslIam")
        except ClientError as error:
            # It is being created, being deleted, or gone: the stack that needs the addresses reports them as missing.
            if code_of(error) in ("NotFoundException", "BadRequestException"):
                return {}
            raise
    if not addresses:
        raise AwsError(f"the cluster {cluster} has no listener for IAM; its template asks for one")
    return {"BootstrapBrokers": ",".join(sorted(addresses.split(",")))}


def _log_role(clients: Clients, in_use: Values) -> Values:
    """Return the role that API Gateway logs with, if the account has one: it is the same for all APIs of a region.

    A deployment that created that role itself keeps it.
    """
    if "LogRoleArn" in in_use:
        return {"LogRoleArn": in_use["LogRoleArn"]}
    with aws_says("cannot get API Gateway's role for logs"):
        return {"LogRoleArn": clients.apigateway.get_account().get("cloudwatchRoleArn", "")}
