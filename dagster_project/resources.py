"""What a run is given when Dagster launches it; the only place that reads the environment or the clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from dagster_project.locations import Locations, instant, now
from dagster_project.run import Run, at_work, silent
from dagster_project.warehouse import Warehouse
from rating.rate import EVERY_MONTH


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
    issue: bool = Field(default=True, description="False: write drafts, post and issue nothing.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Run]:
        said = Locations.of(os.environ, self.books, self.inbox, self.warehouse)
        run = Run(
            warehouse=Warehouse(said.warehouse),
            books_folder=said.books,
            inbox=said.inbox,
            as_of=instant(self.as_of) if self.as_of else now(),
            months=EVERY_MONTH if self.every_month else None,
            issue=self.issue,
            progress=context.log.info if context.log else silent,
        )
        with at_work(run):
            yield run
