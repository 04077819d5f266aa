"""R-113: a section of the books says how foreign files are read."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from dagster_project.landing import landings
from dagster_project.landing.withdrawals import replaced
from rating import books
from rating.books import Source
from tests.landing.conftest import NIGHT, Bench

LATER = NIGHT + dt.timedelta(days=1)
CALLS = {
    "files": "cdr/*.csv",
    "format": {"separator": ";", "decimal": ",", "encoding": "cp1252"},
    "timezone": "America/New_York",
    "fields": {
        "event_name": {"value": "call"},
        "customer_id": ["account", "acct_id"],
        "timestamp": {"column": "start", "format": "%d.%m.%Y %H:%M:%S"},
        "idempotency_key": {"join": ["switch", "call_id"], "with": ":"},
    },
}
CDR = (
    "Start;Account;acct_id;switch;call_id;Seconds;Tarif\n05.01.2026 10:00:00;larch;;s1;7;1.250,50;Köln\n"
    "05.01.2026 23:30:00;;oak;s1;8;4,00;x\n"
)


def _land(bench: Bench, *sources: Mapping[str, Any], as_of: dt.datetime = NIGHT) -> Any:
    return bench.land(as_of, sources=[Source.model_validate(source) for source in sources])


def _properties(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(text) for text in bench.events().sort("file", "position", "element")["properties"]]


def _times(bench: Bench) -> list[dt.datetime]:
    return bench.events().sort("file", "position", "element")["timestamp"].to_list()


def test_r113_a_switch_file_is_read_as_its_source_says(bench: Bench) -> None:
    bench.put("cdr/a.csv", CDR.encode("cp1252"))
    landed = _land(bench, CALLS)
    events = bench.events().sort("position")
    assert (landed.events, landed.quarantined, landed.warnings) == (2, 0, ())
    assert events["event_name"].to_list() == ["call", "call"]
    assert events["customer_id"].to_list() == ["larch", "oak"]
    assert events["idempotency_key"].to_list() == ["s1:7", "s1:8"]
    # by the clocks of New York
    assert events["timestamp"].to_list() == [dt.datetime(2026, 1, 5, 15), dt.datetime(2026, 1, 6, 4, 30)]
    first = _properties(bench)[0]
    assert (first["Seconds"], first["Tarif"], first["switch"]) == ("1250.50", "Köln", "s1")


def test_r113_the_first_source_that_matches_wins_and_others_are_read_as_before(bench: Bench) -> None:
    row = "event_name,customer_id,who\ncall,larch,oak\n"
    for name in ("a.csv", "in/a.csv", "in/deep/b.csv", "other.csv"):
        bench.put(name, f"{row}x{name},larch,oak\n")
    by_who = {"files": ["a.csv", "in/**/*.csv"], "fields": {"customer_id": "who"}}
    _land(bench, by_who, {"files": "**", "fields": {"customer_id": {"value": "pine"}}})
    found = dict(bench.events().group_by("file").agg(pl.col("customer_id").unique()).iter_rows())
    assert found == {"a.csv": ["oak"], "in/a.csv": ["oak"], "in/deep/b.csv": ["oak"], "other.csv": ["pine"]}


@pytest.mark.parametrize(
    ("form", "zone", "text", "instant"),
    [
        ("epoch_s", None, "1767607200", dt.datetime(2026, 1, 5, 10)),
        ("epoch_s", None, "1767607200.1234569", dt.datetime(2026, 1, 5, 10, 0, 0, 123456)),
        ("epoch_s", None, "1.7676072E9", dt.datetime(2026, 1, 5, 10)),
        ("epoch_ms", None, "1767607200123", dt.datetime(2026, 1, 5, 10, 0, 0, 123000)),
        ("epoch_us", None, "1767607200123456", dt.datetime(2026, 1, 5, 10, 0, 0, 123456)),
        ("iso", "America/New_York", "2026-01-05", dt.datetime(2026, 1, 5, 5)),
        ("iso", "America/New_York", "2026-01-05 10:00:00", dt.datetime(2026, 1, 5, 15)),
        ("iso", "America/New_York", "2026-01-05 10:00:00 UTC", dt.datetime(2026, 1, 5, 10)),
        ("iso", "America/New_York", "2026-01-05T10:00:00 +0000", dt.datetime(2026, 1, 5, 10)),
        ("iso", "America/New_York", "2026-01-05T10:00:00-08:00", dt.datetime(2026, 1, 5, 18)),
        ("iso", None, "2026-01-05 10:00:00", dt.datetime(2026, 1, 5, 10)),
        ("%d/%m/%y %I:%M %p", None, "05/01/26 03:07 PM", dt.datetime(2026, 1, 5, 15, 7)),
        ("%Y-%m-%d %H:%M:%S.%f", None, "2026-01-05 10:00:00.25", dt.datetime(2026, 1, 5, 10, 0, 0, 250000)),
        ("%Y-%m-%d %H:%M %z", "America/New_York", "2026-01-05 10:00 +0100", dt.datetime(2026, 1, 5, 9)),
        ("%m/%d/%Y", "America/New_York", "01/05/2026", dt.datetime(2026, 1, 5, 5)),
        # clocks that go back show this twice, and those that go forward never
        ("%Y-%m-%d %H:%M", "America/New_York", "2025-11-02 01:30", dt.datetime(2025, 11, 2, 5, 30)),
        ("%Y-%m-%d %H:%M", "America/New_York", "2025-03-09 02:30", dt.datetime(2025, 3, 9, 7, 30)),
    ],
)
def test_r113_times_of_every_form(form: str, zone: str | None, text: str, instant: dt.datetime, bench: Bench) -> None:
    bench.put("a.csv", f"event_name,customer_id,at\ncall,larch,{text}\n")
    source = {"files": "a.csv", "fields": {"timestamp": {"column": "at", "format": form}}}
    landed = _land(bench, source | ({"timezone": zone} if zone else {}))
    assert landed.quarantined == 0, bench.reasons()
    assert _times(bench) == [instant]


def test_r113_a_time_of_another_form_is_quarantined_with_what_was_written(bench: Bench) -> None:
    bench.put("a.csv", "event_name,customer_id,at\ncall,larch,5 January\ncall,larch,\n")
    landed = _land(bench, {"files": "a.csv", "fields": {"timestamp": {"column": "at", "format": "%d.%m.%Y"}}})
    assert (landed.events, landed.quarantined) == (1, 1)
    assert bench.reasons() == ["timestamp is not `%d.%m.%Y`, as the source says: 5 January"]


def test_r113_needed_columns_that_are_missing_name_the_file_and_the_run_goes_on(bench: Bench) -> None:
    bench.put("cdr/a.csv", "Anfang;Konto\n05.01.2026 10:00:00;larch\n")
    bench.put_lines("good.jsonl", {"event_name": "call", "customer_id": "larch", "timestamp": "2026-01-05T00:00:00Z"})
    landed = _land(bench, CALLS)
    assert landed.events == 1
    (warning,) = landed.warnings
    assert warning.startswith("cdr/a.csv did not land")
    for said in ("customer_id (`account` or `acct_id`)", "timestamp (`start`)", "idempotency_key", "`Anfang`, `Konto`"):
        assert said in warning


def test_r113_column_names_match_without_regard_to_case_blanks_and_underscores(bench: Bench) -> None:
    bench.put("cdr/a.csv", "START;Acct ID;SWITCH;Call_Id\n05.01.2026 10:00:00;larch;s;1\n")
    assert _land(bench, CALLS).events == 1
    bench.put("cdr/b.csv", "START;Acct ID;ACCT_ID;SWITCH;Call_Id\n05.01.2026 10:00:00;larch;x;s;1\n")
    assert "the columns `Acct ID`, `ACCT_ID` could all be `acct_id`" in _land(bench, CALLS, as_of=LATER).warnings[0]


@pytest.mark.parametrize("header", [False, ["who", "at", "q"]])
def test_r113_files_without_a_header(header: Any, bench: Bench) -> None:
    who, at = ("1", "2") if header is False else ("who", "at")
    source = {
        "files": "*.csv",
        "format": {"header": header},
        "fields": {"event_name": {"value": "call"}, "customer_id": who, "timestamp": at},
        "properties": {"quantity": "3" if header is False else "q"},
    }
    bench.put("a.csv", "larch,2026-01-05,3.5\noak,2026-01-06,4\nshort\n")
    landed = _land(bench, source)
    assert (landed.events, landed.quarantined) == (2, 1)
    assert bench.events().sort("position")["position"].to_list() == [1, 2]
    assert bench.quarantine()["position"].to_list() == [3]
    assert _properties(bench) == [{"quantity": "3.5"}, {"quantity": "4"}]


def test_r113_files_of_any_ending_that_a_source_knows_how_to_read(bench: Bench) -> None:
    bench.put("call.dat", "event_name|customer_id|timestamp\ncall|larch|2026-01-05\n")
    assert _land(bench).events == 0
    assert _land(bench, {"files": "*.dat", "format": {"separator": "|"}}, as_of=LATER).events == 1


PAGE = {
    "object": "page",
    "data": {
        "items": [
            {
                "org": "larch",
                "start": 1767607200,
                "n": 12345678901234567890.123,
                "usage": {"in": 1.10, "deep": {"x": True}},
                "tags": [1, 2],
            },
            {"org": "oak", "start": 1767607200.5, "n": 0.10, "usage.in": "own", "usage": {"in": "nested"}, "none": None},
            {"org": 5, "start": "soon"},
        ]
    },
}
USAGE_PAGE = {
    "files": "*.json*",
    "records": "data.items",
    "fields": {
        "event_name": {"value": "usage"},
        "customer_id": "org",
        "timestamp": {"column": "start", "format": "epoch_s"},
    },
}


@pytest.mark.parametrize("indent", [None, 2])
def test_r113_records_inside_a_document(indent: int | None, bench: Bench) -> None:
    digits = "12345678901234567890.123"
    bench.put("a.json", json.dumps(PAGE, indent=indent).replace(json.dumps(float(digits)), digits).replace("1.1,", "1.10,"))
    landed = _land(bench, USAGE_PAGE)
    assert (landed.events, landed.quarantined) == (2, 1)
    assert bench.events().sort("position")["position"].to_list() == [1, 2]
    first, second = _properties(bench)
    assert first == {
        "org": "larch",
        "start": "1767607200",
        "n": digits,
        "usage.in": "1.1",
        "usage.deep.x": True,
        "tags": "[1,2]",
    }
    assert second["usage.in"] == "own"
    assert bench.reasons() == ["timestamp is not `epoch_s`, as the source says: soon"]
    assert _times(bench)[1] == dt.datetime(2026, 1, 5, 10, 0, 0, 500000)


def test_r113_records_of_every_line(bench: Bench) -> None:
    bench.put("a.jsonl", json.dumps(PAGE) + "\n" + json.dumps({"data": {}}) + "\n{\n")
    landed = _land(bench, USAGE_PAGE)
    assert (landed.events, landed.quarantined) == (2, 3)
    assert bench.events().sort("element").select("position", "element").rows() == [(1, 1), (1, 2)]
    assert sorted(bench.reasons())[:2] == ["the line has no list at `data.items`", "the line is not valid JSON"]


def test_r113_a_document_without_its_records_is_named(bench: Bench) -> None:
    bench.put("a.json", json.dumps({"data": {"rows": []}}))
    assert "it has no list at `data.items`" in _land(bench, USAGE_PAGE).warnings[0]


def test_r113_lines_of_json_by_path(bench: Bench) -> None:
    line = {"id": "e1", "type": "call", "account": {"id": "larch"}, "data": {"seconds": 61.50}, "time": "2026-01-05T10:00:00Z"}
    bench.put_lines("a.jsonl", line, [line, {**line, "id": "e2"}], "[1]", '{"id": NaN}')
    fields = {"event_name": "type", "customer_id": "account.id", "timestamp": "time", "idempotency_key": "id"}
    landed = _land(bench, {"files": "*.jsonl", "fields": fields, "properties": {"seconds": "data.seconds"}})
    assert (landed.events, landed.quarantined) == (3, 2)
    assert bench.events().sort("position", "element")["idempotency_key"].to_list() == ["e1", "e1", "e2"]
    assert _properties(bench) == [{"seconds": "61.5"}] * 3


def test_r113_parquet_keeps_digits_and_takes_structs_apart(bench: Bench) -> None:
    table = pa.table(
        {
            "ORG": [5, 6],
            "at": pa.array([dt.datetime(2026, 1, 5, 10), dt.datetime(2026, 1, 5, 11)], pa.timestamp("ns", "UTC")),
            "amount": pa.array([Decimal("12.500000000"), Decimal("0.1")], pa.decimal128(38, 9)),
            "usage": [{"in": 1, "out": {"x": 2.5}}, None],
        }
    )
    (bench.inbox / "a.parquet").parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(table, bench.inbox / "a.parquet")
    fields = {"event_name": {"value": "use"}, "customer_id": "org", "timestamp": "at"}
    landed = _land(bench, {"files": "*.parquet", "fields": fields, "properties": ["amount", "usage.in", "usage.out.x"]})
    assert (landed.events, landed.warnings) == (2, ())
    assert bench.events().sort("position")["customer_id"].to_list() == ["5", "6"]
    assert [str(one["amount"]) for one in _properties(bench)] == ["12.5", "0.1"]
    assert _properties(bench)[0] == {"amount": 12.5, "usage.in": 1, "usage.out.x": 2.5}
    assert _times(bench)[0] == dt.datetime(2026, 1, 5, 10)


def test_r113_new_bytes_take_the_place_of_the_old_events(bench: Bench) -> None:
    """A, then B, then A again: what the file holds now is what counts."""
    source = {"files": "cost-*.csv", "on_change": "replace"}
    row = "event_name,customer_id,timestamp,properties.amount\n"
    first, second = row + "cost,holly,2026-01-01,10\n", row + "cost,holly,2026-01-01,20\n"
    for day, content in enumerate((first, second, first, first)):
        bench.put("cost-1.csv", content)
        assert _land(bench, source, as_of=NIGHT + dt.timedelta(days=day)).warnings == ()
        counts = {
            (file, hash_): amount
            for file, hash_, amount in bench.events().select("file", "file_hash", "properties").iter_rows()
        }
        gone = replaced(landings(bench.warehouse))
        (left,) = [json.loads(amount)["amount"] for place, amount in counts.items() if place not in gone]
        assert left == ("20" if content == second else "10")
    assert len(landings(bench.warehouse)) == 4
    assert bench.events().height == 2


def test_r113_without_it_both_count_with_a_warning(bench: Bench) -> None:
    source = {"files": "cost-*.csv"}
    for day in range(2):
        bench.put("cost-1.csv", f"event_name,customer_id,timestamp\ncost,holly,2026-01-0{day + 1}\n")
        landed = _land(bench, source, as_of=NIGHT + dt.timedelta(days=day))
    assert "events of both count" in landed.warnings[0]
    assert replaced(landings(bench.warehouse)) == set()


WRONG = {
    "files: [/etc/x.csv]": "leaves? the inbox|out of the inbox",
    "{files: a, timezone: Amerika/New_York}": "no IANA time zone",
    "{files: a, format: {encoding: cp12345}}": "no encoding that is known",
    "{files: a, format: {separator: ab}}": "separates nothing",
    '{files: a, format: {separator: ",", decimal: ","}}': "separates columns and decimals",
    "{files: a, fields: {timestamp: {column: t, format: epoch}}}": "no form of times",
    '{files: a, fields: {timestamp: {column: t, format: "%H:%M"}}}': "does not give day, month and year",
    "{files: a, fields: {customer_id: {column: t, format: epoch_s}}}": "customer_id is no time",
    "{files: a, fields: {customer_id: {value: x, column: t}}}": "are given together",
    "{files: a, fields: {customer_id: {}}}": "says nothing of where",
    "{files: a, fields: {customer_id: {column: t, with: x}}}": "nothing is joined",
    "{files: a, fields: {kustomer_id: t}}": "unknown key `kustomer_id`",
    "{files: a, on_change: overwrite}": "not possible here",
    "{files: a, properties: some}": "expected `all`, a list or a mapping",
    "{files: a, fields: {customer_id: a, external_customer_id: b}}": "both customer_id and external_customer_id",
}


@pytest.mark.parametrize(("stated", "said"), WRONG.items())
def test_r113_check_names_what_cannot_be_meant(stated: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "books.yml").write_text(f"settings: {{currency: USD}}\nsources:\n- {stated}\n")
    with pytest.raises(books.BooksError, match=said):
        books.load(tmp_path)


def test_r113_two_sources_of_one_pattern_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "books.yml").write_text("settings: {currency: USD}\nsources:\n- files: a.csv\n- files: a.csv\n")
    with pytest.raises(books.BooksError, match="already: the first that matches counts"):
        books.load(tmp_path)
