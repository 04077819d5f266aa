"""Files as the world's programs write them, for an inbox that did not ask for them.

Each shape makes any number of different files. `events` says how many events of ours stand in such a file; None: it is none of
our business, and whether it is named, or its rows are quarantined, is the landing's affair. Nothing here is anybody's data.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet

START = datetime(2026, 1, 2, tzinfo=UTC)
FIELDS = ("event_name", "customer_id", "idempotency_key", "timestamp", "properties.n")


@dataclass(frozen=True)
class ForeignFile:
    """A file, and how many events it must bring (None: whatever is read of it, lines balance)."""

    name: str
    content: bytes
    events: int | None


def _times(dice: Random, count: int) -> list[datetime]:
    return [START + timedelta(seconds=dice.randrange(20 * 86_400)) for _ in range(count)]


def _table(rows: Sequence[Sequence[Any]], separator: str = ",", quoting: Any = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    return text.getvalue()


def _ours(dice: Random, write: Callable[[datetime], str], header: Sequence[str] = FIELDS) -> tuple[list[list[Any]], int]:
    count = dice.randrange(1, 9)
    rows = [["sms", "larch", f"k{dice.random()}", write(time), dice.randrange(99)] for time in _times(dice, count)]
    return [list(header), *rows], count


def snowflake(dice: Random) -> ForeignFile:
    rows, count = _ours(dice, lambda t: f"{t:%Y-%m-%d %H:%M:%S.000} +0000", [name.upper() for name in FIELDS])
    return ForeignFile("snowflake.csv.gz", gzip.compress(_table(rows, quoting=csv.QUOTE_ALL).encode()), count)


def bigquery(dice: Random) -> ForeignFile:
    rows, count = _ours(dice, lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC")
    return ForeignFile("bigquery.csv", _table(rows).encode(), count)


def redshift(dice: Random) -> ForeignFile:
    rows, count = _ours(dice, lambda t: f"{t:%Y-%m-%d %H:%M:%S.%f}")
    return ForeignFile("redshift000.csv", _table(rows, "|").encode(), count)


def parquet_of_a_warehouse(dice: Random) -> ForeignFile:
    count = dice.randrange(1, 9)
    table = pa.table(
        {
            "EVENT_NAME": ["sms"] * count,
            "CUSTOMER_ID": ["larch"] * count,
            "TIMESTAMP": pa.array(_times(dice, count), pa.timestamp(dice.choice(["us", "ns", "ms"]), "UTC")),
            "PROPERTIES": [json.dumps({"n": dice.random()}) for _ in range(count)],
        }
    )
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression=dice.choice(["snappy", "zstd", "gzip"]))
    return ForeignFile("unload.parquet", sink.getvalue(), count)


def excel(dice: Random) -> ForeignFile:
    """Saved by a spreadsheet in one of five countries: its separator, its encoding, its dates, its decimals."""
    encoding, separator, date, decimal = dice.choice(
        [
            ("utf-8-sig", ",", "%m/%d/%Y %H:%M", "."),
            ("cp1252", ";", "%d.%m.%Y %H:%M", ","),
            ("cp1252", ";", "%d/%m/%Y %H:%M", ","),
            ("utf-16", "\t", "%Y/%m/%d %H:%M", "."),
            ("cp932", ",", "%Y年%m月%d日", "."),
        ]
    )
    rows, _ = _ours(dice, lambda t: t.strftime(date), ["Event Name", "Customer ID", "Key", "Timestamp", "Menge"])
    rows[1][4] = f"1{decimal}5"
    return ForeignFile("Mappe1.csv", _table(rows, separator, end="\r\n").encode(encoding, "replace"), None)


def switch(dice: Random) -> ForeignFile:
    rows = [
        [f"TG{dice.randrange(9)}", f"+1{dice.randrange(10**9)}", f"{t:%y%m%d}", f"{t:%H%M%S}", dice.randrange(999), "ANS"]
        for t in _times(dice, 6)
    ]
    return ForeignFile(f"CDR{dice.randrange(99)}.csv", _table(rows, dice.choice(",;|")).encode("latin-1"), 0)


def cloud_events(dice: Random) -> ForeignFile:
    lines = [
        {
            "specversion": "1.0",
            "id": str(n),
            "source": "/x",
            "type": "sms",
            "subject": "larch",
            "time": t.isoformat(),
            "data": {"n": n},
        }
        for n, t in enumerate(_times(dice, 4))
    ]
    text = json.dumps(lines) if dice.random() < 0.5 else "\n".join(map(json.dumps, lines))
    return ForeignFile("cloudevents.json", text.encode(), 0)


def segment(dice: Random) -> ForeignFile:
    lines = [
        {
            "type": "track", "event": "sms", "userId": "larch", "messageId": str(dice.random()), "timestamp": t.isoformat(),
            "context": {"library": {"name": "analytics.js"}, "ip": "1.2.3.4"}, "properties": {"n": 1, "items": [{"sku": "a"}]},
        }
        for t in _times(dice, 3)
    ]  # fmt: skip
    return ForeignFile("segment.json.gz", gzip.compress("\n".join(map(json.dumps, lines)).encode()), 0)


def usage_page(dice: Random) -> ForeignFile:
    buckets = [
        {"object": "bucket", "start_time": int(t.timestamp()), "results": [{"input_tokens": 5, "project_id": None}]}
        for t in _times(dice, 3)
    ]
    page = {"object": "page", "data": buckets, "has_more": True, "next_page": "AAA"}
    return ForeignFile("openai_usage.json", json.dumps(page, indent=dice.choice([None, 2])).encode(), 0)


def card_payments(dice: Random) -> ForeignFile:
    rows = [["id", "Created date (UTC)", "Amount", "Currency", "Customer ID", "Description"]]
    rows += [
        [f"ch_{n}", f"{t:%Y-%m-%d %H:%M}", "1,250.00", "usd", "cus_1", 'a "quoted"\ntext']
        for n, t in enumerate(_times(dice, 4))
    ]
    return ForeignFile("unified_payments.csv", _table(rows).encode(), 0)


def cost_and_usage(dice: Random) -> ForeignFile:
    rows = [
        [
            "identity/LineItemId",
            "bill/PayerAccountId",
            "lineItem/UsageStartDate",
            "lineItem/UsageAmount",
            "lineItem/UnblendedCost",
        ]
    ]
    rows += [
        [f"i{n}", "1" * 12, f"{t:%Y-%m-%dT%H:%M:%SZ}", dice.random(), dice.random() * 1e-9]
        for n, t in enumerate(_times(dice, 5))
    ]
    return ForeignFile("cur-00001.csv.gz", gzip.compress(_table(rows).encode()), 0)


def focus(dice: Random) -> ForeignFile:
    columns = {
        "BilledCost": pa.array([1, 2], pa.int32()).cast(pa.decimal128(20, 4)),
        "ChargePeriodStart": pa.array(_times(dice, 2), pa.timestamp("us", "UTC")),
        "Tags": pa.array([[("a", "b")], []], pa.map_(pa.string(), pa.string())),
    }
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), sink)
    return ForeignFile("focus.parquet", sink.getvalue(), 0)


def kubernetes_log(dice: Random) -> ForeignFile:
    lines = [
        f'{t.isoformat()} stdout F {{"level":"info","msg":"request \\"{dice.randrange(99)}\\"","status":200}}'
        for t in _times(dice, 9)
    ]
    return ForeignFile("pod.jsonl", "\n".join(lines).encode(), 0)


def audit_log(dice: Random) -> ForeignFile:
    records = [
        {"eventVersion": "1.08", "userIdentity": {"type": "Root"}, "eventName": "x", "eventTime": t.isoformat()}
        for t in _times(dice, 2)
    ]
    return ForeignFile("trail.json.gz", gzip.compress(json.dumps({"Records": records}).encode()), 0)


def broken(dice: Random) -> ForeignFile:
    """What is no file of any program: cut off, empty, zeros, a page of HTML, a picture, a list that does not close."""
    content = dice.choice(
        [
            b"", b"\0" * dice.randrange(1, 99), b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n",
            dice.randbytes(300), b'[{"event_name":"sms",', b"\xef\xbb\xbf", b"null", b"[[[[", b'{"a":' * 5_000,
            b'"one text"', b"event_name,customer_id\n\"sms,larch\n" * 3, b"event_name,customer_id\n" + b"sms,larch,x\n" * 3,
            b"event_name,event_name,customer_id\na,b,c\n", b"\x1f\x8b\x08" + dice.randbytes(40), b"PAR1" + dice.randbytes(20) + b"PAR1",
        ]
    )  # fmt: skip
    return ForeignFile(dice.choice(["x.json", "x.jsonl", "x.csv", "x.csv.gz", "x.parquet", "x.ndjson.zst"]), content, None)


def odd_events(dice: Random) -> ForeignFile:
    """Events of ours with something odd in each; one that is fine stands between them."""
    fine = {"event_name": "sms", "customer_id": "larch", "timestamp": "2026-01-05T00:00:00Z"}
    odd = dice.choice(
        [
            {**fine, "properties": {str(n): n for n in range(3_000)}}, {**fine, "properties": {"k" * 100_000: 1}},
            {**fine, "timestamp": 1767607200}, {**fine, "customer_id": 5}, {**fine, "event_name": ""}, {"event": "sms"}, [fine], [],
            {**fine, "properties": "n=1"}, {**fine, "tombstone": "maybe"}, {**fine, "timestamp": "2026-02-30"},
            {**fine, "properties": [1]}, 7,
        ]
    )  # fmt: skip
    return ForeignFile("odd.jsonl", (json.dumps(fine) + "\n" + json.dumps(odd) + "\n").encode(), None)


SHAPES = (
    snowflake, bigquery, redshift, parquet_of_a_warehouse, excel, switch, cloud_events, segment, usage_page, card_payments,
    cost_and_usage, focus, kubernetes_log, audit_log, broken, odd_events,
)  # fmt: skip


def files(count: int, seed: int) -> Iterator[ForeignFile]:
    """So many files, shape after shape, each in a folder of its own."""
    for number in range(count):
        dice = Random(f"{seed}/{number}")
        made = SHAPES[number % len(SHAPES)](dice)
        yield ForeignFile(f"{number:03d}/{made.name}", made.content, made.events)
