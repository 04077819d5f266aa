"""The first page: what needs attention, and how revenue goes (R-80)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import polars as pl
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dagster_project.deals.told import summary
from dagster_project.deals.values import amount as read_amount
from dagster_project.errors import UserError, sentences_of
from dagster_project.render import svg
from dagster_project.render.figures import money
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import fetch, published
from dagster_project.web.sessions import Visitor
from dagster_project.web.shell import Shell
from rating.books import BooksError
from rating.vocabulary import UNMATCHED

DEALS_SHOWN = 20
NOT_TAKEN = ("UNAUTHORIZED", "FORBIDDEN", "REJECTED_EVENTS", "BUSY")  # events may be missing for it


class Overview:
    """Gathers from desk and marts."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def attention(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._attention_shown, request, visitor)

    def _attention_shown(self, request: Request, visitor: Visitor) -> Response:
        rows, cards, chart, changes = self._of_the_books(), list[tuple[str, str, str | None]](), Markup(""), Markup("")
        proposals = self._proposals()
        waiting = [one for one in proposals if one["state"] == "open"]
        for one in waiting[:DEALS_SHOWN]:
            points = len(one["openPoints"])
            told = f"{one['name'] or one['id']} waits for a decision"
            told += f": {points} open point{'' if points == 1 else 's'}" if points else ""
            worth = read_amount(one["amount"])
            shown = None if worth is None else f"{money(worth)} {one['currency'] or ''}"
            rows.append(_attends("medium", told, f"/desk/{quote(one['id'], safe='')}", amount=shown, since=one["since"]))
        if len(waiting) > DEALS_SHOWN:
            told = f"{len(waiting) - DEALS_SHOWN:,} more proposals wait for a decision."
            rows.append(_attends("medium", told, "/desk?q=open"))
        for one in proposals:
            if one["drifted"]:
                rows.append(
                    _attends("high", f"{one['name']} is no longer what was approved", f"/desk/{quote(one['id'], safe='')}")
                )
        if self._shell.behind.warehouse.database.exists():
            with published(self._shell.behind.warehouse) as marts:
                rows += [_looked(row) for row in fetch(marts, _LOOKS).iter_rows(named=True)]
                cards += _cards(marts)
                chart = _revenue(fetch(marts, _REVENUE))
                changes = _changes(marts)
                rows += _due(marts, self._shell.behind.clock.now())
        rows += self._of_refused_requests()
        rows += self._of_the_last_run()
        rows.sort(key=lambda row: ("high", "medium", "low").index(row["severity"]))
        cards.append(("Open proposals", f"{len(waiting)}", "/desk"))
        return self._shell.shown(
            "attention.html.j2", visitor, "What needs attention", request, rows=rows, cards=cards, chart=chart, changes=changes
        )

    def _of_refused_requests(self) -> list[dict[str, Any]]:
        """A word on each code with which the door has refused requests within a day, with the latest of them."""
        found = self._shell.behind.refusals.latest()
        latest = {one.code: one for one in reversed(found)}
        times = Counter(one.code for one in found)
        return [
            _attends(
                "medium" if one.status >= 500 or one.code in NOT_TAKEN else "low",
                f"{times[code]:,} request{' was' if times[code] == 1 else 's were'} refused within 24 hours ({code}), the latest at "
                f"{one.at:%H:%M} UTC: {one.method} {one.path}: {one.message}",
                f"/refused?q={quote(code)}",
            )
            for code, one in latest.items()
        ]

    def _of_the_last_run(self) -> list[dict[str, Any]]:
        """A word where the last run was long ago, or there was none."""
        latest, now = issued.latest_as_of(self._shell.behind.warehouse), self._shell.behind.clock.now()
        if latest is None:
            return [_attends("high", "No run has published figures yet.", None)]
        days = (now - latest).days
        return (
            [_attends("medium", f"The last run is {days} days old: figures are of {latest:%Y-%m-%d}.", None)]
            if days > 1
            else []
        )

    def _of_the_books(self) -> list[dict[str, Any]]:
        """A word where the books have mistakes: nothing is billed by them."""
        try:
            self._shell.behind.books.known()
        except Exception as error:
            says = sentences_of(error)
            told = f"The books cannot be used: {' '.join(says[:3])}" if says else "The books cannot be read."
            more = f" And {len(says) - 3:,} more; `meterhouse check` names all." if len(says) > 3 else ""
            return [_attends("high", told + more, None)]
        return []

    def _proposals(self) -> list[dict[str, Any]]:
        """What there is to say of proposals, what has waited longest first."""
        try:
            found = self._shell.behind.desk.listed()
        except (BooksError, UserError):
            return []  # said above
        return [summary(review, state) | {"since": review.proposal.history[0].at} for review, state in found]


