"""The ledger: grants, expirations, changed amounts and balances (R-32), units (R-33), and what grants are billed for (R-35)."""

from __future__ import annotations

from typing import Any

from tests.kernel.house import House, Run, Said, books, per_unit

ISSUED = "2026-02-04"


def opened(house: House, *grants: Said, **said: Any) -> None:
    house.open(books(per_unit("1"), grants=grants, **said))


def types(run: Run, grant: str = "g") -> list[str]:
    return [kind for kind, _ in run.moves(grant, "posted")]


# --- when entries are posted ----------------------------------------------------------------------------------------------


def test_r32_a_grant_is_posted_by_the_first_run_from_its_instant_on(house: House) -> None:
    opened(house, {"id": "g", "amount": "100", "effective_at": "2026-01-05T12:00:00Z"})
    assert house.run("2026-01-05T11:59:59.999999").entries() == []
    (entry,) = house.run("2026-01-05T12:00").entries()
    assert (entry.type, entry.amount, entry.balance_after, entry.status, entry.occurred_at) == (
        "grant",
        "100.00",
        "100.00",
        "posted",
        "2026-01-05T12:00",
    )
    assert len(house.run("2026-01-06").entries()) == 1, "once and for all"


def test_r32_the_rest_expires_with_the_issue_of_the_last_period_that_starts_before(house: House) -> None:
    january, february = "2026-02-04", "2026-03-04"
    posted_with = {
        "2026-01-20": january,
        "2026-02-01": january,
        "2026-02-15": february,
        "2026-02-01T00:00:00.000001Z": february,
    }
    names = {f"c{number}": expires_at for number, expires_at in enumerate(posted_with)}
    grants = [{"id": name, "contract": name, "amount": "100", "expires_at": expires_at} for name, expires_at in names.items()]
    house.open(books(per_unit("1"), contracts=[{"id": name} for name in names], grants=grants))
    for name in names:
        house.use("2026-01-10", "30", contract=name)
    for as_of in ("2026-02-03T23:59", january, "2026-03-03T23:59", february, "2026-04-10"):
        run = house.run(as_of)
        for name, expires_at in names.items():
            lapsed = [("expiration", "-70.00")] if as_of >= posted_with[expires_at] else []
            assert [move for move in run.moves(name, "posted") if move[0] == "expiration"] == lapsed
            assert run.balance(name) == ("0.00" if lapsed else "70.00")


def test_r32_where_the_contract_ends_earlier_the_rest_expires_on_its_own_day(house: House) -> None:
    opened(house, {"id": "g", "amount": "100", "expires_at": "2026-03-01"}, contract={"end_date": "2026-01-20"})
    assert types(house.run("2026-01-23")) == ["grant"]
    assert types(house.run("2026-02-28T23:59:59")) == ["grant"]
    assert house.run("2026-03-01").moves("g") == [("grant", "100.00"), ("expiration", "-100.00")]


def test_r32_late_usage_within_the_grace_days_is_paid_before_the_rest_expires(house: House) -> None:
    opened(house, {"id": "g", "amount": "100", "expires_at": "2026-01-20"})
    house.use("2026-01-10", "30")
    house.run("2026-02-01")
    house.use("2026-01-12", "10")
    assert house.run(ISSUED).moves("g") == [("grant", "100.00"), ("usage", "-40.00"), ("expiration", "-60.00")]


def test_r32_nothing_unused_expires_not_at_all(house: House) -> None:
    opened(house, {"id": "g", "amount": "100", "expires_at": "2026-01-20"})
    house.use("2026-01-10", "130")
    assert types(house.run(ISSUED)) == ["grant", "usage"]


