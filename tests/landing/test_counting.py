"""R-10: what a reader made of a file is held against the lines that its bytes hold."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.landing import line_splitter, tabular
from dagster_project.landing.counting import LinesOfBytes
from tests.landing.conftest import Bench

EVENT = '{"event_name":"call","customer_id":"larch","timestamp":"2026-01-05T00:00:00Z"}\n'
ROWS = "event_name,customer_id,timestamp\n" + "call,larch,2026-01-05\n" * 3


def _counted(pieces: list[bytes]) -> LinesOfBytes:
    counted = LinesOfBytes()
    for piece in pieces:
        counted.see(piece)
    return counted


@given(st.lists(st.text("a \n\r", max_size=4).map(str.encode)))
def test_lines_are_counted_whatever_the_pieces(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    counted = _counted(pieces)
    lines = text.split(b"\n")
    there = lines if lines[-1].strip() else lines[:-1]
    blank = sum(not line.strip() for line in there)
    assert (counted.lines - counted.blank, counted.lines) == (len(there) - blank, len(there))


def test_lines_that_a_reader_loses_keep_a_file_from_landing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put("a.jsonl", EVENT * 5)
    whole = line_splitter._whole_lines

    def loses_the_first(pieces: Any) -> Any:
        for text in whole(pieces):
            yield text.partition(b"\n")[2]

    with monkeypatch.context() as broken:
        broken.setattr(line_splitter, "_whole_lines", loses_the_first)
        landed = bench.land()
    assert landed.events == 0
    assert "it holds 5 lines that are not blank, and 4 were read" in landed.warnings[0]
    assert bench.land().events == 5


def test_rows_that_a_reader_loses_keep_a_file_from_landing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put("a.csv", ROWS)
    reader = tabular._csv_reader
    with monkeypatch.context() as broken:
        broken.setattr(tabular, "_csv_reader", lambda *given: (batch.slice(1) for batch in reader(*given)))
        landed = bench.land()
    assert "it holds 4 lines that are not blank, and 3 were read" in landed.warnings[0]
    assert bench.land().events == 3


@pytest.mark.parametrize("document", ["[{}]", ' {{"events":[{}],"sent":"now"}}', "\ufeff[{}]"])
def test_elements_that_a_reader_loses_keep_a_file_from_landing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    bench.put("a.json", document.format(",\n".join([EVENT.strip()] * 5)))
    whole = line_splitter._document

    def loses_the_first(file: int, events: Any) -> Any:
        yield from whole(file, events[1:])

    with monkeypatch.context() as broken:
        broken.setattr(line_splitter, "_document", loses_the_first)
        landed = bench.land()
    assert landed.events == 0
    assert "its document holds 5 events, and 4 were read" in landed.warnings[0]
    assert bench.land().events == 5


def test_rows_of_parquet_that_a_reader_loses_keep_a_file_from_landing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pl.DataFrame({"event_name": ["call"] * 3, "customer_id": ["larch"] * 3, "timestamp": ["2026-01-05T00:00:00Z"] * 3})
    stored = io.BytesIO()
    rows.write_parquet(stored)
    bench.put("a.parquet", stored.getvalue())
    read = pq.ParquetFile.iter_batches
    with monkeypatch.context() as broken:
        broken.setattr(pq.ParquetFile, "iter_batches", lambda *given, **named: (b.slice(1) for b in read(*given, **named)))
        landed = bench.land()
    assert "its footer says 3 rows, and 2 were read" in landed.warnings[0]
    assert bench.land().events == 3


def test_line_ends_within_texts_blank_lines_and_misshapen_rows_are_accounted_for(bench: Bench) -> None:
    bench.put("a.csv", ROWS.replace("\n", "\r\n") + '\n\r\n"a\n\nb",larch,2026-01-05\ncall,"l\n",x,y\nshort')
    landed = bench.land()
    assert (landed.events, landed.quarantined, landed.warnings) == (4, 2, ())
