"""The settings of a deployment on AWS: the declaration of one TOML file.

The command `example` writes the file from here, with each field's description above it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

import boto3
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from pydantic.fields import FieldInfo

from pinterest_pipeline.entities import Names
from pinterest_pipeline.errors import SettingsError

Account = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/\S+$")]
EmptyOrEmail = Annotated[str, Field(pattern=r"^([^@\s]+@[^@\s]+)?$")]
Policy = Annotated[str, Field(pattern=r"^(arn:aws[a-z-]*:iam::(\d{12}|aws):policy/\S+)?$")]
Role = Annotated[str, Field(pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?$")]
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
_LARGEST, _SMALLEST = 16, 21
MASTER_ROLE = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL"


class Part(BaseModel):
    """Base of all parts: unknown keys are rejected, and values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Network(Part):
    """The private network that Kafka, its client, the database and Airflow are in."""

    cidr: str = "10.42.0.0/16"
    """Addresses of the network, from a /21 to a /16; it is cut into subnets of 256."""
    zones: Literal[2, 3] = 3
    """Availability zones. With 3 an accepted record is on at least two brokers; with 2 it may be on one."""


class Database(Part):
    """The source database."""

    kind: Literal["none", "create", "existing"] = "none"
    """Whether to make a MySQL database on RDS ("create") or to use the one at `url` ("existing")."""
    url: str = ""
    """URL of an existing database, without user and password: mysql+pymysql://host:3306/name."""
    instance_class: str = "db.t4g.micro"
    """Instance class of a new database."""
    storage_gb: Annotated[int, Field(ge=20)] = 20
    """Disk of a new database, in GiB."""
    multi_az: bool = False
    """A standby in a second zone: survives the loss of a zone, costs twice."""


class Kafka(Part):
    """The MSK cluster, and whether the deployment has a batch half."""

    kind: Literal["provisioned", "serverless", "none"] = "provisioned"
    """Kind of cluster; "none" leaves out the batch half: Kafka, client, REST proxy and connector."""
    broker_type: str = "kafka.m7g.large"
    """Size of a broker; kafka.t3.small costs a quarter, for tests, where MSK supports it for the version."""
    brokers_per_zone: PositiveInt = 1
    """Brokers in each zone."""
    volume_gb: PositiveInt = 50
    """Disk of a broker, in GiB."""
    retention_hours: PositiveInt = 168
    """How long a topic keeps its records."""
    partitions: PositiveInt = 3
    """Partitions of each topic."""
    monitoring: Literal["DEFAULT", "PER_BROKER"] = "PER_BROKER"
    """Metrics of the brokers. PER_BROKER has under-replicated partitions and is paid by the metric; DEFAULT is free."""


class Client(Part):
    """The EC2 machines that run the REST proxy."""

    architecture: Literal["arm64", "x86_64"] = "arm64"
    """arm64 or x86_64; instance_type must match."""
    instance_type: str = "t4g.small"
    """Size of the machine."""
    machines: Literal[1, 2, 3] = 2
    """How many machines run the proxy. With 2 it stays available while one fails; 1 is enough for tests."""
    key_pair: str = ""
    """Name of an EC2 key pair; none is needed: Session Manager opens a shell."""
    proxy: Literal["private", "public"] = "private"
    """Who reaches the proxy: only the API, or, with "public", the internet; use that for tests only."""


class Connector(Part):
    """The S3 sink connector on MSK Connect."""

    plugin: str = ""
    """Zip of Confluent's S3 sink connector, downloaded from Confluent after reading its licence."""
    plugin_sha256: Digest = ""
    """SHA-256 of that zip, in hex."""
    rotate_interval_ms: PositiveInt = 60_000
    """Maximum time that a record waits for its file, in milliseconds."""
    flush_size: PositiveInt = 10_000
    """Maximum number of records in a file."""
    worker_units: Literal[1, 2, 4, 8] = 1
    """MSK Connect units of a worker."""
    max_workers: Annotated[int, Field(ge=1, le=10)] = 2
    """Maximum number of workers; MSK Connect scales from 1 to it by their load."""


class Streams(Part):
    """The three Kinesis streams."""

    mode: Literal["on-demand", "provisioned"] = "on-demand"
    """How the number of shards is set: by AWS from the load (on-demand), or by `shards` (provisioned)."""
    shards: PositiveInt = 1
    """Shards of each provisioned stream."""
    retention_hours: Annotated[int, Field(ge=24, le=8760)] = 24
    """How long a stream keeps records."""


class Api(Part):
    """The REST API in front of both halves; callers sign their requests (IAM)."""

    throttle_rate: PositiveInt = 500
    """Requests a second that all callers may make together."""
    throttle_burst: PositiveInt = 200
    """Burst of requests that may exceed the rate."""
    monthly_requests: Annotated[int, Field(ge=0)] = 0
    """Requests a month, by a usage plan whose key callers send with their signature; 0 for no plan and no key."""
    stream_management: bool = False
    """Whether callers may also create and delete the streams: then records can be lost."""


class Databricks(Part):
    """How the Databricks workspace may read the bucket and the streams."""

    access: Literal["none", "storage-credential", "instance-profile"] = "storage-credential"
    """A Unity Catalog storage credential, the older instance profile, or no role."""
    principal: Account = MASTER_ROLE
    """Who assumes the role: Unity Catalog's own role in AWS."""
    external_id: str = ""
    """External ids, shown by Databricks when the credentials are created; without them nobody can assume the role."""


