"""Every frame of the house, declared once.

A `Table` names its columns, their types, units, meaning and key. Code asserts frames against it (`Table.require`), tests
build frames from it (`Table.empty`), Dagster shows it as column metadata and the dbt contracts are tested against it.

What belongs here: declarations. What does not: any rule about money.

Conventions. Instants are naive `Datetime("us")` in UTC; `*_date` is a calendar date in the contract's time zone. Intervals
are half-open. Quantities keep 9 decimals, prices 12, amounts of money 4 (the finest minor unit of ISO 4217); all are `Decimal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

TEXT = pl.String()
TEXTS = pl.List(pl.String())
BOOLEAN = pl.Boolean()
COUNT = pl.Int64()
SMALL = pl.Int32()
DATE = pl.Date()
INSTANT = pl.Datetime("us")
QUANTITY = pl.Decimal(38, 9)
PRICE = pl.Decimal(38, 12)
MONEY = pl.Decimal(38, 4)
UNITS = pl.Int128()  # amounts of money in minor units of the currency

QUANTITY_SCALE = 9
PRICE_SCALE = 12
MONEY_SCALE = 4


class SchemaMismatch(Exception):
    """A frame is not what its table declares: a programming error, never a user's."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its meaning (with the unit) and whether it may be null."""

    name: str
    dtype: pl.DataType
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One frame: what a row is (`grain`), what identifies it (`key`), and its columns in order."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)

    def frame(self, rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> pl.DataFrame:
        """A frame of this table from rows (mappings or a frame): missing nullable columns become null, types are cast."""
        frame = (
            rows
            if isinstance(rows, pl.DataFrame)
            else pl.DataFrame(rows, schema_overrides=self.schema, infer_schema_length=None)
        )
        present = set(frame.columns)
        absent = [column for column in self.columns if column.name not in present]
        return self.require(
            frame.with_columns(pl.lit(None, dtype=column.dtype).alias(column.name) for column in absent).select(
                pl.col(column.name).cast(column.dtype) for column in self.columns
            )
        )

    def require(self, frame: pl.DataFrame, *, unique: bool = False) -> pl.DataFrame:
        """The frame itself, or `SchemaMismatch` naming this table and what differs (names, order, types, nulls, key)."""
        if dict(frame.schema) != self.schema or frame.columns != self.names:
            raise SchemaMismatch(f"{self.name}: expected {self.schema}, got {dict(frame.schema)}")
        for column in self.columns:
            if not column.nullable and frame.get_column(column.name).null_count():
                raise SchemaMismatch(f"{self.name}.{column.name}: null where none may be")
        if unique and self.key and frame.select(self.key).is_duplicated().any():
            raise SchemaMismatch(f"{self.name}: key {self.key} is not unique")
        return frame


def _columns(*columns: tuple[str, pl.DataType, str] | tuple[str, pl.DataType, str, bool]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in columns)


NULL = True

# --- books: what contracts_data says -----------------------------------------------------------------------------------------

METERS = Table(
    "meters",
    "one meter",
    ("meter_code",),
    _columns(
        ("meter_code", TEXT, "code of the meter"),
        ("display_name", TEXT, "name shown on invoice lines"),
        ("aggregation", TEXT, "sum, count, max, min, unique, latest, average, percentile, level or counter"),
        ("aggregation_key", TEXT, "property that holds the number; null for count", NULL),
        ("group_keys", TEXTS, "properties that make the combination, in order"),
        ("include_events", TEXTS, "event names taken; null: every name that is not excluded", NULL),
        ("exclude_events", TEXTS, "event names never taken"),
        ("status", TEXT, "active or inactive"),
        (
            "quantity_property",
            TEXT,
            "what its quantity is read from: a property, or steps as JSON text; null: aggregation_key",
            NULL,
        ),
        (
            "group_properties",
            TEXTS,
            "what each group key is read from: a property, or steps as JSON text; null: the names",
            NULL,
        ),
        ("percentile", QUANTITY, "percent of the readings that are no higher (R-100); null for other aggregations", NULL),
        ("interval_seconds", SMALL, "readings are summed per interval of so many seconds first; null: each counts", NULL),
        ("from_zero", BOOLEAN, "whether a counter's first reading counts as itself (R-99); null: as nothing", NULL),
    ),
)

PREFIXES = Table(
    "prefixes",
    "one prefix of a table that a group key is looked up in (R-96)",
    ("digest", "prefix"),
    _columns(
        ("digest", TEXT, "hash of the table, which the steps of a group key name"),
        ("prefix", TEXT, "beginning of a text"),
        ("value", TEXT, "value of the group key"),
    ),
)

METER_FILTERS = Table(
    "meter_filters",
    "one condition on a property; all of a meter's must hold",
    ("meter_code", "filter_no"),
    _columns(
        ("meter_code", TEXT, "code of the meter"),
        ("filter_no", SMALL, "position of the filter in the meter"),
        ("property", TEXT, "property that is looked at"),
        ("operator", TEXT, "in, not_in, exists, not_exists, above, at_least, below, at_most or starts_with"),
        (
            "values",
            TEXTS,
            "canonical texts compared with (R-15), a limit or a beginning (R-92); empty for exists and not_exists",
        ),
    ),
)

RATE_CARDS = Table(
    "rate_cards",
    "one version of a rate card",
    ("rate_card_code", "effective_from", "starts_at"),
    _columns(
        ("rate_card_code", TEXT, "code of the card"),
        ("meter_code", TEXT, "meter whose combinations it prices"),
        ("effective_from", DATE, "first local day of the version, or the UTC day of starts_at; null: always in force", NULL),
        ("starts_at", INSTANT, "first instant of a version that begins at an instant (R-102); null: with its day", NULL),
    ),
)

RATE_CARD_ENTRIES = Table(
    "rate_card_entries",
    "one entry of one version of a rate card",
    ("rate_card_code", "effective_from", "starts_at", "group_values"),
    _columns(
        ("rate_card_code", TEXT, "code of the card"),
        ("effective_from", DATE, "first local day of the version, or the UTC day of starts_at; null: always in force", NULL),
        ("starts_at", INSTANT, "first instant of a version that begins at an instant (R-102); null: with its day", NULL),
        ("group_values", TEXTS, "one text a group key, in group_keys order; null stands for *"),
        ("unit_amount", PRICE, "rate per `per` units; null where the entry has tiers", NULL),
        ("tier_set_id", SMALL, "tiers of the entry; null where it has a rate", NULL),
        ("place", TEXT, "file, line and path in the books"),
    ),
)

TIER_SETS = Table(
    "tier_sets",
    "one tier of one tier set; equal tiers share one tier_set_id",
    ("tier_set_id", "tier_no"),
    _columns(
        ("tier_set_id", SMALL, "the tier set"),
        ("tier_no", SMALL, "position of the tier, from 1"),
        ("lower", QUANTITY, "exclusive lower bound of cumulative quantity; 0 for the first tier"),
        ("upper", QUANTITY, "inclusive upper bound; null for the last tier", NULL),
        ("unit_amount", PRICE, "price per `per` units in this tier"),
        ("flat_amount", PRICE, "charged once when the tier is entered"),
    ),
)

PRICINGS = Table(
    "pricings",
    "one pricing",
    ("pricing_code",),
    _columns(
        ("pricing_code", TEXT, "code of the pricing"),
        ("name", TEXT, "name of the pricing"),
        ("model", TEXT, "per_unit, graduated, volume, package, bps, flat or one_time"),
        ("meter_code", TEXT, "meter it rates; null for flat and one_time", NULL),
        ("rate_card_code", TEXT, "card looked up first; null: one price for every combination", NULL),
        ("tier_scope", TEXT, "combination, or pricing (R-26)"),
        ("per", QUANTITY, "units that unit_amount buys; package: the package size; bps: 10000"),
        ("unit_amount", PRICE, "fallback rate, unit amount, package price, bps, or the amount of flat and one_time", NULL),
        ("tier_set_id", SMALL, "tiers of the pricing itself (its fallback where it has a card); null for other models", NULL),
        ("place", TEXT, "file, line and path in the books"),
        ("in_advance", BOOLEAN, "whether a flat fee is billed with the period before (R-104); null: no", NULL),
        ("prorate", BOOLEAN, "whether the quantity of a plan interval counts by its days (R-101); null: no", NULL),
    ),
)

PLANS = Table(
    "plans",
    "one plan",
    ("plan_code",),
    _columns(
        ("plan_code", TEXT, "code of the plan"),
        ("name", TEXT, "name of the plan"),
        ("currency", TEXT, "ISO 4217 code"),
        ("minor_digits", SMALL, "decimals of the currency's minor unit"),
        ("billing_frequency", TEXT, "weekly, monthly, quarterly, semi_annually or annually"),
        ("status", TEXT, "draft, active or archived"),
        ("is_self_serve", BOOLEAN, "whether an API key may agree to it without a review (R-63)"),
        ("base_fee", PRICE, "base fee of a full period; 0: none"),
        ("net_terms", SMALL, "days from issue to due"),
        ("maximum_spend", PRICE, "most that usage of a full period costs (R-105); null: no bound", NULL),
        ("is_in_advance", BOOLEAN, "whether the base fee is billed with the period before (R-104)"),
    ),
)

PLAN_PRICINGS = Table(
    "plan_pricings",
    "one pricing of one plan",
    ("plan_code", "pricing_code"),
    _columns(
        ("plan_code", TEXT, "code of the plan"),
        ("pricing_order", SMALL, "position of the pricing in the plan, from 0"),
        ("pricing_code", TEXT, "code of the pricing"),
    ),
)

CUSTOMERS = Table(
    "customers",
    "one customer",
    ("customer_id",),
    _columns(
        ("customer_id", TEXT, "id of the customer"),
        ("external_id", TEXT, "the caller's own id", NULL),
        ("name", TEXT, "name of the customer", NULL),
        ("legal_name", TEXT, "who owes, as documents name it; null: the name", NULL),
        ("billing_address", TEXT, "address on documents, its lines apart by line breaks", NULL),
        ("contacts", TEXTS, "whom documents are sent to", NULL),
    ),
)

CONTRACTS = Table(
    "contracts",
    "one contract, drafts included",
    ("contract_id",),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("customer_id", TEXT, "customer it binds"),
        ("currency", TEXT, "ISO 4217 code, from its plan"),
        ("minor_digits", SMALL, "decimals of the currency's minor unit"),
        ("billing_frequency", TEXT, "weekly, monthly, quarterly, semi_annually or annually"),
        ("start_date", DATE, "first local day"),
        ("end_date", DATE, "local day after the last; null: rolls on", NULL),
        ("billing_anchor", SMALL, "day of month that periods begin on"),
        ("timezone", TEXT, "IANA zone of its days"),
        ("status", TEXT, "draft or approved"),
        ("place", TEXT, "file, line and path in the books"),
        ("anchor_month", SMALL, "a month in which periods begin (R-108); null: in the one the contract begins in", NULL),
    ),
)

