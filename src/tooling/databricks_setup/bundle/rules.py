"""The rules of a target's values: one field per variable of databricks.yml, and rules between them.

The CLI checks none of them: a wrong value would fail in the middle of a deployment, or in a nightly run.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from pinterest_pipeline.entities import Names
from pinterest_pipeline.errors import SettingsError
from tooling.databricks_setup.bundle.quartz import quartz_faults
from tooling.databricks_setup.bundle.values import PREFIX


def _quartz(text: str) -> str:
    if faults := quartz_faults(text):
        raise ValueError("; ".join(faults))
    return text


def _prefix(text: str) -> str:
    try:
        Names(text)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    return text


Status = Literal["PAUSED", "UNPAUSED"]
Quartz = Annotated[str, AfterValidator(_quartz)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Name = Annotated[str, Field(pattern=r"^[^\s./`]+$")]
"""A name in Unity Catalog: no space, dot, slash or backquote."""
NameOrEmpty = Annotated[str, Field(pattern=r"^[^\s./`]*$")]
Identity = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
"""The application ID of a service principal."""
Principal = Annotated[str, Field(min_length=1)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Bucket = Annotated[str, Field(pattern=r"^(s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[^/\s]+)*)?$")]
Folder = Annotated[str, Field(pattern=r"^/Volumes/[^/\s]+/[^/\s]+/[^/\s]+(/[^/\s]+)*$")]
Region = Annotated[str, Field(pattern=r"^([a-z]{2}(-[a-z]+)+-\d)?$")]
InstanceProfile = Annotated[str, Field(pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:instance-profile/\S+)?$")]
Warehouse = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Runtime = Annotated[str, Field(pattern=r"^\d+(\.\d+)?\.x(-[a-z0-9.]+)*-scala2\.1[23]$")]
NodeType = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9 .:/=+@_-]+$", max_length=255)]
Percent = Annotated[float, Field(gt=0, le=100)]


class Values(BaseModel):
    """The values of one target; databricks.yml describes each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    catalog: Name
    schema_: Annotated[str, Field(pattern=r"^[^\s./`]+$", alias="schema")]
    prefix: Prefix
    landing_location: Bucket
    landing_path: Folder
    storage_credential: NameOrEmpty
    deployer: Identity
    job_principal: Identity
    analysts: str
    operators: Principal
    warehouse_id: Warehouse
    cost_center: Tag
    schedule: Quartz
    schedule_status: Status
    notification_email: Email
    alert_status: Status
    alert_hours_without_data: PositiveInt
    alert_quarantine_percent: Percent
    task_timeout_seconds: PositiveInt
    task_retries: PositiveInt
    task_retry_interval_millis: PositiveInt
    job_timeout_seconds: PositiveInt
    slow_run_seconds: PositiveInt
    kinesis_region: Region
    kinesis_access: NameOrEmpty
    stream_instance_profile: InstanceProfile
    stream_status: Status
    stream_interval_seconds: NonNegativeInt
    stream_spark_version: Runtime
    stream_node_type: NodeType
    stream_workers: PositiveInt
    backlog_seconds: PositiveInt
    backlog_records: PositiveInt
    backlog_bytes: PositiveInt
    backlog_files: PositiveInt
    stream_serverless_status: Status
    stream_serverless_schedule: Quartz

    @field_validator("*", mode="wrap")
    @classmethod
    def _later(cls, value: object, check: ValidatorFunctionWrapHandler) -> object:
        """Skip references that only the CLI can resolve, such as the user's name."""
        return value if isinstance(value, str) and "${" in value else check(value)

    @model_validator(mode="after")
    def _streams(self) -> Self:
        """Check that a scheduled stream has an identity on AWS, and that only one job uses its checkpoints."""
        cluster, serverless = self.stream_status == "UNPAUSED", self.stream_serverless_status == "UNPAUSED"
        if cluster and serverless:
            raise ValueError("stream and stream_serverless share their checkpoints: one of them must be PAUSED")
        if cluster and not (self.kinesis_access or self.stream_instance_profile):
            raise ValueError(
                "stream_status is UNPAUSED and the stream has no identity on AWS: "
                "give kinesis_access or stream_instance_profile, or pause it"
            )
        if serverless and not self.kinesis_access:
            raise ValueError(
                "stream_serverless_status is UNPAUSED and serverless compute has no identity on AWS: "
                "give kinesis_access, or pause it"
            )
        return self

    @model_validator(mode="after")
    def _times(self) -> Self:
        if not max(self.task_timeout_seconds, self.slow_run_seconds) <= self.job_timeout_seconds:
            raise ValueError("task_timeout_seconds and slow_run_seconds must not be longer than job_timeout_seconds")
        return self


class ProductionValues(Values):
    """The values of a target in production mode, which has a bucket folder of its own."""

    landing_location: Annotated[Bucket, Field(min_length=1)]
    storage_credential: Name
    analysts: Principal


def faults(bundle: Mapping[str, Any], target: str, values: Mapping[str, Any]) -> list[str]:
    """Return every value that is missing or invalid, with what was expected; empty if all are valid.

    Args:
        bundle: databricks.yml as it is written.
        target: One of its targets.
        values: The values of the target's variables.
    """
    development = bundle["targets"][target].get("mode") == "development"
    try:
        (Values if development else ProductionValues).model_validate(values)
    except ValidationError as error:
        about = {name: each["description"] for name, each in bundle["variables"].items()}
        return [_in_words(dict(each), about) for each in error.errors(include_url=False)]
    return []


def _in_words(error: Mapping[str, Any], about: Mapping[str, str]) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    name = error["loc"][0]
    if error["type"] == "missing":
        return f"{name} is missing; give it as {PREFIX}{name}. {about[name]}"
    return f"{name} cannot be {error['input']!r}: {message}. {about.get(name, 'It is not declared.')}"
