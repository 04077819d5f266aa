"""What became of events: every landed version with its disposition, and those that wait to land (R-62)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from dagster_project import landing
from dagster_project.errors import UserError
from dagster_project.landing.segments import FOLDER
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse

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
COUNTED = "select count(*) as total from raw.events as raw where {conditions}"
# constants, so that what is looked up is bounded where events lie, below every join: {positions} are numbers of our own
WITHIN = """events.batch between $first_batch and $last_batch and events.file between $first_file and $last_file
            and events.position in ({positions})"""
JUDGED = f"""
    select events.file, events.position, events.element, events.batch, events.disposition as state, events.kind_no,
        case when events.disposition = 'metered' then events.contract_id end as contract_id,
        case when events.disposition = 'metered' then events.period_start end as period_start,
        case when events.disposition = 'metered' then events.period_end end as period_end
    from intermediate.int_event_dispositions as events
    where {WITHIN}
"""
METERS_OF = """
    select kind_no, contract_id, list(distinct meter_code order by meter_code) as meters
    from intermediate.int_kind_meters
    where disposition = 'metered' and kind_no in (select unnest($kinds))
    group by all
"""
INVOICES_OF = """
    select contract_id, period_start, list(coalesce(number, invoice_id) order by number nulls last) as invoices
    from rating.invoices
    where kind in ('period', 'adjustment') and (contract_id, period_start) in (select (unnest($contracts), unnest($starts)))
    group by all
"""

# where a price changed, a combination has a line from each of the days on
LINES_OF = f"""
    with taken as (
        select events.*
        from intermediate.int_metered_events as events
        where {WITHIN}
            and (events.file, events.position, events.element) in (select (unnest($files), unnest($positions), unnest($elements)))
    )
    select taken.file, taken.position, taken.element, coalesce(invoices.number, invoices.invoice_id) as invoice, lines.line_no,
        lines.meter_code, lines.dimensions, lines.description
    from taken
    inner join rating.invoices as invoices
        on taken.contract_id = invoices.contract_id and taken.period_start = invoices.period_start
    inner join rating.invoice_lines as lines
        on invoices.invoice_id = lines.invoice_id and taken.meter_code = lines.meter_code and taken.dimensions = lines.dimensions
        and lines.kind = 'usage' and lines.price_from <= taken."timestamp"
    where invoices.kind in ('period', 'adjustment')
    qualify row_number() over (
        partition by taken.batch, taken.file, taken.position, taken.element, invoices.invoice_id, lines.meter_code
        order by lines.price_from desc
    ) = 1
    order by invoices.number nulls last, invoices.invoice_id, lines.line_no
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
            total = int(fetch(work, COUNTED.format(conditions=conditions), named).item())
            rows = fetch(work, CHOSEN.format(conditions=conditions, limit=limit, offset=offset), named)
            found = list(rows.iter_rows(named=True))
            judged = _judged(work, found)
            billed = [row for row in judged.values() if row["contract_id"] is not None]
            periods = {"contracts": [row["contract_id"] for row in billed], "starts": [row["period_start"] for row in billed]}
            invoices = {(row[0], row[1]): row[2] for row in fetch(work, INVOICES_OF, periods).iter_rows()} if billed else {}
            lines = _lines_of(work, [row for row in found if judged[_place(row)]["contract_id"] is not None])
    except duckdb.IOException:
        raise UserError("A run is at work and holds the events. Ask again when it has ended.") from None
    except duckdb.CatalogException:
        return [], 0
    for row in found:
        row |= {name: value for name, value in judged[_place(row)].items() if name not in row}
        del row["batch"]
        row["invoices"] = invoices.get((row["contract_id"], row["period_start"]), [])
        row["invoice_lines"] = lines.get((row["file"], row["position"], row["element"]), [])
    return found, total


_LANDED: Row = {"state": "landed", "contract_id": None, "period_start": None, "period_end": None, "meters": None}


def _place(row: Row) -> Place:
    return row["batch"], row["file"], row["position"], row["element"]


def _judged(work: duckdb.DuckDBPyConnection, found: Sequence[Row]) -> Mapping[Place, Row]:
    """What became of versions, by place; what no run has looked at is landed, and nothing else is known of it."""
    judged = {_place(row): _LANDED for row in found}
    if not found:
        return judged
    rows = [row for row in _asked(work, JUDGED, found) if _place(row) in judged]
    kinds = {"kinds": list({row["kind_no"] for row in rows if row["contract_id"] is not None})}
    meters = {row[:2]: row[2] for row in fetch(work, METERS_OF, kinds).iter_rows()}
    return judged | {_place(row): {"meters": meters.get((row.pop("kind_no"), row["contract_id"])), **row} for row in rows}


def _asked(work: duckdb.DuckDBPyConnection, query: str, found: Sequence[Row], **more: Any) -> Iterator[Row]:
    """The rows of a query that is bounded by where versions lie."""
    bounds = {
        f"{which}_{name}": of(row[name] for row in found)
        for name in ("batch", "file")
        for which, of in (("first", min), ("last", max))
    }
    positions = ", ".join(f"{row['position']:d}" for row in found)
    yield from fetch(work, query.format(positions=positions), bounds | more).iter_rows(named=True)


def _lines_of(work: duckdb.DuckDBPyConnection, billed: Sequence[Row]) -> dict[tuple[str, int, int], list[Row]]:
    """Lines that versions are on, by file, position and element."""
    if not billed:
        return {}
    places = {f"{name}s": [row[name] for row in billed] for name in ("file", "position", "element")}
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in _asked(work, LINES_OF, billed, **places):
        place = row.pop("file"), row.pop("position"), row.pop("element")
        found.setdefault(place, []).append(row)
    return found


_line = msgspec.json.Decoder(dict[str, msgspec.Raw])


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
            fields = {name: msgspec.json.decode(raw) for name, raw in _line.decode(line).items() if name != "properties"}
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