def test_r32_a_grant_without_an_end_never_expires(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"}, contract={"end_date": "2026-02-01"})
    assert types(house.run("2027-06-01")) == ["grant"]


def test_r32_an_expiration_of_bought_credits_is_their_rest_in_money(house: House) -> None:
    """1,000 credits at 0.50 bought for 400.00: the unused 70.00 of value is the breakage."""
    opened(
        house,
        {"id": "g", "kind": "prepaid", "credits": "1000", "credit_rate": "0.50", "price": "400", "expires_at": "2026-01-20"},
    )
    house.use("2026-01-10", "430")
    entry = house.run(ISSUED).entries("g")[-1]
    assert (entry.type, entry.amount, entry.credits, entry.balance_after) == ("expiration", "-70.00", "-140", "0.00")


def test_r32_a_changed_amount_posts_the_difference(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"})
    house.use("2026-01-10", "30")
    house.run(ISSUED)
    opened(house, {"id": "g", "amount": "120"})
    run = house.run("2026-02-05")
    assert run.moves("g") == [("grant", "100.00"), ("usage", "-30.00"), ("adjustment", "20.00")]
    opened(house, {"id": "g", "amount": "80"})
    run = house.run("2026-02-06")
    assert run.moves("g")[-1] == ("adjustment", "-40.00")
    assert run.balance("g") == "50.00"
    assert types(house.run("2026-02-07")) == ["grant", "usage", "adjustment", "adjustment"]


def test_r32_a_grant_raised_pays_more_of_what_is_not_issued_yet(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"})
    house.use("2026-01-10", "130")
    house.run("2026-01-20")
    opened(house, {"id": "g", "amount": "120"})
    run = house.run(ISSUED)
    assert run.bill().paid == ["120.00"]
    assert run.moves("g") == [("grant", "100.00"), ("adjustment", "20.00"), ("usage", "-120.00")]


def test_r32_a_grant_that_comes_late_lapses_in_the_run_that_posts_it(house: House) -> None:
    opened(house)
    house.use("2026-01-10", "30")
    house.run(ISSUED)
    opened(house, {"id": "g", "amount": "100", "expires_at": "2026-01-20"})
    assert house.run("2026-02-05").moves("g") == [("grant", "100.00"), ("expiration", "-100.00")]


def test_r32_without_issuing_nothing_is_posted(house: House) -> None:
    opened(house, {"id": "g", "amount": "100", "expires_at": "2026-01-20"})
    house.use("2026-01-10", "30")
    run = house.run(ISSUED, issue=False)
    assert [(entry.type, entry.status) for entry in run.entries()] == [("grant", "draft"), ("usage", "draft")]
    assert [bill.header.status for bill in run.bills()] == ["draft", "draft"]


def test_r32_entries_have_ids_of_their_own(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"}, {"id": "h", "amount": "100"})
    house.use("2026-01-10", "130")
    house.use("2026-02-10", "20")
    house.run(ISSUED)
    entries = house.run("2026-03-04").entries()
    assert len({entry.entry_id for entry in entries}) == len(entries) == 5


def test_k10_the_same_grant_again_changes_nothing(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"}, {"id": "g", "amount": "100.00"})
    house.run("2026-01-02")
    assert house.run("2026-01-03").moves("g") == [("grant", "100.00")]


# --- units ----------------------------------------------------------------------------------------------------------------


def test_k2_k3_k4_units_at_32_cents(house: House) -> None:
    opened(house, {"id": "g", "credits": "1562.5", "credit_rate": "0.32"})
    house.use("2026-01-10", "50")
    run = house.run(ISSUED)
    assert [(entry.amount, entry.credits, entry.balance_after) for entry in run.entries("g")] == [
        ("500.00", "1562.5", "500.00"),
        ("-50.00", "-156.25", "450.00"),
    ]


def test_k7_a_grant_of_money_has_no_units(house: House) -> None:
    opened(house, {"id": "g", "amount": "500"})
    house.use("2026-01-10", "50")
    assert {entry.credits for entry in house.run(ISSUED).entries("g")} == {None}


def test_k8_five_hundred_units_at_one(house: House) -> None:
    opened(house, {"id": "g", "credits": "500", "credit_rate": "1.00"})
    (entry,) = house.run("2026-01-02").entries("g")
    assert (entry.amount, entry.credits) == ("500.00", "500")


def test_k16_fifteen_hundred_units_are_480(house: House) -> None:
    opened(house, {"id": "g", "credits": "1500", "credit_rate": "0.32"})
    assert house.run("2026-01-02").balance("g") == "480.00"


def test_k18_money_that_is_no_whole_number_of_units(house: House) -> None:
    # 12.50 / 7.50
    opened(house, {"id": "g", "credits": "10", "credit_rate": "7.50"})
    house.use("2026-01-10", "12.5")
    assert [entry.credits for entry in house.run(ISSUED).entries("g")] == ["10", "-1.666666667"]


def test_r33_units_are_differences_of_rounded_balances(house: House) -> None:
    """1,000 units at 0.03; 0.01 twice. Balances 29.99 and 29.98 are 999.666666667 and 999.333333333 units."""
    grants = [{"id": "g", "credits": "1000", "credit_rate": "0.03", "expires_at": "2026-01-20"}]
    house.open(books(per_unit("0.01"), per_unit("0.01"), grants=grants))
    house.use("2026-01-10", "1")
    entries = house.run(ISSUED).entries("g")
    assert [entry.credits for entry in entries] == ["1000", "-0.333333333", "-0.333333334", "-999.333333333"]
    assert [entry.amount for entry in entries] == ["30.00", "-0.01", "-0.01", "-29.98"]


def test_r33_units_that_are_raised(house: House) -> None:
    opened(house, {"id": "g", "credits": "100", "credit_rate": "0.50"})
    house.run("2026-01-02")
    opened(house, {"id": "g", "credits": "150", "credit_rate": "0.50"})
    entry = house.run("2026-01-03").entries("g")[-1]
    assert (entry.type, entry.amount, entry.credits, entry.balance_after) == ("adjustment", "25.00", "50", "75.00")


# --- what is billed for grants --------------------------------------------------------------------------------------------


def test_k5_k6_a_thousand_bought_and_two_hundred_free(house: House) -> None:
    opened(
        house,
        {"id": "bought", "kind": "prepaid", "credits": "1000", "credit_rate": "0.50"},
        {"id": "bonus", "credits": "200", "credit_rate": "0.50"},
    )
    run = house.run("2026-01-02")
    bill = run.bill(kind="initial")
    assert ([(line.kind, line.amount) for line in bill.lines], bill.total) == ([("prepaid_purchase", "500.00")], "500.00")
    assert (run.balance("bought"), run.balance("bonus")) == ("500.00", "100.00")


def test_k14_the_price_is_billed_and_the_value_granted(house: House) -> None:
    opened(house, {"id": "g", "kind": "prepaid", "amount": "125000", "price": "100000"})
    run = house.run("2026-01-01")
    assert (run.bill(kind="initial").total, run.balance("g")) == ("100000.00", "125000.00")


def test_r35_free_credits_are_not_billed(house: House) -> None:
    opened(house, {"id": "g", "amount": "100"}, {"id": "h", "kind": "prepaid", "amount": "100", "price": "0"})
    run = house.run("2026-01-02")
    assert (run.bills(kind="initial"), run.balance("g"), run.balance("h")) == ([], "100.00", "100.00")


def test_r35_a_purchase_is_billed_on_the_day_it_becomes_effective(house: House) -> None:
    grants = [
        {"id": "g", "kind": "prepaid", "amount": "100", "effective_at": "2026-01-11T03:00:00Z"},  # 22:00 of the 10th
        {"id": "h", "kind": "prepaid", "amount": "50", "effective_at": "2026-01-11"},
    ]
    opened(house, *grants, contract={"timezone": "America/New_York"})
    assert house.run("2026-01-10T04:59").bills(kind="initial") == []
    found = house.run("2026-01-11T05:00").bills(kind="initial")
    assert [(bill.header.period_start, bill.total, bill.header.status) for bill in found] == [
        ("2026-01-10T05:00", "100.00", "issued"),
        ("2026-01-11T05:00", "50.00", "issued"),
    ]


def test_r35_a_purchase_that_comes_into_the_books_late_is_billed_on_its_day(house: House) -> None:
    opened(house)
    house.run(ISSUED)
    opened(house, {"id": "g", "kind": "prepaid", "amount": "100", "effective_at": "2026-01-11"})
    (bill,) = house.run("2026-02-05").bills(kind="initial")
    assert (bill.header.period_start, bill.total, bill.header.number) == ("2026-01-11", "100.00", "INV-000002")


def test_r35_a_second_purchase_of_a_day_that_is_issued_is_billed_too(house: House) -> None:
    first = {"id": "g", "kind": "prepaid", "amount": "100", "effective_at": "2026-01-11"}
    opened(house, first)
    house.run("2026-01-11")
    opened(house, first, {"id": "h", "kind": "prepaid", "amount": "50", "effective_at": "2026-01-11T15:00:00Z"})
    run = house.run("2026-01-12")
    assert run.balance("h") == "50.00"
    assert [amount for bill in run.bills(kind="initial") for amount in bill.amounts] == ["100.00", "50.00"]


def test_r36_credits_do_not_pay_for_credits(house: House) -> None:
    opened(house, {"id": "g", "amount": "500"}, {"id": "h", "kind": "prepaid", "amount": "50"})
    assert house.run("2026-01-02").bill(kind="initial").total == "50.00"
