"""What deserves a look, as rows that finance reads (marts.attention), and what somebody has said is all right.

What belongs here: gathering what `cautions` judges, and acknowledgements. What does not: the judgement, and how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.checks.review_warnings import HIGH, LOW, MEDIUM, Look
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.files import append_record, records
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.tables import NULL, Column
from rating.vocabulary import SETTLED

ATTENTION = tables.Table(
    "attention",
    "one thing that deserves a look: allowed, and maybe not meant",
    ("code", "subject"),
    (
        Column("code", tables.TEXT, "what kind of thing it is"),
        Column("severity", tables.TEXT, "high: billed wrongly or not at all; medium: it may be; low: worth knowing"),
        Column("subject", tables.TEXT, "what it is about; acknowledged by code and subject"),
        Column("count", tables.COUNT, "events, lines or documents concerned"),
        Column("amount", tables.MONEY, "money at stake, where that is known", NULL),
        Column("currency", tables.TEXT, "ISO 4217 code of the amount", NULL),
        Column("file", tables.TEXT, "landed file of an example", NULL),
        Column("position", tables.COUNT, "line or row of the example in its file, from 1", NULL),
        Column("first_seen", tables.INSTANT, "when what it is about was first received; null on documents and credits", NULL),
        Column("sentence", tables.TEXT, "what is the matter, and what to do"),
        Column("acknowledged", tables.TEXT, "why somebody said that it is all right; null: nobody did", NULL),
        Column("is_of_file", tables.BOOLEAN, "about how a file is written: said once, by the run that landed it"),
    ),
)
WORST = (HIGH, MEDIUM, LOW)
FEW = 5  # looks of a kind that are shown before those of other kinds

ANY_UNMATCHED = """
    select exists (select 1 from intermediate.int_event_class_dispositions where disposition <> 'metered')
        or exists (select 1 from intermediate.int_late_versions)
"""
UNMATCHED = f"""
    select event_name, disposition, count(*)::bigint as events, min(received_at) as first_seen,
        arg_min(file, (file, position, element)) as file, arg_min(position, (file, position, element)) as position
    from intermediate.int_event_dispositions
    where disposition not in {SETTLED}
    group by all
    order by all
"""
FAILURES = """
    with failed as (
        select distinct taken.event_class_no, taken.meter_code
        from intermediate.int_event_classes_with_meters as taken
        inner join intermediate.int_event_class_dispositions as judged
            on taken.event_class_no = judged.event_class_no and taken.contract_id = judged.contract_id
        where taken.disposition = 'bad_quantity' and judged.disposition in ('metered', 'bad_quantity')
    ),
    found as (
        select failed.meter_code, events.event_name, count(*)::bigint as events, min(events.received_at) as first_seen,
            arg_min(
                {'file': events.file, 'position': events.position, 'element': events.element, 'batch': events.batch},
                (events.file, events.position, events.element)
            ) as example
        from intermediate.int_event_dispositions as events
        inner join failed on events.event_class_no = failed.event_class_no
        group by all
    )
    select found.meter_code, found.event_name, meters.aggregation_key as property, found.events, found.first_seen,
        coalesce(meters.quantity_property <> meters.aggregation_key, false) as is_computed,
        found.example.file as file, found.example.position as position,
        json_extract(raw.properties, '$."' || meters.aggregation_key || '"')::varchar as value
    from found
    inner join books.meters as meters on found.meter_code = meters.meter_code
    left join raw.events as raw
        on raw.batch = found.example.batch and raw.file = found.example.file and raw.position = found.example.position
        and raw.element = found.example.element
    order by all
"""
QUARANTINED = r"""
    select file, kind, count(*)::bigint as lines, arg_min(reason, (position, element)) as reason, min(position) as position,
        min(received_at) as first_seen
    from (
        select *,
            regexp_replace(
                regexp_replace(
                    regexp_replace(reason, ': [^;]*', '', 'g'), ' such as 2026-01-31T09:30:00Z|, at [0-9TZ:-]+$', '', 'g'
                ),
                'has \d+ cells where the header has \d+', 'has other cells than the header'
            ) as kind
        from raw.quarantine
    )
    group by all
    order by all
