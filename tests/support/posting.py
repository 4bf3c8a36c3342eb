"""Small sources and settings for tests that post."""

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy

from pinterest_pipeline.entities import ENTITIES, Entity, Kind, Names
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.batch import PostSettings
from pinterest_pipeline.post.records import Place, Record
from pinterest_pipeline.post.source.opening import Source, source_table
from pinterest_pipeline.post.stream import StreamSettings
from tests.support.fake_api import FakeApi

NAMES = Names("abc123")
QUICK = Pace(records_per_request=10, in_flight=3, tries=4, first_wait=0.001, longest_wait=0.002)
_EXAMPLES: dict[Kind, Any] = {
    Kind.INTEGER: 1,
    Kind.FLAG: 1,
    Kind.REAL: 1.5,
    Kind.TEXT: "a text",
    Kind.COUNT: "17k",
    Kind.TIMESTAMP: datetime.fromisoformat("2018-08-24 07:56:22"),
}


def row(entity: Entity, key: int, **other: object) -> dict[str, Any]:
    """Make a whole row with this key."""
    return {column.name: _EXAMPLES[column.kind] for column in entity.source} | {entity.key: key} | other


def fill(engine: sqlalchemy.Engine, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Make the three tables and insert rows by entity name."""
    for entity in ENTITIES:
        table = source_table(entity)
        table.metadata.create_all(engine)
        if rows.get(entity.name):
            with engine.begin() as connection:
                connection.execute(table.insert(), rows[entity.name])


def sqlite_url(folder: Path, count: int) -> str:
    """Make an SQLite source of `count` rows a table, with keys 0, 2, 4 and so on, and return its URL."""
    url = f"sqlite:///{folder / 'source.db'}"
    engine = sqlalchemy.create_engine(url)
    fill(engine, {entity.name: [row(entity, 2 * number) for number in range(count)] for entity in ENTITIES})
    engine.dispose()
    return url


def folder_of(folder: Path, **lines: list[str]) -> Path:
    """Make a source folder with these lines in its files."""
    for entity in ENTITIES:
        (folder / f"{entity.name}.jsonl").write_text("".join(f"{line}\n" for line in lines.get(entity.name, [])))
    return folder


def json_rows(entity: Entity, count: int) -> list[str]:
    """Make whole rows as lines of a source file."""
    return [json.dumps(row(entity, number), default=str) for number in range(count)]


def post_settings(api: FakeApi, folder: Path, pace: Pace = QUICK, *, restart: bool = False) -> PostSettings:
    """Make settings that post to the fake API and keep their files in the folder."""
    return PostSettings(
        api=api.url,
        names=NAMES,
        progress=folder / "progress.json",
        dead_letters=folder / "dead-letters.jsonl",
        pace=pace,
        restart=restart,
    )


def read(source: Source, entity: Entity, after: Place | None = None, size: int = 500) -> list[Record]:
    """Read all rows that follow a place."""
    return [record for page in source.pages(entity, after, size) for record in page.records]


def database(folder: Path, **rows: list[dict[str, Any]]) -> str:
    """Make an SQLite source of these rows and return its URL."""
    url = f"sqlite:///{folder / 'source.db'}"
    fill(sqlalchemy.create_engine(url), rows)
    return url


def execute(url: str, *statements: str) -> None:
    """Change a database."""
    with sqlalchemy.create_engine(url).begin() as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))


def stream_settings(
    api: FakeApi, folder: Path, *, count: int | None = None, pace: Pace = QUICK, one_at_a_time: bool = False
) -> StreamSettings:
    """Make settings that post to the fake API's streams as fast as it takes the rows."""
    return StreamSettings(
        api=api.url,
        names=NAMES,
        count=count,
        rate=0,
        one_at_a_time=one_at_a_time,
        dead_letters=folder / "dead-letters.jsonl",
        pace=pace,
        linger=0.02,
    )


def refused_in_one_line(done: subprocess.CompletedProcess[str], message: str) -> bool:
    """Return whether a script rejected its input: exit code 2 and one line with this text, no traceback."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return done.returncode == 2 and len(errors) == 1 and message in errors[0] and "Traceback" not in done.stderr
