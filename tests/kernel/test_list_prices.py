"""What lines cost at list prices: the same usage without what was agreed about prices (R-82b)."""

from __future__ import annotations

import polars as pl
import pytest

from rating.documents import Documents
from rating.invoicing.issue import content_texts
from tests.kernel.house import House, Said, books, card, carded, meter, per_unit, tiers

CARD = card(({"k": "a"}, "2.00"), ({"k": "b"}, "0.333333333333"))
TIERED = {"model": "graduated", "tiers": tiers(("10", "3"), (None, "1.5", "7"))}
VOLUME = {"model": "volume", "tiers": tiers(("20", "0.5"), (None, "0.25"))}
PACKAGED = {"model": "package", "package_size": 7, "unit_amount": "5"}
PRICINGS = (carded("4.00"), TIERED, VOLUME, PACKAGED, per_unit("0.01", per=3))
AGREED: dict[str, list[Said]] = {
    "a combination for some days": [
        {
            "meter": "USED",
            "dimensions": {"k": "a"},
            "rate": "1.50",
            "effective_from": "2026-01-10",
            "effective_to": "2026-01-21",
        }
    ],
    "a fallback and tiers": [
        {"pricing": "P1", "fallback_rate": "1"},
        {"pricing": "P2", "tiers": tiers((None, "1"))},
        {"pricing": "P4", "unit_amount": "4"},
    ],
    "percent off all, from a day on": [{"plan": True, "percent_off": "12.5", "effective_from": "2026-01-15"}],
    "for nothing": [{"plan": True, "percent_off": "100"}, {"meter": "USED", "dimensions": {"k": "b"}, "rate": "0"}],
}
OF_LINE = ["pricing_code", "dimensions"]


def opened(house: House, agreed: list[Said]) -> None:
    contracts: list[Said] = [{"id": "acme", "rate_overrides": agreed}, {"id": "plain"}]
    house.open(books(*PRICINGS, meters=[meter("k")], cards=[CARD], contracts=contracts))
    for contract in ("acme", "plain"):
        for day, quantity, value in (
            ("05", "3.7", "a"),
            ("12", "11", "a"),
            ("25", "1", "a"),
            ("12", "8", "b"),
            ("18", "2", "c"),
        ):
            house.use(f"2026-01-{day}", quantity, value, contract=contract)


def by_line(documents: Documents, contract: str, amount: str) -> list[tuple[object, ...]]:
    of_contract = documents.invoices.filter(contract_id=contract).select("invoice_id")
    lines = documents.lines.filter(kind="usage").join(of_contract, on="invoice_id", how="semi")
    return lines.group_by(OF_LINE).agg(pl.col(amount).sum()).sort(OF_LINE).rows()


@pytest.mark.parametrize("agreed", AGREED.values(), ids=AGREED)
def test_the_list_amount_is_what_the_same_usage_costs_without_agreed_prices(house: House, agreed: list[Said]) -> None:
    opened(house, agreed)
    known = house.run("2026-02-04").known
    assert by_line(known, "acme", "list_amount") == by_line(known, "plain", "exact_amount")
    assert by_line(known, "plain", "list_amount") == by_line(known, "plain", "exact_amount")
    assert by_line(known, "acme", "exact_amount") != by_line(known, "plain", "exact_amount")


def test_the_list_rate_is_there_where_one_price_makes_the_list_amount(house: House) -> None:
    opened(house, AGREED["a combination for some days"])
    lines = house.run("2026-02-04").bill().lines
    of_card = [(line.group_values, line.unit_rate, line.list_rate) for line in lines if line.pricing_code == "P1"]
    assert of_card == [
        (["a"], "2", "2"),
        (["a"], "1.5", "2"),
        (["a"], "2", "2"),
        (["b"], "0.333333333333", "0.333333333333"),
        (["c"], "4", "4"),
    ]
    assert {line.list_rate for line in lines if line.pricing_code == "P2"} == {None}


def test_what_an_adjustment_corrects_is_corrected_at_list_prices_too(house: House) -> None:
    opened(house, AGREED["a combination for some days"])
    house.run("2026-02-04")
    for contract in ("acme", "plain"):
        house.use("2026-01-13", "4", "a", contract=contract)
    known = house.run("2026-03-04").known
    assert house.run("2026-03-04").adjustments()
    assert by_line(known, "acme", "list_amount") == by_line(known, "plain", "exact_amount")


def test_list_prices_change_no_hash(house: House) -> None:
    opened(house, AGREED["for nothing"])
    known = house.run("2026-02-04").known
    without = known.lines.with_columns(
        pl.lit(None, dtype=pl.Decimal(38, 12)).alias(name) for name in ("list_rate", "list_amount")
    )
    assert content_texts(known.invoices, known.lines) == content_texts(known.invoices, without)
