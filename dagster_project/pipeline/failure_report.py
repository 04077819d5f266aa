"""What a run that cannot go on says: from an exception to sentences, never a stack trace (law 10).

What belongs here: telling whose the failure is, a person's, a disk's or the program's, and what to do. What does not: the
mistakes themselves, which say it already (`errors.py`).
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb

from dagster_project.errors import UserError, sentences_of
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import issued, recovery

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
LEAST_ROOM_BYTES = 1 << 20
TRACE = "failure.txt"


class Kind(StrEnum):
    """Who can do something about a failure."""

    MISTAKE = "a person"
    REMOVED = "the next attempt: what was damaged has been removed"
    DEFECT = "whoever mends Meterhouse"


@dataclass(frozen=True, slots=True)
class FailureReport:
    """A failure in sentences."""

    kind: Kind
    sentences: tuple[str, ...]


def describe_failure(error: BaseException, run: Run, doing: str) -> FailureReport:
    """What an exception means for a person. doing: what the run was at, in words that follow `while`.

    Where something may be damaged, the warehouse is looked through, and what is derived and damaged is removed.
    """
    if sentences := sentences_of(error):
        return FailureReport(Kind.MISTAKE, sentences)
    if sentence := _about_the_machine(error, run):
        return FailureReport(Kind.MISTAKE, (f"{sentence} {_standing(run)}",))
    run.progress("Looking for damaged files")
    try:
        if lost := recovery.landed_files(run.warehouse):
            return FailureReport(Kind.MISTAKE, (*lost, f"Put that back from a backup, then run again. {_standing(run)}"))
        if removed := recovery.remove_what_is_derived(run.warehouse):
            return FailureReport(Kind.REMOVED, (f"{', '.join(removed)} could not be read any more: it is built again.",))
    except UserError as mistake:
        return FailureReport(Kind.MISTAKE, mistake.sentences)
    return defect(error, doing, run.traces or run.warehouse.derived, _standing(run))


def defect(error: BaseException, doing: str, folder: Path, standing: str = "") -> FailureReport:
    """A failure that nobody foresaw: the full trace goes into a file in the folder."""
    text = (str(error).strip() or "no more is known").splitlines()[0]
    kept = _kept("".join(traceback.format_exception(error)), folder)
    return FailureReport(
        Kind.DEFECT,
        (
            f"Meterhouse failed while {doing}: {type(error).__name__}: {text}",
            f"This is a defect of Meterhouse: please report it{kept}. {standing}".strip(),
        ),
    )


def _about_the_machine(error: BaseException, run: Run) -> str | None:
    """Room, rights and memory: what the machine lacks, and what to do."""
    for one in chain(error):
        text, code = str(one), one.errno if isinstance(one, OSError) else None
        where = getattr(one, "filename", None) or run.warehouse.root
        if code in NO_ROOM or any(os.strerror(number) in text for number in NO_ROOM):
            return f"{where} could not be written: there is no room left on the disk. Free some, then run again."
        if code in NOT_ALLOWED:
            return f"{where} may not be written or read by this user ({os.strerror(code)}). Allow it, then run again."
        if isinstance(one, (MemoryError, duckdb.OutOfMemoryException)) or "Out of Memory Error" in text:
            return "There is not enough memory. Close other programs or take a larger machine, then run again."
    # a process of its own that ran out of room cannot say so
    if shutil.disk_usage(run.warehouse.root).free < LEAST_ROOM_BYTES:
        return f"{run.warehouse.root} could not be written: there is no room left on the disk. Free some, then run again."
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _standing(run: Run) -> str:
    """What has become durable."""
    batches, _ = issued.survey(run.warehouse)
    if any(batch.as_of == run.as_of for batch in batches):
        return "What is issued stays issued, and the next run does not issue it again."
    return "Nothing was issued."


def _kept(trace: str, folder: Path) -> str:
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / TRACE).write_text(trace, encoding="utf-8", errors="replace")
        except OSError:
            continue
        return f" with the trace in {place / TRACE}"
    return ", the trace could not be written"
