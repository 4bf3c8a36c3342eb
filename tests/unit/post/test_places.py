"""Rows by their places: what a random order needs of a source."""

from pathlib import Path

import pytest

from pinterest_pipeline.entities import GEO, PIN, USER
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.posts import Posts
from pinterest_pipeline.post.source.opening import Source, open_source
from tests.support.posting import database, execute, folder_of, json_rows, read, row, sqlite_url


@pytest.fixture(params=["database", "folder"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """A source of 25 pins and no other row."""
    if request.param == "folder":
        return open_source(str(folder_of(tmp_path, pin=["", *json_rows(PIN, 25)])))
    return open_source(database(tmp_path, pin=[row(PIN, number) for number in range(25)]), {})


def test_every_row_has_one_place(source: Source) -> None:
    places = list(source.places(PIN))

    assert [key for key, _ in places] == list(range(25))
    assert len({position for _, position in places}) == 25


def test_a_row_is_the_same_by_its_place_as_on_a_page(source: Source) -> None:
    positions = [position for _, position in source.places(PIN)][::-3]

    rows = source.rows_at(PIN, positions)

    assert [record for (record,) in rows] == read(source, PIN)[::-3]


def test_a_table_without_rows_has_no_places(source: Source) -> None:
    assert list(source.places(USER)) == []


def test_more_keys_than_are_asked_for_at_once_are_all_found(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(
        url,
        "INSERT INTO geolocation_data WITH RECURSIVE n(i) AS (SELECT -7 UNION ALL SELECT i + 1 FROM n WHERE i < 20003) "
        "SELECT i, '', 1, 1, '' FROM n",
    )

    assert [key for key, _ in open_source(url, {}).places(GEO)] == list(range(-7, 20004))


def test_rows_that_share_a_key_share_a_place_in_a_database(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(
        url,
        "DROP TABLE user_data",
        "CREATE TABLE user_data (ind INTEGER, first_name TEXT, last_name TEXT, age INTEGER, date_joined TEXT)",
        "INSERT INTO user_data (ind) VALUES (1), (2), (2), (4)",
    )
    source = open_source(url, {})

    assert list(source.places(USER)) == [(1, 1), (2, 2), (4, 4)]
    assert [[record.key for record in rows] for rows in source.rows_at(USER, [2, 4, 3])] == [[2, 2], [4], []]


def test_a_row_without_a_key_would_be_passed_over_and_is_refused(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(
        url,
        "DROP TABLE user_data",
        "CREATE TABLE user_data (ind INTEGER, first_name, last_name, age, date_joined)",
        "INSERT INTO user_data VALUES (NULL, 'a', 'b', 1, '')",
    )

    with pytest.raises(SourceError, match="have no ind"):
        list(open_source(url, {}).places(USER))


@pytest.mark.parametrize("changed", [[], ["a longer line than before"], [" " * 100]])
def test_a_file_that_changed_under_its_places_is_noticed(tmp_path: Path, changed: list[str]) -> None:
    source = open_source(str(folder_of(tmp_path, geo=["a", "b"])))
    positions = [position for _, position in source.places(GEO)]
    folder_of(tmp_path, geo=changed)

    with pytest.raises(SourceError, match=r"geo\.jsonl has changed"):
        source.rows_at(GEO, positions)


def test_posts_join_the_three_tables_by_key_whatever_their_order(tmp_path: Path) -> None:
    lines = {
        "pin": ['{"index":3}', '{"index":1}', '{"index":2}'],
        "geo": ['{"ind":"2"}', "no json", '{"ind":3}'],
        "user": ['{"ind":1.0}', '{"ind":3,"a":1}', '{"ind":3,"a":2}'],
    }
    posts = Posts(open_source(str(folder_of(tmp_path, **lines))))

    found = [[f"{entity.name} {record.value}" for entity, record in post] for post in posts.read(range(len(posts)))]

    assert found == [
        ['pin {"index":1}', 'user {"ind":1.0}'],
        ['pin {"index":2}', 'geo {"ind":"2"}'],
        ['pin {"index":3}', 'geo {"ind":3}', 'user {"ind":3,"a":1}', 'user {"ind":3,"a":2}'],
        ['geo "no json"'],
    ]


def test_a_post_deleted_since_is_left_out(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path, 3)
    posts = Posts(open_source(url, {}))
    execute(url, 'DELETE FROM pinterest_data WHERE "index" = 2', "DELETE FROM user_data WHERE ind = 2")

    assert [len(post) for post in posts.read([0, 1, 2])] == [3, 1, 3]
