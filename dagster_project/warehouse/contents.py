"""What issued periods contain (R-45): their usage, what each meter took, and which events go to them.

Every run notes it of the periods that may still be rated again; the last note before a period closes is what it keeps, whatever the
books say later. `contents/<n>-<as_of>.parquet` holds, whole, the periods whose contents a run found to have changed; appended only.

What belongs here: writing and reading these records. What does not: what they mean for an event (dbt/models/intermediate).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project.warehouse import notes
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.files import remove
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.invoicing.adjustments import PERIOD
from rating.tables import BOOLEAN, COUNT, DATE, INSTANT, NULL, QUANTITY, SMALL, TEXT, Column, Table

USAGE = Table(
    "usage",
    "one contract, period, rating window, meter and combination of group values of a closed period, as it was rated last",
    ("contract_id", "window_start", "window_end", "meter_code", "dimensions"),
    (
        Column("contract_id", TEXT, "id of the contract"),
        Column("customer_id", TEXT, "customer of the contract"),
        Column("period_start", INSTANT, "first instant of the period"),
        Column("period_end", INSTANT, "first instant after the period"),
        Column("window_start", INSTANT, "first instant of the window; of the period for all but sum and count"),
        Column("window_end", INSTANT, "first instant after the window; after the period for all but sum and count"),
        Column("meter_code", TEXT, "code of the meter"),
        Column("dimensions", TEXT, "the combination as JSON, keys as the meter had them"),
        Column("quantity", QUANTITY, "what the meter's aggregation gave (9 decimals)"),
        Column("event_count", COUNT, "event versions behind it"),
    ),
)
METER_TOTALS = Table(
    "meter_totals",
    "what a meter took, or failed to take, of the events that a closed period counted, by UTC month and event name",
    ("contract_id", "period_start", "month", "event_name", "meter_code", "disposition"),
    (
        Column("contract_id", TEXT, "id of the contract"),
        Column("period_start", INSTANT, "first instant of the period"),
        Column("month", DATE, "first day of the UTC month of the timestamps"),
        Column("event_name", TEXT, "name of the events"),
        Column("meter_code", TEXT, "code of the meter"),
        Column("disposition", TEXT, "metered or bad_quantity"),
        Column("events", COUNT, "event versions"),
        Column("quantity", QUANTITY, "sum of the events' quantities (9 decimals); null for unique and for what failed", NULL),
    ),
)
ROUTES = Table(
    "routes",
    "events of one name that a closed period counted, told by what they say of themselves: customer, contract and time",
    ("customer_reference", "is_external_reference", "pinned_contract_id", "event_name", "starts_at"),
    (
        Column("contract_id", TEXT, "id of the contract"),
        Column("period_start", INSTANT, "first instant of the period"),
        Column("customer_reference", TEXT, "customer as the events name it"),
        Column("is_external_reference", BOOLEAN, "whether that is an external id"),
        Column("pinned_contract_id", TEXT, "contract that the events name; null where they name none", NULL),
        Column("event_name", TEXT, "name of the events"),
        Column("starts_at", INSTANT, "first instant at which they go there"),
        Column("ends_at", INSTANT, "first instant after it"),
    ),
)
UNBILLED_USAGE = Table(
    tables.UNBILLED_USAGE.name,
    "one meter of a closed period: by how much its usage differs from what its documents say, where that is worth nothing (R-42)",
    tables.UNBILLED_USAGE.key,
    tables.UNBILLED_USAGE.columns,
)
PERIODS_FILE = "periods.parquet"
PARTS = (USAGE, METER_TOTALS, ROUTES, UNBILLED_USAGE)

_NOW = {
    USAGE.name: "from intermediate.int_labelled_usage",
    METER_TOTALS.name: "from intermediate.int_meter_totals where event_disposition = 'metered'",
    ROUTES.name: "from intermediate.int_metered_routes",
    UNBILLED_USAGE.name: "from rating.unbilled_usage",
}


def _nested(part: Table) -> Column:
    """A part of a period's contents as one column of its record: a list of its rows."""
    of_rows = pl.List(pl.Struct({name: dtype for name, dtype in part.schema.items() if name not in PERIOD}))
    return Column(part.name, of_rows, part.grain, NULL)


CONTENTS = Table(
    "contents",
    "one issued period, with what it contained when a run found that to have changed",
    ("contract_id", "period_start"),
    (
        Column("record_no", SMALL, "number of the record"),
        Column("contract_id", TEXT, "id of the contract"),
        Column("period_start", INSTANT, "first instant of the period"),
        *map(_nested, PARTS),
    ),
)
NOTED = Table(
    "noted",
    "the last record that a period is in",
    ("contract_id", "period_start"),
    (
        Column("contract_id", TEXT, "id of the contract"),
        Column("period_start", INSTANT, "first instant of the period"),
        Column("record_no", SMALL, "number of the record"),
    ),
)


@dataclass(frozen=True, slots=True)
class Contents:
    """Rows of USAGE, METER_TOTALS, ROUTES and UNBILLED_USAGE of some periods."""

    usage: pl.DataFrame
    meter_totals: pl.DataFrame
    routes: pl.DataFrame
    unbilled_usage: pl.DataFrame

    def of(self, part: Table) -> pl.DataFrame:
        rows: pl.DataFrame = getattr(self, part.name)
        return rows


