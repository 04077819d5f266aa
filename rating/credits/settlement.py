"""Who draws when: returns and claims of a run's documents in time order, over the balances of all contracts (R-31, R-34, R-44).

Documents of a contract settle in the order of their periods. An adjustment first gives credits back; what is given back can be
drawn from then on. So a contract's documents fall into rounds, one for each document that gives back, and all contracts settle
round by round together: two or three rounds where periods are adjusted, one everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rating.arithmetic.exact import highest, int128
from rating.credits import drawdown


@dataclass(frozen=True, slots=True)
class Drawing:
    """What moved: draws and returns by line and grant, in the order they were made (`order`), in minor units."""

    draws: pl.DataFrame
    returns: pl.DataFrame


def settle_credits(claims: pl.DataFrame, returns: pl.DataFrame, documents: pl.DataFrame, balances: pl.DataFrame) -> Drawing:
    """Settle all claims.

    claims: as `drawdown.draw` takes them, and document_no. returns: line_id, document_no, grant_id, returned_units, drawn_at.
    documents: document_no (documents of a contract settle in its order), contract_id. balances: as `drawdown.grant_balances`.
    Out: draws (line_id, document_no, grant_id, units < 0, order), returns (the same, units > 0).
    """
    gives = pl.col("document_no").is_in(returns.get_column("document_no").unique().implode())
    rounds = documents.sort("document_no").select(
        "document_no", settlement_round=gives.cast(pl.Int64).cum_sum().over("contract_id")
    )
    round_claims = claims.join(rounds, on="document_no", how="left", maintain_order="left")
    round_returns = returns.join(rounds, on="document_no", how="left", maintain_order="left")
    made, grants = [], balances
    last = max(highest(frame.get_column("settlement_round")) for frame in (round_claims, round_returns))
    for settlement_round in range(last + 1):
        grants = _move(grants, round_returns.filter(pl.col("settlement_round") == settlement_round), "returned_units")
        drawn = drawdown.draw(
            round_claims.filter(pl.col("settlement_round") == settlement_round).drop("settlement_round"), grants
        )
        grants = _move(grants, drawn.with_columns(less=int128(0) - pl.col("drawn_units")), "less")
        made.append(drawn)
    draws = (
        pl.concat(made)
        .with_row_index("nth")
        .group_by("line", "grant_id")
        .agg(units=int128(0) - pl.col("drawn_units").sum(), nth=pl.col("nth").min())
        .join(claims.select("line", "document_no").unique(), on="line")
        .sort("document_no", "nth")
        .select("document_no", "grant_id", pl.col("line").alias("line_id"), "units")
    )
    back = returns.sort("document_no", "line_id", "drawn_at", descending=[False, False, True]).select(
        "document_no", "grant_id", "line_id", units="returned_units"
    )
    return _in_order(draws, back)


def _in_order(draws: pl.DataFrame, returns: pl.DataFrame) -> Drawing:
    """`order` counts the moves of each document: what comes back before what is drawn. So it depends on no other document."""
    both = pl.concat(
        moves.with_columns(is_draw=pl.lit(is_draw), nth=pl.int_range(pl.len()))
        for moves, is_draw in ((returns.select(draws.columns), False), (draws, True))
    )
    ordered = (
        both.sort("document_no", "is_draw", "nth").with_columns(order=pl.int_range(pl.len()).over("document_no")).drop("nth")
    )
    return Drawing(ordered.filter("is_draw").drop("is_draw"), ordered.filter(~pl.col("is_draw")).drop("is_draw"))


def _move(grants: pl.DataFrame, moves: pl.DataFrame, units: str) -> pl.DataFrame:
    moved = moves.group_by("grant_id").agg(moved=pl.col(units).sum())
    return (
        grants.join(moved, on="grant_id", how="left", maintain_order="left")
        .with_columns(left_units=pl.col("left_units") + pl.col("moved").fill_null(int128(0)))
        .drop("moved")
    )
