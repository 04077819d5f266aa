"""The rows of one opportunity, and what fields of them say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dagster_project.deals.salesforce import Row, Tables, is_business, letters
from rating.books import TermSource

LINE, QUOTE_LINE = "line", "quote_line"


@dataclass(frozen=True, slots=True)
class Said:
    """A value, and where Salesforce says it."""

    object: str
    record: str
    field: str
    raw: str


@dataclass(frozen=True, slots=True)
class DealRows:
    """Records by object, then by id, business fields that say something only; read: the fields that somebody asked for."""

    records: Mapping[str, Mapping[str, Row]]
    read: set[tuple[str, str]] = field(default_factory=set)

    @property
    def opportunity(self) -> str:
        return next(iter(self.records["opportunity"]))

    @property
    def lines(self) -> list[str]:
        return list(self.records.get(LINE, {}))

    def said(self, name: str, line: str | None = None) -> Said | None:
        """What a field says, `object.field` or a field of the line; None where nothing stands there."""
        named, _, column = name.rpartition(".")
        kind = named or LINE
        self.read.add((kind, letters(column)))
        record = self._record(kind, line)
        raw = None if record is None else self.records[kind][record].get(letters(column))
        return None if record is None or raw is None else Said(kind, record, column, raw)

    def first(self, sources: Sequence[TermSource], line: str | None = None) -> Said | str | None:
        """The first of some sources that says something: a field, or the text of a constant."""
        for source in sources:
            if source.value is not None:
                return source.value
            if source.field is not None and (said := self.said(source.field, line)) is not None:
                return said
        return None

    @property
    def quote_lines_of(self) -> dict[str, str]:
        """The quote line of each line: the one that names it, or else the only one of its product where it is the only line of that.

        Where several may be meant, none is.
        """
        named: dict[str, list[str]] = {}
        by_product: dict[str | None, list[str]] = {}
        for key, row in self.records.get(QUOTE_LINE, {}).items():
            line = row.get("opportunitylineitemid")
            if line is None:
                by_product.setdefault(_product_of(row), []).append(key)
            else:
                named.setdefault(line, []).append(key)
        lines = self.records.get(LINE, {})
        products = Counter(_product_of(row) for row in lines.values())
        found = {}
        for line, row in lines.items():
            product = _product_of(row)
            alike = by_product.get(product, []) if product is not None and products[product] == 1 else []
            if len(meant := named.get(line) or alike) == 1:
                found[line] = meant[0]
        return found

    def product_code(self, line: str) -> str | None:
        for name in ("product_code", "product.product_code"):
            if (said := self.said(name, line)) is not None:
                return said.raw
        return None

    def name_of(self, line: str) -> str:
        """As people call a line."""
        row = self.records[LINE][line]
        product = self._record("product", line)
        named = row.get("name") or (self.records["product"][product].get("name") if product else None) or line
        return str(named)

    def _record(self, kind: str, line: str | None) -> str | None:
        """Which record of an object is meant: that of the line, or the one that belongs to the opportunity."""
        held = self.records.get(kind, {})
        if kind == LINE:
            return line if line in held else None
        if kind == QUOTE_LINE:
            return self.quote_lines_of.get(line or "")
        if kind in ("product", "pricebook_entry"):
            row = self.records[LINE].get(line or "", {})
            wanted = row.get("product2id" if kind == "product" else "pricebookentryid")
            if wanted is None and kind == "product":
                entry = self.records.get("pricebook_entry", {}).get(row.get("pricebookentryid") or "", {})
                wanted = entry.get("product2id")
            return wanted if wanted in held else None
        return next(iter(held), None)


def is_taken(row: Row, take: Mapping[str, str]) -> bool:
    """Whether an opportunity is to become a deal."""
    return all(row.get(letters(name.rpartition(".")[2])) == value for name, value in take.items())


def deals_of(tables: Tables, take: Mapping[str, str], known: Collection[str] = ()) -> Iterator[DealRows]:
    """The rows of every opportunity that is to become a deal, or is one already. known: ids of opportunities that are."""
    lines: dict[str, list[str]] = {}
    for key, row in tables.of(LINE).items():
        lines.setdefault(row.get("opportunityid") or "", []).append(key)
    quote_lines: dict[str, list[str]] = {}
    for key, row in tables.of(QUOTE_LINE).items():
        quote_lines.setdefault(row.get("quoteid") or "", []).append(key)
    by_opportunity = {
        kind: {row["opportunityid"]: key for key, row in tables.of(kind).items() if row.get("opportunityid")}
        for kind in ("quote", "order")
    }
    for key, row in tables.of("opportunity").items():
        if key not in known and not is_taken(row, take):
            continue
        mine = [tables.of(LINE)[line] for line in lines.get(key, [])]
        entries = {line["pricebookentryid"] for line in mine if line.get("pricebookentryid")}
        products = {line["product2id"] for line in mine if line.get("product2id")} | {
            entry["product2id"]
            for one in entries
            if (entry := tables.of("pricebook_entry").get(one or "")) is not None and entry.get("product2id")
        }
        quote = row.get("syncedquoteid") or by_opportunity["quote"].get(key)
        wanted: dict[str, Sequence[str | None]] = {
            "opportunity": [key],
            "account": [row.get("accountid")],
            "contract": [row.get("contractid")],
            "quote": [quote],
            QUOTE_LINE: quote_lines.get(quote or "", []) if quote else [],
            "order": [by_opportunity["order"].get(key)],
            LINE: lines.get(key, []),
            "product": sorted(filter(None, products)),
            "pricebook_entry": sorted(filter(None, entries)),
        }
        yield DealRows(
            {
                kind: {one: _business(held[one]) for one in names if one is not None and one in held}
                for kind, names in wanted.items()
                if (held := tables.of(kind)) and any(one in held for one in names if one is not None)
            }
        )


def _product_of(row: Row) -> str | None:
    return row.get("pricebookentryid") or row.get("product2id")


def _business(row: Row) -> Row:
    return {name: value for name, value in sorted(row.items()) if value is not None and is_business(name)}
