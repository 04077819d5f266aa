"""The same macros over the same awkward values on DuckDB and on Spark: every value equal, whole numbers and places included.

Runs where Java and pyspark are (`pip install meterhouse[spark]`); Spark runs as dbt-spark runs it, with ANSI mode off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dagster_project.warehouse.database import connect
from tests.dbt.macros import Macros
from tests.spark import spark_session

pytestmark = pytest.mark.slow

NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1", "-1", "1.0", "1.5", "-2.50", "100", "1000000", "0.1", "0.000001", "123456.789",
    "999999999999999", "1e3", "1E3", "1e-7", "1.5e-7", "-1.5e-7", "1e15", "1.0e15", "1e21", "-2.5e20", "100e3", "2.50e-3",
    "123456789012345680000", "1e-300", "0.000000001", "0.0000000005", "0.00000000049", "1000000000000000",
    "999999999999999.9", "5e-10", "4.9e-10", "12345678.125",
]  # fmt: skip
# what landing keeps as texts, and what people write
WRITTEN = [
    "", " ", " 5 ", "5\n", "5 ", "+5", "+.5", ".5", "5.", "-", "+", ".", "1_000", "1,5", "1e", "e5", "1e+5", "1E-2",
    "+1.25E+2", "--1", "0x10", "007", "00.10", "-.5e1", "999999999999999.9999999995", "999999999999999.999999999499",
    "1e14", "9.99e14", "1e15", "-1e15", "1e400", "1e-400", "1e99999999999999999999", "-1e-99999999999999999999",
    "0.0000000005", "-0.0000000005", "0.00000000049999999999999", "123456789012345678901234567890",
    "0.12345678901234567890123456789", "12345678901234567890.123456789012345678", "Infinity", "NaN", "null", "true", "none",
    "٣", "１", "1²", "99999999999999999999999999999999999999", "100.5000", "100.50000000000001", "100.500000000000000000001",
    "-100.500000000000000000001", "1.5 e3",
]  # fmt: skip
TEXTS = [
    "US", "us", "é", "e\u0301", "日本", "🙂", "a'b", "it''s", 'say "hi"', "back\\slash", "a\\nb", "line\nbreak", "tab\t",
    "a,b", "[1]", "{}", "null", "true", "1.0", "$.a", "a.b", "~", "/", "\u2028", "\u007f", "\u0001", "%", "_", "␟", "a/b~c",
]  # fmt: skip
JSON_VALUES = [
    *NUMBERS, *(json.dumps(text) for text in [*WRITTEN, *TEXTS]), *(json.dumps(text, ensure_ascii=False) for text in TEXTS),
    "true", "false", "null", "[]", '["a", 1]', '[1.50, null, "1"]',
]  # fmt: skip
NAMES = ["n", "a b", "a.b", "a/b", "a~b", "~1", "$", "*", "[0]", "it's", 'say "hi"', "a\\b", "é", "日本", "", "null", "N", "0"]
PAIRS = [
    (a, b)
    for a in ("0", "1", "-1", "0.5", "-7.25", "123456789.987654321", "-0.000000001", "1e-20", "99999999999999999999.5", "x")
    for b in ("1", "3", "0.25", "-2", "0.000000001", "1000000000000", "", "7e10")
]
INSTANTS = [
    "1999-12-31T23:59:59.999999", "2024-02-29T12:00:00", "2026-01-01T00:00:00", "2026-01-31T23:59:59.999999",
    "2026-03-29T00:59:59.999999", "2026-03-29T01:00:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00",
    "2026-03-08T06:59:59", "2026-03-08T07:00:00", "2026-06-30T22:00:00", "2026-07-05T13:45:00.000001",
    "2026-12-31T18:30:00", "2100-02-28T23:00:00",
]  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


class Engines:
    """Both engines with the same tables."""

    def __init__(self, spark: Any) -> None:
        self._spark, self._duckdb = spark, connect()
        self.macros = {engine: Macros(engine) for engine in ("duckdb", "spark")}

    def show(self, name: str, rows: Sequence[dict[str, Any]], schema: dict[str, Any]) -> None:
        frame = pl.DataFrame(rows, schema=schema)
        self._duckdb.register("shown", frame.to_arrow())
        self._duckdb.execute(f"create or replace table {name} as select * from shown")
        self._duckdb.unregister("shown")
        spelled = {
            pl.String(): "string",
            pl.Int64(): "bigint",
            pl.Int32(): "int",
            pl.Datetime("us"): "timestamp",
            pl.List(pl.String()): "array<string>",
            pl.List(pl.Int32()): "array<int>",
        }
        types = ", ".join(
            f"{column} {spelled.get(kind) or f'decimal({kind.precision}, {kind.scale})'}" for column, kind in schema.items()
        )
        self._spark.createDataFrame(
            [tuple(row.values()) for row in frame.iter_rows(named=True)], types
        ).createOrReplaceTempView(name)

    def answers(self, query: Callable[[Macros], str]) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of a query that is written with each engine's macros, values comparable."""
        told = {engine: query(macros) for engine, macros in self.macros.items()}
        rows = {
            "duckdb": self._duckdb.sql(told["duckdb"]).fetchall(),
            "spark": [tuple(row) for row in self._spark.sql(told["spark"]).collect()],
        }
        return {engine: [tuple(map(_plain, row)) for row in found] for engine, found in rows.items()}

    def agree(self, query: Callable[[Macros], str]) -> None:
        found = self.answers(query)
        differing = [pair for pair in zip(found["duckdb"], found["spark"], strict=True) if pair[0] != pair[1]]
        assert not differing, f"{len(differing)} differ, DuckDB first: {differing[:5]}"
        assert any(value is not None for row in found["duckdb"] for value in row[1:]), "nothing was compared"


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value).normalize() if value else Decimal(0)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


