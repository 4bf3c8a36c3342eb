"""The JSON schemas take what posting sends and turn away what refine would."""

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from pinterest_pipeline.contracts.schemas import json_schema
from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from tooling.demo.sample_data.generator import generate

Record = dict[str, object]


def record_of(entity: Entity) -> Record:
    names = [column.name for column in entity.source]
    return dict(zip(names, next(generate(entity, 1, 7))[0], strict=True))


def accepts(entity: Entity, record: Record) -> bool:
    return Draft4Validator(json_schema(entity)).is_valid(record)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_is_a_schema_of_draft_4_and_of_the_newest(entity: Entity) -> None:
    Draft4Validator.check_schema(json_schema(entity))
    Draft202012Validator.check_schema(json_schema(entity))


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_accepts_every_generated_row(entity: Entity) -> None:
    names = [column.name for column in entity.source]
    validator = Draft4Validator(json_schema(entity))
    rows = [row for chunk in generate(entity, 2_000, 3) for row in chunk]
    assert [row for row in rows if not validator.is_valid(dict(zip(names, row, strict=True)))] == []


@pytest.mark.parametrize(
    ("entity", "field", "value"),
    [
        (PIN, "index", None),
        (PIN, "index", "33"),
        (PIN, "index", 2**31),
        (PIN, "is_image_or_video", "hologram"),
        (PIN, "downloaded", 2),
        (PIN, "title", 5),
        (GEO, "latitude", 91),
        (GEO, "longitude", -180.5),
        (GEO, "timestamp", 1534),
        (USER, "age", -3),
        (USER, "age", 131),
        (USER, "age", 30.5),
    ],
)
def test_rejects_a_wrong_value(entity: Entity, field: str, value: object) -> None:
    assert not accepts(entity, record_of(entity) | {field: value})


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_rejects_a_record_without_a_required_field(entity: Entity) -> None:
    whole = record_of(entity)
    for column in entity.source:
        rest = {name: value for name, value in whole.items() if name != column.name}
        assert accepts(entity, rest) is not column.required


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_only_the_key_must_have_a_value(entity: Entity) -> None:
    for column in entity.source:
        assert accepts(entity, record_of(entity) | {column.name: None}) is (column.name != entity.key)


def test_accepts_fields_that_nobody_declared() -> None:
    assert accepts(USER, record_of(USER) | {"shoe_size": 42})


@pytest.mark.parametrize("value", [[], "text", 5, None])
def test_rejects_what_is_no_object(value: object) -> None:
    assert not Draft4Validator(json_schema(USER)).is_valid(value)
