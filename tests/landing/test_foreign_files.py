"""Five hundred files of the world in one inbox: ours is read, every other is read rightly or named in one sentence, lines balance."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.landing.conftest import Bench
from tests.landing.foreign_files import files

GOOD = [
    {"event_name": "good", "customer_id": "larch", "idempotency_key": str(n), "timestamp": "2026-01-05T10:00:00Z"}
    for n in range(3)
]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full)])
def test_an_inbox_of_the_world(seed: int, bench: Bench) -> None:
    foreign = {file.name: file for file in files(500, seed)}
    for name, file in foreign.items():
        bench.put(name, file.content)
    bench.put_lines("zz/good.jsonl", *GOOD)
    landing = bench.land()
    landed = {file.name: file for file in landing.files}
    named = Counter(warning.split()[0].rstrip(":") for warning in landing.warnings if "did not land" in warning)
    assert landed["zz/good.jsonl"].events == len(GOOD)
    contents = {file.content for file in foreign.values()}
    for name, file in foreign.items():
        assert named[name] <= 1
        if name in named:
            assert not file.events, (name, landing.warnings)
        elif name in landed:
            assert landed[name].events == file.events or file.events is None, (name, bench.reasons()[:3])
    assert len(landed) + len(named) - 1 <= len(contents) + landing.passed
    assert len(landed) + len(named) + landing.passed == len(foreign) + 1
    # what another night finds changes nothing
    before = bench.events().height
    again = bench.land()
    assert (again.files, bench.events().height) == ((), before)
    assert all("\n" not in warning and len(warning) < 1_000 for warning in landing.warnings)
    assert sum(json.loads(text or "{}") == {} for text in bench.events().filter(event_name="good")["properties"]) == len(GOOD)
