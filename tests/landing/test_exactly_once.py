"""A content lands once, whatever happens to names, clocks and processes (R-9)."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from dagster_project.landing import LandingRefused, land, land_inbox, landings, raw_files

NIGHT = dt.datetime(2026, 2, 1)
NEXT_NIGHT = dt.datetime(2026, 2, 2)


def _event(i: int, **more: Any) -> dict[str, Any]:
    return {"event_name": "a", "customer_id": f"c{i}", "idempotency_key": f"k{i}", "timestamp": "2026-01-05", **more}


def test_landing_again_changes_nothing(bench: Any) -> None:
    bench.put_lines("a.jsonl", *map(_event, range(3)))
    first = bench.land()
    before = bench.files()
    again = bench.land()
    assert (again.batch, again.files, again.passed) == (first.batch, (), 1)
    assert bench.files() == before


def test_a_lost_memory_of_hashes_costs_time_only(bench: Any) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    before = bench.files()
    shutil.rmtree(bench.warehouse.derived)
    assert bench.land().passed == 1
    bench.warehouse.derived.joinpath("landed_hashes.json").write_text("{torn")
    assert bench.land().passed == 1
    assert bench.files() == before


def test_a_later_as_of_is_recorded_even_when_nothing_is_new(bench: Any) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    assert bench.land(NEXT_NIGHT).batch == 2
    assert [landing.as_of for landing in landings(bench.warehouse)] == [NIGHT, NEXT_NIGHT]
    with pytest.raises(LandingRefused, match="before the last"):
        bench.land(NIGHT)


def test_known_content_under_another_name_or_compression_is_passed(bench: Any) -> None:
    path = bench.put_lines("a.jsonl", _event(1))
    bench.land()
    shutil.copy(path, bench.inbox / "b.json")
    bench.put("c.jsonl.gz", gzip.compress(path.read_bytes()))
    landing = bench.land(NEXT_NIGHT)
    assert (landing.files, landing.passed) == ((), 3)


def test_equal_files_of_one_landing_land_once_as_the_first_by_name(bench: Any) -> None:
    for name in ("b.jsonl", "a.jsonl", "c/a.jsonl"):
        bench.put_lines(name, _event(1))
    landing = bench.land()
    assert [file.name for file in landing.files] == ["a.jsonl"]
    assert (landing.passed, landing.events) == (2, 1)


def test_a_known_name_with_other_content_lands_and_is_said(bench: Any) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    bench.put_lines("a.jsonl", _event(2))
    landing = bench.land(NEXT_NIGHT)
    assert landing.events == 1
    assert "a.jsonl was landed before with other content" in landing.warnings[0]


def test_order_is_by_file_name_and_position(bench: Any) -> None:
    for name in ("b.jsonl", "a.jsonl", "a/z.jsonl"):
        bench.put_lines(name, *(_event(i, contract_id=name) for i in range(3)))
    bench.land()
    places = bench.events().select("file", "position").rows()
    assert places == sorted(places)


def test_the_same_inbox_gives_the_same_bytes(new_bench: Any) -> None:
    benches = [new_bench(), new_bench()]
    for bench in benches:
        for name in random.Random(str(bench.inbox)).sample(range(30), 30):
            bench.put_lines(f"{name}.jsonl", *(_event(100 * name + i) for i in range(20)), "broken")
        bench.land()
    assert benches[0].files() == benches[1].files()
    assert len(raw_files(benches[0].warehouse)) == 1


def test_splitting_and_shuffling_files_lands_the_same_events(new_bench: Any) -> None:
    events = [json.dumps(_event(i, properties={"n": i / 4})) for i in range(200)]
    whole, split = new_bench(), new_bench()
    whole.put_lines("all.jsonl", *events)
    random.Random(7).shuffle(events)
    for start in range(0, 200, 37):
        split.put_lines(f"{start % 5}/{start}.jsonl", *events[start : start + 37])
    whole.land()
    split.land()
    assert whole.contents() == split.contents()


def test_readers_see_what_had_landed_by_then(bench: Any) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    bench.put_lines("b.jsonl", _event(2))
    bench.land(NEXT_NIGHT)
    assert (len(raw_files(bench.warehouse, NIGHT)), len(raw_files(bench.warehouse))) == (1, 2)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.zst", "a.parquet", "a.csv.gz"])
def test_a_broken_file_waits_for_the_next_landing(name: str, bench: Any) -> None:
    path = bench.put(name, gzip.compress(json.dumps(_event(1)).encode())[:-9])
    bench.put_lines("good.jsonl", _event(2))
    landing = bench.land()
    assert [file.name for file in landing.files] == ["good.jsonl"]
    assert landing.warnings[0].startswith(f"{name} did not land and will be tried again by the next run: ")
    path.unlink()
    assert bench.land(NEXT_NIGHT).warnings == ()


def test_a_file_that_grows_while_it_is_read_does_not_land_at_all(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.put_lines("big.jsonl", *(_event(i) for i in range(300)))
    bench.put_lines("a.jsonl", _event(-1))
    pieces = land_inbox.Inbox.pieces
    grown = iter([False, False, True])  # while it is hashed; while its first lines are looked at; while it lands

    def growing(inbox: land_inbox.Inbox, file: land_inbox.InboxFile, piece_bytes: int) -> Any:
        yield from pieces(inbox, file, piece_bytes)
        if file.name == "big.jsonl" and next(grown, False):
            with path.open("a") as handle:
                handle.write(json.dumps(_event(1000)) + "\n")

    monkeypatch.setattr(land_inbox.Inbox, "pieces", growing)
    landing = bench.land(piece_bytes=2_000)
    assert [file.name for file in landing.files] == ["a.jsonl"]
    assert "big.jsonl did not land" in landing.warnings[0]
    assert "changed while it was read" in landing.warnings[0]
    assert bench.events()["customer_id"].to_list() == ["c-1"]
    assert {path for path in bench.files() if path.startswith("raw")} == {f.path for f in landing.event_files}
    monkeypatch.undo()
    assert bench.land(NEXT_NIGHT).events == 301


def test_a_death_between_data_and_manifest_leaves_nothing(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    before = bench.files()
    bench.put_lines("b.jsonl", _event(2), "broken")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(land_inbox, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        bench.land(NEXT_NIGHT)
    monkeypatch.undo()
    assert set(bench.files()) > set(before)
    assert [path.as_posix() for path in raw_files(bench.warehouse) if not path.exists()] == []
    assert len(bench.events()) == 1
    landing = bench.land(NEXT_NIGHT)
    assert (landing.batch, landing.events, landing.quarantined) == (2, 1, 1)
    named = {f.path for one in landings(bench.warehouse) for f in (*one.event_files, *one.quarantine_files)}
    assert {path for path in bench.files() if not path.startswith("landings")} == named


def test_what_a_dead_landing_left_is_removed_even_when_nothing_is_new(bench: Any) -> None:
    bench.put_lines("a.jsonl", _event(1))
    bench.land()
    before = bench.files()
    left = bench.warehouse.raw_events / "received_date=2026-02-01" / "000002-0001.parquet"
    left.write_bytes(b"half")
    (bench.warehouse.landings / ".000002.json.tmp").write_text("{")
    bench.land()
    assert bench.files() == before


def test_a_vanished_file_is_said(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.put_lines("a.jsonl", _event(1))
    files = land_inbox.Inbox.files

    def vanish(inbox: land_inbox.Inbox) -> Any:
        found = files(inbox)
        path.unlink()
        return found

    monkeypatch.setattr(land_inbox.Inbox, "files", vanish)
    assert "a.jsonl did not land" in bench.land().warnings[0]


def test_progress_counts_stored_bytes(bench: Any) -> None:
    sizes = [bench.put_lines(name, _event(i)).stat().st_size for i, name in enumerate(("a.jsonl", "b.jsonl"))]
    calls: list[tuple[str, int, int]] = []
    land(str(bench.inbox), bench.warehouse, NIGHT, progress=lambda *call: calls.append(call))
    assert calls == [("a.jsonl", sizes[0], sum(sizes)), ("b.jsonl", sum(sizes), sum(sizes))]


def test_a_failure_of_the_warehouse_is_not_blamed_on_the_file(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put_lines("a.jsonl", _event(1))

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("dagster_project.landing.parquet_writer.sync", full)
    with pytest.raises(OSError, match="No space left"):
        bench.land()
    assert not Path(bench.warehouse.landings).exists()
