"""Salesforce's rows as drafts (R-71 to R-74): one reading of every spelling, one fate for every line, nothing silent."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.deals.drafting import Draft
from dagster_project.errors import UserError
from dagster_project.warehouse.database import connect
from tests.deals.conftest import (
    ACME_UPSELL,
    ASTER,
    BRIAR,
    CALLA,
    DAHLIA,
    MEGA,
    NOW,
    UMBRA,
    VELA,
    WREN,
    YARROW,
    ZEPHYR,
    Office,
    row_of,
)


def _fates(draft: Draft) -> dict[str, str]:
    return {one.what: one.fate for one in draft.fates}


def test_r74_a_complete_deal_is_a_draft_with_every_source(office: Office) -> None:
    draft = office.draft(UMBRA)
    assert draft.open_points == []
    terms = {one.name: one.value for one in draft.terms}
    assert terms["rate_override:AI_CALL:region=US,call_outcome=resolved"] == "1.8"
    assert (terms["plan"], terms["net_terms"], terms["base_fee"], terms["minimum_spend"]) == ("enterprise", "30", "450", "500")
    grant = {name.rpartition(".")[2]: value for name, value in terms.items() if name.startswith("grant:")}
    assert grant == {"amount": "10000", "price": "9000", "expires_at": "2027-05-01"}
    sources = {one.name: one.source for one in draft.terms}
    assert sources["net_terms"] == {
        "object": "opportunity",
        "record": UMBRA,
        "field": "payment_terms__c",
        "raw": "Net 30",
    }
    assert sources["plan"] == {"value": "enterprise"}


@pytest.mark.parametrize(
    ("opportunity", "says"),
    [
        (VELA, "which no mapping can read"),
        (WREN, "no product of the mapping has this code"),
        (YARROW, "Net thirty is no number of days"),
        (ZEPHYR, "it is in EUR, and the plan in USD"),
        (ASTER, "no line items"),
        (BRIAR, "base_fee is set more than once"),
    ],
)
def test_r73_what_a_mapping_cannot_settle_is_open(office: Office, opportunity: str, says: str) -> None:
    draft = office.draft(opportunity)
    assert any(says in sentence for _, sentence in draft.open_points)


def test_r73_every_line_has_exactly_one_fate(office: Office) -> None:
    for opportunity in (UMBRA, VELA, WREN, ACME_UPSELL, MEGA, YARROW, ZEPHYR, ASTER, BRIAR, CALLA):
        draft = office.draft(opportunity)
        points = [one.point for one in draft.fates]
        assert len(points) == len(set(points))
        lines = [one for one in draft.fates if one.point.startswith("line:")]
        table = pl.read_csv(office.tables / "opportunity_line_item.csv").filter(pl.col("opportunity_id") == opportunity)
        assert len(lines) == table.height
        assert {one.fate for one in draft.fates} <= {"mapped", "nothing", "open"}
    assert _fates(office.draft(CALLA))["Calla Foods Training days (TRAINING)"] == "nothing"


def test_r72_only_opportunities_that_are_won_become_deals(office: Office) -> None:
    new, changed = office.desk.sync(NOW)
    assert len(new) == 11
    assert changed == []
    assert f"deal-{DAHLIA}" not in new


# --- spellings -----------------------------------------------------------------------------------------------------------------

SALESFORCE = {
    "opportunity_line_item": "OpportunityLineItem",
    "product_2": "Product2",
    "account": "Account",
    "opportunity": "Opportunity",
}


def _airbyte(tables: Path, place: Path) -> str:
    """Airbyte: Salesforce's own names, NDJSON, numbers as numbers, 15-character ids, deleted rows marked by a time."""
    place.mkdir()
    for name, spelled in SALESFORCE.items():
        rows = pl.read_csv(tables / f"{name}.csv", infer_schema_length=0).to_dicts()
        with (place / f"{spelled}.ndjson").open("w") as file:
            for row in rows:
                said: dict[str, Any] = {"_airbyte_raw_id": "x", "_ab_cdc_deleted_at": None}
                for column, value in row.items():
                    if column.startswith("_fivetran"):
                        continue
                    camel = "".join(part.capitalize() for part in column.removesuffix("_c").split("_"))
                    camel += "__c" if column.endswith("_c") else ""
                    number = column in ("unit_price", "total_price", "amount", "credit_value_c", "quantity")
                    said[camel] = float(value) if number and value else value
                    if column.endswith("id") and value and len(value) == 18:
                        said[camel] = value[:15]
                file.write(json.dumps(said) + "\n")
            file.write(json.dumps({"Id": "0", "_ab_cdc_deleted_at": "2026-01-01"}) + "\n")
    return str(place)


