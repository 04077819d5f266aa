"""What a quantity costs under each model (R-22 to R-25), at every bound, and how the cent is rounded (R-2, R-3)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from rating.arithmetic.exact import AmountOverflow
from tests.kernel.house import House, Run, Said, books, meter, per_unit, rows, tiers

B2 = tiers(("1000", "0.10"), ("10000", "0.08"), (None, "0.05"))
WITH_FLATS = tiers(("1000", "0.10", "5"), ("10000", "0.08", "20"), (None, "0.05", "70"))


def graduated(steps: list[Said], **said: str) -> Said:
    return {"model": "graduated", "tiers": steps, **said}


def volume(steps: list[Said], **said: str) -> Said:
    return {"model": "volume", "tiers": steps, **said}


def package(size: str, amount: str) -> Said:
    return {"model": "package", "package_size": size, "unit_amount": amount}


def bps(amount: str) -> Said:
    return {"model": "bps", "bps": amount}


class Costs(NamedTuple):
    """What quantities cost at a pricing: quantity to amount."""

    rule: str
    pricing: Said
    amounts: dict[str, str]
    currency: str = "USD"


PER_UNIT = [
    Costs("r22 per unit", per_unit("0.10"), {"100": "10.00", "1000": "100.00", "10000": "1000.00", "0": "0.00", "-3": "-0.30"}),
    Costs(
        # 166 × 0.03 / 1000 = 0.00498, 167: 0.00501, 500: 0.015, 1500.5: 0.045015
        "r22 a rate per thousand",
        per_unit("0.03", per="1000"),
        {"1": "0.00", "166": "0.00", "167": "0.01", "500": "0.02", "1500.5": "0.05", "-500": "-0.02", "1000000": "30.00"},
    ),
    Costs(
        "r22 a rate per three divides exactly",
        per_unit("1", per="3"),
        {
            "1": "0.33",
            "2": "0.67",
            "3": "1.00",
            "1.5": "0.50",
            "-1": "-0.33",
            "-2": "-0.67",
            "3000000000001": "1000000000000.33",
        },
    ),
    Costs(
        # 0.01 × 0.25 / 0.5 = 0.005, 0.009: 0.0045
        "r22 a rate per half a unit",
        per_unit("0.25", per="0.5"),
        {"1": "0.50", "0.01": "0.01", "0.009": "0.00", "-0.01": "-0.01"},
    ),
    Costs(
        "r2 prices keep twelve decimals",
        per_unit("0.000000000001"),
        {"1000000000000": "1.00", "5000000000": "0.01", "4999999999": "0.00", "-5000000000": "-0.01"},
    ),
    Costs(
        # 1e-9 × 999999999.99 = 0.99999999999
        "r2 quantities keep nine decimals",
        per_unit("999999999.99"),
        {"0.000000001": "1.00", "0.000000005": "5.00", "1.000000001": "1000000000.99"},
    ),
    Costs(
        "r2 a line just below 1e15 is billed to the cent",
        per_unit("1"),
        {"999999999999999.99": "999999999999999.99", "-999999999999999.99": "-999999999999999.99"},
    ),
    Costs(
        "r3 half a cent goes away from zero",
        per_unit("0.005"),
        {"1": "0.01", "-1": "-0.01", "3": "0.02", "-3": "-0.02", "5": "0.03", "0.999999999": "0.00", "-0.999999999": "0.00"},
    ),
    Costs(
        # 0.015 / 3 is half a cent; a billionth of a unit less is below it
        "r3 what is finer than the twelfth decimal decides",
        per_unit("0.015", per="3"),
        {"1": "0.01", "-1": "-0.01", "0.999999999": "0.00", "-0.999999999": "0.00"},
    ),
    Costs(
        "r3 yen have no decimals",
        per_unit("0.5"),
        {"1": "1.00", "-1": "-1.00", "3": "2.00", "5": "3.00", "0.999": "0.00", "-0.999": "0.00"},
        "JPY",
    ),
    Costs(
        "r3 dinars have three",
        per_unit("0.0005"),
        {"1": "0.001", "-1": "-0.001", "3": "0.002", "0.999": "0.00", "2469": "1.235"},
        "BHD",
    ),
    Costs(
        "r3 units of account have four",
        per_unit("0.00005"),
        {"1": "0.0001", "-1": "-0.0001", "0.999": "0.00", "30001": "1.5001"},
        "CLF",
    ),
]

GRADUATED = [
    Costs(
        # 5000: 1000 × 0.10 + 4000 × 0.08; a million: 100 + 720 + 990000 × 0.05
        "r23 graduated within the tiers",
        graduated(B2),
        {"1": "0.10", "999.5": "99.95", "5000": "420.00", "1000000": "50320.00"},
    ),
    Costs("r23 graduated at the bound belongs to the lower tier", graduated(B2), {"1000": "100.00", "10000": "820.00"}),
    Costs(
        # 1000.5: 100 + 0.5 × 0.08; 10000.5: 820 + 0.5 × 0.05 = 820.025
        "r23 fractions above a bound belong to the next tier",
        graduated(B2),
        {"1000.5": "100.04", "1001": "100.08", "10000.5": "820.03", "10001": "820.05"},
    ),
    # 820 + (1e14 - 1e4) × 0.05
    Costs("r23 the last tier has no end", graduated(B2), {"100000000000000": "5000000000320.00"}),
    Costs("r25 graduated below zero is at the first tier", graduated(B2), {"0": "0.00", "-10": "-1.00", "-5000": "-500.00"}),
    Costs(
        # entered above the lower bound, not at it
        "r23 the flat amount of every tier entered",
        graduated(WITH_FLATS),
        {
            "0": "0.00",
            "-10": "-1.00",
            "0.000000001": "5.00",
            "1000": "105.00",
            "1000.000000001": "125.00",
            "10000": "845.00",
            "10000.000000001": "915.00",
        },
    ),
    Costs(
        # 1 + 500 × 0.50 / 1000
        "r23 tiers are priced per",
        graduated(tiers(("1000", "1"), (None, "0.50")), per="1000"),
        {"1000": "1.00", "1500": "1.25", "1": "0.00", "5": "0.01"},
    ),
    Costs(
        "r23 the first hundred are free (P3)",
        graduated(tiers(("100", "0"), (None, "0.20"))),
        {"100": "0.00", "101": "0.20", "150": "10.00"},
    ),
    Costs("r23 one tier is a price", graduated(tiers((None, "0.10", "2"))), {"0": "0.00", "10": "3.00"}),
    Costs(
        # 0.004 three times is 0.012, not three times nothing
        "r3 a graduated line is rounded once",
        graduated(tiers(("1", "0.004"), ("2", "0.004"), (None, "0.004"))),
        {"3": "0.01"},
    ),
]

VOLUME = [
    Costs(
        "r24 volume prices all at the tier that holds the quantity",
        volume(B2),
        {"1": "0.10", "5000": "400.00", "1000000": "50000.00"},
    ),
    Costs(
        "r24 volume at the bound belongs to the lower tier",
        volume(B2),
        {"1000": "100.00", "1000.5": "80.04", "1001": "80.08", "10000": "800.00", "10001": "500.05", "10000.5": "500.03"},
    ),
    Costs(
        "r24 volume takes the flat amount of its tier only",
        volume(WITH_FLATS),
        {"1": "5.10", "1000": "105.00", "1001": "100.08", "10001": "570.05"},
    ),
    Costs(
        "r25 volume of nothing or less is at the first tier and enters none",
        volume(WITH_FLATS),
        {"0": "0.00", "-10": "-1.00", "-20000": "-2000.00"},
    ),
]

PACKAGE_AND_BPS = [
    Costs(
        "r25 packages begun are packages bought",
        package("1000", "50"),
        {
            "0.000000001": "50.00",
            "1": "50.00",
            "1000": "50.00",
            "1000.000000001": "100.00",
            "1001": "100.00",
            "2000": "100.00",
            "5500": "300.00",
        },
    ),
    Costs("r25 nothing or less buys no package", package("1000", "50"), {"0": "0.00", "-1": "0.00", "-5500": "0.00"}),
    Costs(
        "r25 packages of a fraction",
        package("0.5", "1"),
        {"0.5": "1.00", "0.6": "2.00", "1": "2.00", "1.000000001": "3.00"},
    ),
    Costs("r3 packages below a cent are rounded once", package("10", "0.004"), {"10": "0.00", "11": "0.01", "30": "0.01"}),
    Costs(
        # 0.20 × 2.5 % = 0.005
        "r25 basis points",
        bps("250"),
        {"10000": "250.00", "0.20": "0.01", "0.19": "0.00", "0": "0.00", "-10000": "-250.00"},
    ),
    Costs("r25 a hundredth of a basis point", bps("0.01"), {"1000000": "1.00", "5000": "0.01", "4999": "0.00"}),
]

ALL_COSTS = [*PER_UNIT, *GRADUATED, *VOLUME, *PACKAGE_AND_BPS]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for all: each pricing on a plan and a contract of its own, each quantity a combination with its own ladder (R-26)."""
    house = House(tmp_path_factory.mktemp("charges"))
    codes = [f"P{number}" for number, _ in enumerate(ALL_COSTS, 1)]
    said = books(
        *(costs.pricing for costs in ALL_COSTS),
        meters=[meter("quantity")],
        plans=[
            {"code": code, "pricings": [code], "currency": costs.currency} for code, costs in zip(codes, ALL_COSTS, strict=True)
        ],
        contracts=[{"id": code, "plan": code} for code in codes],
    )
    house.open(said)
    for code, costs in zip(codes, ALL_COSTS, strict=True):
        for quantity in costs.amounts:
            house.use("2026-01-10", quantity, quantity, contract=code)
    return house.run("2026-02-04")


