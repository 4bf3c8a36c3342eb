"""The stacks of a deployment, in the order of their creation, and the parameters of each.

They are cut by how long their contents live: what holds data first, what costs most last. A parameter of a template
is, in this order: a value from the settings, the name of an upload, the output of that name of an earlier stack, or
the template's own default. A digest of a resource is computed from the stack's other parameters.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import boto3

from tooling.aws_setup.errors import AwsError
from tooling.aws_setup.naming import digested, digests
from tooling.aws_setup.settings import Settings
from tooling.aws_setup.templates import FOLDER, Template, Values

HOLDS_DATA = frozenset(
    {
        *("AWS::KMS::Key", "AWS::S3::Bucket", "AWS::RDS::DBInstance", "AWS::Kinesis::Stream"),
        *("AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster"),
    }
)
"""Types of resources that records are lost with; a key takes everything along that is encrypted with it."""


def _truth(value: object) -> str:
    return str(value).lower()


def _always(_: Settings) -> bool:
    return True


def _has_batch(settings: Settings) -> bool:
    return settings.batch


def _has_airflow(settings: Settings) -> bool:
    return settings.airflow.enabled


def _has_database(settings: Settings) -> bool:
    return settings.database.kind == "create"


def _has_network(settings: Settings) -> bool:
    return settings.batch or settings.airflow.enabled or _has_database(settings)


@dataclass(frozen=True)
class Stack:
    """One stack of every deployment.

    Attributes:
        name: The end of its name in AWS, and the name of its template.
        wanted: Whether a deployment has it.
        from_settings: Its parameters from the settings.
        folder: Where its template lies.
    """

    name: str
    wanted: Callable[[Settings], bool]
    from_settings: Callable[[Settings], Values]
    folder: Path = FOLDER

    @cached_property
    def template(self) -> Template:
        """Its template."""
        return Template(self.folder / f"{self.name}.yaml")

    def full_name(self, settings: Settings) -> str:
        """Return what it is called in AWS."""
        # In front, since a stack's name begins with a letter and a prefix need not.
        return f"pipeline-{settings.prefix}-{self.name}"


def _data(settings: Settings) -> Values:
    return {
        "AlarmEmail": settings.alarm_email,
        "MonthlyBudget": str(settings.monthly_budget_usd),
        "Airflow": _truth(settings.airflow.enabled),
        "DatabricksAccess": settings.databricks.access,
        "DatabricksPrincipal": settings.databricks.principal,
        "DatabricksExternalId": settings.databricks.external_id,
        "NoncurrentDays": str(settings.noncurrent_days),
        "PermissionsBoundaryArn": settings.permissions_boundary,
    }


def _network(settings: Settings) -> Values:
    return {
        "Cidr": settings.network.cidr,
        "Zones": str(settings.network.zones),
        "Public": _truth(settings.airflow.enabled or (settings.batch and settings.client.proxy == "public")),
        "PermissionsBoundaryArn": settings.permissions_boundary,
    }


def _database(settings: Settings) -> Values:
    return {
        "InstanceClass": settings.database.instance_class,
        "StorageGb": str(settings.database.storage_gb),
        "MultiAz": _truth(settings.database.multi_az),
    }


def _kafka(settings: Settings) -> Values:
    return {
        "Zones": str(settings.network.zones),
        "Kind": settings.kafka.kind,
        "BrokerType": settings.kafka.broker_type,
        "BrokersPerZone": str(settings.kafka.brokers_per_zone),
        "VolumeGb": str(settings.kafka.volume_gb),
        "RetentionHours": str(settings.kafka.retention_hours),
        "Monitoring": settings.kafka.monitoring,
    }


def _clients(settings: Settings) -> Values:
    client, connector = settings.client, settings.connector
    return {
        "ImageId": f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{client.architecture}",
        "InstanceType": client.instance_type,
        "Machines": str(client.machines),
        "KeyPair": client.key_pair,
        "Proxy": client.proxy,
        "RotateIntervalMs": str(connector.rotate_interval_ms),
        "FlushSize": str(connector.flush_size),
        "WorkerUnits": str(connector.worker_units),
        "MostWorkers": str(connector.max_workers),
        "PermissionsBoundaryArn": settings.permissions_boundary,
        "ReplicationFactor": str(replicas(settings)),
        "Partitions": str(settings.kafka.partitions),
        "RetentionHours": str(settings.kafka.retention_hours),
    }


def _streams(settings: Settings) -> Values:
    return {
        "Mode": settings.streams.mode,
        "Shards": str(settings.streams.shards),
        "RetentionHours": str(settings.streams.retention_hours),
        "Proxy": settings.client.proxy if settings.batch else "none",
        "StreamManagement": _truth(settings.api.stream_management),
        "ThrottleRate": str(settings.api.throttle_rate),
        "ThrottleBurst": str(settings.api.throttle_burst),
        "MonthlyRequests": str(settings.api.monthly_requests),
        "PermissionsBoundaryArn": settings.permissions_boundary,
    }


def _airflow(settings: Settings) -> Values:
    return {
        "EnvironmentClass": settings.airflow.environment_class,
        "PermissionsBoundaryArn": settings.permissions_boundary,
    }


STACKS = (
    Stack("data", _always, _data),
    Stack("network", _has_network, _network),
    Stack("database", _has_database, _database),
    Stack("kafka", _has_batch, _kafka),
    Stack("clients", _has_batch, _clients),
    Stack("streams", _always, _streams),
    Stack("airflow", _has_airflow, _airflow),
)
"""In the order in which they are made; they are removed in the reverse."""


def replicas(settings: Settings) -> int:
    """Return how many brokers hold each record: one a zone, and always three where AWS decides on the brokers."""
    return settings.network.zones if settings.kafka.kind == "provisioned" else 3


@dataclass(frozen=True)
class Expected:
    """Stand-ins for what a plan cannot know yet: outputs that only come when stacks are made or changed.

    Attributes:
        values: Stand-ins by the name of the output.
        coming: The names that come for certain, since their stack is not there at all. Of others only what a template
            cannot do without is stood in for: they may depend on a condition.
    """

    values: Values = field(default_factory=dict)
    coming: frozenset[str] = frozenset()


def parameters(stack: Stack, settings: Settings, known: Values, expected: Expected) -> Values:
    """Return a stack's parameters.

    Args:
        stack: The stack.
        settings: The deployment's settings.
        known: What uploads are called, and the outputs of the stacks that are there.
        expected: Placeholders for values that are not known yet.

    Raises:
        AwsError: A parameter has no value.
    """
    given = {**known, **stack.from_settings(settings), "Prefix": settings.prefix}
    values, missing = {}, []
    computed = digested(stack.template)
    for name, declared in stack.template.parameters.items():
        if name in given:
            values[name] = given[name]
        elif name in expected.values and ("Default" not in declared or name in expected.coming):
            values[name] = expected.values[name]
        elif "Default" not in declared and name not in computed:
            missing.append(name)
    if missing:
        raise AwsError(f"the stack {stack.name} needs {', '.join(missing)}, which no other stack exports")
    return {**values, **digests(stack.template, values, settings.tags)}


def expected_outputs(wanted: Iterable[Stack], there: Collection[str], region: str) -> Expected:
    """Return stand-ins for outputs.

    Args:
        wanted: The stacks that shall be there.
        there: Short names of those that are.
        region: The region that they are in.
    """
    outputs = {stack.name: stack.template.outputs for stack in wanted}
    coming = frozenset().union(*(names for name, names in outputs.items() if name not in there))
    names = LATER.union(*outputs.values())
    partition = boto3.session.Session().get_partition_for_region(region)
    values = {name: form.format(region=region, partition=partition) for name, form in FORMS.items() if name in names}
    return Expected(values, coming)


LATER = frozenset({"BootstrapBrokers"})
"""What is known only after a stack was made, and is no output of it."""

_ZEROS = "0" * 17
FORMS: Values = {
    "KeyArn": "arn:{partition}:kms:{region}:000000000000:key/00000000-0000-0000-0000-000000000000",
    "LandingBucket": "not-there-yet",
    "ArtifactsBucket": "not-there-yet",
    "DagsBucket": "not-there-yet",
    "AlarmTopicArn": "arn:{partition}:sns:{region}:000000000000:not-there-yet",
    "VpcId": f"vpc-{_ZEROS}",
    "VpcCidr": "10.0.0.0/16",
    "SubnetIds": f"subnet-{_ZEROS},subnet-{_ZEROS[:-1]}1",
    "PublicSubnetIds": f"subnet-{_ZEROS[:-1]}2,subnet-{_ZEROS[:-1]}3",
    "DatabaseClientSecurityGroupId": f"sg-{_ZEROS}",
    "ClusterArn": "arn:{partition}:kafka:{region}:000000000000:cluster/not-there-yet/0-1",
    "ClusterName": "not-there-yet",
    "KafkaClientSecurityGroupId": f"sg-{_ZEROS}",
    "BootstrapBrokers": "not-there-yet:9098",
    "ConnectorName": "not-there-yet",
    "ProxyLoadBalancerArn": "arn:{partition}:elasticloadbalancing:{region}:0:loadbalancer/net/not-there-yet/0",
    "ProxyAddress": "not-there-yet:8082",
}
"""Stand-ins for what is not known yet, in the form of the real thing: a plan shows resources, not their names."""
