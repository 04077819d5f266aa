"""Rows of published marts as lists and single things, for whoever asks by HTTP (R-54, R-66, R-67).

What belongs here: which rows, what they may be chosen by, and in which order. What does not: how an answer looks (`api/reading.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from dagster_project.warehouse.database import fetch

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Records:
    """A mart as a resource. key: columns by which one is asked for; chosen_by: query parameter -> SQL over the row, with `$value`;
    money: columns of money in the currency of the row; json: columns that hold JSON text."""

    name: str
    rows: str
    key: tuple[str, ...]
    order: str
    chosen_by: Mapping[str, str] = field(default_factory=dict)
    money: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()


INVOICES = Records(
    "invoice",
    """
    select invoices.* exclude (invoice_id, "month", books_version, content_hash), invoices.invoice_id as id,
        invoices."month" as billing_month, invoices.issued_at as created_at, letterheads.minor_digits
    from marts.invoices as invoices inner join marts.letterheads as letterheads on invoices.invoice_id = letterheads.invoice_id
    """,
    ("id", "number"),
    "number nulls last, id",
    {
        "customerId": "customer_id = $value",
        "contractId": "contract_id = $value",
        "status": "status = $value",
        "createdAfter": "created_at >= $value::timestamp",
        "createdBefore": "created_at < $value::timestamp",
    },
    frozenset({"subtotal", "credits_applied", "total"}),
)
LINES = Records(
    "line",
    """
    select lines.*, letterheads.minor_digits
    from marts.invoice_lines as lines inner join marts.letterheads as letterheads on lines.invoice_id = letterheads.invoice_id
    """,
    ("invoice_id",),
    "invoice_id, line_no",
    money=frozenset({"amount", "credits_applied"}),
    json=frozenset({"dimensions"}),
)
CUSTOMERS = Records(
    "customer",
    "select customer_id as id, external_id as external_customer_id, * exclude (customer_id, external_id) from marts.customers",
    ("id",),
    "id",
    {"externalCustomerId": "external_customer_id = $value"},
)
CONTRACTS = Records(
    "contract",
    """
    select contracts.contract_id as id, contracts.customer_id, customers.external_id as external_customer_id,
        contracts.plan_code as plan_id, plans.name, contracts.start_date, contracts.end_date, contracts.is_active, contracts.status,
        contracts.currency, contracts.billing_frequency, contracts.billing_anchor, contracts.timezone, contracts.net_terms,
        contracts.base_fee, contracts.minimum_spend, contracts.maximum_spend, contracts.place
    from marts.contracts as contracts
    left join marts.customers as customers on contracts.customer_id = customers.customer_id
    left join marts.plans as plans on contracts.plan_code = plans.plan_code
    """,
    ("id",),
    "id",
    {
        "customerId": "customer_id = $value",
        "externalCustomerId": "external_customer_id = $value",
        "planId": "plan_id = $value",
        "isActive": "is_active = $value::boolean",
    },
)
METERS = Records("meter", "select meter_code as code, * exclude (meter_code) from marts.meters", ("code",), "code")
PLANS = Records("plan", "select plan_code as id, * exclude (plan_code) from marts.plans", ("id",), "id")
PRICINGS = Records("pricing", "select pricing_code as code, * exclude (pricing_code) from marts.pricings", ("code",), "code")
USAGE = Records(
    "usage",
    """
    with amounts as (
        select invoices.contract_id, lines.meter_code, lines.dimensions, shares.window_start, shares.window_end,
            sum(shares.amount)::decimal(38, 4) as amount, min(invoices.currency) as currency,
            min(letterheads.minor_digits) as minor_digits
        from marts.line_shares as shares
        inner join marts.invoice_lines as lines on shares.invoice_id = lines.invoice_id and shares.line_no = lines.line_no
        inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
        inner join marts.letterheads as letterheads on invoices.invoice_id = letterheads.invoice_id
        group by all
    )
    select usage.*, timezone(contracts.timezone, timezone('UTC', usage.period_start))::date as first_day,
        amounts.amount, amounts.currency, amounts.minor_digits
    from marts.usage as usage
    inner join marts.contracts as contracts on usage.contract_id = contracts.contract_id
    left join amounts
        on usage.contract_id = amounts.contract_id and usage.meter_code = amounts.meter_code
        and usage.dimensions is not distinct from amounts.dimensions
        and usage.window_start = amounts.window_start and usage.window_end = amounts.window_end
    """,
    ("contract_id",),
    "period_start, window_start, meter_code, dimensions",
    {
        "contract": "contract_id = $value",
        "periodStart": "(period_start = $value::timestamp or (length($value) = 10 and first_day = $value::date))",
    },
    frozenset({"amount"}),
    frozenset({"dimensions"}),
)
_WITH_DIGITS = """
    select {what}, letterheads.minor_digits
    from {mart} as found
    left join (
        select invoices.contract_id, min(letterheads.minor_digits) as minor_digits
        from marts.letterheads as letterheads inner join marts.invoices as invoices on letterheads.invoice_id = invoices.invoice_id
        group by invoices.contract_id
    ) as letterheads on found.contract_id = letterheads.contract_id
