"""Answers and health measures for notebooks: tables and charts."""

from pyspark.sql import DataFrame, SparkSession

from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.charts import draw, html
from pinterest_pipeline.publish.health import HEALTH


def result(spark: SparkSession, lake: Lake, name: str) -> DataFrame:
    """Return the rows of an answer as *publish* wrote it, or of the current health measure.

    Either is small enough for the driver: an answer went through it when it was written, and a measure has at most a
    row for each hour of a week and entity, or for each rule of a field.

    Args:
        spark: The session.
        lake: Where the tables and views are.
        name: The answer or the measure.
    """
    answers = {answer.name: answer for answer in ANSWERS}
    if name in answers:
        return spark.table(lake.table(name)).orderBy(*answers[name].columns)
    measures = {measure.name: measure for measure in HEALTH}
    return spark.sql(measures[name].query(lake.table))


def chart(spark: SparkSession, lake: Lake, name: str) -> str:
    """Return the chart of an answer or of a measure of health, as HTML for `displayHTML`.

    Args:
        spark: The session.
        lake: Where the tables and views are.
        name: The answer, or a measure that is drawn.
    """
    return html(draw(name, result(spark, lake, name).collect()))
