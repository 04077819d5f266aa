"""Which price a combination has: override, card entry, overridden fallback, fallback (R-19), and wildcards (R-20)."""

from __future__ import annotations

from tests.kernel.house import Bill, House, Said, books, card, carded, flat, meter, per_unit, priced, tiers

CALLS = meter("region", "outcome", name="AI Calls")


def at(region: str, outcome: str) -> dict[str, str]:
    return {"region": region, "outcome": outcome}


def override(region: str, outcome: str, rate: str, **dates: str) -> Said:
    return {"meter": "USED", "dimensions": at(region, outcome), "rate": rate, **dates}


Price = tuple[str, str]


def prices(bill: Bill) -> dict[tuple[str | None, ...], Price]:
    """Source and rate of each combination."""
    return {tuple(line.group_values): (line.rate_source, line.unit_rate) for line in bill.lines}


def rated(house: House, said: Said, *combinations: tuple[str | None, str | None]) -> dict[tuple[str | None, ...], Price]:
    house.open(said)
    for values in combinations:
        house.use("2026-01-10", "1", *values)
    return prices(house.run("2026-02-04").bill())


PLAIN = card((at("US", "resolved"), "2.00"), (at("EU", "resolved"), "2.50"))
WILD = card(
    (at("US", "resolved"), "2"),
    (at("US", "*"), "5"),
    (at("*", "resolved"), "7"),
    (at("*", "*"), "9"),
)
OVERRIDDEN_FALLBACK = {"pricing": "P1", "fallback_rate": "3.33"}


def test_r19_a_card_entry_matches_exactly_or_the_fallback_holds(house: House) -> None:
    found = rated(
        house,
        books(carded("4.00"), meters=[CALLS], cards=[PLAIN]),
        ("US", "resolved"),
        ("EU", "resolved"),
        ("us", "resolved"),
        ("US", "Resolved"),
        ("US", "resolved "),
        ("", "resolved"),
        ("US", None),
        (None, "resolved"),
        (None, None),
    )
    fallback = ("fallback", "4")
    assert found.pop(("US", "resolved")) == ("rate_card", "2")
    assert found.pop(("EU", "resolved")) == ("rate_card", "2.5")
    assert len(found) == 7
    assert set(found.values()) == {fallback}


def test_r19_the_override_comes_before_the_card_and_the_card_before_the_overridden_fallback(house: House) -> None:
    said = books(
        carded("4.00"),
        meters=[CALLS],
        cards=[PLAIN],
        contract={"rate_overrides": [override("US", "resolved", "1.50"), OVERRIDDEN_FALLBACK]},
    )
    found = rated(house, said, ("US", "resolved"), ("EU", "resolved"), ("APAC", "resolved"), ("US", None))
    assert found == {
        ("US", "resolved"): ("override", "1.5"),
        ("EU", "resolved"): ("rate_card", "2.5"),
        ("APAC", "resolved"): ("fallback", "3.33"),
        ("US", None): ("fallback", "3.33"),
    }


def test_r19_an_override_prices_a_combination_that_the_card_does_not_have(house: House) -> None:
    said = books(carded("4"), meters=[CALLS], cards=[PLAIN], contract={"rate_overrides": [override("APAC", "lost", "0")]})
    assert rated(house, said, ("APAC", "lost")) == {("APAC", "lost"): ("override", "0")}


def test_r19_an_override_touches_its_own_contract_only(house: House) -> None:
    contracts: list[Said] = [{"id": "acme", "rate_overrides": [override("US", "resolved", "1.50")]}, {"id": "other"}]
    house.open(books(carded("4"), meters=[CALLS], cards=[PLAIN], contracts=contracts))
    house.use("2026-01-10", "1", "US", "resolved")
    house.use("2026-01-10", "1", "US", "resolved", contract="other")
    run = house.run("2026-02-04")
    assert prices(run.bill()) == {("US", "resolved"): ("override", "1.5")}
    assert prices(run.bill(contract="other")) == {("US", "resolved"): ("rate_card", "2")}


