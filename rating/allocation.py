"""The one allocation primitive: a running total laid over consecutive bands.

Tiers are bands of quantity, grants are bands of money; a usage window or a line share is a move of the running total. What part
of a move lies in which band is all that graduated tiers, packages across windows, credit drawdown and reversals need to know.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.exact import INT


def lay(moves: pl.DataFrame, bands: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Every move beside every band of its group, with `inside`: the signed length of the move within the band.

    moves: `on`, `start`, `end` (Int128; a move back has end < start) and whatever else is to be kept.
    bands: `on`, `lower`, `upper` (Int128; null is unbounded; half-open, consecutive, not overlapping) and whatever else.
    Out: the columns of both and `inside`; rows with inside = 0 are kept, for bands may matter by being passed.
    A pure function of the two ends of each move: cutting a move in two cuts its parts in two.
    """
    return moves.join(bands, on=list(on), how="inner", maintain_order="left_right").with_columns(inside=_within("end") - _within("start"))


def _within(point: str) -> pl.Expr:
    clipped = pl.when(pl.col(point) < pl.col("lower")).then(pl.col("lower")).otherwise(pl.col(point))
    return pl.when(clipped > pl.col("upper")).then(pl.col("upper")).otherwise(clipped).cast(INT)


def running(frame: pl.DataFrame, amount: str, over: Sequence[str]) -> pl.DataFrame:
    """`start` and `end` of each row on the running total of its group, in the order of the rows.

    The caller proves that the sums fit (`exact.prove_sums`).
    """
    end = pl.col(amount).cum_sum().over(list(over))
    return frame.with_columns(start=end - pl.col(amount), end=end)
