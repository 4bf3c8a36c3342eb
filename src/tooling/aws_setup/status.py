"""What there is of a deployment, and what a person needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.deployment import outputs
from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.finishing import proxy_is_healthy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tooling.aws_setup.clients import Clients
    from tooling.aws_setup.deployment import Deployment
    from tooling.aws_setup.operations import State
    from tooling.aws_setup.settings import Settings
    from tooling.aws_setup.templates import Values

NEEDED: Mapping[str, str] = {
    "InvokeUrl": "the API, for --api of both posting scripts",
    "ApiKeyId": "the id of the key that callers send beside their signature",
    "InvokeArn": "what a caller's policy must allow execute-api:Invoke on",
    "BootstrapBrokers": "the brokers, from inside the network",
    "LandingLocation": "the bundle's landing_location",
    "DatabricksRoleArn": "the role of the bundle's storage credential",
    "DatabricksInstanceProfileArn": "the instance profile for clusters",
    "StreamArns": "the streams",
    "DatabaseUrl": "the source database, for --source",
    "DatabaseSecretArn": "where its user and password are",
    "PublicProxyAddress": "the REST proxy, open to everybody",
    "ProxyLogGroup": "the logs of the REST proxy's machines",
    "ClientGroup": "the group that the client's machine is in",
    "AirflowUrl": "Airflow",
    "DatabricksConnectionSecretArn": "where Airflow looks for its connection to Databricks",
    "AlarmTopicArn": "where alarms go",
    "DashboardUrl": "what is going on, on one page",
}
"""What a person needs of the outputs, and for what."""


@dataclass(frozen=True)
class Status:
    """A deployment as it is.

    Attributes:
        stacks: Short name and state of each stack that is there or should be; None for one that is not there.
        needed: Outputs that a person needs: name, value and what it is for.
        health: How the running parts fare, in words.
        steps: What is left for a person to do, in words.
    """

    stacks: Sequence[tuple[str, State | None]]
    needed: Sequence[tuple[str, str, str]]
    health: Sequence[str]
    steps: Sequence[str]


def status_of(deployment: Deployment) -> Status:
    """Look at a deployment.

    Raises:
        AwsError: AWS does not tell.
    """
    states = deployment.states()
    found = known_outputs(deployment.settings, states)
    wanted = deployment.stacks
    stacks = [
        (stack.name, states.get(stack.name))
        for stack in deployment.catalogue
        if stack in wanted or stack.name in states
    ]
    needed = [(name, found[name], about) for name, about in NEEDED.items() if found.get(name)]
    health, steps = health_of(deployment.clients, found), steps_left(deployment.settings, found)
    return Status(stacks, needed, [*health], [*steps])


def known_outputs(settings: Settings, states: Mapping[str, State]) -> Values:
    """Return what the stacks gave, with what they were told where that is of use: nobody is asked.

    Args:
        settings: What a person decided.
        states: The stacks that are there, by their short names.
    """
    told = states["clients"].parameters if "clients" in states else {}
    brokers = {name: value for name, value in told.items() if name == "BootstrapBrokers"}
    database = {"DatabaseUrl": settings.database.url} if settings.database.kind == "existing" else {}
    return {**brokers, **database, **outputs(states)}


def steps_left(settings: Settings, found: Values) -> Iterator[str]:
    """Tell what is left to do that no script can do."""
    if settings.alarm_email and "AlarmTopicArn" in found:
        yield f"confirm the subscription that AWS has mailed to {settings.alarm_email}, or no alarm arrives"
    waits_for_id = settings.databricks.access == "storage-credential" and not settings.databricks.external_id
    if "DatabricksRoleArn" in found and waits_for_id:
        yield (
            "run `scripts/set_up_workspace.py apply` with DatabricksRoleArn, put the external ids that it names into "
            "databricks.external_id, and apply again: until then nobody can assume the role"
        )
    if "DatabricksConnectionSecretArn" in found:
        yield "put Airflow's connection to Databricks into DatabricksConnectionSecretArn, as docs/aws.md says"


def health_of(clients: Clients, found: Values) -> Iterator[str]:
    """Tell how the parts fare that run, in words; a part that cannot be asked about is told as that."""
    group, connector = found.get("ProxyTargetGroupArn"), found.get("ConnectorArn")
    if group:
        try:
            yield f"the REST proxy {'answers' if proxy_is_healthy(clients, group) else 'does not answer'}"
        except AwsError as failure:
            yield str(failure)
    if connector:
        try:
            with aws_says("cannot ask how the connector fares"):
                answer = clients.kafkaconnect.describe_connector(connectorArn=connector)
            yield f"the connector is {answer.get('connectorState', 'unknown')}"
        except AwsError as failure:
            yield str(failure)