CONTRACT_TERMS = Table(
    "contract_terms",
    "the terms of one contract from one day on (its start, and every amendment), with R-5b carried through",
    ("contract_id", "effective_date"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("effective_date", DATE, "first local day of these terms"),
        ("plan_code", TEXT, "plan in force"),
        ("base_fee", PRICE, "base fee of a full period; 0: none"),
        ("net_terms", SMALL, "days from issue to due"),
        ("minimum_spend", PRICE, "least usage amount of a full period; null: none", NULL),
        ("maximum_spend", PRICE, "most that usage of a full period costs (R-105); null: no bound", NULL),
        ("base_fee_in_advance", BOOLEAN, "whether the base fee is billed with the period before (R-104); null: no", NULL),
    ),
)

RATE_OVERRIDES = Table(
    "rate_overrides",
    "one override of one contract: of a meter's combination (group_values set), a pricing (pricing_code set), or all usage (neither)",
    ("contract_id", "override_no"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("override_no", SMALL, "position among the contract's overrides, its amendments' included"),
        ("meter_code", TEXT, "meter of an override with dimensions", NULL),
        ("group_values", TEXTS, "one text a group key; null stands for *; null list: overrides a pricing", NULL),
        ("pricing_code", TEXT, "pricing of an override without dimensions", NULL),
        ("unit_amount", PRICE, "the new rate, fallback_rate, unit_amount, bps or amount", NULL),
        ("tier_set_id", SMALL, "the new tiers", NULL),
        ("effective_from", DATE, "first local day; the contract's start or the amendment's date where the books name none"),
        ("effective_to", DATE, "local day after the last; null: holds on", NULL),
        ("place", TEXT, "file, line and path in the books"),
        ("percent_off", PRICE, "percent off the list prices it covers, instead of a price (R-103)", NULL),
        ("starts_at", INSTANT, "first instant, where it begins at an instant (R-102); null: with its day", NULL),
        ("ends_at", INSTANT, "no longer from this instant on, where it ends at an instant (R-102); null: with its day", NULL),
    ),
)

