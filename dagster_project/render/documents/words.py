"""The words of a document, the same on a page and in print."""

from __future__ import annotations

from typing import Any

from dagster_project.queries.documents import Document
from dagster_project.render.figures import money, number

TITLES = {"initial": "Invoice", "period": "Invoice", "adjustment": "Adjustment"}


def words(document: Document) -> dict[str, Any]:
    """What templates show of a document: texts only, in the order in which they stand on it."""
    header = document.header
    digits = header["minor_digits"]
    is_credit_note = header["total"] < 0
    return {
        "title": "Credit note" if is_credit_note and header["kind"] == "adjustment" else TITLES[header["kind"]],
        "name": document.name,
        "is_draft": document.is_draft,
        "currency": header["currency"],
        "seller": header["seller_name"] or "",
        "seller_address": _lines(header["seller_address"]),
        "customer": header["customer_name"],
        "customer_address": _lines(header["billing_address"]),
        "contacts": header["contacts"] or "",
        "facts": _facts(document),
        "products": [
            {
                "name": product.name,
                "lines": [_line(line, digits) for line in product.lines],
                "subtotal": None if product.subtotal is None else money(product.subtotal, digits),
            }
            for product in document.products
        ],
        "sums": _sums(document, digits),
        "credits": [
            {
                "grant": credit["grant_id"],
                "amount": money(-credit["amount"], digits),
                "left": money(credit["balance_after"], digits),
            }
            for credit in document.credits
        ],
    }


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _facts(document: Document) -> list[list[str]]:
    header = document.header
    one_day = header["starts_on"] == header["ends_on"]
    period = f"{header['starts_on']}" if one_day else f"{header['starts_on']} to {header['ends_on']}"
    facts = [["Draft" if document.is_draft else "Number", document.name]]
    if header["issued_on"]:
        facts.append(["Date", str(header["issued_on"])])
    if header["due_date"]:
        net = header["net_days"]
        facts.append(["Due", f"{header['due_date']} (net {net})" if net else f"{header['due_date']} (on receipt)"])
    facts.append(["For", period])
    if header["adjusts_invoice_id"]:
        facts.append(["Corrects", header["adjusts_number"] or header["adjusts_invoice_id"]])
    facts += [["Customer", header["customer_id"]], ["Contract", header["contract_id"]]]
    return facts


def _line(line: dict[str, Any], digits: int) -> dict[str, Any]:
    notes = [_tier(tier, digits) for tier in line["tiers"]]
    if line["service_from"]:
        notes.append(f"{line['service_from']} to {line['service_to']}")
    per = "" if line["per"] is None or line["per"] == 1 else f" / {number(line['per'])}"
    rate = "tiers" if line["unit_rate"] is None else f"{money(line['unit_rate'])}{per}"
    return {
        "description": line["description"],
        "notes": notes,
        # a fee has no quantity that says something
        "quantity": number(line["quantity"]) if line["is_usage"] or line["quantity"] != 1 else "",
        "rate": rate if line["is_usage"] or line["quantity"] != 1 else "",
        "amount": money(line["amount"], digits),
    }


def _tier(tier: dict[str, Any], digits: int) -> str:
    flat = f" + {money(tier['flat_amount'], digits)}" if tier["flat_amount"] else ""
    return f"{number(tier['quantity'])} at {money(tier['unit_amount'])}{flat}"


def _sums(document: Document, digits: int) -> list[list[str]]:
    header = document.header
    sums = []
    if header["credits_applied"]:
        sums = [["Subtotal", money(header["subtotal"], digits)], ["Paid by credits", money(-header["credits_applied"], digits)]]
    last = "To be paid back" if header["total"] < 0 else "Due"
    return [*sums, [f"{last}, {header['currency']}", money(abs(header["total"]), digits)]]
