"""R-4: contracts rated in any number of shards give the same bytes in every table of every document, run after run, in the store."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from dagster_project.pipeline import pending
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from rating import books
from rating.documents import Documents
from rating.invoicing.adjustments import lines_in_play
from rating.invoicing.issue import issue_documents, last_number
from rating.rate import EVERY_MONTH
from rating.schedule import build_schedule
from rating.shards import Shard, rate_or_hold_back
from tests.oracle.oracle import Oracle
from tests.properties.strategies import Run, Scenario, scenarios, usage_frame, write_books
from tests.properties.test_kernel_agrees_with_the_oracle import QUICKLY, THOROUGHLY

SHARDS = (1, 2, 3, 7)


class Store:
    """A warehouse of a company that rates in so many shards: what is issued and what is pending lies on disk between runs."""

    def __init__(self, root: Path, shards: int) -> None:
        self.warehouse, self.shards = Warehouse(root), shards

    def run(self, scenario: Scenario, oracle: Oracle, run: Run, folder: Path) -> None:
        read, before = books.load(folder), issued.read_headers(self.warehouse, run.as_of)
        schedule = build_schedule(read, run.as_of, before.invoices)
        usage = usage_frame(oracle.run(run.books, scenario.events, run.as_of, issue=run.issue).usage)
        left = pending.read(self.warehouse)
        wanted = lines_in_play(before, read, run.as_of, left.documents)
        before = issued.with_lines(self.warehouse, before, run.as_of, wanted)
        whole = Shard(read, schedule, usage, before, run.as_of, issue=run.issue, pending=left.documents)
        rated = [rate_or_hold_back(shard) for shard in whole.divided(self.shards)]
        assert len(rated) == max(1, min(self.shards, read.contracts.height))
        made = issue_documents(rated, run.as_of, last_number(before))
        issued.issue(self.warehouse, made, read, run.as_of)
        nobody = read.contracts.get_column("contract_id").clear()
        now = pending.of_run(made, left, before, EVERY_MONTH, nobody, run.as_of)
        pending.remember(self.warehouse, now)
        self._keep(made)

    def _keep(self, made: Documents) -> None:
        """Drafts of the last run, too, with their places in the ledger."""
        for table, frame in issued.by_table(made):
            frame.write_parquet(self.warehouse.derived / f"last_{table.name}.parquet")

    def content(self) -> dict[str, bytes]:
        root = self.warehouse.root
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        # when which file was hashed is no content
        return {str(path.relative_to(root)): path.read_bytes() for path in files if path.name != "issued_hashes.json"}


def live_through(scenario: Scenario) -> None:
    with TemporaryDirectory() as folder:
        stores = [Store(Path(folder) / f"in_{shards}", shards) for shards in SHARDS]
        oracles = [Oracle() for _ in stores]
        for n, run in enumerate(scenario.runs):
            here = write_books(run.books, Path(folder) / f"books_{n}")
            for store, oracle in zip(stores, oracles, strict=True):
                store.run(scenario, oracle, run, here)
        whole, *others = (store.content() for store in stores)
        assert any(name.startswith("derived") for name in whole)
        for other in others:
            assert other == whole


@settings(QUICKLY, max_examples=12)
@given(scenarios(most_runs=5, most_events=40))
def test_r4_any_number_of_shards_leaves_the_same_bytes(scenario: Scenario) -> None:
    live_through(scenario)


@pytest.mark.full
@THOROUGHLY
@given(scenarios(most_runs=6, most_events=60))
def test_r4_any_number_of_shards_leaves_the_same_bytes_for_long(scenario: Scenario) -> None:
    live_through(scenario)
