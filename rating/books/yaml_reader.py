"""YAML text to plain values, without losing a digit or a line number.

Reads the parser's events instead of letting it build objects: so an unquoted number keeps its decimal text (R-1), `NO`, `on`
and dates stay text (YAML 1.2), duplicate keys are seen, and every path knows its line. What belongs here: YAML. What does not:
what any key means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml as libyaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from rating.books.problems import Problem
from rating.books.source_locations import Document, SourceLocation, Step
from rating.books.values import Number

# what YAML 1.2 calls a number (core schema); everything else unquoted is text, true, false or null
_NUMBER = re.compile(
    r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
DEEPEST = 50
SCALAR, ALIAS, DOCUMENT = "ScalarEvent", "AliasEvent", "DocumentStartEvent"
MAPPING, MAPPING_END = "MappingStartEvent", "MappingEndEvent"
SEQUENCE, SEQUENCE_END = "SequenceStartEvent", "SequenceEndEvent"
# directives, and what is a line's end in YAML 1.1 only
_VERSIONS_DIFFER = re.compile(r"^%|[\x85\u2028\u2029\ufeff]", re.MULTILINE)


class _UnreadableError(Exception):
    """Reading stops here: what is wrong, what to write instead, and on which line."""

    def __init__(self, what: str, fix: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.fix, self.line = what, fix, line


def read_yaml(file: str, text: str) -> tuple[Document | None, list[Problem]]:
    """The document of a YAML text (None where it cannot be read), and what is wrong with its spelling (R-5)."""
    reader = _Reader(file)
    try:
        return reader.read(text), reader.problems
    except _UnreadableError as error:
        return None, [*reader.problems, Problem(file, error.line, "", error.what, error.fix)]


class _Event(NamedTuple):
    """What both parsers say, in their own words: the kind of event, its line from 1, and for values text, style, tag and anchor."""

    kind: str
    line: int
    text: str = ""
    style: str | None = None
    tag: str | None = None
    anchor: str | None = None


def _events(text: str) -> Iterator[_Event]:
    """The parser's events.

    libyaml is ten times faster, but reads YAML 1.1 and says little about what is wrong. So what it does not take, and what the two
    versions may take differently at this level, is read by the parser of YAML 1.2.
    """
    if not _VERSIONS_DIFFER.search(text):
        try:
            return iter([_told(event) for event in libyaml.parse(text, Loader=libyaml.CSafeLoader)])
        except (libyaml.YAMLError, ValueError):
            pass  # the other parser says why
    return _careful_events(text)


def _careful_events(text: str) -> Iterator[_Event]:
    """The events of YAML 1.2; whatever the parser raises over broken text becomes one sentence."""
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            yield _told(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise _UnreadableError(
            f"this is no YAML: {what}", _syntax_mend(what), None if mark is None else mark.line + 1
        ) from error
    except Exception as error:  # the parser has other ways to fail over text that is no YAML, all of them the text's fault
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _UnreadableError(f"this is no YAML: {what}", "Correct the file so that it is YAML 1.2 in UTF-8") from error


def _told(event: Any) -> _Event:
    kind, line = type(event).__name__, event.start_mark.line + 1
    if kind == SCALAR:
        return _Event(kind, line, str(event.value), event.style or None, event.tag, event.anchor)
    return _Event(kind, line, tag=getattr(event, "tag", None), anchor=getattr(event, "anchor", None))


def _syntax_mend(what: str) -> str:
    if "alias" in what:
        return 'Quote a value that begins with a star: "*"'
    if "\\t" in what:
        return "Indent with blanks, never with tabs"
    return "Look at this line and the one before it: indentation, an unclosed quote or bracket, a missing colon"


class _Reader:
    """Builds one document from events. Aliases share the value they stand for."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._lines: dict[tuple[Step, ...], int] = {}
        self._anchors: dict[str, Any] = {}
        self._events: Iterator[_Event] = iter(())

    def read(self, text: str) -> Document:
        self._events = _events(text)
        tree: Any = None
        documents = 0
        for event in self._events:
            if event.kind == DOCUMENT:
                documents += 1
                if documents > 1:
                    raise _UnreadableError(
                        "the file holds several YAML documents", "Keep one; take the `---` line out", event.line
                    )
            elif event.kind in (SCALAR, ALIAS, MAPPING, SEQUENCE):
                tree = self._value(event, ())
        if tree is None:
            tree = {}
        if not isinstance(tree, dict):
            raise _UnreadableError(
                "the file is no mapping of sections", "Begin with a section such as `meters:` and put a list under it", 1
            )
        return Document(self._file, tree, self._lines)

    def _value(self, event: _Event, path: tuple[Step, ...]) -> Any:
        line = event.line
        self._lines.setdefault(path, line)
        if event.kind == ALIAS:
            if event.anchor not in self._anchors:
                raise _UnreadableError(
                    f"nothing is named `&{event.anchor}` here", 'Quote a value that begins with a star: "*"', line
                )
            return self._anchors[event.anchor]
        if len(path) > DEEPEST:
            raise _UnreadableError(
                f"values are nested more than {DEEPEST} deep", "The books need no such depth: write them flatter", line
            )
        if event.tag is not None:
            self._complain(
                path, line, f"`{event.tag}` is a YAML tag", "Take the tag out; quote what is text, leave numbers as they are"
            )
        value: Any
        if event.kind == SCALAR:
            value = _scalar(event)
        elif event.kind == MAPPING:
            value = self._mapping(path)
        else:
            value = self._sequence(path)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _sequence(self, path: tuple[Step, ...]) -> list[Any]:
        values: list[Any] = []
        while (event := next(self._events)).kind != SEQUENCE_END:
            values.append(self._value(event, (*path, len(values))))
        return values

    def _mapping(self, path: tuple[Step, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (event := next(self._events)).kind != MAPPING_END:
            line = event.line
            if event.kind != SCALAR:
                raise _UnreadableError("a key is no plain text", "Write keys as single words followed by a colon", line)
            key = event.text
            step = (*path, key)
            if key in values:
                self._complain(step, line, f"`{key}` is given twice (first on line {self._lines[step]})", "Keep one of the two")
            self._lines.setdefault(step, line)
            values[key] = self._value(next(self._events), step)
        return values

    def _complain(self, path: tuple[Step, ...], line: int, what: str, fix: str) -> None:
        place = SourceLocation(Document(self._file, {}, {}), path)
        self.problems.append(Problem(self._file, line, place.path, what, fix))


def _scalar(event: _Event) -> str | Number | bool | None:
    text = event.text
    if event.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if _NUMBER.fullmatch(text) else text
