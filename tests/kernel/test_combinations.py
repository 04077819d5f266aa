"""Combinations of group values: keys that join exactly, order, JSON text and names (R-15, R-38, R-39)."""

from __future__ import annotations

import json

import polars as pl
import pytest

from rating.usage import combinations

Values = list[str | None]

# pairs that a careless key would take for one
UNLIKE: list[tuple[Values, Values]] = [
    (["ab", "c"], ["a", "bc"]),
    (["a", ""], ["", "a"]),
    ([None], [""]),
    ([None], ["-"]),
    ([None, "a"], ["a", None]),
    (["1:a"], ["a"]),
    (["a", "b"], ["a1:b"]),
    (["US"], ["us"]),
    (["é"], ["e\u0301"]),  # equal to the eye, not by content
    ([], [None]),
]


def frame(*values: Values) -> pl.DataFrame:
    return pl.DataFrame({"values": list(values)}, schema={"values": pl.List(pl.String)})


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_r15_unlike_combinations_have_unlike_keys(one: Values, other: Values) -> None:
    first, second = frame(one, other).select(combinations.key(pl.col("values"))).to_series()
    assert first != second


def test_r15_like_combinations_of_a_meter_have_one_key_and_one_number_in_the_order_of_lines() -> None:
    values = frame(["US", None], ["EU", "x"], ["US", None], ["US", "y"], ["EU", "x"])["values"]
    usage = pl.DataFrame({"meter_code": ["A", "A", "A", "A", "B"], "group_values": values})
    known = combinations.distinct(usage)
    assert combinations.numbered(usage, known)["combination_no"].to_list() == [2, 0, 2, 1, 3]
    assert known["group_values"].to_list() == [["EU", "x"], ["US", "y"], ["US", None], ["EU", "x"]]
    assert known["is_complete"].to_list() == [True, True, False, True]
    assert known["combination"][0] == known["combination"][3]
    assert known["combination"].n_unique() == 3


def test_r19_a_combination_is_complete_where_no_value_is_missing() -> None:
    found = frame(["US", "x"], ["US", None], [None, None], ["", ""], []).select(combinations.is_complete(pl.col("values")))
    assert found.to_series().to_list() == [True, False, False, True, True]


def test_r38_values_sort_by_code_point_key_by_key_missing_last() -> None:
    unsorted = frame(
        [None, "a"], ["a", None], ["b", ""], ["a", "b"], ["B", "z"], ["é", ""], ["z", ""], ["", "z"], ["😀", ""], ["\uffee", ""]
    )
    ordered, columns = combinations.sort_columns(unsorted, "values")
    found = ordered.sort(columns, nulls_last=True)["values"].to_list()
    expected: list[Values] = [
        ["", "z"],
        ["B", "z"],
        ["a", "b"],
        ["a", None],
        ["b", ""],
        ["z", ""],
        ["é", ""],
        ["\uffee", ""],
        ["😀", ""],  # beyond U+FFFF: after it by code point, before it by UTF-16
        [None, "a"],
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["US", "resolved"], "AI Calls - US / Resolved"),
        (["us", None], "AI Calls - Us / (none)"),
        ([None, None], "AI Calls - (none) / (none)"),
        (["élan", "1st"], "AI Calls - Élan / 1st"),
        (["a b", "c/d"], "AI Calls - A b / C/d"),
        (["gpt-4"], "AI Calls - Gpt-4"),
        ([], "AI Calls"),
    ],
)
def test_r39_the_name_of_a_line(values: Values, expected: str) -> None:
    found = frame(values).select(combinations.description(pl.lit("AI Calls"), pl.col("values"))).item()
    assert found == expected


def test_r38_dimensions_are_json_in_the_order_of_the_group_keys() -> None:
    values: list[Values] = [["US", None], ['a"b\\c', "line\nbreak\ttab\x01"], ["", "ü😀"]]
    both = frame(*values).with_columns(keys=pl.lit(["region", 'odd"key'], dtype=pl.List(pl.String)))
    texts = combinations.dimensions(both, "keys", "values").to_list()
    assert texts[0] == '{"region":"US","odd\\"key":null}'
    assert [list(json.loads(text).values()) for text in texts] == values


def test_r38_no_group_keys_are_an_empty_object() -> None:
    both = frame([], []).with_columns(keys=pl.lit([], dtype=pl.List(pl.String)))
    assert combinations.dimensions(both, "keys", "values").to_list() == ["{}", "{}"]
