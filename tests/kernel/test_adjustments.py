"""Issued periods rated again: what goes on adjustments (R-42), when they are issued (R-43), closed periods (R-45)."""

from __future__ import annotations

from tests.kernel.house import Bill, House, Run, Said, books, card, carded, flat, meter, per_unit, priced, tiers

JANUARY_ISSUED, FEBRUARY_ISSUED, MARCH_ISSUED = "2026-02-04", "2026-03-04", "2026-04-04"


def issued_january(house: House, said: Said, *uses: tuple[str, str]) -> Run:
    house.open(said)
    for at, quantity in uses:
        house.use(at, quantity)
    return house.run(JANUARY_ISSUED)


def differences(bill: Bill) -> list[tuple[str, str, str]]:
    return [(line.kind, line.quantity, line.amount) for line in bill.lines]


# --- what differs ---------------------------------------------------------------------------------------------------------


def test_r42_late_usage_goes_on_an_adjustment_of_its_period(house: House) -> None:
    issued = issued_january(house, books(per_unit("2")), ("2026-01-10", "10")).bill()
    house.use("2026-01-12", "5")
    run = house.run("2026-02-10")
    (adjustment,) = run.adjustments()
    header = adjustment.header
    assert (header.adjusts_invoice_id, header.period_start, header.period_end) == (
        issued.header.invoice_id,
        "2026-01-01",
        "2026-02-01",
    )
    assert (header.status, header.number, header.total) == ("draft", None, "10.00")
    (line,) = adjustment.lines
    assert (line.kind, line.quantity, line.amount, line.exact_amount, line.event_count) == ("usage", "5", "10.00", "10", 1)
    assert (line.description, line.unit_rate, line.rate_source, line.price_from) == ("Units", "2", "pricing", "2026-01-01")
    assert run.bill().amounts == ["20.00"], "what is issued stays"


def test_r42_where_nothing_differs_there_is_no_adjustment(house: House) -> None:
    issued_january(house, books(per_unit("1")), ("2026-01-10", "10"))
    assert house.run("2026-02-10").adjustments() == []


def test_r42_a_line_differs_when_its_amount_does(house: House) -> None:
    # 1.000 and 1.004 are both 1.00
    issued_january(house, books(per_unit("0.004")), ("2026-01-10", "250"))
    house.use("2026-01-12", "1")
    assert house.run("2026-02-10").adjustments() == []
    house.use("2026-01-12", "1")
    # 252 × 0.004 = 1.008: the cent that 252 cost more than 250, with the quantity that came since
    assert differences(house.run("2026-02-11").adjustments()[0]) == [("usage", "2", "0.01")]


def test_r42_usage_taken_back_is_negative(house: House) -> None:
    issued_january(house, books(per_unit("2")), ("2026-01-10", "10"))
    house.use("2026-01-12", "-4")
    (adjustment,) = house.run("2026-02-10").adjustments()
    assert (differences(adjustment), adjustment.total) == ([("usage", "-4", "-8.00")], "-8.00")


def test_r42_a_combination_that_is_new_or_gone_is_a_line(house: House) -> None:
    house.open(books(per_unit("1"), meters=[meter("k")]))
    house.use("2026-01-10", "10", "a")
    house.run(JANUARY_ISSUED)
    house.uses.clear()
    house.use("2026-01-10", "7", "b")
    (adjustment,) = house.run("2026-02-10").adjustments()
    assert {line.description: (line.quantity, line.amount) for line in adjustment.lines} == {
        "Units - A": ("-10", "-10.00"),
        "Units - B": ("7", "7.00"),
    }


def test_r42_a_corrected_card_corrects_the_past(house: House) -> None:
    def at_rate(rate: str) -> Said:
        return books(carded("9"), meters=[meter("k")], cards=[card(({"k": "a"}, rate))])

    house.open(at_rate("2"))
    house.use("2026-01-10", "10", "a")
    house.run(JANUARY_ISSUED)
    house.open(at_rate("3"))
    (line,) = house.run("2026-02-10").adjustments()[0].lines
    assert (line.quantity, line.amount, line.unit_rate, line.rate_source) == ("0", "10.00", "3", "rate_card")


def test_r42_lines_are_matched_by_where_their_price_begins(house: House) -> None:
    """An override from the 16th that comes late: the old line shrinks by 20, a new one of 40 begins."""
    uses = [("2026-01-10", "10"), ("2026-01-20", "20")]
    issued_january(house, books(per_unit("1")), *uses)
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-16"}
    house.open(books(per_unit("1"), contract={"rate_overrides": [override]}))
    (adjustment,) = house.run("2026-02-10").adjustments()
    found = [(line.price_from, line.quantity, line.amount) for line in adjustment.lines]
    assert sorted(found) == [("2026-01-01", "-20", "-20.00"), ("2026-01-16", "20", "40.00")]
    assert adjustment.total == "20.00"