"""
# in the order in which they are drawn: promotional ones and the first to expire first
GRANTS = Records(
    "grant",
    _WITH_DIGITS.format(what="found.*", mart="marts.grant_balances"),
    ("grant_id",),
    "kind <> 'promotional', expires_at nulls last, effective_at, grant_id",
    {"contract": "contract_id = $value"},
    frozenset({"amount", "price", "balance", "balance_with_drafts", "drawn", "lapsed", "rolled", "cost_basis"}),
)
LEDGER = Records(
    "entry",
    _WITH_DIGITS.format(what="found.*", mart="marts.credit_ledger"),
    ("entry_id",),
    "status desc, occurred_at, grant_id, entry_id",
    {"contract": "contract_id = $value"},
    frozenset({"amount", "balance_after"}),
)


def page(
    marts: duckdb.DuckDBPyConnection, records: Records, chosen: Mapping[str, str], limit: int, offset: int
) -> tuple[list[Row], int]:
    """Some rows, chosen by values of `chosen_by`, and how many there are in all. Raises DuckDB's errors for values of no such type."""
    named = {f"value_{nth}": value for nth, value in enumerate(chosen.values())}
    conditions = [records.chosen_by[name].replace("$value", f"$value_{nth}") for nth, name in enumerate(chosen)] or ["true"]
    found = f"from ({records.rows}) as found where {' and '.join(conditions)}"
    total = int(fetch(marts, f"select count(*) as total {found}", named or None).item())
    rows = fetch(marts, f"select * {found} order by {records.order} limit {limit} offset {offset}", named or None)
    return list(rows.iter_rows(named=True)), total


def one(marts: duckdb.DuckDBPyConnection, records: Records, key: str) -> Row | None:
    """The row that is called so."""
    condition = " or ".join(f"{column} = $key" for column in records.key)
    rows = fetch(marts, f"select * from ({records.rows}) as found where {condition} limit 1", {"key": key})
    return rows.row(0, named=True) if rows.height else None


TERMS_OF = """
    select contract_id, effective_date, plan_code as plan_id, base_fee, net_terms, minimum_spend, maximum_spend, base_fee_in_advance
    from marts.contract_terms
    where contract_id in (select unnest($ids))
    order by contract_id, effective_date
"""
OVERRIDES_OF = """
    select contract_id, meter_code, dimensions, pricing_code, unit_amount, percent_off, tier_set_id is not null as has_tiers,
        coalesce(starts_at::varchar, effective_from::varchar) as effective_from,
        coalesce(ends_at::varchar, effective_to::varchar) as effective_to, place
    from marts.rate_overrides
    where contract_id in (select unnest($ids))
    order by contract_id, override_no
"""


