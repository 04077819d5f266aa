"""Landed files are told from changed ones by the SHA-256 in their landing's record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_project.landing import changed_files, quarantine_files, raw_files
from dagster_project.warehouse.verify import findings
from tests.landing.conftest import Bench


@pytest.fixture
def landed(bench: Bench) -> Bench:
    """Two landings, each with events and a line that is none."""
    for number in (1, 2):
        good = {"event_name": "call", "customer_id": "c", "properties": {"tokens": 198078520}}
        bench.put_lines(f"{number}.jsonl", *[good | {"idempotency_key": f"{number}-{key}"} for key in range(50)], "no event")
        bench.land()
    return bench


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def test_what_landed_is_as_it_landed(landed: Bench) -> None:
    assert changed_files(landed.warehouse) == []
    assert findings(landed.warehouse) == []


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_bit_is_named_with_its_file_and_landing(landed: Bench, place: int) -> None:
    changed = [raw_files(landed.warehouse)[0], quarantine_files(landed.warehouse)[1]]
    for path in changed:
        flip(path, place)
    said = findings(landed.warehouse)
    assert [sentence.split(" is damaged: its SHA-256")[0] for sentence in said] == [str(path) for path in changed]
    assert "50 rows of landing 1 (2026-02-01)" in said[0]
    assert "1 rows of landing 2 (2026-02-01)" in said[1]


def test_a_file_that_is_gone_is_named(landed: Bench) -> None:
    raw_files(landed.warehouse)[1].unlink()
    (sentence,) = findings(landed.warehouse)
    assert "is missing: it held 50 rows of landing 2" in sentence


def test_landings_from_before_there_were_hashes_are_read(landed: Bench) -> None:
    for record in landed.warehouse.landings.glob("*.json"):
        said = json.loads(record.read_text())
        for file in (*said["event_files"], *said["quarantine_files"]):
            del file["sha256"]
        record.write_text(json.dumps(said))
    flip(raw_files(landed.warehouse)[0], 100)
    assert findings(landed.warehouse) == []