def note(warehouse: Warehouse, periods: pl.DataFrame, as_of: datetime) -> Path | None:
    """Note what periods contain of which that is not known yet; None where all of it is.

    periods: contract_id, period_start of issued periods that a run has just rated, first or again.
    """
    periods = periods.select(PERIOD).sort(PERIOD)
    known = noted(warehouse, as_of).join(periods, on=PERIOD, how="semi")
    before, now = read(warehouse, known, as_of), _now(warehouse, periods)
    differing = [periods.join(known, on=PERIOD, how="anti")]
    for part in PARTS:
        differing += [_only_in(before.of(part), now.of(part)), _only_in(now.of(part), before.of(part))]
    changed = pl.concat(differing).unique().sort(PERIOD)
    if changed.is_empty():
        return None
    rows = changed
    for part in PARTS:
        inner = [name for name in part.names if name not in PERIOD]
        lists = now.of(part).group_by(PERIOD, maintain_order=True).agg(pl.struct(inner).alias(part.name))
        rows = rows.join(lists, on=PERIOD, how="left", maintain_order="left")
    return notes.append(
        warehouse.contents,
        warehouse.derived / "noting.parquet",
        as_of,
        lambda number: CONTENTS.frame(rows.with_columns(record_no=pl.lit(number))),
    )


def _only_in(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """contract_id, period_start of rows of one that are not in the other."""
    return one.join(other, on=one.columns, how="anti", nulls_equal=True).select(PERIOD)


def _now(warehouse: Warehouse, periods: pl.DataFrame) -> Contents:
    """What the models of this run say of the periods."""
    with connect(warehouse.work_database, read_only=True) as connection:
        connection.register("periods", periods.to_arrow())
        found = {part.name: part.frame(fetch(connection, _of_periods(part))) for part in PARTS}
    return Contents(**found)


def _of_periods(part: Table) -> str:
    """The query of a part of the contents of `periods`."""
    names = ", ".join(part.names)
    return f"select {names} from ({_NOW[part.name]}) semi join periods using (contract_id, period_start) order by all"


def noted(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """NOTED of every period that a record up to as_of is about."""
    known = notes.records(warehouse.contents, as_of)
    if known.is_empty():
        return NOTED.empty()
    last: int = known.get_column("record_no").max()  # type: ignore[assignment]
    kept, through = _kept_index(warehouse, last)
    new = known.filter(pl.col("record_no") > through).get_column("path")
    found = [pl.read_parquet(path, columns=["contract_id", "period_start", "record_no"]) for path in new]
    index = pl.concat([kept, *map(NOTED.frame, found)]).sort("record_no").unique(PERIOD, keep="last").sort(PERIOD)
    place = _index_place(warehouse, last)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        index.write_parquet(place)
    return index


def _index_place(warehouse: Warehouse, last: int) -> Path:
    return warehouse.contents_index / f"{last:06d}.parquet"


def _kept_index(warehouse: Warehouse, last: int) -> tuple[pl.DataFrame, int]:
    """The index that an earlier run has left, and the last record in it: one of nothing where there is none."""
    for place in sorted(warehouse.contents_index.glob("[0-9]*.parquet"), reverse=True):
        if int(place.stem) <= last:
            return NOTED.require(pl.read_parquet(place)), int(place.stem)
    return NOTED.empty(), 0


def read(warehouse: Warehouse, wanted: pl.DataFrame, as_of: datetime) -> Contents:
    """The contents of periods as their records say. wanted: NOTED."""
    numbers = wanted.get_column("record_no").unique()
    paths = notes.records(warehouse.contents, as_of).filter(pl.col("record_no").is_in(numbers.implode())).get_column("path")
    rows = pl.concat(
        [
            CONTENTS.empty(),
            *(
                CONTENTS.require(pl.read_parquet(path)).join(
                    wanted, on=[*PERIOD, "record_no"], how="semi", maintain_order="left"
                )
                for path in paths
            ),
        ]
    )
    return Contents(**{part.name: _rows_of(rows, part) for part in PARTS})


def _rows_of(contents: pl.DataFrame, part: Table) -> pl.DataFrame:
    """A part of contents, a row each."""
    return part.frame(contents.select(*PERIOD, part.name).explode(part.name).drop_nulls(part.name).unnest(part.name))


def files_of_closed(warehouse: Warehouse, closed: pl.DataFrame, as_of: datetime) -> dict[str, list[Path]]:
    """Parquet files of the PARTS of closed periods' contents, by name. closed: NOTED.

    What a run has laid out once stays in derived/, so that a later one lays out what has closed since.
    """
    folder = warehouse.closed_contents
    laid = _laid(folder)
    if laid.join(closed, on=NOTED.names, how="anti").height:
        remove(folder)  # a period takes events again: its rerate days are more than they were
        laid = NOTED.empty()
    new = closed.join(laid, on=NOTED.names, how="anti").sort(PERIOD)
    if new.height or not folder.exists():
        contents = read(warehouse, new, as_of)
        building, place = folder / ".building", folder / f"{len(list(folder.glob('[0-9]*'))) + 1:06d}"
        remove(building)
        building.mkdir(parents=True)
        new.write_parquet(building / PERIODS_FILE)
        for part in PARTS:
            contents.of(part).write_parquet(building / f"{part.name}.parquet")
        building.replace(place)
    return {part.name: [laid / f"{part.name}.parquet" for laid in laid_out(warehouse)] for part in PARTS}


def laid_out(warehouse: Warehouse) -> list[Path]:
    """Folders of contents of closed periods that runs have laid out, in order: PERIODS_FILE (NOTED) and a file a part in each."""
    return sorted(warehouse.closed_contents.glob("[0-9]*"))


def _laid(folder: Path) -> pl.DataFrame:
    """NOTED of the periods whose contents lie in the folder."""
    return pl.concat([NOTED.empty(), *(NOTED.require(pl.read_parquet(path)) for path in folder.glob(f"[0-9]*/{PERIODS_FILE}"))])
