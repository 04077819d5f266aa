"""The month's close: what finance takes from the marts on day three, each sheet tied to a total that another mart gives (R-82)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from dagster_project.warehouse.database import fetch


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows, what their figures come to, and what another mart says that they come to.

    rows, adds_up_to, control: SQL over marts, with $period, $start and $end (the UTC month). The last two give one row a currency:
    currency, and the same figures under the same names.
    """

    name: str
    says: str
    rows: str
    adds_up_to: str
    control: str
    controlled_by: str


_WITH_THIS_CLOSE = """
    kind = 'adjustment' and issued_at in (
        select issued_at from marts.invoices where "month" = $period and kind = 'period' and status = 'issued'
    )
"""
_SINCE = """
    kind = 'adjustment'
    and (status = 'draft' or issued_at >= (select max(issued_at) from marts.invoices where kind = 'period' and status = 'issued'))
"""
_MOVED = "status = 'posted' and occurred_at >= $start and occurred_at < $end"

SHEETS = (
    Sheet(
        "Invoices",
        "every document of the billing month, drafts too",
        """
        select number, status, kind, customer_id, contract_id, currency, period_start, period_end, issued_at, due_date, subtotal,
            credits_applied, total, adjusts_invoice_id, invoice_id
        from marts.invoices where "month" = $period order by number nulls last, invoice_id
        """,
        """
        select currency, sum(subtotal) as subtotal, sum(credits_applied) as credits, sum(total) as total
        from marts.invoices where "month" = $period group by currency
        """,
        """
        select invoices.currency, sum(lines.amount) as subtotal, sum(lines.credits_applied) as credits,
            sum(lines.amount - lines.credits_applied) as total
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where invoices."month" = $period group by invoices.currency
        """,
        "their lines",
    ),
    Sheet(
        "Lines",
        "every line of these documents",
        """
        select invoices.number, invoices.status, invoices.customer_id, invoices.currency, lines.line_no, lines.kind, lines.pricing_code,
            lines.meter_code, lines.dimensions, lines.description, lines.quantity, lines.unit_rate, lines.per, lines.amount,
            lines.credits_applied, lines.rate_source, lines.service_start, lines.service_end, lines.event_count, lines.invoice_id
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where invoices."month" = $period order by invoices.number nulls last, lines.invoice_id, lines.line_no
        """,
        """
        select invoices.currency, sum(lines.amount) as amount, sum(lines.credits_applied) as credits
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where invoices."month" = $period group by invoices.currency
        """,
        """
        select currency, sum(amount) as amount, sum(credits_applied) as credits
        from marts.revenue_by_month where "month" = $period group by currency
        """,
        "revenue by month",
    ),
    Sheet(
        "Revenue",
        "what was billed and is drafted, by customer, kind of line and meter",
        """
        select invoices.currency, invoices.customer_id, lines.kind, lines.meter_code, lines.pricing_code, invoices.status,
            sum(lines.quantity)::decimal(38, 9) as quantity, sum(lines.amount)::decimal(38, 4) as amount,
            sum(lines.credits_applied)::decimal(38, 4) as credits_applied,
            sum(lines.amount - lines.credits_applied)::decimal(38, 4) as total
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where invoices."month" = $period group by all order by all
        """,
        """
        select invoices.currency, sum(lines.amount - lines.credits_applied) as total
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where invoices."month" = $period group by invoices.currency
        """,
        'select currency, sum(total) as total from marts.invoices where "month" = $period group by currency',
        "the documents",
    ),
    Sheet(
        "Credits",
        "every grant's posted movements in the month (UTC): opening to closing",
        f"""
        select currency, contract_id, grant_id,
            (coalesce(sum(amount) filter (occurred_at < $start), 0))::decimal(38, 4) as opening,
            (coalesce(sum(amount) filter (type = 'grant' and {_MOVED}), 0))::decimal(38, 4) as granted,
            (coalesce(sum(amount) filter (type = 'adjustment' and {_MOVED}), 0))::decimal(38, 4) as adjusted,
            (coalesce(sum(amount) filter (type = 'usage' and {_MOVED}), 0))::decimal(38, 4) as drawn,
            (coalesce(sum(amount) filter (type = 'reversal' and {_MOVED}), 0))::decimal(38, 4) as returned,
            (coalesce(sum(amount) filter (type = 'rollover' and {_MOVED}), 0))::decimal(38, 4) as rolled_over,
            (coalesce(sum(amount) filter (type = 'expiration' and {_MOVED}), 0))::decimal(38, 4) as expired,
            (sum(amount))::decimal(38, 4) as closing
        from marts.credit_ledger where status = 'posted' and occurred_at < $end
        group by all order by all
        """,
        """
        select currency, sum(amount) as closing from marts.credit_ledger
        where status = 'posted' and occurred_at < $end group by currency
        """,
        """
        select currency, sum(balance) as closing from marts.grant_balance_history
        where valid_from < $end and coalesce(valid_to >= $end, true) group by currency
        """,
        "the balances of grants at the end of the month",
    ),
    Sheet(
        "Deferred revenue",
        "prepaid credits at what was paid for them, month by month: opening + sold - used - expired = closing",
        'select * from marts.deferred_revenue_by_month where "month" <= $period order by currency, "month"',
        """
        select currency, sum(sold - used - expired) as closing
        from marts.deferred_revenue_by_month where "month" <= $period group by currency
        """,
        """
        select currency, max_by(closing, "month") as closing
        from marts.deferred_revenue_by_month where "month" <= $period group by currency
        """,
        "the closing balance of the last month",
    ),
    Sheet(
        "Breakage",
        "what expired unused in the month (UTC), prepaid and promotional",
        'select * from marts.breakage_by_month where "month" = $period order by all',
        'select currency, sum(lapsed) as expired from marts.breakage_by_month where "month" = $period group by currency',
        f"""
        select currency, -sum(amount) as expired from marts.credit_ledger
        where type = 'expiration' and {_MOVED} group by currency
        """,
        "expirations in the ledger",
    ),
    Sheet(
        "Reconciliation",
        "what became of the events of the month (UTC), and what meters made of them; tied over all months",
        "select * from marts.reconciliation where period = $period order by all",
        """
        select currency, sum(amount) as usage_of_all_months
        from marts.reconciliation where currency is not null group by currency having sum(amount) <> 0
        """,
        """
        select invoices.currency, sum(lines.amount) as usage_of_all_months
        from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
        where lines.kind = 'usage' group by invoices.currency having sum(lines.amount) <> 0
        """,
        "usage lines of all documents",
    ),
    Sheet(
        "Adjustments",
        "adjustments that went out with the invoices of the month, by the period that they correct",
        f"""
        select originals."month" as original_month, found.currency, found.number, originals.number as adjusts_number, found.customer_id,
            found.contract_id, found.issued_at, found.subtotal, found.credits_applied, found.total
        from (select * from marts.invoices where {_WITH_THIS_CLOSE}) as found
        inner join marts.invoices as originals on found.adjusts_invoice_id = originals.invoice_id
        order by original_month, found.currency, found.number
        """,
        f"""
        select currency, sum(subtotal) as subtotal, sum(total) as total
        from marts.invoices where {_WITH_THIS_CLOSE} group by currency
        """,
        f"""
        select found.currency, sum(lines.amount) as subtotal, sum(lines.amount - lines.credits_applied) as total
        from (select * from marts.invoices where {_WITH_THIS_CLOSE}) as found
        inner join marts.invoice_lines as lines on found.invoice_id = lines.invoice_id
        group by found.currency
        """,
        "their lines",
    ),
    Sheet(
        "Changes",
        "what differs from invoices that had gone out, line by line and why: with the last close, and what waits since",
        "select * from marts.changes_since_last_close order by original_month, invoice_id, line_no",
        "select currency, sum(amount) as amount from marts.changes_since_last_close group by currency",
        f"select currency, sum(subtotal) as amount from marts.invoices where {_SINCE} group by currency",
        "the adjustments",
    ),
)


