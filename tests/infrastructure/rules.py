"""Rules for every template; each returns its findings in words, and an empty list for none."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import yaml

from tests.support.templates import parse
from tooling.aws_setup.templates import FOLDER

Tree = Mapping[str, Any]

UNBOUND = {
    "apigateway.amazonaws.com": "API Gateway names no source when it takes a role, and takes roles of its account only",
    "ec2.amazonaws.com": "EC2 names no source when it gives an instance its role, which must be of its account",
}
"""Services that a trust policy cannot bind to this account, and why that is no way in for another."""

SOURCES = {"aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:aws:logs:arn"}
"""Condition keys for the account on whose behalf a service calls. For CloudWatch Logs it is the encrypted log group."""

KEYS = (
    {"Ref": "KeyArn"},
    {"Ref": "Key"},
    {"Fn::GetAtt": ["Key", "Arn"]},
)

OURS = {"aws:PrincipalAccount", "kms:CallerAccount"}
"""Condition keys for the calling principal's account."""

_DEFAULT_ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault"
_LOGGED_TO = "LoggingConfiguration.DestinationBucketName"

ENCRYPTED = (
    ("AWS::EC2::LaunchTemplate", "LaunchTemplateData.BlockDeviceMappings.Ebs.KmsKeyId"),
    ("AWS::Kinesis::Stream", "StreamEncryption.KeyId"),
    ("AWS::Logs::LogGroup", "KmsKeyId"),
    ("AWS::MSK::Cluster", "EncryptionInfo.EncryptionAtRest.DataVolumeKMSKeyId"),
    ("AWS::MWAA::Environment", "KmsKey"),
    ("AWS::RDS::DBInstance", "KmsKeyId"),
    ("AWS::RDS::DBInstance", "MasterUserSecret.KmsKeyId"),
    ("AWS::S3::Bucket", f"{_DEFAULT_ENCRYPTION}.KMSMasterKeyID"),
    ("AWS::SecretsManager::Secret", "KmsKeyId"),
    ("AWS::SNS::Topic", "KmsMasterKeyId"),
)
"""Properties that name the key of a resource with data. A serverless Kafka cluster has none."""

OUTLIVES = {"AWS::KMS::Key", "AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"}
"""Types that a deleted stack retains; a bucket's policy too, or the bucket would be without it."""

_EVERYWHERE = {"0.0.0.0/0", "::/0"}
_SECRET_NAME = re.compile(r"secret|passw|token|credential", re.IGNORECASE)
_SECRET_VALUES = {"MasterUserPassword", "SecretString", "Password"}
_PREFIXED = "${Prefix}"
_LARGEST = 51_200


@dataclass(frozen=True)
class Template:
    """A stack's template, as its text and as plain values."""

    stack: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> Tree:
        return parse(self.text)

    @cached_property
    def resources(self) -> Mapping[str, Tree]:
        resources: Mapping[str, Tree] = self.tree["Resources"]
        return resources

    def of(self, *kinds: str) -> Iterator[tuple[str, Tree]]:
        """The resources of these types, with their properties."""
        for name, resource in self.resources.items():
            if resource["Type"] in kinds:
                yield name, resource.get("Properties", {})

    def statements(self) -> Iterator[tuple[str, Tree]]:
        """Every policy statement, with the name of its resource."""
        for name, resource in self.resources.items():
            yield from ((name, node) for node in mappings(resource) if "Effect" in node)


Rule = Callable[[Template], list[str]]


@cache
def template(stack: str) -> Template:
    """A stack's template as it is."""
    return Template(stack, (FOLDER / f"{stack}.yaml").read_text(encoding="utf-8"))


def mappings(node: object) -> Iterator[Tree]:
    """A node and everything below it, as far as it has names."""
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from mappings(value)


def listed(value: object) -> list[Any]:
    """A value that may be given alone or as a list."""
    return value if isinstance(value, list) else [value]


def _at(node: object, path: str) -> list[object]:
    """What is at a path; lists on the way are taken item by item."""
    found: list[object] = [node]
    for step in path.split("."):
        found = [value[step] for one in found for value in listed(one) if isinstance(value, Mapping) and step in value]
    return found


def _condition_keys(statement: Tree) -> set[str]:
    return {key for tree in mappings(statement.get("Condition", {})) for key in tree if ":" in key}


def actions_have_names(checked: Template) -> list[str]:
    """No action is a pattern, but where something is denied."""
    return [
        f"{name}: {action}"
        for name, statement in checked.statements()
        if statement["Effect"] == "Allow"
        for action in [*listed(statement.get("Action", [])), *(["NotAction"] if "NotAction" in statement else [])]
        if "*" in str(action) or action == "NotAction"
    ]


