"""Documents: kinds, status and numbers (R-36, R-37), lines and their names (R-38, R-39), totals (R-40), the same again (R-4)."""

from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from rating.documents import Documents
from rating.rate import Months, rate
from tests.kernel.house import House, Said, books, card, carded, flat, instant, meter, per_unit, vars_of

ONE_TIME = {"model": "one_time", "amount": "250", "name": "Setup"}

# --- status, numbers, dates -----------------------------------------------------------------------------------------


def test_r36_a_period_without_anything_is_still_a_document(house: House) -> None:
    house.open(books(per_unit("1")))
    bill = house.run("2026-02-04").bill()
    assert (bill.lines, bill.total, bill.header.status, bill.header.number) == ([], "0.00", "issued", "INV-000001")


def test_r37_a_period_is_issued_when_its_grace_days_are_over(house: House) -> None:
    contracts: list[Said] = [
        {"id": "utc"},
        {"id": "new_york", "timezone": "America/New_York"},
        {"id": "tokyo", "timezone": "Asia/Tokyo"},
        {"id": "short", "end_date": "2026-01-20"},
    ]
    house.open(books(per_unit("1"), contracts=contracts))

    def issued(as_of: str) -> set[str]:
        run = house.run(as_of)
        return {said["id"] for said in contracts if run.bill(contract=said["id"]).header.status == "issued"}

    assert issued("2026-01-22T23:59:59.999999") == set()
    assert issued("2026-01-23") == {"short"}
    assert issued("2026-02-03T14:59:59.999999") == {"short"}
    assert issued("2026-02-03T15:00") == {"short", "tokyo"}
    assert issued("2026-02-03T23:59:59.999999") == {"short", "tokyo"}
    assert issued("2026-02-04") == {"short", "tokyo", "utc"}
    assert issued("2026-02-04T05:00") == {"short", "tokyo", "utc", "new_york"}


def test_books_without_contracts_or_before_their_start_make_no_documents(house: House) -> None:
    nobody = books(per_unit("1"))
    house.open({**nobody, "contracts": [], "customers": []})
    assert house.run("2026-03-01").known.invoices.height == 0
    house.open(books(per_unit("1"), ONE_TIME, grants=[{"id": "g", "kind": "prepaid", "amount": "10"}]))
    run = house.run("2025-12-31T23:59:59.999999")
    assert (run.bills(), run.entries()) == ([], [])


def test_r37_without_grace_days_a_period_is_issued_at_its_end(house: House) -> None:
    house.open(books(per_unit("1"), settings={"grace_days": 0}))
    assert house.run("2026-01-31T23:59:59").bill().header.status == "draft"
    assert house.run("2026-02-01").bill().header.status == "issued"


def test_r37_grace_days_are_calendar_days_over_a_clock_change(house: House) -> None:
    """New York: the period ends on 6 March 05:00 UTC; three calendar days on it is the 9th, and that begins at 04:00 UTC."""
    house.open(books(per_unit("1"), contract={"start_date": "2026-02-06", "timezone": "America/New_York"}))
    assert house.run("2026-03-09T03:59").bill().header.status == "draft"
    assert house.run("2026-03-09T04:00").bill().header.status == "issued"


def test_r37_a_draft_has_neither_number_nor_date(house: House) -> None:
    house.open(books(per_unit("1"), plan={"net_terms": 30}))
    header = house.run("2026-01-20").bill().header
    assert (header.status, header.number, header.issued_at, header.due_date) == ("draft", None, None, None)


def test_r37_the_id_is_the_same_from_draft_to_issue(house: House) -> None:
    house.open(books(per_unit("1"), ONE_TIME))
    house.use("2026-01-10", "1")
    drafts = house.run("2026-02-04", issue=False)
    issued = house.run("2026-02-04")
    assert [bill.header.invoice_id for bill in drafts.bills()] == [bill.header.invoice_id for bill in issued.bills()]
    assert len({bill.header.invoice_id for bill in issued.bills()}) == 3


