"""TierSets over the windows of a period: tiers with dimensions (R-26), and terms that change on the way (R-27, R-38)."""

from __future__ import annotations

from typing import Any

from tests.kernel.house import Bill, House, Said, books, card, meter, per_unit, tiers

CHANGE = "2026-01-16"
BEFORE, AFTER = "2026-01-10", "2026-01-20"

OLD = tiers(("100", "1.00", "10"), (None, "0.50", "20"))
NEW = tiers(("100", "2.00", "30"), (None, "1.50", "40"))


def graduated(steps: list[Said], **said: str) -> Said:
    return {"model": "graduated", "tiers": steps, **said}


def volume(steps: list[Said], **said: str) -> Said:
    return {"model": "volume", "tiers": steps, **said}


def package(size: str, amount: str) -> Said:
    return {"model": "package", "package_size": size, "unit_amount": amount}


def changed(house: House, pricing: Said, new: Said, *uses: tuple[str, str]) -> Bill:
    """January under a pricing whose terms are others from the 16th on."""
    override = {"pricing": "P1", "effective_from": CHANGE, **new}
    house.open(books(pricing, contract={"rate_overrides": [override]}))
    for at, quantity in uses:
        house.use(at, quantity)
    return house.run("2026-02-04").bill()


def priced_from(bill: Bill) -> list[tuple[str, str, str]]:
    return [(line.price_from, line.quantity, line.amount) for line in bill.lines if line.kind == "usage"]


# --- combinations ---------------------------------------------------------------------------------------------------------


def tiered_card(**entries: list[Said]) -> Said:
    said = card()
    return said | {"entries": [{"dimensions": {"k": value}, "tiers": steps} for value, steps in entries.items()]}


def test_r26_every_combination_climbs_its_own_ladder_with_a_card_and_without(house: House) -> None:
    cards = [tiered_card(a=tiers(("10", "1"), (None, "0.5")), b=tiers(("100", "2"), (None, "1")))]
    house.open(books(graduated(OLD, rate_card="CARD"), graduated(OLD), meters=[meter("k")], cards=cards))
    for value in ("a", "b", "c", None):
        house.use("2026-01-10", "120", value)
    bill = house.run("2026-02-04").bill()
    assert [(line.pricing_code, line.group_values[0], line.rate_source, line.amount) for line in bill.lines] == [
        ("P1", "a", "rate_card", "65.00"),  # 10 × 1 + 110 × 0.5
        ("P1", "b", "rate_card", "220.00"),  # 100 × 2 + 20 × 1
        ("P1", "c", "fallback", "140.00"),  # 100 × 1 + 10 + 20 × 0.5 + 20
        ("P1", None, "fallback", "140.00"),
        ("P2", "a", "pricing", "140.00"),
        ("P2", "b", "pricing", "140.00"),
        ("P2", "c", "pricing", "140.00"),
        ("P2", None, "pricing", "140.00"),
    ]


def test_r26_volume_finds_the_tier_of_each_combination_or_of_them_all(house: House) -> None:
    steps = tiers(("1000", "0.10"), (None, "0.08"))
    house.open(books(volume(steps), volume(steps, tier_scope="pricing"), meters=[meter("k")]))
    house.use("2026-01-10", "600", "a")
    house.use("2026-01-10", "400", "b")
    house.use("2026-01-10", "0.5", "c")
    bill = house.run("2026-02-04").bill()
    assert [line.amount for line in bill.lines if line.pricing_code == "P1"] == ["60.00", "40.00", "0.05"]
    # 1000.5 in all: the second tier for each
    assert [line.amount for line in bill.lines if line.pricing_code == "P2"] == ["48.00", "32.00", "0.04"]


def test_r26_a_total_at_the_bound_is_in_the_lower_tier(house: House) -> None:
    house.open(books(volume(tiers(("1000", "0.10"), (None, "0.08")), tier_scope="pricing"), meters=[meter("k")]))
    house.use("2026-01-10", "600", "a")
    house.use("2026-01-20", "400", "b")
    assert house.run("2026-02-04").bill().amounts == ["60.00", "40.00"]


def test_r26_a_total_finds_its_tier_in_the_ladder_of_each_combination(house: House) -> None:
    cards = [tiered_card(a=tiers(("10", "1"), (None, "0.5")), b=tiers(("100", "2"), (None, "1")))]
    house.open(books(volume(OLD, rate_card="CARD", tier_scope="pricing"), meters=[meter("k")], cards=cards))
    house.use("2026-01-10", "40", "a")
    house.use("2026-01-10", "50", "b")
    # 90 in all: above 10 for a, below 100 for b
    assert house.run("2026-02-04").bill().amounts == ["20.00", "100.00"]


