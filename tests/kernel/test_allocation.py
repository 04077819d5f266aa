"""The one allocation primitive: a running total laid over consecutive bands."""

from __future__ import annotations

import itertools

import polars as pl

from rating.arithmetic.allocation import allocate_to_bands, group_cumsum, group_first, is_group_start, with_running_total
from rating.arithmetic.exact import INT

MOVE = {"group": pl.String(), "start": INT, "end": INT}
BAND = {"group": pl.String(), "band": pl.Int32(), "lower": INT, "upper": INT}
THREE_BANDS = pl.DataFrame([("a", 1, 0, 10), ("a", 2, 10, 30), ("a", 3, 30, None)], schema=BAND, orient="row")


def inside(start: int, end: int, bands: pl.DataFrame = THREE_BANDS) -> list[int]:
    moves = pl.DataFrame([("a", start, end)], schema=MOVE, orient="row")
    return allocate_to_bands(moves, bands, on=["group"])["overlap"].to_list()


def test_a_move_within_a_band() -> None:
    assert inside(2, 7) == [5, 0, 0]


def test_a_move_to_a_bound_stays_below_it_and_the_next_begins_above() -> None:
    assert inside(0, 10) == [10, 0, 0]
    assert inside(10, 11) == [0, 1, 0]


def test_a_move_over_all_bands() -> None:
    assert inside(5, 100) == [5, 20, 70]


def test_a_move_back_is_negative_in_the_bands_it_leaves() -> None:
    assert inside(35, 5) == [-5, -20, -5]


def test_no_move_lies_nowhere_but_is_kept_beside_every_band() -> None:
    assert inside(12, 12) == [0, 0, 0]


def test_below_a_floor_nothing_lies() -> None:
    assert inside(-5, 5) == [5, 0, 0]


def test_a_band_without_a_floor_holds_what_is_below_zero() -> None:
    bottomless = THREE_BANDS.with_columns(lower=pl.when(pl.col("band") > 1).then("lower"))
    assert inside(-5, 5, bottomless) == [10, 0, 0]
    assert inside(5, -5, bottomless) == [-10, 0, 0]


def test_groups_do_not_see_each_other() -> None:
    moves = pl.DataFrame([("a", 0, 15), ("b", 0, 15)], schema=MOVE, orient="row")
    bands = pl.DataFrame([("a", 1, 0, 10), ("b", 1, 0, 5)], schema=BAND, orient="row")
    assert allocate_to_bands(moves, bands, on=["group"])["overlap"].to_list() == [10, 5]
    assert allocate_to_bands(moves, bands.filter(pl.col("group") == "b"), on=["group"]).height == 1


def test_cutting_a_move_in_two_cuts_its_parts_in_two() -> None:
    points = [-7, 0, 3, 10, 11, 29, 30, 31, 90]
    cuts = list(itertools.product(points, repeat=3))

    def parts(moves: list[tuple[str, int, int]]) -> pl.Series:
        return allocate_to_bands(pl.DataFrame(moves, schema=MOVE, orient="row"), THREE_BANDS, on=["group"])["overlap"]

    first = parts([("a", start, middle) for start, middle, _ in cuts])
    second = parts([("a", middle, end) for _, middle, end in cuts])
    assert (first + second).to_list() == parts([("a", start, end) for start, _, end in cuts]).to_list()


def test_running_totals_begin_anew_in_each_group() -> None:
    frame = pl.DataFrame({"group": ["a", "a", "b", "b", "b"], "amount": pl.Series([5, -2, 7, 0, 1], dtype=INT)})
    found = with_running_total(frame, "amount", "group").select("start", "end").rows()
    assert found == [(0, 5), (5, 3), (0, 7), (7, 7), (7, 8)]


def test_what_lies_together() -> None:
    frame = pl.DataFrame({"group": [None, None, "a", "a", "b"], "value": pl.Series([1, 2, 3, 4, 5], dtype=INT)})
    assert frame.select(is_group_start("group")).to_series().to_list() == [True, False, True, False, True]
    assert frame.select(group_first(pl.col("value"), "group")).to_series().to_list() == [1, 1, 3, 3, 5]
    assert frame.select(group_cumsum(pl.col("value"), "group")).to_series().to_list() == [1, 3, 3, 7, 5]
