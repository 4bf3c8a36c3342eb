import json
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from pinterest_pipeline.refine.rules import count, judge, timestamp
from tests.support.judged import WHITE_SPACE, cleaned, judged, read, reasons, verdicts
from tests.support.landed import record

MARKERS = [(column.name, marker) for column in PIN.source for marker in column.missing]


def instants(spark: SparkSession, *texts: str) -> list[int | None]:
    """Read each text as a moment, in microseconds since 1970."""
    return read(spark, sf.unix_micros(timestamp(sf.col("text"))), *texts)


def without(entity: Entity, field: str) -> dict[str, object]:
    return {name: value for name, value in record(entity).items() if name != field}


# Good records


def test_a_good_record_becomes_a_row_of_the_declared_columns(spark: SparkSession) -> None:
    for entity in ENTITIES:
        frame = judge(
            spark.createDataFrame(pa.table({"payload": [json.dumps(record(entity))]}), "payload STRING"), entity
        )
        declared = [(column.name, column.type.lower()) for column in entity.clean]
        assert frame.dtypes[1 : 1 + len(declared)] == declared
        assert frame.collect()[0]["rejections"] == []


def test_the_key_is_renamed_and_the_names_are_joined(spark: SparkSession) -> None:
    assert verdicts(spark, PIN, record(PIN, index=33))[0]["ind"] == 33
    assert verdicts(spark, USER, record(USER, first_name="Ada", last_name="Berg"))[0]["user_name"] == "Ada Berg"


def test_coordinates_are_latitude_then_longitude_or_nothing(spark: SparkSession) -> None:
    rows = verdicts(spark, GEO, record(GEO, latitude=-47.5, longitude=118.25), record(GEO, latitude=None))
    assert [row["coordinates"] for row in rows] == [[-47.5, 118.25], None]


# Missing values


def test_every_marker_empty_text_and_null_become_null(spark: SparkSession) -> None:
    changes: list[dict[str, object]] = [{field: text} for field, text in MARKERS]
    changes += [{field: f"\xa0{text}\t"} for field, text in MARKERS]
    changes += [{column.name: empty} for column in PIN.source[1:] for empty in ("", " \xa0", None)]
    rows = verdicts(spark, PIN, *(record(PIN, **change) for change in changes))
    left = [(change, row[name]) for change, row in zip(changes, rows, strict=True) for name in change if name in row]
    assert [(change, value) for change, value in left if value is not None] == []
    assert [row["reasons"] for row in rows] == [[]] * len(rows)


def test_a_marker_means_missing_only_in_its_own_column_and_only_as_a_whole(spark: SparkSession) -> None:
    texts = ["User Info Error", "no title data available", "No Title Data Available!", "None", "null"]
    assert cleaned(spark, PIN, "title", "title", *texts) == texts


def test_a_name_without_its_other_half_is_the_half_that_is_there(spark: SparkSession) -> None:
    assert cleaned(spark, USER, "first_name", "user_name", None, " ") == ["Berg", "Berg"]
    nobody = verdicts(spark, USER, record(USER, first_name=None, last_name=""))[0]
    assert (nobody["user_name"], nobody["reasons"]) == (None, [])


# Texts


def test_white_space_of_every_kind_is_trimmed_around_and_kept_inside(spark: SparkSession) -> None:
    texts = [f"{white}a{white}b{white}" for white in WHITE_SPACE]
    assert cleaned(spark, PIN, "title", "title", *texts) == [f"a{white}b" for white in WHITE_SPACE]


def test_the_prefix_of_a_folder_is_stripped_where_it_stands_in_front(spark: SparkSession) -> None:
    folders = {
        "Local save in /data/art": "/data/art",
        " Local save in\xa0/data/art ": "/data/art",
        "Local save in Local save in /data/art": "/data/art",
        "/data/art": "/data/art",
        "/data/Local save in /art": "/data/Local save in /art",
        "Local save into": "Local save into",
        "Local save in ": None,
        "Local save in": None,
    }
    assert cleaned(spark, PIN, "save_location", "save_location", *folders) == list(folders.values())


def test_a_text_that_looks_like_json_is_a_text(spark: SparkSession) -> None:
    texts = ['{"a": 1}', "[1, 2]", "{", "[tag]", '{"title": []}', "{}", "[]"]
    assert cleaned(spark, PIN, "title", "title", *texts) == texts


