# Databricks notebook source
# MAGIC %md
# MAGIC # Publish
# MAGIC
# MAGIC Computes the answers from the clean tables: one SQL file and one Delta table for each. An answer without changes is not
# MAGIC written. It stages rows beside the checkpoints, so it needs to write to their volume.
# MAGIC
# MAGIC **Run it** after *refine* or *stream* to update the answers; the task *publish* of the job *batch* does the same every
# MAGIC night.

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
dbutils.widgets.text("checkpoints", "/Volumes/main/pinterest/checkpoints", "Checkpoints")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.publish.publishing import publish

publish(spark, lake, dbutils.widgets.get("checkpoints"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rows written by each run
# MAGIC
# MAGIC The latest 1,000 runs, newest first.

# COMMAND ----------

runs = spark.table(lake.runs).where("stage = 'publish'")

display(runs.orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The answers
# MAGIC
# MAGIC In the order of the questions; the notebook `explore` shows each as a chart under its question.

# COMMAND ----------

from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.results import result

for answer in ANSWERS:
    display(result(spark, lake, answer.name))
