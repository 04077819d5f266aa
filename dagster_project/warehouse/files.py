"""Files that appear whole or not at all (law 7): one rename each, on disk before it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SeenHashes:
    """Hashes of files that are not written to any more, by size and time of writing: a night hashes what is new (law 8).

    What changes a file's bytes and leaves both as they were is found by `meterhouse verify`, which hashes every file.
    """

    def __init__(self, place: Path) -> None:
        """place: where they are kept; losing that costs time only."""
        self._place = place
        try:
            self._seen: dict[str, list[int | str]] = json.loads(place.read_bytes())
        except (OSError, ValueError):
            self._seen = {}
        self._new = False

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes, hex."""
        status = path.stat()
        stamp: list[int | str] = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._seen.get(str(path), [])
        if known[:-1] == stamp:
            return str(known[-1])
        found = sha256(path)
        self._seen[str(path)] = [*stamp, found]
        self._new = True
        return found

    def keep(self) -> None:
        """Write down what was hashed."""
        if self._new:
            write_atomically(self._place, json.dumps(self._seen).encode())


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk, so that a rename after it cannot be seen before it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_atomically(built: Path, place: Path) -> None:
    """Make a finished file or folder appear at its place by one rename; everything in it is on disk before."""
    for path in [*built.rglob("*"), built] if built.is_dir() else [built]:
        sync(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    built.replace(place)
    sync(place.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file whole: readers find what it held before or this, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    built = path.with_name(f".{path.name}.tmp")
    built.write_bytes(content)
    publish_atomically(built, path)


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of a folder that is only appended to, in order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.json"))]


def append_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Append a record under the next number."""
    place = folder / f"{len(records(folder)) + 1:06d}.json"
    write_atomically(place, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return place


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