def test_r21_each_pricing_of_a_meter_rates_the_full_usage(house: House) -> None:
    house.open(books(per_unit("1"), graduated(tiers((None, "2"))), package("100", "7")))
    house.use("2026-01-10", "10")
    assert house.run("2026-02-04").bill().amounts == ["10.00", "20.00", "7.00"]


# --- new terms inside the period ------------------------------------------------------------------------------------------


def test_r27_graduated_goes_on_from_the_quantity_reached(house: House) -> None:
    # 80 × 1 + 10; then from 80 to 130 under the new terms: 20 × 2 + 30 × 1.50, and the second tier is entered: 40
    bill = changed(house, graduated(OLD), {"tiers": NEW}, (BEFORE, "80"), (AFTER, "50"))
    assert priced_from(bill) == [("2026-01-01", "80", "90.00"), (CHANGE, "50", "125.00")]


def test_r27_flat_amounts_of_tiers_entered_before_are_not_charged_again(house: House) -> None:
    # 100 × 1 + 10 + 50 × 0.50 + 20; then 10 × 1.50 and nothing for entering
    bill = changed(house, graduated(OLD), {"tiers": NEW}, (BEFORE, "150"), (AFTER, "10"))
    assert priced_from(bill) == [("2026-01-01", "150", "155.00"), (CHANGE, "10", "15.00")]


def test_r27_a_bound_reached_exactly_is_not_passed_until_later(house: House) -> None:
    # 100 × 1 + 10; then 1 × 1.50 + 40
    bill = changed(house, graduated(OLD), {"tiers": NEW}, (BEFORE, "100"), (AFTER, "1"))
    assert priced_from(bill) == [("2026-01-01", "100", "110.00"), (CHANGE, "1", "41.50")]


def test_r27_a_correction_goes_back_down_the_ladder_of_the_terms_in_force(house: House) -> None:
    # 100 + 10 + 25 + 20 = 155; back from 150 to 50 under the new terms: -(50 × 1.50 + 50 × 2 + the 40 of the tier left)
    bill = changed(house, graduated(OLD), {"tiers": NEW}, (BEFORE, "150"), (AFTER, "-100"))
    assert priced_from(bill) == [("2026-01-01", "150", "155.00"), (CHANGE, "-100", "-215.00")]


def test_r27_windows_of_one_price_are_one_line_over_the_whole_ladder(house: House) -> None:
    """A grant cuts the period, but the price stays: 130 units are one line, 100 × 1 + 10 + 30 × 0.50 + 20."""
    house.open(books(graduated(OLD), grants=[{"id": "g", "amount": "1", "effective_at": CHANGE, "expires_at": "2026-01-25"}]))
    house.use(BEFORE, "80")
    house.use(AFTER, "30")
    house.use("2026-01-28", "20")
    run = house.run("2026-02-04")
    assert priced_from(run.bill()) == [("2026-01-01", "130", "145.00")]
    assert run.shares(run.bill()) == {"2026-01-01": "90.00", CHANGE: "45.00", "2026-01-25": "10.00"}


def test_r27_packages_go_on_counting(house: House) -> None:
    # 50 of 100: one package; 30 more open none; 60 more one at the new price
    bill = changed(house, package("100", "10"), {"unit_amount": "20"}, (BEFORE, "50"), (AFTER, "30"))
    assert priced_from(bill) == [("2026-01-01", "50", "10.00"), (CHANGE, "30", "0.00")]
    house.use(AFTER, "60")
    assert priced_from(house.run("2026-02-05").adjustments()[0]) == [(CHANGE, "60", "20.00")]


def test_r27_packages_come_back_when_the_quantity_does(house: House) -> None:
    bill = changed(house, package("100", "10"), {"unit_amount": "20"}, (BEFORE, "150"), (AFTER, "-60"))
    assert priced_from(bill) == [("2026-01-01", "150", "20.00"), (CHANGE, "-60", "-20.00")]