CREDIT_GRANTS = Table(
    "credit_grants",
    "one grant of credits",
    ("grant_id",),
    _columns(
        ("grant_id", TEXT, "id of the grant: its idempotency key"),
        ("contract_id", TEXT, "contract whose usage it pays"),
        ("kind", TEXT, "prepaid or promotional"),
        ("amount", MONEY, "money value granted"),
        ("credits", QUANTITY, "units granted; null for a money grant", NULL),
        ("credit_rate", PRICE, "money a unit; null for a money grant", NULL),
        ("price", MONEY, "what the customer pays; 0 for a promotional grant"),
        ("effective_at", INSTANT, "from this instant on"),
        ("expires_at", INSTANT, "no longer from this instant on; null: never", NULL),
        ("applies_to", TEXTS, "meters it pays; null: all", NULL),
        ("place", TEXT, "file, line and path in the books"),
        ("priority", SMALL, "drawn before those of a higher one (R-110); null: 0", NULL),
        ("covers_fees", BOOLEAN, "whether it pays fees and minimums too (R-112); null: usage only", NULL),
        ("rolls_into", TEXT, "grant that its unused rest moves into when it expires (R-111); null: none", NULL),
        ("rollover_maximum", MONEY, "the most that moves; null: nothing does", NULL),
        ("rolls_again", BOOLEAN, "whether what was rolled in may move on; null: no", NULL),
    ),
)

