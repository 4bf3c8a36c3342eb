# Databricks notebook source
# MAGIC %md
# MAGIC # Ingest
# MAGIC
# MAGIC Appends every new line of the sink's files to the raw tables, unchanged, with its file and line number.
# MAGIC Lines that an earlier run has read are skipped: the checkpoints record them.
# MAGIC
# MAGIC **Run it** after *set_up*, whenever files have landed; the task *ingest* of the job *batch* does the same every night.

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
dbutils.widgets.text("prefix", "pinterest", "Deployment id, prefix of the topic names")
dbutils.widgets.text("landing", "/Volumes/main/pinterest/landing", "Landing")
dbutils.widgets.text("checkpoints", "/Volumes/main/pinterest/checkpoints", "Checkpoints")
dbutils.widgets.dropdown("reader", "auto_loader", ["auto_loader", "files"], "File discovery")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

from pinterest_pipeline.entities import Names
from pinterest_pipeline.ingest.readers import Reader

names, reader = Names(dbutils.widgets.get("prefix")), Reader(dbutils.widgets.get("reader"))
landing, checkpoints = dbutils.widgets.get("landing"), dbutils.widgets.get("checkpoints")

# COMMAND ----------

from pinterest_pipeline.ingest.files import ingest_landing

ingest_landing(spark, lake, names, landing, checkpoints, reader)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Rows ingested by each run
# MAGIC
# MAGIC The latest 1,000 runs, newest first; a run without new lines adds no row.

# COMMAND ----------

runs = spark.table(lake.runs).where("stage = 'ingest'")

display(runs.orderBy("finished_at", ascending=False).limit(1000))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Records of the last 24 hours
# MAGIC
# MAGIC Batch and stream together.

# COMMAND ----------

from pinterest_pipeline.publish.results import chart

displayHTML(chart(spark, lake, "newest_records"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Sample of raw records

# COMMAND ----------

from pinterest_pipeline.entities import ENTITIES

for entity in ENTITIES:
    display(spark.table(lake.raw(entity)).limit(20))
