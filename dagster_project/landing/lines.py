"""LINES: the one shape in which events travel from the inbox to the reader, whatever file they came in.

What belongs here: the columns. What does not: how a file is cut into them (`line_splitter`, `tabular`) and what a line
must hold (`reader`, `validation`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

LINES: Final = {
    "file": pl.UInt32(),  # number of the file in this landing
    "position": pl.Int64(),  # line, row or array index in the file, from 1
    "element": pl.Int32(),  # index within a line that holds several events, from 1; 0 where the line is the event
    "line": pl.String(),  # the event as JSON text, as it stands in the file
    "received_at": pl.String(),  # what a Parquet or CSV column states, as ISO 8601 text; null: nothing stated
    "is_receipt": pl.Boolean(),  # received_at is when a door took the event; null: it is what somebody states
    "fault": pl.String(),  # why the line cannot be read at all; null: it can be tried
}

BLANK: Final = " \t\r\n"  # what JSON takes for white space


def lines(
    file: int | NDArray[np.uint32], position: pl.Series | NDArray[np.int64], line: pl.Series, **stated: pl.Series
) -> pl.DataFrame:
    """LINES: the number of their file or of each one's, positions, texts; `element`, `received_at`, `fault` where stated."""
    if not isinstance(file, int):
        stated["file"] = pl.Series(file)
    frame = pl.DataFrame({"position": position, "line": line, **stated})
    return frame.select(
        pl.col(name).cast(dtype)
        if name in frame.columns
        else pl.lit({"file": file, "element": 0}.get(name), dtype=dtype).alias(name)
        for name, dtype in LINES.items()
    )