def test_r19_without_a_card_the_source_is_the_pricing_or_the_override(house: House) -> None:
    contracts: list[Said] = [{"id": "acme", "rate_overrides": [{"pricing": "P1", "unit_amount": "0.008"}]}, {"id": "other"}]
    house.open(books(per_unit("0.01"), contracts=contracts))
    house.use("2026-01-10", "1000")
    house.use("2026-01-10", "1000", contract="other")
    run = house.run("2026-02-04")
    assert [(line.rate_source, line.amount) for line in run.bill().lines] == [("override", "8.00")]
    assert [(line.rate_source, line.amount) for line in run.bill(contract="other").lines] == [("pricing", "10.00")]


def test_r19_every_model_takes_an_override_of_its_price(house: House) -> None:
    house.open(
        books(
            {"model": "bps", "bps": "250"},
            {"model": "package", "package_size": "1000", "unit_amount": "50"},
            {"model": "graduated", "tiers": [{"unit_amount": "1"}]},
            {"model": "volume", "tiers": [{"unit_amount": "1"}]},
            contract={
                "rate_overrides": [
                    {"pricing": "P1", "bps": "100"},
                    {"pricing": "P2", "unit_amount": "40"},
                    {"pricing": "P3", "tiers": [{"unit_amount": "0.5"}]},
                    {"pricing": "P4", "tiers": [{"unit_amount": "0.2", "flat_amount": "3"}]},
                ]
            },
        )
    )
    house.use("2026-01-10", "2000")
    bill = house.run("2026-02-04").bill()
    # 2000 × 1 %, 2 × 40, 2000 × 0.5, 2000 × 0.2 + 3
    assert bill.amounts == ["20.00", "80.00", "1000.00", "403.00"]
    assert {line.rate_source for line in bill.lines} == {"override"}


def test_r19_overrides_of_a_combination_touch_per_unit_pricings_with_a_card_only(house: House) -> None:
    said = books(
        carded("4"),
        per_unit("10"),
        {"model": "graduated", "rate_card": "TIERED", "tiers": [{"unit_amount": "100"}]},
        meters=[meter("k")],
        cards=[
            card(({"k": "a"}, "2")),
            {"code": "TIERED", "meter": "USED", "entries": [{"dimensions": {"k": "a"}, "tiers": [{"unit_amount": "50"}]}]},
        ],
        contract={"rate_overrides": [{"meter": "USED", "dimensions": {"k": "a"}, "rate": "1"}]},
    )
    house.open(said)
    house.use("2026-01-10", "1", "a")
    found = [(line.rate_source, line.amount) for line in house.run("2026-02-04").bill().lines]
    assert found == [("override", "1.00"), ("pricing", "10.00"), ("rate_card", "50.00")]


def test_r19_overrides_are_in_the_cards_per(house: House) -> None:
    """The 1,000 tokens of the worked examples: 0.03 for everybody, 0.02 for this contract."""
    tokens = card(({"model": "gpt-4"}, "0.03"), ({"model": "gpt-3.5"}, "0.002"), per="1000")
    contract = {"rate_overrides": [{"meter": "USED", "dimensions": {"model": "gpt-4"}, "rate": "0.02"}]}
    house.open(books(carded("0.05"), meters=[meter("model")], cards=[tokens], contract=contract))
    for model in ("gpt-4", "gpt-3.5", "claude-3"):
        house.use("2026-01-10", "1500000", model)
    lines = house.run("2026-02-04").bill().lines
    assert [(line.description, line.unit_rate, line.per, line.amount) for line in lines] == [
        ("Units - Claude-3", "0.05", "1000", "75.00"),
        ("Units - Gpt-3.5", "0.002", "1000", "3.00"),
        ("Units - Gpt-4", "0.02", "1000", "30.00"),
    ]


