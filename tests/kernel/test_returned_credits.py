"""What adjustments give back to credits and draw from them (R-44)."""

from __future__ import annotations

from typing import Any

from tests.kernel.house import House, Run, Said, books, meter, per_unit

JANUARY_ISSUED, FEBRUARY_ISSUED = "2026-02-04", "2026-03-04"

# a settles first: it ends sooner; neither ends before the summer
A, B = {"id": "a", "amount": "60", "expires_at": "2026-06-01"}, {"id": "b", "amount": "60", "expires_at": "2026-07-01"}


def issued_january(house: House, *grants: Said, quantity: str = "100", **said: Any) -> None:
    """January's usage at 1.00 on the 10th, issued."""
    house.open(books(per_unit("1"), grants=grants, **said))
    house.use("2026-01-10", quantity)
    house.run(JANUARY_ISSUED)


def corrected(house: House, quantity: str, as_of: str = "2026-02-10", at: str = "2026-01-10") -> Run:
    house.use(at, quantity)
    return house.run(as_of)


def came_back(run: Run) -> dict[str, str]:
    return {entry.grant_id: entry.amount for entry in run.entries() if entry.type == "reversal"}


def test_r44_credits_come_back_last_drawn_first(house: House) -> None:
    """Of 100, a paid 60 and then b 40; a contract for each correction."""
    expected = {
        "30": {"b": "30.00"},
        "40": {"b": "40.00"},
        "50": {"b": "40.00", "a": "10.00"},
        "100": {"b": "40.00", "a": "60.00"},
    }
    contracts: list[Said] = [{"id": correction} for correction in expected]
    grants = [{**grant, "id": f"{grant['id']}{name}", "contract": name} for grant in (A, B) for name in expected]
    house.open(books(per_unit("1"), contracts=contracts, grants=grants))
    for name in expected:
        house.use("2026-01-10", "100", contract=name)
    house.run(JANUARY_ISSUED)
    for name in expected:
        house.use("2026-01-10", f"-{name}", contract=name)
    run = house.run("2026-02-10")
    back = came_back(run)
    for name, returns in expected.items():
        (adjustment,) = run.adjustments(name)
        assert {grant: back[f"{grant}{name}"] for grant in "ab" if f"{grant}{name}" in back} == returns
        assert (adjustment.paid, adjustment.total) == ([f"-{name}.00"], "0.00")


def test_r44_what_credits_did_not_pay_is_money_back(house: House) -> None:
    # a paid 60 of 100; of the 80 that come back 60 are credits
    issued_january(house, A)
    run = corrected(house, "-80")
    (adjustment,) = run.adjustments()
    assert (came_back(run), adjustment.paid, adjustment.total) == ({"a": "60.00"}, ["-60.00"], "-20.00")


def test_r44_a_fall_returns_credits_even_if_what_is_left_could_hold_them(house: House) -> None:
    issued_january(house, A)
    run = corrected(house, "-30")
    assert (came_back(run), run.adjustments()[0].total) == ({"a": "30.00"}, "0.00")


def test_r44_what_would_return_to_a_lapsed_grant_is_money_back(house: House) -> None:
    """b lapses on 9 February: its 40 are money, and a's 10 still come back."""
    late = {**B, "expires_at": "2026-02-09"}
    first = {**A, "expires_at": "2026-02-08T00:00:00Z"}
    issued_january(house, first, {"id": "c", "amount": "60"}, late)
    # drawn in the order a 60, b 40
    run = corrected(house, "-50", as_of="2026-02-08T12:00")
    (adjustment,) = run.adjustments()
    assert (came_back(run), adjustment.total) == ({"b": "40.00"}, "-10.00")
    run = house.run("2026-02-09")
    assert (came_back(run), run.adjustments()[0].total) == ({}, "-50.00")


def test_r44_fees_taken_back_are_money(house: House) -> None:
    issued_january(house, A, plan={"base_fee": "50"})
    house.open(books(per_unit("1"), grants=[A], plan={"base_fee": "20"}))
    run = house.run("2026-02-10")
    assert (came_back(run), run.adjustments()[0].total) == ({}, "-30.00")


