"""dbt in this process: parsed once, then run on any warehouse.

What belongs here: starting dbt and telling what came of it. What does not: which models there are (dbt/) and when they run.

Importing dbt costs seconds, so it is imported by the first call that needs it. A manifest is parsed once a process and handed to
every later invocation; where the warehouse lies is asked from the environment at run time, so one manifest serves them all.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.warehouse.paths import Warehouse

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

HERE = Path(__file__).resolve().parents[1]
QUIET = ("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats", "--no-version-check")

# a test runs as soon as all models that it compares are built: those across the kernel run with the marts
BUILD = ("build", "--indirect-selection", "buildable", "--no-write-json")
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
THOROUGH = "tag:thorough"
PARSED = "partial_parse.msgpack"
DUCKDB = "warehouse"


class DbtFailed(Exception):
    """dbt could not even begin: a model, a macro or a property file is wrong. Names what dbt said."""


@dataclass(frozen=True, slots=True)
class DbtResult:
    """What came of one model or test. `status`: success, error, skipped (models); pass, fail, error, skipped (tests)."""

    unique_id: str
    name: str
    resource_type: str
    status: str
    failures: int | None
    message: str
    seconds: float
    relation: str | None

    @property
    def is_good(self) -> bool:
        return self.status in {"success", "pass", "no-op"}


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A model as SQL. relation: where it stands, quoted."""

    schema: str
    relation: str
    is_view: bool
    sql: str


class DbtHouse:
    """The dbt project, run on one warehouse. target: of profiles.yml, which says which engine builds."""

    def __init__(self, warehouse: Warehouse, target: str = DUCKDB) -> None:
        self.warehouse, self.target = warehouse, target

    @classmethod
    def manifest_path(cls) -> Path:
        """dbt/target/manifest.json (or its stand-in where dbt/ cannot be written), made anew where it is missing or stale."""
        path = _kept(DUCKDB) / "manifest.json"
        if not path.exists() or path.stat().st_mtime < _last_change():
            _manifest(DUCKDB)
        return path

    def models(self, *materialized: str) -> set[tuple[str, str]]:
        """Schema and name of the models that are kept so: as `table`, `incremental`, `view`."""
        models = (node for node in _manifest(self.target).nodes.values() if node.resource_type == "model")
        return {(model.schema, model.name) for model in models if model.config.materialized in materialized}

    def build(self, select: str, exclude: str | None = None, *, thorough: bool = False) -> list[DbtResult]:
        """Build the selected models and run their tests, in order; both databases are closed again afterwards.

        `select` and `exclude` are dbt selections, terms apart by spaces. Unit tests and tests tagged `thorough` look at the
        SQL, not at the night's data: they run only when asked for. A model or test that fails is a result, not an exception;
        raises `DbtFailed` where dbt could not begin.
        """
        self.warehouse.derived.mkdir(parents=True, exist_ok=True)
        excluded = " ".join(part for part in (exclude, None if thorough else THOROUGH) if part)
        arguments = [*BUILD, "--select", *select.split(), *(["--exclude", *excluded.split()] if excluded else [])]
        return _results(self._invoke([*arguments, *(() if thorough else NO_UNIT_TESTS)]))

    def compiled(self, select: str) -> list[CompiledModel]:
        """The selected models as SQL, in an order in which they can be made. Makes them; raises `DbtFailed` where one cannot be."""
        self.warehouse.derived.mkdir(parents=True, exist_ok=True)
        outcome = self._invoke(["run", "--no-write-json", "--select", *select.split()])
        failed = [f"{result.node.name}: {result.message}" for result in outcome.results if str(result.status) != "success"]
        if failed:
            raise DbtFailed("\n".join(failed))
        return [
            CompiledModel(
                result.node.schema,
                result.node.relation_name,
                result.node.config.materialized == "view",
                result.node.compiled_code,
            )
            for result in outcome.results
        ]

    def _invoke(self, arguments: list[str]) -> Any:
        return _invoke(arguments, self._environment(), _manifest(self.target), self.target)

    def _environment(self) -> dict[str, str]:
        return {
            "METERHOUSE_SPARK_TABLES": str(self.warehouse.spark.resolve()),
            "METERHOUSE_WORK_DATABASE": str(self.warehouse.work_database),
            "METERHOUSE_STAGED_DATABASE": str(self.warehouse.staged_database),
            "METERHOUSE_SPILL_FOLDER": str(self.warehouse.derived / "spill"),
        }


