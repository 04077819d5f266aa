"""Who draws when: returns and claims of a run's documents in time order, over the wallets of all contracts (R-31, R-34, R-44).

Documents of a contract settle in the order of their periods. An adjustment first gives credits back; what is given back can be
drawn from then on. So a contract's documents fall into epochs, one for each document that gives back, and all contracts settle
epoch by epoch together: two or three rounds where periods are adjusted, one everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rating import drawdown
from rating.exact import highest, integer


@dataclass(frozen=True, slots=True)
class Drawing:
    """What moved: draws and returns by line and grant, in the order they were made (`order`), in minor units."""

    draws: pl.DataFrame
    returns: pl.DataFrame


def settle(claims: pl.DataFrame, returns: pl.DataFrame, documents: pl.DataFrame, wallet: pl.DataFrame) -> Drawing:
    """Settle all claims.

    claims: as `drawdown.draw` takes them, and invoice_id. returns: line_id, invoice_id, grant_id, returned_units, drawn_at.
    documents: invoice_id, contract_id, `position` (order among the contract's documents). wallet: as `drawdown.wallet`.
    Out: draws (line_id, invoice_id, grant_id, units < 0, order), returns (the same, units > 0).
    """
    giving = documents.with_columns(gives=pl.col("invoice_id").is_in(returns.get_column("invoice_id").unique().implode()))
    epochs = giving.sort("contract_id", "position").with_columns(
        epoch=pl.col("gives").cast(pl.Int64).cum_sum().over("contract_id")
    )
    placed = epochs.select("invoice_id", "epoch", "position")
    epoch_claims = claims.join(placed.drop("position"), on="invoice_id")
    epoch_returns = returns.join(placed.drop("position"), on="invoice_id")
    made, grants = [], wallet
    last = max(highest(frame.get_column("epoch")) for frame in (epoch_claims, epoch_returns))
    for epoch in range(last + 1):
        grants = _move(grants, epoch_returns.filter(pl.col("epoch") == epoch), "returned_units")
        drawn = drawdown.draw(epoch_claims.filter(pl.col("epoch") == epoch).drop("epoch"), grants)
        grants = _move(grants, drawn.with_columns(less=integer(0) - pl.col("drawn_units")), "less")
        made.append(drawn.with_row_index("nth").with_columns(epoch=pl.lit(epoch)))
    draws = (
        pl.concat(made)
        .join(claims.select("claim", "invoice_id", line_id="line"), on="claim")
        .group_by("line_id", "invoice_id", "grant_id")
        .agg(units=integer(0) - pl.col("drawn_units").sum(), nth=pl.col("nth").min())
        .join(placed, on="invoice_id")
        .sort("position", "invoice_id", "epoch", "nth")
    )
    back = (
        returns.join(placed, on="invoice_id")
        .sort("position", "invoice_id", "line_id", "drawn_at", descending=[False, False, False, True])
        .select("line_id", "invoice_id", "grant_id", "position", units="returned_units")
    )
    return Drawing(_ordered(draws.select(back.columns), 1), _ordered(back, 0))


def _ordered(moves: pl.DataFrame, after: int) -> pl.DataFrame:
    """`order` within a run: documents by position; on one document what comes back before what is drawn."""
    moves = moves.with_row_index("nth")
    return moves.with_columns(order=(pl.col("position") * 2 + after) * (moves.height + 1) + pl.col("nth").cast(pl.Int64)).drop(
        "nth", "position"
    )


def _move(grants: pl.DataFrame, moves: pl.DataFrame, units: str) -> pl.DataFrame:
    moved = moves.group_by("grant_id").agg(moved=pl.col(units).sum())
    return (
        grants.join(moved, on="grant_id", how="left", maintain_order="left")
        .with_columns(left_units=pl.col("left_units") + pl.col("moved").fill_null(integer(0)))
        .drop("moved")
    )