@pytest.fixture(scope="module")
def engines() -> Engines:
    return Engines(spark_session())


@pytest.fixture(scope="module")
def json_values(engines: Engines) -> Engines:
    rows = [{"no": number, "json": text} for number, text in enumerate([*JSON_VALUES, None])]
    engines.show("json_values", rows, {"no": pl.Int64(), "json": pl.String()})
    return engines


@pytest.fixture(scope="module")
def texts(engines: Engines) -> Engines:
    rows = [{"no": number, "text": text} for number, text in enumerate([*WRITTEN, *NUMBERS, *TEXTS, None])]
    engines.show("texts", rows, {"no": pl.Int64(), "text": pl.String()})
    return engines


def test_a_value_is_read_alike(json_values: Engines) -> None:
    """R-2 and R-15: canonical text and quantity of a JSON value."""
    json_values.agree(
        lambda macros: (
            f"""
            select no, json, {macros.canonical_text("json")} as canonical, {macros.quantity("json")} as quantity
            from json_values order by no
        """
        )
    )


def test_properties_are_opened_alike(engines: Engines) -> None:
    """Whatever a property is called, and whatever it holds."""
    documents = [json.dumps({name: place, "other": text}) for place, (name, text) in enumerate(zip(NAMES, TEXTS, strict=False))]
    documents += ["{" + ", ".join(f"{json.dumps(name)}: {value}" for name in NAMES) + "}" for value in JSON_VALUES]
    documents += [json.dumps({name: name for name in NAMES}, ensure_ascii=False), "{}"]
    rows = [{"no": number, "properties": text} for number, text in enumerate([*documents, None])]
    engines.show("documents", rows, {"no": pl.Int64(), "properties": pl.String()})
    wanted = [*NAMES, None, "absent", "other"]

    def opened(macros: Macros) -> str:
        read = ", ".join(
            f"{macros.canonical_text(macros.element('opened', place))} as value_{place}" for place in range(1, len(wanted) + 1)
        )
        return f"""
            with documents_opened as (
                select *, {macros.property_texts("properties", wanted)} as opened from documents
            )
            select no, properties, {macros.property_names("properties")} as names, {read} from documents_opened order by no
        """

    engines.agree(opened)


def test_shapes_are_taken_apart_alike(engines: Engines) -> None:
    shapes = [
        f'[{json.dumps(name)},"mb-",{names},{value}]'
        for name in TEXTS
        for names in ('["a","b c"]', "null")
        for value in NUMBERS[:8]
    ]
    rows = [{"no": number, "shape": text} for number, text in enumerate(shapes)]
    engines.show("shapes", rows, {"no": pl.Int64(), "shape": pl.String()})
    engines.agree(
        lambda macros: (
            f"""
            with taken_apart as (select *, {macros.json_elements("shape", 4)} as parts from shapes)
            select no, {macros.json_string_content(macros.element("parts", 1))} as event_name,
                {macros.json_string_list(macros.element("parts", 3))} as names,
                {macros.canonical_text(macros.element("parts", 4))} as value
            from taken_apart order by no
        """
        )
    )


