"""The health gate of a rolling update: an old machine is stopped only when a new one answers its load balancer.

CloudFormation starts a new machine and waits for a signal about it. The machine cannot know what the load balancer
sees, and has no way to CloudFormation, so the process that applies the change sends the signal. Without one in time
CloudFormation rolls back, and the old machines stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tooling.aws_setup.clients import aws_says, code_of
from tooling.aws_setup.operations import UNDER_WAY, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tooling.aws_setup.clients import Clients

GROUP = "ClientGroup"
"""The name of the group of machines, as a resource of its template and as an output of its stack."""

Attend = Callable[[Sequence[Event]], None]


class HealthGate:
    """Signals to CloudFormation which new machines answer.

    Args:
        clients: The services.
        stack: The stack's ARN.
        group: The name of the group in AWS.
        note: Called with a line of progress.
    """

    def __init__(self, clients: Clients, stack: str, group: str, note: Callable[[str], None]) -> None:
        """Nothing is signalled yet."""
        self._clients = clients
        self._stack = stack
        self._group = group
        self._note = note
        self._signalled: set[str] = set()

    def attend(self, happened: Sequence[Event]) -> None:
        """Signal every new machine that answers, once, while CloudFormation replaces machines or rolls that back.

        Args:
            happened: The events of the operation so far.

        Raises:
            AwsError: AWS refuses.
        """
        ours = [event for event in happened if event.resource == GROUP]
        if not ours or not ours[-1].status.endswith(UNDER_WAY):
            return
        rolls_back = any(event.of_stack and "ROLLBACK" in event.status for event in happened)
        with aws_says("cannot get the health of the REST proxy's new machine"):
            for machine in self._new_and_healthy(rolls_back=rolls_back):
                self._signal(machine)

    def _new_and_healthy(self, *, rolls_back: bool) -> Iterator[str]:
        (group,) = self._clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self._group])[
            "AutoScalingGroups"
        ]
        version = group.get("LaunchTemplate", {}).get("Version")
        machines = group.get("Instances", [])
        new = {one["InstanceId"] for one in machines if one.get("LaunchTemplate", {}).get("Version") == version}
        if len(new) == len(machines) and not rolls_back:
            # The group does not have the new version yet, or has no old machine any more: there is nothing to wait for.
            return
        for target_group in group.get("TargetGroupARNs", []) if new - self._signalled else []:
            found = self._clients.elbv2.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
            new &= {
                one["Target"]["Id"]
                for one in found
                if "Target" in one and one.get("TargetHealth", {}).get("State") == "healthy"
            }
        yield from sorted(new - self._signalled)

    def _signal(self, machine: str) -> None:
        try:
            self._clients.cloudformation.signal_resource(
                StackName=self._stack, LogicalResourceId=GROUP, UniqueId=machine, Status="SUCCESS"
            )
        except ClientError as error:
            # CloudFormation does not wait for it yet: it is sent again after the next request.
            if code_of(error) != "ValidationError":
                raise
            return
        self._signalled.add(machine)
        self._note(f"{machine} is healthy at its load balancer: an old machine can be terminated")
