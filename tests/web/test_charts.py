"""Charts: what they show adds up to what they are made of, and nothing in them is a script, a style or somebody's markup."""

from __future__ import annotations

import re
from decimal import Decimal

from dagster_project.render import svg

MONTHS = ["2026-01", "2026-02"]


def _told(chart: str) -> list[Decimal]:
    return [Decimal(one.replace(",", "")) for one in re.findall(r"(-?[\d,]+\.\d\d) USD</title>", chart)]


def test_columns_are_stacked_with_the_rest_together() -> None:
    series = {f"M{number}": {"2026-01": Decimal(number), "2026-02": Decimal("0.50")} for number in range(1, 12)}
    chart = svg.stacked_largest(MONTHS, series, "USD")
    assert sum(_told(chart)) == sum(sum(values.values()) for values in series.values())
    assert chart.count("others") == 3  # two columns, and the key
    assert svg.stacked_largest(MONTHS, {}, "USD") == ""


def test_a_waterfall_leads_from_one_amount_to_the_other() -> None:
    chart = svg.waterfall(
        ("invoiced", Decimal(100)), [("late", Decimal(20)), ("none", Decimal(0)), ("price", Decimal(-5))], "now", "USD"
    )
    assert _told(chart) == [Decimal("100.00"), Decimal("20.00"), Decimal("-5.00"), Decimal("115.00")]
    assert svg.waterfall(("invoiced", Decimal(1)), [("none", Decimal(0))], "now", "USD") == ""


def test_names_are_escaped_and_nothing_is_styled() -> None:
    hostile = "<script>alert(1)</script>"
    charts = [
        svg.stacked([hostile], {hostile: [Decimal(1)]}, hostile),
        svg.line([(hostile, Decimal(1), Decimal(2)), ("b", Decimal(2), Decimal(1))], hostile, ("one", hostile)),
        svg.waterfall((hostile, Decimal(1)), [(hostile, Decimal(1))], "now", hostile),
    ]
    for chart in charts:
        assert "<script" not in chart
        assert "style" not in chart