def test_r27_volume_prices_each_window_at_the_tier_of_the_whole_and_charges_the_flat_amount_once(house: House) -> None:
    # 130 in all, the second tier under both terms: 80 × 0.50 + 20; 50 × 1.50
    bill = changed(house, volume(OLD), {"tiers": NEW}, (BEFORE, "80"), (AFTER, "50"))
    assert priced_from(bill) == [("2026-01-01", "80", "60.00"), (CHANGE, "50", "75.00")]


def test_r27_the_flat_amount_comes_with_the_first_line_that_has_usage(house: House) -> None:
    # nothing before: 50 × 2 + 30 under the new terms
    bill = changed(house, volume(OLD), {"tiers": NEW}, (AFTER, "50"))
    assert priced_from(bill) == [(CHANGE, "50", "130.00")]


def test_r27_volume_finds_the_tier_under_each_windows_own_terms(house: House) -> None:
    # 130 in all: above 100 under the old terms, below 500 under the new
    bill = changed(house, volume(OLD), {"tiers": tiers(("500", "3"), (None, "1"))}, (BEFORE, "80"), (AFTER, "50"))
    assert priced_from(bill) == [("2026-01-01", "80", "60.00"), (CHANGE, "50", "150.00")]


def amended(house: House, *on_scale: str) -> None:
    """P1 on the plan pro; from the 16th on the plan scale, with these pricings."""
    amendment = {"effective_date": CHANGE, "plan": "scale"}
    said = books(
        graduated(OLD),
        graduated(NEW),
        plan={"pricings": ["P1"]},
        plans=[{"code": "scale", "pricings": list(on_scale)}],
        contract={"amendments": [amendment]},
    )
    house.open(said)
    house.use(BEFORE, "80")
    house.use(AFTER, "50")


def test_r27_a_pricing_that_an_amendment_brings_in_starts_at_zero(house: House) -> None:
    amended(house, "P2")
    bill = house.run("2026-02-04").bill()
    # 80 × 1 + 10; 50 × 2 + 30
    assert [(line.pricing_code, line.price_from, line.amount) for line in bill.lines] == [
        ("P1", "2026-01-01", "90.00"),
        ("P2", CHANGE, "130.00"),
    ]


def test_r27_a_pricing_of_both_plans_goes_on(house: House) -> None:
    amended(house, "P2", "P1")
    bill = house.run("2026-02-04").bill()
    # P1 rates 130: 100 × 1 + 10 + 30 × 0.50 + 20; the plan at the period's start comes first
    assert [(line.pricing_code, line.amount) for line in bill.lines] == [("P1", "145.00"), ("P2", "130.00")]


def test_r27_a_pricing_that_leaves_and_returns_goes_on_from_what_it_rated_on_two_lines(house: House) -> None:
    amendments = [{"effective_date": "2026-01-11", "plan": "scale"}, {"effective_date": "2026-01-21", "plan": "pro"}]
    said = books(
        graduated(OLD),
        per_unit("7"),
        plan={"pricings": ["P1"]},
        plans=[{"code": "scale", "pricings": ["P2"]}],
        contract={"amendments": amendments},
    )
    house.open(said)
    for day, quantity in (("05", "80"), ("15", "1000"), ("25", "50")):
        house.use(f"2026-01-{day}", quantity)
    lines = house.run("2026-02-04").bill().lines
    # 80 × 1 + 10; then 20 × 1 + 30 × 0.50 + 20
    assert [(line.pricing_code, line.price_from, line.amount) for line in lines] == [
        ("P1", "2026-01-01", "90.00"),
        ("P1", "2026-01-21", "55.00"),
        ("P2", "2026-01-11", "7000.00"),
    ]


def test_r27_volume_counts_only_what_this_pricing_rated(house: House) -> None:
    said = books(
        volume(OLD),
        volume(tiers(("100", "3"), (None, "1"))),
        plan={"pricings": ["P1"]},
        plans=[{"code": "scale", "pricings": ["P2"]}],
        contract={"amendments": [{"effective_date": CHANGE, "plan": "scale"}]},
    )
    house.open(said)
    house.use(BEFORE, "80")
    house.use(AFTER, "50")
    # neither reaches 100 by itself: 80 × 1 + 10, 50 × 3
    assert house.run("2026-02-04").bill().amounts == ["90.00", "150.00"]


def test_r27_a_ladder_begins_anew_with_each_period(house: House) -> None:
    house.open(books(graduated(OLD)))
    house.use(BEFORE, "130")
    house.use("2026-02-10", "130")
    run = house.run("2026-03-04")
    assert [bill.amounts for bill in run.bills()][:2] == [["145.00"], ["145.00"]]


