"""What is allowed but deserves a look, and the likely cause that the sentence names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import polars as pl

from dagster_project.checks import review_warnings
from rating import books, tables
from rating.documents import Documents
from rating.rate import Months
from rating.schedule import build_schedule
from tests.shell.conftest import ACME, moment

ACME_BOOKS = books.load(ACME)
NEAR_MISS = {"event_name": pl.String, "wanted_property": pl.String, "found_property": pl.String, "events": pl.Int64}
NO_NEAR_MISSES = pl.DataFrame(schema=NEAR_MISS)


def calls(*lines: tuple[list[str | None], str, int], rates: Mapping[str, int] = MappingProxyType({})) -> Documents:
    """Usage lines of AI_CALL: group values, rate source, events of one minute each; rates: money a minute by source, 1 where absent."""
    rows = [
        {
            "invoice_id": "i",
            "line_no": number,
            "kind": "usage",
            "meter_code": "AI_CALL",
            "group_values": values,
            "description": "",
            "quantity": Decimal(events),
            "exact_amount": Decimal(0),
            "amount": Decimal(events * rates.get(source, 1)),
            "credits_applied": Decimal(0),
            "rate_source": source,
            "event_count": events,
        }
        for number, (values, source, events) in enumerate(lines, 1)
    ]
    return replace(Documents.none(), lines=tables.INVOICE_LINES.frame(rows))


def test_a_fallback_share_above_the_books_threshold_is_said_with_the_misspelt_value() -> None:
    found = review_warnings.fallback_share(
        calls((["US", "resolved"], "rate_card", 90), (["us", "resolved"], "fallback", 10)), ACME_BOOKS, NO_NEAR_MISSES
    )
    assert found.sentences == (
        "AI_CALL: 10.0 % of the quantity and 10.0 % of the money (10.00 of 100.00) were rated at the fallback, 10 of 100 events; "
        "`region` value `us` looks like `US` (10 events).",
    )


def test_a_misspelt_property_is_named_first() -> None:
    near = pl.DataFrame(
        {"event_name": ["ai_call"], "wanted_property": ["call_outcome"], "found_property": ["callOutcome"], "events": [40]}
    )
    found = review_warnings.fallback_share(calls((["US", None], "fallback", 40)), ACME_BOOKS, near)
    assert found.sentences == (
        "AI_CALL: 100.0 % of the quantity and 100.0 % of the money (40.00 of 40.00) were rated at the fallback, 40 of 40 events; "
        "property `callOutcome` looks like group key `call_outcome` (40 events).",
    )


def test_a_share_at_the_threshold_is_no_caution() -> None:
    at_most = calls((["US", "resolved"], "rate_card", 95), (["XX", "resolved"], "fallback", 5))
    assert review_warnings.fallback_share(at_most, ACME_BOOKS, NO_NEAR_MISSES).sentences == ()


def test_few_events_at_a_high_fallback_are_a_share_of_the_money() -> None:
    dear = calls((["US", "resolved"], "rate_card", 96), (["XX", "resolved"], "fallback", 4), rates={"fallback": 900})
    (sentence,) = review_warnings.fallback_share(dear, ACME_BOOKS, NO_NEAR_MISSES).sentences
    assert "4.0 % of the quantity and 97.4 % of the money (3,600.00 of 3,696.00)" in sentence


def test_a_value_that_looks_like_one_of_the_card_is_said_at_any_share() -> None:
    for odd in ("us", "US ", "ＵＳ"):
        few = calls((["US", "resolved"], "rate_card", 9_999), ([odd, "resolved"], "fallback", 1))
        assert review_warnings.fallback_share(few, ACME_BOOKS, NO_NEAR_MISSES).sentences == (
            f"AI_CALL: `region` value `{odd}` looks like `US` (1 events); that usage was rated at the fallback.",
        )


def test_months_left_behind_are_counted() -> None:
    as_of = moment("2026-04-10")
    periods = build_schedule(ACME_BOOKS, as_of).periods
    found = review_warnings.months_left_behind(ACME_BOOKS, periods, Documents.none(), as_of, Months("2026-03", "2026-03"))
    assert found.sentences[0].endswith("from 2026-01 on, due and not issued: `meterhouse run` rates every month in order.")
    assert review_warnings.months_left_behind(ACME_BOOKS, periods, Documents.none(), as_of, Months()).sentences == ()