@pytest.mark.parametrize("number", range(len(ALL_COSTS)), ids=[costs.rule for costs in ALL_COSTS])
def test_what_a_quantity_costs(everything: Run, number: int) -> None:
    bill = everything.bill(contract=f"P{number + 1}")
    found = {line.group_values[0]: line.amount for line in bill.lines if line.kind == "usage"}
    assert found == ALL_COSTS[number].amounts


# --- one line, looked at closely ------------------------------------------------------------------------------------------------


def test_r3_a_sum_of_sub_cents_is_rounded_once_a_line(house: House) -> None:
    """P9 of the worked examples: a tenth of a cent five times is half a cent, and so one cent."""
    house.open(books(per_unit("0.001")))
    for day in range(1, 6):
        house.use(f"2026-01-0{day}", "1")
    assert house.run("2026-02-04").bill().amounts == ["0.01"]


def test_r3_totals_are_sums_of_rounded_lines(house: House) -> None:
    house.open(books(per_unit("0.005"), meters=[meter("k")]))
    for value in "abc":
        house.use("2026-01-10", "1", value)
    bill = house.run("2026-02-04").bill()
    # 0.015 in all would be 0.02
    assert (bill.amounts, bill.header.subtotal, bill.total) == (["0.01", "0.01", "0.01"], "0.03", "0.03")


