"""What a data engineer would write instead, each as fast as could be found: `python -m tests.benchmarks.yardsticks NAME FOLDER`.

copy    the inbox to Parquet, nothing looked at: the measure of landing
script  dedup, aggregate and one flat rate by hand: the measure of everything after landing. No contracts, periods, tiers, overrides,
        credits, ledger, dispositions, checks
scan    every column that rating needs, decoded and touched once: the floor
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from dagster_project.warehouse.database import connect
from tests.benchmarks import books, events

COPY = """
    copy (
        select * from read_json(
            '{inbox}/*.ndjson', format = 'newline_delimited',
            columns = {{
                event_name: 'varchar', customer_id: 'varchar', idempotency_key: 'varchar', "timestamp": 'timestamp', properties: 'json'
            }}
        )
    ) to '{folder}/copy.parquet' (format parquet)
"""
SCAN = """
    select
        sum(strlen(event_name) + strlen(customer_id) + strlen(idempotency_key) + strlen(properties)),
        max("timestamp"),
        max(received_at)
    from read_parquet('{arrivals}/*.parquet')
"""
# Deduplicating is half of the work. A key comes twice only where its 64-bit hash does, so the exact window runs over those few rows
# alone; everything is added up in one pass, and the losers' part is taken off again, which is exact for sums and counts.
SCRIPT = """
    create temp view landed as select * from read_parquet('{arrivals}/*.parquet');
    create temp table repeated as
        select hash(idempotency_key) as key_hash from landed group by key_hash having count(*) > 1;
    create temp table losers as
        select customer_id, event_name, properties
        from landed semi join repeated on hash(landed.idempotency_key) = repeated.key_hash
        qualify row_number() over (partition by idempotency_key order by received_at desc) > 1;

    create macro opened(source) as table
        select
            customer_id,
            event_name,
            case event_name
                when 'ai_call' then json_extract_string(properties, ['$.region', '$.call_outcome', '$.duration_minutes'])
                when 'llm_tokens' then json_extract_string(properties, ['$.model', '$.none', '$.tokens'])
            end as texts
        from query_table(source);
    create macro added_up(source) as table
        select
            customer_id,
            event_name,
            texts[1] as first_value,
            texts[2] as second_value,
            sum(coalesce(texts[3]::decimal(18, 2), 1::decimal(18, 2))) as quantity,
            count(*) as events
        from opened(source)
        group by all;

    copy (
        with
        parts as (
            select * from added_up('landed')
            union all
            select customer_id, event_name, first_value, second_value, -quantity, -events from added_up('losers')
        ),
        usage as (
            select
                customer_id,
                case event_name when 'ai_call' then 'AI_CALL' when 'llm_tokens' then 'LLM_TOKENS' else 'API_CALLS' end as meter_code,
                first_value,
                second_value,
                sum(quantity)::decimal(20, 2) as quantity,
                sum(events)::bigint as event_count
            from parts
            group by all
            having sum(events) > 0
        ),
        card(meter_code, first_value, second_value, rate) as (values {card}),
        fallback(meter_code, rate) as (values {fallback})
        select usage.*, round(usage.quantity * coalesce(card.rate, fallback.rate), 2)::decimal(24, 2) as amount
        from usage
        left join card
            on usage.meter_code = card.meter_code
            and usage.first_value = card.first_value
            and coalesce(usage.second_value, '') = card.second_value
        left join fallback on usage.meter_code = fallback.meter_code
    ) to '{output}' (format parquet);
"""


def output(folder: Path) -> Path:
    """What `script` leaves: customer_id, meter_code, first_value, second_value, quantity, event_count, amount at the flat rate."""
    return folder / "script.parquet"


def copy(folder: Path) -> str:
    return COPY.format(inbox=events.inbox(folder), folder=folder)


def scan(folder: Path) -> str:
    return SCAN.format(arrivals=events.arrivals(folder))


def script(folder: Path) -> str:
    prices = {(meter, first, *(rest or ("",))): rate for (meter, first, *rest), rate in books.CARD.items()}
    card = ", ".join(f"({', '.join(map(repr, combination))}, {rate:f}::decimal(18, 8))" for combination, rate in prices.items())
    flat = books.FALLBACK | {"API_CALLS": books.FIRST_TIER}
    fallback = ", ".join(f"({meter!r}, {rate:f}::decimal(18, 8))" for meter, rate in flat.items())
    return SCRIPT.format(arrivals=events.arrivals(folder), card=card, fallback=fallback, output=output(folder))


YARDSTICKS: dict[str, Callable[[Path], str]] = {"copy": copy, "script": script, "scan": scan}


def main() -> None:
    """Run one yardstick, in a process of its own so that its memory is its own."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    with connect() as connection:
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        connection.execute("set preserve_insertion_order = false")
        print(f"{0:6.1f} s  {name}", flush=True)  # noqa: T201 - a line of progress: what comes after it is the stage of that name
        connection.execute(YARDSTICKS[name](folder))
        connection.fetchall()


if __name__ == "__main__":
    main()
