"""Forms with the names of the guide: what is entered becomes an item of the books, and a proposal (R-81)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from dagster_project.errors import UserError

Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked. options: to choose from; is_long: several lines."""

    name: str
    label: str
    says: str = ""
    is_needed: bool = False
    options: Sequence[str] = ()
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """title, says: on the page. section: of the books that gets an item. item: made of what was given. contract_key: what of a contract
    changes instead."""

    title: str
    says: str
    fields: Sequence[Field]
    item: Callable[[Given], Any]
    section: str = ""
    contract_key: str = ""


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def _price(text: str) -> DoubleQuotedScalarString:
    return DoubleQuotedScalarString(text.strip())


def _day(text: str) -> Any:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return text.strip()  # `check` says what is wrong with it


def _filled(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value not in ("", [], None)}


def _meter(given: Given) -> dict[str, Any]:
    return _filled(
        {
            "code": given["code"],
            "display_name": given["display_name"],
            "event_name": given["event_name"],
            "aggregation": given["aggregation"],
            "aggregation_key": given["aggregation_key"],
            "group_keys": _listed(given["group_keys"]),
        }
    )


def _rate_card(given: Given) -> dict[str, Any]:
    rows = [row for row in csv.reader(io.StringIO(given["rows"].strip())) if any(cell.strip() for cell in row)]
    if len(rows) < 2 or rows[0][-1].strip() != "rate":
        raise UserError("Rows begin with the names of the columns: the group keys, and rate.")
    keys = [name.strip() for name in rows[0][:-1]]
    wrong = [number for number, row in enumerate(rows[1:], 2) if len(row) != len(rows[0])]
    if wrong:
        raise UserError(f"Row {wrong[0]} has not as many cells as the first.")
    entries = [
        {"dimensions": dict(zip(keys, (cell.strip() for cell in row[:-1]), strict=True)), "rate": _price(row[-1])}
        for row in rows[1:]
    ]
    return {"code": given["code"], "meter": given["meter"], "entries": entries}


def _pricing(given: Given) -> dict[str, Any]:
    item = {
        "code": given["code"],
        "name": given["name"],
        "model": given["model"],
        "meter": given["meter"],
        "rate_card": given["rate_card"],
    }
    amount = given["amount"].strip()
    if amount:
        key = {"flat": "amount", "one_time": "amount", "bps": "bps"}.get(given["model"], "unit_amount")
        item["fallback_rate" if given["rate_card"].strip() else key] = _price(amount)
    if tiers := given["tiers"].strip():
        item["tiers"] = [_tier(line) for line in tiers.splitlines() if line.strip()]  # type: ignore[assignment]
    if given["package_size"].strip():
        item["package_size"] = _price(given["package_size"])
    return _filled(item)


def _tier(line: str) -> dict[str, Any]:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) not in (2, 3):
        raise UserError(f"A tier is `up to, unit amount` or `up to, unit amount, flat amount`, and {line} is neither.")
    tier: dict[str, Any] = {"up_to": None if parts[0] in ("", "*", "null") else parts[0], "unit_amount": _price(parts[1])}
    return tier | ({"flat_amount": _price(parts[2])} if len(parts) == 3 else {})


def _plan(given: Given) -> dict[str, Any]:
    return _filled(
        {
            "code": given["code"],
            "name": given["name"],
            "currency": given["currency"],
            "billing_frequency": given["billing_frequency"],
            "base_fee": _price(given["base_fee"]) if given["base_fee"].strip() else "",
            "pricings": _listed(given["pricings"]),
            "net_terms": given["net_terms"],
        }
    )


def _customer(given: Given) -> dict[str, Any]:
    return _filled({name: given[name].strip() for name in ("id", "external_id", "name", "legal_name", "billing_address")})


def _contract(given: Given) -> dict[str, Any]:
    return _filled(
        {
            "id": given["id"],
            "customer": given["customer"],
            "plan": given["plan"],
            "start_date": _day(given["start_date"]),
            "end_date": _day(given["end_date"]) if given["end_date"].strip() else "",
            "status": "approved",
        }
    )


def _grant(given: Given) -> dict[str, Any]:
    return _filled(
        {
            "id": given["id"],
            "contract": given["contract"],
            "kind": given["kind"],
            "amount": _price(given["amount"]),
            "price": _price(given["price"]) if given["price"].strip() else "",
            "effective_at": _day(given["effective_at"]) if given["effective_at"].strip() else "",
            "expires_at": _day(given["expires_at"]) if given["expires_at"].strip() else "",
        }
    )


def _override(given: Given) -> dict[str, Any]:
    pairs = [pair.partition("=") for pair in _listed(given["dimensions"])]
    return _filled(
        {
            "meter": given["meter"],
            "dimensions": {key.strip(): value.strip() for key, _, value in pairs} or None,
            "rate": _price(given["rate"]),
            "effective_from": _day(given["effective_from"]) if given["effective_from"].strip() else "",
        }
    )