MANUAL_CHARGES = Table(
    "manual_charges",
    "one charge that was agreed on by hand (R-109)",
    ("contract_id", "charge_id"),
    _columns(
        ("contract_id", TEXT, "contract that is charged"),
        ("charge_id", TEXT, "id of the charge"),
        ("name", TEXT, "name shown on the line"),
        ("amount", MONEY, "what is charged; negative: given back"),
        ("charged_on", DATE, "local day whose period it is billed with"),
        ("reason", TEXT, "why it was agreed"),
        ("place", TEXT, "file, line and path in the books"),
    ),
)

COMMITMENTS = Table(
    "commitments",
    "one amount that a contract's usage has to reach over some time (R-106)",
    ("contract_id", "commitment_id"),
    _columns(
        ("contract_id", TEXT, "contract that has committed"),
        ("commitment_id", TEXT, "id of the commitment"),
        ("amount", MONEY, "what usage has to come to"),
        ("from_date", DATE, "first local day that counts"),
        ("to_date", DATE, "local day after the last"),
        ("meters", TEXTS, "meters whose usage counts; null: all", NULL),
        ("place", TEXT, "file, line and path in the books"),
    ),
)

COVERED_CUSTOMERS = Table(
    "covered_customers",
    "one more customer whose events go to a contract (R-107)",
    ("contract_id", "customer_id", "starts_at"),
    _columns(
        ("contract_id", TEXT, "contract that covers"),
        ("customer_id", TEXT, "customer that is covered, beside the contract's own"),
        ("starts_at", INSTANT, "first instant whose events count"),
        ("ends_at", INSTANT, "first instant after; null: as long as the contract", NULL),
        ("place", TEXT, "file, line and path in the books"),
    ),
)

