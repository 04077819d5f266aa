"""What is allowed but deserves a person's look: warnings, with their likely cause. None of them stops a run.

What belongs here: judgement over the frames of a run. What does not: laws (`invariants.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from dagster_project.checks.credit_runway import money, prospect
from dagster_project.landing import NOT_READ, Remark
from rating.books import Books
from rating.documents import Documents
from rating.invoicing.headers import period_headers
from rating.rate import Months
from rating.vocabulary import SETTLED

# a wallet that never lapses lasts for as long as it lasts: only its last quarter is worth a word
DAYS_AHEAD = 90

HIGH, MEDIUM, LOW = "high", "medium", "low"  # billed wrongly or not at all; may be; worth knowing


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that deserves a look: a row of marts.attention.

    subject: what it is about; with `code` what one acknowledges. amount: money at stake. file, position: of an example. first_seen:
    when what it is about was first received; None where that is no event or file. is_of_file: about a landed file: said by the run
    that landed it, and kept.
    """

    code: str
    subject: str
    sentence: str
    severity: str = MEDIUM
    count: int = 1
    amount: Decimal | None = None
    currency: str | None = None
    file: str | None = None
    position: int | None = None
    first_seen: datetime | None = None
    is_of_file: bool = False


@dataclass(frozen=True, slots=True)
class Caution:
    """What was looked at, and what was found; `rows` show it."""

    name: str
    looks: tuple[Look, ...] = ()
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(look.sentence for look in self.looks)


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
    threshold = books.settings.fallback_warning_share
    looks: list[Look] = []
    kept: list[bool] = []
    for row in shares.iter_rows(named=True):
        code = row["meter_code"]
        why = "; ".join(causes.get(code, []))
        over = any(row[f"fallback_{name}"] > row[name] * threshold for name in ("quantity", "amount"))
        sentence = None
        if over:
            sentence = f"{_at_fallback(row)}; {why}." if why else f"{_at_fallback(row)}: no entry of the rate card matches."
        elif any("looks like" in cause for cause in causes.get(code, [])):
            sentence = f"{code}: {why}; that usage was rated at the fallback."
        if sentence:
            at_stake = {"amount": row["fallback_amount"], "currency": row["currency"]}
            looks.append(Look("fallback_share", code, sentence, HIGH, row["fallback_events"], **at_stake))
        kept.append(sentence is not None)
    return Caution("fallback_share", tuple(looks), shares.filter(pl.Series(kept, dtype=pl.Boolean)))


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
    by = ["events", "meter_code", "wanted_property", "found_property"]
    for code, property_, found, events in missed.sort(by, descending=[True, False, False, False]).iter_rows():
        causes.setdefault(code, []).append(f"property `{found}` looks like group key `{property_}` ({events:,} events)")
    for code, key, events in _missing_values(at_fallback, books).iter_rows():
        # a property of nearly that name says more
        if code not in causes:
            causes[code] = [f"{_counted(events, 'event')} have no value for `{key}`"]
    for code, key, found, known, events in _misspelt_values(at_fallback, books).iter_rows():
        causes.setdefault(code, []).append(f"`{key}` value `{found}` looks like `{known}` ({events:,} events)")
    return causes


def _missing_values(at_fallback: pl.DataFrame, books: Books) -> pl.DataFrame:
    """meter_code, group_key, events: keys that most of a meter's usage at the fallback has no value of."""
    keys = books.meters.select("meter_code", group_key="group_keys").explode("group_key").drop_nulls()
    keys = keys.with_columns(place=pl.int_range(pl.len()).over("meter_code"))
    return (
        at_fallback.select(
            "meter_code", "group_values", "event_count", place=pl.int_ranges(0, pl.col("group_values").list.len())
        )
        .explode("group_values", "place")
        .group_by("meter_code", "place")
        .agg(
            events=pl.col("event_count").filter(pl.col("group_values").is_null()).sum(),
            present=pl.col("event_count").filter(pl.col("group_values").is_not_null()).sum(),
        )
        .filter(pl.col("events") > pl.col("present"))
        .join(keys, on=["meter_code", "place"])
        .sort("meter_code", "place")
        .unique("meter_code", keep="first", maintain_order=True)
        .select("meter_code", "group_key", "events")
    )


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
        .sort("events", "meter_code", "place", "found", "known", descending=[True, False, False, False, False])
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
    sentence = f"{said} Fewer group keys or merged values make them readable."
    return Caution("long_documents", (Look("long_documents", document, sentence, LOW, long.height),), long)


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
    return Caution("months_left_behind", (Look("months_left_behind", first, said, MEDIUM),), left)


def unmatched_events(dispositions: pl.DataFrame) -> Caution:
    """Events that nobody is billed for. dispositions: event_name, disposition, events, and of an example file, position, first_seen
    (where there is one)."""
    unmatched = dispositions.filter(~pl.col("disposition").is_in(SETTLED), pl.col("events") > 0).sort(
        "events", "event_name", "disposition", descending=[True, False, False]
    )
    looks = tuple(
        Look(
            row["disposition"],
            row["event_name"],
            f"{_counted(row['events'], 'event')} `{row['event_name']}`: {row['disposition']}.",
            HIGH,
            row["events"],
            **_example(row),
        )
        for row in unmatched.iter_rows(named=True)
    )
    return Caution("unmatched_events", looks, unmatched)


