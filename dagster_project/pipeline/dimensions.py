"""The books as finance reads them beside invoices: customers, contracts, plans, meters, pricings and rate cards as they stood at as_of.

What belongs here: one flat row a thing, texts instead of lists. What does not: any price that a line was made of (`explain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from rating import tables
from rating.books import Books
from rating.calendar import first_instants
from rating.schedule import dated_terms
from rating.tables import BOOLEAN, COUNT, DATE, INSTANT, MONEY, NULL, PRICE, QUANTITY, SMALL, TEXT, Column, Table

CUSTOMERS = tables.CUSTOMERS
CONTRACTS = Table(
    "contracts",
    "one contract of the books, drafts included, with its terms at as_of (before its start: those it will start with)",
    ("contract_id",),
    (
        *(column for column in tables.CONTRACTS.columns if column.name != "minor_digits"),
        Column("plan_code", TEXT, "plan in force"),
        Column("base_fee", PRICE, "base fee of a full period; 0: none"),
        Column("net_terms", SMALL, "days from issue to due"),
        Column("minimum_spend", PRICE, "least usage amount of a full period; null: none", NULL),
        Column("maximum_spend", PRICE, "most that usage of a full period costs; null: no bound", NULL),
        Column("is_active", BOOLEAN, "approved, begun and not ended at as_of"),
    ),
)
PLANS = Table(
    "plans",
    "one plan of the books",
    ("plan_code",),
    (
        *(column for column in tables.PLANS.columns if column.name != "minor_digits"),
        Column("pricings", TEXT, "codes of its pricings, in order"),
        Column("contracts", COUNT, "approved contracts that are on it at as_of"),
    ),
)
METERS = Table(
    "meters",
    "one meter of the books",
    ("meter_code",),
    (
        Column("meter_code", TEXT, "code of the meter"),
        Column("display_name", TEXT, "name shown on invoice lines"),
        Column("aggregation", TEXT, "sum, count, max, min, unique, latest, average, percentile, level or counter"),
        Column("aggregation_key", TEXT, "property that holds the number; null for count", NULL),
        Column("group_keys", TEXT, "properties that make the combination, in order; empty: none"),
        Column("event_names", TEXT, "event names taken; null: every name that is not excluded", NULL),
        Column("status", TEXT, "active or inactive"),
    ),
)
PRICINGS = Table(
    "pricings",
    "one pricing of the books",
    ("pricing_code",),
    (
        Column("pricing_code", TEXT, "code of the pricing"),
        Column("name", TEXT, "name of the pricing"),
        Column("model", TEXT, "per_unit, graduated, volume, package, bps, flat or one_time"),
        Column("meter_code", TEXT, "meter it rates; null for flat and one_time", NULL),
        Column("rate_card_code", TEXT, "card looked up first; null: one price for every combination", NULL),
        Column("per", QUANTITY, "units that unit_amount buys"),
        Column(
            "unit_amount", PRICE, "fallback rate, unit amount, package price, bps or amount; null where tiers make it", NULL
        ),
        Column("tiers", SMALL, "number of its tiers; 0: none"),
        Column("place", TEXT, "where it stands in the books: file, line, path"),
    ),
)
RATE_CARDS = Table(
    "rate_cards",
    "one entry of the version of one rate card that is in force at as_of (in UTC), in the order of the card",
    ("rate_card_code", "entry_no"),
    (
        Column("rate_card_code", TEXT, "code of the card"),
        Column("entry_no", COUNT, "position of the entry, from 1"),
        Column("meter_code", TEXT, "meter whose combinations it prices"),
        Column(
            "effective_from",
            DATE,
            "first local day of the version, or the UTC day of its instant; null: always in force",
            NULL,
        ),
        Column("dimensions", TEXT, "group values in the order of group_keys, joined by ` / `; `*` matches any"),
        Column("unit_amount", PRICE, "rate per `per` units; null where the entry has tiers", NULL),
        Column("tiers", SMALL, "number of its tiers; 0: a rate"),
        Column("place", TEXT, "where it stands in the books: file, line, path"),
    ),
)
DEALS = Table(
    "deals",
    "one deal from Salesforce, as of the run (R-70)",
    ("proposal_id",),
    (
        Column("proposal_id", TEXT, "proposal, deal-<opportunity>"),
        Column("opportunity", TEXT, "id of the opportunity"),
        Column("name", TEXT, "name of the opportunity"),
        Column("kind", TEXT, "new, amendment or renewal; null: none yet", NULL),
        Column("state", TEXT, "open, approved, applied, billing (this run bills by it), rejected or withdrawn"),
        Column("customer_id", TEXT, "customer that it binds"),
        Column("contract_id", TEXT, "contract that it makes or changes"),
        Column("amount", MONEY, "what the deal says it is worth; null: nothing, or no number", NULL),
        Column(
            "committed",
            MONEY,
            "what it adds to what is owed over its term, as approved; null: not approved, or no end",
            NULL,
        ),
        Column("currency", TEXT, "ISO 4217 code of its plan; null: no plan yet", NULL),
        Column("closed_on", DATE, "day that the opportunity closed; null: it does not say", NULL),
        Column("open_points", SMALL, "what has to be settled before anybody can approve"),
        Column("has_drifted", BOOLEAN, "whether Salesforce says something else than what was approved"),
        Column("approved_by", TEXT, "who approved it", NULL),
        Column("approved_at", INSTANT, "when", NULL),
    ),
)
DEAL_TERMS = Table(
    "deal_terms",
    "one term of one deal, with its source (R-74)",
    ("proposal_id", "term"),
    (
        Column("proposal_id", TEXT, "proposal, deal-<opportunity>"),
        Column("term", TEXT, "name of the term"),
        Column("value", TEXT, "what it is"),
        Column("object", TEXT, "Salesforce object that says so; null: the mapping, or a person", NULL),
        Column("record", TEXT, "id of its record", NULL),
        Column("field", TEXT, "field of the record", NULL),
        Column("raw", TEXT, "what it says there", NULL),
        Column("set_by", TEXT, "who said so instead", NULL),
        Column("because", TEXT, "why", NULL),
    ),
)
DIMENSIONS = (CUSTOMERS, CONTRACTS, PLANS, METERS, PRICINGS, RATE_CARDS, DEALS, DEAL_TERMS)


def dimensions(books: Books, as_of: datetime, deals: Mapping[str, pl.DataFrame] | None = None) -> dict[str, pl.DataFrame]:
    """The frames of DIMENSIONS by name. deals: DEALS and DEAL_TERMS; without them there are none.

    Raises `SchemaMismatch` where a key is not unique: nothing asks again behind it.
    """
    contracts = contracts_at(books, as_of)
    found = {
        CUSTOMERS.name: books.customers,
        CONTRACTS.name: contracts,
        PLANS.name: plans_of(books, contracts),
        METERS.name: METERS.frame(
            books.meters.with_columns(
                group_keys=pl.col("group_keys").list.join(", "), event_names=pl.col("include_events").list.join(", ")
            )
        ),
        PRICINGS.name: PRICINGS.frame(books.pricings.join(_tiers(books), on="tier_set_id", how="left").with_columns(_count)),
        RATE_CARDS.name: _rate_cards(books, as_of),
        **(deals or {table.name: table.empty() for table in (DEALS, DEAL_TERMS)}),
    }
    return {table.name: table.require(found[table.name], unique=True) for table in DIMENSIONS}


_count = pl.col("tiers").fill_null(0)


def _tiers(books: Books) -> pl.DataFrame:
    return books.tier_sets.group_by("tier_set_id").agg(tiers=pl.len().cast(pl.Int32))


def contracts_at(books: Books, as_of: datetime) -> pl.DataFrame:
    """Contracts with the terms of as_of; of those that have not begun, and of drafts, the terms of their start."""
    approved = books.contracts.filter(pl.col("status") == "approved")
    terms = ["contract_id", "plan_code", "base_fee", "net_terms", "minimum_spend", "maximum_spend"]
    of_start = books.contract_terms.sort("contract_id", "effective_date").unique(
        "contract_id", keep="first", maintain_order=True
    )
    now = (
        dated_terms(approved, books)
        .filter(pl.col("valid_from") <= as_of)
        .sort("contract_id", "valid_from")
        .unique("contract_id", keep="last", maintain_order=True)
    )
    in_force = pl.concat([now.select(terms), of_start.select(terms).join(now, on="contract_id", how="anti")])
    starts, ends = (
        first_instants(books.contracts.get_column(day), books.contracts.get_column("timezone"))
        for day in ("start_date", "end_date")
    )
    is_active = (pl.col("status") == "approved") & (starts <= as_of) & (ends > as_of).fill_null(value=True)
    return CONTRACTS.frame(
        books.contracts.with_columns(is_active=is_active).join(in_force, on="contract_id", how="left", maintain_order="left")
    )


def plans_of(books: Books, contracts: pl.DataFrame) -> pl.DataFrame:
    """contracts: as of `contracts_at`, of which `plan_code` and `is_active` are looked at."""
    pricings = (
        books.plan_pricings.sort("plan_code", "pricing_order")
        .group_by("plan_code")
        .agg(pricings=pl.col("pricing_code").str.join(", "))
    )
    used = contracts.filter("is_active").group_by("plan_code").agg(contracts=pl.len().cast(pl.Int64))
    return PLANS.frame(
        books.plans.join(pricings, on="plan_code", how="left", maintain_order="left")
        .join(used, on="plan_code", how="left", maintain_order="left")
        .with_columns(pl.col("pricings").fill_null(""), pl.col("contracts").fill_null(0))
    )


def _rate_cards(books: Books, as_of: datetime) -> pl.DataFrame:
    version = ["rate_card_code", "effective_from", "starts_at"]
    has_begun = pl.coalesce(pl.col("starts_at") <= as_of, pl.col("effective_from") <= as_of.date())
    in_force = (
        books.rate_cards.filter(has_begun.fill_null(value=True))
        .sort(version, nulls_last=False)
        .unique("rate_card_code", keep="last", maintain_order=True)
    )
    entries = books.rate_card_entries.join(in_force, on=version, nulls_equal=True, maintain_order="left").join(
        _tiers(books), on="tier_set_id", how="left", maintain_order="left"
    )
    return RATE_CARDS.frame(
        entries.with_columns(
            _count,
            entry_no=pl.int_range(1, pl.len() + 1).over("rate_card_code"),
            dimensions=pl.col("group_values").list.eval(pl.element().fill_null("*")).list.join(" / "),
        )
    )