def _amendment(given: Given) -> dict[str, Any]:
    item: dict[str, Any] = {"effective_date": _day(given["effective_date"]), "plan": given["plan"].strip()}
    for name in ("base_fee", "minimum_spend", "maximum_spend"):
        item[name] = _price(given[name]) if given[name].strip() else ""
    return _filled(item)


_CODE = Field("code", "Code", is_needed=True)
FORMS: Mapping[str, Form] = {
    "meter": Form(
        "Create Meter",
        "What is measured.",
        (
            _CODE,
            Field("display_name", "Display Name", "on invoice lines"),
            Field("event_name", "Event Name", is_needed=True),
            Field(
                "aggregation",
                "Aggregation",
                options=("sum", "count", "max", "min", "unique", "latest", "average", "percentile", "level", "counter"),
            ),
            Field("aggregation_key", "Aggregation Key", "the property that is looked at; none for count"),
            Field("group_keys", "Group Keys", "properties that make the combination, apart by commas"),
        ),
        _meter,
        section="meters",
    ),
    "rate-card": Form(
        "Create dimensional rate",
        "List prices by combination.",
        (
            _CODE,
            Field("meter", "Meter", is_needed=True),
            Field(
                "rows",
                "Rows",
                "CSV: the group keys and rate as the first line, then a row a combination; * is any",
                True,
                (),
                True,
            ),
        ),
        _rate_card,
        section="rate_cards",
    ),
    "pricing": Form(
        "Create pricing",
        "How a count becomes money.",
        (
            _CODE,
            Field("name", "Name"),
            Field("meter", "Meter", "none for flat and one_time"),
            Field("model", "Pricing Model", options=("per_unit", "graduated", "volume", "package", "bps", "flat", "one_time")),
            Field("amount", "Fallback Rate", "or the unit amount, the price of a package, the amount of a fee"),
            Field("rate_card", "Rate Card"),
            Field("tiers", "Tiers", "a line each: up to, unit amount, flat amount; * for the last", False, (), True),
            Field("package_size", "Package Size"),
        ),
        _pricing,
        section="pricings",
    ),
    "plan": Form(
        "Create plan",
        "What is sold.",
        (
            _CODE,
            Field("name", "Name"),
            Field("currency", "Currency", "such as USD", True),
            Field("billing_frequency", "Billed", options=("monthly", "weekly", "quarterly", "semi_annually", "annually")),
            Field("base_fee", "Base Fee"),
            Field("pricings", "Add Pricing Item", "codes of pricings, apart by commas", True),
            Field("net_terms", "Net days"),
        ),
        _plan,
        section="plans",
    ),
    "customer": Form(
        "Create customer",
        "Who owes.",
        (
            Field("id", "Id", is_needed=True),
            Field("external_id", "External id"),
            Field("name", "Name"),
            Field("legal_name", "Legal name"),
            Field("billing_address", "Billing address", is_long=True),
        ),
        _customer,
        section="customers",
    ),
    "contract": Form(
        "Create contract",
        "Who agreed to what.",
        (
            Field("id", "Id", is_needed=True),
            Field("customer", "Customer", is_needed=True),
            Field("plan", "Plan", is_needed=True),
            Field("start_date", "First day", is_needed=True),
            Field("end_date", "First day without it"),
        ),
        _contract,
        section="contracts",
    ),
    "grant": Form(
        "Grant credits",
        "Credits of a contract.",
        (
            Field("id", "Id", is_needed=True),
            Field("contract", "Contract", is_needed=True),
            Field("kind", "Kind", options=("promotional", "prepaid")),
            Field("amount", "Amount", is_needed=True),
            Field("price", "Price", "what is paid for prepaid credits"),
            Field("effective_at", "From"),
            Field("expires_at", "Until"),
        ),
        _grant,
        section="credit_grants",
    ),
    "override": Form(
        "Override a rate",
        "Another price of one combination for one contract.",
        (
            Field("contract", "Contract", is_needed=True),
            Field("meter", "Meter", is_needed=True),
            Field("dimensions", "Combination", "key=value, apart by commas"),
            Field("rate", "Rate", is_needed=True),
            Field("effective_from", "From"),
        ),
        _override,
        contract_key="rate_overrides",
    ),
    "amendment": Form(
        "Amend a contract",
        "New terms from a day on.",
        (
            Field("contract", "Contract", is_needed=True),
            Field("effective_date", "From", is_needed=True),
            Field("plan", "Plan"),
            Field("base_fee", "Base fee"),
            Field("minimum_spend", "Minimum"),
            Field("maximum_spend", "Maximum"),
        ),
        _amendment,
        contract_key="amendments",
    ),
    "end": Form(
        "End a contract",
        "The first day without it.",
        (Field("contract", "Contract", is_needed=True), Field("end_date", "First day without it", is_needed=True)),
        lambda given: _day(given["end_date"]),
        contract_key="end_date",
    ),
}
