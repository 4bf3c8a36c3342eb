# Databricks notebook source
# MAGIC %md
# MAGIC # Explore
# MAGIC
# MAGIC The questions and their answers, as the last run of *publish* left them. Nothing is written here. The button **+**
# MAGIC beside a result turns it into a chart.

# COMMAND ----------

# Deployed as files, the package lies beside the notebooks; where its wheel is installed nothing is added.
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
from pinterest_pipeline.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category is the most popular in each country?

# COMMAND ----------

display(spark.table(lake.table("q1_popular_category_by_country")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## How many posts did each category have each year, 2018 to 2022?

# COMMAND ----------

display(spark.table(lake.table("q2a_posts_by_year_and_category")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category was the most popular each year, 2018 to 2022?

# COMMAND ----------

display(spark.table(lake.table("q2b_popular_category_by_year")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who has the most followers in each country?

# COMMAND ----------

display(spark.table(lake.table("q3a_most_followed_user_by_country")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which country is the user with the most followers in?

# COMMAND ----------

display(spark.table(lake.table("q3b_country_of_most_followed_user")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which category is the most popular in each age group?

# COMMAND ----------

display(spark.table(lake.table("q4_popular_category_by_age_group")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count in each age group?

# COMMAND ----------

display(spark.table(lake.table("q5_median_followers_by_age_group")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## How many users joined each year, 2015 to 2020?

# COMMAND ----------

display(spark.table(lake.table("q6_users_joined_by_year")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count by joining year?

# COMMAND ----------

display(spark.table(lake.table("q7_median_followers_by_joining_year")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is the median follower count by joining year and age group?

# COMMAND ----------

display(spark.table(lake.table("q8_median_followers_by_joining_year_and_age_group")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Is it healthy?
# MAGIC
# MAGIC Every run of every stage, the newest first.

# COMMAND ----------

display(spark.table(lake.runs).orderBy("finished_at", ascending=False))
