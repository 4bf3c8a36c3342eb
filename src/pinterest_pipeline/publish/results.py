"""Answers and health measures for notebooks: tables and charts."""

from pyspark.sql import DataFrame, SparkSession

from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.charts import draw, html
from pinterest_pipeline.publish.health import HEALTH


def result(spark: SparkSession, lake: Lake, name: str) -> DataFrame:
    """Return the rows of an answer as *publish* wrote it, or of the current health measure.

    They are read once and then held by the driver, since a notebook shows them twice: as a chart and as a table. Either
    is small enough: an answer went through the driver when it was written, and a measure has at most a row for each
    hour of a week and entity, or for each rule of a field.

    Args:
        spark: The session.
        lake: Where the tables and views are.
        name: The answer or the measure.
    """
    answers = {answer.name: answer for answer in ANSWERS}
    if name in answers:
        rows = spark.table(lake.table(name)).orderBy(*answers[name].columns)
    else:
        measures = {measure.name: measure for measure in HEALTH}
        rows = spark.sql(measures[name].query(lake.table))
    return spark.createDataFrame(rows.toArrow(), rows.schema)


def chart(spark: SparkSession, lake: Lake, name: str) -> str:
    """Return the chart of an answer or of a measure of health, as HTML for `displayHTML`.

    Args:
        spark: The session.
        lake: Where the tables and views are.
        name: The answer, or a measure that is drawn.
    """
    return drawn(name, result(spark, lake, name))


def drawn(name: str, shown: DataFrame) -> str:
    """Return the same chart of rows that have been read.

    Args:
        name: The answer, or a measure that is drawn.
        shown: Its rows, as `result` returns them.
    """
    return html(draw(name, shown.collect()))