def test_r37_numbers_go_by_period_end_contract_and_kind_without_a_gap(house: House) -> None:
    contracts: list[Said] = [
        {"id": "b"},
        {"id": "a", "start_date": "2026-02-01"},
        {"id": "c", "start_date": "2026-01-15", "billing_anchor": 1, "end_date": "2026-01-20"},
    ]
    house.open(books(ONE_TIME, contracts=contracts))

    def numbers(as_of: str) -> dict[str, tuple[str, str, str]]:
        headers = [bill.header for contract in "abc" for bill in house.run(as_of).bills(contract)]
        return {header.number: (header.contract_id, header.kind, header.period_end) for header in headers if header.number}

    # in one run: by period end, then contract, then kind
    first = {
        "INV-000001": ("b", "initial", "2026-01-01"),
        "INV-000002": ("c", "initial", "2026-01-15"),
        "INV-000003": ("c", "period", "2026-01-20"),
        "INV-000004": ("a", "initial", "2026-02-01"),
        "INV-000005": ("b", "period", "2026-02-01"),
    }
    assert numbers("2026-02-04") == first
    assert numbers("2026-03-04") == {
        **first,
        "INV-000006": ("a", "period", "2026-03-01"),
        "INV-000007": ("b", "period", "2026-03-01"),
    }


def test_r37_at_one_instant_the_contract_comes_before_the_kind(house: House) -> None:
    """Two contracts of weeks: one begins as the other's week ends; and the initial invoice of a contract comes before its period."""
    contracts: list[Said] = [{"id": "a"}, {"id": "b", "start_date": "2026-01-08"}]
    house.open(books(ONE_TIME, contracts=contracts, plan={"billing_frequency": "weekly"}))
    run = house.run("2026-01-18")
    numbered = sorted(
        (bill.header.number, bill.header.contract_id, bill.header.kind)
        for c in "ab"
        for bill in run.bills(c)
        if bill.header.number
    )
    assert [(contract, kind) for _, contract, kind in numbered] == [
        ("a", "initial"),  # 1 January
        ("a", "period"),  # 8 January
        ("b", "initial"),
        ("a", "period"),  # 15 January
        ("b", "period"),
    ]


def test_r37_an_issued_document_never_changes_again(house: House) -> None:
    house.open(books(per_unit("1"), contract={"minimum_spend": "10"}))
    house.use("2026-01-10", "5")
    before = house.run("2026-02-04").bill()
    house.use("2026-01-10", "5")
    house.open(books(per_unit("7", name="Other"), plan={"base_fee": "99", "net_terms": 90}))
    after = house.run("2026-02-05").bill()
    assert (after.header, after.lines) == (before.header, before.lines)


def test_r37_due_is_the_local_day_of_issue_and_the_net_terms_of_the_periods_end(house: House) -> None:
    contracts: list[Said] = [
        {"id": "30 days of the plan"},
        {"id": "own", "net_terms": 0},
        {"id": "amended inside", "amendments": [{"effective_date": "2026-01-15", "net_terms": 10}]},
        {"id": "amended after", "amendments": [{"effective_date": "2026-02-02", "net_terms": 10}]},
        {"id": "still the 4th", "timezone": "America/New_York"},
        {"id": "already the 5th", "timezone": "Asia/Tokyo"},
    ]
    house.open(books(per_unit("1"), contracts=contracts, plan={"net_terms": 30}))
    run = house.run("2026-02-04T16:00")
    assert {said["id"]: run.bill(contract=said["id"]).header.due_date for said in contracts} == {
        "30 days of the plan": "2026-03-06",
        "own": "2026-02-04",
        "amended inside": "2026-02-14",
        "amended after": "2026-03-06",
        "still the 4th": "2026-03-06",
        "already the 5th": "2026-03-07",
    }


def test_r37_due_counts_from_the_local_day_of_issue_however_late_that_is(house: House) -> None:
    contract = {"timezone": "America/New_York", "net_terms": 10}
    house.open(books(per_unit("1"), contract=contract))
    # 23:59 of the 19th in New York
    assert house.run("2026-02-20T04:59").bill().header.due_date == "2026-03-01"


def test_r37_an_initial_invoice_is_due_by_the_terms_of_its_day(house: House) -> None:
    amendment = {"effective_date": "2026-01-02", "net_terms": 10}
    house.open(books(ONE_TIME, contract={"amendments": [amendment]}, plan={"net_terms": 30}))
    assert house.run("2026-01-05").bill(kind="initial").header.due_date == "2026-02-04"


