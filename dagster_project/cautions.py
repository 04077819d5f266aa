"""What is allowed but deserves a person's look: warnings, with their likely cause. None of them stops a run.

What belongs here: judgement over the frames of a run. What does not: laws (`proofs.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from dagster_project.outlook import money, prospect
from rating import tables
from rating.books import Books
from rating.documents import Documents
from rating.invoicing.headers import period_headers
from rating.rate import Months
from rating.vocabulary import SETTLED

# a wallet that never lapses lasts for as long as it lasts: only its last quarter is worth a word
DAYS_AHEAD = 90
MOST_SAID = 20


@dataclass(frozen=True, slots=True)
class Caution:
    """What was looked at, in sentences where something was found; `rows` show it."""

    name: str
    sentences: tuple[str, ...] = ()
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)


def of_this_run(documents: Documents, as_of: datetime) -> Documents:
    """The documents that the run of as_of made: its drafts and what it issued."""
    invoices = documents.invoices.filter((pl.col("status") == "draft") | (pl.col("issued_at") == as_of))
    lines = documents.lines.join(invoices, on="invoice_id", how="semi", maintain_order="left")
    return Documents(invoices, lines, tables.TIER_CHARGES.empty(), tables.LINE_SHARES.empty(), documents.ledger)


def fallback_share(documents: Documents, books: Books, near_misses: pl.DataFrame) -> Caution:
    """Meters with more than `fallback_warning_share` of their quantity or of their money at the fallback, and why that may be; below
    that share, values that look like values of the card.

    near_misses: wanted_property, found_property, events. Corrections count by their size.
    """
    lines = documents.lines.filter(
        pl.col("kind") == "usage", pl.col("rate_source").is_in(["override", "rate_card", "fallback"])
    ).join(documents.invoices.select("invoice_id", "currency"), on="invoice_id", how="left")
    is_fallback = pl.col("rate_source") == "fallback"
    figures = {"quantity": pl.col("quantity").abs(), "amount": pl.col("amount").abs(), "events": pl.col("event_count")}
    # sums of amounts under 1e15 and quantities of as many rows as fit memory stay within 38 digits
    shares = (
        lines.group_by("meter_code", "currency")
        .agg(
            *(figure.sum().alias(name) for name, figure in figures.items()),
            *(figure.filter(is_fallback).sum().alias(f"fallback_{name}") for name, figure in figures.items()),
        )
        .filter(pl.col("fallback_events") > 0)
        .sort("meter_code", "currency")
    )
    causes = likely_causes(lines.filter(is_fallback), books, near_misses)
    threshold, sentences, kept = books.settings.fallback_warning_share, [], []
    for row in shares.iter_rows(named=True):
        code = row["meter_code"]
        why = "; ".join(causes.get(code, []))
        over = any(row[f"fallback_{name}"] > row[name] * threshold for name in ("quantity", "amount"))
        if over:
            sentences.append(
                f"{_at_fallback(row)}; {why}." if why else f"{_at_fallback(row)}: no entry of the rate card matches."
            )
        elif code in causes:
            sentences.append(f"{code}: {why}; that usage was rated at the fallback.")
        kept.append(over or code in causes)
    return Caution("fallback_share", tuple(sentences), shares.filter(pl.Series(kept, dtype=pl.Boolean)))


def _at_fallback(row: dict[str, Any]) -> str:
    quantity, amount = (_percent(row[f"fallback_{name}"], row[name]) for name in ("quantity", "amount"))
    sum_of_money = f"{_decimals(row['fallback_amount'])} of {_decimals(row['amount'])}" + (
        f" {row['currency']}" if row["currency"] else ""
    )
    return (
        f"{row['meter_code']}: {quantity} of the quantity and {amount} of the money ({sum_of_money}) were rated at the fallback, "
        f"{row['fallback_events']:,} of {row['events']:,} events"
    )


def likely_causes(at_fallback: pl.DataFrame, books: Books, near_misses: pl.DataFrame) -> dict[str, list[str]]:
    """For each meter, what a sender may have misspelt: properties first, then values. at_fallback: INVOICE_LINES."""
    causes: dict[str, list[str]] = {}
    wanted = books.meters.select("meter_code", wanted_property="group_keys").explode("wanted_property").drop_nulls()
    missed = (
        wanted.join(near_misses, on="wanted_property")
        .group_by("meter_code", "wanted_property", "found_property")
        .agg(pl.col("events").sum())
    )
    for code, property_, found, events in missed.sort("events", descending=True).iter_rows():
        causes.setdefault(code, []).append(f"property `{found}` looks like group key `{property_}` ({events:,} events)")
    for code, key, found, known, events in _misspelt_values(at_fallback, books).iter_rows():
        causes.setdefault(code, []).append(f"`{key}` value `{found}` looks like `{known}` ({events:,} events)")
    return causes


def _misspelt_values(at_fallback: pl.DataFrame, books: Books) -> pl.DataFrame:
    """meter_code, group_key, found, known, events: values that equal a card's value but for case and punctuation."""
    keys = books.meters.select("meter_code", group_key="group_keys").explode("group_key").drop_nulls()
    keys = keys.with_columns(place=pl.int_range(pl.len()).over("meter_code"))
    values = pl.int_ranges(0, pl.col("group_values").list.len())
    seen = (
        at_fallback.select("meter_code", "group_values", "event_count", place=values)
        .explode("group_values", "place")
        .group_by("meter_code", "place", found="group_values")
        .agg(events=pl.col("event_count").sum())
    )
    cards = books.rate_cards.select("rate_card_code", "meter_code").unique()
    known = (
        books.rate_card_entries.join(cards, on="rate_card_code")
        .select("meter_code", "group_values", place=values)
        .explode("group_values", "place")
        .select("meter_code", "place", known="group_values")
        .unique()
        .drop_nulls()
    )
    return (
        seen.drop_nulls("found")
        .join(known, on=["meter_code", "place"])
        .filter(pl.col("found") != pl.col("known"), _folded("found") == _folded("known"))
        .join(
            seen.join(known, left_on=["meter_code", "place", "found"], right_on=["meter_code", "place", "known"], how="semi"),
            on=["meter_code", "place", "found"],
            how="anti",
        )
        .join(keys, on=["meter_code", "place"])
        .sort("events", "meter_code", "found", descending=[True, False, False])
        .select("meter_code", "group_key", "found", "known", "events")
    )


