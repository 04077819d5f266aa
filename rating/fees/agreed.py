"""Lines of one amount that was agreed on, which nothing prorates."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact

PERIOD = ["contract_id", "period_start"]


def agreed_lines(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """CHARGES of one kind, ranked on their period in the order of the rows.

    rows: contract_id, period_start, pricing_code, description, unit_rate (the amount that was agreed on), amount_units (what of it is
    charged), minor_digits, place.
    """
    one = pl.lit(1).cast(tables.QUANTITY)
    return tables.CHARGES.frame(
        rows.with_columns(
            kind=pl.lit(kind),
            rank=pl.int_range(pl.len()).over(PERIOD),
            quantity=one,
            per=one,
            exact_amount=exact.decimal(pl.col("amount_units") * exact.per_minor(tables.PRICE_SCALE), tables.PRICE),
            price_from=pl.col("period_start"),
            event_count=pl.lit(0),
        )
    )
