"""A story as its folder tells it: books, events, runs, and what must stand in the marts after each run."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from ruamel.yaml import YAML

HERE = Path(__file__).parent
COMPRESSED: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}


@dataclass(frozen=True)
class Night:
    """One run of a story. `arrives` maps names in the inbox to files of the story; `expected` is None where nothing is said."""

    as_of: str
    arrives: Mapping[str, Path]
    books: Path | None
    issue: bool
    refused: str | None
    held_back: str | None
    expected: Mapping[str, Any] | None


@dataclass(frozen=True)
class Story:
    """One folder. `xfail` says why the pipeline does not tell this story yet."""

    folder: Path
    nights: list[Night]
    xfail: str | None


def names() -> list[str]:
    """Every story in this folder."""
    return sorted(path.parent.name for path in HERE.glob("*/runs.yml"))


def read(name: str) -> Story:
    """The story of that name. Raises ValueError where its folder contradicts itself."""
    folder = HERE / name
    said = _yaml(folder / "runs.yml")
    nights = [_night(folder, number, run) for number, run in enumerate(said["runs"], 1)]
    expected = {int(path.stem) for path in (folder / "expected").glob("*.yml")}
    if not expected or max(expected) > len(nights):
        raise ValueError(f"{folder / 'expected'} must hold <number of a run>.yml, for at least one of the {len(nights)} runs.")
    return Story(folder, nights, said.get("xfail"))


def deliver(night: Night, books: Path, inbox: Path) -> None:
    """Lay the changed books over those before, and put what arrives into the inbox; names in .gz and .zst arrive so."""
    if night.books is not None:
        shutil.copytree(night.books, books, dirs_exist_ok=True)
    for name, file in night.arrives.items():
        place = inbox / name
        place.parent.mkdir(parents=True, exist_ok=True)
        pack = COMPRESSED.get(place.suffix, bytes)
        place.write_bytes(pack(file.read_bytes()))


def _night(folder: Path, number: int, run: Mapping[str, Any]) -> Night:
    if unknown := set(run) - {"as_of", "inbox", "books", "issue", "refused", "held_back"}:
        raise ValueError(f"{folder / 'runs.yml'}: run {number} says {sorted(unknown)}, which no run knows.")
    books = folder / run.get("books", "books") if number == 1 or "books" in run else None
    expected = folder / "expected" / f"{number}.yml"
    return Night(
        as_of=run["as_of"],
        arrives=dict(_arrival(folder, one) for one in run.get("inbox", [])),
        books=books,
        issue=run.get("issue", "true") == "true",
        refused=run.get("refused"),
        held_back=run.get("held_back"),
        expected=_yaml(expected) if expected.exists() else None,
    )


def _arrival(folder: Path, said: str | Mapping[str, str]) -> tuple[str, Path]:
    """A file under its own name, or `{file: ..., as: ...}` under another."""
    file, name = (said, said) if isinstance(said, str) else (said["file"], said["as"])
    return name, folder / file


def _yaml(path: Path) -> Any:
    """A file with every number as it is written: nothing passes through a float."""
    return YAML(typ="base", pure=True).load(path)
