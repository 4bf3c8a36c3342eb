"""The request models: what they accept and reject, their reasons, and that the document is up to date."""

import json
import time

import pytest
from jsonschema import Draft4Validator

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.request_models import MARK, request_models, with_models
from tooling.demo.sample_data.generator import generate
from tooling.local_cloud.api_gateway.request_validation import RequestModel
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.errors import LocalCloudError

MODELS = request_models()
ROW = '{"index": 33}'


def refusal(model: str, body: object) -> str | None:
    return RequestModel(MODELS[model]).refusal(json.dumps(body).encode())


def record(data: object = ROW, key: object = "33") -> str | None:
    return refusal("Record", {"Data": data, "PartitionKey": key})


def records(count: int) -> str | None:
    return refusal("Records", {"records": [{"data": ROW, "partition-key": "33"}] * count})


def test_the_document_has_todays_models() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == with_models(document), "run: uv run python scripts/api_models.py"


def test_a_document_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(SettingsError, match="must have this line"):
        with_models(DOCUMENT.read_text(encoding="utf-8").replace(MARK, ""))


@pytest.mark.parametrize("name", MODELS)
def test_each_is_a_schema_of_draft_4_that_api_gateway_takes(name: str) -> None:
    Draft4Validator.check_schema(MODELS[name])
    for keyword in ("anyOf", "oneOf", "additionalProperties", "exclusiveMinimum", "$ref"):
        assert f'"{keyword}"' not in json.dumps(MODELS[name])


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_generated_row_passes(entity: Entity) -> None:
    names = [column.name for column in entity.source]
    rows = [json.dumps(dict(zip(names, row, strict=True))) for row in next(generate(entity, 500, 3))]
    batch = [{"data": row, "partition-key": str(number)} for number, row in enumerate(rows)]
    assert refusal("Records", {"records": batch}) is None


@pytest.mark.parametrize("data", [' \n\t{"x": "y", "ind" : 5}', '{"note": "\\"ind\\": 1", "index":1}', '{"ind":null}'])
def test_what_names_a_key_passes_for_the_pipeline_judges_the_rest(data: str) -> None:
    assert record(data) is None


@pytest.mark.parametrize("data", ["", "hello", "[1]", '{"age": 5}', '"index": 5', '{"note": "\\"ind\\": 1"}', "{}"])
def test_what_is_no_object_with_a_key_is_refused(data: str) -> None:
    reason = record(data)
    assert reason is not None
    assert reason.startswith("[ECMA 262 regex ")


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        (
            {"index": 33},
            "33",
            '[instance type (object) does not match any allowed primitive type (allowed: ["string"])]',
        ),
        (ROW, 33, '[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]'),
        (ROW, "", '[string "" is too short (length: 0, required minimum: 1)]'),
    ],
)
def test_a_refusal_names_its_reason(data: object, key: object, reason: str) -> None:
    assert record(data, key) == reason


def test_a_long_text_is_refused_by_its_beginning() -> None:
    reason = record(ROW, "k" * 257)
    assert reason == f'[string "{"k" * 200}..." is too long (length: 257, maximum allowed: 256)]'
    assert record(ROW, "k" * 256) is None


@pytest.mark.parametrize("count", [1, 500])
def test_a_request_may_have_1_to_500_records(count: int) -> None:
    assert records(count) is None


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (0, "[array is too short: must have at least 1 elements but instance has 0 elements]"),
        (501, "[array is too long: must have at most 500 elements but instance has 501 elements]"),
    ],
)
def test_a_request_without_records_or_with_too_many_is_refused(count: int, reason: str) -> None:
    assert records(count) == reason


def test_one_mistake_in_every_record_is_one_reason() -> None:
    assert refusal("Records", {"records": [{"data": ROW}] * 500}) == (
        '[object has missing required properties (["partition-key"])]'
    )


def test_millions_of_records_are_refused_before_all_are_read() -> None:
    began = time.process_time()
    reason = RequestModel(MODELS["Records"]).refusal(b'{"records":[' + b"0," * 1_000_000 + b"0]}")
    assert time.process_time() - began < 5
    assert str(reason).startswith(
        "[array is too long: must have at most 500 elements but instance has 1000001 elements"
    )


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"Data": NaN}'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert RequestModel(MODELS["Record"]).refusal(body) == "[the body is not JSON in UTF-8]"


@pytest.mark.parametrize(
    ("shards", "passes"),
    [(1, True), (20_000, True), (0, False), (20_001, False), ("2", False), (1.5, False), (None, False)],
)
def test_a_new_stream_has_from_one_shard_to_the_largest_quota(*, shards: object, passes: bool) -> None:
    assert (refusal("NewStream", {"ShardCount": shards}) is None) is passes


@pytest.mark.parametrize("piece", ['"', "{", " ", '"ind" ', '"inde', "\\"])
def test_a_megabyte_is_checked_at_once_whatever_is_in_it(piece: str) -> None:
    megabyte = "{" + piece * (1_000_000 // len(piece))
    begin = time.perf_counter()
    assert record(megabyte) is not None
    assert time.perf_counter() - begin < 2


def test_a_record_is_a_megabyte_with_its_key_at_most() -> None:
    assert record(ROW + " " * (2**20 - 1 - len(ROW))) is None
    assert "is too long" in (record(ROW + " " * (2**20 - len(ROW))) or "")


def test_what_is_no_schema_is_refused_at_the_start() -> None:
    with pytest.raises(LocalCloudError, match="not a request model"):
        RequestModel({"type": "text"})
