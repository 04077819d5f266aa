"""Contracts that cannot be rated are held back alone (R-2, R-47), whatever shard they are in; numbers depend on no shard (R-4)."""

from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from rating.documents import Documents, Rated
from rating.invoicing.issue import issue_documents
from rating.shards import Shard, rate_or_hold_back
from tests.kernel.house import House, books, instant, meter, per_unit, vars_of

AS_OF = "2026-02-04"
FIVE = [{"id": name} for name in "abcde"]


def shard_of(house: House) -> Shard:
    schedule = house.schedule(AS_OF)
    return Shard(house.books, schedule, house.usage(schedule), house.issued, instant(AS_OF))


def rated(shard: Shard, count: int) -> list[Rated]:
    return [rate_or_hold_back(part) for part in shard.divided(count)]


def test_r4_documents_do_not_depend_on_how_contracts_are_divided(house: House) -> None:
    grants = [{"id": f"g{name}", "contract": name, "amount": "20"} for name in "abcde"]
    house.open(books(per_unit("0.333333"), meters=[meter("k")], contracts=FIVE, grants=grants))
    for number in range(60):
        house.use(f"2026-01-{number % 28 + 1:02}", str(number - 7), "xyz"[number % 3], contract="abcde"[number % 5])
    whole = shard_of(house)
    one = issue_documents(rated(whole, 1), instant(AS_OF), 41)
    assert one.invoices["number"].drop_nulls().to_list() == [f"INV-{n:06}" for n in range(42, 47)]
    for count in (2, 3, 5, 7):
        other = issue_documents(rated(whole, count), instant(AS_OF), 41)
        for frame, expected in zip(vars_of(other), vars_of(one), strict=True):
            assert_frame_equal(frame, expected)


def test_r47_a_contract_that_cannot_be_rated_holds_back_its_own_documents_only(house: House) -> None:
    house.open(books(per_unit("999999999"), contracts=FIVE))
    for name in "abcde":
        house.use("2026-01-10", "2", contract=name)
    house.use("2026-01-11", "99999999999999", contract="b")
    house.use("2026-01-11", "99999999999999", contract="d")
    for count in (1, 2, 5):
        parts = rated(shard_of(house), count)
        held = dict(held for part in parts for held in part.held_back)
        assert sorted(held) == ["b", "d"]
        assert "contract_id b" in held["b"]
        assert "pricing_code P1" in held["b"]
        made = issue_documents(parts, instant(AS_OF), 0)
        issued = made.invoices.filter(pl.col("status") == "issued")
        assert issued["contract_id"].to_list() == ["a", "c", "e"]
        assert issued["number"].to_list() == ["INV-000001", "INV-000002", "INV-000003"]


def test_r47_what_was_held_back_comes_once_its_cause_is_mended(house: House) -> None:
    house.open(books(per_unit("999999999"), contracts=FIVE[:2]))
    house.use("2026-01-10", "2", contract="a")
    house.use("2026-01-10", "99999999999999", contract="b")
    first = issue_documents(rated(shard_of(house), 1), instant(AS_OF), 0)
    house.issued = first.with_status("issued")
    house.open(books(per_unit("0.01"), contracts=FIVE[:2], settings={"rerate_days": 0}))
    second = house.run(AS_OF).made
    of_b = second.invoices.filter(pl.col("contract_id") == "b", pl.col("status") == "issued")
    assert of_b.select("number", "total").rows() == [("INV-000002", pl.Series(["999999999999.99"]).cast(pl.Decimal(38, 4))[0])]


def test_an_empty_house_is_one_shard(house: House) -> None:
    house.open(books(per_unit("1"), contracts=[{"id": "a", "status": "draft"}]))
    (shard,) = shard_of(house).divided(7)
    assert issue_documents([rate_or_hold_back(shard)], instant(AS_OF), 0).invoices.height == Documents.none().invoices.height
