"""The price models of usage: one file each, each a function from slots to parts.

A slot is one combination of one pricing in one rating window, with its price. A part is a quantity at one unit price, with the
flat amount that comes with it: all that a model decides. What parts cost is worked out once, in `rating.usage_lines`.

In (every model): SLOTS, the columns named below, among others. Out: PARTS, zero or more rows a slot.

=============  ===========================================================================================
SLOTS          meaning
=============  ===========================================================================================
slot           number of the row
accrual_group  number of the running total that tiers lie over: one a contract, period, pricing and combination
window_start   order within the accrual group
quantity_e9    usage of the window, in 1e-9 units
start, end     the group's running total before and after the window, in 1e-9 units
tier_scope     combination or pricing: what quantity picks a volume tier; with contract_id, period_start, pricing_code
unit_e12       unit price, in 1e-12 of the currency; null where tiers make the price
tier_set_id      tiers of the price; null where it has none
per_e9         units that the unit price buys, in 1e-9
=============  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from rating.usage.models import graduated, linear, package, volume

Model = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]

MODELS: dict[str, Model] = {
    "per_unit": linear.parts,
    "bps": linear.parts,
    "graduated": graduated.parts,
    "volume": volume.parts,
    "package": package.parts,
}


def parts(slots: pl.DataFrame, tiers: pl.DataFrame) -> pl.DataFrame:
    """PARTS of all slots: slot, tier_no (0: no tiers), lower_e9, upper_e9, quantity_e9, unit_e12, flat_e12.

    tiers: TIER_SETS with `lower_e9`, `upper_e9`, `unit_e12`, `flat_e12` as integers.
    """
    return pl.concat([model(slots.filter(pl.col("model") == name), tiers) for name, model in MODELS.items()])
