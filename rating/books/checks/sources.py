"""Sources: how foreign files are read (R-113), as far as that can be told without a file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from datetime import datetime

from rating.books.checks.settings import zone_problem
from rating.books.contract_files import ContractFiles
from rating.books.models import Source, SourceField
from rating.books.problems import Problem, instead
from rating.books.source_locations import SourceLocation

EPOCHS = ("epoch_s", "epoch_ms", "epoch_us")
TIMES = ("timestamp", "received_at")
KINDS = ("column", "value", "join")

_SAMPLE = datetime(2026, 1, 31, 13, 5, 6)  # noqa: DTZ001 - any time whose parts all differ
_DAYS = (("%d", "%e", "%j", "%x", "%c"), ("%m", "%b", "%B", "%h", "%j", "%x", "%c"), ("%Y", "%y", "%x", "%c"))


def source_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    seen: dict[str, SourceLocation] = {}
    for stated in contract_files.sources:
        source, place = stated.terms, stated.place
        for pattern in source.files:
            first = seen.setdefault(pattern, place)
            if first is not place:
                what = f"files `{pattern}` are read by the source in {first} already: the first that matches counts"
                yield place.at("files").problem(what, "Take one of the two out")
        yield from zone_problem(source.timezone, place.at("timezone"))
        yield from _format_problems(source, place.at("format"))
        for name, field in source.fields.stated().items():
            yield from _field_problems(name, field, place.at("fields", name))
        if source.fields.customer_id and source.fields.external_customer_id:
            yield place.at("fields").problem("both customer_id and external_customer_id are given", "Keep one of the two")


def _format_problems(source: Source, place: SourceLocation) -> Iterator[Problem]:
    written = source.format
    if written is None:
        return
    try:
        codecs.lookup(written.encoding)
    except LookupError:
        fix = instead(
            written.encoding, ("utf-8", "cp1252", "iso-8859-1", "utf-16", "shift_jis"), otherwise="Write one such as cp1252"
        )
        yield place.at("encoding").problem(f"`{written.encoding}` is no encoding that is known", fix)
    if written.separator == written.decimal:
        yield place.at("separator").problem(
            f"`{written.separator}` separates columns and decimals", "Write the one that separates columns"
        )
    if isinstance(written.header, tuple) and len({*written.header}) < len(written.header):
        yield place.at("header").problem("a column is named twice", "Give each column its own name")


def _field_problems(name: str, field: SourceField, place: SourceLocation) -> Iterator[Problem]:
    given = [kind for kind in KINDS if getattr(field, kind) is not None]
    if len(given) != 1:
        what = f"{' and '.join(given)} are given together" if given else "it says nothing of where the field comes from"
        yield place.problem(what, "Give one of `column`, `value` and `join`")
    if "joined_with" in field.model_fields_set and field.join is None:
        yield place.at("with").problem("`with` is given and nothing is joined", "Add `join: [columns]`, or take it out")
    if "format" not in field.model_fields_set:
        return
    if name not in TIMES:
        yield place.at("format").problem(f"{name} is no time", "Take `format` out")
    elif field.format != "iso" and field.format not in EPOCHS:
        yield from _pattern_problem(field.format, place.at("format"))


def _pattern_problem(pattern: str, place: SourceLocation) -> Iterator[Problem]:
    """The problem of a form of times that reads none."""
    if "%" not in pattern:
        fix = instead(
            pattern,
            ("iso", *EPOCHS),
            otherwise="Write iso, epoch_s, epoch_ms, epoch_us, or a pattern such as `%d.%m.%Y %H:%M:%S`",
        )
        yield place.problem(f"`{pattern}` is no form of times", fix)
        return
    if not all(any(directive in pattern for directive in part) for part in _DAYS):
        yield place.problem(f"`{pattern}` does not give day, month and year", "Add what is missing: %d, %m and %Y")
        return
    try:
        datetime.strptime(_SAMPLE.strftime(pattern.replace("%z", "+0100").replace("%Z", "UTC")), pattern)  # noqa: DTZ007
    except ValueError as error:
        yield place.problem(
            f"`{pattern}` reads no time: {error}", "Write it with the directives of strptime, such as `%d.%m.%Y %H:%M:%S`"
        )
