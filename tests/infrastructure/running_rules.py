"""Rules for every template about faults that only a real account shows.

As in `rules`, each returns its findings in words, and an empty list for none.
"""

from tests.infrastructure.rules import Rule, Template


def flow_logs_name_their_group(checked: Template) -> list[str]:
    """A flow log names its log group: the group's ARN attribute ends in `:*`, and delivery to that fails silently.

    See awsdocs/aws-cloudformation-user-guide#306.
    """
    return [
        f"{name} does not name its log group"
        for name, log in checked.of("AWS::EC2::FlowLog")
        if "LogDestination" in log or "LogGroupName" not in log
    ]


def zones_go_by_their_ids(checked: Template) -> list[str]:
    """A subnet's zone is given by id: a zone's place in the list means another zone in every account."""
    return [
        f"{name} does not give its zone by id"
        for name, subnet in checked.of("AWS::EC2::Subnet")
        if "AvailabilityZoneId" not in subnet or "Fn::GetAZs" in str(subnet)
    ]


def the_document_is_the_whole_api(checked: Template) -> list[str]:
    """An API becomes what its document says: the default merges, and a route that was removed would stay open.

    Overwriting takes name and policy from the document too. A policy beside it counts as drift for ever
    (aws-cloudformation/cloudformation-coverage-roadmap#1322).
    """
    faults = []
    for name, api in checked.of("AWS::ApiGateway::RestApi"):
        body = api["Body"]
        if api.get("Mode") != "overwrite":
            faults.append(f"{name} keeps the routes that its document no longer has")
        if "Policy" in api or "x-amazon-apigateway-policy" not in body:
            faults.append(f"{name} has its policy beside its document")
        if body["info"]["title"] != {"Fn::Sub": "${Prefix}"} or api["Name"] != {"Ref": "Prefix"}:
            faults.append(f"{name} has two names")
    return faults


def an_update_stops_no_machine_that_is_needed(checked: Template) -> list[str]:
    """A rolling update starts new machines first, and stops old ones only after a signal about a new one."""
    faults = []
    for name, group in checked.of("AWS::AutoScaling::AutoScalingGroup"):
        update = checked.resources[name].get("UpdatePolicy", {}).get("AutoScalingRollingUpdate", {})
        if update.get("WaitOnResourceSignals") is not True:
            faults.append(f"{name} does not wait until a new machine answers")
        if update.get("MinInstancesInService") != group["DesiredCapacity"]:
            faults.append(f"{name} stops an old machine before there is a new one")
    return faults


ALL: tuple[Rule, ...] = (
    flow_logs_name_their_group,
    zones_go_by_their_ids,
    the_document_is_the_whole_api,
    an_update_stops_no_machine_that_is_needed,
)
