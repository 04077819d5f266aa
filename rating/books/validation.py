"""Plain values to models, and what pydantic found as sentences.

What belongs here: the passage from trees to models, once for all sections. What does not: rules between values.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from rating.books.problems import Problem, instead, listed, nearest
from rating.books.source_locations import Located, SourceLocation, Step
from rating.books.values import shown

Shape = TypeVar("Shape", bound=BaseModel)

# what to add where a key is missing
_EXAMPLES = {
    "effective_date": "2026-06-01",
    "effective_from": "2026-01-01",
    "property": "channel",
    "start_date": "2026-01-01",
    "tiers": '[{up_to: 1000, unit_amount: "0.10"}, {unit_amount: "0.08"}]',
}
# what to do where the missing value decides what somebody pays: no example, for an example is copied
_MISSING = {
    "aggregation": "Add `aggregation`: `sum`, `count`, `max`, `min`, `unique`, `latest`, `average`, `percentile`, `level` or `counter`",
    "amount": "Add `amount` with what was agreed, as a decimal number with a point",
    "billing_frequency": "Add `billing_frequency`: `weekly`, `monthly`, `quarterly`, `semi_annually` or `annually`",
    "kind": "Add `kind`: `prepaid` (bought) or `promotional` (free)",
    "model": "Add `model`: `per_unit`, `graduated`, `volume`, `package`, `bps`, `flat` or `one_time`",
    "status": "Add `status`: `draft` while it awaits review (never billed), `approved` once somebody has approved it",
}


@functools.cache
def _adapter(model: type[Shape]) -> TypeAdapter[list[Shape]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]


def shaped(
    model: type[Shape], items: Sequence[Any], places: Sequence[SourceLocation]
) -> tuple[list[Located[Shape]], list[Problem]]:
    """Items as models with their places, and what is wrong (R-5); an item with a problem is left out.

    Validation is one call for the whole list; a second one only where items failed.
    """
    try:
        models = _adapter(model).validate_python(items)
    except ValidationError as error:
        details = error.errors(include_url=False)
        broken = {detail["loc"][0] for detail in details}
        kept = [position for position in range(len(items)) if position not in broken]
        models = _adapter(model).validate_python([items[position] for position in kept])
        stated = [Located(found, places[position]) for position, found in zip(kept, models, strict=True)]
        return stated, [_problem(model, detail, places[int(detail["loc"][0])], detail["loc"][1:]) for detail in details]
    return [Located(found, place) for found, place in zip(models, places, strict=True)], []


def shaped_one(model: type[Shape], value: Any, place: SourceLocation) -> tuple[Located[Shape] | None, list[Problem]]:
    """One mapping as a model with its place, or what is wrong with it."""
    try:
        return Located(model.model_validate(value), place), []
    except ValidationError as error:
        return None, [_problem(model, detail, place, detail["loc"]) for detail in error.errors(include_url=False)]


def _problem(model: type[BaseModel], detail: ErrorDetails, place: SourceLocation, steps: tuple[Step, ...]) -> Problem:
    """place: of the model, of which the steps lead to the value."""
    at = place.at(*steps)
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "books":
            return at.problem(context["what"], context["fix"])
        case "missing":
            return at.problem(f"`{key}` is missing", _MISSING.get(key) or f"Add `{key}: {_EXAMPLES.get(key, '…')}`")
        case "extra_forbidden":
            known = _keys(model, steps[:-1])
            return at.problem(
                f"unknown key `{key}`",
                instead(key, known, otherwise=f"Take it out; the keys here are {listed(known, most=40)}"),
            )
        case "literal_error":
            expected = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            meant = nearest(value, expected) if isinstance(value, str) else None
            # what was approved is nobody's guess
            asked = f" (did you mean `{meant}`?)" if meant and key != "status" else ""
            return at.problem(f"{shown(value)} is not possible here", f"Write one of {listed(expected, most=20)}{asked}")
        case "list_type" | "tuple_type":
            return at.problem(f"expected a list, found {shown(value)}", "Write a list: [first, second], or take the key out")
        case "dict_type" | "model_type" | "model_attributes_type":
            return at.problem(
                f"expected a mapping, found {shown(value)}", "Write `key: value` pairs, one a line, or {key: value}"
            )
        case _:
            return at.problem(
                f"{shown(value)} is not possible here ({detail['msg']})", "Write what docs/books.md says of this key"
            )


def _keys(model: type[BaseModel], steps: Sequence[Step]) -> list[str]:
    """The keys that the model reached by a path takes."""
    for step in steps:
        if isinstance(step, str):
            field = next(found for name, found in model.model_fields.items() if step in (name, found.alias))
            model = next(
                found for found in _types(field.annotation) if isinstance(found, type) and issubclass(found, BaseModel)
            )
    return [field.alias or name for name, field in model.model_fields.items()]


def _types(annotation: Any) -> list[Any]:
    """An annotation and everything named inside it: `list[Tier] | None` names Tier."""
    return [annotation, *(found for argument in get_args(annotation) for found in _types(argument))]
