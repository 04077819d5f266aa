"""What dbt has built already: the same inputs are never built twice (law 8).

A build of a few models costs seconds even where nothing is new. So the inputs of the last build are remembered by their
fingerprint, with what came of it; where they are the same now, the databases already hold what dbt would build.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from dagster_project.warehouse.dbt_runner import DbtResult, project_folder
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse

PROJECT_PARTS = ("dbt_project.yml", "macros", "models", "tests")


def build(
    warehouse: Warehouse,
    select: str,
    inputs: Sequence[Path],
    appended: Sequence[Path],
    *,
    is_there: bool,
    carry_out: Callable[[], list[DbtResult]],
    then: Callable[[], list[DbtResult]] = list,
    begin_anew: Callable[[], None] = lambda: None,
    made_by: str = "",
) -> list[DbtResult]:
    """Build the selected models, or say again what came of the last build of the same inputs.

    inputs: Parquet files and folders of them, told apart by content. appended: files that are never rewritten, told apart by
    name. is_there: whether what an old build left is still there. carry_out: builds. then: builds more once all that is good, of which
    anything may fail. begin_anew: what a build begins with where another version of the project has built last. made_by: which engine
    builds; what another has left is not built.
    """
    memory = warehouse.derived / "built.json"
    builds = _remembered(memory)
    fingerprint = _fingerprint(inputs, appended, made_by)
    last = builds.get(select)
    if last and last["fingerprint"] == fingerprint and is_there:
        return [DbtResult(**result) for result in last["results"]]
    # a build that dies leaves nothing to rely on, and later builds rest on this one
    earlier = dict(itertools.takewhile(lambda build: build[0] != select, builds.items()))
    write_atomically(memory, json.dumps(earlier).encode())
    if last and last.get("project") != project_version():
        begin_anew()
    results = carry_out()
    if all(result.is_good for result in results):
        results += then()
        now = {"project": project_version(), "fingerprint": fingerprint, "results": [asdict(result) for result in results]}
        write_atomically(memory, json.dumps(earlier | {select: now}).encode())
    return results


def _remembered(memory: Path) -> dict[str, Any]:
    """The last builds by selection; none where that is lost or damaged: then everything is built anew."""
    try:
        builds = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return builds if isinstance(builds, dict) else {}


def _fingerprint(inputs: Iterable[Path], appended: Iterable[Path], made_by: str) -> str:
    found = hashlib.sha256(f"{project_version()}\0{made_by}\0".encode())
    _add_contents(found, _files(inputs))
    for path in appended:
        found.update(f"{path.name}\0".encode())
    return found.hexdigest()


@cache
def project_version() -> str:
    """What tells one version of the dbt project from another."""
    found = hashlib.sha256()
    _add_contents(found, _files(project_folder() / part for part in PROJECT_PARTS))
    return found.hexdigest()


def _add_contents(found: Any, paths: Iterable[Path]) -> None:
    for path in paths:
        found.update(f"{path.name}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())


def _files(places: Iterable[Path]) -> list[Path]:
    return [path for place in places for path in (sorted(place.rglob("*")) if place.is_dir() else [place]) if path.is_file()]
