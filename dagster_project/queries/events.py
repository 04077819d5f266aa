"""What became of events: every landed version with its disposition, and those that wait to land (R-62)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import polars as pl

from dagster_project import landing
from dagster_project.errors import UserError
from dagster_project.landing.event import MEMBERS
from dagster_project.landing.segments import FOLDER
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse

FEW = 10  # so many are looked up by themselves
SPARE = 2  # of so many places, times as many as are asked for, some are no events

Row = dict[str, Any]
Place = tuple[int, str, int, int]  # batch, file, position, element

CHOSEN_BY: Mapping[str, str] = {
    "customerId": "raw.customer_id = $customerId",
    "externalCustomerId": "raw.external_customer_id = $externalCustomerId",
    "eventName": "raw.event_name = $eventName",
    "idempotencyKey": "raw.idempotency_key = $idempotencyKey",
    "start": 'raw."timestamp" >= $start::timestamp',
    "end": 'raw."timestamp" < $end::timestamp',
}
CHOSEN = """
    select raw.idempotency_key, raw.event_name, raw.customer_id, raw.external_customer_id, raw."timestamp", raw.received_at, raw.file,
        raw.position, raw.element, raw.properties, raw.batch
    from raw.events as raw
    where {conditions}
    order by raw.received_at desc, raw.file desc, raw.position desc, raw.element desc
    limit {limit} offset {offset}
"""
# of all versions, the first of the list are of the newest file of the newest receipt, as long as that has so many
NEWEST = "select max(received_at) as received_at from raw.events"
NEWEST_FILE = """
    select file, max(position) as last
    from raw.events
    where received_at = $received_at
    group by file
    order by file desc
    limit 1
"""
# bounded, so that no more of a large file is put in order than its end
OF_NEWEST_FILE = "raw.received_at = $received_at and raw.file = $file and raw.position > $after"
COUNTED = "select count(*) as total from raw.events as raw where {conditions}"
# constants, so that what is looked up is bounded where events lie, below every join: {positions} are numbers of our own
WITHIN = """events.batch between $first_batch and $last_batch and events.file between $first_file and $last_file
            and events.position in ({positions})"""
# one row for each meter that takes an event, which most take
METERED = f"""
    select events.file, events.position, events.element, events.batch, events."timestamp", events.contract_id, events.period_start,
        events.period_end, events.meter_code, events.dimensions
    from intermediate.int_metered_events as events
    where {WITHIN}
"""
JUDGED = f"""
    select events.file, events.position, events.element, events.batch, events.disposition as state
    from intermediate.int_event_dispositions as events
    where {WITHIN}
"""
# what a page shows meets large tables in the order in which models join them: DuckDB takes it for as much as the file has
AS_WRITTEN = "set disabled_optimizers = 'join_order,build_side_probe_side'"
INVOICES_OF = """
    select invoice_id, contract_id, period_start, number, coalesce(number, invoice_id) as invoice
    from rating.invoices
    where kind in ('period', 'adjustment') and contract_id in (select unnest($contracts))
    order by number nulls last, invoice_id
"""
LINES_OF = """
    select invoice_id, line_no, meter_code, dimensions, description, price_from
    from rating.invoice_lines
    where kind = 'usage' and invoice_id in (select unnest($invoices))
