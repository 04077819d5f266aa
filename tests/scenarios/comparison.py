"""What a story expects, held against the marts: only the columns that it names, exactly, differences as sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tests.scenarios.pipeline import Row, marts, moment

Expected = Mapping[str, str]

INVOICES = """
    select invoices.*, contract_id as contract, customer_id as customer, adjusted.number as adjusts
    from marts.invoices as invoices
    left join (select invoice_id as adjusts_invoice_id, number from marts.invoices) as adjusted using (adjusts_invoice_id)
    order by invoices.number nulls last, contract_id, period_start, kind
"""
LINES = "select *, pricing_code as pricing, meter_code as meter from marts.invoice_lines order by invoice_id, line_no"
# a section whose rows have no order, and where they stand
ROWS = {
    "ledger": """
        select ledger.*, ledger.contract_id as contract, grant_id as grant, balance_after as balance, number as invoice
        from marts.credit_ledger as ledger left join marts.invoices using (invoice_id)
    """,
    "meters": "select *, meter_code as meter from marts.reconciliation where meter_code is not null",
    "usage": "select *, contract_id as contract, meter_code as meter from marts.usage",
    "quarantine": "from marts.quarantine",
    "attention": "from marts.attention",
    "changes": "select *, adjusts_number as adjusts from marts.changes_since_last_close",
    "dispositions": """
        select disposition, sum(events)::bigint as events from marts.reconciliation where meter_code is null group by all
    """,
}
SECTIONS = {"invoices", *ROWS}
# what a person looks at first on an invoice or a line that nobody expected
SHOWN = ["number", "status", "total", "credits_applied", "adjusts", "kind", "description", "quantity", "amount", "rate_source"]


def differences(expected: Mapping[str, Any], warehouse: Path) -> list[str]:
    """Every difference between what a story expects after a run and the marts; none: it came as expected.

    Sections: `invoices` (all that have a line; empty ones may be left out) with their `lines` (all, in order), `ledger`,
    `meters`, `usage`, `quarantine`, `attention`, `changes` (all rows, in any order), `dispositions` (events by disposition).
    """
    if unknown := set(expected) - SECTIONS:
        raise ValueError(f"{sorted(unknown)} are no sections; there are {sorted(SECTIONS)}.")
    found: list[str] = []
    if "invoices" in expected:
        found += _invoices(expected["invoices"], marts(warehouse, INVOICES), marts(warehouse, LINES))
    for section in ROWS.keys() & expected.keys():
        found += [f"{section}: {text}" for text in _rows(_listed(expected[section]), marts(warehouse, ROWS[section]))]
    return found


def _invoices(expected: Sequence[Mapping[str, Any]], invoices: list[Row], lines: list[Row]) -> Iterator[str]:
    lines_of = defaultdict(list)
    for line in lines:
        lines_of[line["invoice_id"]].append(line)
    actual_of, expected_of = defaultdict(list), defaultdict(list)
    for invoice in invoices:
        period = f"{moment(invoice['period_start'])}/{moment(invoice['period_end'])}"
        actual_of[invoice["contract"], invoice["kind"], period].append(invoice)
    for one in expected:
        expected_of[one["contract"], one["kind"], one["period"]].append(one)
    for name in expected_of | actual_of:
        wanted, there = expected_of[name], actual_of[name]
        for one, invoice in zip(wanted, there, strict=False):
            yield from (f"{' '.join(name)}: {text}" for text in _invoice(one, invoice, lines_of[invoice["invoice_id"]]))
        for one in wanted[len(there) :]:
            yield f"{' '.join(name)}: expected {_told(one)}, there is none"
        for invoice in there[len(wanted) :]:
            if lines_of[invoice["invoice_id"]]:
                told = [_told(_shown(line)) for line in lines_of[invoice["invoice_id"]]]
                yield "\n    ".join([f"{' '.join(name)}: not expected, but there is {_told(_shown(invoice))}", *told])


def _invoice(expected: Mapping[str, Any], invoice: Row, lines: list[Row]) -> Iterator[str]:
    yield from _cells({k: v for k, v in expected.items() if k not in {"contract", "kind", "period", "lines"}}, invoice)
    if "lines" not in expected:
        return
    for number, (line, actual) in enumerate(zip(expected["lines"], lines, strict=False), 1):
        yield from (f"line {number} {line.get('description', '')}: {text}" for text in _cells(line, actual))
    for line in expected["lines"][len(lines) :]:
        yield f"expected a line {_told(line)}, there is none"
    for line in lines[len(expected["lines"]) :]:
        yield f"a line that was not expected: {_told(_shown(line))}"


def _listed(section: Sequence[Expected] | Expected) -> Sequence[Expected]:
    """The rows of a section; `dispositions` is written shorter, as a mapping to events."""
    if isinstance(section, Mapping):
        return [{"disposition": disposition, "events": events} for disposition, events in section.items()]
    return section


def _rows(expected: Sequence[Expected], actual: list[Row]) -> Iterator[str]:
    """Rows without an order: each expected one takes the first that agrees."""
    left = list(actual)
    missing = []
    for one in expected:
        found = next((row for row in left if not [*_cells(one, row)]), None)
        if found is None:
            missing.append(one)
        else:
            left.remove(found)
    yield from (f"expected {_told(one)}, there is none" for one in missing)
    said = dict.fromkeys(column for one in expected for column in one)
    yield from (f"not expected, but there is {_told({name: row[name] for name in said or row})}" for row in left)


def _cells(expected: Expected, actual: Row) -> Iterator[str]:
    for column, value in expected.items():
        if column not in actual:
            yield f"{column}: expected {value}, there is none"
        elif not _agrees(value, actual[column]):
            yield f"{column}: expected {value}, is {_text(actual[column])}"


def _agrees(expected: str, actual: object) -> bool:
    """Whether a value is the one written: numbers by value, dates and instants in ISO, `null` for none."""
    try:
        match actual:
            case None:
                return expected == "null"
            case datetime():
                return datetime.fromisoformat(expected) == actual
            case date():
                return date.fromisoformat(expected) == actual
            case int() | Decimal():
                return Decimal(expected) == actual
    except (ValueError, InvalidOperation):
        return False
    return expected == actual


def _shown(row: Row) -> Row:
    return {name: row[name] for name in SHOWN if name in row}


def _told(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in row.items() if name != "lines")


def _text(value: object) -> str:
    match value:
        case None:
            return "null"
        case datetime():
            return moment(value)
        case Decimal():
            return f"{value.normalize():f}"
    return str(value)