# --- lines of consecutive windows -----------------------------------------------------------------------------------------

THREE_WINDOWS = [{"id": "g", "amount": "1", "effective_at": "2026-01-11", "expires_at": "2026-01-21", "applies_to": ["OTHER"]}]


def three_windows(house: House, *pricings: Said, **said: Any) -> None:
    """January in three windows, cut by a grant that pays for something else."""
    other = per_unit("1", code="OTHER_PRICING", meter="OTHER")
    house.open(books(*pricings, other, meters=[meter(), meter(code="OTHER")], grants=THREE_WINDOWS, **said))


def test_r38_shares_are_differences_of_the_rounded_running_sum(house: House) -> None:
    three_windows(house, per_unit("0.004"))
    for day in ("05", "15", "25"):
        house.use(f"2026-01-{day}", "1")
    run = house.run("2026-02-04")
    # 0.004, 0.008, 0.012 round to 0, 0.01, 0.01
    assert run.bill().amounts == ["0.01"]
    assert run.shares(run.bill()) == {"2026-01-01": "0.00", "2026-01-11": "0.01", "2026-01-21": "0.00"}


def test_r38_price_from_is_the_first_window_of_the_price_used_or_not(house: House) -> None:
    three_windows(house, per_unit("1"))
    house.use("2026-01-25", "1")
    assert priced_from(house.run("2026-02-04").bill()) == [("2026-01-01", "1", "1.00")]


def test_r38_a_price_that_comes_back_is_another_line(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-11", "effective_to": "2026-01-21"}
    house.open(books(per_unit("1"), contract={"rate_overrides": [override]}))
    for day in ("05", "15", "25"):
        house.use(f"2026-01-{day}", "1")
    assert priced_from(house.run("2026-02-04").bill()) == [
        ("2026-01-01", "1", "1.00"),
        ("2026-01-11", "1", "2.00"),
        ("2026-01-21", "1", "1.00"),
    ]


def test_r38_a_price_between_two_of_the_same_parts_them_even_where_it_is_not_used(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-11", "effective_to": "2026-01-21"}
    house.open(books(per_unit("1"), contract={"rate_overrides": [override]}))
    house.use("2026-01-05", "1")
    house.use("2026-01-25", "1")
    assert priced_from(house.run("2026-02-04").bill()) == [("2026-01-01", "1", "1.00"), ("2026-01-21", "1", "1.00")]


def test_r38_the_same_amount_from_another_source_is_another_price(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "1", "effective_from": "2026-01-11"}
    house.open(books(per_unit("1"), contract={"rate_overrides": [override]}))
    house.use("2026-01-05", "1")
    house.use("2026-01-15", "1")
    bill = house.run("2026-02-04").bill()
    assert [(line.rate_source, line.amount) for line in bill.lines] == [("pricing", "1.00"), ("override", "1.00")]


def test_r38_two_overrides_of_one_rate_in_a_row_are_one_price(house: House) -> None:
    first = {"pricing": "P1", "unit_amount": "0.004", "effective_to": "2026-01-11"}
    second = {"pricing": "P1", "unit_amount": "0.0040", "effective_from": "2026-01-11"}
    house.open(books(per_unit("1"), contract={"rate_overrides": [first, second]}))
    house.use("2026-01-05", "1")
    house.use("2026-01-15", "1")
    assert priced_from(house.run("2026-02-04").bill()) == [("2026-01-01", "2", "0.01")]


def test_r38_equal_tiers_in_a_row_are_one_price(house: House) -> None:
    first = {"pricing": "P1", "tiers": OLD, "effective_to": CHANGE}
    second = {"pricing": "P1", "tiers": OLD, "effective_from": CHANGE}
    house.open(books(graduated(NEW), contract={"rate_overrides": [first, second]}))
    house.use(BEFORE, "80")
    house.use(AFTER, "50")
    assert priced_from(house.run("2026-02-04").bill()) == [("2026-01-01", "130", "145.00")]


def test_r38_equal_tiers_from_another_source_are_another_price(house: House) -> None:
    # 80 × 1 + 10; 20 × 1 + 30 × 0.50 + 20
    bill = changed(house, graduated(OLD), {"tiers": OLD}, (BEFORE, "80"), (AFTER, "50"))
    assert priced_from(bill) == [("2026-01-01", "80", "90.00"), (CHANGE, "50", "55.00")]
