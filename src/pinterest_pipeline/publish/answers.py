"""The ten answers to the eight questions: name, title and columns; the SQL is in a file of the same name."""

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        name: The name of its SQL file and its table.
        title: The question in a person's words.
        columns: Its columns in order.
    """

    name: str
    title: str
    columns: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The query, with the placeholder `{posts}` for what it reads."""
        return _sql(self.name)


def posts_sql() -> str:
    """Return the query of what all answers read, with the placeholders `{pin}`, `{geo}` and `{user}`."""
    return _sql("posts")


def _sql(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


ANSWERS = (
    Answer(
        "q1_popular_category_by_country",
        "Which category is the most popular in each country?",
        ("country", "category", "category_count"),
    ),
    Answer(
        "q2a_posts_by_year_and_category",
        "How many posts did each category have each year, 2018 to 2022?",
        ("post_year", "category", "category_count"),
    ),
    Answer(
        "q2b_popular_category_by_year",
        "Which category was the most popular each year, 2018 to 2022?",
        ("post_year", "category", "category_count"),
    ),
    Answer(
        "q3a_most_followed_user_by_country",
        "Who has the most followers in each country?",
        ("country", "poster_name", "follower_count"),
    ),
    Answer(
        "q3b_country_of_most_followed_user",
        "Which country is the user with the most followers in?",
        ("country", "follower_count"),
    ),
    Answer(
        "q4_popular_category_by_age_group",
        "Which category is the most popular in each age group?",
        ("age_group", "category", "category_count"),
    ),
    Answer(
        "q5_median_followers_by_age_group",
        "What is the median follower count in each age group?",
        ("age_group", "median_follower_count"),
    ),
    Answer(
        "q6_users_joined_by_year",
        "How many users joined each year, 2015 to 2020?",
        ("post_year", "number_users_joined"),
    ),
    Answer(
        "q7_median_followers_by_joining_year",
        "What is the median follower count by joining year?",
        ("post_year", "median_follower_count"),
    ),
    Answer(
        "q8_median_followers_by_joining_year_and_age_group",
        "What is the median follower count by joining year and age group?",
        ("age_group", "post_year", "median_follower_count"),
    ),
)