def _dlt(tables: Path, place: Path) -> str:
    """dlt: a schema of a DuckDB file, snake_case, decimals and dates as such."""
    with connect(place) as connection:
        connection.execute("create schema salesforce_data")
        for name in SALESFORCE:
            rows = pl.read_csv(tables / f"{name}.csv", infer_schema_length=0).drop("_fivetran_deleted", "_fivetran_synced")
            typed = rows.with_columns(
                *(
                    pl.col(column).cast(pl.Decimal(18, 2))
                    for column in ("unit_price", "total_price", "amount", "credit_value_c", "quantity")
                    if column in rows.columns
                ),
                *(
                    pl.col(column).str.to_date()
                    for column in ("close_date", "contract_start_c", "contract_end_c")
                    if column in rows.columns
                ),
                *(pl.col(column) == "true" for column in ("is_won", "is_closed", "is_deleted") if column in rows.columns),
                _dlt_id=pl.lit("x"),
            )
            connection.register("laid", typed.to_arrow())
            connection.execute(f"create table salesforce_data.{name} as select * from laid")
            connection.unregister("laid")
    return f"{place}#salesforce_data"


def test_r71_three_spellings_give_one_draft(office: Office, tmp_path: Path) -> None:
    places = [_airbyte(office.tables, tmp_path / "airbyte"), _dlt(office.tables, tmp_path / "sync.duckdb")]
    for opportunity in (UMBRA, VELA, ACME_UPSELL, MEGA, BRIAR, CALLA):
        first = asdict(office.draft(opportunity))
        for place in places:
            assert asdict(office.draft_of(place, opportunity)) == first


def test_r71_rows_marked_deleted_are_not_there(office: Office) -> None:
    office.change("opportunity", lambda rows: row_of(rows, id=UMBRA).update(_fivetran_deleted="true"))
    office.change(
        "opportunity_line_item",
        lambda rows: row_of(rows, name="Wren Support Support around the clock").update(is_deleted="true"),
    )
    new, _ = office.desk.sync(NOW)
    assert len(new) == 10
    assert office.draft(WREN).open_points == []


def test_r71_what_is_missing_is_named_and_nothing_is_half_synced(office: Office) -> None:
    (office.tables / "product_2.csv").unlink()
    with pytest.raises(UserError, match="product_2"):
        office.desk.sync(NOW)
    assert office.desk.every() == {}


def test_r71_a_mapped_field_that_is_missing_is_named(office: Office) -> None:
    office.change("opportunity", lambda rows: [row.pop("payment_terms_c") for row in rows])
    with pytest.raises(UserError, match="opportunity has no field payment_terms__c"):
        office.desk.sync(NOW)


# --- mutations -----------------------------------------------------------------------------------------------------------------

MUTATIONS = [
    ("opportunity", {"id": UMBRA}, name, value)
    for name, values in {
        "type": ["Upsell", "", "Partner"],
        "amount": ["1.00"],
        "currency_iso_code": ["EUR"],
        "contract_start_c": ["2026-06-01", "", "soon"],
        "contract_end_c": ["2026-12-01", "", "2026-02-30"],
        "payment_terms_c": ["Net 45", "Net thirty", ""],
        "contract_number_c": ["umbra-1", "../x", "<script>", "=1+1"],
        "special_terms_c": ["free support"],
        "name": ["Umbra"],
    }.items()
    for value in values
] + [
    ("opportunity_line_item", {"name": "Umbra Robotics AI call rate"}, name, value)
    for name, values in {
        "unit_price": ["1.75", "", "-1", "123456789012345", "1e3"],
        "quantity": ["2"],
        "region_c": ["EU", "us", ""],
        "outcome_c": ["escalated", ""],
        "product_code": ["COMMIT", "NEW"],
        "description": ["only in May"],
        "discount": ["10"],
        "currency_iso_code": ["EUR"],
        "name": ["Rate"],
    }.items()
    for value in values
]


@pytest.mark.parametrize(("table", "which", "name", "value"), MUTATIONS)
def test_r73_no_change_of_a_row_is_silent(office: Office, table: str, which: dict[str, str], name: str, value: str) -> None:
    before = asdict(office.draft(UMBRA))
    office.change(table, lambda rows: row_of(rows, **which).update({name: value}))
    after = office.draft(UMBRA)
    assert asdict(after) != before
    lines = [one for one in after.fates if one.point.startswith("line:")]
    assert len(lines) == 4


