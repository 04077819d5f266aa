"""Which contents have landed before, and a disposable memory of what files hold, so that a known file need not be read again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dagster_project.landing.findings import FILE_CHANGED, Remark
from dagster_project.landing.inbox import InboxFile, Stamp
from dagster_project.landing.manifest import Landing


class KnownContents:
    """Contents by hash, and the last content each name was landed with (R-9)."""

    def __init__(self, committed: Iterable[Landing]) -> None:
        self._hashes: set[str] = set()
        self._landed: set[tuple[str, str]] = set()
        self._hash_of_name: dict[str, str] = {}
        for landing in committed:
            contents = [(file.name, file.hash) for file in landing.files] + [
                (one.name, one.hash) for one in landing.replacements
            ]
            self._landed |= {*contents}
            self._hashes |= {content_hash for _, content_hash in contents}
            self._hash_of_name |= dict(contents)

    def has_landed(self, name: str, content_hash: str) -> bool:
        """Whether this content has landed under this very name."""
        return (name, content_hash) in self._landed

    def add(self, name: str, content_hash: str) -> Remark | None:
        """Note that a name holds a content; a remark where it was known with another."""
        previous = self._hash_of_name.get(name)
        self._hashes.add(content_hash)
        self._landed.add((name, content_hash))
        self._hash_of_name[name] = content_hash
        if previous in (None, content_hash):
            return None
        sentence = f"{name} was landed before with other content; it landed as a new file, and events of both count"
        return Remark(FILE_CHANGED, name, sentence)

    def __contains__(self, content_hash: str) -> bool:
        return content_hash in self._hashes


class RememberedHashes:
    """Hashes of files by name and stamp. Losing them costs time only."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._remembered: dict[str, tuple[Stamp, str]] = {}
        self._seen: dict[str, tuple[Stamp, str]] = {}
        try:
            content = json.loads(place.read_text(encoding="utf-8"))
            self._remembered = {name: (tuple(stamp), content_hash) for name, (stamp, content_hash) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            pass  # a memory that is lost or torn is no memory

    def hash_of(self, file: InboxFile, stamp: Stamp) -> str | None:
        remembered = self._remembered.get(file.path)
        if remembered is None or remembered[0] != stamp:
            return None
        self._seen[file.path] = remembered
        return remembered[1]

    def remember(self, file: InboxFile, stamp: Stamp, content_hash: str) -> None:
        self._seen[file.path] = (stamp, content_hash)

    def keep(self) -> None:
        """Write down what this landing saw."""
        self._place.parent.mkdir(parents=True, exist_ok=True)
        built = self._place.with_suffix(".tmp")
        built.write_text(json.dumps(self._seen), encoding="utf-8")
        built.replace(self._place)
