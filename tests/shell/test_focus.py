"""R-82b: marts.focus by the published rules of FOCUS 1.2, tied to what invoices bill; and the files of `meterhouse focus`."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from tests.shell.conftest import Night
from tests.shell.test_a_night import rows

# the columns that FOCUS 1.2 asks for of everybody, and of a provider with price lists, negotiated prices, usage, sub accounts and tags
MANDATORY = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
]
OF_THIS_PROVIDER = [
    "ChargeFrequency",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "InvoiceId",
    "ListUnitPrice",
    "PricingCategory",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
]
MAY_BE_NULL = [
    "ChargeClass",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "SkuPriceDetails",
    "Tags",
    "x_CreditGrantId",
]
UNITS = ["PricingQuantity", "PricingUnit", "PricingCategory", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId"]
COSTS = ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"]


@pytest.fixture(scope="module")
def focus(night: Night) -> pl.DataFrame:
    return rows(night[0].warehouse, "from marts.focus")


def test_columns_are_those_of_focus_then_our_own(focus: pl.DataFrame) -> None:
    assert {*MANDATORY, *OF_THIS_PROVIDER} <= {*focus.columns}
    own = [name for name in focus.columns if name.startswith("x_")]
    assert focus.columns[-len(own) :] == own
    assert all(re.fullmatch(r"(x_)?([A-Z][a-z]+)+", name) for name in focus.columns)
    assert all(dtype in (pl.Decimal(38, 4), pl.Decimal(38, 12)) for name, dtype in focus.schema.items() if name in COSTS)


def test_values_are_those_that_are_allowed(focus: pl.DataFrame) -> None:
    assert {*focus["ChargeCategory"]} == {"Usage", "Purchase", "Credit"}
    assert {*focus["PricingCategory"].drop_nulls()} == {"Standard"}
    assert {*focus["ChargeFrequency"]} == {"Usage-Based", "Recurring", "One-Time"}
    assert focus.filter(ChargeCategory="Purchase", ChargeFrequency="Usage-Based").is_empty()
    assert focus["BillingCurrency"].str.contains(r"^[A-Z]{3}$").all()
    texts = focus.select(pl.selectors.string())
    assert not texts.select((pl.all().str.strip_chars() == "").any()).row(0).count(True)
    for tags in focus["Tags"].drop_nulls():
        assert all(value is None or isinstance(value, str | bool | int) for value in json.loads(tags).values())


def test_nulls_are_where_they_may_be(focus: pl.DataFrame) -> None:
    nullable = {name for name in focus.columns if focus[name].null_count()}
    assert nullable <= {*MAY_BE_NULL}
    charged = focus.filter(pl.col("ChargeCategory").is_in(["Usage", "Purchase"]))
    assert not charged.select(pl.col(UNITS).null_count()).row(0).count(True)
    assert not any(charged.select(pl.col(UNITS).null_count()).row(0))
    assert focus.filter((pl.col("ChargeCategory") == "Usage") != pl.col("ConsumedQuantity").is_not_null()).is_empty()
    for quantity, unit in (("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit")):
        assert focus.filter(pl.col(quantity).is_null() != pl.col(unit).is_null()).is_empty()


def test_periods_are_half_open_and_charges_lie_in_theirs_or_are_paid_in_advance(focus: pl.DataFrame) -> None:
    assert focus.filter(pl.col("BillingPeriodStart") >= pl.col("BillingPeriodEnd")).is_empty()
    assert focus.filter(pl.col("ChargePeriodStart") >= pl.col("ChargePeriodEnd")).is_empty()
    starts, ends = pl.col("ChargePeriodStart"), pl.col("ChargePeriodEnd")
    is_inside = (starts >= pl.col("BillingPeriodStart")) & (ends <= pl.col("BillingPeriodEnd"))
    in_advance = focus.filter(pl.col("ChargeClass").is_null() & ~is_inside)
    assert {*in_advance["SkuId"]} == {"base_fee"}
    assert (in_advance["ChargePeriodStart"] == in_advance["BillingPeriodEnd"]).all()


def test_a_cost_is_its_price_times_the_quantity(focus: pl.DataFrame) -> None:
    for cost, price in (("ContractedCost", "ContractedUnitPrice"), ("ListCost", "ListUnitPrice")):
        for row in focus.drop_nulls(price).iter_rows(named=True):
            assert (row[price] * row["PricingQuantity"]).quantize(Decimal("1e-12")) == row[cost]
            assert row[price] >= 0
    by_credit = focus.filter(ChargeCategory="Credit")
    assert by_credit.filter(pl.any_horizontal(pl.col(name) != pl.col("BilledCost") for name in COSTS)).is_empty()
    assert focus["SkuPriceId"].n_unique() == focus.select("SkuPriceId", "SkuId").n_unique()


def test_billed_costs_are_what_each_invoice_asks_for(night: Night, focus: pl.DataFrame) -> None:
    issued = rows(
        night[0].warehouse, "select number, total from marts.invoices where status = 'issued' and total <> 0 order by all"
    )
    billed = (
        focus.group_by(number="InvoiceId").agg(total=pl.col("BilledCost").sum()).filter(pl.col("total") != 0).sort("number")
    )
    assert billed.rows() == issued.rows()


def test_prepaid_credits_cost_when_they_are_used_what_was_paid_for_them(night: Night, focus: pl.DataFrame) -> None:
    bought = focus.filter(SkuId="prepaid_purchase")
    assert bought.height
    assert not any(bought["EffectiveCost"])
    used = rows(night[0].warehouse, "select sum(used)::decimal(38, 4) as used from marts.deferred_revenue_by_month").item()
    assert used > 0
    assert focus["EffectiveCost"].sum() - focus["BilledCost"].sum() == used - bought["BilledCost"].sum()
    drawn = rows(
        night[0].warehouse,
        "select -sum(ledger.amount)::decimal(38, 4) "
        "from marts.credit_ledger as ledger inner join marts.grant_balances using (grant_id) "
        "where ledger.type in ('usage', 'reversal') and ledger.status = 'posted' and kind = 'prepaid'",
    )
    assert focus["x_PrepaidCreditsApplied"].sum() == drawn.item()


def test_list_prices_are_those_of_the_card(focus: pl.DataFrame) -> None:
    """Acme's US / resolved is agreed at 1.50 from the 10th of February on, the card says 2.00; gpt-4 at 0.020 of 0.030 a thousand."""
    agreed = focus.filter(SubAccountId="acme-2026", ContractedUnitPrice=Decimal("1.5"), SkuId="AI_CALL_PRICING")
    assert {*agreed["ListUnitPrice"]} == {Decimal("2")}
    tokens = focus.filter(SubAccountId="acme-2026", Tags='{"model":"gpt-4"}')
    assert {*tokens["PricingUnit"]} == {"1000 Units"}
    assert {*tokens["ListUnitPrice"]} == {Decimal("0.03")}
    assert (tokens["ListCost"] > tokens["ContractedCost"]).all()