def unread_quantities(failures: pl.DataFrame) -> Caution:
    """Meters that found no quantity in events. failures: meter_code, event_name, property, is_computed (it is a formula, or rounded),
    events, file, position, first_seen, value (JSON text of an example's; null: the property is missing)."""
    looks = []
    for row in failures.sort("events", "meter_code", "event_name", descending=[True, False, False]).iter_rows(named=True):
        value = f"is {row['value']}" if row["value"] not in (None, "null") else "is missing"
        value = "gives no number" if row["is_computed"] and row["value"] is None else value
        looks.append(
            Look(
                "bad_quantity",
                f"{row['meter_code']}/{row['event_name']}",
                f"{row['meter_code']}: {_counted(row['events'], 'event')} of `{row['event_name']}` have no readable quantity: "
                f"`{row['property']}` {value} ({row['file']}:{row['position']}).",
                HIGH,
                row["events"],
                **_example(row),
            )
        )
    return Caution("unread_quantities", tuple(looks), failures)


def quarantined_lines(lines: pl.DataFrame) -> Caution:
    """Lines that are no event, one look a file and kind of reason. lines: file, kind, lines, reason and position of the first,
    first_seen."""
    found = lines.filter(pl.col("lines") > 0).sort("lines", "file", "kind", descending=[True, False, False])
    looks = tuple(
        Look(
            "quarantined_lines",
            f"{row['file']}: {row['kind']}",
            f"{_counted(row['lines'], 'line')} of {row['file']} in quarantine: {row['reason']}"
            + (f" (line {row['position']})." if row["lines"] == 1 else f" (line {row['position']}, for example)."),
            HIGH,
            row["lines"],
            **_example(row),
        )
        for row in found.iter_rows(named=True)
    )
    return Caution("quarantined_lines", looks, found)


def suspicious_keys(keys: pl.DataFrame) -> Caution:
    """Idempotency keys that say nothing, or stand on events of several customers in one file: all versions but the last are superseded.

    keys: file, kind (`no_key` or `customers`), key (the worst), versions (of the worst), times, customers, keys (how many such),
    superseded (events of all of them), position, first_seen.
    """
    looks = []
    for row in keys.sort("superseded", "file", "kind", descending=[True, False, False]).iter_rows(named=True):
        others = f", and so do {_counted(row['keys'] - 1, 'other key')}" if row["keys"] > 1 else ""
        if row["kind"] == "no_key":
            said = (
                f"{row['file']}: the key `{row['key']}` stands on {_counted(row['versions'], 'event')} of "
                f"{_counted(row['times'], 'different time')}{others}; only the last counts, {row['superseded']:,} are superseded. "
                "Leave the key empty where there is none, and write long ids as text."
            )
        else:
            said = (
                f"{row['file']}: the key `{row['key']}` stands on events of {_counted(row['customers'], 'customer')}{others}; keys are "
                f"unique per organization, so {row['superseded']:,} events are superseded. Put the customer into the key."
            )
        looks.append(
            Look(
                f"suspicious_keys_{row['kind']}",
                row["file"],
                said,
                HIGH,
                row["superseded"],
                **_example(row),
            )
        )
    return Caution("suspicious_keys", tuple(looks), keys)


# fields of other event APIs, and what they are here
ALIASES = {
    "idempotency_key": ("event_id", "id", "transaction_id", "message_id", "messageid", "identifier", "insert_id", "uuid"),
    "properties": ("metadata", "data", "attributes", "payload", "dimensions", "params"),
    "customer_id": ("subject", "user_id", "userid", "account_id", "account", "customer", "external_id"),
    "event_name": ("type", "event", "name", "event_type"),
    "timestamp": ("time", "ts", "created_at", "event_time", "date"),
}
_FIELD_OF_ALIAS = {alias.replace("_", ""): name for name, aliases in ALIASES.items() for alias in aliases}


def unread_fields(findings: pl.DataFrame, books: Books) -> Caution:
    """Fields and columns that nobody reads, one look a file and field, with what was probably meant (R-115).

    findings: file, field, events, position, first_seen.
    """
    read = {*books.meters.explode("group_keys").get_column("group_keys").drop_nulls().to_list()}
    read |= {*books.meters.get_column("aggregation_key").drop_nulls()}
    read |= {*books.meter_filters.get_column("property")}
    looks = []
    for row in findings.iter_rows(named=True):
        name = row["field"]
        meant = _FIELD_OF_ALIAS.get(name.lower().replace("_", "").replace("-", ""))
        if name in read:
            cure, severity = f"a meter reads it as a property: write `properties.{name}`", HIGH
        elif meant:
            cure, severity = f"did you mean `{meant}`?", HIGH if meant in ("idempotency_key", "properties") else MEDIUM
        else:
            cure, severity = "put it into properties, or leave it out", LOW
        looks.append(
            Look(
                "unread_field",
                f"{row['file']}: {name}",
                f"{_counted(row['events'], 'event')} of {row['file']} carry `{name}`, which is not read; {cure}"
                + ("" if cure.endswith("?") else "."),
                severity,
                row["events"],
                **_example(row),
                is_of_file=True,
            )
        )
    return Caution("unread_fields", tuple(looks), findings)


