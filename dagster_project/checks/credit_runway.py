"""When wallets run dry: what each contract's credits hold, how fast they are drawn, and which comes first, their end or their lapse.

A wallet is all grants of one contract together; grants that pay some meters only are not looked at one by one. The outlook goes
on as things went: no usage is foreseen, no grant that is not in force yet is counted. It moves no money and writes no ledger.

What belongs here: the arithmetic, over all contracts at once. What does not: reading (`queries/credit_history.py`) and looks (`cli/`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating import calendar, tables
from rating.arithmetic import exact
from rating.vocabulary import DRAWN

PERIODS_LOOKED_AT = 3
# a wallet that outlives this at its present pace is not said to run dry
CENTURY = 36_500

OUTLOOKS = tables.Table(
    "wallet_outlooks",
    "the wallet of one contract that has ever been granted credits, as it stands and as it will fare at the present pace",
    ("contract_id",),
    (
        tables.Column("contract_id", tables.TEXT, "id of the contract"),
        tables.Column("currency", tables.TEXT, "ISO 4217 code"),
        tables.Column("minor_digits", tables.SMALL, "decimals of the currency's minor unit"),
        tables.Column("grants", tables.TEXTS, "grants that hold something, soonest lapse first"),
        tables.Column("held", tables.MONEY, "what they hold once drafts have drawn"),
        tables.Column("drawn", tables.MONEY, "what usage drew, less what came back, in the `days` looked at; drafts count"),
        tables.Column("days", tables.SMALL, "local days looked at: those begun of the last three started billing periods"),
        tables.Column("last_day", tables.DATE, "local day of as_of: the outlook begins with the next"),
        tables.Column(
            "until", tables.DATE, "local day on which the last of them lapses or the contract ends; null: never", True
        ),
        tables.Column("runs_dry_on", tables.DATE, "local day on which nothing is left; null: it lapses first, or never", True),
        tables.Column("unused", tables.MONEY, "what will have lapsed unused by then, rounded down to the minor unit"),
        tables.Column("next_grant_on", tables.DATE, "local day on which the next grant of the books takes effect", True),
    ),
)


def outlooks(
    ledger: pl.DataFrame, invoices: pl.DataFrame, grants: pl.DataFrame, contracts: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """OUTLOOKS of every contract in the ledger, sorted by contract.

    ledger: CREDIT_LEDGER, drafts included. invoices: INVOICES, drafts included. grants: CREDIT_GRANTS. contracts: CONTRACTS.
    """
    zones = contracts.select("contract_id", "currency", "minor_digits", "timezone", "end_date")
    wallets = _grants(ledger, grants, zones)
    pace = _pace(ledger, invoices, wallets, zones, as_of)
    whole = _together(wallets.filter(pl.col("held") > 0).join(pace, on="contract_id"))
    found = pace.join(whole, on="contract_id", how="left").join(
        _next_grants(grants, zones, as_of), on="contract_id", how="left"
    )
    zero = exact.int128(0)
    return OUTLOOKS.frame(
        found.with_columns(
            pl.col("grants").fill_null([]),
            held=exact.decimal(pl.col("held").fill_null(zero), tables.MONEY),
            drawn=exact.decimal("drawn", tables.MONEY),
            unused=exact.decimal(pl.col("unused").fill_null(zero), tables.MONEY),
        ).sort("contract_id")
    )


def prospect(outlook: dict[str, Any]) -> str:
    """What becomes of a wallet, as the end of a sentence about it. outlook: one row of OUTLOOKS."""
    drawn, unused = (money(outlook[column], outlook) for column in ("drawn", "unused"))
    pace = f"at the present pace ({drawn} in {outlook['days']} days)"
    until, dry = outlook["until"], outlook["runs_dry_on"]
    if not outlook["held"]:
        said = "holds nothing"
    elif dry is not None:
        early = (until - dry).days if until is not None else 0
        before = f", {early} days before it lapses" if early > 1 else ""
        lapsed = f", after {unused} of it lapsed unused" if outlook["unused"] else ""
        said = f"runs dry on {dry} {pace}{before}{lapsed}"
    elif until is not None:
        said = f"lapses on {until} with {unused} unused {pace}"
    else:
        said = f"never lapses, and lasts for more than {CENTURY // 365} years {pace}"
    following = outlook["next_grant_on"]
    return f"{said}; the next grant takes effect on {following}" if following is not None else said


def money(amount: Decimal, outlook: dict[str, Any]) -> str:
    """An amount in the currency of an outlook, to its minor unit."""
    return f"{amount:,.{outlook['minor_digits']}f} {outlook['currency']}"


def _grants(ledger: pl.DataFrame, grants: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    """contract_id, grant_id, held (1e-4 of the currency), from_day, until: every grant that the ledger knows."""
    # a grant never holds more than its amount, which is under 1e15: no sum here or below can wrap
    held = ledger.group_by("contract_id", "grant_id").agg(held=exact.as_int128("amount").sum())
    known = held.join(grants.select("grant_id", "effective_at", "expires_at"), on="grant_id").join(zones, on="contract_id")
    return _local(_local(known, "effective_at", "from_day"), "expires_at", "lapse").select(
        "contract_id", "grant_id", "held", "from_day", until=pl.min_horizontal("lapse", "end_date")
    )


def _pace(
    ledger: pl.DataFrame, invoices: pl.DataFrame, wallets: pl.DataFrame, zones: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """Each contract that has a wallet: its zone's columns, last_day, days looked at (at least 1) and what was drawn in them."""
    periods = (
        invoices.filter(pl.col("kind") == "period", pl.col("period_start") < as_of)
        .sort("contract_id", "period_start")
        .group_by("contract_id", maintain_order=True)
        .tail(PERIODS_LOOKED_AT)
        .join(zones, on="contract_id")
        .with_columns(last=pl.col("period_end") - calendar.ONE_MICROSECOND)
    )
    days = (
        _local(_local(periods, "period_start", "first_day"), "last", "end_day")
        .group_by("contract_id")
        .agg(pl.col("first_day").min(), pl.col("end_day").max())
    )
    # an adjustment carries the period of the invoice it corrects, so what it gives back counts there
    draws = (
        ledger.filter(pl.col("type").is_in(DRAWN))
        .join(invoices.select("invoice_id", "period_start"), on="invoice_id")
        .join(periods, on=["contract_id", "period_start"], how="semi")
        .group_by("contract_id")
        .agg(drawn=exact.int128(0) - exact.as_int128("amount").sum())
    )
    now = pl.lit(as_of, dtype=tables.INSTANT) - calendar.ONE_MICROSECOND
    begun = wallets.group_by("contract_id").agg(pl.col("from_day").min())
    return (
        _local(begun.join(zones, on="contract_id").with_columns(now=now), "now", "last_day")
        .join(days, on="contract_id", how="left")
        .join(draws, on="contract_id", how="left")
        .with_columns(
            pl.max_horizontal("drawn", exact.int128(0)).fill_null(exact.int128(0)),
            # before its first grant a wallet cannot be drawn on, so those days say nothing about the pace
            days=_days(pl.max_horizontal("first_day", "from_day"), pl.min_horizontal("end_day", "last_day")).clip(0) + 1,
        )
        .with_columns(pl.col("days").fill_null(1).cast(tables.SMALL))
        .select("contract_id", "currency", "minor_digits", "last_day", "days", "drawn")
    )


