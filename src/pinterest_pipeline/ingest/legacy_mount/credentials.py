"""The AWS keys that the legacy mount needs, from a secret scope or from the uploaded credential file's table.

Prefer a secret scope: its values are redacted in every notebook, and read access to them can be granted and revoked.
The table is the uploaded CSV file of the AWS console. An external location needs neither.
"""

from typing import Protocol

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import KEY_COLUMNS, SCOPE_NAMES, AwsKeys


class Secrets(Protocol):
    """The part of `dbutils.secrets` that is used."""

    def get(self, scope: str, key: str) -> str:
        """Return one secret's value."""
        ...


class HasSecrets(Protocol):
    """The part of `dbutils` that is used."""

    @property
    def secrets(self) -> Secrets:
        """The secrets of the workspace."""
        ...


def read_keys(spark: SparkSession, dbutils: HasSecrets, scope: str, table: str) -> AwsKeys:
    """Read the keys from the secret scope if one is given, else from the table of the credential file.

    Raises:
        StageError: The keys cannot be read, or are invalid.
    """
    return keys_from_scope(dbutils, scope) if scope else keys_from_table(spark, table)


def keys_from_table(spark: SparkSession, table: str) -> AwsKeys:
    """Read the keys from the Delta table that the credential file was uploaded to.

    Args:
        spark: The session.
        table: The table's name, or its folder; a value with a slash is a folder.

    Raises:
        StageError: There is no such table, it has other columns, or it does not hold exactly one pair of keys.
    """
    try:
        rows = _open(spark, table)
        columns = rows.columns
    except AnalysisException as error:
        raise StageError(
            f"expected the AWS keys in the Delta table {table!r}, but it cannot be read; upload the credential file "
            "to it, or name a secret scope"
        ) from error
    if not set(KEY_COLUMNS) <= set(columns):
        raise StageError(
            f"expected the columns {_listed(KEY_COLUMNS)} in {table!r}, found {_listed(columns)}; upload the file "
            "as downloaded from the AWS console, with its header"
        )
    pairs = rows.select(*(f"`{column}`" for column in KEY_COLUMNS)).limit(2).collect()
    if len(pairs) != 1:
        found = "no row" if not pairs else "several rows"
        raise StageError(f"expected one pair of AWS keys in {table!r}, found {found}; keep only the row that is in use")
    access_key_id, secret_access_key = ((value or "").strip() for value in pairs[0])
    return AwsKeys(access_key_id, secret_access_key)


def keys_from_scope(dbutils: HasSecrets, scope: str) -> AwsKeys:
    """Read the keys from a secret scope, by the names in `SCOPE_NAMES`.

    Args:
        dbutils: The notebook's `dbutils`.
        scope: The scope's name.

    Raises:
        StageError: The scope or one of the secrets does not exist, or cannot be read.
    """
    try:
        access_key_id, secret_access_key = (dbutils.secrets.get(scope=scope, key=name) for name in SCOPE_NAMES)
    except Exception as error:
        raise StageError(
            f"expected the secrets {_listed(SCOPE_NAMES)} in the scope {scope!r}, but they cannot be read; store "
            "them with `databricks secrets put-secret`, and request read access to the scope"
        ) from error
    return AwsKeys(access_key_id.strip(), secret_access_key.strip())


def _open(spark: SparkSession, table: str) -> DataFrame:
    return spark.read.format("delta").load(table) if "/" in table else spark.read.table(table)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(repr(name) for name in names)