def files_of_the_inbox(remarks: Sequence[Remark]) -> Caution:
    """Files that did not land, or landed beside an earlier content, and endings that nobody reads (R-8, R-9)."""
    looks = tuple(
        Look(
            remark.code,
            remark.subject,
            remark.sentence,
            LOW if remark.code == NOT_READ else HIGH,
            file=None if remark.code == NOT_READ else remark.subject,
        )
        for remark in remarks
    )
    return Caution("files_of_the_inbox", looks)


def made_up_times(findings: pl.DataFrame) -> Caution:
    """Events that do not say when they happened: the time of landing stands for it (R-115). findings: as `unread_fields`."""
    looks = tuple(
        Look(
            "time_made_up",
            row["file"],
            f"{_counted(row['events'], 'event')} of {row['file']} have no timestamp and are dated to the run that landed them.",
            MEDIUM,
            row["events"],
            **_example(row),
            is_of_file=True,
        )
        for row in findings.iter_rows(named=True)
    )
    return Caution("made_up_times", looks, findings)


def bare_dates(findings: pl.DataFrame, books: Books, as_of: datetime) -> Caution:
    """Bare dates, where a contract's days begin later than those of settings.timezone: its events fall on the day before.

    findings: as `unread_fields`.
    """
    contracts = books.contracts.filter(pl.col("status") == "approved").select("contract_id", "timezone").sort("contract_id")
    here = _offset(books.settings.timezone, as_of)
    zones = {zone for zone in contracts.get_column("timezone").unique() if _offset(zone, as_of) < here}
    behind = contracts.filter(pl.col("timezone").is_in([*zones]))
    if behind.is_empty() or findings.is_empty():
        return Caution("bare_dates")
    contract, zone = behind.row(0)
    looks = tuple(
        Look(
            "bare_date",
            row["file"],
            f"{_counted(row['events'], 'event')} of {row['file']} say a date and no time: midnight in {books.settings.timezone}, "
            f"which is the day before for {_counted(behind.height, 'contract')} ({contract} in {zone}). Write times, "
            "or set settings.timezone.",
            MEDIUM,
            row["events"],
            **_example(row),
            is_of_file=True,
        )
        for row in findings.iter_rows(named=True)
    )
    return Caution("bare_dates", looks, findings)


def _offset(zone: str, at: datetime) -> float:
    offset = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


def depleted_grants(documents: Documents) -> Caution:
    """Contracts that prepaid and have nothing left, while no document of theirs says so."""
    left = documents.ledger.group_by("contract_id", "grant_id", maintain_order=True).agg(
        pl.col("balance_after").last(), pl.col("type").last()
    )
    contracts = left.group_by("contract_id").agg(
        left=pl.col("balance_after").sum(), lapsed=(pl.col("type") == "expiration").all()
    )
    depleted = contracts.filter(pl.col("left") == 0, ~pl.col("lapsed")).select("contract_id").sort("contract_id")
    looks = tuple(
        Look("depleted_grants", contract, f"{contract}: its credits are used up; further usage is due in full.", MEDIUM)
        for (contract,) in depleted.iter_rows()
    )
    return Caution("depleted_grants", looks, depleted)


def wallets_running_dry(outlooks: pl.DataFrame) -> Caution:
    """Wallets that still hold something and will not last until they lapse, with no grant to come before that day.

    outlooks: OUTLOOKS. Those that never lapse are named when they run dry in fewer than 90 days.
    """
    dry, until = pl.col("runs_dry_on"), pl.col("until")
    last_day_to_pay = pl.coalesce(until - pl.duration(days=1), pl.col("last_day") + pl.duration(days=DAYS_AHEAD))
    running = outlooks.filter(dry < last_day_to_pay, pl.col("next_grant_on").is_null() | (pl.col("next_grant_on") > dry)).sort(
        "runs_dry_on", "contract_id"
    )
    looks = tuple(
        Look(
            "wallets_running_dry",
            wallet["contract_id"],
            f"{wallet['contract_id']}: its credits ({', '.join(wallet['grants'])}) hold {money(wallet['held'], wallet)}; "
            f"the wallet {prospect(wallet)}.",
            LOW,
            amount=wallet["held"],
            currency=wallet["currency"],
        )
        for wallet in running.iter_rows(named=True)
    )
    return Caution("wallets_running_dry", looks, running)


def _example(row: dict[str, Any]) -> dict[str, Any]:
    """Where an example stands and when the first was seen, where the row says it."""
    return {name: row.get(name) for name in ("file", "position", "first_seen")}


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
