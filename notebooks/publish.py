# Databricks notebook source
# MAGIC %md
# MAGIC # Publish
# MAGIC
# MAGIC Answers the questions from the clean tables: one SQL file and one Delta table each. Where nothing has changed since the
# MAGIC last time, nothing is written.
# MAGIC
# MAGIC **Run it** after *refine* or *stream*, when the answers are to have what is new; the task *publish* of the job *batch*
# MAGIC does the same every night.

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
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.publish.publishing import publish

publish(spark, lake)

# COMMAND ----------

# MAGIC %md
# MAGIC ## What each run wrote
# MAGIC
# MAGIC The newest 1,000, the newest first.

# COMMAND ----------

runs = spark.table(lake.runs).where("stage = 'publish'")

display(runs.orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The answers
# MAGIC
# MAGIC In the order of the questions; the notebook `explore` draws them, each under its question.

# COMMAND ----------

from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.results import result

for answer in ANSWERS:
    display(result(spark, lake, answer.name))
