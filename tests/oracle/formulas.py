"""Formulas over an event's numbers (R-90), worked out in exact fractions by Python's own parser."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tests.oracle.exact import QUANTITY_DIGITS, QUANTITY_LIMIT, canonical_text, half_away, number_of

NUMBER = re.compile(r"`([^`]+)`|(?<![\w.])(\d+\.?\d*|\.\d+)|([^\W\d][\w.$]*)(?![\w.$])(?!\s*\()")


def formula_value(text: str, properties: Mapping[str, Any]) -> Fraction | None:
    """What a formula gives, or None where a property is missing or no number."""
    names: list[str] = []

    def as_python(found: re.Match[str]) -> str:
        names.append(found[1] or found[3] or "")
        return f"F('{found[2]}')" if found[2] else f"P({len(names) - 1})"

    return _value(ast.parse(NUMBER.sub(as_python, text), mode="eval").body, names, properties)


def quantity_by_formula(meter: Mapping[str, Any], properties: Mapping[str, Any]) -> Fraction | None:
    """The quantity a meter with a formula or `round_each` reads off an event (R-2, R-90, R-91)."""
    key = meter["aggregation_key"]
    exactly = formula_value(key["formula"], properties) if isinstance(key, Mapping) else _number(properties.get(key))
    if exactly is None or abs(quantity := half_away(exactly, QUANTITY_DIGITS)) >= QUANTITY_LIMIT:
        return None
    each = meter.get("round_each") or {}
    size = abs(quantity)
    if size and "minimum" in each:
        size = max(size, Fraction(str(each["minimum"])))
    if "up_to" in each:
        step = Fraction(str(each["up_to"]))
        size = -(-size // step) * step
    return (size if quantity >= 0 else -size) if size < QUANTITY_LIMIT else None


def _number(value: Any) -> Fraction | None:
    return None if isinstance(value, bool | list | dict) else number_of(canonical_text(value))


def _value(node: ast.AST, names: list[str], properties: Mapping[str, Any]) -> Fraction | None:
    def of(inner: ast.AST) -> Fraction | None:
        return _value(inner, names, properties)

    if isinstance(node, ast.UnaryOp):
        found = of(node.operand)
        return None if found is None else -found
    if isinstance(node, ast.BinOp):
        left, right = of(node.left), of(node.right)
        if left is None or right is None:
            return None
        return {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}[type(node.op)]
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    if name == "F":
        return Fraction(ast.literal_eval(node.args[0]))
    if name == "P":
        return _number(properties.get(names[ast.literal_eval(node.args[0])]))
    args = [of(arg) for arg in node.args]
    if name == "coalesce":
        return next((arg for arg in args if arg is not None), None)
    if None in args:
        return None
    known = [arg for arg in args if arg is not None]
    if name in ("min", "max"):
        return min(known) if name == "min" else max(known)
    value, step = known
    size = abs(value) / step
    times = (size + Fraction(1, 2)).__floor__() if name == "round" else -(-size // 1)
    return times * step if value >= 0 else -times * step
