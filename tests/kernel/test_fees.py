"""Fees of a period: base fee, flat pricings and one-time charges (R-28), and the minimum commitment (R-29)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.house import Bill, House, Said, books, flat, per_unit


def january(house: House, *pricings: Said, **said: Any) -> Bill:
    house.open(books(*pricings, **said))
    return house.run("2026-02-10").bill()


# --- base fee -------------------------------------------------------------------------------------------------------------------


def test_r28_the_base_fee_is_prorated_by_days_where_the_period_is_short(house: House) -> None:
    contracts: list[Said] = [
        {"id": "full"},
        {"id": "22 of 31 days", "start_date": "2026-01-10", "billing_anchor": 1},
        {"id": "15 of 31", "end_date": "2026-01-16"},
        {"id": "10 of 31", "start_date": "2026-01-10", "billing_anchor": 1, "end_date": "2026-01-20"},
        {"id": "1 of 31", "start_date": "2026-01-31", "billing_anchor": 1},
        {"id": "full from the 10th", "start_date": "2026-01-10"},
    ]
    house.open(books(contracts=contracts, plan={"base_fee": "50"}))
    run = house.run("2026-02-13")
    bills = {said["id"]: run.bill(contract=said["id"]) for said in contracts}
    assert {name: [(line.kind, line.amount, line.exact_amount) for line in bill.lines] for name, bill in bills.items()} == {
        "full": [("base_fee", "50.00", "50")],
        "22 of 31 days": [("base_fee", "35.48", "35.483870967742")],
        "15 of 31": [("base_fee", "24.19", "24.193548387097")],
        "10 of 31": [("base_fee", "16.13", "16.129032258065")],
        "1 of 31": [("base_fee", "1.61", "1.612903225806")],
        "full from the 10th": [("base_fee", "50.00", "50")],
    }


def test_r28_days_are_local_calendar_days_also_where_one_has_23_hours(house: House) -> None:
    """New York, 8 March 2026 has 23 hours; from the 8th on there are 24 days of 31: 31.00 × 24 / 31."""
    contract = {"start_date": "2026-03-08", "billing_anchor": 1, "timezone": "America/New_York"}
    house.open(books(contract=contract, plan={"base_fee": "31"}))
    assert house.run("2026-04-10").bill().amounts == ["24.00"]


def test_r28_a_leap_february_has_29_days(house: House) -> None:
    house.open(books(contract={"start_date": "2028-02-15", "billing_anchor": 1}, plan={"base_fee": "29"}))
    assert house.run("2028-03-10").bill().amounts == ["15.00"]


@pytest.mark.parametrize(
    ("frequency", "contract", "amount"),
    [
        # Thursday to Sunday of a week from Thursday: 3 of 7 days
        ("weekly", {"end_date": "2026-01-04"}, "300.00"),
        # 15 February to 1 May is 75 days, 1 February to 1 May is 89: 700 × 75 / 89 = 589.887...
        ("quarterly", {"start_date": "2026-02-15", "billing_anchor": 1}, "589.89"),
        ("annually", {"end_date": "2026-03-15"}, "140.00"),  # 73 of 365
        ("semi_annually", {}, "700.00"),
    ],
)
def test_r28_every_frequency_prorates_against_its_full_period(
    house: House, frequency: str, contract: Said, amount: str
) -> None:
    house.open(books(contract=contract, plan={"base_fee": "700", "billing_frequency": frequency}))
    assert house.run("2026-07-10").bill().amounts == [amount]


def test_r28_an_amendment_inside_the_period_changes_the_fee_from_its_day(house: House) -> None:
    # 31 × 10 / 31 + 62 × 21 / 31
    amendment = {"effective_date": "2026-01-11", "base_fee": "62"}
    bill = january(house, contract={"amendments": [amendment]}, plan={"base_fee": "31"})
    assert (bill.amounts, bill.lines[0].unit_rate) == (["52.00"], None)


def test_r28_the_unrounded_parts_are_summed_then_rounded(house: House) -> None:
    # 1 × 10 / 31 + 2 × 21 / 31 = 0.322... + 1.354... = 1.677...; rounded apart they would come to 1.67
    amendment = {"effective_date": "2026-01-11", "base_fee": "2"}
    bill = january(house, contract={"amendments": [amendment]}, plan={"base_fee": "1"})
    assert (bill.amounts, bill.lines[0].exact_amount) == (["1.68"], "1.677419354839")


def test_r28_a_short_period_with_an_amendment(house: House) -> None:
    # from the 6th: 5 days at 31 and 21 at 62, of 31
    contract = {
        "start_date": "2026-01-06",
        "billing_anchor": 1,
        "amendments": [{"effective_date": "2026-01-11", "base_fee": "62"}],
    }
    assert january(house, contract=contract, plan={"base_fee": "31"}).amounts == ["47.00"]


def test_r5b_the_contracts_own_fee_holds_until_an_amendment_names_it_again(house: House) -> None:
    contract = {
        "base_fee": "31",
        "amendments": [
            {"effective_date": "2026-01-11", "plan": "scale"},
            {"effective_date": "2026-01-21", "base_fee": None},
        ],
    }
    plans = [{"code": "scale", "base_fee": "310", "pricings": []}]
    # 20 days at the contract's own 31, 11 days at the 310 of the plan then in force
    assert january(house, contract=contract, plans=plans, plan={"base_fee": "99"}).amounts == ["130.00"]


def test_r28_an_amendment_to_the_same_fee_changes_nothing(house: House) -> None:
    amendment = {"effective_date": "2026-01-11", "net_terms": 10}
    (line,) = january(house, contract={"amendments": [amendment]}, plan={"base_fee": "50"}).lines
    assert (line.amount, line.unit_rate) == ("50.00", "50")


def test_r28_a_grant_inside_a_day_takes_no_day_from_the_fee(house: House) -> None:
    grants = [{"id": "g", "amount": "5", "effective_at": "2026-01-05T13:00:00Z", "expires_at": "2026-01-20T23:59:59Z"}]
    assert january(house, grants=grants, plan={"base_fee": "50"}).amounts == ["50.00"]


def test_r28_fees_that_come_to_nothing_make_no_line(house: House) -> None:
    contract = {"end_date": "2026-01-02"}
    # 0.10 × 1 / 31 = 0.003
    assert january(house, flat("0"), contract=contract, plan={"base_fee": "0.10"}).lines == []


def test_r3_fees_are_rounded_to_the_currency(house: House) -> None:
    # 1000 × 22 / 31 = 709.677419...
    expected = {"JPY": ["710.00"], "BHD": ["709.677"], "USD": ["709.68"]}
    plans = [{"code": currency, "currency": currency, "base_fee": "1000", "pricings": []} for currency in expected]
    short = {"start_date": "2026-01-10", "billing_anchor": 1}
    house.open(books(contracts=[{"id": currency, "plan": currency, **short} for currency in expected], plans=plans))
    run = house.run("2026-02-10")
    assert {currency: run.bill(contract=currency).amounts for currency in expected} == expected


# --- flat pricings --------------------------------------------------------------------------------------------------------------


def test_r28_a_flat_pricing_is_one_line_a_period(house: House) -> None:
    """P4 of the worked examples: 99.00 every month."""
    house.open(books(flat("99", name="Platform")))
    run = house.run("2026-03-10")
    lines = [[(line.kind, line.description, line.amount) for line in bill.lines] for bill in run.bills()]
    assert lines == [[("flat", "Platform", "99.00")]] * 3


def test_r28_a_flat_pricing_is_prorated_where_the_period_is_short(house: House) -> None:
    assert january(house, flat("31"), contract={"end_date": "2026-01-11"}).amounts == ["10.00"]


def test_r28_an_override_changes_a_flat_amount_on_its_days(house: House) -> None:
    override = {"pricing": "P1", "amount": "62", "effective_from": "2026-01-11", "effective_to": "2026-01-21"}
    # 10 days at 31, 10 at 62, 11 at 31
    assert january(house, flat("31"), contract={"rate_overrides": [override]}).amounts == ["41.00"]


def test_r28_a_flat_pricing_is_charged_while_a_plan_has_it(house: House) -> None:
    bill = january(
        house,
        flat("31"),
        flat("62"),
        flat("310"),
        plan={"pricings": ["P2", "P1"]},
        plans=[{"code": "scale", "pricings": ["P3", "P1"]}],
        contract={"amendments": [{"effective_date": "2026-01-11", "plan": "scale"}]},
    )
    # P2 10 days, P1 all along, P3 21 days; the plan at the period's start first, then what the later plan adds
    assert [(line.pricing_code, line.amount) for line in bill.lines] == [("P2", "20.00"), ("P1", "31.00"), ("P3", "210.00")]


def test_r28_a_negative_flat_amount_is_a_discount(house: House) -> None:
    bill = january(house, flat("-10"), plan={"base_fee": "50"})
    assert (bill.amounts, bill.total) == (["50.00", "-10.00"], "40.00")


# --- one-time charges -----------------------------------------------------------------------------------------------------------

ONE_TIME = {"model": "one_time", "amount": "250", "name": "Setup"}


def test_r28_one_time_charges_are_on_an_initial_invoice_of_the_start(house: House) -> None:
    house.open(books(ONE_TIME, contract={"start_date": "2026-01-10", "billing_anchor": 1, "timezone": "America/New_York"}))
    run = house.run("2026-02-10")
    bill = run.bill(kind="initial")
    assert [(line.kind, line.description, line.amount) for line in bill.lines] == [("one_time", "Setup", "250.00")]
    assert (bill.header.period_start, bill.header.period_end) == ("2026-01-10T05:00", "2026-01-10T05:00")
    assert run.bill().lines == []


def test_r28_one_time_charges_are_never_prorated_and_take_the_override_of_the_start(house: House) -> None:
    override = {"pricing": "P1", "amount": "100", "effective_to": "2026-01-02"}
    house.open(books(ONE_TIME, contract={"end_date": "2026-01-05", "rate_overrides": [override]}))
    assert house.run("2026-01-01").bill(kind="initial").amounts == ["100.00"]


def test_r28_an_override_that_began_before_the_contract_holds_at_its_start(house: House) -> None:
    override = {"pricing": "P1", "amount": "100", "effective_from": "2025-12-01"}
    house.open(books(ONE_TIME, contract={"rate_overrides": [override]}))
    assert house.run("2026-01-01").bill(kind="initial").amounts == ["100.00"]


def test_r28_an_initial_invoice_without_lines_is_none(house: House) -> None:
    house.open(books({**ONE_TIME, "amount": "0"}, per_unit("1")))
    assert house.run("2026-02-10").bills(kind="initial") == []


def test_r28_one_time_charges_come_once(house: House) -> None:
    house.open(books(ONE_TIME))
    for as_of in ("2026-01-01", "2026-01-02", "2026-02-10"):
        run = house.run(as_of)
    assert [bill.amounts for bill in run.bills(kind="initial")] == [["250.00"]]


# --- minimum commitment ---------------------------------------------------------------------------------------------------------


def test_r29_a_minimum_makes_up_what_usage_lacks(house: House) -> None:
    expected = {
        "0": [("usage", "0.00"), ("minimum_commitment", "100.00")],
        "60": [("usage", "60.00"), ("minimum_commitment", "40.00")],
        "99.99": [("usage", "99.99"), ("minimum_commitment", "0.01")],
        "100": [("usage", "100.00")],
        "120": [("usage", "120.00")],
        "-20": [("usage", "-20.00"), ("minimum_commitment", "120.00")],
    }
    house.open(books(per_unit("1"), contracts=[{"id": usage, "minimum_spend": "100"} for usage in expected]))
    for usage in expected:
        house.use("2026-01-10", usage, contract=usage)
    run = house.run("2026-02-04")
    found = {usage: [(line.kind, line.amount) for line in run.bill(contract=usage).lines] for usage in expected}
    assert found == expected


def test_r29_without_usage_the_whole_minimum_is_owed(house: House) -> None:
    bill = january(house, per_unit("1"), contract={"minimum_spend": "100"})
    assert [(line.kind, line.description, line.amount) for line in bill.lines] == [
        ("minimum_commitment", "Minimum commitment", "100.00")
    ]


def test_r29_without_a_minimum_negative_usage_is_money_back(house: House) -> None:
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "-20")
    bill = house.run("2026-02-04").bill()
    assert (bill.amounts, bill.total) == (["-20.00"], "-20.00")


def test_r29_fees_do_not_count_towards_the_minimum(house: House) -> None:
    house.open(books(per_unit("1"), flat("500"), contract={"minimum_spend": "100"}, plan={"base_fee": "500"}))
    house.use("2026-01-10", "60")
    bill = house.run("2026-02-04").bill()
    assert (bill.kinds, bill.amounts) == (
        ["usage", "base_fee", "flat", "minimum_commitment"],
        ["60.00", "500.00", "500.00", "40.00"],
    )


def test_r29_usage_counts_before_credits_and_credits_do_not_pay_the_minimum(house: House) -> None:
    house.open(books(per_unit("1"), contract={"minimum_spend": "100"}, grants=[{"id": "g", "amount": "500"}]))
    house.use("2026-01-10", "60")
    bill = house.run("2026-02-04").bill()
    assert (bill.amounts, bill.paid, bill.total) == (["60.00", "40.00"], ["60.00", "0.00"], "40.00")


def test_r29_the_minimum_is_prorated_in_a_short_period(house: House) -> None:
    # 310 × 10 / 31
    house.open(books(per_unit("1"), contract={"minimum_spend": "310", "end_date": "2026-01-11"}))
    house.use("2026-01-05", "60")
    assert house.run("2026-02-04").bill().amounts == ["60.00", "40.00"]


def test_r29_the_minimum_is_prorated_where_an_amendment_changes_it(house: House) -> None:
    # 310 × 10 / 31 + 620 × 21 / 31 = 100 + 420
    amendment = {"effective_date": "2026-01-11", "minimum_spend": "620"}
    house.open(books(per_unit("1"), contract={"minimum_spend": "310", "amendments": [amendment]}))
    house.use("2026-01-15", "20")
    assert house.run("2026-02-04").bill().amounts == ["20.00", "500.00"]


def test_r29_days_without_a_minimum_ask_for_nothing(house: House) -> None:
    amendment = {"effective_date": "2026-01-11", "minimum_spend": "620"}
    house.open(books(per_unit("1"), contract={"amendments": [amendment]}))
    assert house.run("2026-02-04").bill().amounts == ["420.00"]


def test_r29_a_minimum_that_is_taken_back_holds_for_its_days(house: House) -> None:
    amendment = {"effective_date": "2026-01-11", "minimum_spend": None}
    house.open(books(per_unit("1"), contract={"minimum_spend": "310", "amendments": [amendment]}))
    assert house.run("2026-02-04").bill().amounts == ["100.00"]


def test_r29_the_exact_amount_is_what_lacks_before_rounding(house: House) -> None:
    # 100 × 10 / 31 = 32.258064516129...
    house.open(books(per_unit("1"), contract={"minimum_spend": "100", "end_date": "2026-01-11"}))
    house.use("2026-01-05", "2")
    line = house.run("2026-02-04").bill().lines[-1]
    assert (line.amount, line.exact_amount) == ("30.26", "30.258064516129")


def test_r29_usage_of_all_lines_counts_together_after_rounding(house: House) -> None:
    # 0.004 twice is nothing twice
    house.open(books(per_unit("0.004"), per_unit("0.004"), contract={"minimum_spend": "1"}))
    house.use("2026-01-10", "1")
    assert house.run("2026-02-04").bill().amounts == ["0.00", "0.00", "1.00"]


# --- what is agreed on by hand -------------------------------------------------------------------------------------------


def charge(name: str, amount: str, on: str) -> Said:
    return {"id": name, "name": f"Charge {name}", "amount": amount, "on": on, "reason": "agreed by mail"}


def test_r109_a_charge_stands_on_the_period_that_holds_its_day(house: House) -> None:
    charges = [charge("b", "-12.34", "2026-01-31"), charge("a", "100", "2026-01-01"), charge("c", "7", "2026-02-01")]
    grants = [{"id": "g", "amount": "500"}]
    house.open(books(per_unit("1"), contract={"charges": charges, "minimum_spend": "10"}, grants=grants))
    house.use("2026-01-10", "4")
    bill = house.run("2026-02-04").bill()
    assert list(zip(bill.kinds, bill.amounts, bill.paid, strict=True)) == [
        ("usage", "4.00", "4.00"),
        ("minimum_commitment", "6.00", "0.00"),
        ("manual", "100.00", "0.00"),
        ("manual", "-12.34", "0.00"),
    ]


def test_r109_on_an_issued_period_it_comes_as_an_adjustment(house: House) -> None:
    house.open(books(per_unit("1"), contract={"charges": [charge("a", "100", "2026-01-05")]}))
    assert house.run("2026-02-04").bill().total == "100.00"
    house.open(books(per_unit("1"), contract={"charges": [charge("a", "80", "2026-01-05"), charge("b", "5", "2026-01-06")]}))
    adjustment = house.run("2026-03-04").bill(kind="adjustment")
    assert (adjustment.kinds, adjustment.amounts) == (["manual", "manual"], ["-20.00", "5.00"])


# --- a most that usage costs ---------------------------------------------------------------------------------------------


def test_r105_what_is_beyond_the_maximum_is_given_back(house: House) -> None:
    house.open(books(per_unit("1"), contract={"maximum_spend": "100", "base_fee": "5"}))
    house.use("2026-01-10", "130.5")
    bill = house.run("2026-02-04").bill()
    assert list(zip(bill.kinds, bill.amounts, strict=True)) == [
        ("usage", "130.50"),
        ("base_fee", "5.00"),
        ("maximum_spend", "-30.50"),
    ]


def test_r105_usage_at_the_maximum_gives_nothing_back(house: House) -> None:
    house.open(books(per_unit("1"), contract={"maximum_spend": "100", "minimum_spend": "100"}))
    house.use("2026-01-10", "100")
    assert house.run("2026-02-04").bill().kinds == ["usage"]


def test_r105_a_maximum_is_of_the_plan_and_prorated_like_a_minimum(house: House) -> None:
    # 10 of 31 days of 310
    house.open(books(per_unit("1"), plan={"maximum_spend": "310"}, contract={"end_date": "2026-01-11"}))
    house.use("2026-01-05", "150")
    assert house.run("2026-02-04").bill().amounts == ["150.00", "-50.00"]


def test_r105_a_maximum_from_a_day_on_bounds_what_accrues_from_then_on(house: House) -> None:
    # 16 of 31 days of 310 = 160 for the usage from the 16th on; what came before has no bound
    amended = {"amendments": [{"effective_date": "2026-01-16", "maximum_spend": "310"}]}
    house.open(books(per_unit("1"), contract=amended))
    house.use("2026-01-05", "500")
    house.use("2026-01-20", "200")
    assert house.run("2026-02-04").bill().amounts == ["700.00", "-40.00"]


def test_r105_credits_pay_nothing_beyond_the_maximum(house: House) -> None:
    house.open(books(per_unit("1"), contract={"maximum_spend": "100"}, grants=[{"id": "g", "amount": "500"}]))
    house.use("2026-01-10", "130")
    bill = house.run("2026-02-04").bill()
    assert (bill.paid, bill.total) == (["100.00", "0.00"], "0.00")


def test_r105_late_usage_beyond_the_maximum_changes_no_total_and_moves_no_credits(house: House) -> None:
    house.open(books(per_unit("1"), contract={"maximum_spend": "100"}, grants=[{"id": "g", "amount": "500"}]))
    house.use("2026-01-10", "130")
    house.run("2026-02-04")
    house.use("2026-01-11", "7")
    adjustment = house.run("2026-03-04").bill(kind="adjustment")
    assert (adjustment.amounts, adjustment.paid, adjustment.total) == (["7.00", "-7.00"], ["0.00", "0.00"], "0.00")
    house.use("2026-01-12", "-50")
    adjustment = house.run("2026-04-04").bills(kind="adjustment")[-1]
    # 137 are 87 now: of 50 less 37 lay beyond the maximum, 13 come back
    assert (adjustment.amounts, adjustment.paid, adjustment.total) == (["-50.00", "37.00"], ["-13.00", "0.00"], "0.00")


# --- commitments ---------------------------------------------------------------------------------------------------------


def commitment(amount: str, begins: str, ends: str, **said: object) -> Said:
    return {"id": "year", "amount": amount, "from": begins, "to": ends, **said}


def test_r106_the_last_invoice_makes_up_for_what_usage_lacks(house: House) -> None:
    """Figures of a published scenario: 1,200 in twelve months, 48 + 120 + 60 used."""
    terms = {
        "start_date": "2025-04-01",
        "end_date": "2026-04-01",
        "commitments": [commitment("1200", "2025-04-01", "2026-04-01")],
    }
    house.open(books(per_unit("12"), contract=terms))
    for day, hours in (("2025-04-10", "4"), ("2025-05-10", "10"), ("2025-06-10", "5")):
        house.use(day, hours)
    totals = [bill.total for bill in house.run("2026-05-01").bills(kind="period")]
    assert totals == ["48.00", "120.00", "60.00", *["0.00"] * 8, "972.00"]


def test_r106_minimums_count_and_the_rest_is_one_line(house: House) -> None:
    terms = {
        "start_date": "2025-04-01",
        "end_date": "2026-04-01",
        "minimum_spend": "60",
        "commitments": [commitment("1200", "2025-04-01", "2026-04-01")],
    }
    house.open(books(per_unit("12"), contract=terms))
    for day, hours in (("2025-04-10", "4"), ("2025-05-10", "10"), ("2025-06-10", "5")):
        house.use(day, hours)
    bills = house.run("2026-05-01").bills(kind="period")
    assert [bill.total for bill in bills] == ["60.00", "120.00", *["60.00"] * 9, "480.00"]
    assert list(zip(bills[-1].kinds, bills[-1].amounts, strict=True)) == [
        ("minimum_commitment", "60.00"),
        ("commitment_shortfall", "420.00"),
    ]


def test_r106_it_is_due_with_the_period_of_its_last_day_and_counts_what_accrued_within(house: House) -> None:
    terms = {"commitments": [commitment("100", "2026-01-16", "2026-02-16")]}
    house.open(books(per_unit("1"), contract=terms))
    for day, units in (("2026-01-15", "11"), ("2026-01-16", "20"), ("2026-02-15", "30"), ("2026-02-16", "40")):
        house.use(day, units)
    january, february, march = house.run("2026-04-04").bills(kind="period")[:3]
    assert (january.total, february.amounts, march.total) == ("31.00", ["70.00", "50.00"], "0.00")


def test_r106_usage_after_the_maximum_counts_and_meters_may_be_named(house: House) -> None:
    capped = {"maximum_spend": "30", "commitments": [commitment("100", "2026-01-01", "2026-02-01")]}
    house.open(books(per_unit("1"), contract=capped))
    house.use("2026-01-15", "50")
    assert house.run("2026-02-04").bill().amounts == ["50.00", "-20.00", "70.00"]


def test_r106_closed_periods_count_with_what_was_issued_for_them(house: House) -> None:
    terms = {"commitments": [commitment("100", "2026-01-01", "2026-07-01")]}
    said = books(per_unit("1"), contract=terms, settings={"rerate_days": 30})
    house.open(said)
    house.use("2026-01-15", "10")
    house.run("2026-02-04")
    house.use("2026-01-16", "5")
    house.run("2026-02-20")
    house.run("2026-03-04")  # the adjustment is issued with February's invoice, and January has closed
    house.use("2026-04-15", "20")
    house.run("2026-06-20")
    bill = house.run("2026-07-04").bill("2026-06-01")
    assert (bill.kinds, bill.amounts) == (["commitment_shortfall"], ["65.00"])


def test_r106_a_late_event_lowers_a_shortfall_that_was_billed(house: House) -> None:
    house.open(books(per_unit("1"), contract={"commitments": [commitment("100", "2026-01-01", "2026-02-01")]}))
    house.use("2026-01-15", "50")
    assert house.run("2026-02-04").bill().amounts == ["50.00", "50.00"]
    house.use("2026-01-16", "20")
    adjustment = house.run("2026-03-04").bill(kind="adjustment")
    assert (adjustment.kinds, adjustment.amounts) == (["usage", "commitment_shortfall"], ["20.00", "-20.00"])
