"""What analysts read: views without personal data where a table has some, and what they are granted.

A view and not a column mask: the jobs merge into the table under it and read its older versions, which a mask forbids.
Who reads a view needs no right on its tables.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from pinterest_pipeline.lake.tables import Lake, literal, quoted
from pinterest_pipeline.publish.answers import ANSWERS

_PERSON = "user_name"
_MASK = "***"


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        name: Its name in the schema.
        about: Its comment.
        query: The SQL that it stands for.
    """

    name: str
    about: str
    query: str


def views(lake: Lake) -> tuple[View, ...]:
    """Return every view of the schema.

    Args:
        lake: Where the tables are.
    """
    return (
        View("user_masked", f"{USER.about} Without names of people.", _masked(lake)),
        View(
            "arrivals",
            "When each record arrived, and how; one row a raw record, without its text.",
            _of_each(lake, _arrived),
        ),
        View(
            "rejections",
            "Why records are in quarantine; one row a reason, without the record's text.",
            _of_each(lake, _rejected),
        ),
    )


def create_views(spark: SparkSession, lake: Lake) -> None:
    """Create or replace the views; existing grants on them stay.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for view in views(lake):
        spark.sql(f"CREATE OR REPLACE VIEW {lake.table(view.name)} COMMENT {literal(view.about)} AS {view.query}")


def grants(lake: Lake, group: str) -> Iterator[str]:
    """Yield a statement for each table and view that analysts read: clean, answers, runs, and no record as it arrived.

    Args:
        lake: Where they are.
        group: The group of the analysts.
    """
    readable = [PIN.name, GEO.name, *(view.name for view in views(lake)), "runs", *(answer.name for answer in ANSWERS)]
    for name in readable:
        yield f"GRANT SELECT ON TABLE {lake.table(name)} TO {quoted(group)}"


def share(spark: SparkSession, lake: Lake, group: str) -> None:
    """Grant the analysts read access; needs Unity Catalog.

    Args:
        spark: The session.
        lake: Where the tables are.
        group: The group of the analysts.
    """
    for statement in grants(lake, group):
        spark.sql(statement)


def _masked(lake: Lake) -> str:
    # An unknown name stays unknown. Undeclared fields may contain anything, and are omitted.
    masked = f"IF({_PERSON} IS NULL, NULL, {literal(_MASK)}) AS {_PERSON}"
    return _select(lake.clean(USER), *(masked if each.name == _PERSON else quoted(each.name) for each in USER.clean))


def _arrived(lake: Lake, entity: Entity) -> str:
    return _select(lake.raw(entity), _named(entity), "origin", "arrived_at")


def _rejected(lake: Lake, entity: Entity) -> str:
    exploded = f"{lake.quarantine(entity)} LATERAL VIEW inline(rejections) rejection"
    return _select(exploded, _named(entity), "rejection.column AS field", "rule", "origin", "arrived_at")


def _of_each(lake: Lake, query: Callable[[Lake, Entity], str]) -> str:
    return " UNION ALL ".join(query(lake, entity) for entity in ENTITIES)


def _named(entity: Entity) -> str:
    return f"{literal(entity.name)} AS entity"


def _select(table: str, *columns: str) -> str:
    return " ".join(("SELECT", ", ".join(columns), "FROM", table))
