"""Generated rows have the shape and the errors of real ones, and are the same for the same seed."""

from collections import Counter
from hashlib import sha256
from itertools import islice, pairwise
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from pinterest_pipeline.errors import SettingsError
from tooling.demo.sample_data.generator import MAX_ROWS, Row, Value, generate
from tooling.demo.sample_data.words import COUNTRIES

ROWS = 20_000
HARD_SPACE = "\u00a0"
each_entity = pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)


def rows_of(entity: Entity, rows: int, seed: int = 1) -> list[Row]:
    return [row for chunk in generate(entity, rows, seed) for row in chunk]


def columns_of(entity: Entity, rows: int = ROWS, seed: int = 1) -> dict[str, list[Value]]:
    columns = zip(*rows_of(entity, rows, seed), strict=True)
    return {column.name: list(values) for column, values in zip(entity.source, columns, strict=True)}


def digest(rows: int, seed: int) -> str:
    return sha256(repr([rows_of(entity, rows, seed) for entity in ENTITIES]).encode()).hexdigest()


@pytest.fixture(scope="module")
def pin() -> dict[str, list[Value]]:
    return columns_of(PIN)


@pytest.fixture(scope="module")
def geo() -> dict[str, list[Value]]:
    return columns_of(GEO)


@pytest.fixture(scope="module")
def user() -> dict[str, list[Value]]:
    return columns_of(USER)


def texts(values: list[Value]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def share(found: list[bool]) -> float:
    return sum(found) / len(found)


def people(user: dict[str, list[Value]]) -> list[tuple[Value, ...]]:
    return list(zip(user["first_name"], user["last_name"], user["age"], user["date_joined"], strict=True))


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    with get_context("spawn").Pool(1) as processes:
        assert processes.apply(digest, (ROWS, 5)) == digest(ROWS, 5)


@each_entity
def test_another_seed_gives_other_rows(entity: Entity) -> None:
    assert not set(rows_of(entity, 1_000, 1)) & set(rows_of(entity, 1_000, 2))


@each_entity
@settings(max_examples=20)
@given(rows=st.integers(0, 20_000), more=st.integers(0, 20_000), seed=st.integers(0, 2**64))
def test_the_first_rows_are_the_same_however_many_follow(entity: Entity, rows: int, more: int, seed: int) -> None:
    few = rows_of(entity, rows, seed)
    assert len(few) == rows
    assert list(islice(iter(rows_of(entity, rows + more, seed)), rows)) == few


def test_readers_that_take_turns_get_the_same_rows() -> None:
    chunks = zip(generate(USER, ROWS, 1), generate(USER, ROWS, 1), strict=True)
    assert all(chunk == same for chunk, same in chunks)


def test_memory_does_not_grow_with_the_rows() -> None:
    first, second = islice(generate(PIN, MAX_ROWS, 1), 2)
    assert len(first) == len(second) < 10_000


@pytest.mark.parametrize(("rows", "seed"), [(-1, 1), (MAX_ROWS + 1, 1), (1, -1)])
def test_what_is_out_of_range_is_refused_at_once(rows: int, seed: int) -> None:
    with pytest.raises(SettingsError, match="must be"):
        generate(PIN, rows, seed)


def test_keys_are_unique_and_have_gaps_and_the_tables_agree(
    pin: dict[str, list[Value]], geo: dict[str, list[Value]], user: dict[str, list[Value]]
) -> None:
    keys = [key for key in pin["index"] if isinstance(key, int)]
    assert keys == geo["ind"] == user["ind"]
    assert keys == sorted(set(keys))
    assert len(keys) * 4 < keys[-1] - keys[0] < len(keys) * 6
    assert len({after - before for before, after in pairwise(keys)}) > 5


def test_the_last_key_of_all_fits_the_declaration() -> None:
    limit = PIN.column("index").maximum
    assert limit is not None
    assert limit >= MAX_ROWS * 5


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("title", "No Title Data Available", 0.008),
        ("description", "No description available Story format", 0.07),
        ("description", "No description available", 0.015),
        ("poster_name", "User Info Error", 0.008),
        ("poster_name", None, 0.01),
        ("follower_count", "User Info Error", 0.008),
        ("tag_list", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", 0.016),
        ("is_image_or_video", "image", 0.90),
        ("is_image_or_video", "multi-video(story page format)", 0.07),
        ("is_image_or_video", "video", 0.03),
        ("image_src", "Image src error.", 0.025),
    ],
)
def test_a_value_has_its_share(pin: dict[str, list[Value]], column: str, value: str | None, expected: float) -> None:
    found = share([cell == value for cell in pin[column]])
    assert found == pytest.approx(expected, rel=0.25, abs=0.001)