def test_r36_kinds_periods_and_currency(house: House) -> None:
    house.open(books(ONE_TIME, plan={"currency": "EUR"}))
    found = [
        (bill.header.kind, bill.header.period_start, bill.header.period_end, bill.header.currency)
        for bill in house.run("2026-01-20").bills()
    ]
    assert found == [("initial", "2026-01-01", "2026-01-01", "EUR"), ("period", "2026-01-01", "2026-02-01", "EUR")]


def test_months_choose_which_documents_a_run_makes(house: House) -> None:
    house.open(books(per_unit("1")))
    made = house.run("2026-05-01", months=Months(first="2026-02", last="2026-03")).made
    assert made.invoices["month"].to_list() == ["2026-02", "2026-03"]
    assert made.invoices["number"].to_list() == ["INV-000001", "INV-000002"]


# --- lines ----------------------------------------------------------------------------------------------------------


def test_r38_usage_then_base_fee_then_flat_then_minimum(house: House) -> None:
    said = books(
        flat("3", code="F2"),
        per_unit("1", code="U2"),
        flat("4", code="F1"),
        per_unit("1", code="U1"),
        plan={"base_fee": "2"},
        contract={"minimum_spend": "100"},
    )
    house.open(said)
    house.use("2026-01-10", "5")
    lines = house.run("2026-02-04").bill().lines
    assert [(line.line_no, line.kind, line.pricing_code) for line in lines] == [
        (1, "usage", "U2"),
        (2, "usage", "U1"),
        (3, "base_fee", None),
        (4, "flat", "F2"),
        (5, "flat", "F1"),
        (6, "minimum_commitment", None),
    ]


def test_r38_one_time_charges_then_purchases(house: House) -> None:
    grants = [{"id": "g", "kind": "prepaid", "amount": "100"}]
    house.open(books({**ONE_TIME, "code": "Z"}, {**ONE_TIME, "code": "A"}, grants=grants))
    lines = house.run("2026-01-02").bill(kind="initial").lines
    assert [(line.kind, line.pricing_code) for line in lines] == [
        ("one_time", "Z"),
        ("one_time", "A"),
        ("prepaid_purchase", None),
    ]