def any_resource_is_explained(checked: Template) -> list[str]:
    """Where a statement is about every resource, the line above says why."""
    lines = checked.text.splitlines()
    return [
        f"line {line + 1}: {lines[line].strip()}"
        for line in _stars(yaml.compose(checked.text, Loader=yaml.SafeLoader))
        if not lines[line - 1].strip().startswith("#")
    ]


def _stars(node: yaml.Node | None) -> Iterator[int]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in ("Resource", "NotResource"):
                for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if one.value == "*":
                        yield one.start_mark.line
            yield from _stars(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _stars(value)


def nobody_is_everybody(checked: Template) -> list[str]:
    """A principal * is limited to this account; in an endpoint's policy a named bucket can replace that."""
    endpoints = {name for name, _ in checked.of("AWS::EC2::VPCEndpoint")}
    return [
        f"{name}: {statement.get('Sid', 'a statement')} lets everybody in"
        for name, statement in checked.statements()
        if statement["Effect"] == "Allow" and "*" in _principals(statement)
        if not _condition_keys(statement) & OURS
        if not (name in endpoints and "*" not in listed(statement["Resource"]))
    ]


def _principals(statement: Tree) -> list[object]:
    principal = statement.get("Principal", {})
    return listed(principal.get("AWS", [])) if isinstance(principal, Mapping) else [principal]


def services_act_for_this_account(checked: Template) -> list[str]:
    """A service that acts for another account gets no access (confused deputy)."""
    return [
        f"{name}: {service} may act for anybody"
        for name, statement in checked.statements()
        if statement["Effect"] == "Allow" and isinstance(statement.get("Principal"), Mapping)
        for service in listed(statement["Principal"].get("Service", []))
        if str(service) not in UNBOUND and not _condition_keys(statement) & SOURCES
    ]


def buckets_are_closed(checked: Template) -> list[str]:
    """A bucket keeps versions, belongs to its owner, is not public and knows no other encryption than its own."""
    wanted = {
        "VersioningConfiguration.Status": "Enabled",
        "OwnershipControls.Rules.ObjectOwnership": "BucketOwnerEnforced",
        "PublicAccessBlockConfiguration.BlockPublicAcls": True,
        "PublicAccessBlockConfiguration.BlockPublicPolicy": True,
        "PublicAccessBlockConfiguration.IgnorePublicAcls": True,
        "PublicAccessBlockConfiguration.RestrictPublicBuckets": True,
        "BucketEncryption.ServerSideEncryptionConfiguration.BlockedEncryptionTypes.EncryptionType": ["SSE-C"],
        "LifecycleConfiguration.Rules.Status": "Enabled",
    }
    return [
        f"{name}: {path} must be {value}"
        for name, bucket in checked.of("AWS::S3::Bucket")
        for path, value in wanted.items()
        if not (found := _at(bucket, path)) or any(one != value for one in found)
    ]


def buckets_want_tls(checked: Template) -> list[str]:
    """A bucket and its objects refuse requests without TLS."""
    refusing = {
        policy["Bucket"]["Ref"]
        for _, policy in checked.of("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if _refuses_plain_text(statement, policy["Bucket"]["Ref"])
    }
    return [f"{name} takes plain HTTP" for name, _ in checked.of("AWS::S3::Bucket") if name not in refusing]


def _refuses_plain_text(statement: Tree, bucket: str) -> bool:
    refusal = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return refusal.items() <= statement.items()


def logs_end_and_can_use_the_key(checked: Template) -> list[str]:
    """A log group has a retention, and its name has the prefix, which the key's policy requires."""
    faults = []
    for name, group in checked.of("AWS::Logs::LogGroup"):
        if not isinstance(group.get("RetentionInDays"), int):
            faults.append(f"{name} keeps its lines for ever")
        if _PREFIXED not in str(group.get("LogGroupName", _PREFIXED)):
            faults.append(f"{name} has a name without the prefix, so the key is closed to it")
    return faults


def roles_can_be_bounded(checked: Template) -> list[str]:
    """Every role has the optional permissions boundary."""
    bounded = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    return [
        f"{name} has no permissions boundary"
        for name, role in checked.of("AWS::IAM::Role")
        if role.get("PermissionsBoundary") != bounded
    ]


def what_is_stored_names_the_key(checked: Template) -> list[str]:
    """Everything that stores something is encrypted with the deployment's key; access logs cannot be."""
    for_access_logs = [bucket for _, one in checked.of("AWS::S3::Bucket") for bucket in _at(one, _LOGGED_TO)]
    return [
        f"{name}: {path} is not the deployment's key"
        for kind, path in ENCRYPTED
        for name, properties in checked.of(kind)
        if {"Ref": name} not in for_access_logs
        if not (found := _at(properties, path)) or any(value not in KEYS for value in found)
    ]


def data_outlives_its_stack(checked: Template) -> list[str]:
    """Resources with data are retained when their stack is deleted or replaces them."""
    return [
        f"{name} goes with its stack"
        for name, resource in checked.resources.items()
        if resource["Type"] in OUTLIVES
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate"
        or resource.get("UpdateReplacePolicy") not in ("Retain", "Snapshot")
    ]


def nothing_is_secret(checked: Template) -> list[str]:
    """No template has a secret as parameter, content or output; outputs have at most its location."""
    names = [*checked.tree["Parameters"], *checked.tree.get("Outputs", {})]
    return [
        *(f"{name} sounds secret" for name in names if _SECRET_NAME.search(name) and not name.endswith("Arn")),
        *(
            f"{name} has a default, and is said to be secret"
            for name, parameter in checked.tree["Parameters"].items()
            if str(parameter.get("NoEcho", False)).lower() == "true" and "Default" in parameter
        ),
        *(
            f"{name}: {secret} is in the template"
            for name, resource in checked.resources.items()
            for tree in mappings(resource)
            for secret in sorted(_SECRET_VALUES & tree.keys())
        ),
    ]


def who_comes_in_is_known(checked: Template) -> list[str]:
    """Ingress comes from a group, or from addresses that a description accounts for; from everywhere only if asked."""
    faults = []
    for name, rule in _ingress(checked):
        from_group = "SourceSecurityGroupId" in rule
        everywhere = _EVERYWHERE & {str(rule.get("CidrIp")), str(rule.get("CidrIpv6"))}
        if everywhere and checked.resources[name].get("Condition") != "Public":
            faults.append(f"{name} lets the whole internet in")
        elif not from_group and not rule.get("Description"):
            faults.append(f"{name} does not say whose addresses may come in")
        elif not from_group and not {"CidrIp", "CidrIpv6"} & rule.keys():
            faults.append(f"{name} does not say who may come in")
    return faults


def _ingress(checked: Template) -> Iterator[tuple[str, Tree]]:
    for name, group in checked.of("AWS::EC2::SecurityGroup"):
        yield from ((name, rule) for rule in group.get("SecurityGroupIngress", []))
    yield from checked.of("AWS::EC2::SecurityGroupIngress")


def groups_say_who_is_called(checked: Template) -> list[str]:
    """A group without an egress rule would allow all egress."""
    return [
        f"{name} may call everybody"
        for name, group in checked.of("AWS::EC2::SecurityGroup")
        if not group.get("SecurityGroupEgress")
    ]


def alarms_are_heard(checked: Template) -> list[str]:
    """An alarm notifies the topic when it begins and ends."""
    return [
        f"{name}: {when} tells nobody"
        for name, alarm in checked.of("AWS::CloudWatch::Alarm")
        for when in ("AlarmActions", "OKActions")
        if alarm.get(when) != [{"Ref": "AlarmTopicArn"}]
    ]


def any_partition_will_do(checked: Template) -> list[str]:
    """No ARN is of one partition; what a person may say otherwise (a parameter) is left alone."""
    return [
        f"{name} is about one partition: {value}"
        for name, resource in checked.resources.items()
        for tree in mappings(resource)
        for one in tree.values()
        for value in listed(one)
        if isinstance(value, str) and re.match(r"arn:aws", value)
    ]


def the_driver_can_fill_it_in(checked: Template) -> list[str]:
    """Parameters are plain and described, and stacks know each other by them alone."""
    plain = {"String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}
    parameters = checked.tree["Parameters"]
    return [
        *(f"{name} has no description" for name, one in parameters.items() if not one.get("Description")),
        *(f"{name} is of type {one['Type']}" for name, one in parameters.items() if one["Type"] not in plain),
        *(f"{name} is exported" for name, one in checked.tree.get("Outputs", {}).items() if "Export" in one),
        *("something is imported" for tree in mappings(checked.tree) if "Fn::ImportValue" in tree),
    ]


def it_fits_into_a_request(checked: Template) -> list[str]:
    """CloudFormation's size limit for a template that is not in a bucket."""
    size = len(json.dumps(checked.tree))
    return [f"{size} bytes are more than {_LARGEST}"] if size > _LARGEST else []


ALL: tuple[Rule, ...] = (
    actions_have_names,
    any_resource_is_explained,
    nobody_is_everybody,
    services_act_for_this_account,
    buckets_are_closed,
    buckets_want_tls,
    logs_end_and_can_use_the_key,
    roles_can_be_bounded,
    what_is_stored_names_the_key,
    data_outlives_its_stack,
    nothing_is_secret,
    who_comes_in_is_known,
    groups_say_who_is_called,
    alarms_are_heard,
    any_partition_will_do,
    the_driver_can_fill_it_in,
    it_fits_into_a_request,
)