def test_r19_an_override_holds_from_its_first_day_until_the_day_after_its_last(house: House) -> None:
    dated = override("US", "resolved", "1.50", effective_from="2026-01-11", effective_to="2026-01-21")
    contract = {"timezone": "America/New_York", "rate_overrides": [dated]}
    house.open(books(carded("4"), meters=[CALLS], cards=[PLAIN], contract=contract))
    # local midnight is 05:00 UTC
    for moment in ("2026-01-11T04:59:59.999999", "2026-01-11T05:00", "2026-01-21T04:59:59.999999", "2026-01-21T05:00"):
        house.use(moment, "1", "US", "resolved")
    lines = house.run("2026-02-05").bill().lines
    assert [(line.rate_source, line.quantity, line.amount, line.price_from) for line in lines] == [
        ("rate_card", "1", "2.00", "2026-01-01T05:00"),
        ("override", "2", "3.00", "2026-01-11T05:00"),
        ("rate_card", "1", "2.00", "2026-01-21T05:00"),
    ]


def test_r5b_an_amendments_override_holds_from_its_date(house: House) -> None:
    amendment = {"effective_date": "2026-01-11", "rate_overrides": [override("US", "resolved", "1.50")]}
    house.open(books(carded("4"), meters=[CALLS], cards=[PLAIN], contract={"amendments": [amendment]}))
    house.use("2026-01-10", "1", "US", "resolved")
    house.use("2026-01-11", "1", "US", "resolved")
    assert house.run("2026-02-04").bill().amounts == ["2.00", "1.50"]


def versioned(**versions: str) -> Said:
    """A card of one entry whose rate changes: `v2026_01_11="2"`."""
    said = card(
        versions=[
            {"effective_from": day[1:].replace("_", "-"), "entries": priced(({"k": "a"}, rate))}
            for day, rate in versions.items()
        ]
    )
    del said["entries"]
    return said


def test_r19_before_the_first_version_of_a_card_the_fallback_holds(house: House) -> None:
    house.open(books(carded("4"), meters=[meter("k")], cards=[versioned(v2026_01_11="2", v2026_01_21="3")]))
    for day in ("10", "11", "20", "21"):
        house.use(f"2026-01-{day}", "1", "a")
    lines = house.run("2026-02-04").bill().lines
    assert [(line.rate_source, line.unit_rate, line.quantity) for line in lines] == [
        ("fallback", "4", "1"),
        ("rate_card", "2", "2"),
        ("rate_card", "3", "1"),
    ]


def test_r38_a_version_that_changes_another_entry_parts_no_line(house: House) -> None:
    said = card(
        versions=[
            {"effective_from": "2026-01-01", "entries": priced(({"k": "a"}, "0.004"), ({"k": "b"}, "1"))},
            {"effective_from": "2026-01-11", "entries": priced(({"k": "a"}, "0.004"), ({"k": "b"}, "2"))},
        ]
    )
    del said["entries"]
    house.open(books(carded("4"), meters=[meter("k")], cards=[said]))
    for value in "ab":
        house.use("2026-01-10", "1", value)
        house.use("2026-01-11", "1", value)
    # 0.004 twice is 0.008
    assert house.run("2026-02-04").bill().amounts == ["0.01", "1.00", "2.00"]


def test_r6_a_version_begins_with_the_local_day(house: House) -> None:
    house.open(books(carded("4"), meters=[meter("k")], cards=[versioned(v2026_01_11="2")], contract={"timezone": "Asia/Tokyo"}))
    house.use("2026-01-10T14:59:59", "1", "a")
    house.use("2026-01-10T15:00", "1", "a")
    assert house.run("2026-02-04").bill().amounts == ["4.00", "2.00"]


def test_r19_a_card_may_price_a_meter_without_group_keys(house: House) -> None:
    house.open(books(carded("4"), cards=[card(({}, "2"))]))
    house.use("2026-01-10", "1")
    (line,) = house.run("2026-02-04").bill().lines
    assert (line.rate_source, line.amount, line.description) == ("rate_card", "2.00", "Units")


# --- wildcards ------------------------------------------------------------------------------------------------------------