def test_r42_a_version_that_comes_late_parts_the_line_it_priced(house: House) -> None:
    """A version of the card from the 16th, added after January was issued."""

    def versions(*dated: tuple[str, str]) -> Said:
        said = card(versions=[{"effective_from": day, "entries": priced(({"k": "a"}, rate))} for day, rate in dated])
        del said["entries"]
        return books(carded("9"), meters=[meter("k")], cards=[said])

    house.open(versions(("2026-01-01", "2")))
    house.use("2026-01-10", "10", "a")
    house.use("2026-01-20", "10", "a")
    house.run(JANUARY_ISSUED)
    house.open(versions(("2026-01-01", "2"), ("2026-01-16", "1.5")))
    (adjustment,) = house.run("2026-02-10").adjustments()
    found = [(line.price_from, line.unit_rate, line.amount) for line in adjustment.lines]
    assert sorted(found) == [("2026-01-01", "2", "-20.00"), ("2026-01-16", "1.5", "15.00")]


def test_r42_late_usage_climbs_the_ladder_of_its_period(house: House) -> None:
    # 100 × 1 + 30 × 0.50 less the 80 that are issued
    issued_january(house, books({"model": "graduated", "tiers": tiers(("100", "1"), (None, "0.50"))}), ("2026-01-10", "80"))
    house.use("2026-01-05", "50")
    assert differences(house.run("2026-02-10").adjustments()[0]) == [("usage", "50", "35.00")]


def test_r42_fees_are_rated_again(house: House) -> None:
    issued_january(house, books(flat("20"), plan={"base_fee": "50"}))
    house.open(books(flat("25"), plan={"base_fee": "40"}))
    (adjustment,) = house.run("2026-02-10").adjustments()
    assert [(line.kind, line.amount) for line in adjustment.lines] == [("base_fee", "-10.00"), ("flat", "5.00")]
    assert adjustment.total == "-5.00"


def test_r42_a_minimum_gives_way_to_late_usage(house: House) -> None:
    said = books(per_unit("1"), contract={"minimum_spend": "100"})
    assert issued_january(house, said, ("2026-01-10", "60")).bill().amounts == ["60.00", "40.00"]
    house.use("2026-01-12", "25")
    (adjustment,) = house.run("2026-02-10").adjustments()
    assert [(line.kind, line.amount) for line in adjustment.lines] == [("usage", "25.00"), ("minimum_commitment", "-25.00")]
    assert adjustment.total == "0.00"
    house.use("2026-01-12", "35")
    (adjustment,) = house.run("2026-02-11").adjustments()
    assert [line.amount for line in adjustment.lines] == ["60.00", "-40.00"]


def test_r42_an_adjustment_of_an_adjustment(house: House) -> None:
    """Differences are from the sum already issued for a line."""
    issued = issued_january(house, books(per_unit("1")), ("2026-01-10", "10")).bill()
    house.use("2026-01-12", "5")
    house.run(FEBRUARY_ISSUED)
    assert len(house.run("2026-03-05").adjustments()) == 1
    house.use("2026-01-13", "3")
    run = house.run("2026-03-06")
    assert [(bill.header.status, bill.amounts) for bill in run.adjustments()] == [("issued", ["5.00"]), ("draft", ["3.00"])]
    assert {bill.header.adjusts_invoice_id for bill in run.adjustments()} == {issued.header.invoice_id}
    house.uses.pop()
    house.uses.pop()
    run = house.run(MARCH_ISSUED)
    assert [(bill.header.status, bill.amounts) for bill in run.adjustments()] == [("issued", ["5.00"]), ("issued", ["-5.00"])]
    assert house.run("2026-04-05").made.invoices.filter(kind="adjustment").height == 0


def test_r42_one_adjustment_for_each_period_that_differs(house: House) -> None:
    house.open(books(per_unit("1")))
    house.run(FEBRUARY_ISSUED)
    house.use("2026-01-10", "1")
    house.use("2026-02-10", "2")
    run = house.run("2026-03-10")
    assert [(bill.header.period_start, bill.amounts) for bill in run.adjustments()] == [
        ("2026-01-01", ["1.00"]),
        ("2026-02-01", ["2.00"]),
    ]


def test_r42_initial_invoices_are_not_rated_again(house: House) -> None:
    house.open(books({"model": "one_time", "amount": "250"}))
    house.run("2026-01-02")
    house.open(books({"model": "one_time", "amount": "100"}))
    run = house.run(JANUARY_ISSUED)
    assert ([bill.amounts for bill in run.bills(kind="initial")], run.adjustments()) == ([["250.00"]], [])


# --- contracts that become shorter or longer -------------------------------------------------------------------------------