# --- schedule: the books laid out in time ------------------------------------------------------------------------------------

PERIODS = Table(
    "periods",
    "one billing period of one approved contract (R-17)",
    ("contract_id", "period_start"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("customer_id", TEXT, "customer of the contract"),
        ("period_start", INSTANT, "first instant"),
        ("period_end", INSTANT, "first instant after"),
        ("start_date", DATE, "first local day"),
        ("end_date", DATE, "local day after the last"),
        ("full_days", SMALL, "local days of the period were it not cut short by the contract's start or end"),
        ("full_length", COUNT, "microseconds of the period were it not cut short by the contract's start or end"),
        ("month", TEXT, "billing month that owns the period (YYYY-MM): the one its last local day is in"),
    ),
)

WINDOWS = Table(
    "windows",
    "one rating window of one period (R-18)",
    ("contract_id", "window_start"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("customer_id", TEXT, "customer of the contract"),
        ("period_start", INSTANT, "first instant of the period"),
        ("period_end", INSTANT, "first instant after the period"),
        ("window_start", INSTANT, "first instant of the window"),
        ("window_end", INSTANT, "first instant after the window"),
        ("window_plan_code", TEXT, "plan in force in the window: meters match by it"),
        (
            "interval_start",
            INSTANT,
            "first instant of the plan interval: meters that are not additive are kept per interval (R-101)",
        ),
        ("interval_end", INSTANT, "first instant after the plan interval"),
        ("full_length", COUNT, "microseconds of the period were it not cut short by the contract's start or end"),
        ("month", TEXT, "billing month that owns the period (YYYY-MM)"),
    ),
)

CLOSED_PERIODS = Table(
    "closed_periods",
    "one issued period that takes no more events (R-45)",
    ("contract_id", "period_start"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("customer_id", TEXT, "customer of the contract"),
        ("period_start", INSTANT, "first instant of the period"),
        ("period_end", INSTANT, "first instant after the period"),
        ("last_batch", SMALL, "last landing that its last re-rating knew; what landed later is too late"),
        ("last_record", SMALL, "last record of unmatched versions up to its last re-rating; null: none was written then", NULL),
        ("contents_record", SMALL, "record of what its last re-rating contained; null: none was written then", NULL),
    ),
)

# --- usage: what dbt hands to the kernel -------------------------------------------------------------------------------------

USAGE = Table(
    "usage",
    "one contract, period, rating window, meter and combination of group values (R-16)",
    ("contract_id", "window_start", "window_end", "meter_code", "group_values"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("customer_id", TEXT, "customer of the contract"),
        ("period_start", INSTANT, "first instant of the period"),
        ("period_end", INSTANT, "first instant after the period"),
        ("window_start", INSTANT, "first instant of the window; of the period for all but sum and count"),
        ("window_end", INSTANT, "first instant after the window; after the period for all but sum and count"),
        ("meter_code", TEXT, "code of the meter"),
        ("group_values", TEXTS, "one text a group key, in order; null: missing"),
        ("quantity", QUANTITY, "aggregated quantity in the meter's unit"),
        ("event_count", COUNT, "event versions that made it"),
    ),
)

# --- documents: what the kernel hands back -----------------------------------------------------------------------------------