def test_an_object_or_array_in_a_text_column_is_a_wrong_type(spark: SparkSession) -> None:
    assert reasons(spark, PIN, "title", {"a": 1}, [1, 2], {}, []) == [
        ['title: expected a text, got {"a":1}'],
        ["title: expected a text, got [1,2]"],
        ["title: expected a text, got {}"],
        ["title: expected a text, got []"],
    ]


def test_an_object_that_names_a_field_twice_is_still_no_text(spark: SparkSession) -> None:
    line = json.dumps(record(USER, first_name="?")).replace('"?"', '{"a": 1, "a": 2}')
    assert verdicts(spark, USER, line)[0]["reasons"] == ['first_name: expected a text, got {"a":1,"a":2}']


def test_a_long_wrong_value_is_shown_in_part(spark: SparkSession) -> None:
    shown = reasons(spark, USER, "age", "9" * 80 + "x", "x" * 80)
    assert shown == [
        ["age: expected a whole number, got " + "9" * 80 + "…"],
        ["age: expected a whole number, got " + "x" * 80],
    ]


def test_the_kind_of_media_is_one_of_three(spark: SparkSession) -> None:
    kinds = ["image", "video", "multi-video(story page format)"]
    assert cleaned(spark, PIN, "is_image_or_video", "is_image_or_video", *kinds) == kinds
    assert reasons(spark, PIN, "is_image_or_video", "Image", "gif") == [
        [f"is_image_or_video: expected one of image, multi-video(story page format), video, got {kind}"]
        for kind in ("Image", "gif")
    ]


# Counts


def test_k_is_a_thousand_and_m_a_million_decimals_included(spark: SparkSession) -> None:
    counts = {
        "766": 766,
        "0": 0,
        "217k": 217_000,
        "2M": 2_000_000,
        "1.2k": 1_200,
        "1.2M": 1_200_000,
        "1.2345k": 1_235,
        "1.2344k": 1_234,
        "0.5": 1,
        "3K": 3_000,
        "3m": 3_000_000,
        "3 k": 3_000,
        "3 M": 3_000_000,
        "999999999999M": 999_999_999_999_000_000,
    }
    assert read(spark, count(sf.col("text")), *counts) == list(counts.values())


def test_what_is_no_count_is_none(spark: SparkSession) -> None:
    texts = [
        "k",
        "M",
        "1.k",
        ".5k",
        "1.2.3k",
        "-5k",
        "+5",
        "1,200",
        "5kk",
        "5km",
        "5b",
        "1e3",
        "٣k",
        "1" * 13,
        "k5",
    ]
    assert read(spark, count(sf.col("text")), *texts) == [None] * len(texts)


def test_a_count_that_is_none_is_turned_away(spark: SparkSession) -> None:
    assert reasons(spark, PIN, "follower_count", "many", -5, 766) == [
        ["follower_count: expected a count such as 766, 217k or 1.2M, got many"],
        ["follower_count: expected a count such as 766, 217k or 1.2M, got -5"],
        [],
    ]


# Timestamps


def test_all_spellings_of_a_moment_are_one_moment(spark: SparkSession) -> None:
    spellings = [
        "2018-08-24 07:56:22",
        "2018-08-24T07:56:22",
        "2018-08-24 07:56:22Z",
        "2018-08-24T07:56:22Z",
        "2018-08-24T07:56:22.0",
        "2018-08-24T07:56:22.000000Z",
        "2018-08-24T09:56:22+02:00",
        "2018-08-24 02:26:22.000-05:30",
    ]
    assert set(instants(spark, *spellings)) == {1_535_097_382_000_000}


def test_fractions_are_kept_to_the_microsecond(spark: SparkSession) -> None:
    texts = ["1970-01-01 00:00:00.5", "1970-01-01T00:00:00.000001Z", "1970-01-01 00:00:00.123456789"]
    assert instants(spark, *texts) == [500_000, 1, 123_456]


