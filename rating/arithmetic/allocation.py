"""The one allocation primitive: a running total laid over consecutive bands.

Tiers are bands of quantity, grants are bands of money; a usage window or a line share is a move of the running total. What part
of a move lies in which band is all that graduated tiers, packages across windows, credit drawdown and reversals need to know.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.arithmetic.exact import INT


def allocate_to_bands(moves: pl.DataFrame, bands: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Every move beside every band of its group, with `overlap`: the signed length of the move within the band.

    moves: `on`, `start`, `end` (Int128; a move back has end < start) and whatever else is to be kept.
    bands: `on`, `lower`, `upper` (Int128; null is unbounded; half-open, consecutive, not overlapping) and whatever else.
    Out: the columns of both and `overlap`; rows with overlap = 0 are kept, for bands may matter by being passed. Nulls in `on` are
    values like any other.
    A pure function of the two ends of each move: cutting a move in two cuts its parts in two.
    """
    both = moves.join(bands, on=list(on), how="inner", nulls_equal=True, maintain_order="left_right")
    return both.with_columns(overlap=overlap())


def overlap() -> pl.Expr:
    """The signed length of a move (`start`, `end`) within the band (`lower`, `upper`) on the same row."""
    return _within("end") - _within("start")


def _within(point: str) -> pl.Expr:
    clipped = pl.when(pl.col(point) < pl.col("lower")).then(pl.col("lower")).otherwise(pl.col(point))
    return pl.when(clipped > pl.col("upper")).then(pl.col("upper")).otherwise(clipped).cast(INT)


def with_running_total(frame: pl.DataFrame, amount: str, group: str) -> pl.DataFrame:
    """`start` and `end` of each row on the running total of its group, in the order of the rows.

    Rows of a group lie together. One cumulative sum over all rows serves every group, less what it was when the group began; the
    caller proves that the sum of all rows fits (`exact.prove_sums`).
    """
    return frame.with_columns(end=group_cumsum(pl.col(amount), group)).with_columns(start=pl.col("end") - pl.col(amount))


def group_cumsum(amount: pl.Expr, group: str) -> pl.Expr:
    """The running total of `amount` within groups whose rows lie together."""
    total = amount.cum_sum()
    return total - group_first(total - amount, group)


def group_first(value: pl.Expr, group: str) -> pl.Expr:
    """The value in the first row of each group, on all its rows; rows of a group lie together."""
    return pl.when(is_group_start(group)).then(value).forward_fill()


def is_group_start(group: str) -> pl.Expr:
    """Whether a row is the first of its group; rows of a group lie together."""
    return pl.col(group).ne_missing(pl.col(group).shift(1)) | (pl.int_range(pl.len()) == 0)
