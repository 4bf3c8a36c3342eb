"""The status of a deployment: its stacks, outputs and open steps."""

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
    "InvokeUrl": "URL of the API, for --api of both posting scripts",
    "ApiKeyId": "id of the API key that callers send with their signature",
    "InvokeArn": "what a caller's policy must allow execute-api:Invoke on",
    "BootstrapBrokers": "addresses of the brokers inside the network",
    "LandingLocation": "the bundle's landing_location",
    "DatabricksRoleArn": "the role of the bundle's storage credential",
    "DatabricksInstanceProfileArn": "the instance profile for clusters",
    "StreamArns": "the streams",
    "DatabaseUrl": "the source database, for --source",
    "DatabaseSecretArn": "where its user and password are",
    "PublicProxyAddress": "the REST proxy, open to the internet",
    "ProxyLogGroup": "the logs of the REST proxy's machines",
    "ClientGroup": "security group of the client's machine",
    "AirflowUrl": "Airflow",
    "DatabricksConnectionSecretArn": "secret from which Airflow reads its connection to Databricks",
    "AlarmTopicArn": "SNS topic of the alarms",
    "DashboardUrl": "CloudWatch dashboard",
}
"""What a person needs of the outputs, and for what."""


@dataclass(frozen=True)
class Status:
    """A deployment as it is.

    Attributes:
        stacks: Short name and state of each existing or wanted stack; None for one that does not exist.
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
        AwsError: AWS refuses the call or cannot be reached.
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
    """Return the outputs of the stacks and their useful parameters, without a request to AWS.

    Args:
        settings: The deployment's settings.
        states: The stacks that are there, by their short names.
    """
    parameters = states["clients"].parameters if "clients" in states else {}
    brokers = {name: value for name, value in parameters.items() if name == "BootstrapBrokers"}
    database = {"DatabaseUrl": settings.database.url} if settings.database.kind == "existing" else {}
    return {**brokers, **database, **outputs(states)}


def steps_left(settings: Settings, found: Values) -> Iterator[str]:
    """Tell what is left to do that no script can do."""
    if settings.alarm_email and "AlarmTopicArn" in found:
        yield f"confirm the subscription mail that AWS sent to {settings.alarm_email}, or no alarm arrives"
    waits_for_id = settings.databricks.access == "storage-credential" and not settings.databricks.external_id
    if "DatabricksRoleArn" in found and waits_for_id:
        yield (
            "run `scripts/set_up_workspace.py apply` with DatabricksRoleArn, put the external ids that it names into "
            "databricks.external_id, and apply again: until then nobody can assume the role"
        )
    if "DatabricksConnectionSecretArn" in found:
        yield "put Airflow's connection to Databricks into DatabricksConnectionSecretArn, as docs/aws.md says"


def health_of(clients: Clients, found: Values) -> Iterator[str]:
    """Yield the state of each running part in words; also that it cannot be read."""
    group, connector = found.get("ProxyTargetGroupArn"), found.get("ConnectorArn")
    if group:
        try:
            yield f"the REST proxy {'answers' if proxy_is_healthy(clients, group) else 'does not answer'}"
        except AwsError as failure:
            yield str(failure)
    if connector:
        try:
            with aws_says("cannot get the state of the connector"):
                answer = clients.kafkaconnect.describe_connector(connectorArn=connector)
            yield f"the connector is {answer.get('connectorState', 'unknown')}"
        except AwsError as failure:
            yield str(failure)
