"""The cost of an idle deployment: every type of resource has a price, or is known to cost nothing when idle."""

import re
from pathlib import Path
from typing import Any

import pytest

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.costs import BROKER_METRICS, CLIENT_VOLUME_GB, PRICED, PRICES, monthly_costs, read_prices
from tooling.aws_setup.deployment import Resource
from tooling.aws_setup.settings import Client, Database, Kafka, Network, Settings, Streams
from tooling.aws_setup.stacks import STACKS

FREE_AT_REST = {
    *("ApiGateway::ApiKey", "ApiGateway::UsagePlan", "ApiGateway::UsagePlanKey"),
    *("ApiGateway::Account", "ApiGateway::Deployment", "ApiGateway::RestApi", "ApiGateway::Stage"),
    *("ApiGateway::VpcLink", "ApplicationAutoScaling::ScalableTarget", "ApplicationAutoScaling::ScalingPolicy"),
    "Budgets::Budget",
    *("EC2::FlowLog", "EC2::InternetGateway", "EC2::LaunchTemplate", "EC2::Route", "EC2::RouteTable"),
    *("EC2::SecurityGroup", "EC2::SecurityGroupEgress", "EC2::SecurityGroupIngress", "EC2::Subnet"),
    *("EC2::SubnetRouteTableAssociation", "EC2::VPC", "EC2::VPCGatewayAttachment"),
    *("ElasticLoadBalancingV2::Listener", "ElasticLoadBalancingV2::TargetGroup", "IAM::InstanceProfile"),
    *("IAM::ManagedPolicy", "IAM::Role", "KMS::Alias", "KafkaConnect::CustomPlugin"),
    *("KafkaConnect::WorkerConfiguration", "Logs::LogGroup", "MSK::Configuration", "RDS::DBParameterGroup"),
    *("RDS::DBSubnetGroup", "S3::Bucket", "S3::BucketPolicy", "SNS::Subscription", "SNS::Topic", "SNS::TopicPolicy"),
}


def resources(*kinds: str) -> list[Resource]:
    """Return all resources of some types that the templates have."""
    found = [
        Resource(one, name, each["Type"]) for one in STACKS for name, each in one.template.tree["Resources"].items()
    ]
    return [resource for resource in found if not kinds or resource.kind in kinds]


def monthly(settings: Settings, *kinds: str) -> dict[str, float]:
    costs = monthly_costs(settings, resources(*kinds), read_prices())
    return {cost.what: round(cost.monthly or 0, 2) for cost in costs}


def price(what: str) -> float:
    return read_prices().prices[what].usd


def test_every_type_of_resource_is_priced_or_known_to_cost_nothing_at_rest() -> None:
    there = {resource.kind for resource in resources()}
    free = {f"AWS::{kind}" for kind in FREE_AT_REST}
    assert there <= PRICED.keys() | free
    assert not free & PRICED.keys()


def test_every_price_has_a_source_and_a_date() -> None:
    for what, one in read_prices().prices.items():
        assert one.usd > 0, what
        assert one.per in ("hour", "month", "GB-month"), what
        assert one.source.startswith("https://"), what
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", one.date), what


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(kafka=Kafka(kind="serverless")), Settings(streams=Streams(mode="provisioned"))]
)
def test_whatever_the_defaults_use_is_in_the_price_list(settings: Settings) -> None:
    assert all(cost.price for cost in monthly_costs(settings, resources(), read_prices()))


def test_brokers_are_paid_by_the_hour_and_their_disks_by_the_gigabyte() -> None:
    settings = Settings(network=Network(zones=3), kafka=Kafka(brokers_per_zone=2, volume_gb=100))
    assert monthly(settings, "AWS::MSK::Cluster") == {
        "broker kafka.m7g.large": round(6 * 730 * price("broker kafka.m7g.large"), 2),
        "broker storage": round(600 * price("broker storage"), 2),
        "metric": round(6 * BROKER_METRICS * price("metric"), 2),
    }


def test_the_free_metrics_of_brokers_cost_nothing() -> None:
    assert "metric" not in monthly(Settings(kafka=Kafka(monitoring="DEFAULT")), "AWS::MSK::Cluster")


def test_every_machine_of_the_proxy_is_paid() -> None:
    one, three = (
        monthly(Settings(client=Client(machines=count)), "AWS::AutoScaling::AutoScalingGroup") for count in (1, 3)
    )
    assert {what: pytest.approx(3 * usd, abs=0.02) for what, usd in one.items()} == three


def test_three_streams_are_paid_by_their_shards() -> None:
    settings = Settings(streams=Streams(mode="provisioned", shards=4))
    assert monthly(settings, "AWS::Kinesis::Stream") == {"shard": round(12 * 730 * price("shard"), 2)}


def test_a_standby_costs_as_much_as_what_it_stands_by() -> None:
    one, two = (monthly(Settings(database=Database(multi_az=multi)), "AWS::RDS::DBInstance") for multi in (False, True))
    assert {what: pytest.approx(2 * usd, abs=0.01) for what, usd in one.items()} == two


def test_only_endpoints_of_the_interface_type_are_paid() -> None:
    paid = [one for one in resources("AWS::EC2::VPCEndpoint") if one.stack.name == "clients"]
    assert 0 < len(paid) < len(resources("AWS::EC2::VPCEndpoint"))
    subnets = [one.stack.template.tree["Resources"][one.name]["Properties"].get("SubnetIds", []) for one in paid]
    zones = sum(map(len, subnets))
    for settings in (Settings(network=Network(zones=2)), Settings(network=Network(zones=3))):
        costs = monthly(settings, "AWS::EC2::VPCEndpoint")
        assert costs == {"endpoint zone": round(zones * 730 * price("endpoint zone"), 2)}


def test_a_size_without_a_price_is_said_to_have_none() -> None:
    (cost, _) = monthly_costs(
        Settings(client=Client(instance_type="z9.huge")), resources("AWS::AutoScaling::AutoScalingGroup"), read_prices()
    )[::-1]
    assert (cost.what, cost.price, cost.monthly) == ("instance z9.huge", None, None)


def test_the_dearest_comes_first() -> None:
    costs = [cost.monthly or 0 for cost in monthly_costs(Settings(), resources(), read_prices())]
    assert costs == sorted(costs, reverse=True)


def test_the_clients_disk_is_the_one_of_its_template() -> None:
    (machine,) = resources("AWS::EC2::LaunchTemplate")
    properties: Any = machine.stack.template.tree["Resources"][machine.name]["Properties"]
    (disk,) = properties["LaunchTemplateData"]["BlockDeviceMappings"]
    assert disk["Ebs"]["VolumeSize"] == CLIENT_VOLUME_GB


@pytest.mark.parametrize("text", ["", "region = 1", "[prices.x]\nusd = 1", "prices = {"])
def test_a_price_list_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / PRICES.name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"cannot read the prices in .*prices\.toml"):
        read_prices(file)