_CHANGES = """
    select currency, cause, original_month, sum(amount)::decimal(38, 4) as amount
    from marts.changes_since_last_close
    group by all
    order by currency, original_month, cause
"""
_INVOICED = """
    select sum(total)::decimal(38, 4) as total
    from marts.invoices
    where status = 'issued' and kind = 'period' and currency = $currency and "month" in (select unnest($months))
"""
_DUE = """
    select invoices.kind, currency, count(*) as documents, sum(total)::decimal(38, 4) as total
    from marts.invoices as invoices
    where status = 'draft' and period_end <= $now::timestamp
    group by all
    order by all
"""


def _due(marts: Any, now: datetime) -> list[dict[str, Any]]:
    """Drafts whose period is over: they go out with a next run, adjustments among them."""
    return [
        _attends(
            "low",
            f"{row['documents']:,} {'adjustments wait' if row['kind'] == 'adjustment' else 'drafts are due'} with a next run.",
            "/invoices?q=draft",
            amount=f"{money(row['total'])} {row['currency']}",
        )
        for row in fetch(marts, _DUE, {"now": now}).iter_rows(named=True)
    ]


def _changes(marts: Any) -> Markup:
    """What differs from invoices that had gone out, from what they said to what they say now, by month and cause."""
    frame = fetch(marts, _CHANGES)
    if frame.is_empty():
        return Markup("")
    currency = frame.group_by("currency").agg(pl.col("amount").abs().sum()).sort("amount").item(-1, "currency")
    mine = frame.filter(pl.col("currency") == currency)
    months = mine.get_column("original_month").unique().to_list()
    before = fetch(marts, _INVOICED, {"currency": currency, "months": months}).item(0, "total") or Decimal(0)
    steps = [(f"{row['original_month']} {row['cause'].replace('_', ' ')}", row["amount"]) for row in mine.iter_rows(named=True)]
    return svg.waterfall(("invoiced", before), steps, "now", currency)


_LOOKS = """
    select code, severity, subject, "count", amount, currency, sentence, first_seen
    from marts.attention
    where acknowledged is null
    order by case severity when 'high' then 1 when 'medium' then 2 else 3 end, amount desc nulls last, code, subject
    limit 200
"""
_REVENUE = """
    select "month", coalesce(meter_code, kind) as series, currency, sum(amount)::decimal(38, 4) as amount
    from marts.revenue_by_month
    group by all
    order by all
"""


def _looked(row: Mapping[str, Any]) -> dict[str, Any]:
    amount = None if row["amount"] is None else f"{money(row['amount'])} {row['currency'] or ''}"
    links = {"fallback_share": "/catalogue/rate-cards", "quarantined_lines": "/quarantine"}
    unmatched = row["code"] in UNMATCHED
    link = "/unmatched" if unmatched else links.get(row["code"])
    return _attends(row["severity"], row["sentence"], link, amount=amount, since=row["first_seen"])


def _attends(
    severity: str, says: str, link: str | None, *, amount: str | None = None, since: datetime | None = None
) -> dict[str, Any]:
    return {
        "severity": severity,
        "sentence": says,
        "link": link,
        "amount": amount or "",
        "since": "" if since is None else f"{since:%Y-%m-%d}",
    }


def _cards(marts: Any) -> list[tuple[str, str, str]]:
    rows = fetch(
        marts,
        """
        select status, currency, count(*) as documents, sum(total)::decimal(38, 4) as total
        from marts.invoices where "month" = (select max("month") from marts.invoices) group by all order by all
        """,
    ).iter_rows(named=True)
    return [
        (f"{row['documents']:,} {row['status']} this month", f"{money(row['total'])} {row['currency']}", "/invoices")
        for row in rows
    ]


def _revenue(frame: pl.DataFrame) -> Markup:
    """Revenue by month, stacked by meter, of the currency that most of it is in."""
    if frame.is_empty():
        return Markup("")
    currency = frame.group_by("currency").agg(pl.col("amount").sum()).sort("amount").item(-1, "currency")
    series: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in frame.filter(pl.col("currency") == currency).iter_rows(named=True):
        series[row["series"]][row["month"]] = row["amount"]
    months = sorted({month for by_month in series.values() for month in by_month})[-24:]
    return svg.stacked_largest(months, series, currency)
