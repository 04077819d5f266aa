"""Credits: grants in drawing order, laid over what usage lines owe, rank by rank over all contracts at once (R-30, R-31).

A grant pays claims: the shares of usage lines, window by window. The order of grants for a claim and the order of claims for a
grant are both fixed, so one pass a rank settles every period of every contract: what rank 1 leaves, rank 2 finds. Ranks whose
grants pay whatever their contract owes need no pass each: they lie behind one another, as tiers do, and are laid in one round.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating.arithmetic import exact
from rating.arithmetic.allocation import (
    allocate_to_bands,
    group_cumsum,
    group_first,
    is_group_start,
    overlap,
    with_running_total,
)
from rating.arithmetic.exact import INT, int128
from rating.catalog import Catalog

DIGITS = 10**18  # digits of the cost basis compared at a time; three times that tells any two fractions of R-2's amounts apart


def grant_balances(catalog: Catalog, ledger: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Every grant that is effective by as_of, of approved contracts, with what it holds.

    Out: CREDIT_GRANTS and `currency`, `minor_digits`, `amount_units`, `posted_units` (granted so far by posted entries, null:
    not posted yet), `left_units` (balance once the books' amount is posted) and `may_roll_units` (the most that may still move into the
    next grant: of the maximum, and of what was not rolled in itself unless that may; R-111), in minor units, sorted by grant.
    """
    minor = exact.as_int128("amount") // exact.money_per_minor()
    granted = pl.col("amount_units").filter(pl.col("type").is_in(["grant", "adjustment"])).sum()
    rolled_on = pl.col("amount_units").filter(pl.col("type") == "rollover", pl.col("amount_units") < 0).sum()
    expired = pl.col("amount_units").filter(pl.col("type") == "expiration").sum()
    posted = (
        ledger.filter(pl.col("status") == "posted")
        .join(catalog.contracts.select("contract_id", "minor_digits"), on="contract_id", how="left")
        .with_columns(amount_units=minor)
        .group_by("grant_id")
        .agg(posted_units=granted, balance_units=pl.col("amount_units").sum(), rolled_on=rolled_on, expired=expired)
    )
    approved = catalog.contracts.filter(pl.col("status") == "approved").select("contract_id", "currency", "minor_digits")
    return (
        catalog.credit_grants.filter(pl.col("effective_at") <= as_of)
        .join(approved, on="contract_id")
        .join(posted, on="grant_id", how="left")
        .with_columns(amount_units=minor)
        .with_columns(
            left_units=pl.col("balance_units").fill_null(int128(0))
            + pl.col("amount_units")
            - pl.col("posted_units").fill_null(int128(0)),
            may_roll_units=_may_roll(pl.col("rolled_on").fill_null(int128(0)), pl.col("expired").fill_null(int128(0))),
        )
        .drop("balance_units", "rolled_on", "expired")
        .sort("grant_id")
    )


def _may_roll(rolled_on: pl.Expr, expired: pl.Expr) -> pl.Expr:
    """What may still move on; usage is paid from what was rolled in first, so no more than the grant itself brought is left of it."""
    of_maximum = exact.as_int128("rollover_maximum") // exact.money_per_minor() + rolled_on
    of_its_own = pl.col("amount_units") + rolled_on + expired
    may = pl.when(pl.col("rolls_again").fill_null(value=False)).then(of_maximum)
    return pl.max_horizontal(may.otherwise(pl.min_horizontal(of_maximum, of_its_own)), int128(0)).fill_null(int128(0))


