"""What a run is given when Dagster launches it; the only place that reads the environment or the clock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import dagster as dg
from pydantic import Field

from dagster_project.deals.marts import deal_tables
from dagster_project.engines import engine_named
from dagster_project.pipeline.guards import IssueLimit, refuse_places, refuse_the_future
from dagster_project.pipeline.run import Run, exclusive_run, silent
from dagster_project.settings import Locations, instant, now, register
from dagster_project.warehouse.paths import Warehouse, WarehouseBusy
from rating.rate import EVERY_MONTH, Months

LOOK_AGAIN_SECONDS = 2
AS_OF = "meterhouse/as_of"  # tag of a run: its clock, and the run that set it
GOES_ON = "dagster/is_resume_retry"
TRUE = ("1", "true", "t", "yes", "y", "on")  # as the command reads its environment variables


class NightlyRun(dg.ConfigurableResource[Run]):
    """A run of the rating job. Holds the warehouse from its first step to its last."""

    books: str | None = Field(default=None, description="Folder of contract data; METERHOUSE_BOOKS where absent.")
    inbox: str | None = Field(
        default=None, description="Folder or object-store prefix of events; METERHOUSE_INBOX where absent."
    )
    warehouse: str | None = Field(default=None, description="Folder of the warehouse; METERHOUSE_WAREHOUSE where absent.")
    as_of: str | None = Field(
        default=None,
        description="ISO instant, the one clock of the run; where absent the moment at which it first has the warehouse.",
    )
    allow_future: bool = Field(
        default=False, description="True: take an as_of more than a day ahead of the machine's clock; METERHOUSE_ALLOW_FUTURE."
    )
    limit_issue: str | None = Field(
        default=None,
        description="Stop before issuing more than so many documents (500) or so much money (25000 USD); METERHOUSE_LIMIT_ISSUE.",
    )
    shards: int = Field(default=1, ge=1, description="Into how many sets contracts are divided to be rated side by side.")
    engine: str = Field(default="local", description="Where usage is counted and rated: local or spark.")
    wait_minutes: float = Field(default=60, ge=0, description="How long to wait for another run that holds the warehouse.")
    issue: bool = Field(default=True, description="False: write drafts, post and issue nothing.")

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Run]:
        launched, progress = _as_on_record(context), context.log.info if context.log else silent
        with contextlib.ExitStack() as held:
            run = self._held(held, progress, _clock_of(launched), months_launched(launched))
            if launched is not None and context.instance is not None:
                # steps in processes of their own, and a run that goes on after a failure, have the same clock
                context.instance.add_run_tags(launched.run_id, {AS_OF: f"{run.as_of.isoformat()}Z of {launched.run_id[:8]}"})
            yield run

    def _held(
        self, held: contextlib.ExitStack, progress: Callable[[str], None], clock: datetime | None, months: Months | None
    ) -> Run:
        """The run, once it holds the warehouse; waits for another that has it. Raises `WarehouseBusy` where that takes longer."""
        until = time.monotonic() + self.wait_minutes * 60
        while True:
            try:
                # the moment it starts is the moment it has the warehouse
                return held.enter_context(exclusive_run(self._run(progress, clock, months)))
            except WarehouseBusy:
                if time.monotonic() >= until:
                    raise
                progress("Another run is at work in this warehouse; waiting for it to end")
                time.sleep(LOOK_AGAIN_SECONDS)

    def _run(self, progress: Callable[[str], None], clock: datetime | None, months: Months | None) -> Run:
        said = Locations.of(os.environ, self.books, self.inbox, self.warehouse)
        refuse_places(said.inbox, said.warehouse)
        started = now()
        as_of = instant(self.as_of) if self.as_of else clock or started
        if not (self.allow_future or os.environ.get("METERHOUSE_ALLOW_FUTURE", "").lower() in TRUE):
            refuse_the_future(as_of, started)
        limit = self.limit_issue or os.environ.get("METERHOUSE_LIMIT_ISSUE")
        return Run(
            warehouse=Warehouse(said.warehouse),
            books_folder=said.books,
            inbox=said.inbox,
            as_of=as_of,
            months=months,
            issue=self.issue,
            limit=IssueLimit.of(limit) if limit else None,
            shards=self.shards,
            engine=engine_named(self.engine),
            register=register(os.environ),
            deals=deal_tables,
            progress=progress,
        )


def _as_on_record(context: dg.InitResourceContext) -> dg.DagsterRun | None:
    """The run with the tags that it has by now: a process of a single step is handed those of the launch."""
    if context.run is None or context.instance is None:
        return context.run
    return context.instance.get_run_by_id(context.run.run_id) or context.run


def _clock_of(launched: dg.DagsterRun | None) -> datetime | None:
    """The clock that an earlier step of the run has had, or the run that this one goes on from; None: it has none yet."""
    said = None if launched is None else launched.tags.get(AS_OF)
    if launched is None or said is None:
        return None
    clock, _, set_by = said.partition(" of ")
    return instant(clock) if launched.run_id.startswith(set_by) or launched.tags.get(GOES_ON) == "true" else None


def months_launched(launched: dg.DagsterRun | None) -> Months | None:
    """Every month; None where the run was launched for partitions, which each step asks Dagster for."""
    tags = {} if launched is None else launched.tags
    return None if "dagster/partition" in tags or "dagster/asset_partition_range_start" in tags else EVERY_MONTH