INVOICES = Table(
    "invoices",
    "one document, issued or draft (R-36, R-37)",
    ("invoice_id",),
    _columns(
        ("invoice_id", TEXT, "the same from draft to issue, derived from contract, kind and period"),
        ("number", TEXT, "INV-000001 …, gapless; null on drafts", NULL),
        ("kind", TEXT, "initial, period or adjustment"),
        ("status", TEXT, "draft or issued"),
        ("contract_id", TEXT, "contract that is billed"),
        ("customer_id", TEXT, "customer that is billed"),
        ("currency", TEXT, "ISO 4217 code"),
        ("period_start", INSTANT, "first instant of the period"),
        ("period_end", INSTANT, "first instant after the period"),
        ("issued_at", INSTANT, "as_of of the run that issued it; null on drafts", NULL),
        ("due_date", DATE, "local date of issued_at + net terms; null on drafts", NULL),
        ("subtotal", MONEY, "sum of the lines' amounts"),
        ("credits_applied", MONEY, "sum of the lines' credits"),
        ("total", MONEY, "subtotal - credits_applied; negative: money back"),
        ("adjusts_invoice_id", TEXT, "the document an adjustment corrects", NULL),
        ("books_version", TEXT, "hash of the books that made it"),
        ("content_hash", TEXT, "SHA-256 of the document's and its lines' content"),
        ("month", TEXT, "billing month that owns the document (YYYY-MM)"),
    ),
)

INVOICE_LINES = Table(
    "invoice_lines",
    "one line of one document (R-38)",
    ("invoice_id", "line_no"),
    _columns(
        ("invoice_id", TEXT, "the document"),
        ("line_no", SMALL, "position on the document, from 1"),
        (
            "kind",
            TEXT,
            "usage, base_fee, flat, maximum_spend, minimum_commitment, commitment_shortfall, manual, one_time or prepaid_purchase",
        ),
        (
            "pricing_code",
            TEXT,
            "pricing that made it; of a manual line the id of the charge, of a commitment_shortfall that of the commitment",
            NULL,
        ),
        ("meter_code", TEXT, "meter of a usage line", NULL),
        ("group_values", TEXTS, "combination of a usage line; null on other kinds", NULL),
        ("dimensions", TEXT, "the combination as JSON text; null on other kinds", NULL),
        ("description", TEXT, "name shown to the customer (R-39)"),
        ("quantity", QUANTITY, "quantity charged"),
        ("unit_rate", PRICE, "price per `per` units; null where tiers make the amount (see tier_charges)", NULL),
        ("per", QUANTITY, "units that unit_rate buys", NULL),
        ("exact_amount", PRICE, "amount before rounding, to 12 decimals"),
        ("amount", MONEY, "amount rounded once, half away from zero, to the minor unit (R-3)"),
        ("credits_applied", MONEY, "what credits pay of it"),
        ("rate_source", TEXT, "override, rate_card, fallback or pricing; null on other kinds than usage", NULL),
        ("price_from", INSTANT, "start of the line's first window; of the period on other kinds than usage", NULL),
        ("service_start", INSTANT, "first instant that a fee in advance pays for (R-104); null on all other lines", NULL),
        ("service_end", INSTANT, "first instant that it pays for no more; null on all other lines", NULL),
        ("event_count", COUNT, "event versions behind it; 0 on other kinds than usage"),
        ("grant_id", TEXT, "the grant that a prepaid purchase buys; null on other kinds", NULL),
        ("place", TEXT, "where the price stands in the books: file, line, path", NULL),
        ("list_rate", PRICE, "list price per `per` units of a usage line; null where tiers make it, or several do", NULL),
        (
            "list_amount",
            PRICE,
            "what a usage line costs at list prices, to 12 decimals; null on other kinds, and where it is not known",
            NULL,
        ),
        ("pricing_name", TEXT, "name of the pricing when the document was made; null where no pricing makes the line", NULL),
    ),
)

TIER_CHARGES = Table(
    "tier_charges",
    "one tier's part of one usage line: how tiers, packages and volume made the amount",
    ("invoice_id", "line_no", "tier_no"),
    _columns(
        ("invoice_id", TEXT, "the document"),
        ("line_no", SMALL, "the line"),
        ("tier_no", SMALL, "position of the tier, from 1"),
        ("lower", QUANTITY, "exclusive lower bound of the tier"),
        ("upper", QUANTITY, "inclusive upper bound; null for the last tier", NULL),
        ("quantity", QUANTITY, "quantity of the line that fell in the tier (packages: the units that the packages hold)"),
        ("unit_amount", PRICE, "price per `per` units in the tier"),
        ("flat_amount", PRICE, "flat amounts charged by this line for entering the tier"),
        ("exact_amount", PRICE, "the tier's part before rounding, to 12 decimals"),
    ),
)

