# Databricks notebook source
# MAGIC %md
# MAGIC # Set up
# MAGIC
# MAGIC Creates the Delta tables and their views, and gives access to the files that the Kafka sink wrote to S3.
# MAGIC
# MAGIC **Run it** once for each deployment, before all other notebooks; it is safe to run again. The task *tables* of the job
# MAGIC *batch* creates the same tables and views.
# MAGIC
# MAGIC | Access | Effect |
# MAGIC |---|---|
# MAGIC | `volume` | None: the bundle has created the volume on an external location. Recommended. |
# MAGIC | `mount` | Legacy, classic compute only: mounts the bucket at **Landing** with AWS keys, if it is not mounted yet; a different bucket replaces the first. |
# MAGIC | `unmount` | Removes the mount; the bucket keeps its files. |
# MAGIC
# MAGIC The keys come from the secret scope or, without one, from the Delta table of the uploaded credentials file
# MAGIC (columns `Access key ID` and `Secret access key`). They are never shown, and not needed once the bucket is mounted.

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
dbutils.widgets.dropdown("access", "volume", ["volume", "mount", "unmount"], "Access to the files")
dbutils.widgets.text("landing", "/Volumes/main/pinterest/landing", "Landing (a mount: /mnt/pinterest)")
dbutils.widgets.text("bucket", "", "Mount: S3 bucket")
dbutils.widgets.text("scope", "", "Mount: secret scope of the keys")
dbutils.widgets.text("credentials", "authentication_credentials", "Mount: table of the keys")

# COMMAND ----------

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
lake = Lake(dbutils.widgets.get("catalog"), dbutils.widgets.get("schema"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Tables and views
# MAGIC
# MAGIC Missing ones are created. New columns of the declaration are added; rows do not change.

# COMMAND ----------

from pinterest_pipeline.publish.sharing import create_views
from pinterest_pipeline.lake.tables import create_tables

create_tables(spark, lake)
create_views(spark, lake)

# COMMAND ----------

display(spark.sql(f"SHOW TABLES IN {lake.full_schema}"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Files

# COMMAND ----------

from pinterest_pipeline.ingest.legacy_mount.credentials import read_keys
from pinterest_pipeline.ingest.legacy_mount.mount import mount, unmount

access, landing = dbutils.widgets.get("access"), dbutils.widgets.get("landing")
scope, credentials = dbutils.widgets.get("scope"), dbutils.widgets.get("credentials")
bucket = dbutils.widgets.get("bucket")

# COMMAND ----------

if access == "mount":
    mount(dbutils, bucket, lambda: read_keys(spark, dbutils, scope, credentials), landing)

# COMMAND ----------

if access == "unmount":
    unmount(dbutils, landing)

# COMMAND ----------

# MAGIC %md
# MAGIC The landed files; after `unmount`, the remaining mounts.

# COMMAND ----------

display(dbutils.fs.mounts() if access == "unmount" else dbutils.fs.ls(landing))
