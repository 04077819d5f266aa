"""A month of events by seed, as an inbox would receive them, and the same events as a table for the yardsticks.

What is in it: customers by Zipf's law; calls, tokens and requests as 3 : 4 : 3; 1 % of the events sent again, half of them at once, the
others on the next day, a tenth with another quantity; of the calls 2 % with a region in the wrong case and 1 % without; a model that no
rate card knows.

Everything is a function of the event's number and the seed, so one size and seed makes the same files on every run of one DuckDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from dagster_project.warehouse.database import connect

MONTH = datetime(2026, 1, 1)  # noqa: DTZ001 - instants are naive UTC throughout
DAYS = 31
RESENT_ONE_IN = 100
LATE_SHARE = 30  # a later night brings this fraction of the month

MACROS = """
    create macro draw(i, k) as hash(i * 64 + k + {seed} * 7919);
    create macro part(i, k) as (draw(i, k) % 1000003) / 1000003.0;
    -- the inverse of Zipf's distribution with exponent 1.1, by its integral
    create macro zipf(x) as
        least({customers}, floor(pow(1 - x * (1 - pow({customers} + 1.0, -0.1)), -10)))::bigint;
    create macro kind_of(i) as case when draw(i, 2) % 10 < 3 then 'call' when draw(i, 2) % 10 < 7 then 'tokens' else 'api' end;
    create macro hundredths(i, k, most) as (1 + (draw(i, k) % most)::bigint)::decimal(18, 0) / 100;
    create macro properties_of(i, k) as case kind_of(i)
        when 'call' then '{{"duration_minutes":' || format('{{:.2f}}', hundredths(i, k, 6000))
            || case
                when draw(i, 11) % 100 = 0 then ''
                when draw(i, 11) % 100 <= 2 then ',"region":"us"'
                else ',"region":"' || ['US', 'US', 'EU', 'APAC'][1 + (draw(i, 12) % 4)::int] || '"'
            end
            || ',"call_outcome":"' || ['resolved', 'resolved', 'resolved', 'transferred', 'escalated'][1 + (draw(i, 13) % 5)::int]
            || '","agent_id":"agent_' || (draw(i, 14) % 500)::varchar || '"}}'
        when 'tokens' then '{{"model":"'
            || ['large', 'small', 'small', 'mini', 'mini', 'mini', 'mini', 'embed', 'embed', 'preview'][1 + (draw(i, 15) % 10)::int]
            || '","tokens":' || format('{{:.2f}}', hundredths(i, k, 800000))
            || ',"stream":' || (draw(i, 16) % 2 = 0)::varchar || '}}'
        else '{{"endpoint":"/v1/' || ['items', 'users', 'orders', 'search'][1 + (draw(i, 17) % 4)::int] || '","status":200}}'
    end;
    create macro event_name_of(i) as case kind_of(i) when 'call' then 'ai_call' when 'tokens' then 'llm_tokens' else 'api_call' end;
    create macro quantity_draw(i) as case when draw(i, 21) % 10 = 0 then 22 else 4 end;
    -- 0: not sent again; 1: again at once; 2: again a day later
    create macro sent_again(i) as case when i % {resent_one_in} <> 37 then 0 else 1 + (draw(i, 20) % 2)::int end;
"""
# the first sending of an event, at once or a day later another; `k` chooses what its quantity is drawn from
SENDINGS = """
    select i, 4 as k, sent_at, sent_at + to_microseconds((draw(i, 3) % 60000000)::bigint) as received_at
    from first_sent({first}, {end})
    union all
    select i, quantity_draw(i), sent_at, sent_at + to_microseconds(61000000 + (draw(i, 23) % 600000000)::bigint)
    from first_sent({first}, {end}) where sent_again(i) = 1
    union all
    select i, quantity_draw(i), sent_at, sent_at + to_days(1) + to_microseconds((draw(i, 23) % 600000000)::bigint)
    from first_sent({first_before}, {first}) where sent_again(i) = 2