def test_a_moment_that_never_was_is_none(spark: SparkSession) -> None:
    texts = [
        "2018-02-30 00:00:00",
        "2019-02-29 00:00:00",
        "2018-13-01 00:00:00",
        "2018-00-10 00:00:00",
        "2018-08-24 24:00:00",
        "2018-08-24 23:60:00",
        "2018-08-24 23:59:60",
        "2018-08-24 07:56:22+19:00",
    ]
    assert instants(spark, *texts) == [None] * len(texts)


def test_another_spelling_is_no_moment(spark: SparkSession) -> None:
    texts = [
        "2018-08-24",
        "07:56:22",
        "24.08.2018 07:56:22",
        "2018-8-24 7:56:22",
        "1535097382",
        "now",
        "2018-08-24 07:56",
    ]
    texts += ["2018-08-24 07:56:22 Europe/Oslo", "2018-08-24  07:56:22", "epoch", "2018-08-24 07:56:22z"]
    assert instants(spark, *texts) == [None] * len(texts)


def test_the_leap_day_of_a_leap_year_is_a_moment(spark: SparkSession) -> None:
    assert instants(spark, "2020-02-29 00:00:00") == [1_582_934_400_000_000]


@pytest.fixture
def elsewhere(spark: SparkSession) -> Iterator[SparkSession]:
    spark.conf.set("spark.sql.session.timeZone", "America/St_Johns")
    yield spark
    spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_the_time_zone_of_the_session_changes_no_moment(elsewhere: SparkSession) -> None:
    assert instants(elsewhere, "2018-08-24 07:56:22", "2018-08-24T09:56:22+02:00") == [1_535_097_382_000_000] * 2


def test_a_moment_that_is_none_is_turned_away(spark: SparkSession) -> None:
    assert reasons(spark, GEO, "timestamp", "2018-02-30 00:00:00", 1_535_097_382) == [
        ["timestamp: expected a timestamp such as 2018-08-24 07:56:22, got 2018-02-30 00:00:00"],
        ["timestamp: expected a timestamp such as 2018-08-24 07:56:22, got 1535097382"],
    ]


# Numbers and their limits


def test_a_whole_number_may_come_as_a_float_or_a_text(spark: SparkSession) -> None:
    assert cleaned(spark, USER, "age", "age", 36, 36.0, "36", " 36 ", "36.0", "3.6e1") == [36] * 6


def test_what_is_no_whole_number_is_turned_away(spark: SparkSession) -> None:
    values = {36.5: "36.5", "old": "old", True: "true", "0x24": "0x24", "३६": "३६", "1,0": "1,0"}
    assert reasons(spark, USER, "age", *values, [36], {"years": 36}) == [
        [f"age: expected a whole number, got {shown}"] for shown in [*values.values(), "[36]", '{"years":36}']
    ]


@pytest.mark.parametrize(
    ("entity", "field", "inside", "outside"),
    [
        (USER, "age", (0, 130), (-1, 131)),
        (GEO, "latitude", (-90, 90), (-90.0001, 90.0001)),
        (GEO, "longitude", (-180, 180), (-180.0001, 180.0001)),
    ],
)
def test_a_limit_itself_is_possible_and_the_next_value_is_not(
    spark: SparkSession, entity: Entity, field: str, inside: tuple[int, int], outside: tuple[float, float]
) -> None:
    expected = "{} to {}".format(*inside)
    assert reasons(spark, entity, field, *inside, *outside) == [
        [],
        [],
        *([f"{field}: expected {expected}, got {value}"] for value in outside),
    ]


def test_a_coordinate_beyond_every_number_is_turned_away(spark: SparkSession) -> None:
    good = json.dumps(record(GEO, latitude=0.5))
    huge, words = good.replace("0.5", "1e400"), good.replace("0.5", '"NaN"')
    assert [len(row["reasons"]) for row in verdicts(spark, GEO, huge, words)] == [1, 1]


def test_a_flag_may_come_as_a_number_or_as_a_truth_value(spark: SparkSession) -> None:
    assert reasons(spark, PIN, "downloaded", 0, 1, True, False, "1", 1.0, None) == [[]] * 7
    assert reasons(spark, PIN, "downloaded", 2, -1, "yes") == [
        [f"downloaded: expected 1 or 0, true or false, got {shown}"] for shown in (2, -1, "yes")
    ]


# Keys


