"""Spark's settings on one machine: for many small batches, or for few large ones.

Spark and Delta are built for tables of terabytes on clusters. With a batch of a few thousand rows on two cores, nearly
all time goes into compiling, planning and reading Delta's log, and almost none into rows.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EngineProfile:
    """Settings of a session that serve one size of work.

    Attributes:
        java_options: Options of Spark's JVM.
        settings: Spark's and Delta's own settings.
    """

    java_options: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def configuration(self) -> dict[str, str]:
        """Return the session's settings, with the JVM's options among them."""
        options = {"spark.driver.extraJavaOptions": " ".join(self.java_options)} if self.java_options else {}
        return options | dict(self.settings)


# A merge keeps a copy of its source where that might change between its two passes over it. What this pipeline merges
# are files of its own, or tables at a version.
_STABLE_SOURCES = {"spark.databricks.delta.merge.materializeSource": "none"}

LARGE_WORK = EngineProfile(
    settings={
        # HotSpot compiles no method of more bytes than this. All rules in one stage generate one, which would be
        # interpreted; without that stage each step has methods of its own.
        "spark.sql.codegen.hugeMethodLimit": "8000",
        # One partition a core: the default is 200.
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
        **_STABLE_SOURCES,
    }
)
"""For work on many rows: Spark's defaults, except those that are bad here."""

SMALL_WORK = EngineProfile(
    java_options=(
        # The optimizing compiler takes more time than it saves in a process that lives for minutes.
        "-XX:TieredStopAtLevel=1",
        # With the first compiler alone the default code cache is 48 MB. It runs full, and the session dies of it.
        "-XX:ReservedCodeCacheSize=256m",
        # One collector thread: parallel ones take a core from the work. A heap and a metaspace that need not grow are
        # collected a few times instead of dozens.
        "-XX:+UseSerialGC",
        "-Xms1200m",
        "-Xmn700m",
        "-XX:MetaspaceSize=256m",
    ),
    settings={
        # Generating Java code pays off from about a hundred thousand rows on.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        # Plans of small tables have nothing to adapt, and adaptive execution plans each stage again.
        "spark.sql.adaptive.enabled": "false",
        # Each task is serialized and deserialized, which costs more than a second core brings to a few thousand rows.
        # The entities' queries run at the same time, and use that core.
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.files.minPartitionNum": "1",
        "spark.sql.leafNodeDefaultParallelism": "1",
        # Every execution's plan is written as text for the UI, which is off.
        "spark.sql.ui.explainMode": "simple",
        "spark.sql.maxPlanStringLength": "100",
        # Checksum files save readers the replay of a long log. They cost two queries a commit.
        "spark.databricks.delta.writeChecksumFile.enabled": "false",
        "spark.databricks.delta.allFilesInCrc.enabled": "false",
        **_STABLE_SOURCES,
    },
)
"""For demos, tests and streams of small batches (docs/benchmarks.md)."""