def test_r3_the_amount_before_rounding_is_kept_to_twelve_decimals(everything: Run) -> None:
    number = next(number for number, costs in enumerate(ALL_COSTS, 1) if costs.pricing == per_unit("1", per="3"))
    exact = {line.quantity: line.exact_amount for line in everything.bill(contract=f"P{number}").lines}
    assert exact["1"] == "0.333333333333"
    assert exact["2"] == "0.666666666667"
    assert exact["-1"] == "-0.333333333333"
    assert exact["-2"] == "-0.666666666667"
    assert exact["3"] == "1"


def test_r24_a_volume_line_shows_the_price_of_its_tier(everything: Run) -> None:
    number = next(number for number, costs in enumerate(ALL_COSTS, 1) if costs.pricing == volume(B2))
    prices = {line.quantity: (line.unit_rate, line.per) for line in everything.bill(contract=f"P{number}").lines}
    assert prices == {"1": ("0.1", "1"), "5000": ("0.08", "1"), "1000000": ("0.05", "1")}


def test_r23_the_tiers_behind_a_line_add_up_to_it(house: House) -> None:
    house.open(books(graduated(WITH_FLATS)))
    house.use("2026-01-10", "5000")
    run = house.run("2026-02-04")
    parts = run.tiers(run.bill())
    assert [
        (part.lower, part.upper, part.quantity, part.unit_amount, part.flat_amount, part.exact_amount) for part in parts
    ] == [
        ("0", "1000", "1000", "0.1", "5", "105"),
        ("1000", "10000", "4000", "0.08", "20", "340"),
    ]
    assert run.bill().lines[0].exact_amount == "445"
    assert run.bill().lines[0].unit_rate is None


# --- too large --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["999999999999999.9", "-999999999999999.9"])
def test_r2_a_line_of_1e15_stops_and_names_the_row(house: House, quantity: str) -> None:
    # 999999999999999.9 × 1.1 is above 1e15
    house.open(books(per_unit("1.1", code="TOO_DEAR"), meters=[meter("k")]))
    house.use("2026-01-10", quantity, "a")
    with pytest.raises(AmountOverflow) as raised:
        house.run("2026-02-04")
    assert "acme" in str(raised.value)
    assert "TOO_DEAR" in str(raised.value)


def test_r2_a_line_that_is_rounded_up_to_1e15_stops(house: House) -> None:
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "999999999999999.996")
    with pytest.raises(AmountOverflow, match="acme"):
        house.run("2026-02-04")


def test_r2_numbers_far_too_large_stop_and_never_wrap(house: House) -> None:
    # 1e15 × 1e9 / 1e-9 = 1e33: beyond 128 bits on the way
    house.open(books(per_unit("999999999", per="0.000000001", code="TOO_DEAR")))
    house.use("2026-01-10", "999999999999999")
    with pytest.raises(AmountOverflow) as raised:
        house.run("2026-02-04")
    assert "TOO_DEAR" in str(raised.value)


def test_r2_a_large_per_with_a_large_rate_is_no_large_amount(house: House) -> None:
    """A million for a trillion units: half of them cost half a million, whatever the products on the way."""
    house.open(books(per_unit("1000000", per="1000000000000")))
    house.use("2026-01-10", "500000000000")
    assert house.run("2026-02-04").bill().amounts == ["500000.00"]


# --- lines of nothing -----------------------------------------------------------------------------------------------------------


def test_r38_usage_that_comes_to_nothing_has_a_line_of_nothing(house: House) -> None:
    house.open(books(per_unit("1"), graduated(WITH_FLATS), volume(WITH_FLATS), package("10", "1"), bps("1")))
    house.use("2026-01-10", "5", events=2)
    house.use("2026-01-12", "-5", events=1)
    lines = house.run("2026-02-04").bill().lines
    assert [(line.quantity, line.amount, line.event_count) for line in lines] == [("0", "0.00", 3)] * 5


def test_r38_without_usage_there_is_no_line(house: House) -> None:
    house.open(books(per_unit("1"), graduated(WITH_FLATS), volume(WITH_FLATS), package("10", "1")))
    run = house.run("2026-02-04")
    assert run.bill().lines == []
    assert rows(run.known.tiers) == []
