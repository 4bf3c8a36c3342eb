"""The approximate monthly cost of resources that run all the time.

What is paid by use (requests, records, gigabytes stored and moved) comes on top; prices.toml has the source and
the date of each price.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.templates import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tooling.aws_setup.deployment import Resource
    from tooling.aws_setup.settings import Settings

PRICES = FOLDER / "prices.toml"


@dataclass(frozen=True)
class Price:
    """What one unit costs.

    Attributes:
        usd: US dollars.
        per: hour, month or GB-month.
        source: Where it is published.
        date: Of when it is.
    """

    usd: float
    per: str
    source: str
    date: str


@dataclass(frozen=True)
class Prices:
    """The price list.

    Attributes:
        region: The region that it holds for; others cost more, some twice as much.
        hours_per_month: What a month is.
        prices: Prices by what they are for.
    """

    region: str
    hours_per_month: float
    prices: Mapping[str, Price]


@dataclass(frozen=True)
class Cost:
    """One line of the table.

    Attributes:
        what: What is paid for.
        units: How many.
        price: What one costs; None where the list does not have it.
        monthly: US dollars a month; None where the price is not known.
    """

    what: str
    units: int
    price: Price | None
    monthly: float | None


def read_prices(path: Path = PRICES) -> Prices:
    """Read the price list.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        prices = {name: Price(**entry) for name, entry in content["prices"].items()}
        return Prices(content["region"], content["hours_per_month"], prices)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"cannot read the prices in {path}: {error}") from error


def monthly_costs(settings: Settings, resources: Iterable[Resource], prices: Prices) -> list[Cost]:
    """Return what a deployment's resources cost a month, the dearest first.

    Args:
        settings: The deployment's settings.
        resources: The resources.
        prices: The price list.
    """
    units: Counter[str] = Counter()
    for resource in resources:
        if not _is_free(resource):
            units.update(dict(PRICED.get(resource.kind, _nothing)(settings)))
    costs = [_cost(what, count, prices) for what, count in units.items()]
    return sorted(costs, key=lambda cost: -(cost.monthly or 0))


def _cost(what: str, units: int, prices: Prices) -> Cost:
    price = prices.prices.get(what)
    if price is None:
        return Cost(what, units, None, None)
    return Cost(what, units, price, price.usd * units * (prices.hours_per_month if price.per == "hour" else 1))


def _is_free(resource: Resource) -> bool:
    # Endpoints of the type Gateway cost nothing. Those of the type Interface cost their price in each of their subnets'
    # zones, and in these templates each of them has one subnet.
    declared = resource.stack.template.tree["Resources"].get(resource.name, {}).get("Properties", {})
    return resource.kind == "AWS::EC2::VPCEndpoint" and declared.get("VpcEndpointType") != "Interface"


Lines = Iterator[tuple[str, int]]


def _nothing(_: Settings) -> Lines:
    yield from ()


def _brokers(settings: Settings) -> Lines:
    brokers = settings.network.zones * settings.kafka.brokers_per_zone
    yield f"broker {settings.kafka.broker_type}", brokers
    yield "broker storage", brokers * settings.kafka.volume_gb
    if settings.kafka.monitoring == "PER_BROKER":
        yield "metric", brokers * BROKER_METRICS


def _serverless(settings: Settings) -> Lines:
    yield "serverless cluster", 1
    yield "serverless partition", 3 * settings.kafka.partitions


def _client(settings: Settings) -> Lines:
    yield f"instance {settings.client.instance_type}", settings.client.machines
    yield "volume", settings.client.machines * CLIENT_VOLUME_GB


def _stream(settings: Settings) -> Lines:
    if settings.streams.mode == "on-demand":
        yield "stream on-demand", 1
    else:
        yield "shard", settings.streams.shards


def _database(settings: Settings) -> Lines:
    copies = 2 if settings.database.multi_az else 1
    yield f"database {settings.database.instance_class}", copies
    yield "database storage", copies * settings.database.storage_gb


def _airflow(settings: Settings) -> Lines:
    yield f"airflow {settings.airflow.environment_class}", 1


def _connector(settings: Settings) -> Lines:
    yield "connect unit", settings.connector.worker_units


def _one(what: str) -> Callable[[Settings], Lines]:
    def lines(_: Settings) -> Lines:
        yield what, 1

    return lines


BROKER_METRICS = 60
"""About how many metrics a broker reports at the level PER_BROKER beyond the free ones; MSK's guide lists them."""

CLIENT_VOLUME_GB = 20
"""Disk of the client's machine, as its template has it."""

PRICED: Mapping[str, Callable[[Settings], Lines]] = {
    "AWS::AutoScaling::AutoScalingGroup": _client,
    "AWS::CloudWatch::Alarm": _one("alarm"),
    "AWS::CloudWatch::Dashboard": _one("dashboard"),
    "AWS::EC2::EIP": _one("public address"),
    "AWS::EC2::NatGateway": _one("nat gateway"),
    "AWS::EC2::VPCEndpoint": _one("endpoint zone"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _one("network load balancer"),
    "AWS::KMS::Key": _one("kms key"),
    "AWS::KafkaConnect::Connector": _connector,
    "AWS::Kinesis::Stream": _stream,
    "AWS::MSK::Cluster": _brokers,
    "AWS::MSK::ServerlessCluster": _serverless,
    "AWS::MWAA::Environment": _airflow,
    "AWS::RDS::DBInstance": _database,
    "AWS::SecretsManager::Secret": _one("secret"),
}
"""What each type of resource costs by being there; types that are not named cost nothing, or by use alone."""
