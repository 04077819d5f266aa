"""Spark for tests: one session a process, begun when the first of them asks for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Any

import pytest

# the compiler of a JVM that lives for minutes pays for itself at its first level only; with the room for code that a JVM of that level
# takes by itself it ends half way
JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"
SUBMITTED = {
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # a few hundred rows: what planning and compiling cost is all there is
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
}


def spark_session() -> Any:
    """The session that the engine `spark` has. Skips the test where there is no Java or no pyspark."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on this machine.")
    if importlib.util.find_spec("pyspark") is None or importlib.util.find_spec("dbt.adapters.spark") is None:
        pytest.skip("Spark is not installed: pip install meterhouse[spark]")
    from dagster_project.engines.spark import session

    master = os.environ.get("METERHOUSE_TEST_SPARK_MASTER", "local[2]")
    settings = " ".join(f'--conf "{name}={value}"' for name, value in SUBMITTED.items())
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", f'--master "{master}" --driver-memory 1g {settings} pyspark-shell')
    return session()
