"""One tiny night, from inbox to marts, shared by the tests that only look at what it left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.cli.launch import launch
from dagster_project.pipeline.job import Outcome
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse
from tests import examination

REPOSITORY = Path(__file__).parents[2]
ACME = REPOSITORY / "contracts_data" / "acme_ai"
moment = datetime.fromisoformat
AS_OF = moment("2026-04-10")

Night = tuple[Run, Outcome]


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Acme's quarter, landed, rated, issued and published; look, do not touch."""
    folder = tmp_path_factory.mktemp("night")
    shutil.copytree(ACME / "sample_events", folder / "inbox")
    run = Run(Warehouse(folder / "warehouse"), ACME, str(folder / "inbox"), AS_OF)
    with examination.looking_on():
        return run, launch(run)


@pytest.fixture
def small_run(tmp_path: Path) -> Callable[..., Run]:
    """Makes runs over a warehouse of this test's own, with the guide's three calls in the inbox."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(ACME / "sample_events" / "2026-02-guide-batch.json", inbox)

    def make(**changes: object) -> Run:
        given = {
            "warehouse": Warehouse(tmp_path / "warehouse"),
            "books_folder": ACME,
            "inbox": str(inbox),
            "as_of": AS_OF,
        } | changes
        return Run(**given)  # type: ignore[arg-type]

    return make
