"""A file of the inbox to what it is cut into, whatever its form: stretches of JSON, LINES of anything else.

What belongs here: which reader a file goes to. What does not: the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from dagster_project.landing.cutting import cut
from dagster_project.landing.inbox import Inbox, InboxFile
from dagster_project.landing.judging import Cut
from dagster_project.landing.mapping import Mapping
from dagster_project.landing.records import record_lines
from dagster_project.landing.tabular import AsTheyAre, csv_lines, parquet_lines

PIECE_BYTES: Final = 1 << 24  # 16 MiB of text are some 60,000 events; larger pieces cost memory and are not faster


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears what is no fault of a file: sentences about it, and the columns that nobody reads."""

    look: Callable[[str], None]
    unread: Callable[[list[str]], None]


NOBODY: Final = Told(lambda _: None, lambda _: None)


def cuts_of(
    connection: duckdb.DuckDBPyConnection,
    inbox: Inbox,
    file: InboxFile,
    number: int,
    zone: str,
    *,
    content: bytes | None = None,
    piece_bytes: int = PIECE_BYTES,
    told: Told = NOBODY,
) -> Iterator[Cut]:
    """What a file is cut into, piece by piece, under a number. content: its decompressed bytes, where they are known already.

    zone: of bare dates. Raises `UnreadableColumns` and what reading a file may end in.
    """
    mapping = Mapping(file.source, zone) if file.source else None
    if file.form == "json":
        # every call begins at the start of the file
        def pieces() -> Iterator[bytes]:
            return iter((content,)) if content is not None else inbox.pieces(file, piece_bytes)

        if mapping:
            yield from record_lines(connection, number, pieces, mapping)
        else:
            yield from cut(number, pieces)
    elif file.form == "csv":

        def source() -> pa.NativeFile:
            return pa.BufferReader(content) if content is not None else inbox.stream(file)

        yield from csv_lines(connection, number, source, mapping or AsTheyAre(), told.look, told.unread)
    else:
        stored = pa.BufferReader(content) if content is not None else inbox.random_access(file)
        yield from parquet_lines(connection, number, stored, mapping or AsTheyAre(), told.unread)
