from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.publish.answers import ANSWERS, Answer
from pinterest_pipeline.publish.publishing import answered
from tests.support.answering import Post, Rows, ask, named, view
from tests.support.reference import REFERENCE

SEED = 20181021
CHOICES: dict[str, list[Any]] = {
    "category": ["art", "beauty", "finance", "tattoos", None],
    "poster_name": ["Wood Works", "Eyes", "Fjord & Sea", None],
    "follower_count": [0, 1, 766, 217_000, 2_000_000, 2_000_000, None],
    "country": ["Norway", "Cocos (Keeling) Islands", "Côte d'Ivoire", "Peru", None],
    "year": [2017, 2018, 2019, 2021, 2022, 2023, None],
    "user_name": ["Ada Berg", "Bo Dahl", "Åse Vik", None],
    "age": [None, 0, 17, 18, 24, 25, 35, 36, 50, 51, 60, 130],
    "joined": [2014, 2015, 2016, 2017, 2020, 2021, None],
}


def generated_posts(size: int) -> list[Post]:
    """Return posts drawn from a few values each, so that ties, repeated people and gaps are everywhere."""
    draw = np.random.default_rng(SEED)
    columns = [[choices[place] for place in draw.integers(len(choices), size=size)] for choices in CHOICES.values()]
    return [Post(*values) for values in zip(*columns, strict=True)]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_agrees_with_plain_python(spark: SparkSession, answer: Answer) -> None:
    posts = generated_posts(400)
    rows = answered(spark, answer, view(spark, posts))
    expected = REFERENCE[answer.name.partition("_")[0]](posts)
    assert rows.columns == list(answer.columns)
    assert sorted(map(tuple, rows.collect())) == sorted(expected)
    assert expected


def test_no_posts_give_no_answers(spark: SparkSession) -> None:
    empty = view(spark, [])
    assert [answer.name for answer in ANSWERS if answered(spark, answer, empty).collect()] == []


# Ties


@pytest.mark.parametrize(
    ("question", "place"), [("q1", "Norway"), ("q2b", 2018), ("q4", "25-35")], ids=["country", "year", "age group"]
)
def test_categories_that_tie_are_all_there(spark: SparkSession, question: str, place: object) -> None:
    posts = [
        Post("art"),
        Post("beauty"),
        Post("art"),
        Post("beauty"),
        Post("travel"),
        Post(None),
        Post(None),
        Post(None),
    ]
    assert ask(spark, question, *posts) == [(place, "art", 2), (place, "beauty", 2)]


def test_who_posts_often_is_named_once_and_all_who_tie_are_named(spark: SparkSession) -> None:
    wood, eyes = Post(poster_name="Wood Works", follower_count=9), Post(poster_name="Eyes", follower_count=9)
    rows = ask(spark, "q3a", wood, wood, wood, eyes, Post(poster_name="Small", follower_count=8))
    assert rows == [("Norway", "Eyes", 9), ("Norway", "Wood Works", 9)]


def test_who_has_no_name_or_no_count_leads_no_country(spark: SparkSession) -> None:
    posts = [Post(poster_name=None, follower_count=9), Post(follower_count=None), Post(country=None, follower_count=8)]
    assert ask(spark, "q3a", *posts, Post(follower_count=0)) == [("Norway", "Wood Works", 0)]


def test_the_most_followed_user_may_be_in_several_countries(spark: SparkSession) -> None:
    posts = [Post(country=country, follower_count=9) for country in ("Peru", "Norway", "Peru")]
    assert ask(spark, "q3b", *posts, Post(country="Chad", follower_count=8)) == [("Norway", 9), ("Peru", 9)]


# Age groups


def test_an_age_group_has_both_its_ends(spark: SparkSession) -> None:
    posts = [Post(age=age, follower_count=age) for age in (18, 24, 25, 35, 36, 50, 51, 130)]
    assert ask(spark, "q5", *posts) == [("18-24", 21.0), ("25-35", 30.0), ("36-50", 43.0), ("50+", 90.5)]


@pytest.mark.parametrize("question", ["q4", "q5", "q8"])
def test_an_unknown_age_or_one_below_18_belongs_to_no_group(spark: SparkSession, question: str) -> None:
    assert ask(spark, question, Post(age=None), Post(age=17), Post(age=0)) == []


# People


def test_one_person_with_many_posts_counts_once(spark: SparkSession) -> None:
    assert ask(spark, "q6", Post(country="Peru"), Post(category="art"), Post(poster_name="Eyes")) == [(2016, 1)]


def test_two_people_may_share_a_name(spark: SparkSession) -> None:
    assert ask(spark, "q6", Post(age=30), Post(age=31), Post(age=None), Post(joined=2017)) == [(2016, 3), (2017, 1)]


def test_a_person_without_a_name_or_an_age_is_still_a_person(spark: SparkSession) -> None:
    assert ask(spark, "q6", Post(user_name=None, age=None), Post(user_name=None, age=None)) == [(2016, 1)]


# Years


def test_joining_years_are_2015_to_2020_where_people_are_counted(spark: SparkSession) -> None:
    rows = ask(spark, "q6", *(Post(joined=year) for year in (2014, 2015, 2020, 2021, None)))
    assert rows == [(2015, 1), (2020, 1)]


@pytest.mark.parametrize("question", ["q2a", "q2b"])
def test_posting_years_are_2018_to_2022_and_a_year_without_posts_has_no_row(spark: SparkSession, question: str) -> None:
    rows = ask(spark, question, *(Post(year=year) for year in (2017, 2018, 2022, 2023, None)))
    assert rows == [(2018, "art", 1), (2022, "art", 1)]


def test_medians_are_there_for_every_joining_year_that_has_one(spark: SparkSession) -> None:
    posts = [Post(joined=2014), Post(joined=2021), Post(joined=2016, follower_count=None), Post(joined=None)]
    assert ask(spark, "q7", *posts) == [(2014, 100.0), (2021, 100.0)]


# Medians


def medians(rows: Rows) -> list[object]:
    return [row[-1] for row in rows]


@pytest.mark.parametrize("question", ["q5", "q7", "q8"])
def test_a_median_lies_between_the_middle_two_and_ignores_unknown_counts(spark: SparkSession, question: str) -> None:
    posts = [Post(follower_count=count) for count in (1, 2, 5, 1_000_000, None, None, None)]
    assert medians(ask(spark, question, *posts)) == [3.5]


@pytest.mark.parametrize(
    ("questions", "without"),
    [
        (("q1", "q2a", "q2b", "q3a", "q3b"), ("user",)),
        (("q4", "q5", "q7", "q8"), ("geo",)),
        (("q6",), ("pin", "geo")),
    ],
)
def test_an_answer_needs_no_row_in_a_table_that_its_question_is_not_about(
    spark: SparkSession, questions: Sequence[str], without: Sequence[str]
) -> None:
    whole = {question: ask(spark, question, Post()) for question in questions}
    lacking = view(spark, [Post()], *without)
    found = {question: answered(spark, named(question), lacking).collect() for question in questions}
    assert {question: [tuple(row) for row in rows] for question, rows in found.items()} == whole
    assert all(whole.values())


def test_a_post_without_its_row_in_another_table_is_left_out(spark: SparkSession) -> None:
    for name, question in (("geo", "q1"), ("user", "q4"), ("pin", "q7")):
        assert answered(spark, named(question), view(spark, [Post()], name)).collect() == []
