"""The ledger: what moves in each grant, and the balance after every movement (R-32, R-33).

Append-only: posted entries are never touched again; this module makes the entries a run adds. Drafts come on top (R-34).
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.exact import INT, int128
from rating.vocabulary import SPENT

# order of the movements of one grant within one run
PHASES = {"grant": 0, "adjustment": 1, "reversal": 2, "usage": 2, "rollover": 2, "expiration": 3}
MOVEMENT = [
    "grant_id",
    "type",
    "units",
    "invoice_id",
    "line_no",
    "occurred_at",
    "is_posted",
    "document_start",
    "order",
    "other_grant_id",
]


def grant_movements(balances: pl.DataFrame, as_of: datetime, is_on: bool) -> pl.DataFrame:
    """Grants that are posted now, and the difference of posted grants whose amount the books have changed (R-32)."""
    is_new = pl.col("posted_units").is_null()
    change = pl.col("amount_units") - pl.col("posted_units").fill_null(int128(0))
    return balances.filter(is_new | (change != 0)).select(
        "grant_id",
        pl.when(is_new).then(pl.lit("grant")).otherwise(pl.lit("adjustment")).alias("type"),
        change.alias("units"),
        pl.lit(None, dtype=pl.String).alias("invoice_id"),
        pl.lit(None, dtype=pl.Int32).alias("line_no"),
        pl.when(is_new).then("effective_at").otherwise(pl.lit(as_of, dtype=tables.INSTANT)).alias("occurred_at"),
        pl.lit(is_on).alias("is_posted"),
        pl.lit(None, dtype=tables.INSTANT).alias("document_start"),
        pl.lit(0, dtype=pl.Int64).alias("order"),
        pl.lit(None, dtype=pl.String).alias("other_grant_id"),
    )


def rollovers(moved: pl.DataFrame) -> pl.DataFrame:
    """What moved from one grant into the next at its expiry: an entry of each (R-111). moved: as `Drawing.rollovers`.

    They are posted after what documents of earlier periods move, and before what later ones do: they have no document, and so come
    before those that begin at the same instant.
    """
    out = moved.select("expires_at", "grant_id", other_grant_id="rolls_into", units=int128(0) - pl.col("units"))
    into = moved.select("expires_at", "units", grant_id="rolls_into", other_grant_id="grant_id").select(out.columns)
    return pl.concat([out, into]).select(
        "grant_id",
        pl.lit("rollover").alias("type"),
        "units",
        pl.lit(None, dtype=pl.String).alias("invoice_id"),
        pl.lit(None, dtype=pl.Int32).alias("line_no"),
        pl.col("expires_at").alias("occurred_at"),
        pl.lit(value=True).alias("is_posted"),
        pl.col("expires_at").alias("document_start"),
        pl.lit(0, dtype=pl.Int64).alias("order"),
        "other_grant_id",
    )


def expiring(balances: pl.DataFrame, issued_periods: pl.DataFrame, periods: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Grants that expire with this run: expired, and their last period before the expiry is issued (R-32). Out: grant_id.

    issued_periods: contract_id, period_start of `period` invoices issued so far and by this run. periods: PERIODS.
    """
    expired = balances.filter(pl.col("expires_at") <= as_of).select("grant_id", "contract_id", "expires_at")
    last_period = (
        expired.join(periods.select("contract_id", "period_start"), on="contract_id")
        .filter(pl.col("period_start") < pl.col("expires_at"))
        .group_by("contract_id", "grant_id")
        .agg(pl.col("period_start").max())
    )
    still_open = last_period.join(issued_periods, on=["contract_id", "period_start"], how="anti")
    return expired.join(still_open, on="grant_id", how="anti").select("grant_id")


def expirations(balances: pl.DataFrame, movements: pl.DataFrame) -> pl.DataFrame:
    """The unused rest of each expiring grant of the balances, after what this run posts on it (R-32)."""
    moved = movements.filter("is_posted", pl.col("type").is_in(SPENT)).group_by("grant_id").agg(pl.col("units").sum())
    rest = balances.filter("is_expiring").join(moved, on="grant_id", how="left")
    rest = rest.with_columns(remainder=pl.col("left_units") + pl.col("units").fill_null(int128(0)))
    return rest.filter(pl.col("remainder") > 0).select(
        "grant_id",
        pl.lit("expiration").alias("type"),
        (int128(0) - pl.col("remainder")).alias("units"),
        pl.lit(None, dtype=pl.String).alias("invoice_id"),
        pl.lit(None, dtype=pl.Int32).alias("line_no"),
        pl.col("expires_at").alias("occurred_at"),
        pl.lit(value=True).alias("is_posted"),
        pl.lit(None, dtype=tables.INSTANT).alias("document_start"),
        pl.lit(0, dtype=pl.Int64).alias("order"),
        pl.lit(None, dtype=pl.String).alias("other_grant_id"),
    )


def entries(movements: pl.DataFrame, balances: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """RATED_ENTRIES of this run: posted first, then drafts, each with the balance of its grant after it.

    movements: MOVEMENT columns; documents settle in the order of document_start and invoice_id, and `order` is the place of a usage
    or reversal among the movements of its document. Units: minor units, signed.
    """
    phase = pl.col("type").replace_strict(PHASES, return_dtype=pl.Int32)
    before = balances.select(
        "grant_id",
        "contract_id",
        "currency",
        "minor_digits",
        "credit_rate",
        balance_before=pl.col("left_units") - _still_to_post(),
    )
    ordered = (
        movements.join(before, on="grant_id")
        .with_columns(phase=phase, is_draft=~pl.col("is_posted"))
        .sort("is_draft", "phase", "document_start", "invoice_id", "order", "grant_id")
        .with_columns(balance_units=pl.col("balance_before") + pl.col("units").cum_sum().over("grant_id"))
        .with_columns(
            amount=exact.decimal(pl.col("units") * exact.money_per_minor(), tables.MONEY),
            balance_after=exact.decimal(pl.col("balance_units") * exact.money_per_minor(), tables.MONEY),
        )
    )
    units = _credits(pl.col("balance_units") * exact.money_per_minor()) - _credits(
        (pl.col("balance_units") - pl.col("units")) * exact.money_per_minor()
    )
    happened = pl.coalesce(
        pl.concat_str("invoice_id", pl.lit("#"), pl.col("line_no").cast(pl.String)),
        pl.concat_str("other_grant_id", pl.lit(":"), pl.lit(as_of.isoformat())),
        pl.when(pl.col("type") != "grant").then(pl.lit(as_of.isoformat())),
    )
    return tables.RATED_ENTRIES.require(
        ordered.with_columns(
            entry_id=pl.concat_str([pl.col("grant_id"), pl.col("type"), happened], separator=":", ignore_nulls=True),
            credits=exact.decimal(units, tables.QUANTITY),
            status=pl.when("is_posted").then(pl.lit("posted")).otherwise(pl.lit("draft")),
        ).select(tables.RATED_ENTRIES.names)
    )


def _still_to_post() -> pl.Expr:
    return pl.col("amount_units") - pl.col("posted_units").fill_null(int128(0))


def _credits(money: pl.Expr) -> pl.Expr:
    """Units of a balance, money / credit_rate, rounded half away from zero to 9 decimals; null for a money grant (R-33)."""
    rate = pl.col("credit_rate").reinterpret(dtype=INT)
    # 1e-4 of money over 1e-12 of rate, to 1e-9 of a unit
    scaled = money * int128(10**17)
    return (scaled * 2 + rate) // (rate * 2)
