"""What credits pay (R-30), in which order they are drawn (R-31), and how balances go on (R-34)."""

from __future__ import annotations

import pytest

from tests.kernel.house import House, Run, Said, books, flat, meter, per_unit, tiers

ISSUED = "2026-02-04"


def grant(name: str, amount: str, **said: object) -> Said:
    return {"id": name, "amount": amount, **said}


def january(house: House, grants: list[Said], *uses: tuple[str, str]) -> Run:
    """January of one per_unit pricing at 1.00."""
    house.open(books(per_unit("1"), grants=grants))
    for at, quantity in uses:
        house.use(at, quantity)
    return house.run(ISSUED)


def drawn(run: Run) -> dict[str, str]:
    """What each grant paid in all, by usage entries."""
    names = dict.fromkeys(entry.grant_id for entry in run.entries())
    return {name: " ".join(amount for kind, amount in run.moves(name) if kind == "usage") for name in names}


# --- what is paid ---------------------------------------------------------------------------------------------------------


def test_k1_a_partial_draw(house: House) -> None:
    run = january(house, [grant("g", "50")], ("2026-01-10", "80"))
    assert (run.bill().amounts, run.bill().paid, run.bill().total) == (["80.00"], ["50.00"], "30.00")
    assert run.moves("g") == [("grant", "50.00"), ("usage", "-50.00")]


def test_r30_a_draw_takes_no_more_than_the_line(house: House) -> None:
    run = january(house, [grant("g", "500")], ("2026-01-10", "80"))
    assert (run.bill().total, run.balance("g")) == ("0.00", "420.00")


def test_k15_credits_pay_no_fees(house: House) -> None:
    one_time = {"model": "one_time", "amount": "20"}
    said = books(
        flat("99"),
        one_time,
        per_unit("1"),
        plan={"base_fee": "50"},
        contract={"minimum_spend": "10"},
        grants=[grant("g", "500")],
    )
    house.open(said)
    run = house.run(ISSUED)
    assert (run.bill().kinds, run.bill().total) == (["base_fee", "flat", "minimum_commitment"], "159.00")
    assert (run.bill(kind="initial").amounts, run.bill(kind="initial").total) == (["20.00"], "20.00")
    assert run.moves("g") == [("grant", "500.00")]


def test_r30_a_grant_pays_the_meters_it_applies_to(house: House) -> None:
    house.open(
        books(
            per_unit("1"),
            per_unit("1", meter="OTHER"),
            meters=[meter(), meter(code="OTHER")],
            grants=[grant("g", "500", applies_to=["OTHER"])],
        )
    )
    house.use("2026-01-10", "30")
    house.use("2026-01-10", "40", meter="OTHER")
    assert house.run(ISSUED).bill().paid == ["0.00", "40.00"]


@pytest.mark.parametrize("effective_at", ["2026-01-11", "2026-01-10T12:00:00Z"])
def test_r30_a_grant_pays_from_its_first_instant(house: House, effective_at: str) -> None:
    run = january(house, [grant("g", "500", effective_at=effective_at)], ("2026-01-10T11:59:59", "30"), ("2026-01-11", "50"))
    assert run.bill().paid == ["50.00"]


def test_r30_a_grant_pays_until_its_last_instant(house: House) -> None:
    uses = [("2026-01-10T23:59:59.999999", "30"), ("2026-01-11", "50")]
    run = january(house, [grant("g", "500", expires_at="2026-01-11")], *uses)
    assert run.bill().paid == ["30.00"]


def test_r30_a_grant_that_ends_with_the_period_pays_all_of_it(house: House) -> None:
    run = january(house, [grant("g", "500", expires_at="2026-02-01")], ("2026-01-31T23:59:59", "30"))
    assert run.bill().paid == ["30.00"]


def test_r30_local_days_bound_a_grant(house: House) -> None:
    contract = {"timezone": "America/New_York"}
    house.open(books(per_unit("1"), contract=contract, grants=[grant("g", "500", expires_at="2026-01-11")]))
    house.use("2026-01-11T04:59", "30")
    house.use("2026-01-11T05:00", "50")
    assert house.run("2026-02-05").bill().paid == ["30.00"]


