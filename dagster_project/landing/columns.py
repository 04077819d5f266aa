"""The columns of CSV and Parquet files: which of them say something about an event, and how a CSV file is written.

What belongs here: headers, separators, encodings, quotes. What does not: the cells of a row.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dagster_project.landing.counting import LinesOfBytes
from dagster_project.landing.event import FIELDS, SPELLINGS
from rating.books import SourceFormat

PROPERTY_PREFIX: Final = "properties."
RECEIVED_AT: Final = ("received_at", "receivedAt")
SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
HEADER_BYTES_MAX: Final = 1 << 20
TEXT_BYTES_MAX: Final = 1 << 26  # of one cell; what a quote opens and does not close within these is taken for open
NAMES_SHOWN: Final = 20
SIGNS_SHOWN: Final = 60  # of a name

_KNOWN: Final = (*FIELDS, *SPELLINGS.values(), *RECEIVED_AT)
_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CUSTOMERS: Final = ("customer_id", "external_customer_id")

OpenSource = Callable[[], pa.NativeFile]


class UnreadableColumns(Exception):
    """The columns of a file cannot be read as an event's; the sentence says which, and what to write instead."""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a CSV file is written: `open_source` gives its bytes as UTF-8."""

    names: list[str]
    separator: str
    open_source: OpenSource
    has_header: bool = True

    def position(self, row: int) -> int:
        """The place of a row that is the n-th of the file, from 1, the header not counted."""
        return row - self.has_header


def columns_read(names: Sequence[str]) -> dict[str, str]:
    """The columns that say something about an event, each with the name that it is read under.

    A name matches exactly, else without regard to letter case, `_` and blanks. Raises `UnreadableColumns` where one name is there
    twice, where two columns could be the same field, and where a needed column is missing.
    """
    read = {name: name for name in names if name in _KNOWN or name.startswith(PROPERTY_PREFIX)}
    twice = sorted({name for name in read if names.count(name) > 1})
    if twice:
        raise UnreadableColumns(f"the column {', '.join(twice)} stands twice; give each column its own name")
    fields = {folded(field): field for field in (*FIELDS, RECEIVED_AT[0])}
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        field = fields.get(folded(name))
        if (
            name not in read
            and field
            and not {field, SPELLINGS.get(field), *(RECEIVED_AT if field in RECEIVED_AT else ())} & {*read}
        ):
            alike[field].append(name)
    for field, found in alike.items():
        if len(found) > 1:
            raise UnreadableColumns(f"the columns {listed_columns(found)} could all be {field}; name one of them {field}")
        read[found[0]] = field
    for name in names:
        start = name[: len(PROPERTY_PREFIX)]
        if name not in read and start.strip().lower() == PROPERTY_PREFIX:
            read[name] = PROPERTY_PREFIX + name[len(PROPERTY_PREFIX) :]
    _require_needed(names, {*read.values()})
    return read


def csv_form(open_source: OpenSource, stated: SourceFormat | None = None, known: Sequence[str] = ()) -> CsvForm | None:
    """How a CSV file is written, as a source states it, and else told by its first line; None where there is none.

    known: names of columns by which a separator is told. A file without a header has its columns named by the source, or by their
    place, from 1. Raises `UnreadableColumns`.
    """
    encoding = stated.encoding if stated and not _is_utf8(stated.encoding) else None
    start = open_source().read(HEADER_BYTES_MAX)
    mark = next((mark for mark in _UTF16 if start.startswith(mark)), b"")
    encoding = _UTF16[mark] if mark else encoding
    if encoding:
        start = start.removeprefix(mark).decode(encoding, errors="ignore").encode()
        open_source = _as_utf8(open_source, encoding, len(mark))
    text = start.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    line = text.splitlines()[0] if text else b""
    if not line.strip():
        return None
    try:
        header = line.decode()
    except UnicodeDecodeError as error:
        raise UnreadableColumns(
            f"its header is not UTF-8 (byte {error.start + 1} is {line[error.start]:#04x}); save the file as UTF-8"
        ) from None
    split = {separator: _cells(header, separator) for separator in SEPARATORS}
    wanted = {folded(name) for name in (*_KNOWN, *known)}
    # the header's own fields tell; where no cell is a field, the most cells do
    separator = max(SEPARATORS, key=lambda one: (_fields_among(split[one], wanted), len(split[one]), one == ","))
    if stated and stated.separator:
        separator = stated.separator
        split[separator] = _cells(header, separator)
    if stated is None or stated.header is True:
        return CsvForm(split[separator], separator, open_source)
    cells = len(split[separator])
    names = [str(place) for place in range(1, cells + 1)] if stated.header is False else list(stated.header)
    if len(names) != cells:
        raise UnreadableColumns(f"its first row has {cells} cells where the source names {len(names)} columns in `header`")
    return CsvForm(names, separator, open_source, has_header=False)


