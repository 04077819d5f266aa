"""Small landings are put together: fewer files, the same rows, each with the file, position and landing it came with (law 8)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dagster_project.landing import changed_files, landings, quarantine_files, raw_files
from dagster_project.landing.compaction import TOGETHER
from dagster_project.warehouse.files import sha256
from tests.landing.conftest import NIGHT, Bench


def land_one(bench: Bench, number: int, as_of: datetime = NIGHT) -> None:
    good = {"event_name": "call", "customer_id": "c", "idempotency_key": f"key-{number}"}
    bench.put_lines(f"{number:04}.jsonl", good, "no event")
    bench.land(as_of)


def lineage(bench: Bench) -> list[tuple[object, ...]]:
    events = bench.events().select("idempotency_key", "file", "position", "element", "batch")
    return [*events.rows(), *bench.quarantine().select("raw", "file", "position", "element", "batch").rows()]


@pytest.fixture
def many(bench: Bench) -> Bench:
    """One landing less than are put together."""
    for number in range(1, TOGETHER):
        land_one(bench, number)
    return bench


def test_so_many_small_landings_become_one_file_with_the_same_rows(many: Bench) -> None:
    before = lineage(many)
    assert len(raw_files(many.warehouse)) == TOGETHER - 1
    land_one(many, TOGETHER)
    assert (len(raw_files(many.warehouse)), len(quarantine_files(many.warehouse))) == (1, 1)
    after = lineage(many)
    assert [row for row in after if row[-1] != TOGETHER] == before
    assert len(after) == 2 * TOGETHER
    assert changed_files(many.warehouse) == []


def test_what_was_put_together_still_says_which_contents_have_landed(many: Bench) -> None:
    land_one(many, TOGETHER)
    again = many.land()
    assert (again.events, again.passed) == (0, TOGETHER)
    assert len(landings(many.warehouse)) == TOGETHER


def test_files_that_were_replaced_stay_for_a_day_of_nights(many: Bench) -> None:
    land_one(many, TOGETHER)
    held = len(list(many.warehouse.raw_events.rglob("*.parquet")))
    assert held == TOGETHER + 1
    land_one(many, TOGETHER + 1, NIGHT + timedelta(days=1))
    land_one(many, TOGETHER + 2, NIGHT + timedelta(days=1))
    assert len(list(many.warehouse.raw_events.rglob("*.parquet"))) == len(raw_files(many.warehouse)) == 3
    assert len(lineage(many)) == 2 * (TOGETHER + 2)


def test_a_damaged_file_is_not_put_together_and_stays_named(many: Bench) -> None:
    path = raw_files(many.warehouse)[3]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    land_one(many, TOGETHER)
    assert len(raw_files(many.warehouse)) == TOGETHER
    (sentence,) = changed_files(many.warehouse)
    assert "landing 4 " in sentence


def test_a_compacted_file_is_held_against_its_hash(many: Bench) -> None:
    land_one(many, TOGETHER)
    (path,) = raw_files(many.warehouse)
    before = sha256(path)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))
    assert sha256(path) != before
    (sentence,) = changed_files(many.warehouse)
    assert f"rows of landings 1 to {TOGETHER}" in sentence


def test_what_dies_before_it_is_committed_changes_nothing(many: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dying:
        dying.setattr("dagster_project.landing.compaction.commit_compaction", _dies)
        with pytest.raises(RuntimeError):
            land_one(many, TOGETHER)
    assert len(lineage(many)) == 2 * TOGETHER
    land_one(many, TOGETHER + 1)
    assert len(raw_files(many.warehouse)) == 2
    assert len(lineage(many)) == 2 * (TOGETHER + 1)


def _dies(*_: object) -> None:
    raise RuntimeError
