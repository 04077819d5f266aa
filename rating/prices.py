"""The price join: which price a combination has in a window, and where it stands in the books (R-19, R-20).

The first that exists wins: the contract's override that matches the combination; the card entry of the version in force; the
override of the pricing; the pricing's own price. The last two are the same for every combination, so they are found once a window;
a combination with a missing group value has no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating import combinations
from rating.books import Books
from rating.schedule import Schedule

PRICE = ["rate_source", "unit_amount", "ladder_id", "place"]
IN_FORCE = (pl.col("window_start") >= pl.col("valid_from")) & (pl.col("window_start") < pl.col("valid_to"))


def of_windows(rated: pl.DataFrame, books: Books, schedule: Schedule) -> pl.DataFrame:
    """What is the same for all combinations of a pricing in a window: the card's version and the price without the card.

    In: rows with contract_id, timezone, pricing_code, rate_card_code, window_start. Out: the same rows with `has_version`,
    `effective_from` (of the version in force) and rate_source, unit_amount, ladder_id, place: the contract's override of the
    pricing where one is in force, else the pricing's own; `fallback` both where the pricing has a card.
    """
    numbered = rated.with_row_index("row")
    own = books.pricings.select("pricing_code", "unit_amount", "ladder_id", "place")
    overrides = schedule.overrides.filter(pl.col("pricing_code").is_not_null())
    overridden = (
        numbered.select("row", "contract_id", "pricing_code", "window_start")
        .join(overrides, on=["contract_id", "pricing_code"])
        .filter(IN_FORCE)
        .select("row", "unit_amount", "ladder_id", "place", is_overridden=pl.lit(value=True))
    )
    version = (
        numbered.filter(pl.col("rate_card_code").is_not_null())
        .select("row", "rate_card_code", "timezone", "window_start")
        .join(schedule.card_versions, on=["rate_card_code", "timezone"])
        .filter(IN_FORCE)
        .select("row", "effective_from", has_version=pl.lit(value=True))
    )
    is_overridden = pl.col("is_overridden").is_not_null()
    source = (
        pl.when(pl.col("rate_card_code").is_not_null())
        .then(pl.lit("fallback"))
        .when(is_overridden)
        .then(pl.lit("override"))
        .otherwise(pl.lit("pricing"))
    )
    return (
        numbered.join(own, on="pricing_code", how="left", maintain_order="left")
        .join(overridden, on="row", how="left", maintain_order="left", suffix="_own")
        .join(version, on="row", how="left", maintain_order="left")
        .with_columns(
            source.alias("rate_source"),
            *(
                pl.when(is_overridden).then(f"{name}_own").otherwise(name).alias(name)
                for name in ("unit_amount", "ladder_id", "place")
            ),
        )
        .drop("row", "is_overridden", "unit_amount_own", "ladder_id_own", "place_own")
    )


def of_combinations(slots: pl.DataFrame, books: Books, schedule: Schedule) -> pl.DataFrame:
    """The slots, in the same order, with the price of their combination where an override or a card entry matches it.

    In: `slot` (unique), combination_no, group_values, meter_code, model and the columns of `of_windows`.
    """
    complete = slots.filter(pl.col("rate_card_code").is_not_null(), combinations.is_complete(pl.col("group_values")))
    overridden = _by_override(complete.filter(pl.col("model") == "per_unit"), schedule)
    carded = _by_card(complete.join(overridden, on="slot", how="anti"), books)
    exact = pl.concat([overridden, carded])
    return (
        slots.join(exact, on="slot", how="left", maintain_order="left", suffix="_exact")
        .with_columns(
            pl.when(pl.col("rate_source_exact").is_not_null()).then(f"{name}_exact").otherwise(name).alias(name)
            for name in PRICE
        )
        .drop(f"{name}_exact" for name in PRICE)
    )


def _by_override(slots: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    overrides = schedule.overrides.filter(pl.col("group_values").is_not_null())
    concerned = slots.join(overrides.select("contract_id", "meter_code").unique(), on=["contract_id", "meter_code"], how="semi")
    hits = _most_specific(concerned, overrides, ["contract_id", "meter_code"], "slot", IN_FORCE)
    return hits.with_columns(rate_source=pl.lit("override")).select("slot", *PRICE)


def _by_card(slots: pl.DataFrame, books: Books) -> pl.DataFrame:
    """Each combination is looked up once in each version of each card, however many contracts have it."""
    looked_up = ["rate_card_code", "effective_from", "combination_no"]
    in_version = slots.filter(pl.col("has_version")).select("slot", *looked_up, "group_values")
    distinct = in_version.unique(looked_up).drop("slot").with_row_index("lookup")
    entries = _most_specific(
        distinct, books.rate_card_entries, ["rate_card_code", "effective_from"], "lookup", pl.lit(value=True)
    )
    found = distinct.select("lookup", *looked_up).join(entries, on="lookup")
    hits = in_version.join(found, on=looked_up, nulls_equal=True)
    return hits.with_columns(rate_source=pl.lit("rate_card")).select("slot", *PRICE)


def _most_specific(rows: pl.DataFrame, entries: pl.DataFrame, on: Sequence[str], row: str, in_force: pl.Expr) -> pl.DataFrame:
    """Each row that any entry matches, with the price of the entry that has fewest `*`, then exact values first (R-20).

    Entries are taken pattern by pattern, most specific first; a pattern says which group values are `*`, and there are as many
    as people wrote, whatever the number of entries. Out: `row`, unit_amount, ladder_id, place.
    """
    price = ["unit_amount", "ladder_id", "place"]
    rows = rows.drop(price, strict=False)
    wild = entries.get_column("group_values").list.eval(pl.element().is_null())
    patterned = entries.with_columns(pattern=wild).select(
        *on, "group_values", "pattern", pl.selectors.starts_with("valid_"), *price
    )
    patterns = sorted(patterned.get_column("pattern").unique().to_list(), key=lambda pattern: (sum(pattern), pattern))
    nothing = rows.clear().join(entries.clear().select(*on, *price), on=list(on), nulls_equal=True).select(row, *price)
    unmatched, found = rows, [nothing]
    for pattern in patterns:
        exact = [position for position, is_wild in enumerate(pattern) if not is_wild]
        keyed = combinations.key_at(pl.col("group_values"), exact).alias("key")
        of_pattern = patterned.filter(pl.col("pattern") == pl.lit(pattern, dtype=pl.List(pl.Boolean)))
        right = of_pattern.with_columns(keyed).drop("group_values", "pattern")
        left = unmatched.filter(pl.col("group_values").list.len() == len(pattern)).with_columns(keyed)
        hits = left.join(right, on=[*on, "key"], nulls_equal=True).filter(in_force).select(row, *price)
        found.append(hits)
        unmatched = unmatched.join(hits, on=row, how="anti")
    return pl.concat(found)