def test_follower_counts_come_in_every_form(pin: dict[str, list[Value]]) -> None:
    counts = texts(pin["follower_count"])
    assert share([count.endswith("k") for count in counts]) == pytest.approx(0.74, abs=0.02)
    assert share([count.isdigit() for count in counts]) == pytest.approx(0.18, abs=0.02)
    assert share([count.endswith("M") for count in counts]) == pytest.approx(0.076, abs=0.015)
    assert {"1.2k", "1.2M"} <= set(counts)


def test_texts_end_in_spaces_and_hold_control_characters(pin: dict[str, list[Value]]) -> None:
    assert share([text.endswith(HARD_SPACE) for text in texts(pin["description"])]) == pytest.approx(0.36, abs=0.02)
    assert share([text.endswith(" ") for text in texts(pin["poster_name"])]) == pytest.approx(0.017, abs=0.005)
    control = [not text.isprintable() for text in texts(pin["title"])]
    assert share(control) == pytest.approx(0.002, abs=0.001)


def test_an_image_is_missing_exactly_where_it_was_not_downloaded(pin: dict[str, list[Value]]) -> None:
    without = [source == "Image src error." for source in pin["image_src"]]
    assert without == [downloaded == 0 for downloaded in pin["downloaded"]]


def test_every_post_is_saved_in_the_folder_of_one_of_13_categories(pin: dict[str, list[Value]]) -> None:
    assert len(set(pin["category"])) == 13
    assert pin["save_location"] == [f"Local save in /data/{category}" for category in pin["category"]]


def test_posts_have_three_to_nine_tags(pin: dict[str, list[Value]]) -> None:
    lists = [text.split(",") for text in texts(pin["tag_list"]) if not text.startswith("N,o")]
    assert {len(tags) for tags in lists} == set(range(3, 10))
    assert all(len(set(tags)) == len(tags) for tags in lists)


def test_ids_and_images_are_unique(pin: dict[str, list[Value]]) -> None:
    assert len(set(pin["unique_id"])) == ROWS
    assert Counter(pin["image_src"]).most_common(2)[1][1] == 1


def test_moments_and_numbers_lie_in_their_ranges(geo: dict[str, list[Value]], user: dict[str, list[Value]]) -> None:
    moments, joined = texts(geo["timestamp"]), texts(user["date_joined"])
    assert (min(moments)[:7], max(moments)[:7]) == ("2017-10", "2022-10")
    assert (min(joined)[:7], max(joined)[:7]) == ("2015-10", "2017-10")
    assert min(moments) > "2017-10-20"
    assert min(joined) > "2015-10-21"
    assert max(moments) < "2022-10-19"
    assert max(joined) < "2017-10-19"
    assert set(map(str, user["age"])) == set(map(str, range(20, 61)))


def test_countries_have_accents_commas_and_brackets(geo: dict[str, list[Value]]) -> None:
    assert set(geo["country"]) == set(COUNTRIES)
    assert len(COUNTRIES) == 237
    assert all(any(sign in country for country in COUNTRIES) for sign in "çéÅ,()'-")


def test_people_post_again_as_often_as_in_real_data(user: dict[str, list[Value]]) -> None:
    assert ROWS / len(set(people(user))) == pytest.approx(2_180 / 1_490, rel=0.01)


def test_some_names_belong_to_more_than_one_person(user: dict[str, list[Value]]) -> None:
    persons = {(first, last, *rest) for first, last, *rest in people(user)}
    assert len({person[:2] for person in persons}) < len(persons)


def test_a_person_lives_in_one_place_and_posts_under_one_name(
    pin: dict[str, list[Value]], geo: dict[str, list[Value]], user: dict[str, list[Value]]
) -> None:
    places = list(zip(geo["latitude"], geo["longitude"], geo["country"], strict=True))
    assert len(set(zip(people(user), places, strict=True))) == len(set(people(user)))
    posters = zip(people(user), pin["poster_name"], strict=True)
    names = {(person, name.strip()) for person, name in posters if isinstance(name, str) and name != "User Info Error"}
    assert len(names) == len({person for person, _ in names})


@pytest.mark.parametrize("rows", [3, 20, 1_000, ROWS])
@pytest.mark.parametrize("seed", range(5))
def test_every_size_has_people_who_tie_for_the_most_followers_of_a_country(rows: int, seed: int) -> None:
    country, followers = columns_of(GEO, rows, seed)["country"], columns_of(PIN, rows, seed)["follower_count"]
    most = Counter(where for where, count in zip(country, followers, strict=True) if count == "12M")
    assert max(most.values()) >= 2
    assert sum(most.values()) == 3


@pytest.mark.parametrize("seed", range(5))
def test_two_people_of_one_name_and_country_come_first(seed: int) -> None:
    one, other = rows_of(USER, 2, seed)
    assert one[1:3] == other[1:3]
    assert one[3:] != other[3:]
    here, there = rows_of(GEO, 2, seed)
    assert here[4] == there[4]
    first, second = columns_of(PIN, 2, seed)["category"]
    assert first != second
