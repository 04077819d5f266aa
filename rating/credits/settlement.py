"""Who draws when: returns and claims of a run's documents in time order, over the balances of all contracts (R-31, R-34, R-44).

Documents of a contract settle in the order of their periods. An adjustment first gives credits back; what is given back can be
drawn from then on. What is left of an expiring grant moves into the next one before documents that begin at its expiry or later draw
(R-111). So a contract's documents fall into rounds, one for each document that gives back and each expiry with something to move, and
all contracts settle round by round together: two or three rounds where periods are adjusted, one everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rating.arithmetic.exact import highest, int128
from rating.credits import drawdown


@dataclass(frozen=True, slots=True)
class Drawing:
    """What moved: draws and returns by line and grant, in the order they were made (`order`), in minor units.

    rollovers: grant_id, rolls_into, contract_id, expires_at and `units` (> 0) that moved at that instant.
    """

    draws: pl.DataFrame
    returns: pl.DataFrame
    rollovers: pl.DataFrame


def settle_credits(claims: pl.DataFrame, returns: pl.DataFrame, documents: pl.DataFrame, balances: pl.DataFrame) -> Drawing:
    """Settle all claims.

    claims: as `drawdown.draw` takes them, and document_no. returns: line_id, document_no, grant_id, returned_units, drawn_at.
    documents: document_no (documents of a contract settle in its order), contract_id, period_start, is_issued. balances: as
    `drawdown.grant_balances`, and `is_expiring`.
    Out: draws (line_id, document_no, grant_id, units < 0, order), returns (the same, units > 0).
    """
    expiries = _rolling(balances)
    rounds, round_expiries = _rounds(documents, returns, expiries)
    round_claims = claims.join(rounds, on="document_no", how="left", maintain_order="left")
    round_returns = returns.join(rounds, on="document_no", how="left", maintain_order="left").join(
        documents.select("document_no", is_posted="is_issued"), on="document_no", how="left", maintain_order="left"
    )
    # `rest_units` of a grant are moved by what is posted only: drafts take nothing from what moves on
    grants = balances.with_columns(rest_units="left_units")
    made, moved = [], [_rollovers(grants, expiries.clear())]
    last = max(highest(frame.get_column("settlement_round")) for frame in (round_claims, round_returns, round_expiries))
    for settlement_round in range(last + 1):
        of_round = pl.col("settlement_round") == settlement_round
        if expiries.height:
            moved.append(_rollovers(grants, round_expiries.filter(of_round)))
            grants = _rolled(grants, moved[-1])
        grants = _move(grants, round_returns.filter(of_round).rename({"returned_units": "units"}))
        of_documents = round_claims.filter(of_round)
        drawn = drawdown.draw(of_documents.drop("settlement_round"), grants)
        less = drawn.join(of_documents.select("claim", is_posted="is_issued"), on="claim", how="left", maintain_order="left")
        grants = _move(grants, less.with_columns(units=int128(0) - pl.col("drawn_units")))
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
    return _in_order(draws, back, pl.concat(moved))


def _rolling(balances: pl.DataFrame) -> pl.DataFrame:
    """Grants that expire with this run and may move something into one that is effective: contract_id, grant_id, rolls_into,
    expires_at."""
    may_roll = balances.filter("is_expiring", pl.col("may_roll_units") > 0)
    return may_roll.join(balances.select(rolls_into="grant_id"), on="rolls_into", how="semi").select(
        "contract_id", "grant_id", "rolls_into", "expires_at"
    )


def _rounds(documents: pl.DataFrame, returns: pl.DataFrame, expiries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The round of each document (document_no, settlement_round), and of each expiry, which comes first in its round."""
    gives = pl.col("document_no").is_in(returns.get_column("document_no").unique().implode())
    counted = documents.sort("document_no").with_columns(begins_round=gives.cast(pl.Int64))
    numbers = pl.col("begins_round").cum_sum().over("contract_id")
    if expiries.is_empty():
        return counted.select("document_no", settlement_round=numbers), expiries.with_columns(
            settlement_round=pl.lit(0, dtype=pl.Int64)
        )
    none = pl.lit(None, dtype=counted.schema["document_no"])
    moments = expiries.select("contract_id", "expires_at").unique()
    in_time = pl.concat(
        [
            counted.select("contract_id", "period_start", "document_no", "begins_round", is_document=True),
            moments.select(
                "contract_id", period_start="expires_at", document_no=none, begins_round=pl.lit(1, pl.Int64), is_document=False
            ),
        ]
    ).sort("contract_id", "period_start", "is_document", "document_no")
    numbered = in_time.with_columns(settlement_round=numbers)
    return (
        numbered.filter("is_document").select("document_no", "settlement_round"),
        expiries.join(
            numbered.filter(~pl.col("is_document")).select("contract_id", "settlement_round", expires_at="period_start"),
            on=["contract_id", "expires_at"],
        ),
    )


def _rollovers(grants: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """What moves at these expiries: grant_id, rolls_into, contract_id, expires_at, units."""
    return (
        grants.join(expiries.select("grant_id"), on="grant_id", how="semi")
        .select(
            "grant_id",
            "rolls_into",
            "contract_id",
            "expires_at",
            units=pl.min_horizontal("rest_units", "may_roll_units"),
        )
        .filter(pl.col("units") > 0)
    )


def _rolled(grants: pl.DataFrame, rollovers: pl.DataFrame) -> pl.DataFrame:
    out = rollovers.select("grant_id", units=int128(0) - pl.col("units"))
    into = rollovers.select("units", grant_id="rolls_into").select("grant_id", "units")
    return _move(grants, pl.concat([out, into]).with_columns(is_posted=pl.lit(value=True)))


def _in_order(draws: pl.DataFrame, returns: pl.DataFrame, rollovers: pl.DataFrame) -> Drawing:
    """`order` counts the moves of each document: what comes back before what is drawn. So it depends on no other document."""
    both = pl.concat(
        moves.with_columns(is_draw=pl.lit(is_draw), nth=pl.int_range(pl.len()))
        for moves, is_draw in ((returns.select(draws.columns), False), (draws, True))
    )
    ordered = (
        both.sort("document_no", "is_draw", "nth").with_columns(order=pl.int_range(pl.len()).over("document_no")).drop("nth")
    )
    of_draws, of_returns = (ordered.filter(pl.col("is_draw") == is_draw).drop("is_draw") for is_draw in (True, False))
    return Drawing(of_draws, of_returns, rollovers)


def _move(grants: pl.DataFrame, moves: pl.DataFrame) -> pl.DataFrame:
    """The grants after moves (grant_id, `units`, `is_posted`)."""
    units = pl.col("units")
    moved = moves.group_by("grant_id").agg(moved=units.sum(), posted=units.filter("is_posted").sum())
    return (
        grants.join(moved, on="grant_id", how="left", maintain_order="left")
        .with_columns(
            left_units=pl.col("left_units") + pl.col("moved").fill_null(int128(0)),
            rest_units=pl.col("rest_units") + pl.col("posted").fill_null(int128(0)),
        )
        .drop("moved", "posted")
    )
