"""Least privilege, encryption and alarms in every template; each rule also rejects a broken template."""

import re

import pytest

from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.errors import SettingsError
from spark_kinesis.client import Calls
from tests.infrastructure import rules, running_rules
from tests.infrastructure.rules import Rule, Template, listed, mappings, template
from tests.support.templates import TEMPLATES

NAMES = [path.stem for path in TEMPLATES]
RULES = (*rules.ALL, *running_rules.ALL)
FROM_CLIENTS = """\
        - Description: MySQL from its clients
          IpProtocol: tcp
          FromPort: 3306
          ToPort: 3306
          SourceSecurityGroupId: !Ref DatabaseClientSecurityGroup
"""
FROM_SOMEWHERE = "        - {IpProtocol: tcp, FromPort: 3306, ToPort: 3306, CidrIp: 10.0.0.0/8}\n"


@pytest.mark.parametrize("stack", NAMES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_template_follows_every_rule(rule: Rule, stack: str) -> None:
    assert rule(template(stack)) == []


BROKEN = [
    (rules.actions_have_names, "data", "Action: s3:GetObject\n", "Action: s3:Get*\n", "DatabricksRole: s3:Get*"),
    (rules.actions_have_names, "network", "- logs:PutLogEvents", "- logs:*", "FlowLogRole: logs:*"),
    (rules.actions_have_names, "airflow", "Action: airflow:PublishMetrics", "NotAction: iam:PassRole", "NotAction"),
    (
        rules.any_resource_is_explained,
        "airflow",
        "                # A list of groups is no resource.\n",
        "",
        "Resource",
    ),
    (rules.any_resource_is_explained, "data", "Resource: !GetAtt LandingBucket.Arn", 'Resource: ["*"]', "Resource"),
    (rules.nobody_is_everybody, "data", "AWS: !Ref DatabricksPrincipal\n", 'AWS: "*"\n', "DatabricksForThis"),
    (rules.nobody_is_everybody, "data", "kms:CallerAccount", "kms:KeySpec", "AutoScalingUsesTheKey lets everybody in"),
    (rules.nobody_is_everybody, "network", "aws:PrincipalAccount", "aws:PrincipalOrgID", "OurPrincipalsAndOurBuckets"),
    (rules.services_act_for_this_account, "airflow", "aws:Source", "aws:Some", "airflow-env.amazonaws.com"),
    (rules.services_act_for_this_account, "data", "kms:EncryptionContext:aws:logs:arn", "aws:Any", "logs."),
    (rules.buckets_are_closed, "data", "BlockPublicPolicy: true", "BlockPublicPolicy: false", "BlockPublicPolicy"),
    (rules.buckets_are_closed, "data", "        Status: Enabled\n\n", "        Status: Suspended\n\n", "Versioning"),
    (rules.buckets_are_closed, "data", "BucketOwnerEnforced", "ObjectWriter", "ObjectOwnership"),
    (rules.buckets_are_closed, "data", "[SSE-C]", "[NONE]", "BlockedEncryptionTypes"),
    (
        rules.buckets_want_tls,
        "data",
        "              - !Sub ${LandingBucket.Arn}/*\n",
        "",
        "LandingBucket takes plain HTTP",
    ),
    (rules.buckets_want_tls, "data", 'aws:SecureTransport: "false"', 'aws:SecureTransport: "true"', "LogBucket"),
    (rules.logs_end_and_can_use_the_key, "network", "      RetentionInDays: 365\n", "", "for ever"),
    (rules.logs_end_and_can_use_the_key, "network", "/${Prefix}/network/flow", "/flow", "without the prefix"),
    (
        running_rules.flow_logs_name_their_group,
        "network",
        "LogGroupName: !Ref FlowLogGroup",
        "LogDestination: !GetAtt FlowLogGroup.Arn",
        "FlowLog does not name its log group",
    ),
    (rules.roles_can_be_bounded, "clients", "      PermissionsBoundary: !If", "      X: !If", "ConnectorRole has no"),
    (running_rules.the_document_is_the_whole_api, "streams", "      Mode: overwrite\n", "", "no longer has"),
    (
        running_rules.an_update_stops_no_machine_that_is_needed,
        "clients",
        "WaitOnResourceSignals: true",
        "WaitOnResourceSignals: false",
        "does not wait",
    ),
    (
        running_rules.an_update_stops_no_machine_that_is_needed,
        "clients",
        "MinInstancesInService: !Ref Machines",
        "MinInstancesInService: 0",
        "before there is a new one",
    ),
    (
        running_rules.the_document_is_the_whole_api,
        "streams",
        "      Mode: overwrite\n",
        "      Policy: {}\n",
        "beside its document",
    ),
    (
        running_rules.the_document_is_the_whole_api,
        "streams",
        "Name: !Ref Prefix\n      Endpoint",
        "Name: x\n      Endpoint",
        "names",
    ),
    (
        running_rules.zones_go_by_their_ids,
        "airflow",
        "AvailabilityZoneId: !Ref Zone2",
        'AvailabilityZone: !Select [1, !GetAZs ""]',
        "Subnet2 does not give",
    ),
    (rules.what_is_stored_names_the_key, "network", "      KmsKeyId: !Ref KeyArn\n", "", "FlowLogGroup"),
    (rules.what_is_stored_names_the_key, "airflow", "KmsKey: !Ref KeyArn", "KmsKey: alias/aws/airflow", "Environment"),
    (
        rules.what_is_stored_names_the_key,
        "data",
        "              KMSMasterKeyID: !GetAtt Key.Arn\n",
        "",
        "LandingBucket",
    ),
    (rules.what_is_stored_names_the_key, "database", "        KmsKeyId: !Ref KeyArn\n", "", "MasterUserSecret"),
    (
        rules.data_outlives_its_stack,
        "database",
        "DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        "Database",
    ),
    (rules.data_outlives_its_stack, "data", "UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete", "Bucket"),
    (rules.nothing_is_secret, "database", "  InstanceClass:\n", "  MasterPassword:\n", "MasterPassword sounds secret"),
    (
        rules.nothing_is_secret,
        "database",
        "    Default: db.t4g.micro\n",
        "    Default: x\n    NoEcho: true\n",
        "default",
    ),
    (rules.nothing_is_secret, "database", "ManageMasterUserPassword: true", "MasterUserPassword: x", "Password"),
    (rules.nothing_is_secret, "airflow", "  AirflowUrl:\n", "  AirflowToken:\n", "AirflowToken sounds secret"),
    (rules.who_comes_in_is_known, "database", "SourceSecurityGroupId: !Ref Data", "CidrIp: 0.0.0.0/0 # ", "internet"),
    (rules.who_comes_in_is_known, "airflow", "SourceSecurityGroupId: !Ref Sec", "CidrIpv6: ::/0 # ", "internet"),
    (rules.who_comes_in_is_known, "airflow", "SourceSecurityGroupId: !Ref Sec", "SourcePrefixListId: pl #", "who may"),
    (rules.who_comes_in_is_known, "database", FROM_CLIENTS, FROM_SOMEWHERE, "does not say whose addresses"),
    (rules.groups_say_who_is_called, "database", "SecurityGroupEgress:\n", "Tags:\n", "may call everybody"),
    (rules.alarms_are_heard, "database", "      OKActions:\n        - !Ref AlarmTopicArn\n", "", "CpuAlarm: OKActions"),
    (rules.alarms_are_heard, "airflow", "AlarmActions:\n        - !Ref AlarmTopicArn", "AlarmActions: []", "Alarm"),
    (rules.any_partition_will_do, "network", "arn:${AWS::Partition}:s3", "arn:aws:s3", "one partition"),
    (rules.the_driver_can_fill_it_in, "network", "    Description: The VPC's private", "    D: The", "no description"),
    (rules.the_driver_can_fill_it_in, "database", "Type: CommaDelimitedList", "Type: List<String>", "of type"),
    (rules.the_driver_can_fill_it_in, "network", "Value: !Ref Vpc\n", "Value: a\n    Export: {}\n", "exported"),
    (rules.the_driver_can_fill_it_in, "network", "VpcId: !Ref Vpc\n", "VpcId: !ImportValue a\n", "imported"),
    (rules.it_fits_into_a_request, "data", "AWS::KMS::Alias", "x" * 51_200, "bytes"),
]


@pytest.mark.parametrize(("rule", "stack", "old", "new", "fault"), BROKEN)
def test_a_broken_rule_is_found(rule: Rule, stack: str, old: str, new: str, fault: str) -> None:
    text = template(stack).text
    assert old in text, f"{stack} no longer says {old!r}: mend the test"
    assert fault in "\n".join(rule(Template(stack, text.replace(old, new))))


def test_every_rule_has_a_broken_example() -> None:
    assert {rule for rule, *_ in BROKEN} == set(RULES)


PREFIXES = ("pinterest", "12f6b2c1ae4f", "a-b", "abc", "ab", "-ab", "ab-", "Abc", "a.b", "a" * 32, "a" * 33)


@pytest.mark.parametrize("stack", NAMES)
def test_a_template_accepts_the_prefixes_that_the_pipeline_accepts(stack: str) -> None:
    pattern = template(stack).tree["Parameters"]["Prefix"]["AllowedPattern"]
    assert [prefix for prefix in PREFIXES if re.fullmatch(pattern, prefix)] == [*filter(_is_prefix, PREFIXES)]


def _is_prefix(text: str) -> bool:
    try:
        Names(text)
    except SettingsError:
        return False
    return True


def test_databricks_may_read_and_nothing_else() -> None:
    calls = {name for name in vars(Calls) if not name.startswith("_")}
    kinesis = {f"kinesis:{name.title().replace('_', '')}" for name in calls}
    bucket = {"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"}
    assert _databricks_actions() == kinesis | bucket | {"kms:Decrypt", "sts:AssumeRole"}


def _databricks_actions() -> set[str]:
    policies = template("data").resources["DatabricksRole"]["Properties"]["Policies"]
    statements = [tree for tree in mappings(policies) if "Effect" in tree]
    return {action for statement in statements for action in listed(statement["Action"])}


def test_databricks_reads_the_streams_that_the_api_writes_to() -> None:
    policies = str(template("data").resources["DatabricksRole"]["Properties"]["Policies"])
    streams = {Names("prefix").stream(entity).replace("prefix", "${Prefix}") for entity in ENTITIES}
    assert set(re.findall(r":stream/([^']+)", policies)) == streams


def test_the_proxy_and_the_sink_may_use_the_topics_of_the_entities_and_the_sink_reads_them() -> None:
    clients = template("clients").resources
    topics = {Names("prefix").topic(entity) for entity in ENTITIES}
    for role in ("ClientRole", "ConnectorRole"):
        allowed = re.findall(r":topic/[^']+/(\${Prefix}[^']*)", str(clients[role]["Properties"]["Policies"]))
        assert {name.replace("${Prefix}", "prefix") for name in allowed} == topics
    read = clients["Connector"]["Properties"]["ConnectorConfiguration"]["topics.regex"]["Fn::Sub"]
    others = {Names("prefix-2").topic(entity) for entity in ENTITIES}
    assert {name for name in topics | others if re.fullmatch(read.replace("${Prefix}", "prefix"), name)} == topics


def test_nobody_can_assume_the_databricks_role_before_its_external_id_is_known() -> None:
    role = template("data").resources["DatabricksRole"]["Properties"]["AssumeRolePolicyDocument"]
    ids = [tree["sts:ExternalId"] for tree in mappings(role) if "sts:ExternalId" in tree]
    given = {"Fn::Split": [",", {"Ref": "DatabricksExternalId"}]}
    assert ids == [{"Fn::If": ["KnowsExternalId", given, {"Ref": "AWS::StackId"}]}] * 2


def test_people_and_machines_use_the_key_only_through_services() -> None:
    using = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom"}
    statements = template("data").resources["Key"]["Properties"]["KeyPolicy"]["Statement"]
    account = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    direct = [
        statement["Sid"]
        for statement in statements
        if statement["Principal"] == {"AWS": account} and using & set(listed(statement["Action"]))
        if "kms:ViaService" not in statement.get("Condition", {}).get("StringEquals", {})
    ]
    assert direct == []


def test_the_protected_database_is_created_when_nothing_else_can_fail() -> None:
    database = template("database")
    needed = set(database.resources["Database"]["DependsOn"])
    while more := {name for one in needed | {"Database"} for name in _named_by(database, one)} - needed:
        needed |= more
    assert needed == database.resources.keys() - {"Database"}


def _named_by(checked: Template, resource: str) -> set[str]:
    trees = [*mappings(checked.resources[resource])]
    return {tree["Ref"] for tree in trees if tree.get("Ref") in checked.resources}


WATCHED = {
    "database": {"FreeStorageSpace", "CPUUtilization"},
    "kafka": {
        *("OfflinePartitionsCount", "ActiveControllerCount", "KafkaDataLogsDiskUsed", "CpuIdle"),
        "UnderReplicatedPartitions",
    },
    "clients": {"ErroredTaskCount", "RunningTaskCount", "EstimatedMaxTimeLag", "HealthyHostCount"},
    "streams": {
        *("GetRecords.IteratorAgeMilliseconds", "WriteProvisionedThroughputExceeded"),
        *("ReadProvisionedThroughputExceeded", "5XXError", "Latency"),
    },
    "airflow": {"SchedulerHeartbeat", "QueuedTasks", "ImportErrors"},
}


@pytest.mark.parametrize("stack", WATCHED)
def test_every_failure_that_operators_must_know_has_an_alarm(stack: str) -> None:
    alarms = [alarm for _, alarm in template(stack).of("AWS::CloudWatch::Alarm")]
    queries = " ".join(str(metric["Expression"]) for alarm in alarms for metric in alarm.get("Metrics", []))
    found = {alarm["MetricName"] for alarm in alarms if "MetricName" in alarm}
    assert found | set(re.findall(r"M(?:AX|IN)\((\w+)\)", queries)) == WATCHED[stack]


def test_each_stream_has_its_own_alarms() -> None:
    alarms = [
        alarm for _, alarm in template("streams").of("AWS::CloudWatch::Alarm") if alarm["Namespace"] == "AWS/Kinesis"
    ]
    watched = {(alarm["MetricName"], alarm["Dimensions"][0]["Value"]["Ref"]) for alarm in alarms}
    assert len(watched) == len(alarms) == 3 * 3


def test_subnets_do_not_overlap() -> None:
    places = [
        subnet["CidrBlock"]["Fn::Select"][0]
        for stack in ("network", "airflow")
        for _, subnet in template(stack).of("AWS::EC2::Subnet")
    ]
    assert sorted(places) == list(range(8))
