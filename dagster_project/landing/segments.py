"""Segments: files of events that a door has taken (R-59), back into events as they were sent (R-60).

    {"$door":"<receipt> <request id> <key>","event_name":…}            an event
    {"$door":"<receipt> <request id> <key>","$refused":"…","raw":"…"}  what the door refused, kept for quarantine

What belongs here: how a line is written and read. What does not: when a segment is opened and closed (`api/segments.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
import polars as pl

from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.event import MEMBERS
from dagster_project.landing.lines import lines

FOLDER: Final = "api"
WAITS_AHEAD: Final = timedelta(hours=1)  # a receipt later than that after as_of is of a clock that is not ours
RAW_BYTES_KEPT: Final = 1 << 16

_NAME: Final = re.compile(rf"{FOLDER}/\d{{4}}/\d{{2}}/\d{{2}}/[^/]+\.ndjson")
_DOOR: Final = r'^\{"\$door":"([^" \\]+) [^"\\]*"'
_REFUSED: Final = r'^\{"\$door":"[^"\\]*","\$refused":'
_REFUSED_FIELDS: Final = pl.Struct({"$refused": pl.String, "raw": pl.String})


def is_segment(name: str) -> bool:
    """Whether a file of the inbox is a closed segment, by its name."""
    return _NAME.fullmatch(name) is not None


def door_field(receipt: datetime, request_id: str, key: str) -> bytes:
    """What a line of a segment begins with."""
    return f'{{"$door":"{receipt:%Y-%m-%dT%H:%M:%S.%fZ} {request_id} {key}"'.encode()


def refused_line(door: bytes, reason: str, raw: bytes) -> bytes:
    """The line of what a door refused; door: as `door_field`."""
    kept = raw[:RAW_BYTES_KEPT].decode("utf-8", "replace")
    texts = f',"$refused":{json.dumps(reason, ensure_ascii=False)},"raw":{json.dumps(kept, ensure_ascii=False)}}}'
    return door + texts.encode()


def segment_lines(file: int, pieces: Callable[[], Iterator[bytes]], as_of: datetime) -> Iterator[pl.DataFrame]:
    """LINES of a segment. Raises `UnreadableColumns` where it holds receipts that a run of as_of cannot have: it waits for another."""
    position, rest = 0, b""
    for piece in pieces():
        whole, end, rest = (rest + piece).rpartition(b"\n")
        if end:
            found = _lines(file, whole, position, as_of)
            position += whole.count(b"\n") + 1
            yield found
    if rest:
        yield _lines(file, rest, position, as_of)


def _lines(file: int, content: bytes, before: int, as_of: datetime) -> pl.DataFrame:
    """LINES of whole lines of a segment, those after the first `before`."""
    text = pl.Series([content.decode("utf-8", "replace")]).str.split("\n").explode()
    place = pl.Series(np.arange(before + 1, before + 1 + len(text), dtype=np.int64))
    read = pl.DataFrame({"position": place, "line": text}).filter(pl.col("line").str.strip_chars() != "")
    odd = read.filter(~pl.col("line").str.contains(_DOOR), pl.col("line").str.contains('"$door"', literal=True))
    if odd.height:  # written by hand, or by another program: the field stands elsewhere
        read = read.update(odd.with_columns(pl.col("line").map_elements(_door_first, return_dtype=pl.String)), on="position")
    read = read.with_columns(receipt=pl.col("line").str.extract(_DOOR), is_refused=pl.col("line").str.contains(_REFUSED))
    _require_past(read.get_column("receipt"), as_of)
    refused = read.filter("is_refused").with_columns(pl.col("line").str.json_decode(_REFUSED_FIELDS).alias("fields"))
    refused = refused.unnest("fields").with_columns(
        line=pl.col("raw").fill_null(""), fault=pl.col("$refused").fill_null("refused")
    )
    events = read.filter(~pl.col("is_refused")).with_columns(
        line=pl.col("line").str.replace(_DOOR + r",?\s*", "{"), fault=pl.lit(None, dtype=pl.String)
    )
    columns = ["position", "line", "receipt", "fault"]
    found = pl.concat([events.select(columns), refused.select(columns)]).sort("position")
    return lines(
        file,
        found.get_column("position"),
        found.get_column("line"),
        received_at=found.get_column("receipt"),
        is_receipt=found.get_column("receipt").is_not_null(),
        fault=found.get_column("fault"),
    )


def _require_past(receipts: pl.Series, as_of: datetime) -> None:
    # written by one program in one way, so texts compare as instants do
    latest = receipts.max()
    if isinstance(latest, str) and latest > f"{as_of + WAITS_AHEAD:%Y-%m-%dT%H:%M:%S.%fZ}":
        raise UnreadableColumns(f"it holds events that were received at {latest}, more than an hour after this run's as_of")


def _door_first(line: str) -> str:
    """The same fields with `$door`, and after it `$refused`, in front; the line as it is where it cannot be read."""
    try:
        fields = MEMBERS.decode(line.encode())
    except msgspec.DecodeError:
        return line
    first = {name: fields.pop(name) for name in ("$door", "$refused") if name in fields}
    return msgspec.json.encode(first | fields).decode()
