"""What is wrong with the books, as sentences a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

# Above this many candidates a spelling comparison costs more than it helps.
MOST_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands (`line` is None where the file has no lines), what is wrong, what to write instead."""

    file: str
    line: int | None
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where} {self.path}: {self.what}. {self.fix}." if self.path else f"{where}: {self.what}. {self.fix}."


class BooksError(Exception):
    """The books cannot be rated from; `problems` holds everything that is wrong with them, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, found: Iterable[Problem]) -> BooksError:
        """Problems as they were found, each once."""
        return cls(sorted(dict.fromkeys(found), key=lambda problem: (problem.file, problem.line or 0, problem.path)))


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was most likely meant, or None."""
    if len(known) > MOST_CANDIDATES:
        return next((candidate for candidate in known if candidate.casefold() == word.casefold()), None)
    by_folded = {candidate.casefold(): candidate for candidate in sorted(known)}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def listed(words: Iterable[str], *, most: int = 8) -> str:
    """Words in backquotes for a sentence, cut short where they are many."""
    ordered = list(words)
    shown = ", ".join(f"`{word}`" for word in ordered[:most])
    return f"{shown} and {len(ordered) - most} more" if len(ordered) > most else shown


def instead(word: str, known: Collection[str], *, otherwise: str) -> str:
    """The fix for a word nobody knows: the one that was likely meant, else what else to do."""
    meant = nearest(word, known)
    return f"Write `{meant}`" if meant is not None else otherwise
