"""Combinations of group values: keys that join exactly, order, JSON text and names (R-15, R-38, R-39)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.arithmetic.exact import highest

COMBINATION = ["meter_code", "group_values"]
MISSING_NAME = "(none)"
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"} | {
    chr(code): f"\\u{code:04x}" for code in range(32) if chr(code) not in "\b\f\n\r\t"
}


def key(values: pl.Expr) -> pl.Expr:
    """A text that is equal exactly where two lists of group values are: each value behind its length, `-` where it is missing."""
    value = pl.element()
    return values.list.eval(pl.when(value.is_null()).then(pl.lit("-")).otherwise(_behind_its_length(value))).list.join("")


def distinct(usage: pl.DataFrame) -> pl.DataFrame:
    """Each combination of each meter once, in the order of its values (R-38).

    In: meter_code, group_values. Out: these, `combination_no` (its rank), `combination` (the key of its values), `is_complete`
    (whether no value is missing).
    """
    ordered, by_value = sort_columns(usage.select(COMBINATION).unique(), "group_values")
    return (
        ordered.sort("meter_code", *by_value, nulls_last=True)
        .with_row_index("combination_no")
        .select(
            *COMBINATION,
            "combination_no",
            combination=key(pl.col("group_values")),
            is_complete=is_complete(pl.col("group_values")),
        )
    )


def numbered(usage: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The usage with `combination_no` instead of its group_values; `known` has all of them, as `distinct` makes it."""
    numbers = known.select(*COMBINATION, "combination_no")
    return usage.join(numbers, on=COMBINATION, how="left", nulls_equal=True, maintain_order="left").drop("group_values")


def key_at(values: pl.Expr, positions: Sequence[int]) -> pl.Expr:
    """The key of some positions only; every value there must be present."""
    parts = [_behind_its_length(values.list.get(position)) for position in positions]
    return pl.concat_str(parts) if parts else pl.lit("")


def _behind_its_length(value: pl.Expr) -> pl.Expr:
    return pl.concat_str(value.str.len_bytes().cast(pl.String), pl.lit(":"), value)


def is_complete(values: pl.Expr) -> pl.Expr:
    """Whether no value is missing."""
    return values.list.contains(pl.lit(None, dtype=pl.String), nulls_equal=True).not_()


def sort_columns(frame: pl.DataFrame, values: str) -> tuple[pl.DataFrame, list[str]]:
    """The frame with one column a position, to sort by with nulls last: by code point, key by key, missing last (R-38)."""
    most = highest(frame.get_column(values).list.len())
    names = [f"{values}_{position}" for position in range(most)]
    return frame.with_columns(
        pl.col(values).list.get(position, null_on_oob=True).alias(name) for position, name in enumerate(names)
    ), names


def dimensions(frame: pl.DataFrame, keys: str, values: str) -> pl.Series:
    """The combination as JSON text, `{"region":"US","call_outcome":null}`, keys in group_keys order."""
    pairs = (
        frame.select(pl.col(keys), pl.col(values))
        .with_row_index("row")
        .explode(keys, values, empty_as_null=False, keep_nulls=False)
        .with_columns(
            pair=pl.concat_str(_quoted(pl.col(keys)), pl.lit(":"), pl.coalesce(_quoted(pl.col(values)), pl.lit("null")))
        )
        .group_by("row", maintain_order=True)
        .agg(pl.col("pair").str.join(","))
    )
    rows = pl.DataFrame({"row": pl.Series(range(frame.height), dtype=pl.UInt32)})
    text = pl.concat_str(pl.lit("{"), pl.col("pair").fill_null(""), pl.lit("}"))
    return (
        rows.join(pairs.cast({"row": pl.UInt32}), on="row", how="left", maintain_order="left")
        .select(text.alias("dimensions"))
        .to_series()
    )


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), text.str.replace_many(_ESCAPES), pl.lit('"'))


def description(name: pl.Expr, values: pl.Expr) -> pl.Expr:
    """`AI Calls - US / Resolved`: each value's first letter upper-cased, `(none)` for a missing one (R-39)."""
    value = pl.element()
    shown = values.list.eval(
        pl.coalesce(value.str.slice(0, 1).str.to_uppercase() + value.str.slice(1), pl.lit(MISSING_NAME))
    ).list.join(" / ")
    return pl.when(values.list.len() == 0).then(name).otherwise(pl.concat_str(name, pl.lit(" - "), shown))