def test_texts_are_quantities_and_limits_alike(texts: Engines) -> None:
    """R-92: each comparison with each limit."""
    limits = ("0", "100.5", "-0.5", "0.000000000001", "99999999999999999999999999", "1000")

    def compared(macros: Macros) -> str:
        reading = {"groups": ["p"], "texts": []}
        found = [
            macros.filter_holds({"operator": operator, "values": [limit]}, "text")
            for operator in ("above", "at_least", "below", "at_most", "starts_with", "in", "not_in")
            for limit in limits
        ]
        quantity = macros.text_to_quantity(macros.if_it_matches("text", macros.plain_number_pattern()))
        columns = ", ".join(f"{one} as holds_{number}" for number, one in enumerate(found))
        assert macros.text_column(reading, "p") == "group_1"
        return f"select no, text, {quantity} as quantity, {columns} from texts order by no"

    texts.agree(compared)


def test_texts_become_sql_and_json_alike(texts: Engines) -> None:
    def written(macros: Macros) -> str:
        literals = ", ".join(f"{macros.quoted(text)} as text_{number}" for number, text in enumerate([*TEXTS, *WRITTEN]))
        return f"""
            select no, text, {macros.json_string("text")} as json, {macros.folded("text")} as folded, {literals} from texts order by no
        """

    texts.agree(written)


def test_numbers_are_worked_with_alike(engines: Engines) -> None:
    """R-90, R-91: digits and places of every operation."""
    rows = [{"no": number, "a_t": json.dumps(a), "b_t": json.dumps(b)} for number, (a, b) in enumerate(PAIRS)]
    engines.show("pairs", rows, {"no": pl.Int64(), "a_t": pl.String(), "b_t": pl.String()})
    steps = [
        {"op": op}
        for op in ("add", "subtract", "multiply", "min", "max", "round_up", "round", "coalesce", "negate", "quantity")
    ]
    rounded = [{"op": "round_each", "minimum": "0.5", "up_to": "0.25"}, {"op": "round_each", "up_to": "60"}]

    def worked(macros: Macros) -> str:
        plain = ", ".join(f"{macros.plain_number_of_json(f'{name}_t')} as {name}_p" for name in "ab")
        numbers = ", ".join(f"{sql} as {name}_{column}" for name in "ab" for column, sql in macros.number_of_plain(f"{name}_p"))
        columns = [
            (f"{step['op']}_{column}", sql) for step in steps for column, sql in macros.exact_step(step, ["a", "b"])
        ]  # of a step by nothing there is no multiple
        columns = [(name, f"case when b_m > 0 then {sql} end" if name.startswith("round") else sql) for name, sql in columns]
        more = [
            (f"each_{number}_{column}", sql)
            for number, step in enumerate(rounded)
            for column, sql in macros.exact_step(step, ["q", "q"])
        ]
        bands = macros.band_text("a", [["0.5", "low"], ["100", "it's"], [None, 'say "high"']])
        return f"""
            with plain as (select *, {plain} from pairs),
            numbers as (select *, {numbers} from plain),
            quantities as (select *, {macros.as_quantity("a_m", "a_s")} as q_m, 9 as q_s from numbers)
            select no, a_p, b_p, a_m, a_s, b_m, b_s, q_m, {macros.computed_text("q", {"op": "quantity"})} as q_t, {bands} as band,
                {", ".join(f"{sql} as {name}" for name, sql in [*columns, *more])}
            from quantities order by no
        """

    engines.agree(worked)


def test_money_and_quantities_are_divided_alike(engines: Engines) -> None:
    """R-2, R-3: averages, ranks and shares to the last place, up to the largest quantities that there are."""
    quantities = [
        "0",
        "1",
        "-1",
        "0.000000001",
        "2.5",
        "-2.5",
        "1.123456789",
        "999999999.999999999",
        "999999999999999.999999999",
    ]
    rows = [
        {
            "no": number,
            "quantity": Decimal(quantity),
            "total": Decimal(total),
            "counted": counted,
            "amount": Decimal(amount),
            "digits": digits,
        }
        for number, (quantity, total, counted, amount, digits) in enumerate(
            (quantity, total, counted, amount, digits)
            for quantity in quantities
            for total in ("10", "999999999999999.999999999")
            for counted in (1, 3, 7, 1_000_000)
            for amount, digits in (("0", 2), ("0.01", 2), ("-100.00", 2), ("12345678.90", 2), ("100", 0), ("0.005", 3))
        )
    ]
    schema = {
        "no": pl.Int64(),
        "quantity": pl.Decimal(38, 9),
        "total": pl.Decimal(38, 9),
        "counted": pl.Int64(),
        "amount": pl.Decimal(38, 4),
        "digits": pl.Int32(),
    }
    engines.show("amounts", rows, schema)
    held = "2678399999999"  # microseconds of a month, less one

    def divided(macros: Macros) -> str:
        whole, part = macros.weight_of("total", "total"), macros.weight_of("abs(quantity)", "total")
        return f"""
            select no, {macros.exact_average("quantity", "counted")} as average,
                {macros.exact_ratio(f"{macros.billionths_of('quantity')} * {held}", "2678400000000")} as ratio,
                {macros.nearest_rank("counted", "cast(99.9 as decimal(38, 9))")} as rank,
                {macros.weight_of("quantity", "total")} as weight,
                {macros.running_share("amount", "digits", part, whole)} as share
            from amounts order by no
        """

    engines.agree(divided)