def long_documents(documents: Documents, books: Books) -> Caution:
    """Documents with more lines than `line_warning_count`."""
    most = books.settings.line_warning_count
    long = (
        documents.lines.group_by("invoice_id")
        .agg(lines=pl.len())
        .filter(pl.col("lines") > most)
        .join(documents.invoices.select("invoice_id", "number", "contract_id"), on="invoice_id")
        .sort("lines", "invoice_id", descending=[True, False])
        .select("contract_id", pl.coalesce("number", "invoice_id").alias("document"), "lines")
    )
    if long.is_empty():
        return Caution("long_documents")
    contract, document, lines = long.row(0)
    said = f"{_counted(long.height, 'document')} with more than {most} lines, the longest {lines:,} ({document} of {contract})."
    return Caution("long_documents", (f"{said} Fewer group keys or merged values make them readable.",), long)


def months_left_behind(books: Books, periods: pl.DataFrame, issued: Documents, as_of: datetime, months: Months) -> Caution:
    """Periods of months before the chosen ones that are due and not issued: numbers and credits go by the order of issue.

    periods: PERIODS. issued: every document issued so far.
    """
    if months.first is None:
        return Caution("months_left_behind")
    left = (
        period_headers(books, periods)
        .filter(pl.col("month") < months.first, pl.col("due_from") <= as_of)
        .join(issued.invoices, on="invoice_id", how="anti")
        .group_by("month")
        .agg(periods=pl.len())
        .sort("month")
    )
    if left.is_empty():
        return Caution("months_left_behind")
    count, first = _counted(int(left.get_column("periods").sum()), "period"), left.item(0, "month")
    said = f"{count} of earlier months, from {first} on, due and not issued: `meterhouse run` rates every month in order."
    return Caution("months_left_behind", (said,), left)


def unmatched_events(dispositions: pl.DataFrame) -> Caution:
    """Events that nobody is billed for. dispositions: event_name, disposition, events."""
    unmatched = dispositions.filter(~pl.col("disposition").is_in(SETTLED), pl.col("events") > 0).sort("events", descending=True)
    sentences = tuple(
        f"{_counted(events, 'event')} `{name}`: {disposition}." for name, disposition, events in unmatched.iter_rows()
    )
    return Caution("unmatched_events", sentences, unmatched)


def quarantined_lines(reasons: pl.DataFrame) -> Caution:
    """Lines that are no event. reasons: reason, lines."""
    found = reasons.filter(pl.col("lines") > 0).sort("lines", descending=True)
    return Caution(
        "quarantined_lines",
        tuple(f"{_counted(lines, 'line')} in quarantine: {reason}." for reason, lines in found.iter_rows()),
        found,
    )


def depleted_grants(documents: Documents) -> Caution:
    """Contracts that prepaid and have nothing left, while no document of theirs says so."""
    left = documents.ledger.group_by("contract_id", "grant_id", maintain_order=True).agg(
        pl.col("balance_after").last(), pl.col("type").last()
    )
    contracts = left.group_by("contract_id").agg(
        left=pl.col("balance_after").sum(), lapsed=(pl.col("type") == "expiration").all()
    )
    depleted = contracts.filter(pl.col("left") == 0, ~pl.col("lapsed")).select("contract_id").sort("contract_id")
    sentences = tuple(
        f"{contract}: its credits are used up; further usage is due in full." for (contract,) in depleted.iter_rows()
    )
    return Caution("depleted_grants", sentences, depleted)


def wallets_running_dry(outlooks: pl.DataFrame) -> Caution:
    """Wallets that still hold something and will not last until they lapse, with no grant to come before that day.

    outlooks: OUTLOOKS. Those that never lapse are named when they run dry in fewer than 90 days.
    """
    dry, until = pl.col("runs_dry_on"), pl.col("until")
    last_day_to_pay = pl.coalesce(until - pl.duration(days=1), pl.col("last_day") + pl.duration(days=DAYS_AHEAD))
    running = outlooks.filter(dry < last_day_to_pay, pl.col("next_grant_on").is_null() | (pl.col("next_grant_on") > dry)).sort(
        "runs_dry_on", "contract_id"
    )
    sentences = [
        f"{wallet['contract_id']}: its credits ({', '.join(wallet['grants'])}) hold {money(wallet['held'], wallet)}; "
        f"the wallet {prospect(wallet)}."
        for wallet in running.head(MOST_SAID).iter_rows(named=True)
    ]
    if running.height > MOST_SAID:
        sentences.append(f"{_counted(running.height - MOST_SAID, 'more wallet')} will run dry later than these.")
    return Caution("wallets_running_dry", tuple(sentences), running)


def _folded(column: str) -> pl.Expr:
    return pl.col(column).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s_.-]", "")


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _decimals(amount: Decimal) -> str:
    """Two decimals, or as many as there are."""
    whole, _, decimals = f"{amount:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _percent(part: Decimal | int, whole: Decimal | int) -> str:
    return f"{Decimal(100 * part) / Decimal(whole) if whole else Decimal(0):.1f} %"
