"""A thousand good lines, each damaged somewhere: every one is either an event or in quarantine, and nothing fails."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pytest

from dagster_project.landing.pieces import piece_of
from dagster_project.landing.validation import Judge

AS_OF = datetime(2026, 1, 20)  # noqa: DTZ001 - naive UTC throughout
GOOD = (
    '{"event_name":"ai_call","customer_id":"cust_1","idempotency_key":"k","timestamp":"2026-01-05T10:00:00.5+01:00",'
    '"properties":{"minutes":12.50,"region":"US","note":"a \\"b\\" [c] {d}","big":12345678901234567890.5,"ok":true}}'
)


def _damaged(line: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(line))
    kind = chance.randrange(6)
    if kind == 0:
        return line[:at]
    if kind == 1:
        return line[:at] + line[at + 1 :]
    if kind == 2:
        return line[:at] + bytes([chance.choice([*range(1, 10), *range(11, 256)])]) + line[at + 1 :]
    if kind == 3:
        return line[:at] + line[chance.randrange(len(line)) :]
    if kind == 4:
        return (
            line[:at]
            + chance.choice([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"\xff", b"\x00"])
            + line[at:]
        )
    return line[at:] + line[:at]


def _is_json(line: bytes) -> bool:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_damaged_lines_balance(seed: int, bench: Any) -> None:
    chance = random.Random(seed)
    damaged = [_damaged(GOOD.encode(), chance) for _ in range(1_000)]
    lines = [line for line in damaged if b"\n" not in line and line.strip(b" \t\r\n")]
    mixed = [line for pair in zip(lines, [GOOD.encode()] * len(lines), strict=True) for line in pair]
    bench.put("a.jsonl", b"\n".join(mixed))
    landing = bench.land()
    assert landing.warnings == ()
    assert landing.events + landing.quarantined == len(mixed)
    assert landing.events >= len(lines)
    landed = set(bench.events()["position"].to_list())
    assert landed >= set(range(2, len(mixed) + 1, 2))
    no_json = {position for position, line in enumerate(mixed, 1) if not _is_json(line)}
    assert not landed & no_json
    said = bench.quarantine().filter(bench.quarantine()["reason"].str.contains("valid"))["position"].to_list()
    assert set(said) - no_json == {p for p in set(said) - no_json if b"\\ud" in mixed[p - 1]}


# --- lists, as a door takes them -------------------------------------------------------------------------------------------------

OTHERS = (
    GOOD.replace('"event_name"', '"eventName"'),
    GOOD.replace('"customer_id"', '"customerId"'),
    '{"event_name":"a","external_customer_id":"x","properties":{"n":1},"note":2}',
    '{"event_name":"a","customer_id":"x","timestamp":null,"tombstone":true}',
    '{"event_name":"a","customer_id":"","external_customer_id":"y","timestamp":"2026-01-05"}',
    '{"event_name":"a","customer_id":"x","timestamp":"2026-01-20T01:00:01Z","properties":null}',
)


def _lists_are_judged_as_files_are(events: int, seed: int) -> None:
    """Lists of one event and of hundreds, alike or mixed, whole or damaged: what is said of each is what a file with them comes to."""
    chance, judge, seen = random.Random(seed), Judge(AS_OF, "UTC"), 0
    while seen < events:
        damaged, kinds = chance.choice([0, 0.02, 0.3, 1]), (GOOD, *OTHERS)[: chance.choice([1, 7])]
        made = [chance.choice(kinds).encode() for _ in range(chance.choice([1, 2, 5, 30, 64, 300, 700]))]
        made = [_damaged(one, chance) if chance.random() < damaged else one for one in made]
        made = [one.replace(b"\n", b" ").strip(b" \t\r") for one in made]
        if not (lines := [one for one in made if one]):
            continue
        said, landed = (
            judge.verdicts(piece_of(0, lines, is_list=True)),
            Judge(AS_OF, "UTC").judged([piece_of(0, lines, is_list=True)]),
        )
        accepted = [place for place, reason in enumerate(said.reasons) if reason is None]
        assert [place + 1 for place in accepted] == landed.events["position"].to_list()
        assert [said.keys[place] for place in accepted] == landed.events["idempotency_key"].to_list()
        assert [reason for reason in said.reasons if reason is not None] == landed.rejected["fault"].to_list()
        assert {said.keys[place] for place, reason in enumerate(said.reasons) if reason is not None} <= {None}
        untimed = landed.events["is_time_made_up"] | landed.events["tombstone"]
        assert said.is_untimed[accepted].tolist() == untimed.to_list()
        seen += len(lines)


def test_r58_lists_are_judged_as_files_are() -> None:
    _lists_are_judged_as_files_are(5_000, seed=1)


@pytest.mark.full
def test_r58_a_hundred_thousand_are_judged_as_files_are() -> None:
    _lists_are_judged_as_files_are(100_000, seed=random.randrange(1 << 32))
