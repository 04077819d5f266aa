"""Credits: grants in drawing order, laid over what usage lines owe, rank by rank over all contracts at once (R-30, R-31).

A grant pays claims: the shares of usage lines, window by window. The order of grants for a claim and the order of claims for a
grant are both fixed, so one pass a rank settles every period of every contract: what rank 1 leaves, rank 2 finds.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating import exact
from rating.allocation import inside, running
from rating.books import Books
from rating.exact import INT, integer

DIGITS = 10**18  # digits of the cost basis compared at a time; three times that tells any two fractions of R-2's amounts apart


def wallet(books: Books, ledger: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Every grant that is effective by as_of, of approved contracts, with what it holds.

    Out: CREDIT_GRANTS and `currency`, `minor_digits`, `amount_units`, `posted_units` (granted so far by posted entries, null:
    not posted yet) and `left_units` (balance once the books' amount is posted), in minor units, sorted by grant.
    """
    minor = exact.physical("amount") // exact.money_per_minor()
    granted = pl.col("amount_units").filter(pl.col("type").is_in(["grant", "adjustment"])).sum()
    posted = (
        ledger.filter(pl.col("status") == "posted")
        .join(books.contracts.select("contract_id", "minor_digits"), on="contract_id", how="left")
        .with_columns(amount_units=minor)
        .group_by("grant_id")
        .agg(posted_units=granted, balance_units=pl.col("amount_units").sum())
    )
    approved = books.contracts.filter(pl.col("status") == "approved").select("contract_id", "currency", "minor_digits")
    return (
        books.credit_grants.filter(pl.col("effective_at") <= as_of)
        .join(approved, on="contract_id")
        .join(posted, on="grant_id", how="left")
        .with_columns(amount_units=minor)
        .with_columns(
            left_units=pl.col("balance_units").fill_null(integer(0))
            + pl.col("amount_units")
            - pl.col("posted_units").fill_null(integer(0))
        )
        .drop("balance_units")
        .sort("grant_id")
    )


def draw(claims: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Draw grants on claims in the order of R-31.

    claims: `claim` (unique), `line` (the line it is a share of), contract_id, meter_code, accrues_from, accrues_to (instants),
      `order` (position among the contract's claims: period, window, line), `open_units` (> 0), `line_units` (what the line can
      still take in all), `is_issued` (whether the draw will be posted).
    grants: contract_id, grant_id, kind, amount_units, price, effective_at, expires_at, applies_to, `left_units`, `is_lapsing`.
    Out: claim, line, grant_id, `drawn_units` (> 0).
    """
    ranked = _ranked(
        grants.filter(pl.col("left_units") > 0).join(claims.select("contract_id").unique(), on="contract_id", how="semi")
    )
    # a line of one claim needs no laying: it takes no more than it is
    open_claims = claims.sort("contract_id", "order").with_columns(is_split=pl.len().over("line") > 1).with_row_index("nth")
    draws = []
    for rank in range(1, exact.highest(ranked.get_column("rank")) + 1):
        drawn = _draw_one(open_claims, ranked.filter(pl.col("rank") == rank))
        if drawn.height:
            draws.append(drawn)
            open_claims = _less(open_claims, drawn)
    empty = claims.clear().select("claim", "line", pl.lit("").alias("grant_id"), pl.lit(0, dtype=INT).alias("drawn_units"))
    return pl.concat([empty, *draws])


def _ranked(grants: pl.DataFrame) -> pl.DataFrame:
    """Soonest expiry (none last), promotional before prepaid, lowest cost basis, earliest effective_at, id (R-31)."""
    price, amount = exact.physical("price"), exact.physical("amount")
    basis = grants.with_columns(basis_0=price // amount, basis_rest=price % amount)
    for digits in ("basis_1", "basis_2", "basis_3"):
        more = pl.col("basis_rest") * DIGITS
        basis = basis.with_columns((more // amount).alias(digits), basis_rest=more % amount)
    order = ["expires_at", "is_prepaid", "basis_0", "basis_1", "basis_2", "basis_3", "effective_at", "grant_id"]
    return (
        basis.with_columns(is_prepaid=pl.col("kind") == "prepaid")
        .sort("contract_id", *order, nulls_last=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("contract_id"))
        .select("contract_id", "grant_id", "effective_at", "expires_at", "applies_to", "is_lapsing", "left_units", "rank")
    )


def _draw_one(claims: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """What the one grant of each contract pays of the contract's claims: in their order, no line more than it can take."""
    pays = (
        (pl.col("open_units") > 0)
        & (pl.col("effective_at") <= pl.col("accrues_from"))
        & (pl.col("expires_at").is_null() | (pl.col("expires_at") >= pl.col("accrues_to")))
        & (pl.col("applies_to").is_null() | pl.col("meter_code").is_in("applies_to"))
        # what lapses is posted before any draft draws
        & (pl.col("is_issued") | ~pl.col("is_lapsing"))
    )
    eligible = claims.join(grants, on="contract_id", maintain_order="left").filter(pays.fill_null(value=False))
    capped = _capped_by_lines(eligible).with_columns(lower=integer(0), upper="left_units")
    laid = running(capped, "open_units", "contract_id").with_columns(drawn_units=inside())
    return laid.filter(pl.col("drawn_units") > 0).select("claim", "line", "grant_id", "drawn_units")


def _capped_by_lines(claims: pl.DataFrame) -> pl.DataFrame:
    """The claims, in their order, with `open_units` no more than their line can still take: earlier windows of a line first."""
    alone = claims.with_columns(open_units=pl.min_horizontal("open_units", "line_units"))
    split = claims.filter("is_split").sort("line", "nth").with_columns(lower=integer(0), upper="line_units")
    if split.is_empty():
        return alone
    room = running(split, "open_units", "line").select("nth", room=inside())
    return (
        alone.join(room, on="nth", how="left", maintain_order="left")
        .with_columns(open_units=pl.coalesce("room", "open_units"))
        .drop("room")
    )


def _less(claims: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    of_lines = drawn.group_by("line").agg(line_drawn=pl.col("drawn_units").sum())
    zero = integer(0)
    return (
        claims.join(drawn.select("claim", "drawn_units"), on="claim", how="left", maintain_order="left")
        .join(of_lines, on="line", how="left", maintain_order="left")
        .with_columns(
            open_units=pl.col("open_units") - pl.col("drawn_units").fill_null(zero),
            line_units=pl.col("line_units") - pl.col("line_drawn").fill_null(zero),
        )
        .drop("drawn_units", "line_drawn")
        .filter(pl.col("open_units") > 0, pl.col("line_units") > 0)
    )