def _together(grants: pl.DataFrame) -> pl.DataFrame:
    """contract_id, grants, held, until, runs_dry_on, unused: the grants of each contract drawn one after the other at its pace.

    With `total` held by the grants up to one that lapses after n days, total - pace × n of them is left over at the least;
    whatever was left over at an earlier lapse is gone as well, so the largest of these has lapsed by then. All is counted
    `days` times over, which keeps it in integers.
    """
    zero = exact.int128(0)
    days_left = _days(pl.col("last_day"), pl.col("until")).sub(1).clip(0).cast(exact.INT)
    over = (pl.col("total") * pl.col("days") - pl.col("drawn") * days_left).fill_null(zero)
    laid = (
        grants.sort("contract_id", "until", "grant_id", nulls_last=True)
        .with_columns(pl.col("days").cast(exact.INT), total=pl.col("held").cum_sum().over("contract_id"))
        .with_columns(over=pl.max_horizontal(over, zero))
        .with_columns(lapsed=pl.col("over").cum_max().over("contract_id"))
        .with_columns(before=pl.col("lapsed").shift(1, fill_value=0).over("contract_id"))
    )
    used = pl.col("held") * pl.col("days") - pl.col("lapsed")
    last_days = (used + pl.col("drawn") - 1) // pl.max_horizontal("drawn", exact.int128(1))
    runs_dry = (pl.col("drawn") > 0) & (pl.col("lapsed") == pl.col("before")) & (last_days <= CENTURY)
    unit = exact.money_per_minor()
    return (
        laid.group_by("contract_id", maintain_order=True)
        .agg(
            pl.col("held").sum(),
            pl.col("last_day", "days", "drawn", "minor_digits", "until", "lapsed", "before").last(),
            grants=pl.col("grant_id"),
        )
        .with_columns(
            runs_dry_on=pl.when(runs_dry).then(pl.col("last_day") + pl.duration(days=last_days.cast(pl.Int64))),
            unused=pl.col("lapsed") // pl.col("days") // unit * unit,
        )
        .select("contract_id", "grants", "held", "until", "runs_dry_on", "unused")
    )


def _next_grants(grants: pl.DataFrame, zones: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """contract_id, next_grant_on: the first grant of each contract that takes effect after as_of."""
    coming = grants.filter(pl.col("effective_at") > as_of).group_by("contract_id").agg(pl.col("effective_at").min())
    return _local(coming.join(zones, on="contract_id"), "effective_at", "next_grant_on").select("contract_id", "next_grant_on")


def _local(frame: pl.DataFrame, instant: str, into: str) -> pl.DataFrame:
    return frame.with_columns(calendar.local_dates(frame.get_column(instant), frame.get_column("timezone")).alias(into))


def _days(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    return (end - start).dt.total_days()
