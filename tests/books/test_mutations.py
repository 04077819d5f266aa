"""Whatever is done to a good set of books: it loads, or it is refused in sentences. Nothing else ever comes out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

Spoil = Callable[[str, random.Random], str]

SCALARS = (
    "1e-3",
    "[]",
    "{}",
    "null",
    "~",
    "true",
    "-1",
    "2026-13-45",
    "2026-02-01",
    "'",
    '"x',
    "*x",
    "&y z",
    "!!int 3",
    ".nan",
    "0x1",
    "é",
    "\t",
    "?",
)


def drop_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def repeat_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    position = chance.randrange(len(lines))
    lines.insert(chance.randrange(len(lines)), lines[position])
    return "".join(lines)


def indent_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    position = chance.randrange(len(lines))
    lines[position] = " " * chance.randint(1, 6) + lines[position]
    return "".join(lines)


def swap_words(text: str, chance: random.Random) -> str:
    words = re.findall(r"[A-Za-z_0-9.-]+", text)
    return text.replace(chance.choice(words), chance.choice(words), chance.choice((1, -1)))


def change_value(text: str, chance: random.Random) -> str:
    values = list(re.finditer(r": ([^,{}\[\]\n]+)", text)) or list(re.finditer(r"([^,\n]+)", text))
    found = chance.choice(values)
    return text[: found.start(1)] + chance.choice(SCALARS) + text[found.end(1) :]


def cut_off(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def drop_character(text: str, chance: random.Random) -> str:
    position = chance.randrange(len(text))
    return text[:position] + text[position + 1 :]


def add_character(text: str, chance: random.Random) -> str:
    position = chance.randrange(len(text))
    return text[:position] + chance.choice("{}[]\"':,-#&*!|>%@`\\\0\x85\ufeff\t\n*~<=") + text[position:]


SPOILS: tuple[Spoil, ...] = (
    drop_line,
    repeat_line,
    indent_line,
    swap_words,
    change_value,
    cut_off,
    drop_character,
    add_character,
)


@pytest.mark.parametrize("seed", range(200))
def test_spoilt_books_load_or_are_refused_in_sentences(seed: int, good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    chance = random.Random(seed)
    files = sorted(path for path in good.rglob("*") if path.is_file())
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(files)
        text = path.read_text(encoding="utf-8")
        if text:
            path.write_text(chance.choice(SPOILS)(text, chance), encoding="utf-8")
    for sentence in problems_of(good):
        assert re.fullmatch(r"[^\n]+: [^\n]+\. [^\n]+\.", sentence), sentence
        assert "Traceback" not in sentence