def project_folder() -> Path:
    """The dbt project: beside this package in a checkout, inside it where it was installed from a wheel."""
    beside = HERE.parent / "dbt"
    return beside if (beside / "dbt_project.yml").exists() else HERE / "_data" / "dbt"


@cache
def _kept(target: str) -> Path:
    """Where dbt keeps what it parsed: in the project, or where that cannot be written in a folder of this user's own."""
    beside = project_folder() / "target" / ("" if target == DUCKDB else target)
    with contextlib.suppress(OSError):
        beside.mkdir(parents=True, exist_ok=True)
        if os.access(beside, os.W_OK):
            return beside
    return Path(tempfile.mkdtemp(prefix="meterhouse-dbt-"))


def _last_change() -> float:
    """When a file of the project was last written (seconds since the epoch)."""
    parts = ("models", "macros", "tests", "dbt_project.yml", "profiles.yml")
    files = [path for part in parts for path in [project_folder() / part, *(project_folder() / part).rglob("*")]]
    return max(path.stat().st_mtime for path in files)


@cache
def _manifest(target: str = DUCKDB) -> Manifest:
    """The parsed project: as it was parsed last, unless a file of it has changed since. Each engine has macros of its own.

    What dbt keeps for its own partial parsing is the whole manifest; reading it takes a tenth of what asking dbt to parse does.
    """
    kept = _kept(target) / PARSED
    if not kept.exists() or kept.stat().st_mtime < _last_change():
        return _parsed(target)
    try:
        return _restored(kept.read_bytes())
    except Exception:  # another version of dbt has written it: whatever it stumbles over, parsing makes it anew
        return _parsed(target)


def _restored(packed: bytes) -> Manifest:
    from dbt.contracts.graph.manifest import Manifest

    manifest: Manifest = Manifest.from_msgpack(packed)
    # what dbt leaves out when it packs a manifest, because it can be worked out again
    manifest.rebuild_ref_lookup()
    manifest.rebuild_doc_lookup()
    manifest.rebuild_disabled_lookup()
    manifest.build_flat_graph()
    manifest.build_parent_and_child_maps()
    return manifest


def _parsed(target: str = DUCKDB) -> Manifest:
    """Parse the project. Each process writes into a folder of its own and renames the manifest into place, so that processes that
    parse at the same moment never read half of each other's files."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-parse-") as scratch:
        # dbt reads what it parsed before from the target folder, and then looks only at files that changed
        known = _kept(target) / PARSED
        with contextlib.suppress(FileNotFoundError):
            (Path(scratch) / known.name).write_bytes(known.read_bytes())
        manifest: Manifest = _invoke(["parse", "--target-path", scratch], {}, None, target)
        for name in (known.name, "manifest.json"):
            _copy_into_place(Path(scratch) / name, _kept(target) / name)
    return manifest


def _copy_into_place(source: Path, place: Path) -> None:
    copied = place.with_name(f".{place.name}.{os.getpid()}")
    copied.write_bytes(source.read_bytes())
    copied.replace(place)


def _invoke(arguments: list[str], environment: Mapping[str, str], manifest: Manifest | None, engine: str) -> Any:
    """What one dbt command returns. Raises `DbtFailed` where it ends in an exception."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder = str(project_folder())
    # after Ctrl-C threads of dbt may still be writing there
    with tempfile.TemporaryDirectory(prefix="meterhouse-dbt-run-", ignore_cleanup_errors=True) as scratch:
        target = [] if "--target-path" in arguments else ["--target-path", scratch]
        places = ["--target", engine, "--project-dir", folder, "--profiles-dir", folder, "--log-path", scratch, *target]
        with _environment(environment):
            try:
                outcome = dbtRunner(manifest=manifest).invoke([*arguments, *QUIET, *places])
            finally:
                # dbt keeps the database open for the next command; we are about to open or rename it
                DuckDBConnectionManager.close_all_connections()
    if outcome.exception is not None and not isinstance(outcome.exception, Exception):
        raise outcome.exception  # Ctrl-C, which dbt takes for a result
    if outcome.exception is not None:
        raise DbtFailed(f"dbt {arguments[0]}: {outcome.exception}") from outcome.exception
    return outcome.result


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the length of one command."""
    values = {"DO_NOT_TRACK": "1", **values}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _results(outcome: Any) -> list[DbtResult]:
    return [
        DbtResult(
            unique_id=result.node.unique_id,
            name=result.node.name,
            resource_type=str(result.node.resource_type),
            status=str(result.status),
            failures=result.failures,
            message=result.message or "",
            seconds=result.execution_time,
            relation=getattr(result.node, "relation_name", None),  # unit tests have none
        )
        for result in outcome.results
    ]