def open_quote(form: CsvForm, counted: LinesOfBytes, piece_bytes: int = 1 << 22) -> int | None:
    """The row (from 1, the header's included) in which a quote is opened that nothing closes; None where there is none.

    `counted` sees all bytes on the way. Quotes come in pairs, also doubled ones within a text: only where their number is odd the
    rows are read one by one.
    """
    source, quotes = form.open_source(), 0
    while piece := source.read(piece_bytes):
        quotes += piece.count(b'"')
        counted.see(piece)
    if quotes % 2 == 0:
        return None
    text = io.TextIOWrapper(form.open_source(), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(text, delimiter=form.separator, strict=True)
    begun, limit = 1, csv.field_size_limit(TEXT_BYTES_MAX)
    try:
        for _ in reader:
            begun = reader.line_num + 1
    except csv.Error as error:
        return begun if "unexpected end" in str(error) or "field limit" in str(error) else None
    finally:
        csv.field_size_limit(limit)
    return None


def texts_with_line_ends(rows: pa.Table) -> Iterator[bytes]:
    """The texts of the rows that go over several lines."""
    for column in rows.columns:
        texts = column.cast(pa.binary())
        yield from (cell for cell in texts.filter(pa.compute.match_substring(texts, "\n")).to_pylist() if cell is not None)


def swallowed_rows(form: CsvForm, texts: Iterable[bytes]) -> int:
    """How many texts hold what reads as rows of their own: a quote may have been closed far too late."""
    return sum(
        sum(len(_cells(line, form.separator)) == len(form.names) for line in text.decode(errors="replace").splitlines()) > 1
        for text in texts
    )


def _require_needed(names: Sequence[str], read: set[str]) -> None:
    given = {SPELLINGS_BACK.get(name, name) for name in read}
    missing = [] if "event_name" in given else ["event_name"]
    if not given & {*_CUSTOMERS}:
        missing.append(" or ".join(_CUSTOMERS))
    if missing:
        raise UnreadableColumns(
            f"it has no column {' and none '.join(missing)}; its columns are {listed_columns(names)}. "
            "Rename them, or say in `sources` of the books which is which"
        )


SPELLINGS_BACK: Final = {camel: name for name, camel in SPELLINGS.items()}


def _fields_among(names: Sequence[str], known: set[str]) -> int:
    return sum(folded(name) in known or name.lower().startswith(PROPERTY_PREFIX) for name in names)


def folded(name: str) -> str:
    """A name without regard to letter case, `_` and blanks."""
    return "".join(name.lower().replace("_", "").split())


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def listed_columns(names: Sequence[str]) -> str:
    """Names for a sentence; of many the first."""
    shown = ", ".join(f"`{_shown(name)}`" for name in names[:NAMES_SHOWN])
    return shown + (f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else "")


def _shown(name: str) -> str:
    """A name on one line, cut where it is long."""
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name[: SIGNS_SHOWN + 1])
    return printable if len(name) <= SIGNS_SHOWN else f"{printable[:SIGNS_SHOWN]}…"


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _as_utf8(open_source: OpenSource, encoding: str, mark_bytes: int) -> OpenSource:
    def opened() -> pa.NativeFile:
        source = open_source()
        source.read(mark_bytes)
        return pa.transcoding_input_stream(source, encoding, "utf8")

    return opened
