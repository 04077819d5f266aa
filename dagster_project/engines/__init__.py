"""Engines: where a run carries out what grows with events. The command and the resource choose one by name.

What belongs here: the models below the kernel and the kernel by shards, on this machine or on Spark. What does not: which models and
shards there are (dbt/, `rating/shards.py`), and the order of a run (`pipeline/`).
"""

from __future__ import annotations

from dagster_project.engines.engine import Engine, LandedEvents
from dagster_project.engines.local import Local
from dagster_project.errors import UserError

__all__ = ["LOCAL", "Engine", "LandedEvents", "engine_named"]

LOCAL: Engine = Local()


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises `UserError` where there is none, or where what it needs is not installed."""
    if name == LOCAL.name:
        return LOCAL
    if name == "spark":
        from dagster_project.engines.spark import Spark

        return Spark()
    raise UserError(f"There is no engine {name!r}. Write --engine local, or --engine spark.")