def test_instants_are_read_alike(engines: Engines) -> None:
    """R-94: months, intervals, and hours of the day where clocks change."""
    rows = [{"no": number, "occurred_at": datetime.fromisoformat(text)} for number, text in enumerate(INSTANTS)]
    engines.show("instants", rows, {"no": pl.Int64(), "occurred_at": pl.Datetime("us")})
    hours = {
        "op": "hours",
        "zones": list(ZONES),
        "ranges": [
            {"from": "22:00", "to": "06:00", "days": ["sat", "sun"], "value": "night"},
            {"from": "07:30", "to": "20:00", "days": None, "value": "it's day"},
        ],
        "otherwise": None,
    }

    def read(macros: Macros) -> str:
        local = ", ".join(
            f"{macros.day_of_week(macros.local_time('occurred_at', zone))} as day_{n}" for n, zone in enumerate(ZONES)
        )
        return f"""
            select no, {macros.month_of("occurred_at")} as month, {macros.month_name("occurred_at")} as name,
                {macros.month_after(macros.month_of("occurred_at"))} as after, {macros.microseconds("occurred_at")} as microseconds,
                {macros.interval_number("occurred_at", "900")} as interval_no, {local}, {macros.hours_text(hours)} as hours
            from instants order by no
        """

    engines.agree(read)


def test_lists_and_months_are_laid_out_alike(engines: Engines) -> None:
    columns = ("no", "keys", "places", "held", "size", "starts_at", "ends_at")
    laid = [
        (1, ["a", "b"], [2, 0, 1], ["x", None], 3, "2026-01-31T10:00:00", "2026-04-01T00:00:00"),
        (2, ["a"], [], ["␟hours␟x␟␀␟z"], 0, "2026-02-01T00:00:00", "2026-02-01T00:00:00.000001"),
        (3, [], [1], [], 1, "2025-12-15T00:00:00", "2026-02-01T00:00:00.000001"),
    ]
    rows = [dict(zip(columns, row, strict=True)) for row in laid]
    shown = [row | {name: datetime.fromisoformat(str(row[name])) for name in ("starts_at", "ends_at")} for row in rows]
    schema = {
        "no": pl.Int64(),
        "keys": pl.List(pl.String()),
        "places": pl.List(pl.Int32()),
        "held": pl.List(pl.String()),
        "size": pl.Int32(),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
    }
    engines.show("lists", shown, schema)
    engines.agree(
        lambda macros: (
            f"""
            select no, {macros.dimensions_json("keys", "held")} as dimensions,
                {macros.picked(["'one'", "'two'"], "places", "'none'")} as picked,
                {macros.of_contract("held", "2")} as of_contract, {macros.holds("keys", "'b'")} as holds,
                {macros.element("keys", "2")} as second, {macros.json_of_list(macros.joined_lists("keys", "held"))} as joined,
                {macros.empty_list("integer")} as nothing
            from lists order by no
        """
        )
    )
    for column, value in (
        ("month", lambda macros: macros.each_month_of("starts_at", "ends_at")),
        ("element", lambda macros: macros.each_of("keys")),
        ("number", lambda macros: macros.each_up_to("size")),
    ):
        engines.agree(
            lambda macros, column=column, value=value: (
                f"select no, {value(macros)} as {column} from lists order by no, {column}"
            )
        )
    engines.agree(
        lambda macros: (
            f"""
            select 1 as no, {macros.list_of(macros.list_literal(["starts_at", "ends_at"]), "no")} as spans,
                {macros.last_of("size", "no")} as last
            from lists
        """
        )
    )


def test_a_date_is_a_date(engines: Engines) -> None:
    """Types betray what was lost: of dates, whole numbers and decimals too."""
    found = engines.answers(lambda macros: f"select 1, {macros.month_of('timestamp ' + repr('2026-02-03 04:05:06'))} as month")
    assert found == {engine: [(Decimal(1), date(2026, 2, 1))] for engine in ("duckdb", "spark")}
