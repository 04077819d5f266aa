"""Every form an inbox file may have gives the same events (R-8)."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

EVENTS = [
    {
        "event_name": "ai_call",
        "customer_id": f"cust_{i}",
        "idempotency_key": f"k{i}",
        "timestamp": f"2026-01-0{i + 1}T10:00:00Z",
        "properties": {"region": 'U"S, [x] {y} \\ é', "minutes": 1.5 * i},
    }
    for i in range(4)
]
LINES = "".join(json.dumps(event) + "\n" for event in EVENTS)


def _envelope(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sent_by": {"name": "events"}, "tags": ["events", ["x"]], "events": events, "more": [[1], {"a": "]"}]}


FORMS: dict[str, tuple[str, bytes]] = {
    "lines": ("a.jsonl", LINES.encode()),
    "lines without a last line end": ("a.ndjson", LINES.rstrip().encode()),
    "blank lines and CRLF": ("a.jsonl", ("\r\n \n" + LINES.replace("\n", "\r\n\r\n")).encode()),
    "byte order mark": ("a.json", b"\xef\xbb\xbf" + LINES.encode()),
    "gzip": ("a.jsonl.gz", gzip.compress(LINES.encode())),
    "gzip in two members": ("a.json.gz", gzip.compress(LINES[:100].encode()) + gzip.compress(LINES[100:].encode())),
    "zstandard": ("a.ndjson.zst", zstandard.ZstdCompressor().compress(LINES.encode())),
    "a list in one line": ("a.json", json.dumps(EVENTS).encode()),
    "a pretty list": ("a.json", json.dumps(EVENTS, indent=2, ensure_ascii=False).encode()),
    "a list of one line each": ("a.json", ("[\n" + ",\n".join(json.dumps(e) for e in EVENTS) + "\n]\n").encode()),
    "an envelope in one line": ("a.json", json.dumps(_envelope(EVENTS)).encode()),
    "a pretty envelope": ("a.json", json.dumps(_envelope(EVENTS), indent=1).encode()),
    "a list a line": ("a.jsonl", "".join(json.dumps(EVENTS[i : i + 2]) + "\n" for i in (0, 2)).encode()),
    "an envelope a line": ("a.jsonl", "".join(json.dumps(_envelope(EVENTS[i : i + 2])) + "\n" for i in (0, 2)).encode()),
    "all kinds of lines": (
        "a.jsonl",
        "\n".join(
            [json.dumps(EVENTS[0]), json.dumps(EVENTS[1:2]), "[]", json.dumps(_envelope(EVENTS[2:])), '{"events":[]}']
        ).encode(),
    ),
    "upper-case ending": ("A.JSONL", LINES.encode()),
}


@pytest.fixture
def expected(new_bench: Any) -> list[tuple[Any, ...]]:
    bench = new_bench()
    bench.put("a.jsonl", LINES)
    bench.land()
    return list(bench.contents())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_events(form: str, bench: Any, expected: list[tuple[Any, ...]]) -> None:
    bench.put(*FORMS[form])
    landing = bench.land()
    assert bench.reasons() == [] if landing.quarantined else True
    assert bench.contents() == expected
    assert landing.event_names == {"ai_call": 4}


def test_positions_say_where_an_event_stands(bench: Any) -> None:
    bench.put("doc.json", json.dumps(EVENTS, indent=2))
    bench.put("lines.jsonl", "\n".join([json.dumps(EVENTS[0]), "", json.dumps(EVENTS[1:3])]))
    bench.land()
    places = bench.events().select("file", "position", "element").rows()
    assert places == [
        *(("doc.json", index, 0) for index in (1, 2, 3, 4)),
        ("lines.jsonl", 1, 0),
        ("lines.jsonl", 3, 1),
        ("lines.jsonl", 3, 2),
    ]


def test_a_file_may_be_one_pretty_event(bench: Any) -> None:
    bench.put("one.json", json.dumps(EVENTS[0], indent=2))
    assert bench.land().events == 1


def test_camel_case_is_accepted(bench: Any) -> None:
    bench.put_lines("a.jsonl", {"eventName": "a", "externalCustomerId": "x", "contractId": "c", "idempotencyKey": "k"})
    bench.land()
    names = ("event_name", "external_customer_id", "contract_id", "idempotency_key")
    assert bench.events().select(names).row(0) == ("a", "x", "c", "k")


def test_sub_folders_count_and_unfinished_files_do_not(bench: Any) -> None:
    for name in ("deep/er/a.jsonl", ".hidden.jsonl", ".hidden/b.jsonl", "c.jsonl.tmp", "d.jsonl.part", "e.jsonl.PART"):
        bench.put(name, LINES)
    bench.put("readme.txt", "hello")
    bench.put("noending", "hello")
    bench.put("x.parquet.gz", "hello")
    landing = bench.land()
    assert [file.name for file in landing.files] == ["deep/er/a.jsonl"]
    assert [name for name in ("readme.txt", "noending", "x.parquet.gz") if not any(name in w for w in landing.warnings)] == []


def test_no_inbox_is_said_and_is_no_error(bench: Any) -> None:
    bench.inbox.rmdir()
    landing = bench.land()
    assert landing.files == ()
    assert "no such inbox" in landing.warnings[0]


def test_an_inbox_may_be_a_uri(bench: Any) -> None:
    from dagster_project.landing import land

    bench.put("sub/a.jsonl", LINES)
    landing = land(bench.inbox.as_uri(), bench.warehouse, dt.datetime(2026, 2, 1))
    assert [file.name for file in landing.files] == ["sub/a.jsonl"]


def _parquet(bench: Any, name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), bench.inbox / name)


def test_parquet_properties_may_be_text_map_struct_or_columns(bench: Any) -> None:
    base = {"event_name": ["a"], "customer_id": ["c"]}
    _parquet(bench, "1.parquet", **base, properties=['{"region":"US","minutes":12.5}'])
    _parquet(
        bench,
        "2.parquet",
        **base,
        properties=pa.array([[("region", "US"), ("minutes", "12.5")]], pa.map_(pa.string(), pa.string())),
    )
    _parquet(bench, "3.parquet", **base, properties=[{"region": "US", "minutes": Decimal("12.500000000"), "none": None}])
    _parquet(bench, "4.parquet", **base, **{"properties.region": ["US"], "properties.minutes": [12.5]})
    assert bench.land().events == 4
    read = [json.loads(text) for text in bench.events()["properties"]]
    assert [(one["region"], str(one["minutes"])) for one in read] == [("US", "12.5")] * 4
    assert not any("none" in one for one in read)


def test_parquet_numbers_are_read_by_their_decimal_text(bench: Any) -> None:
    _parquet(
        bench,
        "a.parquet",
        event_name=["a"],
        customer_id=["c"],
        properties=[
            {"dec": Decimal("12345678901234567890.123456789"), "big": 2**62, "double": 1e22, "tiny": 1.5e-7, "yes": True}
        ],
    )
    bench.land()
    assert json.loads(bench.events()["properties"][0], parse_float=str, parse_int=str) == {
        "dec": "12345678901234567890.123456789",
        "big": str(2**62),
        "double": "1" + "0" * 22,
        "tiny": "0.00000015",
        "yes": True,
    }


def test_parquet_times_may_be_typed(bench: Any) -> None:
    instant = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
    base = {"event_name": ["a"], "customer_id": ["c"]}
    _parquet(bench, "1.parquet", **base, timestamp=pa.array([instant], pa.timestamp("us", "America/New_York")))
    _parquet(bench, "2.parquet", **base, timestamp=pa.array([1_767_614_400_000_000_999], pa.timestamp("ns")))
    _parquet(bench, "3.parquet", **base, timestamp=[dt.date(2026, 1, 5)])
    _parquet(bench, "4.parquet", **base, timestamp=["2026-01-05T13:00:00+01:00"])
    bench.land()
    noon = dt.datetime(2026, 1, 5, 12)
    assert bench.events()["timestamp"].to_list() == [noon, noon, dt.datetime(2026, 1, 5), noon]


def test_a_stated_received_at_counts_unless_it_is_later_than_as_of(bench: Any) -> None:
    stated = ["2026-01-03T00:00:00Z", "2026-02-01T00:00:00.000001Z", None, "soon"]
    _parquet(
        bench,
        "a.parquet",
        event_name=["a"] * 4,
        customer_id=["c"] * 4,
        timestamp=["2026-01-03T00:59:00Z"] * 4,
        received_at=stated,
    )
    landing = bench.land()
    night, third = dt.datetime(2026, 2, 1), dt.datetime(2026, 1, 3)
    assert sorted(bench.events()["received_at"].to_list()) == [third, night, night]
    assert "received_at is no ISO 8601 time" in bench.reasons()[0]
    assert sorted({file.path.split("/")[1] for file in landing.event_files}) == [
        "received_date=2026-01-03",
        "received_date=2026-02-01",
    ]


def test_an_integer_where_an_id_is_expected_is_wrong_in_parquet_too(bench: Any) -> None:
    _parquet(bench, "a.parquet", event_name=["a"], customer_id=[17])
    bench.land()
    assert bench.reasons() == ["customer_id is no text: put it in quotes"]


def test_csv_cells_are_texts(bench: Any) -> None:
    bench.put(
        "a.csv",
        "\ufeffevent_name,customer_id,idempotency_key,timestamp,properties.region,properties.minutes,tombstone,note\r\n"
        'a,c1,k1,2026-01-05T12:00:00Z,"U,S ""x""",1.10,TRUE,\r\n'
        'a,c2,,,"",,,"two\nlines"\r\n'
        "\r\n"
        "a,c3\r\n"
        "a,c4,k4,,x,007,false,\r\n",
    )
    landing = bench.land()
    assert (landing.events, landing.quarantined) == (3, 1)
    assert [(row["position"], json.loads(row["properties"])) for row in bench.events().to_dicts()] == [
        (1, {"region": 'U,S "x"', "minutes": "1.10"}),
        (2, {"region": ""}),
        (4, {"region": "x", "minutes": "007"}),
    ]
    assert bench.events()["tombstone"].to_list() == [True, False, False]
    assert bench.quarantine().select("position", "raw", "reason").row(0) == (
        3,
        "a,c3",
        "the row has 2 cells where the header has 8",
    )


def test_a_csv_cell_that_is_not_utf8_goes_with_its_row(bench: Any) -> None:
    bench.put("a.csv.gz", gzip.compress(b"event_name,customer_id\na,c\xff\nb,c\n"))
    bench.land()
    assert bench.events()["event_name"].to_list() == ["b"]
    assert bench.quarantine().select("position", "reason").row(0) == (1, "the line is not valid UTF-8")


def test_columns_in_both_spellings_and_both_kinds_of_properties(bench: Any) -> None:
    bench.put("a.csv", 'eventName,customerId,properties,properties.x\na,c,"{""y"":1}",\nb,c,,2\nc,c,"{""y"":1}",2\n')
    bench.land()
    assert [json.loads(text) for text in bench.events()["properties"]] == [{"y": 1}, {"x": "2"}]
    assert bench.reasons() == ["given more than once: properties; give each field once"]


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.jsonl.gz"])
def test_an_empty_file_has_no_lines(name: str, bench: Any) -> None:
    bench.put(name, gzip.compress(b"") if name.endswith("gz") else b"")
    landing = bench.land()
    assert [file.lines for file in landing.files] == [0]
    assert landing.warnings == ()