def test_r18_what_is_rated_over_the_whole_period_accrues_at_its_last_instant(house: House) -> None:
    grants = [
        {"contract": "too_short", "expires_at": "2026-01-31T23:59:59.999999Z"},
        {"contract": "to_the_end", "expires_at": "2026-02-01"},
        {"contract": "just_before_it", "effective_at": "2026-01-31T23:59:59.999999Z"},
        {"contract": "too_late", "effective_at": "2026-02-01"},
    ]
    contracts = [grant["contract"] for grant in grants]
    house.open(
        books(
            per_unit("1"),
            meters=[meter(aggregation="max")],
            contracts=[{"id": contract} for contract in contracts],
            grants=[{"id": grant["contract"], "amount": "500", **grant} for grant in grants],
        )
    )
    for contract in contracts:
        house.use("2026-01-10", "50", contract=contract)
    run = house.run(ISSUED)
    assert {contract: run.bill(contract=contract).paid for contract in contracts} == {
        "too_short": ["0.00"],
        "to_the_end": ["50.00"],
        "just_before_it": ["50.00"],
        "too_late": ["0.00"],
    }


def test_r30_windows_that_give_back_draw_nothing_and_the_line_is_never_overpaid(house: House) -> None:
    """100 while the grant is in force, -60 after: the line is 40, and so is the draw."""
    run = january(house, [grant("g", "500", expires_at="2026-01-11")], ("2026-01-05", "100"), ("2026-01-15", "-60"))
    assert (run.bill().amounts, run.bill().paid, run.balance("g")) == (["40.00"], ["40.00"], "0.00")
    assert run.moves("g") == [("grant", "500.00"), ("usage", "-40.00"), ("expiration", "-460.00")]


def test_r30_several_grants_together_do_not_overpay_a_line_either(house: House) -> None:
    """Two grants for two windows of 50, and a third window of -70: the line is 30, all of it by the first."""
    grants = [grant("a", "500", expires_at="2026-01-11"), grant("b", "500", effective_at="2026-01-11", expires_at="2026-01-21")]
    run = january(house, grants, ("2026-01-05", "50"), ("2026-01-15", "50"), ("2026-01-25", "-70"))
    assert (run.bill().amounts, run.bill().paid) == (["30.00"], ["30.00"])
    assert drawn(run) == {"a": "-30.00", "b": ""}


def test_r30_a_line_below_zero_draws_nothing(house: House) -> None:
    run = january(house, [grant("g", "500", expires_at="2026-01-11")], ("2026-01-05", "10"), ("2026-01-15", "-60"))
    assert run.bill().paid[0] == "0.00"
    assert run.moves("g") == [("grant", "500.00"), ("expiration", "-500.00")]


def test_r30_a_grant_pays_the_tiers_climbed_while_it_is_in_force(house: House) -> None:
    steps = tiers(("100", "1"), (None, "0.50"))
    house.open(books({"model": "graduated", "tiers": steps}, grants=[grant("g", "500", effective_at="2026-01-11")]))
    house.use("2026-01-05", "80")
    house.use("2026-01-15", "50")
    # 80 before; then 20 × 1 + 30 × 0.50
    bill = house.run(ISSUED).bill()
    assert (bill.amounts, bill.paid) == (["115.00"], ["35.00"])


def test_r30_a_contracts_grant_pays_no_other_contract(house: House) -> None:
    house.open(
        books(per_unit("1"), contracts=[{"id": "acme"}, {"id": "other", "customer": "c_acme"}], grants=[grant("g", "500")])
    )
    house.use("2026-01-10", "30", contract="other")
    assert house.run(ISSUED).bill(contract="other").paid == ["0.00"]


# --- in which order -------------------------------------------------------------------------------------------------------

LATER, SOONER = {"expires_at": "2026-12-01"}, {"expires_at": "2026-11-01"}
PREPAID = {"kind": "prepaid"}

# each pair as (drawn first, drawn second); the ids would say the opposite
ORDER = {
    "the soonest expiry": (SOONER, LATER),
    "none last": (LATER, {}),
    "the soonest expiry, bought or free (K17)": ({**PREPAID, **SOONER}, LATER),
    "free before bought": (LATER, {**PREPAID, **LATER}),
    "free before bought, neither with an end": ({}, PREPAID),
    "free before bought, however cheap": ({"effective_at": "2026-01-02"}, {**PREPAID, "price": "0"}),
    "the lowest cost basis": ({**PREPAID, "price": "80", **LATER}, {**PREPAID, "price": "90", **LATER}),
    "the lowest cost basis, of unlike amounts": (
        {**PREPAID, "amount": "100", "price": "33.33"},
        {**PREPAID, "amount": "99.99", "price": "33.33"},
    ),
    "the lowest cost basis, at the twentieth digit": (
        {**PREPAID, "amount": "99999999999.99", "price": "33333333333.33"},
        {**PREPAID, "amount": "99999999999.97", "price": "33333333333.33"},
    ),
    "the earliest": ({"effective_at": "2026-01-01"}, {"effective_at": "2026-01-02"}),
    "the cost basis before the earliest": (
        {**PREPAID, "price": "80", "effective_at": "2026-01-02"},
        {**PREPAID, "price": "90", "effective_at": "2026-01-01"},
    ),
}