def test_r20_the_entry_with_fewest_stars_wins_then_the_one_whose_exact_values_come_first(house: House) -> None:
    found = rated(
        house,
        books(carded("4"), meters=[CALLS], cards=[WILD]),
        ("US", "resolved"),
        ("US", "lost"),
        ("EU", "resolved"),
        ("EU", "lost"),
        ("", "resolved"),
        ("US", None),
        (None, None),
    )
    assert found == {
        ("US", "resolved"): ("rate_card", "2"),
        ("US", "lost"): ("rate_card", "5"),
        ("EU", "resolved"): ("rate_card", "7"),
        ("EU", "lost"): ("rate_card", "9"),
        ("", "resolved"): ("rate_card", "7"),
        ("US", None): ("fallback", "4"),
        (None, None): ("fallback", "4"),
    }


def test_r20_of_two_entries_with_one_star_the_earlier_group_key_decides(house: House) -> None:
    cards = [card((at("*", "resolved"), "7"), (at("US", "*"), "5"))]
    found = rated(house, books(carded("4"), meters=[CALLS], cards=cards), ("US", "resolved"))
    assert found == {("US", "resolved"): ("rate_card", "5")}


def test_r20_any_matching_override_beats_any_card_entry(house: House) -> None:
    said = books(carded("4"), meters=[CALLS], cards=[PLAIN], contract={"rate_overrides": [override("*", "*", "3")]})
    found = rated(house, said, ("US", "resolved"), ("APAC", "lost"), ("US", None))
    assert found == {
        ("US", "resolved"): ("override", "3"),
        ("APAC", "lost"): ("override", "3"),
        ("US", None): ("fallback", "4"),
    }


def test_r20_overrides_are_ranked_like_entries(house: House) -> None:
    overrides = [
        override("*", "*", "0.4"),
        override("*", "resolved", "0.3"),
        override("US", "*", "0.2"),
        override("US", "resolved", "0.1"),
    ]
    said = books(carded("4"), meters=[CALLS], cards=[WILD], contract={"rate_overrides": overrides})
    found = rated(house, said, ("US", "resolved"), ("US", "lost"), ("EU", "resolved"), ("EU", "lost"))
    assert found == {
        ("EU", "lost"): ("override", "0.4"),
        ("EU", "resolved"): ("override", "0.3"),
        ("US", "lost"): ("override", "0.2"),
        ("US", "resolved"): ("override", "0.1"),
    }


def test_r20_an_override_that_is_over_lets_the_next_specific_one_through(house: House) -> None:
    overrides = [override("US", "resolved", "1", effective_to="2026-01-11"), override("US", "*", "3")]
    house.open(books(carded("4"), meters=[CALLS], cards=[PLAIN], contract={"rate_overrides": overrides}))
    house.use("2026-01-10", "1", "US", "resolved")
    house.use("2026-01-11", "1", "US", "resolved")
    assert house.run("2026-02-04").bill().amounts == ["1.00", "3.00"]


def test_r15_values_that_only_look_alike_have_their_own_price(house: House) -> None:
    cards = [card((at("a", "b:1"), "1"), (at("a:1", "b"), "2"), (at("1:a", ""), "3"))]
    found = rated(house, books(carded("4"), meters=[CALLS], cards=cards), ("a", "b:1"), ("a:1", "b"), ("1:a", ""), ("", "1:a"))
    assert [rate for _, rate in (found["a", "b:1"], found["a:1", "b"], found["1:a", ""], found["", "1:a"])] == [
        "1",
        "2",
        "3",
        "4",
    ]


def test_r41_a_line_says_where_its_price_stands(house: House) -> None:
    said = books(carded("4"), meters=[CALLS], cards=[PLAIN], contract={"rate_overrides": [override("EU", "resolved", "1")]})
    house.open(said)
    for values in (("US", "resolved"), ("EU", "resolved"), ("APAC", "x")):
        house.use("2026-01-10", "1", *values)
    places = {line.group_values[0]: line.place for line in house.run("2026-02-04").bill().lines}
    assert "rate_cards" in places["US"]
    assert "rate_overrides" in places["EU"]
    assert "pricings" in places["APAC"]
    assert all("books.yml" in place for place in places.values())


