"""What finance reads beside invoices: the books at as_of, and prepaid credits at what was paid for them, month by month."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from dagster_project.pipeline.dimensions import DIMENSIONS
from rating import books
from tests.shell.conftest import ACME, Night
from tests.shell.test_a_night import rows


def test_the_books_at_as_of_stand_beside_the_invoices(night: Night) -> None:
    run, _ = night
    read = books.load(ACME)
    for table in DIMENSIONS:
        assert rows(run.warehouse, f"from marts.{table.name}").columns == table.names
    contracts = rows(run.warehouse, "from marts.contracts order by contract_id")
    assert contracts.height == read.contracts.height
    unknown = rows(
        run.warehouse,
        "select count(*) from marts.invoices left join marts.contracts using (contract_id) left join marts.plans using (plan_code) "
        "where contracts.contract_id is null or plans.plan_code is null",
    )
    assert unknown.item() == 0
    meters = rows(run.warehouse, "select group_keys from marts.meters where meter_code = 'AI_CALL'")
    assert meters.item() == "region, call_outcome"
    cards = rows(
        run.warehouse, "select dimensions, unit_amount from marts.rate_cards where rate_card_code = 'AI_CALL_STANDARD'"
    )
    assert ("US / resolved", Decimal("2")) in cards.rows()


def test_deferred_revenue_rolls_forward_at_cost(night: Night) -> None:
    run, _ = night
    months = rows(run.warehouse, "from marts.deferred_revenue_by_month order by currency, month")
    assert months.height > 1
    for (_,), of_currency in months.group_by("currency", maintain_order=True):
        assert (of_currency["opening"] + of_currency["sold"] - of_currency["used"] - of_currency["expired"]).equals(
            of_currency["closing"]
        )
        assert of_currency["opening"][0] == 0
        assert of_currency["opening"].to_list()[1:] == of_currency["closing"].to_list()[:-1]
    last = months.group_by("currency").agg(pl.col("closing").last()).sort("currency")
    held = rows(
        run.warehouse,
        "select currency, sum(cost_basis)::decimal(38, 4) as closing from marts.grant_balances where kind = 'prepaid' "
        "group by all order by all",
    )
    assert last.rows() == held.rows()
    sold = rows(
        run.warehouse,
        "select currency, sum(price)::decimal(38, 4) from marts.grant_balances where kind = 'prepaid' group by all order by all",
    )
    assert months.group_by("currency").agg(pl.col("sold").sum()).sort("currency").rows() == sold.rows()


def test_revenue_tells_recognised_from_billed_and_drafted(night: Night) -> None:
    run, _ = night
    (revenue,) = rows(
        run.warehouse, "select sum(billed)::decimal(38, 4), sum(drafted)::decimal(38, 4) from marts.revenue_by_month"
    ).rows()
    (totals,) = rows(
        run.warehouse,
        "select (sum(total) filter (status = 'issued'))::decimal(38, 4), (sum(total) filter (status = 'draft'))::decimal(38, 4) "
        "from marts.invoices",
    ).rows()
    assert revenue == totals
    purchases = "select sum(recognised)::decimal(38, 4) from marts.revenue_by_month where kind = 'prepaid_purchase'"
    assert rows(run.warehouse, purchases).item() == 0
