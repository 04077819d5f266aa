"""What a step of a run says of its work: which tables it made, and what was checked of them.

What belongs here: plain words and figures. What does not: how a terminal (`cli/`) or Dagster (`defs/`) shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import polars as pl

Key = tuple[str, str]  # schema, table
Counted = Callable[[], int]  # a figure that takes a moment: whoever shows it asks
Figure = int | float | Decimal | str | Path | pl.DataFrame | Counted


@dataclass(frozen=True, slots=True)
class Made:
    """A table was made. figures: what there is to say of it, by name; a small frame is shown as a table.

    by_month: asks for figures of one billing month each, where they are known.
    """

    table: Key
    figures: Mapping[str, Figure] = field(default_factory=dict)
    by_month: Callable[[], Mapping[str, Mapping[str, Figure]]] = dict


@dataclass(frozen=True, slots=True)
class Checked:
    """Something was checked of a table. blocking: where it does not hold, nothing after it is done (law 6); others ask for a look."""

    table: Key
    name: str
    passed: bool
    says: str
    blocking: bool = True
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """What is to be said where it does not hold."""
        return f"{'/'.join(self.table)}: {self.name} failed. {self.says}".strip()


Said = Iterator[Made | Checked]
