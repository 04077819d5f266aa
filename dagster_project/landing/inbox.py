"""The inbox: which files it holds, and their bytes.

What belongs here: folders, object stores, endings, compression. What does not: what a file says.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa
import pyarrow.fs

from dagster_project.landing.findings import NOT_READ, Remark
from dagster_project.landing.sources import source_of
from rating.books import Source

FORMS: Final = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}
UNFINISHED: Final = (".tmp", ".part")
_NAMES_SHOWN: Final = 5

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InboxFile:
    """One file that can be landed: its name relative to the inbox, what its ending says, and the source of the books it is of."""

    name: str
    path: str
    form: str
    compression: str | None
    stored_bytes: int
    source: Source | None = None


class Inbox:
    """A folder, or a prefix in an object store that Arrow knows (s3://…, gs://…, abfss://…)."""

    def __init__(self, location: str, sources: Sequence[Source] = ()) -> None:
        """Nothing is read yet. sources: how foreign files are read (R-113). Raises Arrow's errors for a scheme it does not know."""
        if "://" in location:
            self._system, self._root = pyarrow.fs.FileSystem.from_uri(location)
        else:
            self._system, self._root = pyarrow.fs.LocalFileSystem(), str(Path(location).absolute())
        self.location, self._sources = location, sources
        self._root = self._root.rstrip("/")

    def files(self) -> tuple[list[InboxFile], list[Remark]]:
        """The files to land, by name, and a remark for each ending that is not read."""
        infos = self._system.get_file_info(pyarrow.fs.FileSelector(self._root, recursive=True, allow_not_found=True))
        if not infos and self._system.get_file_info(self._root).type != pyarrow.fs.FileType.Directory:
            sentence = f"{self.location}: there is no such inbox; create it, or name another with --inbox"
            return [], [Remark(NOT_READ, self.location, sentence)]
        infos = [info for info in infos if info.type == pyarrow.fs.FileType.File]
        try:
            found = [(info.path.removeprefix(self._root).lstrip("/"), info.path, info.size) for info in infos]
        except UnicodeDecodeError:
            found = list(_walked(self._root))
        return self._sorted(found)

    def _sorted(self, found: Iterable[tuple[str, str, int]]) -> tuple[list[InboxFile], list[Remark]]:
        """What `files` says of name, path and size of every file."""
        files: list[InboxFile] = []
        others: dict[str, list[str]] = defaultdict(list)
        for name, path, size in found:
            if _is_passed_over(name):
                continue
            source = source_of(name, self._sources)
            form, compression = _form(name, source)
            if form is None:
                others[PurePosixPath(name).suffix].append(name)
            else:
                files.append(InboxFile(name, path, form, compression, size, source))
        return sorted(files, key=lambda file: file.name), [_not_read(ending, names) for ending, names in sorted(others.items())]

    def stamp(self, file: InboxFile) -> Stamp:
        """What changes when the file does. Raises OSError where the file is gone."""
        if isinstance(self._system, pyarrow.fs.LocalFileSystem):
            status = Path(file.path).stat()
            return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        info = self._system.get_file_info(file.path)
        if info.type != pyarrow.fs.FileType.File:
            raise FileNotFoundError(f"{file.name} is gone")
        return info.size, info.mtime_ns or 0

    def stream(self, file: InboxFile) -> pa.NativeFile:
        """The decompressed bytes, from the start; of gzip as gunzip gives them, zeros at the end left out."""
        if file.compression == "gzip":
            # Arrow's own reader takes zeros behind the last member for one more that is broken
            return pa.PythonFile(gzip.GzipFile(fileobj=self._opened(file)), mode="r")
        stored = self._opened(file)
        return pa.CompressedInputStream(stored, file.compression) if file.compression else stored

    def _opened(self, file: InboxFile) -> pa.NativeFile:
        """The stored bytes. Arrow names files in UTF-8 only, so one that is named otherwise is opened by Python."""
        if _is_utf8(file.path):
            return self._system.open_input_file(file.path)
        return pa.PythonFile(Path(file.path).open("rb"), mode="r")

    def pieces(self, file: InboxFile, piece_bytes: int) -> Iterator[bytes]:
        """The decompressed bytes, in pieces. Raises OSError where a compressed file is cut short or broken."""
        with self.stream(file) as stream:
            while piece := stream.read(piece_bytes):
                yield piece

    def random_access(self, file: InboxFile) -> pa.NativeFile:
        """The stored bytes, for a reader that jumps about in them."""
        return self._opened(file)


def _walked(root: str) -> Iterator[tuple[str, str, int]]:
    """Name, path and size of every file below a local folder; a byte of a name that is not UTF-8 is shown escaped (caf\\xe9.jsonl)."""
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - pathlib would do the same, a file at a time
            shown = os.path.relpath(path, root).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            with contextlib.suppress(OSError):  # gone meanwhile
                yield shown, path, os.stat(path).st_size  # noqa: PTH116


def _is_utf8(path: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in path)


def _is_passed_over(name: str) -> bool:
    parts = name.split("/")
    return any(part.startswith(".") for part in parts) or parts[-1].lower().endswith(UNFINISHED)


def _form(name: str, source: Source | None) -> tuple[str | None, str | None]:
    """What a file holds and how it is compressed; a source that says how files are written knows them by any ending."""
    path = PurePosixPath(name.lower())
    compression = COMPRESSIONS.get(path.suffix)
    form = FORMS.get(PurePosixPath(path.stem).suffix if compression else path.suffix)
    if form is None and source is not None and (source.format or source.records):
        form = "csv" if source.format else "json"
    return (None, None) if compression and form == "parquet" else (form, compression)


def _not_read(ending: str, names: list[str]) -> Remark:
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
    endings = ", ".join([*FORMS, "and .gz or .zst of all but .parquet"])
    sentence = f"not landed, for files ending in {ending or 'nothing'} are not read: {shown}; read are {endings}"
    return Remark(NOT_READ, ending or "no ending", sentence)
