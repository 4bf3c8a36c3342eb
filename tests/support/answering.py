"""Posts as rows of the clean tables, and the answers about them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import GEO, PIN, USER, Entity
from pinterest_pipeline.publish import publishing
from pinterest_pipeline.publish.answers import ANSWERS, Answer

Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Post:
    """The columns of one post that the answers read: one row in each clean table."""

    category: str | None = "art"
    poster_name: str | None = "Wood Works"
    follower_count: int | None = 100
    country: str | None = "Norway"
    year: int | None = 2018
    user_name: str | None = "Ada Berg"
    age: int | None = 30
    joined: int | None = 2016


def midsummer(year: int | None) -> datetime | None:
    return None if year is None else datetime(year, 6, 21, tzinfo=UTC)


def view(spark: SparkSession, posts: Iterable[Post], *without: str) -> str:
    """Make the view that answers read, over clean tables of these posts, and return its name.

    Args:
        spark: The session.
        posts: The posts.
        without: Clean tables that have no rows.
    """
    parts = tables(spark, posts)
    for name in without:
        spark.table(parts[name]).limit(0).createOrReplaceTempView(f"asked_no_{name}")
        parts[name] = f"asked_no_{name}"
    publishing.posts(spark, parts).createOrReplaceTempView("asked_posts")
    return "asked_posts"


def tables(spark: SparkSession, posts: Iterable[Post]) -> dict[str, str]:
    """Make the three clean tables of these posts, and return their names."""
    numbered = list(enumerate(posts))
    return {
        "pin": _table(spark, PIN, [vars(p) | {"ind": ind} for ind, p in numbered]),
        "geo": _table(spark, GEO, [vars(p) | {"ind": ind, "timestamp": midsummer(p.year)} for ind, p in numbered]),
        "user": _table(
            spark, USER, [vars(p) | {"ind": ind, "date_joined": midsummer(p.joined)} for ind, p in numbered]
        ),
    }


def _table(spark: SparkSession, entity: Entity, rows: list[dict[str, object]]) -> str:
    columns = pa.table({column.name: [row.get(column.name) for row in rows] for column in entity.clean})
    frame = spark.createDataFrame(columns, ", ".join(f"`{column.name}` {column.type}" for column in entity.clean))
    frame.createOrReplaceTempView(f"asked_{entity.name}")
    return f"asked_{entity.name}"


def publish_only(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
    """Publish answers about users alone, in a lake that has only their tables."""
    monkeypatch.setattr(publishing, "ANSWERS", answers)
    monkeypatch.setattr(publishing, "posts_sql", lambda: "SELECT *, YEAR(date_joined) AS year_joined FROM {user}")


def named(question: str) -> Answer:
    """Return the answer whose name begins so."""
    return next(answer for answer in ANSWERS if answer.name.startswith(f"{question}_"))


def ask(spark: SparkSession, question: str, *posts: Post) -> Rows:
    """Answer a question, such as `q2a`, about these posts."""
    return [tuple(row) for row in publishing.answered(spark, named(question), view(spark, posts)).collect()]
