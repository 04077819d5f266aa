"""A file of the inbox to what it is cut into, whatever its form: pieces of JSON, LINES of anything else.

What belongs here: which reader a file goes to. What does not: the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.counting import LinesOfBytes
from dagster_project.landing.inbox import Inbox, InboxFile
from dagster_project.landing.line_splitter import cut
from dagster_project.landing.mapping import Mapping
from dagster_project.landing.pieces import Piece
from dagster_project.landing.records import record_lines
from dagster_project.landing.segments import is_segment, segment_lines
from dagster_project.landing.tabular import AsTheyAre, csv_lines, parquet_lines
from dagster_project.landing.validation import Cut

PIECE_BYTES: Final = 1 << 24  # 16 MiB of text are some 60,000 events; larger pieces cost memory and are not faster

_ELEMENTS: Final = """
select case
    when not json_valid(document) then null
    when json_type(document) = 'ARRAY' then json_array_length(document)
    when json_type(document, '$.event_name') is not null or json_type(document, '$.eventName') is not null then 1
    when json_type(document, '$.events') = 'ARRAY' then json_array_length(document, '$.events')
    else 1
end
from (select ?::varchar as document)
"""


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
    as_of: datetime,
    *,
    content: bytes | None = None,
    piece_bytes: int = PIECE_BYTES,
    told: Told = NOBODY,
) -> Iterator[Cut]:
    """What a file is cut into, piece by piece, under a number. content: its decompressed bytes, where they are known already.

    zone: of bare dates. as_of: of the run, which a segment may have to wait for (R-60).
    Raises `UnreadableColumns` and what reading a file may end in.
    """
    mapping = Mapping(file.source, zone) if file.source else None
    if is_segment(file.name) and file.compression is None:
        yield from segment_lines(
            number, lambda: iter((content,)) if content is not None else inbox.pieces(file, piece_bytes), as_of
        )
    elif file.form == "json":
        # every call begins at the start of the file
        def pieces() -> Iterator[bytes]:
            return iter((content,)) if content is not None else inbox.pieces(file, piece_bytes)

        if mapping:
            yield from record_lines(connection, number, pieces, mapping)
        else:
            yield from _counted(lambda seen: cut(number, pieces, seen), lambda: _elements(connection, content))
    elif file.form == "csv":

        def source() -> pa.NativeFile:
            return pa.BufferReader(content) if content is not None else inbox.stream(file)

        yield from csv_lines(connection, number, source, mapping or AsTheyAre(), told.look, told.unread)
    else:
        stored = pa.BufferReader(content) if content is not None else inbox.random_access(file)
        yield from parquet_lines(connection, number, stored, mapping or AsTheyAre(), told.unread)


def _elements(connection: duckdb.DuckDBPyConnection, content: bytes | None) -> int | None:
    """How many events a document holds, counted by a reader that has no part in cutting it; None where that is not known.

    A file that is too large to be held in memory is not counted a second time.
    """
    try:
        text = content.decode("utf-8-sig").strip() if content else ""
    except UnicodeDecodeError:
        return None
    [(found,)] = connection.execute(_ELEMENTS, [text]).fetchall()
    return None if found is None else int(found)


def _counted(cuts: Callable[[Callable[[bytes], None]], Iterator[Piece]], elements: Callable[[], int | None]) -> Iterator[Piece]:
    """The pieces that a file is cut into; raises `UnreadableColumns` where they hold others than the file (R-10).

    cuts: is told who wants to see the bytes of lines. elements: counts the events of the file once more, where it turns out to be one
    document.
    """
    counts, read, is_document = LinesOfBytes(), 0, False
    for piece in cuts(counts.see):
        read += len(piece.start)
        is_document = piece.is_list
        yield piece
    if is_document:
        if (there := elements()) is not None and read != there:
            raise UnreadableColumns(f"its document holds {there:,} events, and {read:,} were read")
    elif read and (difference := counts.difference(read)):
        raise UnreadableColumns(difference)