def test_r42_a_contract_ended_early_inside_an_issued_period(house: House) -> None:
    """It ends on the 11th: 10 of 31 days of the fee remain, and the usage after comes back."""
    issued_january(house, books(per_unit("1"), plan={"base_fee": "31"}), ("2026-01-05", "5"), ("2026-01-20", "7"))
    house.open(books(per_unit("1"), plan={"base_fee": "31"}, contract={"end_date": "2026-01-11"}))
    run = house.run("2026-02-05")
    (adjustment,) = run.adjustments()
    assert differences(adjustment) == [("usage", "-7", "-7.00"), ("base_fee", "0", "-21.00")]
    assert adjustment.header.period_end == "2026-02-01"
    assert [bill.header.period_start for bill in run.bills(kind="period")] == ["2026-01-01"], "February is no more"


def test_r42_where_no_period_begins_any_more_everything_comes_back(house: House) -> None:
    house.open(books(per_unit("1"), plan={"base_fee": "31"}))
    house.use("2026-02-05", "5")
    house.run(FEBRUARY_ISSUED)
    house.open(books(per_unit("1"), plan={"base_fee": "31"}, contract={"end_date": "2026-02-01"}))
    (adjustment,) = house.run("2026-03-05").adjustments()
    assert adjustment.header.period_start == "2026-02-01"
    assert [(line.kind, line.amount) for line in adjustment.lines] == [("usage", "-5.00"), ("base_fee", "-31.00")]
    assert adjustment.total == "-36.00"


def test_r42_a_prolonged_contract_goes_on_at_the_end_of_its_issued_short_period(house: House) -> None:
    """Ten days of January are issued; the other 21 of 31 are a new period."""
    said = books(per_unit("1"), plan={"base_fee": "31"}, contract={"end_date": "2026-01-11"})
    house.open(said)
    house.use("2026-01-05", "5")
    house.use("2026-01-15", "7")
    assert house.run("2026-01-14").bill().amounts == ["5.00", "10.00"]
    house.open(books(per_unit("1"), plan={"base_fee": "31"}))
    run = house.run(JANUARY_ISSUED)
    found = [(bill.header.period_start, bill.header.period_end, bill.amounts) for bill in run.bills(kind="period")]
    assert found[:2] == [
        ("2026-01-01", "2026-01-11", ["5.00", "10.00"]),
        ("2026-01-11", "2026-02-01", ["7.00", "21.00"]),
    ]
    assert run.adjustments() == []


def test_r42_the_short_period_of_a_prolonged_contract_takes_its_own_late_usage(house: House) -> None:
    house.open(books(per_unit("1"), contract={"end_date": "2026-01-11"}))
    house.use("2026-01-05", "5")
    house.run("2026-01-14")
    house.open(books(per_unit("1")))
    house.use("2026-01-10T23:59:59", "3")
    house.use("2026-01-11", "7")
    run = house.run(JANUARY_ISSUED)
    assert [(bill.header.period_start, bill.amounts) for bill in run.adjustments()] == [("2026-01-01", ["3.00"])]
    assert run.bill("2026-01-11").amounts == ["7.00"]


def test_r42_an_end_that_is_taken_back_before_it_is_issued_leaves_nothing_behind(house: House) -> None:
    said = books(per_unit("1"), plan={"base_fee": "31"})
    issued_january(house, said, ("2026-01-20", "7"))
    house.open(books(per_unit("1"), plan={"base_fee": "31"}, contract={"end_date": "2026-01-11"}))
    assert house.run("2026-02-05").adjustments()[0].amounts == ["-7.00", "-21.00"]
    house.open(said)
    run = house.run("2026-02-06")
    assert run.adjustments() == []
    assert [bill.header.period_start for bill in run.bills(kind="period")] == ["2026-01-01", "2026-02-01"]


# --- when adjustments are issued ------------------------------------------------------------------------------------------


