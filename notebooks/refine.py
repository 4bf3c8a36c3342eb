# Databricks notebook source
# MAGIC %md
# MAGIC # Refine
# MAGIC
# MAGIC Turns what is new in the raw tables into clean rows, one for each key: the newest record wins. A record that cannot be
# MAGIC a clean row goes to quarantine, as it arrived, with every reason. What came through Kinesis is left to the notebook
# MAGIC `stream`.
# MAGIC
# MAGIC **Run it** after *ingest*; the task *refine* of the job *batch* does the same every night.
# MAGIC
# MAGIC **Replay** sends all of quarantine through the rules again, for the day when a rule has changed.

# COMMAND ----------

# Deployed as files, the package lies beside the notebooks; where its wheel is installed nothing is added.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pinterest_pipeline") is None:
    sys.path.append(str(Path.cwd().parent / "src"))

    # The function that handles a batch runs in another process, which does not know that folder: the package travels
    # with the function instead.
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
# MAGIC ## What each run did
# MAGIC
# MAGIC Rows read, kept, sent to quarantine and replaced by a newer one; the newest 1,000 runs, the newest first.

# COMMAND ----------

from pinterest_pipeline.publish.results import chart

runs = spark.table(lake.runs).where("stage IN ('refine', 'replay')")

displayHTML(chart(spark, lake, "rows_by_day"))
display(runs.orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Some clean rows

# COMMAND ----------

from pinterest_pipeline.entities import ENTITIES

for entity in ENTITIES:
    display(spark.table(lake.clean(entity)).limit(20))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What was rejected, and why
# MAGIC
# MAGIC All of quarantine by rule, then some of its records as they arrived.

# COMMAND ----------

displayHTML(chart(spark, lake, "rejections_by_rule"))

for entity in ENTITIES:
    display(spark.table(lake.quarantine(entity)).select("rejections", "payload", "position").limit(20))