# --- percent off the list ------------------------------------------------------------------------------------------------


def _at(house: House, overrides: list[Said], *pricings: Said, **said: object) -> list[tuple[str, str, str]]:
    """Source, rate and amount of each line of one unit in `a`, one in `b` and one without a value."""
    house.open(books(*pricings, meters=[meter("k")], contract={"rate_overrides": overrides}, **said))  # type: ignore[arg-type]
    for value in ("a", "b", None):
        house.use("2026-01-10", "1", value)
    return [(line.rate_source, line.unit_rate, line.amount) for line in house.run("2026-02-04").bill().lines]


ON_CARD = [card(({"k": "a"}, "2"), ({"k": "b"}, "3"))]
OFF_ALL = {"plan": True, "percent_off": "12.5"}


def test_r103_a_percentage_of_the_plan_is_of_card_and_fallback(house: House) -> None:
    assert _at(house, [OFF_ALL], carded("4"), cards=ON_CARD) == [
        ("override", "1.75", "1.75"),
        ("override", "2.625", "2.63"),
        ("override", "3.5", "3.50"),
    ]


def test_r103_the_most_specific_percentage_holds_and_an_agreed_price_stays(house: House) -> None:
    of_b = {"meter": "USED", "dimensions": {"k": "b"}, "percent_off": "50"}
    agreed = {"meter": "USED", "dimensions": {"k": "a"}, "rate": "1.9"}
    assert _at(house, [OFF_ALL, of_b, agreed], carded("4"), cards=ON_CARD) == [
        ("override", "1.9", "1.90"),
        ("override", "1.5", "1.50"),
        ("override", "3.5", "3.50"),
    ]


def test_r103_an_agreed_fallback_is_no_list_price(house: House) -> None:
    agreed = {"pricing": "P1", "fallback_rate": "3"}
    assert _at(house, [OFF_ALL, agreed], carded("4"), cards=ON_CARD)[-1] == ("fallback", "3", "3.00")


def test_r103_it_follows_the_list_and_its_own_dates(house: House) -> None:
    versions = [
        {"effective_from": "2026-01-01", "entries": priced(({"k": "a"}, "1"))},
        {"effective_from": "2026-01-11", "entries": priced(({"k": "a"}, "2"))},
    ]
    said = card(versions=versions)
    del said["entries"]
    off = {"plan": True, "percent_off": "10", "effective_to": "2026-01-21"}
    house.open(books(carded("4"), meters=[meter("k")], cards=[said], contract={"rate_overrides": [off]}))
    for day in ("10", "11", "21"):
        house.use(f"2026-01-{day}", "1", "a")
    lines = house.run("2026-02-04").bill().lines
    assert [(line.rate_source, line.unit_rate) for line in lines] == [
        ("override", "0.9"),
        ("override", "1.8"),
        ("rate_card", "2"),
    ]
    assert [": 10 % off 1 of " in (lines[0].place or ""), ": 10 % off 2 of " in (lines[1].place or "")] == [True, True]


def test_r103_tiers_and_their_flat_amounts_are_reduced_and_rounded_half_away(house: House) -> None:
    graduated = {"model": "graduated", "tiers": tiers(("10", "1", "5"), (None, "0.000000000001"))}
    house.open(books(graduated, contract={"rate_overrides": [{"plan": True, "percent_off": "50"}]}))
    house.use("2026-01-10", "11")
    (line,) = house.run("2026-02-04").bill().lines
    assert (line.amount, line.exact_amount) == ("7.50", "7.500000000001")


def test_r103_fees_are_no_prices_of_usage(house: House) -> None:
    house.open(books(flat("99"), per_unit("1"), contract={"rate_overrides": [{"plan": True, "percent_off": "100"}]}))
    house.use("2026-01-10", "11")
    assert house.run("2026-02-04").bill().amounts == ["0.00", "99.00"]