def test_r32_what_comes_back_is_entered_before_what_a_later_document_draws_whatever_others_return(house: House) -> None:
    """The grant is empty, gets 40 back on January's adjustment and pays 30 of February; three other contracts get credits back."""
    names = ["other1", "other2", "other3", "zeta"]
    grants = [{**A, "id": f"a-{name}", "contract": name} for name in names]
    house.open(books(per_unit("1"), contracts=[{"id": name} for name in names], grants=grants))
    for name in names:
        house.use("2026-01-10", "100", contract=name)
    house.run(JANUARY_ISSUED)
    for name in names:
        house.use("2026-01-10", "-40", contract=name)
    house.use("2026-02-10", "30", contract="zeta")
    run = house.run("2026-02-10")
    entries = [(one.type, one.amount, one.balance_after) for one in run.entries("a-zeta") if one.status == "draft"]
    assert entries == [("reversal", "40.00", "40.00"), ("usage", "-30.00", "10.00")]


def test_r44_what_came_back_can_be_drawn_by_later_periods(house: House) -> None:
    issued_january(house, A)
    house.use("2026-02-10", "50")
    run = corrected(house, "-70", FEBRUARY_ISSUED)
    assert run.moves("a") == [("grant", "60.00"), ("usage", "-60.00"), ("reversal", "60.00"), ("usage", "-50.00")]
    assert run.bill("2026-02-01").total == "0.00"
    assert run.balance("a") == "10.00"


def test_r44_what_came_back_comes_back_once(house: House) -> None:
    issued_january(house, A)
    corrected(house, "-30", FEBRUARY_ISSUED)
    run = corrected(house, "-50", "2026-03-10")
    # 30 of the 60 are back already
    assert [entry.amount for entry in run.entries("a") if entry.type == "reversal"] == ["30.00", "30.00"]
    assert run.adjustments()[-1].total == "-20.00"


def test_r44_units_come_back_with_the_money(house: House) -> None:
    issued_january(house, {"id": "g", "credits": "1562.5", "credit_rate": "0.32"})
    run = corrected(house, "-50")
    assert [(entry.type, entry.amount, entry.credits, entry.balance_after) for entry in run.entries("g")] == [
        ("grant", "500.00", "1562.5", "500.00"),
        ("usage", "-100.00", "-312.5", "400.00"),
        ("reversal", "50.00", "156.25", "450.00"),
    ]


# --- positive differences -------------------------------------------------------------------------------------------------------


def test_r44_positive_differences_draw_on_what_grants_still_hold(house: House) -> None:
    issued_january(house, A, B)
    run = corrected(house, "30")
    # 20 are left in b
    assert (run.adjustments()[0].paid, run.adjustments()[0].total) == (["20.00"], "10.00")


def test_r44_a_grant_pays_the_windows_that_grew_while_it_was_in_force(house: House) -> None:
    g = {"id": "g", "amount": "500", "effective_at": "2026-01-16"}
    issued_january(house, g)
    assert corrected(house, "10", at="2026-01-12").adjustments()[0].paid == ["0.00"]
    run = corrected(house, "7", "2026-02-11", at="2026-01-20")
    assert (run.adjustments()[0].amounts, run.adjustments()[0].paid) == (["17.00"], ["7.00"])


def test_r44_an_issued_share_counts_to_the_window_that_now_contains_its_start(house: House) -> None:
    """January was one window: 100 at its start. A grant from the 16th parts it; 40 of the 100 were used after it, and 20 more now:
    the second window grew by 60, but the line by 20, and no more is drawn."""
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "60")
    house.use("2026-01-20", "40")
    house.run(JANUARY_ISSUED)
    house.open(books(per_unit("1"), grants=[{"id": "g", "amount": "500", "effective_at": "2026-01-16"}]))
    run = corrected(house, "20", at="2026-01-21")
    assert (run.adjustments()[0].amounts, run.adjustments()[0].paid) == (["20.00"], ["20.00"])
    assert run.shares(run.adjustments()[0]) == {"2026-01-01": "-40.00", "2026-01-16": "60.00"}


def test_r44_an_adjustment_draws_before_invoices_of_later_periods(house: House) -> None:
    issued_january(house, {"id": "g", "amount": "140"})
    house.use("2026-02-10", "30")
    run = corrected(house, "25", FEBRUARY_ISSUED)
    assert run.adjustments()[0].paid == ["25.00"]
    assert run.bill("2026-02-01").paid == ["15.00"]


def test_r44_an_adjustment_draws_before_the_rest_of_its_grant_expires(house: House) -> None:
    """The grant ends on 15 February, so its rest lapses when February is issued; the adjustment issued with it comes first."""
    issued_january(house, {"id": "g", "amount": "140", "expires_at": "2026-02-15"})
    run = corrected(house, "30", FEBRUARY_ISSUED)
    assert run.moves("g") == [("grant", "140.00"), ("usage", "-100.00"), ("usage", "-30.00"), ("expiration", "-10.00")]