def test_a_month_is_written_as_a_file_a_customer(night: Night, tmp_path: Path, focus: pl.DataFrame) -> None:
    said = ["focus", "--period", "2026-02", "--out", str(tmp_path), "--warehouse", str(night[0].warehouse.root)]
    assert CliRunner().invoke(app, said).exit_code == 0
    of_month = focus.filter(x_BillingMonth="2026-02")
    assert {file.name for file in tmp_path.iterdir()} == {f"{one}-2026-02.csv" for one in of_month["BillingAccountId"].unique()}
    with (tmp_path / "cust_123-2026-02.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    acme = of_month.filter(BillingAccountId="cust_123")
    assert len(written) == acme.height
    assert sum(Decimal(row["BilledCost"]) for row in written) == acme["BilledCost"].sum()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["ChargePeriodStart"]) for row in written)
    before = (tmp_path / "cust_123-2026-02.csv").read_bytes()
    assert CliRunner().invoke(app, [*said, "--customer", "cust_123", "--format", "parquet"]).exit_code == 0
    assert CliRunner().invoke(app, [*said, "--customer", "cust_123"]).exit_code == 0
    assert (tmp_path / "cust_123-2026-02.csv").read_bytes() == before
    [typed] = duckdb.sql(
        f"select sum(BilledCost), any_value(typeof(ChargePeriodEnd)) from '{tmp_path}/cust_123-2026-02.parquet'"
    ).fetchall()
    assert typed == (acme["BilledCost"].sum(), "TIMESTAMP WITH TIME ZONE")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--period", "2031-01"], "No document that is issued belongs to the billing month 2031-01"),
        (["--period", "2026-02", "--customer", "nobody"], "No document of nobody that is issued"),
        (["--period", "2026-02", "--format", "json"], "Write csv or parquet"),
    ],
)
def test_what_cannot_be_written_gets_a_sentence(
    night: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], says: str
) -> None:
    result = CliRunner().invoke(app, ["focus", "--out", str(tmp_path), "--warehouse", str(night[0].warehouse.root), *wrong])
    assert says in str(result.exception) + capsys.readouterr().err + result.output
