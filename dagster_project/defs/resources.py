"""What a run is given when Dagster launches it; the only place that reads the environment or the clock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import dagster as dg
from pydantic import Field

from dagster_project.deals.marts import deal_tables
from dagster_project.pipeline.guards import IssueLimit, refuse_places, refuse_the_future
from dagster_project.pipeline.run import Run, exclusive_run, silent
from dagster_project.settings import Locations, instant, now, register
from dagster_project.warehouse.paths import Warehouse, WarehouseBusy
from rating.rate import EVERY_MONTH

LOOK_AGAIN_SECONDS = 2
TRUE = ("1", "true", "t", "yes", "y", "on")  # as the command reads its environment variables


class NightlyRun(dg.ConfigurableResource[Run]):
    """A run of the rating job. Holds the warehouse from its first step to its last."""

    books: str | None = Field(default=None, description="Folder of contract data; METERHOUSE_BOOKS where absent.")
    inbox: str | None = Field(
        default=None, description="Folder or object-store prefix of events; METERHOUSE_INBOX where absent."
    )
    warehouse: str | None = Field(default=None, description="Folder of the warehouse; METERHOUSE_WAREHOUSE where absent.")
    as_of: str | None = Field(
        default=None, description="ISO instant, the one clock of the run; the moment it starts where absent."
    )
    every_month: bool = Field(
        default=False, description="True: rate whatever still has something to do, also outside the launched partitions."
    )
    allow_future: bool = Field(
        default=False, description="True: take an as_of more than a day ahead of the machine's clock; METERHOUSE_ALLOW_FUTURE."
    )
    limit_issue: str | None = Field(
        default=None,
        description="Stop before issuing more than so many documents (500) or so much money (25000 USD); METERHOUSE_LIMIT_ISSUE.",
    )
    shards: int = Field(default=1, ge=1, description="Into how many sets contracts are divided to be rated side by side.")
    wait_minutes: float = Field(default=60, ge=0, description="How long to wait for another run that holds the warehouse.")
    issue: bool = Field(default=True, description="False: write drafts, post and issue nothing.")

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Run]:
        with contextlib.ExitStack() as held:
            yield self._held(held, context.log.info if context.log else silent)

    def _held(self, held: contextlib.ExitStack, progress: Callable[[str], None]) -> Run:
        """The run, once it holds the warehouse; waits for another that has it. Raises `WarehouseBusy` where that takes longer."""
        until = time.monotonic() + self.wait_minutes * 60
        while True:
            try:
                # the moment it starts is the moment it has the warehouse
                return held.enter_context(exclusive_run(self._run(progress)))
            except WarehouseBusy:
                if time.monotonic() >= until:
                    raise
                progress("Another run is at work in this warehouse; waiting for it to end")
                time.sleep(LOOK_AGAIN_SECONDS)

    def _run(self, progress: Callable[[str], None]) -> Run:
        said = Locations.of(os.environ, self.books, self.inbox, self.warehouse)
        refuse_places(said.inbox, said.warehouse)
        started = now()
        as_of = instant(self.as_of) if self.as_of else started
        if not (self.allow_future or os.environ.get("METERHOUSE_ALLOW_FUTURE", "").lower() in TRUE):
            refuse_the_future(as_of, started)
        limit = self.limit_issue or os.environ.get("METERHOUSE_LIMIT_ISSUE")
        return Run(
            warehouse=Warehouse(said.warehouse),
            books_folder=said.books,
            inbox=said.inbox,
            as_of=as_of,
            months=EVERY_MONTH if self.every_month else None,
            issue=self.issue,
            limit=IssueLimit.of(limit) if limit else None,
            shards=self.shards,
            register=register(os.environ),
            deals=deal_tables,
            progress=progress,
        )
