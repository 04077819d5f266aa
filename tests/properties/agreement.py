"""Oracle and kernel side by side: documents, lines and ledger as facts under one key, and the facts that differ."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rating.documents import Documents
from rating.schedule import Schedule
from tests.oracle.credits import Entry
from tests.oracle.documents import Invoice
from tests.oracle.lines import Line

Facts = Counter[tuple[Any, ...]]


def number(value: Fraction | Decimal | None) -> str | None:
    """One spelling for a number of either side."""
    return None if value is None else str(Fraction(value))


def differing(oracle: Facts, kernel: Facts) -> list[str]:
    """What one side states and the other does not, in an order that puts both versions of a fact together."""
    only = [(fact, "oracle") for fact in (oracle - kernel)] + [(fact, "kernel") for fact in (kernel - oracle)]
    return [f"{side}: {' | '.join(str(part) for part in fact)}" for fact, side in sorted(only, key=repr)]


# --- documents ------------------------------------------------------------------------------------------------------------------


def documents_of_the_oracle(invoices: list[Invoice]) -> Facts:
    return Counter(
        (
            *document_key(i),
            i.status,
            i.number,
            i.currency,
            number(i.subtotal),
            number(i.credits_applied),
            number(i.total),
            str(i.issued_at),
            str(i.due_date),
        )
        for i in invoices
    )


def document_key(invoice: Invoice) -> tuple[str, ...]:
    return (invoice.contract_id, invoice.kind, str(invoice.period_start), str(invoice.period_end))


def documents_of_the_kernel(made: Documents) -> Facts:
    return Counter(
        (
            *key,
            row["status"],
            row["number"],
            row["currency"],
            number(row["subtotal"]),
            number(row["credits_applied"]),
            number(row["total"]),
            str(row["issued_at"]),
            str(row["due_date"]),
        )
        for row, key in zip(made.invoices.to_dicts(), kernel_keys(made).values(), strict=True)
    )


def kernel_keys(made: Documents) -> dict[str, tuple[str, ...]]:
    """The key of every document by its invoice_id."""
    return {
        row["invoice_id"]: (row["contract_id"], row["kind"], str(row["period_start"]), str(row["period_end"]))
        for row in made.invoices.to_dicts()
    }


# --- lines ----------------------------------------------------------------------------------------------------------------------


def lines_of_the_oracle(invoices: list[Invoice]) -> Facts:
    return Counter((*document_key(invoice), *line_facts(line)) for invoice in invoices for line in invoice.lines)


def line_facts(line: Line) -> tuple[Any, ...]:
    facts: tuple[Any, ...] = (line.kind, line.pricing_code, number(line.amount), number(line.exact_amount))
    facts = (*facts, str(line.service_start))
    if line.kind != "usage":
        return facts
    return (
        *facts,
        line.group_values,
        str(line.price_from),
        number(line.quantity),
        number(line.unit_rate),
        number(line.per),
        line.rate_source,
        line.event_count,
        line.description,
        number(line.credits_applied),
    )


def lines_of_the_kernel(made: Documents) -> Facts:
    keys = kernel_keys(made)
    return Counter((*keys[row["invoice_id"]], *kernel_line_facts(row)) for row in made.lines.to_dicts())


def kernel_line_facts(row: dict[str, Any]) -> tuple[Any, ...]:
    facts: tuple[Any, ...] = (row["kind"], row["pricing_code"], number(row["amount"]), number(row["exact_amount"]))
    facts = (*facts, str(row["service_start"]))
    if row["kind"] != "usage":
        return facts
    return (
        *facts,
        tuple(row["group_values"]),
        str(row["price_from"]),
        number(row["quantity"]),
        number(row["unit_rate"]),
        number(row["per"]),
        row["rate_source"],
        row["event_count"],
        row["description"],
        number(row["credits_applied"]),
    )


# --- ledger ---------------------------------------------------------------------------------------------------------------------


def ledger_of_the_oracle(entries: list[Entry]) -> Facts:
    return Counter(
        (e.grant_id, e.type, e.status, number(e.amount), number(e.credits), number(e.balance_after), oracle_document(e))
        for e in entries
    )


def oracle_document(entry: Entry) -> tuple[str, ...] | None:
    return (entry.document[1], str(entry.document[2])) if entry.document else None


def ledger_of_the_kernel(made: Documents) -> Facts:
    keys = {invoice_id: key[1:3] for invoice_id, key in kernel_keys(made).items()}
    return Counter(
        (
            row["grant_id"],
            row["type"],
            row["status"],
            number(row["amount"]),
            number(row["credits"]),
            number(row["balance_after"]),
            keys[row["invoice_id"]] if row["invoice_id"] else None,
        )
        for row in made.ledger.to_dicts()
    )


# --- periods and windows --------------------------------------------------------------------------------------------------------


def windows_of_the_kernel(schedule: Schedule) -> Facts:
    names = ("contract_id", "period_start", "period_end", "window_start", "window_end")
    return Counter(tuple(str(row[name]) for name in names) for row in schedule.windows.to_dicts())
