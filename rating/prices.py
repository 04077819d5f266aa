"""The price join: which price a combination has in a window, and where it stands in the books (R-19, R-20).

In: slots, one row per contract, pricing, combination and window. Out: the same rows with `rate_source`, `unit_amount`,
`ladder_id` and `place`. The first that exists wins: the contract's override that matches the combination; the card entry of the
version in force; the override of the pricing; the pricing's own price. A missing group value goes straight to the last two.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating import combinations
from rating.books import Books
from rating.schedule import Schedule

PRICE = ["unit_amount", "ladder_id", "place"]


def resolve(slots: pl.DataFrame, books: Books, schedule: Schedule) -> pl.DataFrame:
    """Give each slot its price.

    In: `slot` (unique), contract_id, timezone, pricing_code, meter_code, model, rate_card_code, window_start, group_values.
    Out: the same rows and order, with rate_source (override, rate_card, fallback, pricing), unit_amount, ladder_id, place.
    """
    complete = slots.filter(pl.col("rate_card_code").is_not_null(), combinations.is_complete(pl.col("group_values")))
    overridden = _by_combination_override(complete.filter(pl.col("model") == "per_unit"), schedule)
    carded = _by_card(complete.join(overridden, on="slot", how="anti"), books, schedule)
    exact = pl.concat([overridden, carded])
    rest = slots.join(exact, on="slot", how="anti")
    pricing_override = _by_pricing_override(rest, schedule)
    own = _by_pricing(rest.join(pricing_override, on="slot", how="anti"), books)
    return slots.join(pl.concat([exact, pricing_override, own]), on="slot", how="left", maintain_order="left")


def _found(rows: pl.DataFrame, source: pl.Expr) -> pl.DataFrame:
    return rows.select("slot", source.alias("rate_source"), *PRICE)


def _by_combination_override(slots: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    overrides = schedule.overrides.filter(pl.col("group_values").is_not_null())
    concerned = slots.join(overrides.select("contract_id", "meter_code").unique(), on=["contract_id", "meter_code"], how="semi")
    in_force = (pl.col("window_start") >= pl.col("valid_from")) & (pl.col("window_start") < pl.col("valid_to"))
    return _found(_most_specific(concerned, overrides, ["contract_id", "meter_code"], in_force), pl.lit("override"))


def _by_card(slots: pl.DataFrame, books: Books, schedule: Schedule) -> pl.DataFrame:
    versions = schedule.card_versions.select("rate_card_code", "timezone", "effective_from", "valid_from", "valid_to")
    in_version = (
        slots.join(versions, on=["rate_card_code", "timezone"])
        .filter(pl.col("window_start") >= pl.col("valid_from"), pl.col("window_start") < pl.col("valid_to"))
        .drop("valid_from", "valid_to")
    )
    entries = books.rate_card_entries
    return _found(_most_specific(in_version, entries, ["rate_card_code", "effective_from"], pl.lit(True)), pl.lit("rate_card"))


def _by_pricing_override(slots: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    overrides = schedule.overrides.filter(pl.col("pricing_code").is_not_null()).select(
        "contract_id", "pricing_code", "valid_from", "valid_to", *PRICE
    )
    in_force = slots.select("slot", "contract_id", "pricing_code", "window_start", "rate_card_code").join(
        overrides, on=["contract_id", "pricing_code"]
    )
    hits = in_force.filter(pl.col("window_start") >= pl.col("valid_from"), pl.col("window_start") < pl.col("valid_to"))
    return _found(hits, pl.when(pl.col("rate_card_code").is_null()).then(pl.lit("override")).otherwise(pl.lit("fallback")))


def _by_pricing(slots: pl.DataFrame, books: Books) -> pl.DataFrame:
    own = slots.select("slot", "pricing_code", "rate_card_code").join(
        books.pricings.select("pricing_code", *PRICE), on="pricing_code"
    )
    return _found(own, pl.when(pl.col("rate_card_code").is_null()).then(pl.lit("pricing")).otherwise(pl.lit("fallback")))


def _most_specific(slots: pl.DataFrame, entries: pl.DataFrame, on: Sequence[str], in_force: pl.Expr) -> pl.DataFrame:
    """Each slot that any entry matches, with the price of the entry that has fewest `*`, then exact values first (R-20).

    Entries are taken pattern by pattern, most specific first; a pattern says which group values are `*`, and there are as many
    as people wrote, whatever the number of entries.
    """
    wild = entries.get_column("group_values").list.eval(pl.element().is_null())
    patterned = entries.with_columns(pattern=wild).select(
        *on, "group_values", "pattern", pl.selectors.starts_with("valid_"), *PRICE
    )
    patterns = sorted(patterned.get_column("pattern").unique().to_list(), key=lambda pattern: (sum(pattern), pattern))
    open_slots, found = slots, []
    for pattern in patterns:
        exact = [position for position, is_wild in enumerate(pattern) if not is_wild]
        of_pattern = patterned.filter(pl.col("pattern") == pl.lit(pattern, dtype=pl.List(pl.Boolean)))
        right = of_pattern.with_columns(key=combinations.key_at(pl.col("group_values"), exact)).drop("group_values", "pattern")
        left = open_slots.filter(pl.col("group_values").list.len() == len(pattern)).with_columns(
            key=combinations.key_at(pl.col("group_values"), exact)
        )
        hits = left.join(right, on=[*on, "key"], nulls_equal=True).filter(in_force).select("slot", *PRICE)
        found.append(hits)
        open_slots = open_slots.join(hits, on="slot", how="anti")
    return (
        pl.concat(found)
        if found
        else slots.clear().join(entries.clear().select(*on, *PRICE), on=list(on)).select("slot", *PRICE)
    )
