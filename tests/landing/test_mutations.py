"""A thousand good lines, each damaged somewhere: every one is either an event or in quarantine, and nothing fails."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

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
