# Databricks notebook source
# MAGIC %md
# MAGIC # Test the notebook stream
# MAGIC
# MAGIC Brings all that the Kinesis streams of a deployment still hold into tables of its own. The deployment's tables and
# MAGIC checkpoints stay as they are.
# MAGIC
# MAGIC **Run it** by `nutter run`, on a cluster, with records in each stream: `scripts/post_stream.py` sends some. It makes a
# MAGIC schema and a folder that nobody else uses, and removes both.

# COMMAND ----------

# MAGIC %pip install --quiet nutter==0.1.35

# COMMAND ----------

# Deployed as files, the package lies beside the notebooks; where its wheel is installed nothing is added.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pinterest_pipeline") is None:
    sys.path.append(str(Path.cwd().parents[1] / "src"))

# COMMAND ----------

dbutils.widgets.text("catalog", "main", "Catalog")
dbutils.widgets.text("schema", "pinterest_test", "Start of the name of the schema that is made")
dbutils.widgets.text("folder", "/Volumes/main/pinterest/checkpoints", "Folder in which a folder is made")
dbutils.widgets.text("prefix", "pinterest", "Deployment id, inside the streams' names")
dbutils.widgets.text("region", "", "AWS region of the streams (empty: the workspace's)")
dbutils.widgets.text("service_credential", "", "Service credential that may read them")
dbutils.widgets.text("endpoint", "", "Kinesis endpoint (emulators only)")

# COMMAND ----------

from uuid import uuid4

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
run = uuid4().hex
lake = Lake(dbutils.widgets.get("catalog"), f"{dbutils.widgets.get('schema')}_{run}")
folder = Path(dbutils.widgets.get("folder")) / f"test_{run}"
streams = {name: dbutils.widgets.get(name) for name in ("prefix", "region", "service_credential", "endpoint")}

# COMMAND ----------

# MAGIC %md
# MAGIC ## The test

# COMMAND ----------

import shutil

from runtime.nutterfixture import NutterFixture

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import create_tables

MINUTES = 60


class Stream(NutterFixture):
    """What the notebook leaves in the tables."""

    def open(self):
        place = {"catalog": lake.catalog, "schema": lake.schema, "checkpoints": str(folder)}
        dbutils.notebook.run("../stream", 30 * MINUTES, {**place, **streams, "trigger": "available_now"})

    def counts(self, table):
        return [spark.table(table(entity)).count() for entity in ENTITIES]

    def different(self, column):
        return [spark.table(lake.raw(entity)).select(column).distinct().count() for entity in ENTITIES]

    def before_all(self):
        folder.mkdir()
        create_tables(spark, lake)

    def after_all(self):
        spark.sql(f"DROP SCHEMA IF EXISTS {lake.full_schema} CASCADE")
        shutil.rmtree(folder)

    def run_bring_in(self):
        self.open()

    def assertion_bring_in(self):
        raw = self.counts(lake.raw)
        assert all(raw), f"a stream holds no record: {raw}"
        assert all(self.counts(lake.clean))
        refined = spark.table(lake.runs).where("stage = 'refine'").groupBy("subject").sum("rows_read", "rows_rejected")
        read = {name: (records, rejected) for name, records, rejected in refined.collect()}
        assert [read[entity.name] for entity in ENTITIES] == list(zip(raw, self.counts(lake.quarantine)))
        assert raw == self.different("position")

# COMMAND ----------

result = Stream().execute_tests()
print(result.to_string())

# The results go to nutter pickled, which Spark's own errors cannot be.
for each in result.test_results.results:
    each.exception = each.exception and Exception(str(each.exception))

result.exit(dbutils)
