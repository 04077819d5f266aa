"""Deals: how closed opportunities become contracts (R-72), as far as that can be told without one."""

from __future__ import annotations

from collections.abc import Iterator

from rating.books.contract_files import ContractFiles
from rating.books.models import DealProduct, Deals, TermSource
from rating.books.problems import Problem, instead, listed
from rating.books.source_locations import SourceLocation

OBJECTS = (
    "account",
    "opportunity",
    "line",
    "product",
    "pricebook_entry",
    "contract",
    "quote",
    "quote_line",
    "order",
)
TERMS = (
    "plan",
    "start_date",
    "end_date",
    "term_months",
    "net_terms",
    "base_fee",
    "minimum_spend",
    "maximum_spend",
    "billing",
    "billing_anchor",
    "timezone",
    "customer_name",
    "legal_name",
    "billing_address",
)
KINDS = ("new", "amendment", "renewal")
# what each kind of product reads: keys that it needs, and those it may have
PRODUCT_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "base_fee": (("value",), ()),
    "minimum_spend": (("value",), ()),
    "maximum_spend": (("value",), ()),
    "rate_override": (("meter", "rate"), ("dimensions",)),
    "prepaid_grant": (("amount", "price"), ("effective_at", "expires_at")),
    "promotional_grant": (("amount",), ("effective_at", "expires_at")),
    "nothing": (("because",), ()),
}
_ALL_KEYS = sorted({key for needed, possible in PRODUCT_KEYS.values() for key in (*needed, *possible)})


def deal_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    if contract_files.deals is None:
        return
    deals, place = contract_files.deals.terms, contract_files.deals.place
    yield from _kind_problems(deals, place.at("kind"))
    for key in ("customer", "contract"):
        if (field := getattr(deals.ids, key)) is not None:
            yield from _field_problem(field, place.at("ids", key))
    yield from _terms_problems(deals, place.at("terms"))
    seen: dict[str, SourceLocation] = {}
    for position, product in enumerate(deals.products):
        at = place.at("products", position)
        first = seen.setdefault(product.code, at)
        if first is not at:
            yield at.at("code").problem(f"product `{product.code}` is mapped twice (first in {first})", "Keep one of the two")
        yield from _product_problems(product, contract_files, at)
    for position, field in enumerate(deals.watch):
        yield from _field_problem(field, place.at("watch", position))
    if deals.amount is not None:
        yield from _field_problem(deals.amount, place.at("amount"))


def _kind_problems(deals: Deals, place: SourceLocation) -> Iterator[Problem]:
    yield from _field_problem(deals.kind.field, place.at("field"))
    seen: dict[str, str] = {}
    for kind in KINDS:
        for value in getattr(deals.kind, kind):
            first = seen.setdefault(value.casefold(), kind)
            if first != kind:
                yield place.at(kind).problem(f"`{value}` is {first} already", "Keep it under one of the two")
    if not seen:
        yield place.problem("no value makes a deal of any kind", "Add `new: [New Business]`")


def _terms_problems(deals: Deals, place: SourceLocation) -> Iterator[Problem]:
    for name, sources in deals.terms.items():
        if name not in TERMS:
            fix = instead(name, TERMS, otherwise=f"Take it out; the terms are {listed(TERMS, most=20)}")
            yield place.at(name).problem(f"`{name}` is no term of a deal", fix)
        yield from _source_problems(sources, place.at(name))
    for name in ("plan", "start_date"):
        if name not in deals.terms:
            yield place.problem(f"`{name}` is missing", f"Add `{name}: opportunity.…`, or `{name}: {{value: …}}`")
    if "end_date" in deals.terms and "term_months" in deals.terms:
        yield place.at("term_months").problem("both end_date and term_months are given", "Keep one of the two")


def _product_problems(product: DealProduct, contract_files: ContractFiles, place: SourceLocation) -> Iterator[Problem]:
    needed, possible = PRODUCT_KEYS[product.sets]
    for key in _ALL_KEYS:
        given = getattr(product, key) is not None
        if given and key not in (*needed, *possible) and key != "because":
            yield place.at(key).problem(f"`{key}` says nothing of `sets: {product.sets}`", "Take it out")
        elif not given and key in needed:
            yield place.problem(f"`{key}` is missing, which `sets: {product.sets}` needs", f"Add `{key}: …`")
    for key in ("value", "rate", "amount", "price", "effective_at", "expires_at"):
        yield from _source_problems(getattr(product, key) or (), place.at(key), default="line")
    for name, sources in (product.dimensions or {}).items():
        yield from _source_problems(sources, place.at("dimensions", name), default="line")
    if product.meter is None or contract_files.meters.incomplete or product.meter in contract_files.meters.broken:
        return
    meter = contract_files.meters.get(product.meter)
    if meter is None:
        fix = instead(product.meter, contract_files.meters.stated, otherwise="Name a meter of these books")
        yield place.at("meter").problem(f"there is no meter `{product.meter}`", fix)
    elif set(product.dimensions or {}) != set(meter.terms.group_names):
        keys = listed(meter.terms.group_names) or "none"
        yield place.at("dimensions").problem(f"meter `{product.meter}` has the group keys {keys}", "Map each of them once")


def _source_problems(sources: tuple[TermSource, ...], place: SourceLocation, default: str | None = None) -> Iterator[Problem]:
    for position, source in enumerate(sources):
        at = place.at(position) if len(sources) > 1 else place
        if (source.field is None) == (source.value is None):
            yield at.problem("it names neither a field nor a value, or both", "Write a field, or {value: …}")
        elif source.field is not None:
            yield from _field_problem(source.field, at, default)


def _field_problem(field: str, place: SourceLocation, default: str | None = None) -> Iterator[Problem]:
    named, _, column = field.rpartition(".")
    if not named and default is not None:
        return
    if named not in OBJECTS or not column:
        fix = instead(named, OBJECTS, otherwise=f"Write object.field; the objects are {listed(OBJECTS, most=20)}")
        yield place.problem(f"`{field}` names no field of an object that deals read", fix)