"""
# texts that exports write where there is no key, and long numbers that a spreadsheet has rounded
KEYS = r"""
    with keys as (
        select file, idempotency_key as key, count(*) as versions, count(distinct occurred_at) as times,
            count(distinct (customer_reference, is_external_reference)) as customers, min(position) as position,
            min(received_at) as received_at,
            regexp_full_match(key, '(?i)null|\\n|nan|none|nil|n/a|#n/a|undefined|[+-]?\d+([.,]\d+)?e[+-]?\d+') as is_no_key
        from intermediate.int_key_versions
        group by file, idempotency_key
        having count(*) > 1
    )
    select file, case when is_no_key then 'no_key' else 'customers' end as kind, arg_max(key, (versions, key)) as key,
        arg_max(versions, (versions, key)) as versions, arg_max(times, (versions, key)) as times,
        arg_max(customers, (versions, key)) as customers, count(*) as keys, (sum(versions) - count(*))::bigint as superseded,
        min(position) as position, min(received_at) as first_seen
    from keys
    where is_no_key or customers > 1
    group by all
    order by all
"""


def found_below(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """What the models below rating say of events: unmatched, failures, quarantined, keys (see `cautions`)."""
    with connect(warehouse.work_database, read_only=True) as connection:
        # most nights have none, and then no event need be looked at again
        any_unmatched = fetch(connection, ANY_UNMATCHED).item()
        return {
            "unmatched": fetch(connection, UNMATCHED if any_unmatched else f"{UNMATCHED} limit 0"),
            "failures": fetch(connection, FAILURES),
            "quarantined": fetch(connection, QUARANTINED),
            "keys": fetch(connection, KEYS),
        }


def rows(looks: Iterable[Look], acknowledged: Sequence[Acknowledgement], as_of: datetime) -> pl.DataFrame:
    """ATTENTION, the worst first; of looks at the same thing the first."""
    quiet = {(one.code, one.subject): one.because for one in acknowledged if one.holds(as_of)}
    once = {(look.code, look.subject): look for look in reversed([*looks])}
    made = [asdict(look) | {"acknowledged": quiet.get(key)} for key, look in once.items()]
    severity = pl.col("severity").replace_strict({name: nth for nth, name in enumerate(WORST)}, return_dtype=pl.Int32)
    return ATTENTION.frame(made).sort(
        severity, "amount", "count", "code", "subject", descending=[False, True, True, False, False], nulls_last=True
    )


# --- what somebody has said is all right ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has looked at (code, subject): `because` says why it may stay as it is; `until` (exclusive), for how long."""

    code: str
    subject: str
    because: str
    until: str | None
    at: str

    def holds(self, as_of: datetime) -> bool:
        return self.until is None or as_of.date() < date.fromisoformat(self.until)


def acknowledgements(warehouse: Warehouse) -> list[Acknowledgement]:
    """Every acknowledgement, in order; later ones of the same thing replace earlier ones."""
    found: dict[tuple[str, str], Acknowledgement] = {}
    for record in records(warehouse.acknowledged):
        one = Acknowledgement(**record)
        found[one.code, one.subject] = one
    return [*found.values()]


def acknowledge(warehouse: Warehouse, one: Acknowledgement) -> Path:
    """Append an acknowledgement."""
    return append_record(warehouse.acknowledged, asdict(one))


def shown(frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The rows that a run says: nobody has acknowledged them, and what is about a file is of one that it landed itself."""
    is_new = ~pl.col("is_of_file") | (pl.col("first_seen") == as_of)
    return frame.filter(pl.col("acknowledged").is_null(), is_new)


def mixed(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with no more than a few of a kind before those of other kinds, each few in their order."""
    few = pl.int_range(pl.len()).over("code") // FEW
    return frame.sort(few, maintain_order=True)


def read(folder: Path) -> pl.DataFrame:
    """ATTENTION as the last run wrote it; empty where none did."""
    path = folder / f"{ATTENTION.name}.parquet"
    return pl.read_parquet(path) if path.exists() else ATTENTION.empty()


def as_findings(landed: Iterable[tuple[datetime, Any]], code: str) -> pl.DataFrame:
    """Findings of landings with this code: file, field, events, position, first_seen. landed: as_of and `Finding`."""
    return pl.DataFrame(
        [(one.file, one.field, one.events, one.position, as_of) for as_of, one in landed if one.code == code],
        schema={
            "file": pl.String(),
            "field": pl.String(),
            "events": pl.Int64(),
            "position": pl.Int64(),
            "first_seen": pl.Datetime("us"),
        },
        orient="row",
    ).sort("first_seen", "events", "file", "field", descending=[True, True, False, False])
