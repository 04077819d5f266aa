"""Where a piece of a file ends makes no difference."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import pytest

from dagster_project.landing import line_splitter

TEXTS = ['a"b', "c\\", '{["', "é€😀", ",", "]}", '\\"', "", "\\\\", "events"]


def _events(count: int) -> list[dict[str, Any]]:
    chosen = random.Random(3)
    return [
        {
            "event_name": "a",
            "customer_id": chosen.choice(TEXTS) + "c",
            "idempotency_key": f"k{i}",
            "properties": {chosen.choice(TEXTS) + str(j): chosen.choice([*TEXTS, 1.25, True]) for j in range(3)},
        }
        for i in range(count)
    ]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("is_envelope", [True, False])
def test_a_document_may_come_in_pieces_of_any_size(is_envelope: bool, indent: int | None, ascii_only: bool) -> None:
    events = _events(8)
    whole: Any = {"x": ["events", ["["]], "events": events, "y": {"z": [1]}} if is_envelope else events
    text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode()
    for size in (1, 7, 64, 10_000):
        assert _read([text[i : i + size] for i in range(0, len(text), size)]) == events


@pytest.mark.parametrize(
    "text",
    ["[1,2", "[1}", '{"events":[1]', '{"events":[1]} x', "[1] [2]", '{"a":[1]}', "17", "", '{"x":{"events":[1]}}', '[{"a":1]'],
)
def test_what_is_not_one_document_is_read_by_its_lines(text: str) -> None:
    assert not any(piece.is_list for piece in line_splitter.cut(0, lambda: iter((text.encode(),)), len))


def test_signs_in_strings_are_no_signs() -> None:
    assert _texts([b'[{"a\\"[":"\\\\","b":[",",1]}, x]']) == [b'{"a\\"[":"\\\\","b":[",",1]}', b"x"]


def _texts(pieces: list[bytes]) -> list[bytes]:
    return [line for piece in line_splitter.cut(0, lambda: iter(pieces), len) for line in piece.lines()]


def _read(pieces: list[bytes]) -> list[Any]:
    return [json.loads(line) for line in _texts(pieces)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "doc.json", "envelope.json.gz"])
@pytest.mark.parametrize("piece_bytes", [331, 1_000, 4_096])
def test_a_file_in_small_pieces_lands_the_same(
    name: str, piece_bytes: int, new_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_splitter, "_HEAD_BYTES", 64)
    events = _events(300)
    lines = "\n".join([*(json.dumps(event, ensure_ascii=False) for event in events), "broken", '["', ""])
    text = {"d": json.dumps(events, indent=1), "e": json.dumps({"events": events}, ensure_ascii=False)}.get(
        name[0], lines
    ).encode()
    content = gzip.compress(text) if name.endswith("gz") else text
    at_once, in_pieces = new_bench(), new_bench()
    for bench, options in ((at_once, {}), (in_pieces, {"piece_bytes": piece_bytes})):
        bench.put(name, content)
        bench.put_lines("z.jsonl", *events[:2])
        landing = bench.land(**options)
        assert landing.events == 302
    assert at_once.contents() == in_pieces.contents()
    columns = ("file", "position", "element", "raw", "reason")
    if landing.quarantined:
        assert at_once.quarantine().select(columns).rows() == in_pieces.quarantine().select(columns).rows()


def test_a_broken_document_is_quarantined_line_by_line(bench: Any) -> None:
    text = json.dumps(_events(3), indent=1)[:-1]
    bench.put("cut.json", text)
    landing = bench.land()
    assert landing.events == 0
    assert landing.quarantined == len(text.splitlines())


def test_a_broken_element_goes_alone(bench: Any) -> None:
    texts = [json.dumps(event) for event in _events(3)]
    bench.put("a.json", "[\n" + ",\n".join([texts[0], '{"event_name":}', "", texts[1], texts[2]]) + "\n]")
    landing = bench.land()
    assert (landing.events, landing.quarantined) == (3, 2)
    assert bench.quarantine().select("position", "raw").rows() == [(2, '{"event_name":}'), (3, "")]


def test_a_broken_first_line_does_not_make_a_document(bench: Any) -> None:
    good = [json.dumps(event) for event in _events(2)]
    bench.put("a.jsonl", "\n".join([good[0][:-1], *good]))
    assert (bench.land().events, bench.reasons()) == (2, ["the line is not valid JSON"])


def test_a_line_too_long_to_be_an_event_is_kept_by_its_beginning(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_splitter, "LINE_BYTES_MAX", 2_000)
    monkeypatch.setattr(line_splitter, "_KEPT_BYTES", 50)
    monkeypatch.setattr(line_splitter, "_HEAD_BYTES", 64)
    good = json.dumps(_events(1)[0])
    monster = json.dumps({"event_name": "a", "customer_id": "c", "x": "y" * 9_000})
    bench.put("a.jsonl", "\n".join([good, monster, good, good]))
    landing = bench.land(piece_bytes=500)
    assert (landing.events, landing.quarantined) == (3, 1)
    assert bench.quarantine().select("position", "raw").row(0) == (2, monster[:50])
