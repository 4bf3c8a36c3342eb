# Databricks notebook source
# MAGIC %md
# MAGIC # Stream
# MAGIC
# MAGIC Ingests the records of the Kinesis streams into the raw tables, and validates them into the clean tables or quarantine.
# MAGIC Records that an earlier run has read are skipped: the checkpoints, shared with the jobs, record them.
# MAGIC
# MAGIC | Trigger | Effect |
# MAGIC |---|---|
# MAGIC | `available_now` | Processes the available records, then the cell ends. The only trigger for serverless compute. |
# MAGIC | `continuous` | Processes records as they arrive, until you cancel the cell. Not for serverless compute. |
# MAGIC
# MAGIC **Run it** after *set_up*, to process the streams without a job. Pause the jobs *stream* and *stream-serverless*
# MAGIC first: they use the same checkpoints.

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
dbutils.widgets.text("prefix", "pinterest", "Deployment id, part of the stream names")
dbutils.widgets.text("checkpoints", "/Volumes/main/pinterest/checkpoints", "Checkpoints")
dbutils.widgets.text("region", "", "AWS region of the streams (empty: the workspace's region)")
dbutils.widgets.text("service_credential", "", "Service credential for the streams")
dbutils.widgets.text("endpoint", "", "Kinesis endpoint (emulators only)")
dbutils.widgets.dropdown("trigger", "available_now", ["available_now", "continuous"], "Trigger")
dbutils.widgets.text("interval_seconds", "10", "Continuous: trigger interval in seconds")

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
# MAGIC ## Rows from the streams so far
# MAGIC
# MAGIC Rows that each stage has read, kept, rejected, and replaced by a newer one.

# COMMAND ----------

streamed = spark.table(lake.runs).where("latency_p50_seconds IS NOT NULL")
counts = ["rows_read", "rows_kept", "rows_rejected", "rows_replaced"]

display(streamed.groupBy("stage", "subject").sum(*counts).orderBy("stage", "subject"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Latency of each batch
# MAGIC
# MAGIC Seconds from a record's arrival in its stream to the commit of the stage, as p50 and p99; the latest 1,000 batches,
# MAGIC newest first. The chart covers the last seven days.

# COMMAND ----------

from pinterest_pipeline.publish.results import chart

late = ["stage", "subject", "rows_read", "latency_p50_seconds", "latency_p99_seconds", "finished_at"]

displayHTML(chart(spark, lake, "stream_latency"))
display(streamed.select(*late).orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rejected records and their reasons

# COMMAND ----------

from pinterest_pipeline.entities import ENTITIES

for entity in ENTITIES:
    rejected = spark.table(lake.quarantine(entity)).where("origin = 'kinesis'")
    display(rejected.select("rejections", "payload", "position").limit(20))
