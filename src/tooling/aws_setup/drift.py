"""Finds drift: changes of resources that were made outside of CloudFormation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.errors import AwsError
from tooling.polling import attempts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import StackResourceDriftStatusType
    from mypy_boto3_cloudformation.type_defs import StackResourceDriftTypeDef

    from tooling.aws_setup.deployment import Deployment

_MAX_SECONDS = 900
_DIFFERENT: Sequence[StackResourceDriftStatusType] = ("MODIFIED", "DELETED")


@dataclass(frozen=True)
class Drift:
    """One difference between a template and AWS.

    Attributes:
        stack: The stack's full name.
        resource: The resource's name in the template.
        kind: Its type.
        property: Path of the property; empty where the resource itself is gone.
        expected: The value in the template.
        actual: The value in AWS.
    """

    stack: str
    resource: str
    kind: str
    property: str
    expected: str
    actual: str


def find_drift(deployment: Deployment) -> Iterator[Drift]:
    """Have CloudFormation compare each stack's template with its resources.

    It compares what templates set, for the types that it can compare. A stack that cannot be compared, or not whole,
    counts as a difference.

    Raises:
        AwsError: There is nothing to compare, or AWS refuses.
    """
    client, states = deployment.clients.cloudformation, deployment.states()
    if not states:
        raise AwsError("there is nothing to compare: this deployment has no stack")
    for state in states.values():
        if not state.there or state.under_way:
            yield Drift(state.name, "", "", "", "a stack at rest", state.status)
            continue
        with aws_says(f"cannot compare {state.name} with its resources"):
            failure = _detect(client, state.identity, deployment.poll_seconds)
            found = [drift for one in _different(client, state.identity) for drift in _drifts(state.name, one)]
        yield from found
        if failure:
            yield Drift(state.name, "", "", "", "all compared", failure)


def _different(client: CloudFormationClient, stack: str) -> Iterator[StackResourceDriftTypeDef]:
    page = client.describe_stack_resource_drifts(StackName=stack, StackResourceDriftStatusFilters=_DIFFERENT)
    yield from page["StackResourceDrifts"]
    while page.get("NextToken"):
        page = client.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=_DIFFERENT, NextToken=page["NextToken"]
        )
        yield from page["StackResourceDrifts"]


def _detect(client: CloudFormationClient, stack: str, poll_seconds: float) -> str:
    """Have a stack compared, and return why some of it could not be; empty where all could."""
    identity = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    for _ in attempts(_MAX_SECONDS, poll_seconds):
        answer = client.describe_stack_drift_detection_status(StackDriftDetectionId=identity)
        if answer["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            failed = answer["DetectionStatus"] == "DETECTION_FAILED"
            return answer.get("DetectionStatusReason", "no reason is given") if failed else ""
    raise AwsError(f"comparing {stack} takes longer than {_MAX_SECONDS} s; try again later")


def _drifts(stack: str, found: StackResourceDriftTypeDef) -> Iterator[Drift]:
    resource, kind = found["LogicalResourceId"], found["ResourceType"]
    if found["StackResourceDriftStatus"] == "DELETED":
        yield Drift(stack, resource, kind, "", "there", "deleted")
    for one in found.get("PropertyDifferences", []):
        yield Drift(stack, resource, kind, one["PropertyPath"], one["ExpectedValue"], one["ActualValue"])
