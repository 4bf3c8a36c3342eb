# Databricks notebook source
# MAGIC %md
# MAGIC # Refine
# MAGIC
# MAGIC Validates new raw records and merges them into the clean tables, one row for each key: the newest record wins. An invalid
# MAGIC record goes to quarantine, unchanged, with every reason. The notebook `stream` processes the records from Kinesis.
# MAGIC
# MAGIC **Run it** after *ingest*; the task *refine* of the job *batch* does the same every night.
# MAGIC
# MAGIC **Replay** validates all records in quarantine again; use it after a rule has changed.

# COMMAND ----------

# Deployed as files, the package is next to the notebooks; if its wheel is installed, the path stays as it is.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pinterest_pipeline") is None:
    sys.path.append(str(Path.cwd().parent / "src"))

    # The batch function runs in another process, which cannot import from that folder: the package is pickled with the
    # function instead.
    import pinterest_pipeline
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(pinterest_pipeline)

# COMMAND ----------

dbutils.widgets.text("catalog", "main", "Catalog")
dbutils.widgets.text("schema", "pinterest", "Schema")
dbutils.widgets.text("checkpoints", "/Volumes/main/pinterest/checkpoints", "Checkpoints")
dbutils.widgets.dropdown("replay", "no", ["no", "yes"], "Replay quarantine")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.refine.merging import refine
from pinterest_pipeline.lake.tables import Origin

refine(spark, lake, dbutils.widgets.get("checkpoints"), Origin.S3)

# COMMAND ----------

from pinterest_pipeline.refine.merging import replay

if dbutils.widgets.get("replay") == "yes":
    replay(spark, lake)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rows processed by each run
# MAGIC
# MAGIC Rows read, kept, rejected and replaced by a newer one; the latest 1,000 runs, newest first.

# COMMAND ----------

from pinterest_pipeline.publish.results import chart

runs = spark.table(lake.runs).where("stage IN ('refine', 'replay')")

displayHTML(chart(spark, lake, "rows_by_day"))
display(runs.orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Sample of clean rows

# COMMAND ----------

from pinterest_pipeline.entities import ENTITIES

for entity in ENTITIES:
    display(spark.table(lake.clean(entity)).limit(20))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rejected records and their reasons
# MAGIC
# MAGIC All of quarantine by rule, then a sample of its records, unchanged.

# COMMAND ----------

displayHTML(chart(spark, lake, "rejections_by_rule"))

for entity in ENTITIES:
    display(spark.table(lake.quarantine(entity)).select("rejections", "payload", "position").limit(20))