"""


def versions(warehouse: Warehouse, chosen: Mapping[str, str], limit: int, offset: int) -> tuple[list[Row], int]:
    """Landed versions, the latest first, and how many there are in all. chosen: values by a name of CHOSEN_BY.

    Raises `UserError` while a run holds the events, or before one has built them.
    """
    if not warehouse.work_database.exists():
        return [], 0
    conditions = " and ".join(CHOSEN_BY[name] for name in chosen) or "true"
    try:
        with connect(warehouse.work_database, read_only=True) as work:
            named = dict(chosen) or None
            found = [] if chosen else _newest(work, limit, offset)
            if len(found) < limit:
                rows = fetch(work, CHOSEN.format(conditions=conditions, limit=limit, offset=offset), named)
                found = list(rows.iter_rows(named=True))
            is_last = found and len(found) < limit  # of a page that is not full, the end is known
            total = offset + len(found) if is_last else _count(work, conditions, named)
            if len(found) > FEW:
                work.execute(AS_WRITTEN)
            metered = _metered(work, found)
            judged = _judged(work, found, metered)
            invoices, lines = _billed(work, metered)
    except duckdb.IOException:
        raise UserError("A run is at work and holds the events. Ask again when it has ended.") from None
    except duckdb.CatalogException:
        return [], 0
    for row in found:
        row |= {name: value for name, value in judged[_place(row)].items() if name not in row}
        row["invoices"] = invoices.get((row["contract_id"], row["period_start"]), [])
        row["invoice_lines"] = lines.get(_place(row), [])
        del row["batch"]
    return found, total


_LANDED: Row = {"state": "landed", "contract_id": None, "period_start": None, "period_end": None, "meters": None}
_PLACE = ["batch", "file", "position", "element"]
_PERIOD = ["contract_id", "period_start"]


def _place(row: Row) -> Place:
    return row["batch"], row["file"], row["position"], row["element"]


def _count(work: duckdb.DuckDBPyConnection, conditions: str, named: Mapping[str, str] | None) -> int:
    return int(fetch(work, COUNTED.format(conditions=conditions), named).item())


def _newest(work: duckdb.DuckDBPyConnection, limit: int, offset: int) -> list[Row]:
    """Versions at the end of the newest file, of which all other versions come after: as many as are asked for, or fewer."""
    named: Row = fetch(work, NEWEST).row(0, named=True)
    if named["received_at"] is None:
        return []
    named |= fetch(work, NEWEST_FILE, named).row(0, named=True)
    named["after"] = named.pop("last") - SPARE * (offset + limit)
    rows = fetch(work, CHOSEN.format(conditions=OF_NEWEST_FILE, limit=limit, offset=offset), named)
    return list(rows.iter_rows(named=True))


def _metered(work: duckdb.DuckDBPyConnection, found: Sequence[Row]) -> pl.DataFrame:
    """METERED of versions."""
    if not found:
        return pl.DataFrame()
    metered = _within(work, METERED, found)
    places = pl.DataFrame([_place(row) for row in found], [(name, metered.schema[name]) for name in _PLACE], orient="row")
    return metered.join(places, on=_PLACE, how="semi")


def _judged(work: duckdb.DuckDBPyConnection, found: Sequence[Row], metered: pl.DataFrame) -> Mapping[Place, Row]:
    """What became of versions, by place; what no run has looked at is landed, and nothing else is known of it."""
    judged: dict[Place, Row] = {_place(row): _LANDED for row in found}
    if metered.height:
        events = metered.group_by([*_PLACE, *_PERIOD, "period_end"]).agg(meters=pl.col("meter_code").unique().sort())
        for event in events.iter_rows(named=True):
            judged[_place(event)] = {"state": "metered", **{name: event[name] for name in event if name not in _PLACE}}
    others = [row for row in found if judged[_place(row)] is _LANDED]
    if others:
        for event in _within(work, JUDGED, others).iter_rows(named=True):
            if judged.get(_place(event)) is _LANDED:
                judged[_place(event)] = {**_LANDED, "state": event["state"]}
    return judged


def _billed(
    work: duckdb.DuckDBPyConnection, metered: pl.DataFrame
) -> tuple[Mapping[tuple[str, Any], list[str]], Mapping[Place, list[Row]]]:
    """Documents by contract and period, and the lines that versions are on by place. Where a price changed, a combination has a line
    from each of the days on: the last that had begun is theirs."""
    if metered.is_empty():
        return {}, {}
    invoices = fetch(work, INVOICES_OF, {"contracts": metered.get_column("contract_id").unique().to_list()})
    invoices = invoices.join(metered, on=_PERIOD, how="semi", maintain_order="left")
    lines = fetch(work, LINES_OF, {"invoices": invoices.get_column("invoice_id").to_list()})
    line = ["meter_code", "dimensions"]
    on_lines = (
        metered.join(invoices, on=_PERIOD)
        .join(lines, on=["invoice_id", *line])
        .filter(pl.col("price_from") <= pl.col("timestamp"))
        .sort("price_from")
        .unique([*_PLACE, "invoice_id", "meter_code"], keep="last")
        .sort("number", "invoice_id", "line_no", nulls_last=True)
    )
    documents = defaultdict[tuple[str, Any], list[str]](list)
    for contract, start, invoice in invoices.select(*_PERIOD, "invoice").iter_rows():
        documents[contract, start].append(invoice)
    found = defaultdict[Place, list[Row]](list)
    for row in on_lines.select(*_PLACE, "invoice", "line_no", *line, "description").iter_rows(named=True):
        found[_place(row)].append({name: value for name, value in row.items() if name not in _PLACE})
    return documents, found


def _within(work: duckdb.DuckDBPyConnection, query: str, found: Sequence[Row]) -> pl.DataFrame:
    """The rows of a query that is bounded by where versions lie."""
    bounds = {
        f"{which}_{name}": of(row[name] for row in found)
        for name in ("batch", "file")
        for which, of in (("first", min), ("last", max))
    }
    positions = ", ".join(f"{row['position']:d}" for row in found)
    return fetch(work, query.format(positions=positions), bounds)


def waiting(inbox: Path, warehouse: Warehouse, key: str) -> list[Row]:
    """Versions of a key that a door has taken and no run has landed, the latest first; they lie in segments, open ones too."""
    landed = {file.name for one in landing.landings(warehouse) for file in one.files}
    found = []
    for segment in sorted((inbox / FOLDER).glob("*/*/*/*.ndjson*"), reverse=True):
        name = segment.relative_to(inbox).as_posix()
        if name not in landed and (content := segment.read_bytes()) and key.encode() in content:
            found += [{**row, "file": name.removesuffix(".part")} for row in _of_key(content, key)]
    return found


def _of_key(content: bytes, key: str) -> Iterator[Row]:
    for position, line in reversed(list(enumerate(content.split(b"\n"), 1))):
        if key.encode() not in line:
            continue
        try:
            fields = {name: msgspec.json.decode(raw) for name, raw in MEMBERS.decode(line).items() if name != "properties"}
        except msgspec.DecodeError:
            continue
        if key in (fields.get("idempotency_key"), fields.get("idempotencyKey")) and "$refused" not in fields:
            yield {
                "idempotency_key": key,
                "event_name": fields.get("event_name") or fields.get("eventName"),
                "customer_id": fields.get("customer_id") or fields.get("customerId"),
                "external_customer_id": fields.get("external_customer_id") or fields.get("externalCustomerId"),
                "timestamp": fields.get("timestamp"),
                "received_at": str(fields.get("$door", "")).partition(" ")[0],
                "state": "waiting",
                "position": position,
                "element": 0,
            }
