"""The books folder: which files belong to the books, their bytes, and the hash of all of it.

What belongs here: finding and reading files. What does not: what is in them.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from rating.books.problems import Problem

YAML_ENDINGS = (".yml", ".yaml")
BULK_ENDINGS = (".csv", ".parquet")
BULK_SECTIONS = ("customers", "contracts", "credit_grants")


class Folder:
    """One books folder. Remembers every file it gave out, so that `version` covers exactly what was read."""

    def __init__(self, root: Path, changes: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """changes: files as they would be, by relative path, in the place of those that are or beside them."""
        self.problems: list[Problem] = []
        self._root = root
        self._changes = changes
        self._content: dict[str, bytes] = {}

    def files(self) -> list[str]:
        """Relative paths of all YAML files and bulk files, sorted. Folders that begin with a dot are passed over."""
        if not self._root.is_dir():
            self.problems.append(_folder_problem(self._root))
            return []
        found = sorted({*self._walk(), *self._changes})
        if not found:
            fix = "Write at least one .yml file into it, or give the folder that holds them"
            self.problems.append(Problem(str(self._root), None, "", "the folder holds no books", fix))
        return found

    def _walk(self) -> Iterator[str]:
        for parent, folders, names in os.walk(self._root, onerror=self._unreadable):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in folders:
                if (link := Path(parent, name)).is_symlink():
                    self.problems.append(
                        Problem(self._relative(link), None, "", "this folder is a link", "Put the folder itself here")
                    )
            for name in names:
                stem, ending = posixpath.splitext(name)
                ending = ending.lower()
                if ending in YAML_ENDINGS or (ending in BULK_ENDINGS and stem in BULK_SECTIONS):
                    yield self._relative(Path(parent, name))

    def text(self, relative: str) -> str | None:
        """A file's text, or None with a problem where it cannot be read or is not UTF-8."""
        content = self.content(relative)
        if content is None:
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.append(Problem(relative, line, "", "the file is not UTF-8 text", "Save it as UTF-8"))
            return None

    def content(self, relative: str) -> bytes | None:
        """A file's bytes, or None with a problem where it cannot be read."""
        if relative not in self._content:
            if relative in self._changes:
                self._content[relative] = self._changes[relative]
                return self._content[relative]
            try:
                self._content[relative] = (self._root / relative).read_bytes()
            except OSError as error:
                self._unreadable(error)
                return None
        return self._content[relative]

    def beside(self, relative: str, name: str) -> str | None:
        """The path of a file named beside another one; None where that leads out of the books."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(relative), name.replace("\\", "/")))
        return None if path.startswith(("/", "../")) or path in ("..", ".") else path

    def holds(self, relative: str) -> bool:
        if relative in self._changes:
            return True
        try:
            return (self._root / relative).is_file()
        except (OSError, ValueError):
            return False

    @property
    def files_read(self) -> tuple[str, ...]:
        """The files whose bytes were asked for, sorted."""
        return tuple(sorted(self._content))

    @property
    def version(self) -> str:
        """SHA-256 over path, length and bytes of every file read, in path order."""
        digest = hashlib.sha256()
        for relative, content in sorted(self._content.items()):
            digest.update(f"{relative}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
            digest.update(content)
        return digest.hexdigest()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _unreadable(self, error: OSError) -> None:
        path = Path(os.fsdecode(error.filename)) if error.filename else self._root
        file = self._relative(path) if path.is_relative_to(self._root) else str(path)
        fix = "Check that it is there and that you may read it"
        self.problems.append(Problem(file, None, "", f"it cannot be read: {error.strerror or error}", fix))


def _folder_problem(root: Path) -> Problem:
    what = "this is a file, not a folder of books" if root.exists() else "there is no such folder of books"
    return Problem(str(root), None, "", what, "Give the folder that holds the .yml files of the books")