def test_a_key_is_a_whole_number_that_fits(spark: SparkSession) -> None:
    assert cleaned(spark, PIN, "index", "ind", 0, 2**31 - 1, "7", 7.0) == [0, 2**31 - 1, 7, 7]
    assert reasons(spark, PIN, "index", -1, 2**31, 2**70, "seven", None, "") == [
        ["index: expected 0 to 2147483647, got -1"],
        ["index: expected 0 to 2147483647, got 2147483648"],
        ["index: expected a whole number, got 1180591620717411303424"],
        ["index: expected a whole number, got seven"],
        ["index: the key is missing"],
        ["index: the key is missing"],
    ]


def test_a_record_without_its_key_is_turned_away(spark: SparkSession) -> None:
    for entity in ENTITIES:
        [row] = verdicts(spark, entity, without(entity, entity.key))
        assert row["reasons"] == [f"{entity.key}: the key is missing"]


# Fields


def test_a_field_that_is_not_there_is_a_reason_where_it_is_required(spark: SparkSession) -> None:
    for entity in ENTITIES:
        columns = [column for column in entity.source if column.name != entity.key]
        rows = verdicts(spark, entity, *(without(entity, column.name) for column in columns))
        expected = [[f"{column.name}: the field is missing"] if column.required else [] for column in columns]
        assert [row["reasons"] for row in rows] == expected


def test_old_rows_without_a_poster_are_good(spark: SparkSession) -> None:
    [row] = verdicts(spark, PIN, without(PIN, "poster_name"))
    assert (row["poster_name"], row["reasons"]) == (None, [])


def test_unknown_fields_are_kept_aside_as_texts(spark: SparkSession) -> None:
    rows = verdicts(
        spark, USER, record(USER, nickname="Ad", height=1.8, tags=["a", {"b": None}], gone=None), record(USER)
    )
    assert [row["_extra"] for row in rows] == [
        {"nickname": "Ad", "height": "1.8", "tags": '["a",{"b":null}]', "gone": None},
        None,
    ]
    assert [row["reasons"] for row in rows] == [[], []]


def test_a_field_in_another_case_is_another_field(spark: SparkSession) -> None:
    [row] = verdicts(spark, USER, without(USER, "age") | {"Age": 36})
    assert (row["reasons"], row["_extra"]) == (["age: the field is missing"], {"Age": "36"})


def test_a_field_that_is_there_twice_is_a_reason(spark: SparkSession) -> None:
    line = json.dumps(record(USER))[:-1] + ', "age": 37}'
    assert verdicts(spark, USER, line)[0]["reasons"] == ["payload: a field is there more than once"]


def test_every_reason_is_named(spark: SparkSession) -> None:
    wrong = without(GEO, "country") | {"ind": "x", "latitude": 91, "longitude": "east", "timestamp": "yesterday"}
    assert verdicts(spark, GEO, wrong)[0]["reasons"] == [
        "ind: expected a whole number, got x",
        "timestamp: expected a timestamp such as 2018-08-24 07:56:22, got yesterday",
        "latitude: expected -90 to 90, got 91",
        "longitude: expected a number, got east",
        "country: the field is missing",
    ]


# Lines


def test_a_line_that_is_not_one_object_is_turned_away_as_a_whole(spark: SparkSession) -> None:
    good = json.dumps(record(USER))
    lines = ["", " ", "null", "[]", "true", "12", '"a text"', f"[{good}]", "plain text", good[:-1], good[1:]]
    lines += [f"{good} tail", f"{good}{good}", f"{good} {good}", f"{good},{good}", f"{good}]", f"{good},", f"x{good}"]
    lines += [good.replace('"', "'"), good.replace("36", "NaN"), good.replace("36", "036"), json.dumps(good), "\x00"]
    rows = verdicts(spark, USER, *lines)
    assert [row["reasons"] for row in rows] == [
        ["payload: expected one JSON object, got " + (line if len(line) <= 80 else line[:80] + "…")] for line in lines
    ]


def test_white_space_around_the_object_does_no_harm(spark: SparkSession) -> None:
    assert verdicts(spark, USER, f" \t{json.dumps(record(USER))}\r ")[0]["reasons"] == []


def test_a_record_without_any_text_is_turned_away(spark: SparkSession) -> None:
    assert judged(spark, USER, [None])[0]["reasons"] == ["payload: expected one JSON object, got nothing"]
