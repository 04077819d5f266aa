"""The inbox: which files it holds, and their bytes.

What belongs here: folders, object stores, endings, compression. What does not: what a file says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa
import pyarrow.fs

FORMS: Final = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}
UNFINISHED: Final = (".tmp", ".part")
_NAMES_SHOWN: Final = 5

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InboxFile:
    """One file that can be landed: its name relative to the inbox, and what its ending says."""

    name: str
    path: str
    form: str
    compression: str | None
    stored_bytes: int


class Inbox:
    """A folder, or a prefix in an object store that Arrow knows (s3://…, gs://…, abfss://…)."""

    def __init__(self, location: str) -> None:
        """Nothing is read yet. Raises Arrow's errors for a scheme it does not know."""
        if "://" in location:
            self._system, self._root = pyarrow.fs.FileSystem.from_uri(location)
        else:
            self._system, self._root = pyarrow.fs.LocalFileSystem(), str(Path(location).absolute())
        self.location = location
        self._root = self._root.rstrip("/")

    def files(self) -> tuple[list[InboxFile], list[str]]:
        """The files to land, by name, and a warning for each ending that is not read."""
        found = self._system.get_file_info(pyarrow.fs.FileSelector(self._root, recursive=True, allow_not_found=True))
        if not found and self._system.get_file_info(self._root).type != pyarrow.fs.FileType.Directory:
            return [], [f"{self.location}: there is no such inbox; create it, or name another with --inbox"]
        files: list[InboxFile] = []
        others: dict[str, list[str]] = defaultdict(list)
        for info in found:
            name = info.path.removeprefix(self._root).lstrip("/")
            if info.type != pyarrow.fs.FileType.File or _is_passed_over(name):
                continue
            form, compression = _form(name)
            if form is None:
                others[PurePosixPath(name).suffix].append(name)
            else:
                files.append(InboxFile(name, info.path, form, compression, info.size))
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
        """The decompressed bytes, from the start."""
        return self._system.open_input_stream(file.path, compression=file.compression)

    def pieces(self, file: InboxFile, piece_bytes: int) -> Iterator[bytes]:
        """The decompressed bytes, in pieces. Raises OSError where a compressed file is cut short or broken."""
        with self.stream(file) as stream:
            while piece := stream.read(piece_bytes):
                yield piece

    def random_access(self, file: InboxFile) -> pa.NativeFile:
        """The stored bytes, for a reader that jumps about in them."""
        return self._system.open_input_file(file.path)


def _is_passed_over(name: str) -> bool:
    parts = name.split("/")
    return any(part.startswith(".") for part in parts) or parts[-1].lower().endswith(UNFINISHED)


def _form(name: str) -> tuple[str | None, str | None]:
    path = PurePosixPath(name.lower())
    compression = COMPRESSIONS.get(path.suffix)
    form = FORMS.get(PurePosixPath(path.stem).suffix if compression else path.suffix)
    return (None, None) if compression and form == "parquet" else (form, compression)


def _not_read(ending: str, names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
    endings = ", ".join([*FORMS, "and .gz or .zst of all but .parquet"])
    return f"not landed, for files ending in {ending or 'nothing'} are not read: {shown}; read are {endings}"