@pytest.fixture(scope="module")
def two_grants_each(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A contract for each criterion: usage of 60, and two grants of 100; `z…` is to be drawn first."""
    house = House(tmp_path_factory.mktemp("order"))
    grants = [
        {"contract": f"c{number}", "id": f"{name}{number}", "amount": "100", **said}
        for number, pair in enumerate(ORDER.values())
        for name, said in zip("za", pair, strict=True)
    ]
    house.open(books(per_unit("1"), contracts=[{"id": f"c{number}"} for number in range(len(ORDER))], grants=grants))
    for number in range(len(ORDER)):
        house.use("2026-01-10", "60", contract=f"c{number}")
    return house.run(ISSUED)


@pytest.mark.parametrize("number", range(len(ORDER)), ids=ORDER)
def test_r31_grants_are_drawn_in_order(two_grants_each: Run, number: int) -> None:
    assert [move for move in two_grants_each.moves(f"z{number}") if move[0] == "usage"] == [("usage", "-60.00")]
    assert [move for move in two_grants_each.moves(f"a{number}") if move[0] == "usage"] == []


def test_r110_priority_comes_before_expiry(house: House) -> None:
    grants = [
        grant("soon", "30", expires_at="2026-03-01", priority="1"),
        grant("never", "30"),
        grant("first", "30", priority="-1", kind="promotional"),
    ]
    assert drawn(january(house, grants, ("2026-01-10", "70"))) == {"first": "-30.00", "never": "-30.00", "soon": "-10.00"}


def test_r31_at_last_the_id_decides(house: House) -> None:
    run = january(house, [grant("z", "100"), grant("B", "100"), grant("a", "100")], ("2026-01-10", "150"))
    assert drawn(run) == {"B": "-100.00", "a": "-50.00", "z": ""}


def test_r31_what_one_grant_leaves_the_next_pays(house: House) -> None:
    run = january(house, [grant("a", "30"), grant("b", "20"), grant("c", "100")], ("2026-01-10", "70"))
    assert drawn(run) == {"a": "-30.00", "b": "-20.00", "c": "-20.00"}


def test_r31_a_grant_that_may_not_pay_is_passed_over(house: House) -> None:
    grants = [grant("a", "100", applies_to=["OTHER"], expires_at="2026-06-01"), grant("b", "100")]
    house.open(books(per_unit("1"), per_unit("1", meter="OTHER"), meters=[meter(), meter(code="OTHER")], grants=grants))
    house.use("2026-01-10", "60")
    house.use("2026-01-10", "130", meter="OTHER")
    run = house.run(ISSUED)
    # a: 100 of OTHER; b: 60 of the first line, 30 of the second
    assert drawn(run) == {"a": "-100.00", "b": "-60.00 -30.00"}
    assert run.bill().paid == ["60.00", "130.00"]


def test_r31_within_a_grant_windows_in_time_order_then_lines_in_invoice_order(house: House) -> None:
    """Two lines of 40 in each of two windows, and a grant of 100: both lines of the first window, then half of a line."""
    cut = {"id": "cut", "amount": "1", "effective_at": "2026-01-11", "applies_to": ["OTHER"]}
    pricings = [per_unit("1"), per_unit("1"), per_unit("1", meter="OTHER")]
    house.open(books(*pricings, meters=[meter(), meter(code="OTHER")], grants=[grant("g", "100"), cut]))
    house.use("2026-01-05", "40")
    house.use("2026-01-15", "40")
    run = house.run(ISSUED)
    assert run.bill().paid == ["60.00", "40.00"]
    assert drawn(run) == {"cut": "", "g": "-60.00 -40.00"}


def test_k12_the_free_block_is_used_up_before_the_bought_one(house: House) -> None:
    expiry = {"expires_at": "2026-06-12T23:59:59Z", "credit_rate": "0.10"}
    grants = [
        {"id": "paid", "kind": "prepaid", "credits": "2000", **expiry},
        {"id": "promo", "kind": "promotional", "credits": "500", **expiry},
    ]
    run = january(house, grants, ("2026-01-10", "95"))
    assert [(entry.amount, entry.credits) for entry in run.entries("promo")] == [("50.00", "500"), ("-50.00", "-500")]
    assert [(entry.amount, entry.credits) for entry in run.entries("paid")] == [("200.00", "2000"), ("-45.00", "-450")]
    assert (run.balance("promo"), run.balance("paid")) == ("0.00", "155.00")


def test_k11_every_usage_entry_names_its_grant(house: House) -> None:
    expiry = {"expires_at": "2026-06-12", "credit_rate": "0.10"}
    grants = [
        {"id": "paid", "kind": "prepaid", "credits": "2000", **expiry},
        {"id": "promo", "kind": "promotional", "credits": "500", **expiry},
    ]
    run = january(house, grants, ("2026-01-10", "25"))
    used = [(entry.grant_id, entry.amount, entry.credits, entry.line_no) for entry in run.entries() if entry.type == "usage"]
    assert used == [("promo", "-25.00", "-250", 1)]


# --- from period to period ------------------------------------------------------------------------------------------------


def test_r34_balances_carry_from_period_to_period(house: House) -> None:
    house.open(books(per_unit("1"), grants=[grant("g", "100")]))
    for month in ("01", "02", "03"):
        house.use(f"2026-{month}-10", "60")
    run = house.run("2026-04-04")
    assert [bill.paid for bill in run.bills()][:3] == [["60.00"], ["40.00"], ["0.00"]]


def test_r34_the_same_whether_issued_month_by_month_or_all_at_once(house: House) -> None:
    house.open(books(per_unit("1"), grants=[grant("g", "100"), grant("h", "30", expires_at="2026-02-15")]))
    for day in ("2026-01-10", "2026-02-10", "2026-02-20"):
        house.use(day, "60")
    at_once = house.run("2026-03-04", issue=False)
    for as_of in ("2026-01-20", "2026-02-04", "2026-02-25", "2026-03-04"):
        stepwise = house.run(as_of)
    assert [bill.paid for bill in stepwise.bills()] == [bill.paid for bill in at_once.bills()] == [["60.00"], ["70.00"], []]


def test_r34_drafts_draw_on_top_of_what_is_posted_but_post_nothing(house: House) -> None:
    house.open(books(per_unit("1"), grants=[grant("g", "100")]))
    house.use("2026-01-10", "60")
    house.use("2026-02-10", "60")
    for as_of in ("2026-02-15", "2026-02-16"):
        run = house.run(as_of)
        assert run.moves("g", "posted") == [("grant", "100.00"), ("usage", "-60.00")]
        assert run.moves("g", "draft") == [("usage", "-40.00")]
        assert run.bill("2026-02-01").paid == ["40.00"]


def test_r34_a_grant_pays_nothing_that_was_issued_before_it_was_posted(house: House) -> None:
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "60")
    house.run(ISSUED)
    house.open(books(per_unit("1"), grants=[grant("g", "100")]))
    run = house.run("2026-02-10")
    assert (run.bill().paid, run.moves("g"), run.adjustments()) == (["0.00"], [("grant", "100.00")], [])
    house.use("2026-01-12", "5")
    run = house.run("2026-02-11")
    assert (run.adjustments()[0].amounts, run.adjustments()[0].paid) == (["5.00"], ["5.00"])


# --- grants that pay fees ------------------------------------------------------------------------------------------------


def test_r112_a_grant_that_covers_all_pays_fees_and_minimums_after_usage(house: House) -> None:
    grants = [{"id": "g", "amount": "68", "covers": "all"}, {"id": "h", "amount": "500", "priority": "1"}]
    terms = {"base_fee": "20", "minimum_spend": "50", "charges": [CHARGE]}
    house.open(books(per_unit("1"), contract=terms, grants=grants))
    house.use("2026-01-10", "40")
    bill = house.run("2026-02-04").bill()
    assert list(zip(bill.kinds, bill.amounts, bill.paid, strict=True)) == [
        ("usage", "40.00", "40.00"),
        ("base_fee", "20.00", "20.00"),
        ("minimum_commitment", "10.00", "8.00"),
        ("manual", "5.00", "0.00"),
    ]


CHARGE = {"id": "c", "name": "Setup", "amount": "5", "on": "2026-01-05", "reason": "agreed"}


def test_r112_it_pays_fees_only_while_it_holds_at_the_periods_end(house: House) -> None:
    grants = [{"id": "g", "amount": "500", "covers": "all", "expires_at": "2026-02-10"}]
    house.open(books(per_unit("1"), contract={"base_fee": "20"}, grants=grants))
    january, february, _ = house.run("2026-03-04").bills(kind="period")
    assert (january.paid, february.paid) == (["20.00"], ["0.00"])


def test_r112_what_fees_took_comes_back_when_they_shrink(house: House) -> None:
    grants = [{"id": "g", "amount": "500", "covers": "all"}]
    house.open(books(per_unit("1"), contract={"base_fee": "20"}, grants=grants))
    house.run("2026-02-04")
    house.open(books(per_unit("1"), contract={"base_fee": "15"}, grants=grants))
    adjustment = house.run("2026-03-04").bill(kind="adjustment")
    assert (adjustment.amounts, adjustment.paid, adjustment.total) == (["-5.00"], ["-5.00"], "0.00")
