"""Meters: which events they take, and what they aggregate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rating.books.checks.settings import zone_problem
from rating.books.computed import CONTRACT, CUSTOMER, EVENT_NAME
from rating.books.contract_files import ContractFiles
from rating.books.formulas import FormulaError, steps_of
from rating.books.models import Filter, GroupKey, Hours, Measured, Meter
from rating.books.problems import Problem, listed
from rating.books.source_locations import SourceLocation


def meter_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    for meter in contract_files.meters.values():
        keys = meter.terms.group_keys
        yield from _event_problems(meter.terms, meter.place)
        yield from _aggregation_problems(meter.terms, meter.place)
        if twice := repeated(meter.terms.group_names):
            yield meter.place.at("group_keys").problem(f"{listed(twice)} is named twice", "Name every group key once")
        read = [
            str((key.hours, key.of, key.bands, key.prefixes)) if key.model_fields_set > {"name"} else key.name for key in keys
        ]
        if repeated(read) and not twice:
            yield meter.place.at("group_keys").problem("two group keys are worked out in the same way", "Keep one of them")
        for position, key in enumerate(keys):
            yield from _group_key_problems(key, meter.place.at("group_keys", position))
        for position, condition in enumerate(meter.terms.filters):
            yield from _filter_problems(condition, meter.place.at("filters", position))


def repeated(words: Sequence[str]) -> list[str]:
    """The words that stand more than once in a list."""
    return sorted({word for word in words if words.count(word) > 1})


def _event_problems(meter: Meter, place: SourceLocation) -> Iterator[Problem]:
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


def _aggregation_problems(meter: Meter, place: SourceLocation) -> Iterator[Problem]:
    if meter.aggregation == "count" and meter.aggregation_key is not None:
        yield place.at("aggregation_key").problem(
            "count looks at no property", "Take `aggregation_key` out, or write `aggregation: sum`"
        )
    if meter.aggregation != "count" and meter.aggregation_key is None:
        what = f"`aggregation_key` is missing: {meter.aggregation} needs the property that it looks at"
        yield place.at("aggregation_key").problem(what, "Add `aggregation_key: …`, or write `aggregation: count`")
    if meter.aggregation_key is not None:
        yield from _measured_problems(meter.aggregation_key, place.at("aggregation_key"))
        if meter.aggregation == "unique" and meter.aggregation_key.formula is not None:
            yield place.at("aggregation_key").problem("unique counts texts, and a formula gives a number", "Name a property")
    if (meter.aggregation == "percentile") != (meter.percentile is not None):
        what = "`percentile` is missing" if meter.percentile is None else f"{meter.aggregation} has no `percentile`"
        fix = "Add `percentile: 95`" if meter.percentile is None else "Take it out, or write `aggregation: percentile`"
        yield place.at("percentile").problem(what, fix)
    if meter.interval is not None and meter.aggregation != "percentile":
        what = f"{meter.aggregation} adds nothing up by intervals"
        yield place.at("interval").problem(what, "Take it out, or write `aggregation: percentile`")
    if meter.from_zero is not None and meter.aggregation != "counter":
        what = f"{meter.aggregation} has no first reading to count from zero"
        yield place.at("from_zero").problem(what, "Take it out, or write `aggregation: counter`")
    if meter.round_each is not None:
        at = place.at("round_each")
        if meter.aggregation in ("count", "unique"):
            yield at.problem(f"{meter.aggregation} reads no quantity that could be rounded", "Take `round_each` out")
        if meter.round_each.up_to is None and meter.round_each.minimum is None:
            yield at.problem("it says neither `up_to` nor `minimum`", "Write `round_each: {up_to: 60, minimum: 60}`")


def _measured_problems(measured: Measured, place: SourceLocation) -> Iterator[Problem]:
    if (measured.property is None) == (measured.formula is None):
        yield place.problem("it names neither a property nor a formula, or both", 'Write a property, or {formula: "…"}')
    if measured.formula is not None:
        try:
            steps_of(measured.formula)
        except FormulaError as error:
            yield place.at("formula").problem(error.what, error.fix)


def _group_key_problems(key: GroupKey, place: SourceLocation) -> Iterator[Problem]:
    kinds = [name for name in ("hours", "bands", "prefixes") if getattr(key, name) is not None]
    if len(kinds) > 1:
        yield place.problem(f"{listed(kinds)} are given together", "Keep one of them")
    elif kinds == ["hours"]:
        if key.of is not None:
            yield place.at("of").problem("hours look at the event's time, not at a property", "Take `of` out")
        yield from _hours_problems(key.hours, place.at("hours"))
    elif key.of is None and kinds:
        yield place.problem(f"`{kinds[0]}` needs `of`, the property that is looked at", "Add `of: …`")
    elif key.of is not None:
        yield from _measured_problems(key.of, place.at("of"))
        if not kinds and str(key.of) not in (EVENT_NAME, CUSTOMER):
            fix = f"Add `bands` or `prefixes`, or write `of: {EVENT_NAME}` or `of: {CUSTOMER}`"
            yield place.problem("`of` says of what, and nothing says what to make of it", fix)
        if kinds == ["prefixes"] and key.of.formula is not None:
            yield place.at("of").problem("a formula gives a number, and prefixes are of a text", "Name a property")
    if key.bands is not None:
        limits = [band.at_most for band in key.bands]
        stated = [limit for limit in limits if limit is not None]
        if not limits or None in limits[:-1] or stated != sorted({*stated}):
            what = "the bands do not rise to a last one without `at_most`, or to a highest limit"
            yield place.at("bands").problem(what, "Write them from the lowest `at_most` up; only the last may have none")


def _hours_problems(hours: Hours | None, place: SourceLocation) -> Iterator[Problem]:
    if hours is None:
        return
    if hours.zone != CONTRACT:
        yield from zone_problem(hours.zone, place.at("zone"))
    for position, one in enumerate(hours.ranges):
        at = place.at("ranges", position)
        if one.days == ():
            yield at.at("days").problem("the list is empty", "Name days such as mon, or take `days` out for every day")
        if one.begins == one.to:
            yield at.problem("the range begins where it ends", 'Write `from: "00:00"` and `to: "24:00"` for the whole day')


def _filter_problems(condition: Filter, place: SourceLocation) -> Iterator[Problem]:
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