@dataclass(frozen=True, slots=True)
class Closed:
    """A sheet with its rows, and its ties: currency, figure, adds_up_to, control, difference."""

    sheet: Sheet
    rows: pl.DataFrame
    ties: pl.DataFrame

    @property
    def holds(self) -> bool:
        return bool((self.ties.get_column("difference") == 0).all())


def close(marts: duckdb.DuckDBPyConnection, period: str) -> list[Closed]:
    """Every sheet of a billing month (YYYY-MM)."""
    year, month = map(int, period.split("-"))
    start, end = datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - naive UTC
    named = {"period": period, "start": start, "end": end}
    return [Closed(sheet, _fetch(marts, sheet.rows, named), _ties(marts, sheet, named)) for sheet in SHEETS]


def _ties(marts: duckdb.DuckDBPyConnection, sheet: Sheet, named: Mapping[str, object]) -> pl.DataFrame:
    sums, control = (
        _figures(_fetch(marts, query, named), name)
        for query, name in ((sheet.adds_up_to, "adds_up_to"), (sheet.control, "control"))
    )
    both = sums.join(control, on=["currency", "figure"], how="full", coalesce=True).with_columns(
        pl.col("adds_up_to", "control").fill_null(0)
    )
    return both.with_columns(difference=pl.col("adds_up_to") - pl.col("control")).sort("currency", "figure")


def _figures(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row a currency and figure."""
    figures = [column for column in frame.columns if column != "currency"]
    return frame.with_columns(pl.col(figures).cast(pl.Decimal(38, 4))).unpivot(
        figures, index="currency", variable_name="figure", value_name=name
    )


def _fetch(marts: duckdb.DuckDBPyConnection, query: str, named: Mapping[str, object]) -> pl.DataFrame:
    """DuckDB refuses what a query does not name."""
    return fetch(marts, query, {name: value for name, value in named.items() if f"${name}" in query})
