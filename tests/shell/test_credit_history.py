"""When a wallet runs dry, what lapses unused, and how its contract's burn-down is told and drawn."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from dagster_project.checks.credit_runway import OUTLOOKS, outlooks, prospect
from dagster_project.checks.review_warnings import wallets_running_dry
from dagster_project.queries.credit_history import BurnDown, month_ends
from dagster_project.render.credit_chart import chart, picture
from dagster_project.render.invoice_page import write_page
from rating import tables
from tests.shell.conftest import moment

AS_OF = moment("2026-03-11")


def contract(name: str = "acme", zone: str = "UTC", end: date | None = None) -> dict[str, Any]:
    return {
        "contract_id": name,
        "customer_id": "cust",
        "currency": "USD",
        "minor_digits": 2,
        "billing_frequency": "monthly",
        "start_date": date(2026, 1, 1),
        "end_date": end,
        "billing_anchor": 1,
        "timezone": zone,
        "status": "approved",
        "place": "books",
    }


def grant(name: str, amount: str, expires: str | None = None, of: str = "acme", since: str = "2026-01-01") -> dict[str, Any]:
    return {
        "grant_id": name,
        "contract_id": of,
        "kind": "prepaid",
        "amount": Decimal(amount),
        "price": Decimal(amount),
        "effective_at": moment(since),
        "expires_at": expires and moment(expires),
        "place": "books",
    }


def period(month: int, of: str = "acme") -> dict[str, Any]:
    return {
        "invoice_id": f"{of}:{month}",
        "kind": "period",
        "status": "issued",
        "contract_id": of,
        "customer_id": "cust",
        "currency": "USD",
        "period_start": moment(f"2026-{month:02}-01"),
        "period_end": moment(f"2026-{month + 1:02}-01"),
        "subtotal": Decimal(0),
        "credits_applied": Decimal(0),
        "total": Decimal(0),
        "books_version": "b",
        "content_hash": "h",
        "month": f"2026-{month:02}",
    }


def entry(grant_id: str, kind: str, amount: str, invoice: str | None, at: str, of: str = "acme") -> dict[str, Any]:
    return {
        "entry_id": f"{grant_id}:{kind}:{invoice}",
        "contract_id": of,
        "grant_id": grant_id,
        "type": kind,
        "amount": Decimal(amount),
        "currency": "USD",
        "invoice_id": invoice,
        "occurred_at": moment(at),
        "status": "posted",
        "balance_after": Decimal(0),
    }


def drawn_monthly(*amounts: str, of: str = "acme", from_grant: str = "g1") -> list[dict[str, Any]]:
    """Draws of January, February and March."""
    return [
        entry(from_grant, "usage", f"-{amount}", f"{of}:{month}", f"2026-{month + 1:02}-01", of)
        for month, amount in enumerate(amounts, 1)
    ]


def wallet(
    grants: list[dict[str, Any]], draws: list[dict[str, Any]], end: date | None = None, zone: str = "UTC"
) -> dict[str, Any]:
    """The outlook of contract acme, whose grants are posted where they are in force, as of 11 March: 69 days looked at."""
    posted = [
        entry(one["grant_id"], "grant", str(one["amount"]), None, one["effective_at"].isoformat())
        for one in grants
        if one["effective_at"] <= AS_OF
    ]
    found = outlooks(
        tables.CREDIT_LEDGER.frame(posted + draws),
        tables.INVOICES.frame([period(month) for month in (1, 2, 3)]),
        tables.CREDIT_GRANTS.frame(grants),
        tables.CONTRACTS.frame([contract(zone=zone, end=end)]),
        AS_OF,
    )
    assert found.height == 1
    return found.row(0, named=True)


def test_a_wallet_runs_dry_at_the_pace_of_the_last_three_periods() -> None:
    """690 drawn in 69 days; the 310 left last 31 days after 10 March."""
    found = wallet([grant("g1", "1000", "2027-01-01")], drawn_monthly("300", "290", "100"))
    assert (found["held"], found["drawn"], found["days"]) == (Decimal(310), Decimal(690), 69)
    assert found["runs_dry_on"] == date(2026, 4, 10)
    assert prospect(found) == "runs dry on 2026-04-10 at the present pace (690.00 USD in 69 days), 266 days before it lapses"


def test_part_of_a_days_draw_is_a_day() -> None:
    found = wallet([grant("g1", "1000.01", "2027-01-01")], drawn_monthly("300", "290", "100"))
    assert found["runs_dry_on"] == date(2026, 4, 11)


def test_a_wallet_that_lapses_first_says_with_how_much_unused() -> None:
    """Ten a day on the 21 days from 11 to 31 March: 210 of 310."""
    found = wallet([grant("g1", "1000", "2026-04-01")], drawn_monthly("300", "290", "100"))
    assert (found["runs_dry_on"], found["unused"]) == (None, Decimal(100))
    assert prospect(found) == "lapses on 2026-04-01 with 100.00 USD unused at the present pace (690.00 USD in 69 days)"


def test_what_an_early_grant_loses_does_not_lengthen_the_wallet() -> None:
    """g1 holds 310 and loses 100 of it on 1 April; g2's 50 then last five days."""
    found = wallet([grant("g2", "50"), grant("g1", "1000", "2026-04-01")], drawn_monthly("300", "290", "100"))
    assert found["grants"] == ["g1", "g2"]
    assert (found["runs_dry_on"], found["unused"], found["until"]) == (date(2026, 4, 5), Decimal(100), None)


def test_credits_outlive_no_contract() -> None:
    found = wallet([grant("g1", "1000", "2027-01-01")], drawn_monthly("300", "290", "100"), end=date(2026, 3, 21))
    assert (found["until"], found["unused"]) == (date(2026, 3, 21), Decimal(210))