def test_r44_a_maximum_that_grew_is_paid_by_the_grant_in_force_at_the_periods_end(house: House) -> None:
    grants = [
        {"id": "g", "amount": "500", "effective_at": "2026-01-16"},
        {"id": "h", "amount": "500", "expires_at": "2026-01-16"},
    ]
    house.open(books(per_unit("1"), meters=[meter(aggregation="max")], grants=grants))
    house.use("2026-01-10", "50")
    house.run(JANUARY_ISSUED)
    run = corrected(house, "20")
    assert (run.bill().paid, run.adjustments()[0].paid) == (["50.00"], ["20.00"])
    assert [kind for kind, _ in run.moves("h")] == ["grant", "expiration"]


def test_r44_drafts_of_adjustments_draw_before_drafts_of_periods_and_post_nothing(house: House) -> None:
    issued_january(house, {"id": "g", "amount": "140"})
    house.use("2026-02-10", "30")
    run = corrected(house, "25")
    assert run.moves("g", "posted") == [("grant", "140.00"), ("usage", "-100.00")]
    assert run.moves("g", "draft") == [("usage", "-25.00"), ("usage", "-15.00")]


def test_r44_an_adjustment_gives_back_before_it_draws(house: House) -> None:
    """An override from the 16th that comes late: 20 of the old line come back, and pay half of the new line's 40."""
    house.open(books(per_unit("1"), grants=[{"id": "g", "amount": "30"}]))
    house.use("2026-01-10", "10")
    house.use("2026-01-20", "20")
    house.run(JANUARY_ISSUED)
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-16"}
    house.open(books(per_unit("1"), grants=[{"id": "g", "amount": "30"}], contract={"rate_overrides": [override]}))
    run = house.run("2026-02-10")
    (adjustment,) = run.adjustments()
    assert sorted((line.amount, line.credits_applied) for line in adjustment.lines) == [
        ("-20.00", "-20.00"),
        ("40.00", "20.00"),
    ]
    assert (adjustment.total, run.balance("g")) == ("20.00", "0.00")


def test_r44_returns_of_an_earlier_period_pay_for_a_later_adjustment_but_not_the_other_way_round(house: House) -> None:
    house.open(books(per_unit("1"), grants=[{"id": "g", "amount": "100"}]))
    house.use("2026-01-10", "50")
    house.use("2026-02-10", "50")
    house.run(FEBRUARY_ISSUED)
    house.use("2026-01-10", "30")
    house.use("2026-02-10", "-30")
    run = house.run("2026-03-10")
    # January's 30 find nothing: February gives its 30 back after them
    assert [(bill.amounts, bill.paid) for bill in run.adjustments()] == [(["30.00"], ["0.00"]), (["-30.00"], ["-30.00"])]
    assert run.balance("g") == "30.00"


def test_r44_a_contract_ended_early_gives_credits_back(house: House) -> None:
    issued_january(house, A)
    house.open(books(per_unit("1"), grants=[A], contract={"end_date": "2026-01-06"}))
    run = house.run("2026-02-10")
    assert (came_back(run), run.adjustments()[0].total) == ({"a": "60.00"}, "-40.00")


def test_r44_a_period_that_is_gone_gives_its_credits_back(house: House) -> None:
    """February was issued; now the contract ends before it. Nothing follows, so it is issued when February closes, on 30 May."""
    grant = {"id": "g", "amount": "100"}
    house.open(books(per_unit("1"), grants=[grant]))
    house.use("2026-02-05", "40")
    house.run(FEBRUARY_ISSUED)
    house.open(books(per_unit("1"), grants=[grant], contract={"end_date": "2026-02-01"}))
    run = house.run("2026-05-29")
    assert (run.adjustments()[0].header.status, came_back(run)) == ("draft", {"g": "40.00"})
    run = house.run("2026-05-30")
    assert (run.adjustments()[0].header.status, run.adjustments()[0].total, run.balance("g")) == ("issued", "0.00", "100.00")


def test_r43_a_pending_correction_of_a_closed_period_still_gives_credits_back(house: House) -> None:
    # 60 of 100 were credits; of the 70 that come back 10 are money
    issued_january(house, A, contract={"end_date": "2026-02-01"})
    corrected(house, "-70", "2026-03-10")
    (adjustment,) = (run := house.run("2026-05-02")).adjustments()
    assert (adjustment.header.status, adjustment.paid, adjustment.total) == ("issued", ["-60.00"], "-10.00")
    assert run.moves("a", "posted") == [("grant", "60.00"), ("usage", "-60.00"), ("reversal", "60.00")]