@pytest.mark.parametrize("amount", ["-5.00", "0.001", "1,5", "twelve", "1e309"])
def test_values_that_the_books_refuse_are_open(office: Office, amount: str) -> None:
    office.change(
        "opportunity_line_item", lambda rows: row_of(rows, name="Umbra Robotics Platform fee").update(unit_price=amount)
    )
    draft = office.draft(UMBRA)
    assert draft.value("base_fee") is None
    assert [one.fate for one in draft.fates if one.what.startswith("Umbra Robotics Platform fee")] == ["open"]


def test_numbers_are_their_shortest_text(office: Office, tmp_path: Path) -> None:
    place = tmp_path / "parquet"
    place.mkdir()
    for name in SALESFORCE:
        rows = pl.read_csv(office.tables / f"{name}.csv", infer_schema_length=0)
        if name == "opportunity_line_item":
            rows = rows.with_columns(pl.col("unit_price", "total_price", "quantity").cast(pl.Float64))
        rows.write_parquet(place / f"{name}.parquet")
    draft = office.draft_of(str(place), UMBRA)
    assert Decimal(str(draft.value("rate_override:AI_CALL:region=US,call_outcome=resolved"))) == Decimal("1.8")
    assert asdict(draft) == asdict(office.draft(UMBRA))


def _quoted(office: Office, lines: list[dict[str, str]]) -> Draft:
    """Umbra's draft, where rates are read from the lines of its quote."""
    mapping = office.books / "deals.yml"
    text = mapping.read_text()
    assert "outcome__c}, rate: unit_price}" in text
    mapping.write_text(text.replace("outcome__c}, rate: unit_price}", "outcome__c}, rate: quote_line.unit_price}"))
    quotes = [{"id": "0Q0Hs0000100001IAA", "opportunity_id": UMBRA}]
    pl.DataFrame(quotes).write_csv(office.tables / "quote.csv")
    rows = [{"quote_id": "0Q0Hs0000100001IAA", "name": f"Quoted {number}", **line} for number, line in enumerate(lines)]
    pl.DataFrame(rows).write_csv(office.tables / "quote_line_item.csv")
    return office.draft(UMBRA)


CALLS = "rate_override:AI_CALL:region=US,call_outcome=resolved"


@pytest.mark.parametrize(
    "belongs",
    [{"opportunity_line_item_id": "00kHs0000100002IAA"}, {"product_2_id": "01tHs0000100002IAA"}],
    ids=["named", "alike"],
)
def test_r71_a_term_comes_from_the_line_of_the_quote(office: Office, belongs: dict[str, str]) -> None:
    draft = _quoted(office, [{"id": "0QLHs0000100001IAA", "unit_price": "1.65", "quantity": "1", **belongs}])
    assert draft.open_points == []
    [term] = [one for one in draft.terms if one.name == CALLS]
    assert term.value == "1.65"
    assert term.source == {"object": "quote_line", "record": "0QLHs0000100001IAA", "field": "unit_price", "raw": "1.65"}


def test_r73_a_line_of_the_quote_that_no_line_reads_is_open(office: Office) -> None:
    named = {
        "id": "0QLHs0000100001IAA",
        "opportunity_line_item_id": "00kHs0000100002IAA",
        "unit_price": "1.65",
        "quantity": "1",
    }
    draft = _quoted(office, [named, {**named, "id": "0QLHs0000100002IAA", "opportunity_line_item_id": ""}])
    assert [says for _, says in draft.open_points] == [
        "Quoted 1 of the quote belongs to no line of the deal, or several belong to one."
    ]
    twice = _two(office, named)
    assert any("quote_line.unit_price is empty" in says for _, says in twice.open_points)


def _two(office: Office, named: dict[str, str]) -> Draft:
    rows = [
        {"quote_id": "0Q0Hs0000100001IAA", "name": f"Quoted {key}", **named, "id": key}
        for key in ("0QLHs0000100001IAA", "0QLHs0000100002IAA")
    ]
    pl.DataFrame(rows).write_csv(office.tables / "quote_line_item.csv")
    return office.draft(UMBRA)


def test_r73_a_quoted_price_of_several_is_open(office: Office) -> None:
    line = {"id": "0QLHs0000100001IAA", "opportunity_line_item_id": "00kHs0000100002IAA", "unit_price": "1.65", "quantity": "3"}
    draft = _quoted(office, [line])
    assert any("its quantity is 3, and the mapping reads the price of one" in says for _, says in draft.open_points)
