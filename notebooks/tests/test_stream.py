# Databricks notebook source
# MAGIC %md
# MAGIC # Test the notebook stream
# MAGIC
# MAGIC Ingests all records in the Kinesis streams of a deployment into its own tables. The deployment's tables and
# MAGIC checkpoints do not change.
# MAGIC
# MAGIC **Run it** with `nutter run`, on a cluster, with records in each stream: `scripts/post_stream.py` posts some. It creates
# MAGIC its own schema and folder, and removes both.

# COMMAND ----------

# MAGIC %pip install --quiet nutter==0.1.35

# COMMAND ----------

# Deployed as files, the package is next to the notebooks; if its wheel is installed, the path stays as it is.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pinterest_pipeline") is None:
    sys.path.append(str(Path.cwd().parents[1] / "src"))

# COMMAND ----------

dbutils.widgets.text("catalog", "main", "Catalog")
dbutils.widgets.text("schema", "pinterest_test", "Name prefix of the test schema")
dbutils.widgets.text("folder", "/Volumes/main/pinterest/checkpoints", "Parent of the test folder")
dbutils.widgets.text("prefix", "pinterest", "Deployment id, part of the stream names")
dbutils.widgets.text("region", "", "AWS region of the streams (empty: the workspace's region)")
dbutils.widgets.text("service_credential", "", "Service credential for the streams")
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
# MAGIC ## Test

# COMMAND ----------

import shutil

from runtime.nutterfixture import NutterFixture

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import create_tables

MINUTES = 60


class Stream(NutterFixture):
    """The tables after the notebook."""

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

# nutter pickles the results, and Spark's errors cannot be pickled.
for each in result.test_results.results:
    each.exception = each.exception and Exception(str(each.exception))

result.exit(dbutils)
