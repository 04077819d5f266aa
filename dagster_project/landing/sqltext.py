"""SQL text for the columns of tables: names, literals, and the JSON text of a value of any type (R-1).

What belongs here: pieces of SQL. What does not: which columns mean what (`tabular`, `mapping`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pyarrow as pa

from dagster_project.warehouse.database import literal


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def members_as_object(members: Iterable[tuple[str, str]]) -> str:
    """SQL for the text of an object of names and JSON texts, without those that are null."""
    texts = [f"{literal(json.dumps(name, ensure_ascii=False) + ':')} || {value}" for name, value in members]
    return f"'{{' || concat_ws(',', {', '.join(texts)}) || '}}'" if texts else "'{}'"


def value_of(column: str, kind: pa.DataType) -> str:
    """SQL for the JSON text of a value: a number in plain notation; a NaN, which is none, as text."""
    if pa.types.is_decimal(kind):
        return f"plain_number({column}::varchar)"
    if pa.types.is_floating(kind):
        return f"case when isfinite({column}) then plain_number({column}::varchar) else to_json({column}::varchar) end"
    if pa.types.is_temporal(kind):
        return f"to_json({time_text(column, kind)})"
    return f"to_json({column})"


def text_of(column: str, kind: pa.DataType) -> str:
    """SQL for a value as text: a number in plain notation, a time of an instant in UTC."""
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return f"plain_number({column}::varchar)"
    if pa.types.is_temporal(kind):
        return time_text(column, kind)
    return f"{column}::varchar"


def time_text(column: str, kind: pa.DataType) -> str:
    """SQL for the text of a time; of an instant in UTC."""
    if pa.types.is_timestamp(kind):
        return f"cast(cast({column} as {'timestamptz' if kind.tz else 'timestamp'}) as timestamp)::varchar"
    return f"{column}::varchar"


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)) or (
        pa.types.is_dictionary(kind) and is_text(kind.value_type)
    )
