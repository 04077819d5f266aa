"""The price join: which price a combination has in a window, and where it stands in the books (R-19, R-20).

The first that exists wins: the contract's override that matches the combination; the card entry of the version in force; the
override of the pricing; the pricing's own price. The last two are the same for every combination, so they are found once a window;
a combination with a missing group value has no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.catalog import Catalog
from rating.schedule import Schedule, in_force
from rating.usage import combinations

PRICE = ["rate_source", "unit_amount", "tier_set_id", "place", "is_agreed"]
IN_FORCE = in_force("window_start")


def of_windows(priced_windows: pl.DataFrame, catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """What is the same for all combinations of a pricing in a window: the card's version and the price without the card.

    In: `row` (unique), contract_id, timezone, pricing_code, rate_card_code, window_start. Out: the same rows with `version_no`
    (the row of RATE_CARDS whose version is in force; null: none) and rate_source, unit_amount, tier_set_id, place: the contract's
    override of the pricing where one is in force (`is_agreed`), else the pricing's own; `fallback` both where the pricing has a card.
    """
    own = catalog.pricings.select("pricing_code", "unit_amount", "tier_set_id", "place")
    overrides = schedule.overrides.filter(pl.col("pricing_code").is_not_null(), pl.col("percent_off").is_null())
    overridden = (
        priced_windows.select("row", "contract_id", "pricing_code", "window_start")
        .join(overrides, on=["contract_id", "pricing_code"])
        .filter(IN_FORCE)
        .select("row", "unit_amount", "tier_set_id", "place", is_overridden=pl.lit(value=True))
    )
    version = (
        priced_windows.filter(pl.col("rate_card_code").is_not_null())
        .select("row", "rate_card_code", "timezone", "window_start")
        .join(_numbered(schedule.card_versions, catalog), on=["rate_card_code", "timezone"])
        .filter(IN_FORCE)
        .select("row", "version_no")
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
        priced_windows.join(own, on="pricing_code", how="left", maintain_order="left")
        .join(overridden, on="row", how="left", maintain_order="left", suffix="_own")
        .join(version, on="row", how="left", maintain_order="left")
        .with_columns(
            source.alias("rate_source"),
            is_overridden.alias("is_agreed"),
            *(
                pl.when(is_overridden).then(f"{name}_own").otherwise(name).alias(name)
                for name in ("unit_amount", "tier_set_id", "place")
            ),
        )
        .drop("is_overridden", "unit_amount_own", "tier_set_id_own", "place_own")
    )


def _numbered(versions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Rows of versions of cards with the number of their version."""
    version = ["rate_card_code", "effective_from", "starts_at"]
    return versions.join(catalog.rate_cards.select(version).with_row_index("version_no"), on=version, nulls_equal=True)


def of_combinations(slots: pl.DataFrame, distinct: pl.DataFrame, catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """The slots, in the same order, with the price of their combination where an override or a card entry matches it.

    In: `slot` (unique), combination_no, is_complete, meter_code, model and the columns of `of_windows`; `combinations.distinct`.
    """
    is_overridden, is_listed = (pl.col(f"rate_source_{where}").is_not_null() for where in ("override", "card"))
    return (
        slots.join(
            _on_cards(slots, distinct, catalog),
            on=["version_no", "combination_no"],
            how="left",
            maintain_order="left",
            suffix="_card",
        )
        .join(_overridden(slots, distinct, schedule), on="slot", how="left", maintain_order="left", suffix="_override")
        .with_columns(
            pl.when(is_overridden).then(f"{name}_override").when(is_listed).then(f"{name}_card").otherwise(name).alias(name)
            for name in PRICE
        )
        .drop(f"{name}_{where}" for name in PRICE for where in ("override", "card"))
    )


def _overridden(slots: pl.DataFrame, distinct: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """Slots whose combination an override of their contract names: `slot` and PRICE."""
    on = ["contract_id", "meter_code"]
    overrides = schedule.overrides.filter(pl.col("group_values").is_not_null(), pl.col("percent_off").is_null())
    concerned = (
        slots.select("slot", "combination_no", "is_complete", "rate_card_code", "model", "window_start", *on)
        .join(overrides.select(on).unique(), on=on, how="semi")
        .filter("is_complete", pl.col("rate_card_code").is_not_null(), pl.col("model") == "per_unit")
        .join(distinct.select("combination_no", "group_values"), on="combination_no")
    )
    hits = most_specific(concerned, overrides, on, "slot", IN_FORCE)
    return hits.with_columns(rate_source=pl.lit("override"), is_agreed=pl.lit(value=True)).select("slot", *PRICE)


def _on_cards(slots: pl.DataFrame, distinct: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Combinations that a version of a card lists, each looked up once, however many contracts have it: version_no,
    combination_no and PRICE."""
    looked_up = ["version_no", "combination_no"]
    lookups = (
        slots.select(looked_up)
        .unique()
        .join(distinct.filter("is_complete").select("combination_no", "group_values"), on="combination_no")
        .with_row_index("lookup")
    )
    entries = _numbered(catalog.rate_card_entries, catalog)
    found = most_specific(lookups, entries, ["version_no"], "lookup", pl.lit(value=True))
    listed = {"rate_source": pl.lit("rate_card"), "is_agreed": pl.lit(value=False)}
    return lookups.join(found, on="lookup").with_columns(**listed).select(*looked_up, *PRICE)


def most_specific(rows: pl.DataFrame, entries: pl.DataFrame, on: Sequence[str], row: str, in_force: pl.Expr) -> pl.DataFrame:
    """Each row that any entry matches, with the price of the entry that has fewest `*`, then exact values first (R-20).

    Entries are taken pattern by pattern, most specific first; a pattern says which group values are `*`, and there are as many
    as people wrote, whatever the number of entries. Out: `row`, unit_amount, tier_set_id, place.
    """
    price = ["unit_amount", "tier_set_id", "place"]
    wild = entries.get_column("group_values").list.eval(pl.element().is_null())
    patterned = entries.with_columns(pattern=wild).select(
        *on, "group_values", "pattern", pl.selectors.starts_with("valid_"), *price
    )
    patterns = sorted(patterned.get_column("pattern").unique().to_list(), key=lambda pattern: (sum(pattern), pattern))
    nothing = rows.clear().join(entries.clear().select(*on, *price), on=list(on)).select(row, *price)
    unmatched, found = rows, [nothing]
    for pattern in patterns:
        exact = [position for position, is_wild in enumerate(pattern) if not is_wild]
        keyed = combinations.key_at(pl.col("group_values"), exact).alias("key")
        of_pattern = patterned.filter(pl.col("pattern") == pl.lit(pattern, dtype=pl.List(pl.Boolean)))
        right = of_pattern.with_columns(keyed).drop("group_values", "pattern")
        left = unmatched.filter(pl.col("group_values").list.len() == len(pattern)).with_columns(keyed)
        hits = left.join(right, on=[*on, "key"]).filter(in_force).select(row, *price)
        found.append(hits)
        unmatched = unmatched.join(hits, on=row, how="anti")
    return pl.concat(found)