def test_r43_an_adjustment_is_issued_with_the_next_period_invoice(house: House) -> None:
    issued_january(house, books(per_unit("1")), ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    for as_of in ("2026-02-10", "2026-03-03"):
        (adjustment,) = house.run(as_of).adjustments()
        assert adjustment.header.status == "draft"
    run = house.run(FEBRUARY_ISSUED)
    (issued,) = run.adjustments()
    # its period ends before that of February
    assert (issued.header.number, run.bill("2026-02-01").header.number) == ("INV-000002", "INV-000003")
    assert issued.header.invoice_id == adjustment.header.invoice_id
    assert issued.header.issued_at == "2026-03-04"


def test_r43_a_draft_that_no_longer_differs_goes_away(house: House) -> None:
    issued_january(house, books(per_unit("1")), ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    assert len(house.run("2026-02-10").adjustments()) == 1
    house.uses.pop()
    assert house.run(FEBRUARY_ISSUED).adjustments() == []


def test_r43_another_contracts_invoice_issues_no_adjustment(house: House) -> None:
    contracts: list[Said] = [{"id": "acme"}, {"id": "other", "start_date": "2026-01-15"}]
    house.open(books(per_unit("1"), contracts=contracts))
    house.run(JANUARY_ISSUED)
    house.use("2026-01-12", "5")
    run = house.run("2026-02-18")
    assert run.bill(contract="other").header.status == "issued"
    assert run.adjustments()[0].header.status == "draft"


def test_r43_without_a_next_invoice_it_is_issued_when_the_period_closes_with_its_last_figures(house: House) -> None:
    issued_january(house, books(per_unit("1"), contract={"end_date": "2026-02-01"}), ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    (draft,) = house.run("2026-05-01").adjustments()
    assert (draft.header.status, draft.amounts) == ("draft", ["5.00"])
    house.use("2026-01-13", "100")  # too late: 1 February and 90 days is 2 May
    run = house.run("2026-05-02")
    (issued,) = run.adjustments()
    assert (issued.header.status, issued.header.number, issued.header.invoice_id) == (
        "issued",
        "INV-000002",
        draft.header.invoice_id,
    )
    assert [vars(line) for line in issued.lines] == [vars(line) for line in draft.lines]
    assert house.run("2026-05-03").made.invoices.height == 0


def test_r43_a_pending_adjustment_of_a_closed_period_waits_for_the_next_invoice(house: House) -> None:
    """A year's contract by the quarter: the first quarter closes in June, the second is issued in July."""
    said = books(per_unit("1"), plan={"billing_frequency": "quarterly"}, settings={"rerate_days": 30})
    house.open(said)
    house.use("2026-01-10", "10")
    house.run("2026-04-04")
    house.use("2026-01-12", "5")
    assert house.run("2026-04-30").adjustments()[0].amounts == ["5.00"]
    house.use("2026-01-12", "50")
    for as_of in ("2026-05-01", "2026-06-15"):
        (adjustment,) = house.run(as_of).adjustments()
        assert (adjustment.header.status, adjustment.amounts) == ("draft", ["5.00"])
    (adjustment,) = house.run("2026-07-04").adjustments()
    assert (adjustment.header.status, adjustment.amounts) == ("issued", ["5.00"])


def test_r43_a_pending_adjustment_makes_its_draws_when_it_is_issued(house: House) -> None:
    said = books(per_unit("1"), contract={"end_date": "2026-02-01"}, grants=[{"id": "g", "amount": "12"}])
    issued_january(house, said, ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    run = house.run("2026-05-01")
    assert (run.moves("g", "posted"), run.moves("g", "draft")) == (
        [("grant", "12.00"), ("usage", "-10.00")],
        [("usage", "-2.00")],
    )
    run = house.run("2026-05-02")
    assert (run.adjustments()[0].paid, run.adjustments()[0].total) == (["2.00"], "3.00")
    assert run.moves("g", "posted") == [("grant", "12.00"), ("usage", "-10.00"), ("usage", "-2.00")]


def test_r43_without_issuing_an_adjustment_stays_a_draft(house: House) -> None:
    issued_january(house, books(per_unit("1")), ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    assert house.run(FEBRUARY_ISSUED, issue=False).adjustments()[0].header.status == "draft"
    assert house.run(FEBRUARY_ISSUED).adjustments()[0].header.status == "issued"


# --- closed periods -------------------------------------------------------------------------------------------------------


def test_r45_a_period_is_closed_when_its_rerate_days_are_over(house: House) -> None:
    issued_january(house, books(per_unit("1"), settings={"rerate_days": 10}, contract={"timezone": "America/New_York"}))
    house.run("2026-02-05")
    house.use("2026-01-12", "5")
    # 1 February and ten days: local midnight of the 11th
    assert len(house.run("2026-02-11T04:59:59").adjustments()) == 1
    house.drafts = None
    assert house.run("2026-02-11T05:00").adjustments() == []


def test_r45_books_that_change_later_leave_a_closed_period_alone(house: House) -> None:
    issued_january(house, books(per_unit("1"), settings={"rerate_days": 10}), ("2026-01-10", "10"))
    house.run("2026-02-11")
    house.open(books(per_unit("7"), plan={"base_fee": "9"}, settings={"rerate_days": 10}))
    assert house.run("2026-02-12").adjustments() == []


def test_r45_without_rerate_days_an_issued_period_is_never_rated_again(house: House) -> None:
    issued_january(house, books(per_unit("1"), settings={"rerate_days": 0}), ("2026-01-10", "10"))
    house.use("2026-01-12", "5")
    assert house.run("2026-02-05").adjustments() == []


def test_r45_a_period_issued_for_the_first_time_takes_all_its_usage_however_old(house: House) -> None:
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "10")
    assert house.run("2027-01-10").bill().amounts == ["10.00"]