LINE_SHARES = Table(
    "line_shares",
    "one rating window's part of one usage line (R-38): what credits draw on, and what adjustments compare window by window",
    ("invoice_id", "line_no", "window_start"),
    _columns(
        ("invoice_id", TEXT, "the document"),
        ("line_no", SMALL, "the line"),
        ("window_start", INSTANT, "first instant of the window; of the period for all but sum and count"),
        ("window_end", INSTANT, "first instant after the window; after the period for all but sum and count"),
        ("amount", MONEY, "difference of the line's rounded running sum over the window"),
    ),
)

CREDIT_LEDGER = Table(
    "credit_ledger",
    "one movement of one grant (R-32)",
    ("entry_id",),
    _columns(
        ("entry_id", TEXT, "derived from grant, type, document and line"),
        ("contract_id", TEXT, "contract of the grant"),
        ("grant_id", TEXT, "the grant that moves"),
        ("type", TEXT, "grant, usage, rollover, expiration, reversal or adjustment"),
        ("amount", MONEY, "money, signed"),
        ("credits", QUANTITY, "units, signed; null for a money grant", NULL),
        ("currency", TEXT, "ISO 4217 code"),
        ("invoice_id", TEXT, "document of a usage or reversal entry", NULL),
        ("line_no", SMALL, "line of a usage or reversal entry", NULL),
        ("occurred_at", INSTANT, "instant that the movement belongs to"),
        ("status", TEXT, "posted or draft"),
        ("balance_after", MONEY, "balance of the grant after the entry"),
    ),
)

# --- between the stages of rating ---------------------------------------------------------------------------------------------

_CHARGE = _columns(
    ("line", COUNT, "the usage line as it is now, to find its shares and tiers; null on other kinds", NULL),
    (
        "kind",
        TEXT,
        "usage, base_fee, flat, maximum_spend, minimum_commitment, commitment_shortfall, manual, one_time or prepaid_purchase",
    ),
    ("rank", COUNT, "order among the lines of its kind on its document"),
    (
        "pricing_code",
        TEXT,
        "pricing that made it; of a manual line the id of the charge, of a commitment_shortfall that of the commitment",
        NULL,
    ),
    ("meter_code", TEXT, "meter of a usage line", NULL),
    ("combination", TEXT, "key of the combination of a usage line", NULL),
    ("group_values", TEXTS, "combination of a usage line", NULL),
    ("dimensions", TEXT, "the combination as JSON text", NULL),
    ("description", TEXT, "name shown to the customer"),
    ("quantity", QUANTITY, "quantity charged"),
    ("unit_rate", PRICE, "price per `per` units; null where tiers make the amount", NULL),
    ("per", QUANTITY, "units that unit_rate buys", NULL),
    ("exact_amount", PRICE, "amount before rounding"),
    ("amount_units", UNITS, "amount, in minor units"),
    ("rate_source", TEXT, "where the price of a usage line comes from", NULL),
    ("price_from", INSTANT, "start of the line's first window; of the period on other kinds than usage", NULL),
    ("service_start", INSTANT, "first instant that a fee in advance pays for", NULL),
    ("service_end", INSTANT, "first instant that it pays for no more", NULL),
    ("event_count", COUNT, "event versions behind it"),
    ("grant_id", TEXT, "the grant that a prepaid purchase buys", NULL),
    ("place", TEXT, "where the price stands in the books", NULL),
    ("list_rate", PRICE, "list price per `per` units of a usage line", NULL),
    ("list_amount", PRICE, "what a usage line costs at list prices", NULL),
    ("minor_digits", SMALL, "decimals of the currency's minor unit"),
)

CHARGES = Table(
    "charges",
    "one line of a period or an initial day as it is now, not yet on a document",
    ("contract_id", "period_start", "kind", "rank"),
    _columns(
        ("contract_id", TEXT, "contract that is charged"), ("period_start", INSTANT, "first instant of the period, or the day")
    )
    + _CHARGE,
)

