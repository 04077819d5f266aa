"""Rating windows: where terms change or a grant begins or ends (R-18), and the plans that meters match by (R-12)."""

from __future__ import annotations

from tests.kernel.house import House, Said, books, card, carded, meter, per_unit, priced, rows

JANUARY_TO_MARCH = "2026-03-31"


def windows(house: House, said: Said, as_of: str = "2026-01-31", contract: str = "acme") -> list[str]:
    """Starts of a contract's windows."""
    house.open(said)
    return [row.window_start for row in rows(house.schedule(as_of).windows) if row.contract_id == contract]


def test_r18_a_period_without_changes_is_one_window(house: House) -> None:
    assert windows(house, books(per_unit("1")), "2026-02-28") == ["2026-01-01", "2026-02-01"]


def test_r18_an_amendment_starts_a_window(house: House) -> None:
    contract = {
        "amendments": [{"effective_date": "2026-01-11", "net_terms": 10}, {"effective_date": "2026-02-01", "net_terms": 5}]
    }
    assert windows(house, books(per_unit("1"), contract=contract), "2026-02-28") == ["2026-01-01", "2026-01-11", "2026-02-01"]


def test_r18_an_override_starts_one_where_it_begins_and_where_it_ends(house: House) -> None:
    override = {"pricing": "P1", "unit_amount": "2", "effective_from": "2026-01-11", "effective_to": "2026-01-21"}
    said = books(per_unit("1"), contract={"rate_overrides": [override]})
    assert windows(house, said) == ["2026-01-01", "2026-01-11", "2026-01-21"]


def test_r18_a_grant_starts_one_where_it_becomes_effective_and_where_it_expires(house: House) -> None:
    said = books(
        per_unit("1"), grants=[{"id": "g", "amount": "5", "effective_at": "2026-01-05T06:30:00Z", "expires_at": "2026-01-20"}]
    )
    found = windows(house, said)
    assert found == ["2026-01-01", "2026-01-05T06:30", "2026-01-20"]
    ends = [row.window_end for row in rows(house.schedule("2026-01-31").windows)]
    assert ends == ["2026-01-05T06:30", "2026-01-20", "2026-02-01"]


def test_r18_changes_at_one_instant_start_one_window(house: House) -> None:
    contract = {"amendments": [{"effective_date": "2026-01-11", "net_terms": 10}]}
    grants = [{"id": "g", "amount": "5", "effective_at": "2026-01-11"}, {"id": "h", "amount": "5", "expires_at": "2026-01-11"}]
    assert windows(house, books(per_unit("1"), contract=contract, grants=grants)) == ["2026-01-01", "2026-01-11"]


def test_r18_changes_outside_of_the_period_or_at_its_bounds_start_none(house: House) -> None:
    grants = [{"id": "g", "amount": "5", "effective_at": "2025-12-11", "expires_at": "2026-02-01"}]
    assert windows(house, books(per_unit("1"), contract={"end_date": "2026-02-01"}, grants=grants)) == ["2026-01-01"]


def test_r18_a_version_of_a_card_starts_one_only_where_a_plan_in_force_uses_the_card(house: House) -> None:
    versions = [
        {"effective_from": "2026-01-05", "entries": priced(({"k": "a"}, "1"))},
        {"effective_from": "2026-01-20", "entries": priced(({"k": "a"}, "2"))},
    ]
    versioned = card(versions=versions)
    del versioned["entries"]
    said = books(
        carded("4"),
        per_unit("1"),
        meters=[meter("k")],
        cards=[versioned],
        plan={"pricings": ["P1"]},
        plans=[{"code": "plain", "pricings": ["P2"]}],
        contracts=[
            {"id": "all"},
            {"id": "none", "plan": "plain"},
            {"id": "first", "amendments": [{"effective_date": "2026-01-10", "plan": "plain"}]},
            {"id": "tokyo", "timezone": "Asia/Tokyo"},
        ],
    )
    assert windows(house, said, contract="all") == ["2026-01-01", "2026-01-05", "2026-01-20"]
    assert windows(house, said, contract="none") == ["2026-01-01"]
    assert windows(house, said, contract="first") == ["2026-01-01", "2026-01-05", "2026-01-10"]
    # the version's day begins where the contract's day does
    assert windows(house, said, contract="tokyo")[:3] == ["2025-12-31T15:00", "2026-01-04T15:00", "2026-01-19T15:00"]


def test_r18_grants_of_one_contract_cut_no_other(house: House) -> None:
    said = books(
        per_unit("1"),
        contracts=[{"id": "a"}, {"id": "b"}],
        grants=[{"id": "g", "contract": "a", "amount": "5", "expires_at": "2026-01-20"}],
    )
    assert windows(house, said, contract="a") == ["2026-01-01", "2026-01-20"]
    assert windows(house, said, contract="b") == ["2026-01-01"]


def test_r101_windows_know_the_plan_in_force_and_the_interval_it_is_in_force_over(house: House) -> None:
    contract = {"amendments": [{"effective_date": "2026-01-11", "plan": "scale"}]}
    house.open(books(per_unit("1"), contract=contract, plans=[{"code": "scale", "pricings": ["P1"]}]))
    found = [(row.window_plan_code, row.interval_start, row.interval_end) for row in rows(house.schedule("2026-02-28").windows)]
    assert found == [
        ("pro", "2026-01-01", "2026-01-11"),
        ("scale", "2026-01-11", "2026-02-01"),
        ("scale", "2026-02-01", "2026-03-01"),
    ]


def test_r18_sums_are_priced_window_by_window_and_a_maximum_at_the_price_of_the_periods_start(house: House) -> None:
    override = {"effective_from": "2026-01-11"}
    said = books(
        per_unit("1"),
        per_unit("10", meter="PEAK"),
        meters=[meter(), meter(code="PEAK", name="Peak", aggregation="max")],
        contract={
            "rate_overrides": [
                {"pricing": "P1", "unit_amount": "2", **override},
                {"pricing": "P2", "unit_amount": "20", **override},
            ]
        },
    )
    house.open(said)
    house.use("2026-01-05", "3")
    house.use("2026-01-20", "4")
    house.use("2026-01-20", "5", meter="PEAK")
    bill = house.run("2026-02-04").bill()
    assert [(line.description, line.amount, line.price_from) for line in bill.lines] == [
        ("Units", "3.00", "2026-01-01"),
        ("Units", "8.00", "2026-01-11"),
        ("Peak", "50.00", "2026-01-01"),
    ]


def test_r12_a_sum_is_rated_by_the_plan_in_force_and_a_maximum_by_the_plan_at_the_periods_start(house: House) -> None:
    said = books(
        per_unit("1"),
        per_unit("10", meter="PEAK"),
        per_unit("100"),
        per_unit("1000", meter="PEAK"),
        meters=[meter(), meter(code="PEAK", name="Peak", aggregation="max")],
        plan={"pricings": ["P1", "P2"]},
        plans=[{"code": "scale", "pricings": ["P3", "P4"]}],
        contract={"amendments": [{"effective_date": "2026-01-11", "plan": "scale"}]},
    )
    house.open(said)
    house.use("2026-01-05", "3")
    house.use("2026-01-20", "4")
    house.use("2026-01-20", "5", meter="PEAK")
    bill = house.run("2026-02-04").bill()
    assert [(line.pricing_code, line.amount) for line in bill.lines] == [("P1", "3.00"), ("P2", "50.00"), ("P3", "400.00")]
