"""No digit of a number is lost on the way into the warehouse (R-1, R-15)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.landing import numbers
from dagster_project.warehouse.database import connect
from rating.books.values import canonical_number


def _read(bench: Any, written: list[str]) -> list[str]:
    """What a reader of raw_events makes of numbers: a text is its content, a number is meant by value."""
    lines = [f'{{"event_name":"a","customer_id":"c","properties":{{"n":{text},"s":"00{text}","z":null}}}}' for text in written]
    bench.put_lines("numbers.jsonl", *lines)
    assert bench.land().quarantined == 0
    properties = [json.loads(text, parse_float=str, parse_int=str) for text in bench.events().sort("position")["properties"]]
    assert [one["s"] for one in properties] == [f"00{text}" for text in written]
    return [one["n"] for one in properties]


def _canonical(written: str) -> str:
    return canonical_number(Decimal(written))


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1.10", "1.1"),
        ("1e3", "1000"),
        ("1E+2", "100"),
        ("1.5e-7", "0.00000015"),
        ("0.00000015", "0.00000015"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("-0.50e0", "-0.5"),
        ("0.1000000000000000000001", "0.1000000000000000000001"),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("9007199254740993", "9007199254740993"),
        ("9007199254740993.0", "9007199254740993"),
        ("99999999999999.9", "99999999999999.9"),
        ("1e22", "1" + "0" * 22),
        ("1e-999", "0." + "0" * 998 + "1"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_numbers_end_in_plain_decimal_text(written: str, canonical: str, bench: Any) -> None:
    assert _read(bench, [written]) == [canonical]


def test_long_numbers_keep_every_digit(bench: Any) -> None:
    digits = "1234567890987654321012345678909876543211"
    written = [digits[:count] for count in range(16, 41)]
    written += [f"-{digits[: count - 5]}.{digits[count - 5 : count]}" for count in range(16, 41)]
    written += [f"0.{digits[:count]}" for count in range(14, 40)]
    assert _read(bench, written) == [_canonical(text) for text in written]


def test_no_magnitude_is_written_with_an_exponent(bench: Any) -> None:
    powers = [f"{sign}1{'0' * zeros}" for sign in ("", "-") for zeros in range(25)]
    fractions = [f"{whole}.{'0' * zeros}{digit}" for whole in (0, 7) for zeros in range(20) for digit in (1, 5, 25)]
    assert _read(bench, powers + fractions) == powers + fractions


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NUMBERS, min_size=100, max_size=200))
def test_every_number_is_read_by_value(new_bench: Any, written: list[str]) -> None:
    read = _read(new_bench(), written)
    assert [Decimal(text) for text in read] == [Decimal(text) for text in written]
    assert not [text for text in read if "e" in text.lower()]


@settings(max_examples=50, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_plain_number_is_canonical(written: list[str]) -> None:
    with connect() as connection:
        numbers.define_macros(connection)
        found = connection.sql("select plain_number(n) from (select unnest(?) as n)", params=[written]).fetchall()
    assert [plain for (plain,) in found] == [_canonical(text) for text in written]


def test_long_numbers_outside_properties_do_no_harm(bench: Any) -> None:
    bench.put_lines(
        "a.jsonl",
        '{"event_name":"a","customer_id":"12345678901234567890","trace":12345678901234567890.12345,"properties":{"n":1.0,"id":"2.50"}}',
    )
    bench.land()
    row = bench.events().row(0, named=True)
    assert row["customer_id"] == "12345678901234567890"
    assert json.loads(row["properties"]) == {"n": 1, "id": "2.50"}
