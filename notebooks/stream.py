# Databricks notebook source
# MAGIC %md
# MAGIC # Stream
# MAGIC
# MAGIC Brings the records of the Kinesis streams into the raw tables, and what came that way on to clean rows or quarantine.
# MAGIC What an earlier run has read is not read again: the checkpoints remember it, also between this notebook and the jobs.
# MAGIC
# MAGIC | Trigger | What happens |
# MAGIC |---|---|
# MAGIC | `available_now` | What is in the streams now is brought in, and the cell ends. The only way on serverless compute. |
# MAGIC | `continuous` | Records are brought in as they come, until you cancel the cell. Not on serverless compute. |
# MAGIC
# MAGIC **Run it** after *set_up*, to bring records into the clean tables without a job. Pause the jobs *stream* and
# MAGIC *stream-serverless* first: they use the same checkpoints.

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
dbutils.widgets.text("prefix", "pinterest", "Deployment id, inside the streams' names")
dbutils.widgets.text("checkpoints", "/Volumes/main/pinterest/checkpoints", "Checkpoints")
dbutils.widgets.text("region", "", "AWS region of the streams (empty: the workspace's)")
dbutils.widgets.text("service_credential", "", "Service credential that may read them")
dbutils.widgets.text("endpoint", "", "Kinesis endpoint (emulators only)")
dbutils.widgets.dropdown("trigger", "available_now", ["available_now", "continuous"], "Trigger")
dbutils.widgets.text("interval_seconds", "10", "Continuous: seconds between two batches")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.entities import Names
from pinterest_pipeline.ingest.kinesis import Streams

streams = Streams(
    Names(dbutils.widgets.get("prefix")),
    region=dbutils.widgets.get("region"),
    service_credential=dbutils.widgets.get("service_credential"),
    endpoint=dbutils.widgets.get("endpoint"),
)
checkpoints, trigger = dbutils.widgets.get("checkpoints"), dbutils.widgets.get("trigger")
interval_seconds = float(dbutils.widgets.get("interval_seconds"))

# COMMAND ----------

from pinterest_pipeline.refine.live import catch_up

if trigger == "available_now":
    catch_up(spark, lake, streams, checkpoints)

# COMMAND ----------

from pinterest_pipeline.refine.live import follow

if trigger == "continuous":
    follow(spark, lake, streams, checkpoints, interval_seconds)

# COMMAND ----------

# MAGIC %md
# MAGIC ## What has come through the streams so far
# MAGIC
# MAGIC Rows that each stage has read, kept, sent to quarantine, and replaced by a newer one.

# COMMAND ----------

streamed = spark.table(lake.runs).where("latency_p50_seconds IS NOT NULL")
counts = ["rows_read", "rows_kept", "rows_rejected", "rows_replaced"]

display(streamed.groupBy("stage", "subject").sum(*counts).orderBy("stage", "subject"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## How late each batch was
# MAGIC
# MAGIC Seconds from a record's arrival in its stream to the commit of the stage, for half of the records and for 99 of 100; the
# MAGIC newest 1,000 batches, the newest first. The chart has the last seven days.

# COMMAND ----------

from pinterest_pipeline.publish.results import chart

late = ["stage", "subject", "rows_read", "latency_p50_seconds", "latency_p99_seconds", "finished_at"]

displayHTML(chart(spark, lake, "stream_latency"))
display(streamed.select(*late).orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What was rejected, and why

# COMMAND ----------

from pinterest_pipeline.entities import ENTITIES

for entity in ENTITIES:
    rejected = spark.table(lake.quarantine(entity)).where("origin = 'kinesis'")
    display(rejected.select("rejections", "payload", "position").limit(20))
