"""A year of real flights, landed and billed in one night, is what a plain loop over the flights says: every line, to the cent."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import astuple
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dagster_project.cli.demo import airport_books
from dagster_project.demo import sample_events
from rating import books
from tests import examination
from tests.nights import warehouses
from tests.samples import airport_by_hand
from tests.samples.airport_by_hand import Line
from tests.scenarios import pipeline
from tests.scenarios.pipeline import Row, marts

FLIGHTS = 336_776
AFTER_THE_YEAR = "2014-01-06"
LOCAL = ZoneInfo("America/New_York")

INVOICES = "from marts.invoices where status = 'issued' order by number"
PERIOD_LINES = """
    select lines.*, customer_id, period_start
    from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
    where invoices.kind = 'period'
    order by number, line_no
"""
INITIAL_LINES = """
    select customer_id, period_start, lines.kind, lines.amount
    from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
    where invoices.kind = 'initial'
"""


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse after one night, with Great Expectations looking on."""
    folder = tmp_path_factory.mktemp("airport")
    sample_events.write_flights(folder / "inbox")
    with examination.looking_on():
        pipeline.run(airport_books(), folder / "inbox", folder / "warehouse", AFTER_THE_YEAR)
    return folder / "warehouse"


@pytest.fixture(scope="module")
def code_of() -> dict[str, str]:
    """Customer id -> code of the airline."""
    customers = books.load(airport_books()).customers
    return dict(customers.select("customer_id", "external_id").iter_rows())


def test_every_flight_lands_and_finds_its_place(year: Path) -> None:
    assert warehouses.landed(year) == sum(warehouses.dispositions(year).values()) == FLIGHTS
    assert warehouses.dispositions(year) == {"metered": FLIGHTS}


def test_the_register_does_not_know_every_aircraft(year: Path) -> None:
    (row,) = marts(
        year,
        """
        select sum(events)::bigint as events from marts.reconciliation
        where meter_code = 'SEATS' and disposition = 'bad_quantity'
        """,
    )
    assert row["events"] == airport_by_hand.unregistered_departures()


def test_every_invoice_comes_to_what_the_hand_made_it(year: Path, code_of: dict[str, str]) -> None:
    said = {
        (code_of[invoice["customer_id"]], _day(invoice["period_start"]).month): tuple(
            invoice[column] for column in ("subtotal", "credits_applied", "total")
        )
        for invoice in marts(year, INVOICES)
        if invoice["kind"] == "period"
    }
    assert said == airport_by_hand.totals()


def test_every_line_is_the_one_made_by_hand(year: Path, code_of: dict[str, str]) -> None:
    said = defaultdict(list)
    for line in marts(year, PERIOD_LINES):
        told = _line(line, code_of)
        said[told.carrier, told.month].append(astuple(told))
    by_hand = defaultdict(list)
    for worked_out in airport_by_hand.invoice_lines():
        by_hand[worked_out.carrier, worked_out.month].append(astuple(worked_out))
    assert dict(said) == dict(by_hand)


def test_first_days_are_billed_as_they_were_agreed(year: Path, code_of: dict[str, str]) -> None:
    said = {
        (code_of[line["customer_id"]], _day(line["period_start"])): (line["kind"], line["amount"])
        for line in marts(year, INITIAL_LINES)
    }
    assert said == airport_by_hand.INITIAL


def test_numbers_have_no_gap(year: Path) -> None:
    numbers = [invoice["number"] for invoice in marts(year, INVOICES)]
    assert numbers == [f"INV-{n:06d}" for n in range(1, len(numbers) + 1)]
    assert len(numbers) == 12 * 16 + len(airport_by_hand.INITIAL)


def test_every_grant_is_drawn_or_lapses(year: Path) -> None:
    balances = marts(year, "select grant_id, sum(amount)::decimal(38, 4) as balance from marts.credit_ledger group by all")
    assert {row["balance"] for row in balances} == {Decimal(0)}


def _line(line: Row, code_of: dict[str, str]) -> Line:
    is_usage = line["kind"] == "usage"
    return Line(
        carrier=code_of[line["customer_id"]],
        month=_day(line["period_start"]).month,
        kind=line["kind"],
        pricing=line["pricing_code"],
        values=tuple(json.loads(line["dimensions"]).values()) if is_usage else (),
        price_from=_day(line["price_from"]),
        quantity=line["quantity"],
        amount=line["amount"],
        credits_applied=line["credits_applied"],
    )


def _day(instant: datetime) -> date:
    """The local day of a naive UTC instant."""
    return instant.replace(tzinfo=UTC).astimezone(LOCAL).date()
