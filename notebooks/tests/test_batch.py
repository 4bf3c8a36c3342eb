# Databricks notebook source
# MAGIC %md
# MAGIC # Test the batch notebooks
# MAGIC
# MAGIC Lands ten records as the Kafka sink does, runs `set_up`, `ingest`, `refine`, `publish` and `explore`, and checks the
# MAGIC tables after each. One record is not JSON.
# MAGIC
# MAGIC **Run it** with `nutter run`, on a cluster, after a change of the code or the runtime. It creates its own schema and
# MAGIC folder, and removes both.

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
dbutils.widgets.dropdown("reader", "auto_loader", ["auto_loader", "files"], "File discovery")

# COMMAND ----------

from uuid import uuid4

from pinterest_pipeline.jobs import session
from pinterest_pipeline.lake.tables import Lake

spark = session()
run = uuid4().hex
lake = Lake(dbutils.widgets.get("catalog"), f"{dbutils.widgets.get('schema')}_{run}")
folder = Path(dbutils.widgets.get("folder")) / f"test_{run}"
reader = dbutils.widgets.get("reader")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Records

# COMMAND ----------

import json

from pinterest_pipeline.entities import GEO, PIN, USER, Names

names = Names("test")
posts = [(1, "art", "12k", 21), (2, "travel", "2M", 40), (3, "travel", "766", 41)]

pins = [
    {
        "index": key,
        "unique_id": f"5f3b1c1e-0000-4000-8000-00000000000{key}",
        "title": f"Post {key}",
        "description": "No description available",
        "poster_name": f"Poster {key}",
        "follower_count": followers,
        "tag_list": "one,two",
        "is_image_or_video": "image",
        "image_src": "Image src error.",
        "downloaded": 0,
        "save_location": f"Local save in /data/{category}",
        "category": category,
    }
    for key, category, followers, _ in posts
]
geos = [
    {"ind": key, "timestamp": "2021-02-03 04:05:06", "latitude": 1.5, "longitude": 2.5, "country": "Norway"}
    for key, *_ in posts
]
users = [
    {"ind": key, "first_name": "Ada", "last_name": "Berg", "age": age, "date_joined": "2016-01-31 23:59:59"}
    for key, *_, age in posts
]


def land(entity, start, lines):
    """Write one file as the sink does."""
    topic = names.topic(entity)
    file = folder / "landing" / "topics" / topic / "partition=0" / f"{topic}+0+{start:010d}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Tests
# MAGIC
# MAGIC They run in the order of their names.

# COMMAND ----------

import shutil

from runtime.nutterfixture import NutterFixture

MINUTES = 60


class Batch(NutterFixture):
    """The tables after each notebook."""

    def open(self, name, **typed):
        place = {"catalog": lake.catalog, "schema": lake.schema} | typed
        dbutils.notebook.run(f"../{name}", 30 * MINUTES, place)

    def counts(self, table):
        return [spark.table(table(entity)).count() for entity in (PIN, GEO, USER)]

    def before_all(self):
        for entity, records in ((PIN, pins), (GEO, geos), (USER, users)):
            land(entity, 0, map(json.dumps, records))
        land(USER, 3, ["no JSON"])

    def after_all(self):
        spark.sql(f"DROP SCHEMA IF EXISTS {lake.full_schema} CASCADE")
        shutil.rmtree(folder)

    def run_1_set_up(self):
        self.open("set_up", landing=str(folder / "landing"))

    def assertion_1_set_up(self):
        tables = {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {lake.full_schema}").collect()}
        assert {"pin", "geo", "user", "runs", "user_masked", "arrivals", "rejections"} <= tables

    def run_2_bring_in(self):
        place = {part: str(folder / part) for part in ("landing", "checkpoints")}
        self.open("ingest", prefix=names.prefix, reader=reader, **place)
        self.open("refine", checkpoints=place["checkpoints"])

    def assertion_2_bring_in(self):
        assert self.counts(lake.raw) == [3, 3, 4]
        assert self.counts(lake.clean) == [3, 3, 3]
        followers = {row["ind"]: row["follower_count"] for row in spark.table(lake.clean(PIN)).collect()}
        assert followers == {1: 12_000, 2: 2_000_000, 3: 766}
        [row] = spark.table(lake.quarantine(USER)).collect()
        assert (row["payload"], [rejection["rule"] for rejection in row["rejections"]]) == ("no JSON", ["not_one_object"])

    def run_3_publish(self):
        self.open("publish", checkpoints=str(folder / "checkpoints"))

    def assertion_3_publish(self):
        answer = spark.table(lake.table("q1_popular_category_by_country")).collect()
        assert [tuple(row) for row in answer] == [("Norway", "travel", 2)]
        median = spark.table(lake.table("q5_median_followers_by_age_group")).collect()
        assert {tuple(row) for row in median} == {("18-24", 12_000.0), ("36-50", 1_000_383.0)}

    def run_4_explore(self):
        self.runs = spark.table(lake.runs).count()
        self.open("explore")

    def assertion_4_explore(self):
        assert spark.table(lake.runs).count() == self.runs

# COMMAND ----------

result = Batch().execute_tests()
print(result.to_string())

# nutter pickles the results, and Spark's errors cannot be pickled.
for each in result.test_results.results:
    each.exception = each.exception and Exception(str(each.exception))

result.exit(dbutils)
