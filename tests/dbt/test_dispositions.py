"""R-7, R-11, R-12: what becomes of each landed version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

moment = datetime.fromisoformat

JANUARY = (moment("2026-01-01"), moment("2026-02-01"))


def test_an_event_that_a_meter_takes_is_metered(acme: Any) -> None:
    acme.meter("CALLS", "count")
    acme.event({})
    acme.event({}, external="acme-ext")
    acme.event({}, pin="acme-1")
    acme.below()
    assert acme.dispositions() == ["metered"] * 3
    assert acme.quantities() == {("CALLS",): "3"}


def test_an_unknown_customer_is_told_from_one_without_an_active_contract(acme: Any) -> None:
    acme.customer("idle")
    acme.meter("CALLS", "count")
    acme.event({}, customer="nobody")
    acme.event({}, customer="acme-ext")
    acme.event({}, external="acme")
    acme.event({}, customer="idle")
    acme.event({}, at=moment("2025-12-31 23:59:59.999999"))
    acme.event({}, at=moment("2026-01-01"))
    acme.event({}, at=moment("2026-01-31 23:59:59.999999"))
    acme.event({}, at=moment("2026-02-01"))
    acme.below()
    assert acme.dispositions() == [
        "unknown_customer",
        "unknown_customer",
        "unknown_customer",
        "no_active_contract",
        "no_active_contract",
        "metered",
        "metered",
        "no_active_contract",
    ]


def test_a_pinned_contract_must_be_the_customers_own_and_active(acme: Any) -> None:
    acme.customer("other")
    acme.contract("other-1", "other")
    acme.contract("acme-draft", "acme", status="draft")
    acme.contract("acme-late", "acme", (moment("2026-01-20"), moment("2026-02-01")))
    acme.meter("CALLS", "count")
    for pin in ("acme-1", "other-1", "acme-draft", "acme-late", "no-such"):
        acme.event({}, pin=pin)
    acme.event({}, pin="acme-1", customer="nobody")
    acme.below()
    assert acme.dispositions() == ["metered", *["no_active_contract"] * 4, "unknown_customer"]


def test_two_contracts_with_a_meter_for_it_are_ambiguous_unless_the_event_names_one(house: Any) -> None:
    house.customer("acme")
    house.contract("a", "acme", JANUARY)
    house.contract("b", "acme", (moment("2026-01-10"), moment("2026-02-01")))
    house.contract("c", "acme", JANUARY, plan="basic")
    house.meter("CALLS", "count")
    house.meter("MINUTES", "sum", "minutes", names=["minute"])
    house.meter("CHATS", "count", names=["chat"], plans=["basic"])
    house.event({}, at=moment("2026-01-09"))
    house.event({}, at=moment("2026-01-10"))
    house.event({}, at=moment("2026-01-10"), pin="b")
    house.event({}, name="chat", at=moment("2026-01-10"))
    house.event({}, name="chat", at=moment("2026-01-10"), pin="b")
    # a meter that would take it but for its quantity is a meter for it
    house.event({"minutes": "many"}, name="minute", at=moment("2026-01-10"))
    house.below()
    assert house.dispositions() == ["metered", "ambiguous_contract", "metered", "metered", "no_meter", "ambiguous_contract"]
    owners = house.ask(
        "select contract_id from intermediate.int_event_dispositions where disposition = 'metered' order by position"
    )
    assert owners == [("a",), ("b",), ("c",)]


def test_inactive_meters_and_meters_of_other_plans_take_nothing(acme: Any) -> None:
    acme.meter("OLD", "count", status="inactive")
    acme.meter("ELSEWHERE", "count", names=["chat"], plans=["basic"])
    acme.event({})
    acme.event({}, name="chat")
    acme.event({}, name="never heard of")
    acme.below()
    assert acme.dispositions() == ["no_meter"] * 3


def test_r101_all_meters_match_by_the_plan_of_the_events_time_and_what_is_not_additive_is_kept_per_plan(house: Any) -> None:
    house.customer("acme")
    middle = moment("2026-01-15")
    house.contract("acme-1", "acme", (JANUARY[0], middle), (middle, JANUARY[1]), plan="pro", later_plan="scale")
    house.meter("CALLS", "count", names=["call"], plans=["pro"])
    house.meter("BIG_CALLS", "count", names=["big"], plans=["scale"])
    house.meter("PEAK", "max", "load", names=["load"], plans=["pro"])
    house.meter("LATER_PEAK", "max", "load", names=["surge"], plans=["scale"])
    for at in (moment("2026-01-14"), middle):
        for name in ("call", "big", "load", "surge"):
            house.event({"load": at.day}, name=name, at=at)
    house.below()
    assert house.dispositions() == ["metered", "no_meter", "metered", "no_meter", "no_meter", "metered", "no_meter", "metered"]
    spans = {row["meter_code"]: (row["window_start"], row["window_end"]) for row in house.usage().iter_rows(named=True)}
    assert spans == {
        "CALLS": (JANUARY[0], middle),
        "BIG_CALLS": (middle, JANUARY[1]),
        "PEAK": (JANUARY[0], middle),
        "LATER_PEAK": (middle, JANUARY[1]),
    }
    assert house.quantities() == {("CALLS",): "1", ("BIG_CALLS",): "1", ("PEAK",): "14", ("LATER_PEAK",): "15"}


def test_a_bad_quantity_fails_the_event_only_where_all_its_meters_fail(acme: Any) -> None:
    acme.meter("MINUTES", "sum", "minutes")
    acme.meter("CALLS", "count", filters=[("channel", "in", ["voice"])])
    acme.event({"minutes": "soon", "channel": "voice"})
    acme.event({"minutes": "soon", "channel": "chat"})
    acme.event({"minutes": 2, "channel": "chat"})
    acme.below()
    acme.above()
    assert acme.dispositions() == ["metered", "bad_quantity", "metered"]
    by_meter = (
        "select meter_code, disposition, events, quantity::varchar from published.marts.reconciliation where meter_code > ''"
    )
    assert sorted(acme.ask(by_meter)) == [
        ("CALLS", "metered", 1, "1.000000000"),
        ("MINUTES", "bad_quantity", 2, None),
        ("MINUTES", "metered", 1, "2.000000000"),
    ]


def test_the_latest_version_of_a_key_counts_wherever_it_moved(acme: Any) -> None:
    acme.customer("beta")
    acme.contract("beta-1", "beta")
    acme.meter("CALLS", "sum", "n")
    acme.meter("CHATS", "sum", "n", names=["chat"])
    noon = moment("2026-01-10 12:00")
    acme.event({"n": 1}, key="k", received=noon, file="b.ndjson")
    acme.event({"n": 2}, key="k", received=noon, file="a.ndjson")
    acme.event({"n": 3}, key="k", received=moment("2026-01-10 11:00"), name="chat")
    # the last received counts: another customer, another name, another month than the ones before
    acme.event({"n": 4}, key="moved", received=noon)
    acme.event({"n": 5}, key="moved", received=moment("2026-01-11"), customer="beta", name="chat", at=moment("2026-01-30"))
    # same moment and file: the later position, then the later element, then the later landing
    acme.event({"n": 6}, key="place", received=noon)
    acme.event({"n": 7}, key="place", received=noon)
    # no key: each event is its own
    acme.event({"n": 8}, received=noon)
    acme.event({"n": 8}, received=noon)
    # "" is a key like any other
    acme.event({"n": 9}, key="", received=noon)
    acme.event({"n": 10}, key="", received=noon)
    acme.below()
    late, good = "superseded", "metered"
    assert acme.dispositions() == [good, late, late, late, good, late, good, good, good, late, good]
    assert acme.ask("select contract_id, meter_code, quantity::integer from intermediate.int_usage order by all") == [
        ("acme-1", "CALLS", 1 + 7 + 8 + 8 + 10),
        ("beta-1", "CHATS", 5),
    ]


def test_the_landing_decides_last(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n")
    noon = moment("2026-01-10 12:00")
    acme.event({"n": 1}, key="k", received=noon, batch=2)
    acme.event({"n": 2}, key="k", received=noon, batch=1)
    acme.events[1]["position"] = 1
    acme.below()
    assert acme.quantities() == {("CALLS",): "1"}


def test_a_tombstone_voids_its_key_and_a_later_version_revives_it(acme: Any) -> None:
    acme.meter("CALLS", "count")
    noon, one = moment("2026-01-10 12:00"), moment("2026-01-10 13:00")
    acme.event({}, key="gone", received=noon)
    acme.event(None, key="gone", received=one, tombstone=True)
    acme.event(None, key="back", received=noon, tombstone=True)
    acme.event({}, key="back", received=one)
    acme.event(None, tombstone=True)
    acme.below()
    acme.above()
    assert acme.dispositions() == ["superseded", "voided", "superseded", "metered", "voided"]
    assert acme.quantities() == {("CALLS",): "1"}


def test_every_landed_version_is_reconciled_once(acme: Any) -> None:
    acme.meter("CALLS", "count")
    acme.event({}, key="k")
    acme.event({}, key="k", batch=2)
    acme.event({}, customer="nobody")
    acme.event({}, name="other")
    acme.event(None, key="t", tombstone=True)
    acme.event({}, at=moment("2026-02-03"))
    acme.below()
    acme.above()
    rows = acme.ask(
        "select period, event_name, disposition, events from published.marts.reconciliation where meter_code is null"
    )
    assert sorted(rows) == [
        ("2026-01", "call", "metered", 1),
        ("2026-01", "call", "superseded", 1),
        ("2026-01", "call", "unknown_customer", 1),
        ("2026-01", "call", "voided", 1),
        ("2026-01", "other", "no_meter", 1),
        ("2026-02", "call", "no_active_contract", 1),
    ]
    unmatched = acme.ask("select disposition, customer_reference, events from published.marts.unmatched_events order by all")
    assert unmatched == [("no_active_contract", "acme", 1), ("no_meter", "acme", 1), ("unknown_customer", "nobody", 1)]