def test_r38_combinations_in_order_of_their_values_and_a_price_by_time(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-11"}
    house.open(books(per_unit("1"), meters=[meter("k", "n")], contract={"rate_overrides": [override]}))
    for values in (
        (None, "x"),
        ("b", None),
        ("a", "y"),
        ("a", None),
        ("B", "z"),
        ("", "z"),
        ("é", "z"),
        ("a", "10"),
        ("a", "9"),
    ):
        house.use("2026-01-10", "1", *values)
    house.use("2026-01-12", "1", "a", "10")
    lines = house.run("2026-02-04").bill().lines
    assert [(*line.group_values, line.amount) for line in lines] == [
        ("", "z", "1.00"),
        ("B", "z", "1.00"),
        ("a", "10", "1.00"),
        ("a", "10", "2.00"),
        ("a", "9", "1.00"),
        ("a", "y", "1.00"),
        ("a", None, "1.00"),
        ("b", None, "1.00"),
        ("é", "z", "1.00"),
        (None, "x", "1.00"),
    ]


def test_r38_pricings_of_the_first_plan_come_before_what_later_plans_add(house: House) -> None:
    said = books(
        per_unit("1", code="A"),
        per_unit("1", code="B"),
        per_unit("1", code="C"),
        plan={"pricings": ["B", "C"]},
        plans=[{"code": "scale", "pricings": ["A", "C"]}],
        contract={"amendments": [{"effective_date": "2026-01-11", "plan": "scale"}]},
    )
    house.open(said)
    house.use("2026-01-12", "1")
    house.use("2026-01-05", "1")
    lines = house.run("2026-02-04").bill().lines
    assert [(line.pricing_code, line.quantity) for line in lines] == [("B", "1"), ("C", "2"), ("A", "1")]


def test_a1_the_call_centre_of_the_worked_examples(house: House) -> None:
    """60 × 2.00, 30 × 4.00, 10 × 6.00 and 50 × 2.50 are 425.00."""
    rates = {
        ("US", "resolved"): "2.00",
        ("US", "transferred"): "4.00",
        ("US", "escalated"): "6.00",
        ("EU", "resolved"): "2.50",
    }
    entries = [({"region": region, "call_outcome": outcome}, rate) for (region, outcome), rate in rates.items()]
    calls = meter("region", "call_outcome", name="AI Calls", aggregation="count")
    house.open(books(carded("4.00"), meters=[calls], cards=[card(*entries)]))
    quantities = {("US", "resolved"): "60", ("US", "transferred"): "30", ("US", "escalated"): "10", ("EU", "resolved"): "50"}
    for values, quantity in quantities.items():
        house.use("2026-01-10", quantity, *values, events=int(quantity))
    house.use("2026-01-10", "1", "US", None)
    bill = house.run("2026-02-04").bill()
    assert bill.named() == {
        "AI Calls - EU / Resolved": "125.00",
        "AI Calls - US / Escalated": "60.00",
        "AI Calls - US / Resolved": "120.00",
        "AI Calls - US / Transferred": "120.00",
        "AI Calls - US / (none)": "4.00",
    }
    assert bill.total == "429.00"
    first = bill.lines[0]
    assert (first.event_count, first.dimensions) == (50, '{"region":"EU","call_outcome":"resolved"}')


def test_r39_a_meter_without_group_keys_is_its_name_alone(house: House) -> None:
    house.open(books(per_unit("1")))
    house.use("2026-01-10", "1")
    (line,) = house.run("2026-02-04").bill().lines
    assert (line.description, line.dimensions) == ("Units", "{}")


# --- R-40 and R-4 ---------------------------------------------------------------------------------------------------------------


def test_r40_the_total_is_what_credits_leave(house: House) -> None:
    house.open(books(per_unit("1"), plan={"base_fee": "50"}, grants=[{"id": "g", "amount": "30"}]))
    house.use("2026-01-10", "80")
    header = house.run("2026-02-04").bill().header
    assert (header.subtotal, header.credits_applied, header.total) == ("130.00", "30.00", "100.00")


def test_r40_a_negative_total_is_money_back(house: House) -> None:
    house.open(books(per_unit("1"), flat("-8")))
    house.use("2026-01-10", "3")
    assert house.run("2026-02-04").bill().total == "-5.00"


def busy(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "0.35", "effective_from": "2026-01-11"}
    contracts: list[Said] = [{"id": name, "rate_overrides": [override] if name < "c" else []} for name in "abcd"]
    grants = [
        {"id": f"g_{name}_{n}", "contract": name, "amount": "7", "expires_at": f"2026-01-2{n}"} for name in "abc" for n in "05"
    ]
    house.open(books(per_unit("0.333333"), flat("9"), meters=[meter("k")], contracts=contracts, grants=grants))
    for number in range(60):
        house.use(f"2026-01-{number % 28 + 1:02}", str(number - 7), "xyz"[number % 3], contract="abcd"[number % 4])


def test_r4_the_order_of_usage_and_the_number_of_runs_change_nothing(house: House) -> None:
    busy(house)
    schedule = house.schedule("2026-02-04")
    usage = house.usage(schedule)
    made = [
        rate(house.books, schedule, frame, Documents.none(), instant("2026-02-04"))
        for frame in (usage, usage.reverse(), usage.sample(fraction=1, shuffle=True, seed=3))
    ]
    for other in made[1:]:
        for one, another in zip(vars_of(made[0]), vars_of(other), strict=True):
            assert_frame_equal(one, another)


def test_r4_a_shard_of_contracts_is_rated_as_with_the_others(house: House) -> None:
    busy(house)
    schedule = house.schedule("2026-02-04")
    usage = house.usage(schedule)
    together = rate(house.books, schedule, usage, Documents.none(), instant("2026-02-04"))
    alone = rate(house.books, schedule, usage.filter(pl.col("contract_id") == "b"), Documents.none(), instant("2026-02-04"))
    of_b = together.invoices.filter(pl.col("contract_id") == "b").select("invoice_id")
    lines = together.lines.join(of_b, on="invoice_id", how="semi")
    assert lines.height > 5
    assert_frame_equal(lines, alone.lines.join(of_b, on="invoice_id", how="semi"))
