"""Our usage and our amounts beside those of the script: equal, exactly, or the benchmark is worth nothing."""

from __future__ import annotations

from pathlib import Path

from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks import books, yardsticks

USAGE = """
    with
    ours as (
        select
            customer_id,
            meter_code,
            coalesce(dimensions ->> '$.region', dimensions ->> '$.model') as first_value,
            dimensions ->> '$.call_outcome' as second_value,
            sum(quantity) as quantity,
            sum(event_count) as event_count
        from marts.usage
        where period_start = timestamp '2026-01-01'
        group by all
    ),
    theirs as (
        select customer_id, meter_code, first_value, second_value, quantity, event_count
        from '{script}'
    )
    select
        (select count(*) from theirs) as compared,
        (select count(*) from (from ours except all from theirs)) + (select count(*) from (from theirs except all from ours)) as apart
"""
# where nothing was negotiated and nothing is tiered, one line is one combination at the flat rate
AMOUNTS = """
    with
    ours as (
        select
            invoices.customer_id,
            lines.meter_code,
            coalesce(lines.dimensions ->> '$.region', lines.dimensions ->> '$.model') as first_value,
            lines.dimensions ->> '$.call_outcome' as second_value,
            lines.amount
        from marts.invoice_lines as lines
        inner join marts.invoices as invoices using (invoice_id)
        where
            invoices.kind = 'period'
            and invoices.period_start = timestamp '2026-01-01'
            and lines.meter_code in ('AI_CALL', 'LLM_TOKENS')
            and not {negotiated}
    ),
    theirs as (
        select customer_id, meter_code, first_value, second_value, amount
        from '{script}'
        where meter_code in ('AI_CALL', 'LLM_TOKENS') and not {negotiated_customer}
    )
    select
        (select count(*) from theirs) as compared,
        (select count(*) from (from ours except all from theirs)) + (select count(*) from (from theirs except all from ours)) as apart
"""


class Disagreement(Exception):
    """Our result is not the script's. Says how many rows are apart."""


def usage_agrees(folder: Path, root: Path) -> str:
    """A sentence on the usage of January compared, quantities and events. Raises `Disagreement`."""
    return _agree("rows of usage", USAGE.format(script=yardsticks.output(folder)), root)


def amounts_agree(folder: Path, root: Path) -> str:
    """A sentence on the invoiced amounts compared, before anything was adjusted. Raises `Disagreement`."""
    negotiated, negotiated_customer = books.is_negotiated("contract_id"), books.is_negotiated("customer_id")
    query = AMOUNTS.format(script=yardsticks.output(folder), negotiated=negotiated, negotiated_customer=negotiated_customer)
    return _agree("amounts to the cent", query, root)


def _agree(what: str, query: str, root: Path) -> str:
    with connect(Warehouse(root).database, read_only=True) as connection:
        compared, apart = fetch(connection, query).row(0)
    if apart or not compared:
        raise Disagreement(f"{apart} {what} differ, of {compared} that the script has.")
    return f"{compared:,} {what}"
