"""Meters: which events they take, and what they aggregate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rating.books.models import Filter, Meter
from rating.books.places import Place
from rating.books.problems import Problem, listed
from rating.books.statements import Statements


def meter_problems(statements: Statements) -> Iterator[Problem]:
    for meter in statements.meters.values():
        yield from _event_problems(meter.terms, meter.place)
        yield from _aggregation_problems(meter.terms, meter.place)
        if twice := repeated(meter.terms.group_keys):
            yield meter.place.at("group_keys").problem(f"{listed(twice)} is named twice", "Name every group key once")
        for position, condition in enumerate(meter.terms.filters):
            yield from _filter_problems(condition, meter.place.at("filters", position))


def repeated(words: Sequence[str]) -> list[str]:
    """The words that stand more than once in a list."""
    return sorted({word for word in words if words.count(word) > 1})


def _event_problems(meter: Meter, place: Place) -> Iterator[Problem]:
    events = meter.event_filter
    if (meter.event_name is None) == (events is None):
        both = "both `event_name` and `event_filter` are given" if events is not None else "the meter names no events"
        yield place.problem(both, "Write either `event_name: …` or `event_filter: {include: […]}`")
    if events is None:
        return
    at = place.at("event_filter")
    if events.include is None and events.exclude is None:
        yield at.problem("the filter names no events", "Write `include: […]`, or `exclude: […]` for every other name")
    if events.include is not None and not set(events.include) - set(events.exclude or ()):
        yield at.problem("the filter takes no event at all", "Include at least one name that is not excluded")


def _aggregation_problems(meter: Meter, place: Place) -> Iterator[Problem]:
    if meter.aggregation == "count" and meter.aggregation_key is not None:
        yield place.at("aggregation_key").problem(
            "count looks at no property", "Take `aggregation_key` out, or write `aggregation: sum`"
        )
    if meter.aggregation != "count" and meter.aggregation_key is None:
        what = f"`aggregation_key` is missing: {meter.aggregation} needs the property that it looks at"
        yield place.at("aggregation_key").problem(what, "Add `aggregation_key: …`, or write `aggregation: count`")


def _filter_problems(condition: Filter, place: Place) -> Iterator[Problem]:
    if all(asked is None for name, asked in condition if name != "property"):
        yield place.problem(
            "the filter asks nothing of its property",
            "Add `in: […]`, `not_in: […]`, `exists: true`, `above`, `at_least`, `below`, `at_most` or `starts_with`",
        )
    lowest = max((limit for limit in (condition.above, condition.at_least) if limit is not None), default=None)
    highest = min((limit for limit in (condition.below, condition.at_most) if limit is not None), default=None)
    if lowest is not None and highest is not None and lowest > highest:
        yield place.problem(f"no number is above {lowest:f} and below {highest:f}", "Widen the limits, or take the meter out")
    for key, values in (("in", condition.within), ("not_in", condition.not_in)):
        if values == ():
            yield place.at(key).problem("the list is empty", "Name at least one value, or use `exists`")
