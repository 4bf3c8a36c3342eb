"""The output of a demo: the account in the terminal, the answers as CSV files."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from pinterest_pipeline.files import replacing
from tooling.demo.accounting import Account
from tooling.demo.report import AnswerRows, Flow

COLUMNS = (
    ("source", "source"),
    ("posted", "posted"),
    ("dead letters", "dead"),
    ("in Kafka", "kafka"),
    ("in S3", "landed"),
    ("sent to streams", "sent"),
    ("in Kinesis", "kinesis"),
    ("raw", "raw"),
    ("clean", "clean"),
    ("quarantined", "quarantined"),
    ("replaced", "replaced"),
)
"""The stages in the rows' order: their titles, and the attributes of the account."""


def account_table(accounts: Sequence[Account]) -> Table:
    """Return the account as a table for the terminal: a row a stage, a column an entity.

    Args:
        accounts: One an entity.
    """
    table = Table("rows", *(account.entity.name for account in accounts))
    for column in table.columns[1:]:
        column.justify = "right"
    for title, attribute in COLUMNS:
        table.add_row(title, *(f"{getattr(account, attribute):,}" for account in accounts))
    return table


def flows(accounts: Sequence[Account]) -> tuple[Flow, ...]:
    """Return the account for the report: one flow per stage.

    Args:
        accounts: One an entity.
    """
    return tuple(
        Flow(title, {account.entity.name: getattr(account, attribute) for account in accounts})
        for title, attribute in COLUMNS
    )


def write_answers(answers: Sequence[AnswerRows], folder: Path) -> None:
    """Write one CSV file with a header per answer; the folder replaces an earlier one in one step.

    Args:
        answers: The answers and their rows.
        folder: Where the files go.
    """
    with replacing(folder) as draft:
        draft.mkdir()
        for found in answers:
            with (draft / f"{found.answer.name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(found.answer.columns)
                writer.writerows(found.rows)
