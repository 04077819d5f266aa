"""What-if: the history rated under two sets of books, as if nothing had been issued, and what differs (R-83 to R-85).

Nightly run and simulation are the same models and the same kernel (law 1): a simulation is a run in a warehouse that shows what has
landed and nothing that was issued, and is thrown away. The real warehouse is not written to, nor locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from dagster_project.errors import UserError
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Progress, Run
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.snapshot import rehearsed
from rating.arithmetic import exact
from rating.books import Books
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.rate import Months
from rating.tables import MONEY, QUANTITY, TEXT, Column, Table

FIGURES = ("subtotal", "credits", "total")
_LINE = ("currency", "customer_id", "contract_id", "month", "document", "kind", "pricing_code", "meter_code", "dimensions")
GROUPS = {
    "by_customer": ("currency", "customer_id"),
    "by_contract": ("currency", "customer_id", "contract_id"),
    "by_meter": ("currency", "kind", "meter_code"),
    "by_line": _LINE,
}


def _compared(name: str, grain: str, key: Sequence[str], *, with_quantity: bool) -> Table:
    figures = [("quantity", QUANTITY)] * with_quantity + [(figure, MONEY) for figure in FIGURES]
    columns = [Column(column, TEXT, f"{column} of the lines", nullable=True) for column in key]
    columns += [
        Column(f"{figure}_{side}", dtype, f"{figure} {meaning}")
        for figure, dtype in figures
        for side, meaning in (("before", "under OLD"), ("after", "under NEW"), ("difference", "under NEW less that under OLD"))
    ]
    return Table(name, grain, tuple(key), (*columns, Column("change", TEXT, "same, changed, gone or new")))


TABLES = {
    name: _compared(name, f"lines of one {name.removeprefix('by_')}", key, with_quantity=name in ("by_meter", "by_line"))
    for name, key in GROUPS.items()
}
NOT_COMPARED = Table(
    "not_compared",
    "what the two sides cannot be compared by, or with what was invoiced",
    ("reason", "subject"),
    (
        Column("reason", TEXT, "too_late, closed, only_before, only_after or held_back"),
        Column("subject", TEXT, "events of a month, a document, or a contract"),
        Column("says", TEXT, "a sentence about it"),
    ),
)


@dataclass(frozen=True, slots=True)
class Simulation:
    """as_of: the instant whose knowledge of events was rated. tables: TABLES by name. not_compared: NOT_COMPARED."""

    as_of: datetime
    first: str
    last: str
    before: str
    after: str
    tables: dict[str, pl.DataFrame]
    not_compared: pl.DataFrame

    def customers_above(self, percent: Decimal) -> pl.DataFrame:
        """Rows of by_customer whose total differs by more than so many percent of what it was."""
        # in 1e-4 of the currency and of a percent: whole numbers, so that nothing is rounded
        before, difference = (exact.as_int128(name).abs() for name in ("total_before", "total_difference"))
        bound = exact.int128(int(percent * 10_000))
        return self.tables["by_customer"].filter(difference * exact.int128(1_000_000) > before * bound)


def simulate(
    warehouse: Warehouse,
    old: Books,
    new: Books,
    first: str,
    last: str,
    contracts: Sequence[str],
    progress: Progress,
    *,
    shards: int = 1,
) -> Simulation:
    """Rate the history under both, and compare the billing months from `first` to `last` (YYYY-MM) of some contracts, or all.

    Raises `UserError` where nothing has landed, and what a run raises.
    """
    as_of = issued.latest_as_of(warehouse)
    if as_of is None:
        raise UserError(f"Nothing has landed in {warehouse.root} yet. Run `meterhouse run` first, or name it with --warehouse.")
    months = Months(None, last)
    progress("Rating under the books that are")
    before = _rated(warehouse, old, as_of, months, shards)
    progress("Rating under the books that may be")
    after = before if new.version == old.version else _rated(warehouse, new, as_of, months, shards)
    shown = Months(first, last)
    sides = [lines_of(side.documents, shown, contracts) for side in (before, after)]
    return Simulation(
        as_of=as_of,
        first=first,
        last=last,
        before=old.version,
        after=new.version,
        tables={name: compare(*sides, table=table, key=GROUPS[name]) for name, table in TABLES.items()},
        not_compared=_not_compared(warehouse, old, sides, [before, after], as_of, shown, contracts),
    )


def _rated(warehouse: Warehouse, books: Books, as_of: datetime, months: Months, shards: int) -> steps.RatedRun:
    """Everything under these books, as one run would issue it that issues for the first time."""
    with rehearsed(warehouse, as_of, with_issued=False) as stage:
        run = Run(stage, stage.root, inbox="", as_of=as_of, months=months, land_new=False, books_read=books, shards=shards)
        failed = [f"{result.name}: {result.message}" for result in steps.prepare(run) if not result.is_good]
        if failed:
            raise UserError("The events could not be read under these books.", *failed)
        return steps.rate_everything(run, steps.usage(run), months, None)


def lines_of(documents: Documents, months: Months, contracts: Sequence[str]) -> pl.DataFrame:
    """Lines of the months, issued or drafts: the key of by_line, quantity, subtotal, credits, total."""
    of_documents = documents.invoices.filter(months.hold(pl.col("month"))).select(
        "invoice_id", "currency", "customer_id", "contract_id", "month", document="kind"
    )
    if contracts:
        of_documents = of_documents.filter(pl.col("contract_id").is_in(contracts))
    return documents.lines.join(of_documents, on="invoice_id").select(
        *_LINE,
        "quantity",
        subtotal="amount",
        credits="credits_applied",
        total=(pl.col("amount") - pl.col("credits_applied")).cast(MONEY),
    )


def compare(before: pl.DataFrame, after: pl.DataFrame, *, table: Table, key: Sequence[str]) -> pl.DataFrame:
    """Lines of both sides summed by a key: one of TABLES, sorted by its key. Every line of either side is in exactly one row."""
    figures = [name for name in ("quantity", *FIGURES) if f"{name}_before" in table.names]
    sums = [
        lines.group_by(key)
        .agg(pl.len().alias("lines"), pl.col(figures).sum())
        .rename({name: f"{name}_{side}" for name in [*figures, "lines"]})
        for lines, side in ((before, "before"), (after, "after"))
    ]
    both = sums[0].join(sums[1], on=list(key), how="full", coalesce=True, nulls_equal=True)
    zero = pl.col([f"{name}_{side}" for name in figures for side in ("before", "after")]).fill_null(0)
    differs = pl.any_horizontal(pl.col(f"{name}_difference") != 0 for name in figures)
    return table.frame(
        both.with_columns(zero)
        .with_columns((pl.col(f"{name}_after") - pl.col(f"{name}_before")).alias(f"{name}_difference") for name in figures)
        .with_columns(
            change=pl.when(pl.col("lines_before").is_null())
            .then(pl.lit("new"))
            .when(pl.col("lines_after").is_null())
            .then(pl.lit("gone"))
            .when(differs)
            .then(pl.lit("changed"))
            .otherwise(pl.lit("same"))
        )
        .sort(list(key), nulls_last=True)
    )


def _not_compared(
    warehouse: Warehouse,
    old: Books,
    sides: Sequence[pl.DataFrame],
    rated: Sequence[steps.RatedRun],
    as_of: datetime,
    months: Months,
    contracts: Sequence[str],
) -> pl.DataFrame:
    """NOT_COMPARED: contracts of one side, contracts held back, documents that are closed, events that came too late."""
    rows: list[tuple[str, str, str]] = []
    known = [set(side.get_column("contract_id")) for side in sides]
    for reason, missing, where in (
        ("only_before", known[0] - known[1], "are billed under OLD and not under NEW"),
        ("only_after", known[1] - known[0], "are billed under NEW and not under OLD"),
    ):
        rows += [(reason, contract, f"The months of {contract} {where}.") for contract in sorted(missing)]
    for side, found in zip(("OLD", "NEW"), rated, strict=True):
        for contract, reason in found.held_back.select("contract_id", "reason").iter_rows():
            rows.append(("held_back", f"{contract} ({side})", f"{contract} could not be rated under {side}: {reason}"))
    real = issued.read(warehouse, as_of)
    closed = adjustments.issued_periods(real, old, as_of).filter("is_closed", months.hold(pl.col("month")))
    if contracts:
        closed = closed.filter(pl.col("contract_id").is_in(contracts))
    rows += [
        ("closed", document, f"{document} takes no more corrections: no change of the books reaches it.")
        for document in closed.sort("original_id").get_column("original_id")
    ]
    return pl.concat(
        [NOT_COMPARED.frame([dict(zip(NOT_COMPARED.names, row, strict=True)) for row in rows]), _too_late(warehouse)]
    )


TOO_LATE = """
    select
        'too_late' as reason,
        period || ' ' || event_name as subject,
        format('{} events of {} in {} came too late for what was invoiced; they count here.', sum(events), event_name, period) as says
    from marts.reconciliation
    where disposition = 'too_late' and meter_code is null
    group by period, event_name
    order by all
"""


def _too_late(warehouse: Warehouse) -> pl.DataFrame:
    """What the marts of the last run say is too late; nothing where no run has published any."""
    if not warehouse.database.exists():
        return NOT_COMPARED.empty()
    with published(warehouse) as connection:
        return NOT_COMPARED.frame(fetch(connection, TOO_LATE))