LINE_DELTAS = Table(
    "line_deltas",
    "one line of an issued period whose amount differs from what was issued for it (R-42)",
    ("original_id", "kind", "pricing_code", "combination", "price_from", "service_start"),
    _columns(("original_id", TEXT, "the document that it corrects")) + CHARGES.columns,
)

RATED_PERIODS = Table(
    "rated_periods",
    "one period that a run rated, for the first time or again",
    ("contract_id", "period_start"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("period_start", INSTANT, "first instant of the period"),
    ),
)

UNBILLED_USAGE = Table(
    "unbilled_usage",
    "one meter of one issued period: by how much its usage differs from what its documents say, where that is worth nothing (R-42)",
    ("contract_id", "period_start", "meter_code"),
    _columns(
        ("contract_id", TEXT, "id of the contract"),
        ("period_start", INSTANT, "first instant of the period"),
        ("meter_code", TEXT, "code of the meter"),
        ("quantity", QUANTITY, "usage that is on no document; negative: documents say too much (9 decimals)"),
        ("event_count", COUNT, "event versions that are on no document"),
    ),
)

DOCUMENT_CHARGES = Table(
    "document_charges",
    "one charge on the document that bills it",
    ("invoice_id", "kind", "rank"),
    _columns(
        ("invoice_id", TEXT, "the document"),
        ("original_id", TEXT, "the document that an adjustment corrects", NULL),
    )
    + _CHARGE,
)

DOCUMENT_HEADERS = Table(
    "document_headers",
    "one document of a run before it has lines",
    ("invoice_id",),
    _columns(
        ("invoice_id", TEXT, "the same from draft to issue"),
        ("kind", TEXT, "initial, period or adjustment"),
        ("contract_id", TEXT, "contract that is billed"),
        ("customer_id", TEXT, "customer that is billed"),
        ("period_start", INSTANT, "first instant of the period"),
        ("period_end", INSTANT, "first instant after the period"),
        ("month", TEXT, "billing month that owns the document (YYYY-MM)"),
        ("due_from", INSTANT, "issued by the first run from this instant on; null on adjustments", NULL),
        ("adjusts_invoice_id", TEXT, "the document an adjustment corrects", NULL),
    ),
)

_ON_ISSUE = ("number", "issued_at", "due_date", "content_hash")  # what only the step over all contracts gives

RATED_INVOICES = Table(
    "rated_invoices",
    "one document of some contracts, before it has a number, a date of issue and a hash",
    ("invoice_id",),
    tuple(column for column in INVOICES.columns if column.name not in _ON_ISSUE)
    + _columns(
        ("timezone", TEXT, "IANA zone of the contract: its due date is a local date"),
        ("net_terms", SMALL, "days from issue to due"),
    ),
)

RATED_ENTRIES = Table(
    "rated_entries",
    "one movement of one grant of some contracts, with its place among those of all",
    ("entry_id",),
    CREDIT_LEDGER.columns
    + _columns(
        ("phase", SMALL, "grants and changes, then what documents move, then what expires"),
        ("document_start", INSTANT, "first instant of the document's period; null on what no document moves", NULL),
        ("order", COUNT, "place among the movements of its document"),
    ),
)

BOOKS_TABLES = (
    METERS,
    METER_FILTERS,
    PREFIXES,
    RATE_CARDS,
    RATE_CARD_ENTRIES,
    TIER_SETS,
    PRICINGS,
    PLANS,
    PLAN_PRICINGS,
    CUSTOMERS,
    CONTRACTS,
    CONTRACT_TERMS,
    RATE_OVERRIDES,
    CREDIT_GRANTS,
    MANUAL_CHARGES,
    COMMITMENTS,
    COVERED_CUSTOMERS,
)
DOCUMENT_TABLES = (INVOICES, INVOICE_LINES, TIER_CHARGES, LINE_SHARES, CREDIT_LEDGER)
