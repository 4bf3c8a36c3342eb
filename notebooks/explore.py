# Databricks notebook source
# MAGIC %md
# MAGIC # Explore
# MAGIC
# MAGIC The questions with their answers from the last run of *publish*, and the pipeline's health, each as a chart and a table.
# MAGIC This notebook writes nothing.
# MAGIC
# MAGIC **Run it** any time after *publish*, on a cluster or on serverless compute. It needs read access to the answers,
# MAGIC `runs` and the views.

# COMMAND ----------

# Deployed as files, the package is next to the notebooks; if its wheel is installed, the path stays as it is.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pinterest_pipeline") is None:
    sys.path.append(str(Path.cwd().parent / "src"))

# COMMAND ----------

dbutils.widgets.text("catalog", "main", "Catalog")
dbutils.widgets.text("schema", "pinterest", "Schema")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.publish.results import drawn, result


def show(name):
    """Show an answer or a health measure: the chart, then all rows."""
    shown = result(spark, lake, name)
    displayHTML(drawn(name, shown))
    display(shown)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category is the most popular in each country?
# MAGIC
# MAGIC Ties are kept. The chart shows the countries with the most posts, the table all countries.

# COMMAND ----------

show("q1_popular_category_by_country")

# COMMAND ----------

# MAGIC %md
# MAGIC ## How many posts did each category have each year, 2018 to 2022?
# MAGIC
# MAGIC Years are in UTC.

# COMMAND ----------

show("q2a_posts_by_year_and_category")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category was the most popular each year, 2018 to 2022?

# COMMAND ----------

show("q2b_popular_category_by_year")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who has the most followers in each country?
# MAGIC
# MAGIC Ties are kept. The chart shows the countries whose users have the most followers, the table all countries.

# COMMAND ----------

show("q3a_most_followed_user_by_country")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which country is the user with the most followers in?
# MAGIC
# MAGIC A user who posts from several countries has one row for each.

# COMMAND ----------

show("q3b_country_of_most_followed_user")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category is the most popular in each age group?

# COMMAND ----------

show("q4_popular_category_by_age_group")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count in each age group?
# MAGIC
# MAGIC The median is over posts: a user with two posts counts twice.

# COMMAND ----------

show("q5_median_followers_by_age_group")

# COMMAND ----------

# MAGIC %md
# MAGIC ## How many users joined each year, 2015 to 2020?
# MAGIC
# MAGIC A user is a person, identified by name, age and joining date.

# COMMAND ----------

show("q6_users_joined_by_year")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count by joining year?

# COMMAND ----------

show("q7_median_followers_by_joining_year")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count by joining year and age group?

# COMMAND ----------

show("q8_median_followers_by_joining_year_and_age_group")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Newest record and records of the last 24 hours
# MAGIC
# MAGIC Batch and stream together.

# COMMAND ----------

show("newest_records")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Records in quarantine by rule
# MAGIC
# MAGIC A record that breaks several rules is counted under each. The notebook `refine` shows the records.

# COMMAND ----------

show("rejections_by_rule")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rows that refine read, by day
# MAGIC
# MAGIC The last 30 days, batch and stream together.

# COMMAND ----------

show("rows_by_day")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Stream latency from arrival to commit: 99th percentile by hour, in seconds
# MAGIC
# MAGIC Up to the commit of the clean row, over the last seven days. Empty without records from the streams.

# COMMAND ----------

show("stream_latency")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Last run of each stage

# COMMAND ----------

display(result(spark, lake, "last_runs"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Every run
# MAGIC
# MAGIC The latest 1,000 runs, newest first.

# COMMAND ----------

display(spark.table(lake.runs).orderBy("finished_at", ascending=False).limit(1000))
