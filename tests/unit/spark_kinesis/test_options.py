"""Options are Databricks' own, by name and default; what is wrong is said by name."""

from pathlib import Path

import pytest

from spark_kinesis.errors import OptionError
from spark_kinesis.options import NAMES, Credentials, Limits, Stream, parse
from spark_kinesis.positions import Latest, Since, TrimHorizon

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/pins"


def test_the_defaults_are_those_of_databricks() -> None:
    options = parse({"streamName": "pins"})
    assert options.initial == Latest()
    assert options.limits == Limits(10_000, 2**20, 0.4, 10.0, 20 * 2**30)
    assert (options.shards_per_task, options.shard_interval, options.fail_on_data_loss) == (5, 1.0, True)
    assert (options.region, options.endpoint, options.credentials) == ("", "", Credentials())


def test_names_are_the_same_in_upper_and_lower_case() -> None:
    assert parse({"STREAMNAME": "pins", "ShardsPerTask": "3"}).shards_per_task == 3


def test_several_streams_are_named_with_commas() -> None:
    assert parse({"streamName": "pins, geo"}).streams == (Stream("pins"), Stream("geo"))


def test_an_arn_names_the_stream_and_its_region() -> None:
    options = parse({"streamARN": ARN})
    assert (options.streams, options.region) == ((Stream("pins", ARN),), "eu-west-1")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("latest", Latest()),
        ("earliest", TrimHorizon()),
        ("TRIM_HORIZON", TrimHorizon()),
        ('{"at_timestamp": "2023-11-14T22:13:20Z"}', Since(1_700_000_000_000)),
        ('{"at_timestamp": "2023-11-14T22:13:20"}', Since(1_700_000_000_000)),
        (
            '{"at_timestamp": "11/14/2023 14:13:20 -0800", "format": "MM/dd/yyyy HH:mm:ss ZZZ"}',
            Since(1_700_000_000_000),
        ),
        (
            """{"at_timestamp": "2023-11-14T22:13:20.007Z", "format": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}""",
            Since(1_700_000_000_007),
        ),
        ('{"at_timestamp": "2023-11-14", "format": "yyyy-MM-dd"}', Since(1_699_920_000_000)),
    ],
)
def test_where_to_begin_can_be_said_in_several_ways(text: str, position: object) -> None:
    assert parse({"streamName": "pins", "initialPosition": text}).initial == position


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("initialPosition", "yesterday"),
        ("initialPosition", '{"at_timestamp": "soon"}'),
        ("initialPosition", '{"at_timestamp": "14.11.2023", "format": "yyyy-MM-dd"}'),
        ("initialPosition", '{"at_timestamp": "14 Nov", "format": "dd MMM"}'),
        ("initialPosition", '{"at_timestamp": "2023-11-14", "zone": "UTC"}'),
        ("initialPosition", '{"format": "yyyy"}'),
        ("initialPosition", "[]"),
        ("maxRecordsPerFetch", "0"),
        ("maxRecordsPerFetch", "10001"),
        ("maxFetchRate", "-1"),
        ("maxFetchRate", "nan"),
        ("minFetchPeriod", "400"),
        ("maxFetchDuration", "10 fortnights"),
        ("fetchBufferSize", "0gb"),
        ("shardsPerTask", "five"),
        ("shardFetchInterval", "-1s"),
        ("failOnDataLoss", "maybe"),
        ("endpoint", "localhost:4567"),
    ],
)
def test_a_wrong_value_is_said_with_its_options_name(name: str, text: str) -> None:
    with pytest.raises(OptionError, match=f"the option {name} must be"):
        parse({"streamName": "pins", name: text})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either the option streamName or streamARN; found neither"),
        ({"streamName": "pins", "streamARN": ARN}, "found both"),
        ({"streamName": "pins,,geo"}, "comma-separated names"),
        ({"streamName": "pins,pins"}, "each stream once"),
        ({"streamARN": "pins"}, "streamARN must look like arn:aws:kinesis"),
        ({"streamARN": f"{ARN},{ARN.replace('west', 'east')}"}, "streams of one region, found eu-east-1, eu-west-1"),
        ({"streamName": "pins", "consumerMode": "efo"}, "consumerMode must be polling"),
        ({"streamName": "pins", "serviceCredential": "mine"}, "serviceCredential needs Databricks"),
        ({"streamName": "pins", "awsAccessKey": "A"}, "awsAccessKey and awsSecretKey must be given together"),
        ({"streamName": "pins", "awsAccessKey": "A", "awsSecretKey": "B", "profile": "me"}, "not both"),
        ({"streamName": "pins", "initialPositon": "earliest"}, "did you mean initialPosition"),
        ({"streamName": "pins", "somethingElse": "1"}, "has no option somethingelse"),
    ],
)
def test_what_cannot_be_done_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse(given)


def test_the_documentation_names_every_option() -> None:
    page = Path(__file__).parents[3] / "packages" / "spark_kinesis" / "README.md"
    table = page.read_text().split("## Options")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    assert sorted(", ".join(first_cells).replace(" ", "").split(",")) == sorted(NAMES)


def test_options_of_enhanced_fan_out_mean_nothing_to_a_reader_that_polls() -> None:
    assert parse({"streamName": "pins", "consumerName": "me"}) == parse({"streamName": "pins"})


def test_no_secret_shows_where_options_are_printed() -> None:
    keys = {"awsAccessKey": "AKIA5", "awsSecretKey": "hush", "awsSessionToken": "quiet", "roleExternalId": "silent"}
    options = parse({"streamName": "pins", "roleArn": "arn:role"} | keys)
    assert options.credentials == Credentials("AKIA5", "hush", "quiet", "", "arn:role", "silent")
    assert not any(secret in repr(options) for secret in keys.values())