class Airflow(Part):
    """MWAA, to start the batch job from Airflow; the bundle's own schedule does not need it."""

    enabled: bool = False
    """Whether to create the environment; it costs more than everything else together."""
    environment_class: str = "mw1.small"
    """Size of the environment."""


class Settings(Part):
    """A whole deployment."""

    prefix: str = "pinterest"
    """The deployment's id: the prefix of every name, also when posting."""
    region: str = "us-east-1"
    """AWS region of everything."""
    alarm_email: EmptyOrEmail = ""
    """Address that alarms are sent to; AWS asks it for a confirmation."""
    monthly_budget_usd: Annotated[int, Field(ge=0)] = 0
    """Monthly costs of the account; alarm_email is notified at 80 percent, and when more is forecast. 0: no budget."""
    service_role: Role = ""
    """ARN of the role that CloudFormation uses; empty for the caller's own permissions."""
    permissions_boundary: Policy = ""
    """ARN of the permissions boundary of every role of the deployment; empty for none."""
    noncurrent_days: PositiveInt = 30
    """Days for which replaced and deleted files can be restored."""
    tags: Mapping[str, str] = {}
    """Tags of every resource that can have them."""
    network: Network = Network()
    database: Database = Database()
    kafka: Kafka = Kafka()
    client: Client = Client()
    connector: Connector = Connector()
    streams: Streams = Streams()
    api: Api = Api()
    databricks: Databricks = Databricks()
    airflow: Airflow = Airflow()

    @property
    def batch(self) -> bool:
        """Whether there is a batch half."""
        return self.kafka.kind != "none"


def read_settings(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        SettingsError: It does not exist, is not TOML, or has a value that is not allowed; it names file and value.
    """
    try:
        settings = Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(
            f"cannot read {path}: {error.strerror}; make one with `scripts/set_up_aws.py example > {path}`"
        ) from error
    except ValueError as error:  # of TOML, of UTF-8 and of pydantic alike
        raise SettingsError(f"{path}: {_in_words(error)}") from error
    _check(settings, path)
    if not settings.connector.plugin:
        return settings
    # Paths in the file are meant from where it lies.
    plugin = str(path.parent / Path(settings.connector.plugin).expanduser())
    return settings.model_copy(update={"connector": settings.connector.model_copy(update={"plugin": plugin})})


def _in_words(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first, *more = error.errors(include_url=False)
    place = ".".join(map(str, first["loc"]))
    known = _known(first["loc"][:-1]) if first["type"] == "extra_forbidden" else ""
    others = f" (and {len(more)} more)" if more else ""
    return f"{place} cannot be {first['input']!r}: {first['msg']}{known}{others}"


def _known(place: tuple[int | str, ...]) -> str:
    part: type[BaseModel] = Settings
    for name in place:
        found = part.model_fields[str(name)].annotation
        part = found if isinstance(found, type) and issubclass(found, BaseModel) else part
    return f"; known are {', '.join(part.model_fields)}"


def _check(settings: Settings, path: Path) -> None:
    Names(settings.prefix)
    session = boto3.session.Session()
    partitions = session.get_available_partitions()
    regions = [region for one in partitions for region in session.get_available_regions("cloudformation", one)]
    if settings.region not in regions:
        near = get_close_matches(settings.region, regions, 1)
        meant = f", perhaps {near[0]}" if near else ""
        raise SettingsError(f"{path}: AWS has no region {settings.region!r}{meant}; give one such as us-east-1")
    _check_network(settings.network.cidr, path)
    if settings.database.kind == "create" and "--" in settings.prefix:
        raise SettingsError(f"{path}: RDS takes no two hyphens in a row, as in the prefix {settings.prefix!r}")
    if settings.monthly_budget_usd and not settings.alarm_email:
        raise SettingsError(f"{path}: monthly_budget_usd needs alarm_email, which is notified when it is reached")
    if settings.database.kind == "existing" and not settings.database.url:
        raise SettingsError(f'{path}: database.kind "existing" needs database.url')
    if "@" in settings.database.url or "passw" in settings.database.url.lower():
        raise SettingsError(f"{path}: database.url must have neither user nor password; they are given when posting")


def _check_network(cidr: str, path: Path) -> None:
    try:
        length = IPv4Network(cidr).prefixlen
    except ValueError as error:
        raise SettingsError(f"{path}: network.cidr must be a block such as 10.42.0.0/16: {error}") from error
    if not _LARGEST <= length <= _SMALLEST:
        raise SettingsError(f"{path}: network.cidr must be a block from /{_SMALLEST} to /{_LARGEST}; got {cidr}")


def example() -> str:
    """Return a settings file with every default, and every description as a comment."""
    about = "# One deployment of the pipeline on AWS. Nothing here is secret: AWS generates and keeps the passwords."
    return "\n".join([about, *_lines(Settings), ""])


def _lines(part: type[BaseModel]) -> Iterator[str]:
    tables = {name: field for name, field in part.model_fields.items() if _inner(field)}
    for name, field in part.model_fields.items():
        if name not in tables and name != "tags":
            yield f"# {field.description}"
            yield f"{name} = {_toml(field.get_default())}"
    if "tags" in part.model_fields:
        yield from ("", f"# {part.model_fields['tags'].description}", "[tags]", 'project = "pinterest-pipeline"')
    for name, field in tables.items():
        inner = _inner(field)
        if inner:
            yield from ("", f"# {(inner.__doc__ or '').strip()}", f"[{name}]", *_lines(inner))


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    found = field.annotation
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'