def terms_of(books: duckdb.DuckDBPyConnection, contracts: Sequence[str]) -> dict[str, tuple[list[Row], list[Row]]]:
    """Terms over time, and overrides, by contract."""
    found: dict[str, tuple[list[Row], list[Row]]] = {contract: ([], []) for contract in contracts}
    for which, query in enumerate((TERMS_OF, OVERRIDES_OF)):
        for row in fetch(books, query, {"ids": list(contracts)}).iter_rows(named=True):
            found[row.pop("contract_id")][which].append(row)
    return found


def ids_among(marts: duckdb.DuckDBPyConnection, records: Records, ids: Sequence[str]) -> set[str]:
    """Which of these there are."""
    query = f"select id from ({records.rows}) as found where id in (select unnest($ids))"
    return set(fetch(marts, query, {"ids": list(ids)}).get_column("id")) if ids else set()


def lines_of(marts: duckdb.DuckDBPyConnection, invoices: Sequence[str]) -> dict[str, list[Row]]:
    """The lines of invoices, by invoice_id."""
    rows = fetch(
        marts,
        f"select * from ({LINES.rows}) as found where invoice_id in (select unnest($ids)) order by {LINES.order}",
        {"ids": list(invoices)},
    )
    found: dict[str, list[Row]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["invoice_id"], []).append(row)
    return found


PERIODS_OF = """
    select distinct invoices.contract_id, contracts.currency, contracts.timezone, invoices.period_start, invoices.period_end,
        timezone(contracts.timezone, timezone('UTC', invoices.period_start))::date as first_day,
        timezone(contracts.timezone, timezone('UTC', invoices.period_end - interval 1 microsecond))::date as last_day
    from marts.invoices as invoices
    inner join marts.contracts as contracts on invoices.contract_id = contracts.contract_id
    left join marts.customers as customers on contracts.customer_id = customers.customer_id
    where invoices.kind = 'period' and (
        contracts.contract_id = $contract or contracts.customer_id = $customer or customers.external_id = $external
    )
    order by invoices.contract_id, invoices.period_start
"""
COST = """
    select invoices.contract_id, invoices.period_start, invoices.period_end, lines.meter_code, lines.dimensions,
        min(lines.description) as description, sum(lines.quantity)::decimal(38, 9) as quantity,
        sum(lines.amount)::decimal(38, 4) as amount, sum(lines.event_count)::bigint as event_count,
        min(letterheads.minor_digits) as minor_digits
    from marts.invoice_lines as lines
    inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
    inner join marts.letterheads as letterheads on invoices.invoice_id = letterheads.invoice_id
    left join marts.meters as meters on lines.meter_code = meters.meter_code
    where lines.kind = 'usage' and (invoices.contract_id, invoices.period_start) in (
        select (unnest($contracts), unnest($starts))
    ) and (len($names) = 0 or list_has_any(string_split(coalesce(meters.event_names, ''), ', '), $names))
    group by all
    order by invoices.contract_id, invoices.period_start, lines.meter_code, lines.dimensions
"""


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period that has a document; both days local and included."""

    contract_id: str
    currency: str
    start: Any
    first_day: date
    last_day: date


def periods_of(
    marts: duckdb.DuckDBPyConnection, *, contract: str | None = None, customer: str | None = None, external: str | None = None
) -> list[Period]:
    """Periods of a contract, or of all contracts of a customer."""
    rows = fetch(marts, PERIODS_OF, {"contract": contract, "customer": customer, "external": external})
    return [
        Period(row["contract_id"], row["currency"], row["period_start"], row["first_day"], row["last_day"])
        for row in rows.iter_rows(named=True)
    ]


def cost_of(marts: duckdb.DuckDBPyConnection, periods: Sequence[Period], event_names: Sequence[str]) -> list[Row]:
    """Usage lines of these periods, corrections among them, summed by meter and combination."""
    named = {
        "contracts": [period.contract_id for period in periods],
        "starts": [period.start for period in periods],
        "names": list(event_names),
    }
    return list(fetch(marts, COST, named).iter_rows(named=True))
