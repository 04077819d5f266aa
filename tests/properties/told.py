"""Stories short enough to reckon by hand: what each run must leave standing, document by document."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.properties.strategies import Run, Scenario
from tests.worked_examples.books import Mapping, one_pricing

# One unit costs 1.00 where a story says nothing else; periods are months from January 2026 on, issued three days after their end
# and open for 90.
ONE_DOLLAR: Mapping = {"meter": "UNITS", "model": "per_unit", "unit_amount": "1"}


@dataclass(frozen=True)
class Story:
    """`expects`, for every run: the total of each document it makes or leaves a draft, as `kind first-day` -> total.

    `ledger`: after the last run, every entry that is posted, as grant, type, amount, balance.
    """

    name: str
    scenario: Scenario
    expects: list[dict[str, str]]
    ledger: list[tuple[str, str, str, str]] = field(default_factory=list)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def used(units: str, on: str, *, landed: str, key: str | None = None, **more: Any) -> Mapping:
    """So many units on that day, landed by the run of that day."""
    return {
        "event_name": "used",
        "customer_id": "cust_1",
        "timestamp": instant(on),
        "received_at": instant(landed),
        "landed": instant(landed),
        "idempotency_key": key,
        "tombstone": False,
        "properties": {"units": units},
        "file": f"{landed}.ndjson",
        "element": 0,
        "batch": 1,
        **more,
    }


def story(
    name: str,
    *,
    runs: dict[str, Mapping],
    events: list[Mapping],
    expects: list[dict[str, str]],
    ledger: list[tuple[str, str, str, str]] | None = None,
) -> Story:
    scenario = Scenario(
        [Run(instant(day), books) for day, books in runs.items()],
        [event | {"position": position} for position, event in enumerate(events, 1)],
    )
    return Story(name, scenario, expects, ledger or [])


def ending(day: str, books: Mapping) -> Mapping:
    """The same books with that end for their contract."""
    books = deepcopy(books)
    books["contracts"][0]["end_date"] = day
    return books


PLAIN = one_pricing(ONE_DOLLAR)
PROMO_50 = one_pricing(ONE_DOLLAR, credit_grants=[{"id": "promo", "kind": "promotional", "amount": "50.00"}])
BASE_31 = one_pricing(ONE_DOLLAR, base_fee="31.00", contracts=[{"end_date": "2026-01-11"}])
OVERRIDE_FROM_THE_16TH = [{"pricing": "PRICING", "unit_amount": "0.50", "effective_from": "2026-01-16"}]
TIERS = [{"up_to": "100", "unit_amount": "1", "flat_amount": "10"}, {"unit_amount": "0.50", "flat_amount": "20"}]
CHEAPER_TIERS = [{"up_to": "100", "unit_amount": "0.80", "flat_amount": "10"}, {"unit_amount": "0.20", "flat_amount": "20"}]


def laddered(model: str) -> Mapping:
    override = {"pricing": "PRICING", "tiers": CHEAPER_TIERS, "effective_from": "2026-01-16"}
    return one_pricing({"meter": "UNITS", "model": model, "tiers": TIERS}, contracts=[{"rate_overrides": [override]}])


EIGHTY_AND_SEVENTY = [used("80", "2026-01-10", landed="2026-02-04"), used("70", "2026-01-20", landed="2026-02-04")]

PRICES = [
    story(
        "a price that changes inside the period makes two lines",
        runs={"2026-02-04": one_pricing(ONE_DOLLAR, contracts=[{"rate_overrides": OVERRIDE_FROM_THE_16TH}])},
        events=EIGHTY_AND_SEVENTY,
        expects=[{"period 2026-01-01": "115.00", "period 2026-02-01": "0"}],
    ),
    # 80 in the first tier: 10 + 80; then 20 more of it at 0.80, and 50 of the second at 0.20 + 20
    story(
        "graduated tiers go on under the new terms",
        runs={"2026-02-04": laddered("graduated")},
        events=EIGHTY_AND_SEVENTY,
        expects=[{"period 2026-01-01": "136.00", "period 2026-02-01": "0"}],
    ),
    # 150 is in the second tier: 80 at 0.50 + 20 once; 70 at 0.20
    story(
        "volume takes the whole quantity's tier under each window's terms, and its flat amount once",
        runs={"2026-02-04": laddered("volume")},
        events=EIGHTY_AND_SEVENTY,
        expects=[{"period 2026-01-01": "74.00", "period 2026-02-01": "0"}],
    ),
    # 80 are four packages of 25 at 3.00; 150 are six, the last two at 1.00
    story(
        "packages go on under the new terms",
        runs={
            "2026-02-04": one_pricing(
                {"meter": "UNITS", "model": "package", "package_size": "25", "unit_amount": "3.00"},
                contracts=[{"rate_overrides": [{"pricing": "PRICING", "unit_amount": "1.00", "effective_from": "2026-01-16"}]}],
            )
        },
        events=EIGHTY_AND_SEVENTY,
        expects=[{"period 2026-01-01": "14.00", "period 2026-02-01": "0"}],
    ),
    story(
        "negative usage without a minimum spend is money back",
        runs={"2026-02-04": PLAIN},
        events=[used("-5", "2026-01-10", landed="2026-02-04")],
        expects=[{"period 2026-01-01": "-5.00", "period 2026-02-01": "0"}],
    ),
    # ten of 31 days: base fee 10.00, minimum 20.00 of 62.00, 5.00 of it used
    story(
        "fees and minimum of a short period are prorated by days",
        runs={
            "2026-02-04": one_pricing(
                ONE_DOLLAR, base_fee="31.00", contracts=[{"end_date": "2026-01-11", "minimum_spend": "62.00"}]
            )
        },
        events=[used("5", "2026-01-10", landed="2026-02-04")],
        expects=[{"period 2026-01-01": "30.00"}],
    ),
]

CREDITS = [
    story(
        "a grant that expires inside the period pays the windows before, and the rest lapses",
        runs={
            "2026-02-04": one_pricing(
                ONE_DOLLAR,
                credit_grants=[{"id": "promo", "kind": "promotional", "amount": "100.00", "expires_at": "2026-01-16"}],
            )
        },
        events=EIGHTY_AND_SEVENTY,
        expects=[{"period 2026-01-01": "70.00", "period 2026-02-01": "0"}],
        ledger=[
            ("promo", "grant", "100.00", "100.00"),
            ("promo", "usage", "-80.00", "20.00"),
            ("promo", "expiration", "-20.00", "0"),
        ],
    ),
    story(
        "a grant of a contract that ends earlier lapses when it expires",
        runs={
            day: one_pricing(
                ONE_DOLLAR,
                contracts=[{"end_date": "2026-02-01"}],
                credit_grants=[{"id": "promo", "kind": "promotional", "amount": "100.00", "expires_at": "2026-03-01"}],
            )
            for day in ("2026-02-04", "2026-03-01")
        },
        events=[used("80", "2026-01-10", landed="2026-02-04")],
        expects=[{"period 2026-01-01": "0"}, {}],
        ledger=[
            ("promo", "grant", "100.00", "100.00"),
            ("promo", "usage", "-80.00", "20.00"),
            ("promo", "expiration", "-20.00", "0"),
        ],
    ),
]

LATE = [
    story(
        "a late event waits on a draft adjustment for the next period invoice",
        runs={"2026-02-04": PLAIN, "2026-02-10": PLAIN, "2026-03-04": PLAIN},
        events=[used("80", "2026-01-10", landed="2026-02-04"), used("7", "2026-01-20", landed="2026-02-10")],
        expects=[
            {"period 2026-01-01": "80.00", "period 2026-02-01": "0"},
            {"adjustment 2026-01-01": "7.00", "period 2026-02-01": "0"},
            {"adjustment 2026-01-01": "7.00", "period 2026-02-01": "0", "period 2026-03-01": "0"},
        ],
    ),
    story(
        "a correction returns credits before money",
        runs={"2026-02-04": PROMO_50, "2026-03-04": PROMO_50},
        events=[
            used("80", "2026-01-10", landed="2026-02-04", key="k"),
            used("15", "2026-01-10", landed="2026-03-04", key="k"),
        ],
        expects=[
            {"period 2026-01-01": "30.00", "period 2026-02-01": "0"},
            {"adjustment 2026-01-01": "-15.00", "period 2026-02-01": "0", "period 2026-03-01": "0"},
        ],
        ledger=[
            ("promo", "grant", "50.00", "50.00"),
            ("promo", "usage", "-50.00", "0"),
            ("promo", "reversal", "50.00", "50.00"),
        ],
    ),
    story(
        "what is known after rerate_days is too late",
        runs={"2026-02-04": PLAIN, "2026-05-02": PLAIN},
        events=[used("80", "2026-01-10", landed="2026-02-04"), used("7", "2026-01-20", landed="2026-05-02")],
        expects=[
            {"period 2026-01-01": "80.00", "period 2026-02-01": "0"},
            {"period 2026-02-01": "0", "period 2026-03-01": "0", "period 2026-04-01": "0", "period 2026-05-01": "0"},
        ],
    ),
    story(
        "without a next period the adjustment is issued when rerate_days are over, as the last re-rating left it",
        runs={day: ending("2026-02-01", PLAIN) for day in ("2026-02-04", "2026-02-10", "2026-05-02")},
        events=[
            used("80", "2026-01-10", landed="2026-02-04"),
            used("7", "2026-01-20", landed="2026-02-10"),
            used("5", "2026-01-20", landed="2026-05-02"),
        ],
        expects=[{"period 2026-01-01": "80.00"}, {"adjustment 2026-01-01": "7.00"}, {"adjustment 2026-01-01": "7.00"}],
    ),
    # ten of 31 days, then 21 of them as a period of its own, then February
    story(
        "a prolonged contract goes on with a new period at the end of its issued short one",
        runs={"2026-01-14": BASE_31, "2026-02-04": ending("2026-03-01", BASE_31)},
        events=[used("5", "2026-01-20", landed="2026-01-14"), used("6", "2026-01-25", landed="2026-02-04")],
        expects=[
            {"period 2026-01-01": "10.00"},
            {"period 2026-01-11": "32.00", "period 2026-02-01": "31.00"},
        ],
    ),
    story(
        "a contract that ends before an issued period gets everything of it back",
        runs={"2026-03-04": PLAIN, "2026-03-05": ending("2026-01-21", PLAIN), "2026-05-04": ending("2026-01-21", PLAIN)},
        events=[used("80", "2026-01-30", landed="2026-03-04"), used("7", "2026-02-10", landed="2026-03-04")],
        expects=[
            {"period 2026-01-01": "80.00", "period 2026-02-01": "7.00", "period 2026-03-01": "0"},
            {"adjustment 2026-01-01": "-80.00", "adjustment 2026-02-01": "-7.00"},
            {"adjustment 2026-01-01": "-80.00", "adjustment 2026-02-01": "-7.00"},
        ],
    ),
]

STORIES = [*PRICES, *CREDITS, *LATE]


# --- stories about grants that come into the books late -------------------------------------------------------------------------


def granting(**grant: str) -> Mapping:
    return one_pricing(ONE_DOLLAR, credit_grants=[{"id": "late", **grant}])


LATE_GRANTS = [
    story(
        "a prepaid grant that comes into the books after its day is billed all the same",
        runs={"2026-01-02": one_pricing(ONE_DOLLAR), "2026-01-03": granting(kind="prepaid", amount="100.00")},
        events=[],
        expects=[{"period 2026-01-01": "0"}, {"initial 2026-01-01": "100.00", "period 2026-01-01": "0"}],
    ),
    story(
        "a second prepaid grant of a day that is invoiced already is billed too",
        runs={
            "2026-01-02": one_pricing(ONE_DOLLAR, credit_grants=[{"id": "first", "kind": "prepaid", "amount": "10.00"}]),
            "2026-01-03": one_pricing(
                ONE_DOLLAR,
                credit_grants=[
                    {"id": "first", "kind": "prepaid", "amount": "10.00"},
                    {"id": "second", "kind": "prepaid", "amount": "100.00"},
                ],
            ),
        },
        events=[],
        expects=[
            {"initial 2026-01-01": "10.00", "period 2026-01-01": "0"},
            {"initial 2026-01-01": "100.00", "period 2026-01-01": "0"},
        ],
    ),
    story(
        "a grant that has lapsed when it comes into the books never falls below zero",
        runs={
            "2026-02-04": one_pricing(ONE_DOLLAR),
            "2026-02-10": granting(kind="promotional", amount="5.00", expires_at="2026-02-01"),
        },
        events=[used("80", "2026-01-10", landed="2026-02-04"), used("7", "2026-01-20", landed="2026-02-10")],
        expects=[
            {"period 2026-01-01": "80.00", "period 2026-02-01": "0"},
            {"adjustment 2026-01-01": "7.00", "period 2026-02-01": "0"},
        ],
        ledger=[("late", "grant", "5.00", "5.00"), ("late", "expiration", "-5.00", "0")],
    ),
]
STORIES += LATE_GRANTS

# --- stories about grants that come again ---------------------------------------------------------------------------------------


def every_month(**rollover: str | bool) -> Mapping:
    grant = {"id": "free", "kind": "promotional", "amount": "20.00", "every": "period", "times": "3"}
    return one_pricing(ONE_DOLLAR, credit_grants=[grant | ({"rollover": rollover} if rollover else {})])


def moves(text: str) -> list[tuple[str, str, str, str]]:
    return [tuple(line.split()) for line in text.strip().splitlines()]  # type: ignore[misc]


EVERY_MONTH = [
    story(
        "a grant comes again with each period, and what is left of it lapses at the period's end",
        runs={"2026-03-04": every_month()},
        events=[used("12", "2026-01-10", landed="2026-03-04"), used("30", "2026-02-10", landed="2026-03-04")],
        expects=[{"period 2026-01-01": "0", "period 2026-02-01": "10.00", "period 2026-03-01": "0"}],
        ledger=moves("""
            free#1 grant       20.00 20.00
            free#2 grant       20.00 20.00
            free#3 grant       20.00 20.00
            free#1 usage      -12.00  8.00
            free#1 expiration  -8.00     0
            free#2 usage      -20.00     0
        """),
    ),
    story(
        "what is left of a grant moves into the next one up to the maximum, before that is drawn upon",
        runs={"2026-02-04": every_month(maximum="5.00"), "2026-03-04": every_month(maximum="5.00")},
        events=[used("12", "2026-01-10", landed="2026-02-04"), used("30", "2026-02-10", landed="2026-03-04")],
        expects=[
            {"period 2026-01-01": "0", "period 2026-02-01": "0"},
            {"period 2026-02-01": "5.00", "period 2026-03-01": "0"},
        ],
        ledger=moves("""
            free#1 grant       20.00 20.00
            free#2 grant       20.00 20.00
            free#1 usage      -12.00  8.00
            free#1 rollover    -5.00  3.00
            free#2 rollover     5.00 25.00
            free#1 expiration  -3.00     0
            free#3 grant       20.00 20.00
            free#2 usage      -25.00     0
        """),
    ),
    # February's 18 are paid by the 15 that were rolled in, then by 3 of its own: 17 are left of these
    story(
        "what was rolled in is used first and may not roll again",
        runs={"2026-04-04": every_month(maximum="15.00")},
        events=[used("18", "2026-02-10", landed="2026-04-04")],
        expects=[{"period 2026-01-01": "0", "period 2026-02-01": "0", "period 2026-03-01": "0", "period 2026-04-01": "0"}],
        ledger=moves("""
            free#1 grant       20.00 20.00
            free#2 grant       20.00 20.00
            free#3 grant       20.00 20.00
            free#1 rollover   -15.00  5.00
            free#2 rollover    15.00 35.00
            free#1 expiration  -5.00     0
            free#2 usage      -18.00 17.00
            free#2 rollover   -15.00  2.00
            free#3 rollover    15.00 35.00
            free#2 expiration  -2.00     0
            free#3 expiration -35.00     0
        """),
    ),
    story(
        "without leave, no more than the grant itself brought moves on",
        runs={"2026-04-04": every_month(maximum="30.00")},
        events=[],
        expects=[{"period 2026-01-01": "0", "period 2026-02-01": "0", "period 2026-03-01": "0", "period 2026-04-01": "0"}],
        ledger=moves("""
            free#1 grant       20.00 20.00
            free#2 grant       20.00 20.00
            free#3 grant       20.00 20.00
            free#1 rollover   -20.00     0
            free#2 rollover    20.00 40.00
            free#2 rollover   -20.00 20.00
            free#3 rollover    20.00 40.00
            free#2 expiration -20.00     0
            free#3 expiration -40.00     0
        """),
    ),
    story(
        "with leave, what was rolled in moves on too",
        runs={"2026-04-04": every_month(maximum="30.00", again=True)},
        events=[used("45", "2026-03-10", landed="2026-04-04")],
        expects=[{"period 2026-01-01": "0", "period 2026-02-01": "0", "period 2026-03-01": "0", "period 2026-04-01": "0"}],
        ledger=moves("""
            free#1 grant       20.00 20.00
            free#2 grant       20.00 20.00
            free#3 grant       20.00 20.00
            free#1 rollover   -20.00     0
            free#2 rollover    20.00 40.00
            free#2 rollover   -30.00 10.00
            free#3 rollover    30.00 50.00
            free#2 expiration -10.00     0
            free#3 usage      -45.00  5.00
            free#3 expiration  -5.00     0
        """),
    ),
]
STORIES += EVERY_MONTH

# --- stories about fees in advance ----------------------------------------------------------------------------------------------


def in_advance(*, billing: str = "in_advance", **contract: Any) -> Mapping:
    """31.00 a month, from 10 January on; periods begin on the 10th."""
    starting = {"start_date": "2026-01-10", "billing": billing, **contract}
    return one_pricing(ONE_DOLLAR, base_fee="31.00", contracts=[starting])


AFTER_FEBRUARY_20 = [{"effective_date": "2026-02-24", "base_fee": "59.00"}]

IN_ADVANCE = [
    story(
        "a fee in advance stands on the initial invoice first, then on the document of the period before",
        runs={"2026-02-15": in_advance()},
        events=[used("4", "2026-01-12", landed="2026-02-15")],
        expects=[{"initial 2026-01-10": "31.00", "period 2026-01-10": "35.00", "period 2026-02-10": "31.00"}],
    ),
    story(
        "the last period of a contract pays for none after it, and a short one is paid for by its days",
        runs={"2026-04-20": in_advance(end_date="2026-02-24")},
        events=[],
        expects=[{"initial 2026-01-10": "31.00", "period 2026-01-10": "15.50", "period 2026-02-10": "0"}],
    ),
    # 14 of 28 days at 31.00 and 14 at 59.00 are 45.00
    story(
        "terms that change what was billed in advance are an adjustment of the document that billed it",
        runs={"2026-02-15": in_advance(), "2026-03-14": in_advance(amendments=AFTER_FEBRUARY_20)},
        events=[],
        expects=[
            {"initial 2026-01-10": "31.00", "period 2026-01-10": "31.00", "period 2026-02-10": "31.00"},
            {"adjustment 2026-01-10": "14.00", "period 2026-02-10": "59.00", "period 2026-03-10": "59.00"},
        ],
    ),
    # 15 of 31 days at 62.00 more
    story(
        "what the initial invoice billed amiss stands on the first period's own",
        runs={
            "2026-01-11": in_advance(),
            "2026-02-15": in_advance(amendments=[{"effective_date": "2026-01-26", "base_fee": "93.00"}]),
        },
        events=[],
        expects=[
            {"initial 2026-01-10": "31.00", "period 2026-01-10": "31.00"},
            {"period 2026-01-10": "123.00", "period 2026-02-10": "93.00"},
        ],
    ),
    story(
        "a fee that turns out to be due in advance when its period is issued is not billed twice",
        runs={"2026-02-15": in_advance(billing="in_arrears"), "2026-02-16": in_advance()},
        events=[],
        expects=[
            {"period 2026-01-10": "31.00", "period 2026-02-10": "31.00"},
            {"adjustment 2026-01-10": "31.00", "period 2026-02-10": "31.00"},
        ],
    ),
]
STORIES += IN_ADVANCE
