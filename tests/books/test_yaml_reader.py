"""libyaml and the parser of YAML 1.2 read books alike; where they would not, the latter reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from rating.books import yaml_reader

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("contracts_data/**/*.yml"), *ROOT.glob("tests/**/*.yml")])

TEXTS = [
    "a: 1\nb: [x, 'y: z', \"q\\n\", ~, NO, 2026-01-05, 1e3, 0x1f]\n",
    "a: &one {b: 1}\nc: *one\nd: {<<: *one}\n",
    "a: >\n  folded\n  text\nb: |-\n  kept\n  text\n",
    "a:\n- b: 1\n  c: # nothing\n-\n  - deep\n- {x: {y: [1, {z: 2}]}}\n",
    "'quoted key': 'it''s'\n\"é😀\": plain with spaces # and a comment\n",
    "a: {b:1, c: 2}\n",
    '{"a":1,"b":[2,3]}\n',
    "? a\n: 1\n",
    "a: !!str 1\n",
    "",
    "---\na: 1\n...\n",
    "a: 1\n---\nb: 2\n",
    "a: x\x85 b\n",
    "%YAML 1.2\n---\na: on\n",
    "a: [1\n",
    "a: *\n",
    "a:\n\t- b\n",
    "a: 'open\n",
    "a: 1\na: 2\n",
]


@pytest.mark.parametrize("text", [*TEXTS, *(pytest.param(file.read_text(), id=str(file.relative_to(ROOT))) for file in FILES)])
def test_r1_both_parsers_read_alike(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quickly, said = yaml_reader.read_yaml("books.yml", text)
    monkeypatch.setattr(yaml_reader, "_events", yaml_reader._careful_events)
    carefully, also_said = yaml_reader.read_yaml("books.yml", text)
    assert said == also_said
    assert (quickly is None) == (carefully is None)
    if quickly and carefully:
        assert (quickly.tree, quickly.lines) == (carefully.tree, carefully.lines)