"""
ARRIVALS = """
    create or replace temp table arrivals as
    select
        event_name_of(i) as event_name,
        'cust_' || lpad(zipf(part(i, 1))::varchar, 6, '0') as customer_id,
        md5('{seed}-' || i::varchar) as idempotency_key,
        sent_at as "timestamp",
        {received_at} as received_at,
        properties_of(i, k) as properties
    from ({sendings})
    order by received_at, idempotency_key
"""
AS_LINES = """
    copy (
        select event_name, customer_id, idempotency_key, strftime("timestamp", '%Y-%m-%dT%H:%M:%S.%fZ') as "timestamp",
            properties::json as properties
        from arrivals
    ) to '{path}' (format json)
"""


@dataclass(frozen=True, slots=True)
class Month:
    """How much happens: first sendings in January 2026, customers they are of, and the seed of it all."""

    events: int
    customers: int
    seed: int

    @property
    def events_a_day(self) -> int:
        return -(-self.events // DAYS)

    @property
    def late_events(self) -> int:
        return max(1, self.events // LATE_SHARE)


def inbox(folder: Path) -> Path:
    """NDJSON files, a day each, whose names sort as they arrived."""
    return folder / "inbox"


def arrivals(folder: Path) -> Path:
    """The same events as Parquet, one file for each of the inbox, with `received_at` instead of an order of lines."""
    return folder / "arrivals"


def write_month(folder: Path, month: Month) -> None:
    """Write the events that arrive in January."""
    with _generator(folder, month) as connection:
        for day in range(DAYS):
            first = day * month.events_a_day
            end = min(first + month.events_a_day, month.events)
            _arrive(connection, month, max(0, first - month.events_a_day), first, end)
            _write(connection, folder, f"{MONTH + timedelta(days=day):%Y-%m-%d}")


def write_late(folder: Path, month: Month, night: int) -> None:
    """Write what arrives in the given later night (from 1): events of all January, and what is sent again of the day before."""
    with _generator(folder, month) as connection:
        first = month.events + (night - 1) * month.late_events
        before = month.events_a_day if night == 1 else month.late_events
        received_at = f"timestamp '2026-02-04' + to_days({night}) + (received_at - timestamp '{MONTH}') / 100"
        _arrive(connection, month, first - before, first, first + month.late_events, received_at)
        _write(connection, folder, f"late-{night:02}")


def _generator(folder: Path, month: Month) -> duckdb.DuckDBPyConnection:
    inbox(folder).mkdir(parents=True, exist_ok=True)
    arrivals(folder).mkdir(parents=True, exist_ok=True)
    connection = connect()
    connection.execute(
        MACROS.format(seed=month.seed, customers=month.customers, resent_one_in=RESENT_ONE_IN)
        + f"""
        create macro first_sent(first, fence) as table
            select
                i,
                timestamp '{MONTH}' + to_microseconds(
                    case
                        when i < {month.events} then i::hugeint * {DAYS} * 86400000000 // {month.events}
                        else (i - {month.events}) % {month.late_events} * {DAYS}::hugeint * 86400000000 // {month.late_events}
                    end::bigint
                ) as sent_at
            from range(first, fence) as numbers(i);
        """
    )
    return connection


def _arrive(
    connection: duckdb.DuckDBPyConnection,
    month: Month,
    first_before: int,
    first: int,
    end: int,
    received_at: str = "received_at",
) -> None:
    """Make `arrivals`: the first sendings from `first` to `end`, and what is sent again of these and of those before."""
    sendings = SENDINGS.format(first_before=first_before, first=first, end=end)
    connection.execute(ARRIVALS.format(seed=month.seed, sendings=sendings, received_at=received_at))


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    connection.execute(AS_LINES.format(path=inbox(folder) / f"{name}.ndjson"))
    connection.execute(f"copy arrivals to '{arrivals(folder) / name}.parquet' (format parquet, compression zstd)")
