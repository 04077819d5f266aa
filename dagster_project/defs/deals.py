"""Group `deals`: Salesforce's tables as a team's sync leaves them, and the drafts that they come to (R-70 to R-74).

They lie outside of the months: whoever rates reads what the register says, and needs neither Salesforce nor this group. So no edge
leads from drafts to `dimensions/deals`: with one, "Materialize all" over months would be two runs, and would fail with Salesforce.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from dagster_project.deals import fates, review, salesforce
from dagster_project.deals.desk import Desk
from dagster_project.deals.drafting import FATES
from dagster_project.deals.proposals import digest
from dagster_project.defs.declared import ENGINEERING, FINANCE, code_of, key_of, to_markdown
from dagster_project.errors import sentences_of
from dagster_project.pipeline.nightly import MOST_SAID
from dagster_project.register import place, store
from dagster_project.settings import Locations, now, register
from dagster_project.warehouse.paths import Warehouse

GROUP = "deals"
EVERY_TERM = "every_deal_term_has_a_fate"
LINES_ARE_FATES = "lines_are_the_sum_over_fates"
DRAFTS = key_of(("deals", "drafts"))
# of the team's sync and not Meterhouse's, so their keys are as theirs are
TABLES = {name: dg.AssetKey(["salesforce", salesforce.called(name)]) for name in salesforce.OBJECTS.values()}


@dataclass(frozen=True, slots=True)
class OpenedDesk:
    """The desk of a warehouse; None where Salesforce's tables are named nowhere."""

    desk: Desk | None

    @property
    def tables(self) -> str:
        if self.desk is None or self.desk.salesforce is None:
            raise dg.Failure("METERHOUSE_SALESFORCE names no tables: set it to a folder of files, or to file.duckdb#schema.")
        return self.desk.salesforce


class DealDesk(dg.ConfigurableResource[OpenedDesk]):
    """Where deals come from, and where they are kept."""

    books: str | None = Field(default=None, description="Folder of contract data; METERHOUSE_BOOKS where absent.")
    warehouse: str | None = Field(default=None, description="Folder of the warehouse; METERHOUSE_WAREHOUSE where absent.")
    salesforce: str | None = Field(
        default=None, description="Salesforce's tables: a folder, or file.duckdb#schema; METERHOUSE_SALESFORCE where absent."
    )

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OpenedDesk]:  # noqa: ARG002
        tables = self.salesforce or tables_named()
        if tables is None:
            yield OpenedDesk(None)
            return
        said = Locations.of(os.environ, self.books, None, self.warehouse)
        warehouse = Warehouse(said.warehouse)
        engine = store.opened(register(os.environ) or place.location_of(warehouse))
        try:
            yield OpenedDesk(Desk(said.books, engine, warehouse, tables))
        finally:
            engine.dispose()


def tables_named() -> str | None:
    """Salesforce's tables as the environment names them."""
    return os.environ.get("METERHOUSE_SALESFORCE") or None


@contextlib.contextmanager
def _in_sentences() -> Iterator[None]:
    """A person's mistake ends a step in sentences (law 10)."""
    try:
        yield
    except Exception as error:
        if sentences := sentences_of(error):
            raise dg.Failure("\n".join(sentences), allow_retries=False) from error
        raise


def _observed(context: dg.AssetExecutionContext, meterhouse_desk: dg.ResourceParam[OpenedDesk]) -> Iterator[dg.ObserveResult]:
    with _in_sentences():
        tables = salesforce.read(meterhouse_desk.tables)
    for name, key in TABLES.items():
        if key in context.selected_asset_keys:
            records = tables.of(name)
            yield dg.ObserveResult(
                asset_key=key,
                metadata={"dagster/row_count": len(records), "is_there": name in tables.records},
                data_version=dg.DataVersion(digest(records)),
            )


def _observable() -> dg.AssetsDefinition:
    """Salesforce's tables, which others write and Meterhouse reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        observable: dg.AssetsDefinition = dg.multi_observable_source_asset(
            name="salesforce",
            specs=[
                dg.AssetSpec(
                    key,
                    description=f"Each row is one record of Salesforce's {key.path[-1]}, as the team's sync leaves it (R-71).",
                    group_name=GROUP,
                    owners=[ENGINEERING],
                    kinds={"salesforce"},
                    metadata=code_of(salesforce.read),
                )
                for key in TABLES.values()
            ],
            can_subset=True,
            description="Read Salesforce's tables: how many records each holds, and a hash of what they say.",
        )(_observed)
    return observable


salesforce_tables = _observable()


@dg.multi_asset(
    name="deal_drafts",
    specs=[
        dg.AssetSpec(
            DRAFTS,
            deps=[*TABLES.values()],
            description="Each row is one deal as a draft: terms with their sources, and a fate for every line (R-73, R-74).",
            group_name=GROUP,
            owners=[FINANCE],
            kinds={"salesforce", "sql"},
            metadata=code_of(Desk.sync),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            EVERY_TERM, asset=DRAFTS, description="Every line and every watched value of a deal has exactly one fate (R-73)."
        ),
        dg.AssetCheckSpec(
            LINES_ARE_FATES, asset=DRAFTS, description="Lines and watched values = sum over fates, deal by deal (R-73)."
        ),
    ],
    description="Read Salesforce's tables: closed opportunities that match become deals, changed rows change their drafts.",
)
def drafts(meterhouse_desk: dg.ResourceParam[OpenedDesk]) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    desk = meterhouse_desk.desk
    if desk is None:
        yield dg.MaterializeResult(asset_key=DRAFTS, metadata={"read": "METERHOUSE_SALESFORCE names no tables."})
        for name in (EVERY_TERM, LINES_ARE_FATES):
            yield dg.AssetCheckResult(passed=True, asset_key=DRAFTS, check_name=name, description="There are no deals.")
        return
    with _in_sentences():
        new, changed = desk.sync(now())
        books = desk.books()
    assert books.deals is not None
    reviews = [one for one in (review.listed(proposal, books) for proposal in desk.every().values()) if one.draft is not None]
    counts, faults = fates.counted(reviews, books.deals), fates.faults(reviews, books.deals)
    untied = fates.does_not_tie(counts)
    yield dg.MaterializeResult(
        asset_key=DRAFTS,
        metadata={
            "dagster/row_count": len(reviews),
            "new": len(new),
            "changed": len(changed),
            "open": sum(one.proposal.state == "open" for one in reviews),
            "open_points": sum(len(one.open_points) for one in reviews),
            "no_longer_as_approved": sum(one.proposal.has_drifted for one in reviews),
            "fates": to_markdown(counts),
            **{f"fate_{fate}": int(counts.get_column(fate).sum()) for fate in FATES},
        },
    )
    yield dg.AssetCheckResult(
        passed=not faults,
        asset_key=DRAFTS,
        check_name=EVERY_TERM,
        description="\n".join(faults[:MOST_SAID]) or None,
        metadata={"deals": len(reviews), "faults": len(faults)},
    )
    yield dg.AssetCheckResult(
        passed=untied.is_empty(),
        asset_key=DRAFTS,
        check_name=LINES_ARE_FATES,
        metadata={
            "lines": int(counts.get_column("lines").sum()),
            "watched": int(counts.get_column("watched").sum()),
            **({} if untied.is_empty() else {"deals": to_markdown(untied)}),
        },
    )