def test_what_comes_back_slows_the_pace() -> None:
    back = entry("g1", "reversal", "345", "acme:1", "2026-03-05")
    found = wallet([grant("g1", "1000")], [*drawn_monthly("300", "290", "100"), back])
    assert (found["drawn"], found["held"]) == (Decimal(345), Decimal(655))
    assert found["runs_dry_on"] == date(2026, 3, 10 + 21) + (date(2026, 7, 19) - date(2026, 3, 31))


def test_days_before_the_first_grant_do_not_count() -> None:
    found = wallet([grant("g1", "200", since="2026-03-01")], drawn_monthly("0", "0", "100"))
    assert (found["days"], found["runs_dry_on"]) == (10, date(2026, 3, 20))


def test_a_wallet_that_nobody_draws_on_never_runs_dry() -> None:
    found = wallet([grant("g1", "200", "2026-04-01")], [])
    assert (found["runs_dry_on"], found["unused"]) == (None, Decimal(200))
    assert wallet([grant("g1", "200")], [])["runs_dry_on"] is None


def test_a_wallet_with_nothing_left_says_so() -> None:
    found = wallet([grant("g1", "690"), grant("g2", "5", since="2026-05-01")], drawn_monthly("300", "290", "100"))
    assert prospect(found) == "holds nothing; the next grant takes effect on 2026-05-01"


@pytest.mark.parametrize(("zone", "last"), [("UTC", date(2026, 3, 10)), ("Asia/Tokyo", date(2026, 3, 11))])
def test_days_are_the_contracts_own(zone: str, last: date) -> None:
    assert wallet([grant("g1", "1000")], [], zone=zone)["last_day"] == last


def test_the_order_of_rows_is_no_input() -> None:
    grants = [grant("g1", "1000", "2026-04-01"), grant("g2", "50"), grant("g3", "70", "2026-05-01")]
    draws = drawn_monthly("300", "290", "100")
    assert wallet(grants, draws) == wallet(grants[::-1], draws[::-1])


def caution(*grants: dict[str, Any], draws: tuple[str, ...] = ("300", "290", "100")) -> tuple[str, ...]:
    return wallets_running_dry(OUTLOOKS.frame([wallet(list(grants), drawn_monthly(*draws))])).sentences


def test_a_wallet_that_ends_before_it_lapses_deserves_a_look() -> None:
    assert caution(grant("g1", "1000", "2027-01-01")) == (
        "acme: its credits (g1) hold 310.00 USD; the wallet runs dry on 2026-04-10 at the present pace "
        "(690.00 USD in 69 days), 266 days before it lapses.",
    )


def test_a_wallet_that_lasts_until_its_last_day_deserves_none() -> None:
    assert caution(grant("g1", "1000", "2026-04-11")) == ()


def test_a_wallet_that_never_lapses_is_named_in_its_last_quarter() -> None:
    assert caution(grant("g1", "1580")) != ()
    assert caution(grant("g1", "1590")) == ()


def test_a_grant_that_comes_in_time_quiets_the_caution() -> None:
    held = grant("g1", "1000", "2027-01-01")
    assert caution(held, grant("g2", "9", since="2026-04-01")) == ()
    assert caution(held, grant("g2", "9", since="2026-05-01"))[0].endswith("; the next grant takes effect on 2026-05-01.")


def test_a_wallet_that_is_used_up_is_named_by_its_own_check() -> None:
    assert caution(grant("g1", "690", "2027-01-01")) == ()


def test_balances_are_those_of_month_ends_and_no_month_is_left_out() -> None:
    ledger = [
        entry("g1", "grant", "100", None, "2025-12-01"),
        entry("g1", "usage", "-30", "i", "2026-02-01"),
        entry("g1", "usage", "-20", "j", "2026-04-01") | {"status": "draft"},
    ]
    found = month_ends(tables.CREDIT_LEDGER.frame(ledger), "UTC", AS_OF)
    assert found.rows() == [
        (date(2025, 12, 31), Decimal(100), Decimal(100)),
        (date(2026, 1, 31), Decimal(70), Decimal(70)),
        (date(2026, 2, 28), Decimal(70), Decimal(70)),
        (date(2026, 3, 31), Decimal(70), Decimal(50)),
    ]


def burn_down() -> BurnDown:
    months = pl.DataFrame(
        [(date(2026, 2, 28), Decimal(70), Decimal(70)), (date(2026, 3, 31), Decimal(70), Decimal(35))],
        schema={"month_end": pl.Date, "posted": tables.MONEY, "with_drafts": tables.MONEY},
        orient="row",
    )
    spans = pl.DataFrame(
        [("g1", "prepaid", Decimal(100), date(2026, 2, 1), date(2026, 5, 1))],
        schema={"grant_id": pl.String, "kind": pl.String, "amount": tables.MONEY, "from_day": pl.Date, "until": pl.Date},
        orient="row",
    )
    outlook = wallet([grant("g1", "100", "2026-05-01")], drawn_monthly("0", "30", "35"))
    return BurnDown("acme", outlook, months, spans)


def test_the_chart_shows_drafts_lighter_and_where_grants_begin() -> None:
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(chart(burn_down()))
    february, march = console.export_text().splitlines()[1:3]
    assert "█" * 40 in february
    assert "+ g1" in february
    assert "█" * 20 + "░" * 20 in march


def test_a_page_holds_its_picture(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", None, burn_down())
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "runs dry on" in page or "lapses on" in page
    assert picture(burn_down()) == picture(burn_down())
