"""The project's mapping templates preserve every text, and render as in API Gateway."""

import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pinterest_pipeline.entities import ENTITIES, Entity
from tooling.demo.sample_data.generator import generate
from tooling.local_cloud.api_gateway.api_document import read_api
from tooling.local_cloud.api_gateway.integrations import JSON, AwsAction, Deployment
from tooling.local_cloud.api_gateway.mapping_templates import UTIL, Input, Parameters, Template
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.errors import LocalCloudError

API = read_api(DOCUMENT.read_text(encoding="utf-8"), Deployment({"restProxy": "proxy:8082"}, "us-east-1"))
BREAKING_OUT = (
    '","Data":"x',
    '"}],"StreamName":"other","Records":[{"Data":"","PartitionKey":"',
    "\\",
    '\\"',
    "\\'",
    "it's",
    "a/b",
    "\u0000\u0001\u001f\u007f\u0085\u2028\u2029\ufeff",
    "\t\r\n\b\f",
    "\U0001f600\ud7ff\ue000",
    "$x ${x} $!x #set($x = 1) #end #if(true) ## #* *#",
    "$input.body $util.base64Encode('x') $context",
    "__FORMAL_REFERENCE__REPLACE_TEXT__",
)


def render(method: str, path: str, body: object, stream: str = "clicks") -> dict[str, object]:
    """Return the body that goes to Kinesis."""
    found = API.find(method, path)
    assert found is not None
    action = found[0].integration
    assert isinstance(action, AwsAction)
    source = Input(json.dumps(body).encode(), Parameters(path={"stream-name": stream}))
    made: dict[str, object] = json.loads(action.requests[JSON].render(source, {}, {}))
    return made


def put_record(data: str, key: str, stream: str = "clicks") -> dict[str, object]:
    return render("PUT", "/streams/x/record", {"Data": data, "PartitionKey": key}, stream)


def put_records(records: list[tuple[str, str]]) -> dict[str, object]:
    body = {"records": [{"data": data, "partition-key": key} for data, key in records]}
    return render("PUT", "/streams/x/records", body)


def as_kinesis_wants(data: str, key: str) -> dict[str, str]:
    return {"Data": base64.b64encode(data.encode()).decode(), "PartitionKey": key}


@given(st.text(), st.text(), st.text())
def test_any_data_key_and_stream_name_arrive_as_one_record(data: str, key: str, stream: str) -> None:
    assert put_record(data, key, stream) == {"StreamName": stream, **as_kinesis_wants(data, key)}


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4))
@example([(text, text) for text in BREAKING_OUT])
def test_any_records_arrive_in_order_and_none_becomes_another(records: list[tuple[str, str]]) -> None:
    wanted = [as_kinesis_wants(data, key) for data, key in records]
    assert put_records(records) == {"StreamName": "clicks", "Records": wanted}


@pytest.mark.parametrize("text", BREAKING_OUT)
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    assert put_record(text, text, text) == {"StreamName": text, **as_kinesis_wants(text, text)}


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
@pytest.mark.parametrize("text", BREAKING_OUT)
def test_such_a_text_in_every_field_of_a_row_arrives_to_the_letter(entity: Entity, text: str) -> None:
    row = json.dumps({column.name: text for column in entity.source}, ensure_ascii=False)
    assert put_records([(row, "7")])["Records"] == [as_kinesis_wants(row, "7")]


def test_generated_rows_arrive_to_the_letter() -> None:
    for entity in ENTITIES:
        names = [column.name for column in entity.source]
        rows = [json.dumps(dict(zip(names, row, strict=True))) for row in next(generate(entity, 100, 3))]
        records = [(row, str(number)) for number, row in enumerate(rows)]
        assert put_records(records)["Records"] == [as_kinesis_wants(*record) for record in records]


@pytest.mark.parametrize(
    ("method", "path", "body", "made"),
    [
        ("GET", "/streams", {}, {}),
        ("GET", "/streams/x", {}, {"StreamName": "clicks"}),
        ("DELETE", "/streams/x", {}, {"StreamName": "clicks"}),
        ("POST", "/streams/x", {"ShardCount": 2}, {"StreamName": "clicks", "ShardCount": 2}),
    ],
)
def test_the_other_routes_name_the_stream_of_the_path(
    method: str, path: str, body: object, made: Mapping[str, object]
) -> None:
    assert render(method, path, body) == made


def test_escapes_are_those_of_java() -> None:
    escaped = UTIL["escapeJavaScript"]("\"'\\/\n\u0001\x7f\u00e9\u2028\U0001f600\ud800")
    assert escaped == "\\\"\\'\\\\\\/\\n\\u0001\x7f\\u00E9\\u2028\\uD83D\\uDE00\\uD800"


def test_half_a_surrogate_pair_becomes_a_question_mark_as_in_java() -> None:
    assert UTIL["base64Encode"]("a\ud800b") == base64.b64encode(b"a?b").decode()


@pytest.mark.parametrize(
    ("name", "given_text", "made"),
    [
        ("base64Decode", "w6k=", "\u00e9"),
        ("urlEncode", "a b&\u00e9", "a+b%26%C3%A9"),
        ("urlDecode", "a+b%26%C3%A9", "a b&\u00e9"),
        ("parseJson", '{"a": [1]}', {"a": [1]}),
    ],
)
def test_the_other_conversions(name: str, given_text: str, made: object) -> None:
    assert UTIL[name](given_text) == made


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": [{"b-c": 1.50}], "d": None}),
        ("$.a[0].b-c", 1.5),
        ("$.a[0]['b-c']", 1.5),
        ("$.a[1]", None),
        ("$.x.y", None),
        ("$.d", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_nothing(path: str, value: object) -> None:
    source = Input(b'{"a": [{"b-c": 1.50}], "d": null}', Parameters())
    assert source.path(path) == value
    assert source.json(path) == ("" if value is None else json.dumps(value, separators=(",", ":")))


@pytest.mark.parametrize("path", ["$..a", "$.a[*]", "a", "$.a[?(@.b)]", "$."])
def test_paths_with_more_than_names_and_positions_are_refused(path: str) -> None:
    with pytest.raises(LocalCloudError, match="names and positions"):
        Input(b"{}", Parameters()).path(path)


def test_a_parameter_is_looked_for_in_path_query_and_headers() -> None:
    source = Input(b"", Parameters({"a": "path"}, {"a": "query", "b": "query"}, {"b": "header", "c": "header"}))
    assert [source.params(name) for name in "abcd"] == ["path", "query", "header", ""]
    assert source.params() == {
        "path": {"a": "path"},
        "querystring": {"a": "query", "b": "query"},
        "header": {"b": "header", "c": "header"},
    }


def test_an_absent_body_is_an_empty_object() -> None:
    template = Template("$input.json('$')|$input.body|$stageVariables.there|$context.httpMethod")
    assert template.render(Input(b"", Parameters()), {"httpMethod": "GET"}, {"there": "here"}) == "{}||here|GET"


def test_what_is_no_template_is_refused_at_the_start() -> None:
    with pytest.raises(LocalCloudError, match="not a mapping template"):
        Template("#foreach($x in $y)")


def test_a_template_that_fails_does_not_tell_what_was_in_the_body() -> None:
    with pytest.raises(LocalCloudError, match="the mapping template failed") as failure:
        Template("$util.parseJson($input.body)").render(Input(b"secret", Parameters()), {}, {})
    assert "secret" not in str(failure.value)