def draw(claims: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Draw grants on claims in the order of R-31.

    claims: `claim` (unique; sorted by it, a contract's claims lie together in the order of payment: period, window, line), `line`
      (what it is a share of), contract_id, meter_code, accrues_from, accrues_to (instants), `open_units` (> 0), `line_units` (what
      the line can still take in all), `is_issued` (whether the draw will be posted), `is_fee` (paid by grants that cover fees).
    grants: contract_id, grant_id, kind, amount_units, price, effective_at, expires_at, applies_to, covers_fees, `left_units`,
      `is_expiring`.
    Out: claim, line, grant_id, `drawn_units` (> 0), by round, claim and rank.
    """
    # a line of one claim needs no laying: it takes no more than it is
    open_claims = claims.sort("claim").with_columns(
        contract_no=pl.col("contract_id").rle_id(), is_split=pl.col("line").is_duplicated()
    )
    ranked = _into_rounds(_ranked(grants.filter(pl.col("left_units") > 0), open_claims), open_claims)
    open_claims = open_claims.drop("contract_id")
    draws = [claims.clear().select("claim", "line", pl.lit("").alias("grant_id"), pl.lit(0, dtype=INT).alias("drawn_units"))]
    rounds = exact.highest(ranked.get_column("round"))
    for n in range(1, rounds + 1):
        draws.append(_draw_round(open_claims, ranked.filter(pl.col("round") == n)))
        if n < rounds:
            open_claims = _less(open_claims, draws[-1])
    return pl.concat(draws)


def _ranked(grants: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Grants of contracts with claims: lowest priority (R-110), soonest expiry (none last), promotional before prepaid, lowest cost
    basis, earliest effective_at, id (R-31)."""
    order = ["priority", "expires_at", "is_prepaid", "basis", "effective_at", "grant_id"]
    numbers = claims.filter(is_group_start("contract_no")).select("contract_id", "contract_no")
    terms = ["effective_at", "expires_at", "applies_to", "is_expiring", "covers_fees"]
    return (
        grants.with_columns(pl.col("priority").fill_null(0), pl.col("covers_fees").fill_null(value=False))
        .select("contract_id", "grant_id", "kind", "left_units", "price", "amount", "priority", *terms)
        .join(numbers, on="contract_id")
        .join(_cost_bases(grants), on=["price", "amount"], how="left", maintain_order="left")
        .with_columns(is_prepaid=pl.col("kind") == "prepaid")
        .sort("contract_no", *order, nulls_last=True)
        .select("contract_no", "grant_id", "left_units", *terms)
    )


def _cost_bases(grants: pl.DataFrame) -> pl.DataFrame:
    """Each price and amount with `basis`, the place of price / amount among all: compared as fractions, digit by digit."""
    price, amount = exact.as_int128("price"), exact.as_int128("amount")
    bases = grants.select("price", "amount").unique().with_columns(basis_0=price // amount, remainder=price % amount)
    digits = ["basis_0", "basis_1", "basis_2", "basis_3"]
    for name in digits[1:]:
        more = pl.col("remainder") * DIGITS
        bases = bases.with_columns((more // amount).alias(name), remainder=more % amount)
    return bases.select("price", "amount", basis=pl.struct(digits).rank("dense"))


def _into_rounds(ranked: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """The grants with their `round`, where they lie behind one another in it (`lower`, `upper`), and whether they are its last.

    Grants in a row that pay every claim of their contract share a round, any other has its own.
    """
    owed = claims.group_by("contract_no").agg(
        pl.col("accrues_from").min(), pl.col("accrues_to").max(), pl.col("is_issued").all(), pl.col("is_fee").any()
    )
    is_alike = _is_in_time() & pl.col("applies_to").is_null() & (pl.col("covers_fees") | ~pl.col("is_fee"))
    return (
        ranked.join(owed, on="contract_no", how="left", maintain_order="left")
        .with_columns(is_alike=is_alike.fill_null(value=False))
        .with_columns(is_first=is_group_start("contract_no") | ~(pl.col("is_alike") & pl.col("is_alike").shift(1)))
        .with_columns(nth=pl.col("is_first").cum_sum(), is_last=pl.col("is_first").shift(-1, fill_value=True))
        .with_columns(round=pl.col("nth") - group_first(pl.col("nth"), "contract_no") + 1)
        .with_columns(upper=group_cumsum(pl.col("left_units"), "nth"))
        .with_columns(lower=pl.col("upper") - pl.col("left_units"))
        .drop("accrues_from", "accrues_to", "is_issued", "is_fee", "is_alike", "is_first", "nth")
    )


def _is_in_time() -> pl.Expr:
    """Whether a grant is in force over a claim's whole time (R-31), both on one row; what expires is posted before any draft draws."""
    return (
        (pl.col("effective_at") <= pl.col("accrues_from"))
        & (pl.col("expires_at").is_null() | (pl.col("expires_at") >= pl.col("accrues_to")))
        & (pl.col("is_issued") | ~pl.col("is_expiring"))
    )


def _draw_round(claims: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """What the grants of one round pay of each contract's claims: in their order, no line more than it can take."""
    # grants of a round are alike, so the last, which knows how far they reach, speaks for all
    terms = grants.filter("is_last").select(
        "contract_no", "effective_at", "expires_at", "applies_to", "is_expiring", "covers_fees", room="upper"
    )
    of_usage = pl.col("applies_to").is_null() | pl.col("meter_code").is_in("applies_to")
    pays = _is_in_time() & pl.when("is_fee").then("covers_fees").otherwise(of_usage)
    eligible = claims.join(terms, on="contract_no", maintain_order="left").filter(pays.fill_null(value=False))
    owed = with_running_total(_capped_by_lines(eligible), "open_units", "contract_no").filter(pl.col("start") < pl.col("room"))
    bands = grants.select("contract_no", "grant_id", "lower", "upper")
    laid = allocate_to_bands(owed.select("claim", "line", "contract_no", "start", "end"), bands, on=["contract_no"])
    return laid.filter(pl.col("overlap") > 0).select("claim", "line", "grant_id", drawn_units="overlap")


def _capped_by_lines(claims: pl.DataFrame) -> pl.DataFrame:
    """The claims, in their order, with `open_units` no more than their line can still take: earlier windows of a line first."""
    alone = claims.with_columns(open_units=pl.min_horizontal("open_units", "line_units"))
    split = claims.filter("is_split").sort("line", "claim").with_columns(lower=int128(0), upper="line_units")
    if split.is_empty():
        return alone
    taken = with_running_total(split, "open_units", "line").select("claim", taken=overlap())
    return (
        alone.join(taken, on="claim", how="left", maintain_order="left")
        .with_columns(open_units=pl.coalesce("taken", "open_units"))
        .drop("taken")
    )


def _less(claims: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    """The claims that are still open after a round, and what they and their lines can still take."""
    zero = int128(0)
    of_claims = drawn.group_by("claim").agg(drawn_units=pl.col("drawn_units").sum())
    of_lines = drawn.group_by("line").agg(line_drawn=pl.col("drawn_units").sum())
    return (
        claims.join(of_claims, on="claim", how="left", maintain_order="left")
        .join(of_lines, on="line", how="left", maintain_order="left")
        .with_columns(
            open_units=pl.col("open_units") - pl.col("drawn_units").fill_null(zero),
            line_units=pl.col("line_units") - pl.col("line_drawn").fill_null(zero),
        )
        .drop("drawn_units", "line_drawn")
        .filter(pl.col("open_units") > 0, pl.col("line_units") > 0)
    )
