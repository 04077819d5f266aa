"""Files that nobody should have sent: each lands or is named in one sentence, and the good file beside it always lands."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from dagster_project.landing import Landing, line_splitter
from tests.landing.conftest import Bench

HEADER = "event_name,customer_id,idempotency_key,timestamp,properties.q"
ROW = "call,c0,k0,2026-01-06,1"
EVENT = '{"event_name": "call", "customer_id": "c", "idempotency_key": "good"}\n'


@pytest.fixture
def beside_a_good_file(bench: Bench) -> Bench:
    bench.put("good.jsonl", EVENT)
    return bench


def landed(bench: Bench, content: bytes | str, name: str = "odd.csv") -> Landing:
    bench.put(name, content)
    landing = bench.land()
    assert "good" in bench.events()["idempotency_key"], "one bad file stops no other"
    return landing


# --- CSV: how it is written -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_the_header_tells_separator_and_encoding(beside_a_good_file: Bench, separator: str, encoding: str) -> None:
    text = f"{HEADER}\n{ROW}\n".replace(",", separator)
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-bom" else text.encode(encoding)
    landing = landed(beside_a_good_file, content)
    assert landing.warnings == ()
    (event,) = beside_a_good_file.events().filter(pl.col("idempotency_key") == "k0").to_dicts()
    assert (event["event_name"], event["customer_id"], event["properties"]) == ("call", "c0", '{"q":"1"}')


def test_a_comma_within_a_quoted_name_separates_nothing(beside_a_good_file: Bench) -> None:
    landing = landed(beside_a_good_file, 'event_name;customer_id;"properties.a,b,c,d"\ncall;c0;1\n')
    assert landing.warnings == ()
    assert '{"a,b,c,d":"1"}' in beside_a_good_file.events()["properties"].to_list()


@pytest.mark.parametrize(
    "header", [HEADER.upper(), "Event Name,Customer ID,Idempotency Key,Timestamp,Properties.q", "EVENTNAME,CustomerId,k,t,x"]
)
def test_r49_columns_match_without_case_underscores_and_blanks(beside_a_good_file: Bench, header: str) -> None:
    landing = landed(beside_a_good_file, f"{header}\n{ROW}\n")
    assert landing.warnings == ()
    assert "c0" in beside_a_good_file.events()["customer_id"].to_list()


def test_r49_a_name_that_matches_exactly_wins_and_two_that_nearly_match_are_told(beside_a_good_file: Bench) -> None:
    landed(beside_a_good_file, "event_name,customer_id,Customer ID\ncall,exact,near\n", "exact.csv")
    assert "exact" in beside_a_good_file.events()["customer_id"].to_list()
    landing = landed(beside_a_good_file, "event_name,Customer ID,CUSTOMER_ID\ncall,a,b\n", "two.csv")
    assert "could all be customer_id" in landing.warnings[0]


@pytest.mark.parametrize(
    "content",
    [
        b"Datum,Kunde,Menge\n2026-01-01,c0,5\n",
        b"Datum;Kunde;Menge\n2026-01-01;c0;5\n",
        ROW.encode() + b"\n",
        b"event_name,Kundennummer\ncall,c0\n",
        "Größe,customer_id\n1,c0\n".encode("utf-16"),
    ],
)
def test_r113_a_file_without_the_needed_columns_is_named_with_those_it_has(beside_a_good_file: Bench, content: bytes) -> None:
    (warning,) = landed(beside_a_good_file, content).warnings
    assert warning.startswith("odd.csv did not land")
    assert "it has no column" in warning
    assert "its columns are `" in warning


def test_a_header_that_is_not_utf8_is_named(beside_a_good_file: Bench) -> None:
    (warning,) = landed(beside_a_good_file, "event_name,customer_id,properties.gerät\n".encode("latin-1")).warnings
    assert "its header is not UTF-8" in warning


# --- CSV: quotes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_before", [0, 3])
@pytest.mark.parametrize("rows_after", [0, 10_000])
def test_r10_a_quote_that_is_never_closed_swallows_no_rows(
    beside_a_good_file: Bench, rows_before: int, rows_after: int
) -> None:
    rows = [ROW] * rows_before + ['call,c0,k1,2026-01-06,"1'] + [ROW] * rows_after
    (warning,) = landed(beside_a_good_file, "\n".join([HEADER, *rows]) + "\n").warnings
    assert f"a quote opened in row {rows_before + 2} is never closed" in warning
    assert beside_a_good_file.events().height == 1


def test_quotes_and_line_ends_within_texts_are_no_fault(beside_a_good_file: Bench) -> None:
    landing = landed(
        beside_a_good_file, f'{HEADER}\ncall,c0,k0,2026-01-06,"say ""hi""\nand go"\ncall,c0,k1,2026-01-06,5" pipe\n'
    )
    assert landing.warnings == ()
    assert beside_a_good_file.events().height == 3


def test_a_text_that_holds_rows_of_their_own_deserves_a_look(beside_a_good_file: Bench) -> None:
    landing = landed(beside_a_good_file, f'{HEADER}\ncall,c0,k0,2026-01-06,"1\n{ROW}\n{ROW}\n"\n')
    assert landing.warnings == ("odd.csv: 1 of its texts hold what reads as rows of their own; a quote may be closed too late",)


# --- JSON -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [600, 2_000, 20_000])
@pytest.mark.parametrize("times", [1, 3])
def test_an_event_of_many_properties_lands(beside_a_good_file: Bench, count: int, times: int) -> None:
    members = ",".join(f'"p{number}":{number}' for number in range(count))
    line = f'{{"event_name":"call","customer_id":"c","properties":{{{members}}}}}\n'
    landing = landed(beside_a_good_file, line * times, "wide.jsonl")
    assert landing.events == 1 + times


def test_depth_and_long_names_stop_nobody(beside_a_good_file: Bench) -> None:
    start = '{"event_name":"call","customer_id":"c","properties":{"'
    deep = f'{start}a":{"[" * 10_000}{"]" * 10_000}}}}}\n'
    long = f'{start}{"k" * 1_000_000}":1}}}}\n'
    landing = landed(beside_a_good_file, deep + long, "odd.jsonl")
    assert (landing.events, landing.quarantined) == (2, 1)


# --- files ----------------------------------------------------------------------------------------------------------------------


def test_a_name_that_is_not_utf8_is_shown_escaped(beside_a_good_file: Bench) -> None:
    path = os.fsencode(beside_a_good_file.inbox) + b"/caf\xe9.jsonl"
    Path(os.fsdecode(path)).write_text('{"event_name": "call", "customer_id": "c", "idempotency_key": "cafe"}\n')
    landing = beside_a_good_file.land()
    assert sorted(file.name for file in landing.files) == ["caf\\xe9.jsonl", "good.jsonl"]
    assert "cafe" in beside_a_good_file.events()["idempotency_key"].to_list()
    assert beside_a_good_file.land(datetime(2026, 2, 2)).files == (), "it is known by then"  # noqa: DTZ001


def test_gzip_is_read_as_gunzip_reads_it(beside_a_good_file: Bench) -> None:
    one, two = (f'{{"event_name": "call", "customer_id": "c", "idempotency_key": "{key}"}}\n' for key in ("one", "two"))
    members = gzip.compress(one.encode()) + gzip.compress(two.encode()) + b"\0" * 512
    assert landed(beside_a_good_file, members, "padded.jsonl.gz").warnings == ()
    assert {"one", "two"} <= {*beside_a_good_file.events()["idempotency_key"]}


@pytest.mark.parametrize("broken", [b"\x1f\x8b", gzip.compress(EVENT.encode() * 100)[:-20], b"no gzip at all"])
def test_gzip_that_is_cut_short_is_named(beside_a_good_file: Bench, broken: bytes) -> None:
    (warning,) = landed(beside_a_good_file, broken, "cut.jsonl.gz").warnings
    assert warning.startswith("cut.jsonl.gz did not land")


# --- Parquet --------------------------------------------------------------------------------------------------------------------

NOT_UTF8 = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32).tobytes()), pa.py_buffer(b"\xff\xfe")]
)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("properties.q", pa.array([Decimal("1.5")], pa.decimal256(60, 3)), "`properties.q` is decimal256(60, 3)"),
        ("properties.q", pa.array(np.array([1.5], np.float16)), "`properties.q` is halffloat"),
        ("properties", pa.array([{"": 1, "q": 2}], pa.struct([("", pa.int64()), ("q", pa.int64())])), "a field without a name"),
        ("properties", pa.array([{"q": 2}], pa.struct([("q", pa.decimal256(60, 3))])), "decimal256"),
        ("properties.r", NOT_UTF8, "`properties.r` holds text that is not UTF-8"),
        ("properties", pa.array([[("q", 1), ("q", 2)]], pa.map_(pa.string(), pa.int64())), "a map with one key twice"),
    ],
)
def test_parquet_that_cannot_be_read_is_named_by_its_column(
    beside_a_good_file: Bench, column: str, values: pa.Array, says: str
) -> None:
    table = pa.table({"event_name": ["call"], "customer_id": ["c"], column: values})
    pyarrow.parquet.write_table(table, beside_a_good_file.inbox / "odd.parquet")
    (warning,) = beside_a_good_file.land().warnings
    assert warning.startswith("odd.parquet did not land")
    assert says in warning
    assert beside_a_good_file.events().height == 1


def test_maps_of_several_rows_may_share_their_keys(beside_a_good_file: Bench) -> None:
    maps = pa.array([[("q", 1)], None, [("q", 2), ("r", 3)]], pa.map_(pa.string(), pa.int64()))
    table = pa.table({"event_name": ["call"] * 3, "customer_id": ["c"] * 3, "properties": maps})
    pyarrow.parquet.write_table(table, beside_a_good_file.inbox / "odd.parquet")
    assert beside_a_good_file.land().events == 4


@pytest.mark.parametrize("form", ["list", "lines", "csv"])
def test_an_endless_event_does_not_fill_the_memory(form: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of gzip may be a gigabyte of text: what is no event is kept by its beginning, or the file is named."""
    for name in ("DOCUMENT_BYTES_MAX", "LINE_BYTES_MAX"):
        monkeypatch.setattr(line_splitter, name, 1 << 20)
    event = json.dumps({"event_name": "x", "customer_id": "c", "properties": {"a": "y" * (12 << 20)}})
    content = {
        "list": f"[{event}]",
        "lines": f"{event}\n",
        "csv": f'event_name,customer_id\nx,"{event}"\n'.replace('"y', '""y'),
    }[form]
    bench.put(f"a.{'csv' if form == 'csv' else 'json'}.gz", gzip.compress(content.encode(), 1))
    tracemalloc.start()
    landed = bench.land(piece_bytes=1 << 18)
    assert tracemalloc.get_traced_memory()[1] < (48 if form == "csv" else 9) << 20
    tracemalloc.stop()
    assert landed.events == 0
    assert landed.quarantined == 1 or "longer than" in landed.warnings[0]
