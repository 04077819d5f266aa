"""Where in the books something stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from rating.books.layers import Without, with_more
from rating.books.problems import Problem, instead

Step = str | int
Model = TypeVar("Model", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file as read: its tree of plain values, and the line of every path that has one."""

    file: str
    tree: Mapping[str, Any]
    lines: Mapping[tuple[Step, ...], int]


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A path inside a document, such as `contracts[2].rate_overrides[0].rate`."""

    document: Document
    steps: tuple[Step, ...] = ()

    def at(self, *steps: Step) -> SourceLocation:
        return SourceLocation(self.document, self.steps + steps)

    @property
    def line(self) -> int | None:
        """The line of this path, or of the nearest path around it that has one."""
        lines = self.document.lines
        for length in range(len(self.steps), -1, -1):
            if (line := lines.get(self.steps[:length])) is not None:
                return line
        return None

    @property
    def path(self) -> str:
        text = ""
        for step in self.steps:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    def problem(self, what: str, fix: str) -> Problem:
        return Problem(self.document.file, self.line, self.path, what, fix)

    def __str__(self) -> str:
        line = self.line
        return f"{self.document.file} {self.path}" if line is None else f"{self.document.file}:{line} {self.path}"


@dataclass(frozen=True, slots=True)
class Located(Generic[Model]):
    """Something the books state, and where."""

    terms: Model
    place: SourceLocation


@dataclass(slots=True)
class Registry(Generic[Model]):
    """All of one kind that the books state, by code or id.

    `broken` holds codes of items that already have a problem of their own, so that nobody complains twice; `incomplete` says
    that a file with more of them could not be read. `chosen`: only these are gone over, while references are to any; None: all.
    """

    noun: str
    stated: Mapping[str, Located[Model]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    incomplete: bool = False
    chosen: Collection[str] | None = None

    def take(self, code: str, stated: Located[Model]) -> Located[Model]:
        """State one more; what has the code already stays. Returns what is stated under it."""
        assert isinstance(self.stated, dict)
        first: Located[Model] = self.stated.setdefault(code, stated)
        return first

    def get(self, code: str | None) -> Located[Model] | None:
        return None if code is None else self.stated.get(code)

    def values(self) -> Iterable[Located[Model]]:
        if self.chosen is None:
            return self.stated.values()
        return [self.stated[code] for code in self.chosen if code in self.stated]

    def only(self, chosen: Collection[str]) -> Registry[Model]:
        """The same, to go over some of them, in this order."""
        return replace(self, chosen=chosen)

    def restated(self, found: Registry[Model]) -> Registry[Model]:
        """With what another one states, each in the place of what was stated of it before; what is broken there is stated no more."""
        stated: Mapping[str, Located[Model]] = with_more(self.stated, found.stated)
        if found.broken:
            stated = Without(stated, found.broken)
        return replace(self, stated=stated, broken=self.broken | found.broken)

    def unknown(self, code: str | None, place: SourceLocation) -> Iterator[Problem]:
        """The problem of a reference to something that the books do not state; nothing where it is stated, or absent."""
        if code is None or self.incomplete or code in self.stated or code in self.broken:
            return
        otherwise = f"Write a {self.noun} of the books, or add this one" if self.stated else f"Add a {self.noun} to the books"
        yield place.problem(f"there is no {self.noun} `{code}`", instead(code, self.stated, otherwise=otherwise))
