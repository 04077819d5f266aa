"""A deal's rows as a draft: terms with their sources, and one fate for every line and watched value (R-72 to R-74).

The same rows, mapping, books and edits give the same draft. What belongs here: which value becomes which term. What does not: what the
terms become in the books (`files.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from dagster_project.deals import values
from dagster_project.deals.known import known_of
from dagster_project.deals.rows import LINE, QUOTE_LINE, DealRows, Said, is_taken
from dagster_project.deals.salesforce import letters
from dagster_project.deals.values import Unreadable
from rating.books import Books, DealProduct, Deals, TermSource
from rating.books.currencies import MINOR_DIGITS

KINDS = ("new", "amendment", "renewal")
RENEWALS = ("extend", "follow")
GRANT_KEYS = ("amount", "price", "effective_at", "expires_at")


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person says of a term. over: what Salesforce said of it then."""

    value: str
    by: str
    at: str
    because: str
    over: str | None


@dataclass(frozen=True, slots=True)
class Dismissal:
    """What a person sets aside. of: what Salesforce said then."""

    by: str
    at: str
    because: str
    of: str | None


@dataclass(frozen=True, slots=True)
class Touched:
    """What people did to a deal, by term and by point.

    changed: fields that a later sync changed: object, record, field, what it said before and after.
    """

    edits: Mapping[str, Edit] = field(default_factory=dict)
    dismissals: Mapping[str, Dismissal] = field(default_factory=dict)
    changed: Sequence[tuple[str, str, str, str | None, str | None]] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a draft. source: object, record, field and raw; or value; or by, at and because. synced: what Salesforce says."""

    name: str
    value: str
    source: Mapping[str, str]
    synced: str | None = None


FATES = ("mapped", "dismissed", "nothing", "open")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a line or a watched value. point: by which it is dismissed. fate: mapped, dismissed, nothing or open."""

    point: str
    what: str
    fate: str
    says: str
    raw: Mapping[str, str]
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """Something else that a person has to look at; is_final: no dismissal helps."""

    point: str
    says: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What a deal comes to as it stands."""

    opportunity: str
    name: str
    kind: str | None
    customer: str
    contract: str
    terms: tuple[Term, ...]
    fates: tuple[Fate, ...]
    points: tuple[Point, ...]
    amount: str | None
    currency: str | None

    def value(self, term: str) -> str | None:
        return next((one.value for one in self.terms if one.name == term), None)

    def stamp_of(self, point: str) -> str | None:
        """What a dismissal of a point is bound to: what it says now. None where there is none that can be dismissed."""
        for fate in self.fates:
            if fate.point == point:
                return stamp(fate.raw)
        return next((one.says for one in self.points if one.point == point and not one.is_final), None)

    @property
    def open_points(self) -> list[tuple[str, str]]:
        """What has to be settled before anybody can approve: point, and a sentence."""
        return [(one.point, f"{one.what}: {one.says}") for one in self.fates if one.fate == "open"] + [
            (one.point, one.says) for one in self.points
        ]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line item, or a watched value, on its way to a fate. sets: the terms that it sets, and what it says of each."""

    id: str
    what: str
    raw: Mapping[str, str]
    product: DealProduct | None = None
    sets: Mapping[str, Said | str] = field(default_factory=dict)
    fault: str | None = None


def draft(rows: DealRows, deals: Deals, books: Books, touched: Touched) -> Draft:
    """The draft of a deal under these books."""
    return _Drafting(rows, deals, books, touched).drafted()


def heading(rows: DealRows, deals: Deals, books: Books, touched: Touched) -> Draft:
    """What a list says of a deal: its draft without lines, fates and points."""
    return _Drafting(rows, deals, books, touched).headed()


class _Drafting:
    def __init__(self, rows: DealRows, deals: Deals, books: Books, touched: Touched) -> None:
        self._rows, self._deals, self._known, self._touched = rows, deals, known_of(books), touched
        self._quoted = rows.quote_lines_of
        self._reads_quote_lines = any(name.startswith(f"{QUOTE_LINE}.") for name in fields_of(deals))
        self._terms: dict[str, Term] = {}
        self._unread: dict[str, str] = {}  # why a term could not be read, by its name
        self._fates: list[Fate] = []
        self._points: list[Point] = []

    def headed(self) -> Draft:
        kind = self._kind()
        customer, contract = self._id("customer", "account"), self._id("contract", "opportunity")
        self._take_term("plan", self._deals.terms.get("plan", ()))
        if "plan" in self._touched.edits:
            self._take_edit("plan")
        return self._draft(kind, customer, contract, self._currency(), self._amount())

    def drafted(self) -> Draft:
        deals = self._deals
        kind = self._kind()
        customer, contract = self._id("customer", "account"), self._id("contract", "opportunity")
        for name, sources in deals.terms.items():
            self._take_term(name, sources)
        self._take_end()
        for name in sorted(self._touched.edits):
            if name in deals.terms or name == "end_date":
                self._take_edit(name)
        currency = self._currency()
        self._take_lines(currency)
        for name in sorted(self._touched.edits):
            if name not in self._terms:
                self._take_edit(name)
        self._watch()
        self._require(kind, contract)
        amount = self._amount()
        self._tell_changes()
        self._points += [
            Point(f"term:{name}", says) for name, says in sorted(self._unread.items()) if name not in self._touched.edits
        ]
        return self._draft(kind, customer, contract, currency, amount)

    def _draft(self, kind: str | None, customer: str, contract: str, currency: str | None, amount: str | None) -> Draft:
        rows = self._rows
        return Draft(
            rows.opportunity,
            str(rows.records["opportunity"][rows.opportunity].get("name") or rows.opportunity),
            kind,
            customer,
            contract,
            tuple(self._terms[name] for name in sorted(self._terms)),
            tuple(self._fates),
            tuple(point for point in self._points if point.is_final or not self._is_dismissed(point.point, point.says)),
            amount,
            currency,
        )

    # --- single values ---------------------------------------------------------------------------------------------------------

    def _kind(self) -> str | None:
        if (edit := self._touched.edits.get("kind")) is not None:
            return edit.value
        said = self._rows.said(self._deals.kind.field)
        value = None if said is None else said.raw.casefold()
        for kind in KINDS:
            if value is not None and value in [one.casefold() for one in getattr(self._deals.kind, kind)]:
                return kind
        shown = "nothing" if said is None else f"`{said.raw}`"
        says = f"{self._deals.kind.field} says {shown}, which is no kind of deal: set kind to one of {', '.join(KINDS)}."
        self._points.append(Point("term:kind", says, is_final=True))
        return None

    def _id(self, what: str, kind: str) -> str:
        if (edit := self._touched.edits.get(what)) is not None:
            return edit.value
        name = getattr(self._deals.ids, what)
        said = None if name is None else self._rows.said(name)
        if said is not None:
            return said.raw
        return f"sf-{next(iter(self._rows.records.get(kind, {})), self._rows.opportunity)}"

    def _take_term(self, name: str, sources: Sequence[TermSource]) -> None:
        found = self._rows.first(sources)
        if found is None:
            return
        raw = found.raw if isinstance(found, Said) else found
        try:
            self._put(name, self._read(name, raw), found)
        except Unreadable as error:
            self._unread[name] = f"{name}: {error}."

    def _read(self, name: str, raw: str) -> str:
        base = name.rpartition(".")[2] if name.startswith("grant:") else name
        if name.startswith("rate_override:"):
            return values.price(raw)
        if base in ("amount", "price", *values.MONEY):
            return values.money(raw, MINOR_DIGITS.get(self._currency() or "", 2))
        if base in ("effective_at", "expires_at"):
            return values.day(raw)
        if base == "term_months":
            return str(values.months(raw))
        return values.READERS[base](raw)

    def _put(self, name: str, value: str, found: Said | str) -> None:
        source = (
            {"object": found.object, "record": found.record, "field": found.field, "raw": found.raw}
            if isinstance(found, Said)
            else {"value": found}
        )
        self._terms[name] = Term(name, value, source, value)

    def _take_end(self) -> None:
        """A term of so many months as the day after its last."""
        length, start = self._terms.pop("term_months", None), self._terms.get("start_date")
        if length is None or start is None:
            return
        end = values.months_after(date.fromisoformat(start.value), int(length.value))
        self._terms["end_date"] = Term("end_date", f"{end}", length.source, f"{end}")

    def _take_edit(self, name: str) -> None:
        edit, before = self._touched.edits[name], self._terms.get(name)
        if name in ("kind", "customer", "contract"):
            return
        synced = None if before is None else before.value
        source = {"by": edit.by, "at": edit.at, "because": edit.because}
        self._terms[name] = Term(name, edit.value, source, synced)
        if synced not in (edit.over, edit.value):
            self._conflict(name, edit, synced)

    def _conflict(self, name: str, edit: Edit, synced: str | None) -> None:
        now, then = synced or "nothing", edit.over or "nothing"
        says = f"{name}: {edit.by} set {edit.value} where Salesforce said {then}; it says {now} now. Set it again."
        self._points.append(Point(f"term:{name}", says, is_final=True))

    def _amount(self) -> str | None:
        amount = None if self._deals.amount is None else self._rows.said(self._deals.amount)
        return None if amount is None else amount.raw

    def _currency(self) -> str | None:
        plan = self._terms.get("plan")
        return None if plan is None else self._known.currencies.get(plan.value)

    # --- lines -----------------------------------------------------------------------------------------------------------------

    def _take_lines(self, currency: str | None) -> None:
        products = {product.code: product for product in self._deals.products}
        lines = [self._line(line, products) for line in self._rows.lines]
        claims = Counter(name for line in lines for name in line.sets)
        for line in lines:
            self._settle(line, claims, currency)

    def _line(self, line: str, products: Mapping[str, DealProduct]) -> _Line:
        code = self._rows.product_code(line)
        what = f"{self._rows.name_of(line)} ({code or 'no product code'})"
        raw = {name: str(value) for name, value in self._rows.records["line"][line].items()}
        if self._reads_quote_lines and (quoted := self._quoted.get(line)) is not None:
            raw |= {f"{QUOTE_LINE}.{name}": str(value) for name, value in self._rows.records[QUOTE_LINE][quoted].items()}
        product = products.get(code or "")
        if product is None:
            return _Line(line, what, raw, fault="no product of the mapping has this code")
        try:
            return _Line(line, what, raw, product, dict(self._terms_of(line, product)))
        except Unreadable as error:
            return _Line(line, what, raw, product, fault=str(error))

    def _settle(self, line: _Line, claims: Counter[str], currency: str | None) -> None:
        """Decide a line's fate, and take its terms where it has none but good ones."""
        if line.product is not None and line.product.sets == "nothing":
            self._fate(line, "nothing", str(line.product.because))
            return
        faults = [] if line.fault is None else [line.fault]
        if line.product is not None:
            faults += self._line_faults(line.id, line.product, currency)
        faults += [f"{name} is set more than once" for name in line.sets if claims[name] > 1 or self._is_of_opportunity(name)]
        read: dict[str, str] = {}
        for name, source in line.sets.items():
            try:
                read[name] = self._read(name, source.raw if isinstance(source, Said) else source)
            except Unreadable as error:
                faults.append(str(error))
        edited = [name for name in line.sets if name in self._touched.edits]
        for name in edited:
            self._edit_line_term(name, read.get(name))
        if (faults and len(edited) < sum(not name.endswith("_at") for name in line.sets)) or (faults and not line.sets):
            self._fate(line, "open", "; ".join(faults))
            return
        for name, value in read.items():
            if name not in edited:
                self._put(name, value, line.sets[name])
        self._fate(line, "mapped", ", ".join(line.sets))

    def _is_of_opportunity(self, name: str) -> bool:
        return name in self._deals.terms and name in self._terms and name not in self._touched.edits

    def _edit_line_term(self, name: str, value: str | None) -> None:
        edit = self._touched.edits[name]
        self._terms[name] = Term(name, edit.value, {"by": edit.by, "at": edit.at, "because": edit.because}, value)
        if value not in (None, edit.over, edit.value):
            self._conflict(name, edit, value)

    def _terms_of(self, line: str, product: DealProduct) -> Iterator[tuple[str, Said | str]]:
        """The terms that a line sets, each with what it says. Raises `Unreadable` where a needed value is empty."""
        if product.sets in values.MONEY:
            yield product.sets, self._needed(line, product, "value")
        elif product.sets == "rate_override":
            pairs = []
            for key, sources in (product.dimensions or {}).items():
                said = self._rows.first(sources, line)
                if said is None:
                    raise Unreadable(f"the value of {key} is empty")
                pairs.append(f"{key}={values.group_value(said.raw if isinstance(said, Said) else said)}")
            yield f"rate_override:{product.meter}:{','.join(pairs)}", self._needed(line, product, "rate")
        else:
            for key in GRANT_KEYS:
                sources = getattr(product, key)
                if sources is None:
                    continue
                if key in ("amount", "price"):
                    yield f"grant:sf-{line}.{key}", self._needed(line, product, key)
                elif (said := self._rows.first(sources, line)) is not None:
                    yield f"grant:sf-{line}.{key}", said

    def _needed(self, line: str, product: DealProduct, key: str) -> Said | str:
        said = self._rows.first(getattr(product, key), line)
        if said is None:
            names = ", ".join(str(source.field) for source in getattr(product, key))
            raise Unreadable(f"{names} is empty")
        return said

    def _line_faults(self, line: str, product: DealProduct, currency: str | None) -> Iterator[str]:
        spoken = [
            self._rows.said(name, line)
            for name in ("currency_iso_code", "opportunity.currency_iso_code", f"{QUOTE_LINE}.currency_iso_code")
        ]
        foreign = {one.raw for one in spoken if one is not None and one.raw.upper() != currency}
        if foreign and currency is not None:
            yield f"it is in {', '.join(sorted(foreign))}, and the plan in {currency}"
        read = [source.field or "" for source in (*(product.value or ()), *(product.rate or ()), *(product.amount or ()))]
        for kind in (LINE, QUOTE_LINE):
            is_read = any(_is_field(name, kind, "unitprice") for name in read)
            quantity = self._rows.said(f"{kind}.quantity", line) if is_read else None
            if quantity is not None and quantity.raw != "1":
                yield f"its quantity is {quantity.raw}, and the mapping reads the price of one"
        if product.sets == "rate_override" and product.meter is not None:
            yield from self._unknown_values(line, product)

    def _unknown_values(self, line: str, product: DealProduct) -> Iterator[str]:
        """Values that no card of the plan's prices: a spelling that nobody knows prices nothing."""
        known = self._known.values(str(product.meter), self._plan())
        for place, (key, sources) in enumerate((product.dimensions or {}).items()):
            said = self._rows.first(sources, line)
            value = said.raw if isinstance(said, Said) else said
            if place < len(known) and known[place] and value not in (None, "*") and value not in known[place]:
                yield f"{product.meter} knows no {key} `{value}`; it prices {', '.join(sorted(known[place]))}"

    def _plan(self) -> str | None:
        plan = self._terms.get("plan")
        return None if plan is None else plan.value

    def _fate(self, line: _Line, fate: str, says: str, point: str | None = None) -> None:
        point = point or line_point(line.id)
        if fate == "open" and self._is_dismissed(point, stamp(line.raw)):
            dismissal = self._touched.dismissals[point]
            fate, says = "dismissed", f"{dismissal.because} ({dismissal.by})"
        terms = tuple(line.sets) if fate == "mapped" else ()
        self._fates.append(Fate(point, line.what, fate, says, line.raw, terms))

    def _is_dismissed(self, point: str, said: str) -> bool:
        found = self._touched.dismissals.get(point)
        return found is not None and found.of == said

    # --- what needs a person ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        for point, said, line in watched_values(self._rows, self._deals):
            where = f"{said.object}.{said.field}" + (f" of {self._rows.name_of(line)}" if line else "")
            watched = _Line(line or "", where, {letters(said.field): said.raw})
            self._fate(watched, "open", f"says `{said.raw}`, which no mapping can read", point)

    def _tell_changes(self) -> None:
        for kind, record, name, before, after in self._touched.changed:
            if (kind, name) not in self._rows.read:
                says = f"{kind} {record}: {name} was {before or 'empty'} and is {after or 'empty'} now; no mapping reads it."
                self._points.append(Point(f"changed:{kind}:{record}:{name}", says))

    def _require(self, kind: str | None, contract: str) -> None:
        row = self._rows.records["opportunity"][self._rows.opportunity]
        if not is_taken(row, self._deals.take):
            said = ", ".join(f"{name} {row.get(letters(name)) or 'empty'}" for name in self._deals.take)
            self._points.append(Point("taken", f"The opportunity is no closed deal any more ({said}).", is_final=True))
        if not self._rows.lines:
            self._points.append(Point("lines", "The deal has no line items."))
        for key in self._strange_quote_lines():
            named = self._rows.records[QUOTE_LINE][key].get("name") or key
            says = f"{named} of the quote belongs to no line of the deal, or several belong to one."
            self._points.append(Point(f"{QUOTE_LINE}:{key}", says))
        for name in ("plan", "start_date"):
            if name not in self._terms and name not in self._unread:
                self._points.append(Point(f"term:{name}", f"{name} is empty: set it.", is_final=True))
        plan = self._plan()
        plans = list(self._known.currencies)
        if plan is not None and plan not in plans:
            self._points.append(
                Point("term:plan", f"There is no plan `{plan}`; the books have {', '.join(plans)}.", is_final=True)
            )
        stands = contract in self._known.contracts
        follows = kind == "renewal" and "renewal" in self._terms and self._terms["renewal"].value == "follow"
        if (kind == "new" or follows) and stands:
            self._points.append(Point("term:contract", f"The books have a contract `{contract}` already.", is_final=True))
        if kind in ("amendment", "renewal") and not follows and not stands:
            self._points.append(
                Point("term:contract", f"The books have no contract `{contract}` to change: set contract.", is_final=True)
            )

    def _strange_quote_lines(self) -> list[str]:
        """Quote lines that no line reads, where the mapping reads quote lines at all."""
        if not self._reads_quote_lines:
            return []
        return [key for key in self._rows.records.get(QUOTE_LINE, {}) if key not in self._quoted.values()]


def fields_of(deals: Deals) -> set[str]:
    """Every field that a mapping names, as `object.field`."""
    found = [deals.kind.field, deals.ids.customer, deals.ids.contract, deals.amount, *deals.watch]
    found += [name if "." in name else f"opportunity.{name}" for name in deals.take]
    found += [source.field for sources in deals.terms.values() for source in sources]
    for product in deals.products:
        for sources in (
            product.value,
            product.rate,
            product.amount,
            product.price,
            product.effective_at,
            product.expires_at,
            *(product.dimensions or {}).values(),
        ):
            named = [source.field for source in sources or () if source.field is not None]
            found += [name if "." in name else f"{LINE}.{name}" for name in named]
    return {name for name in found if name is not None}


def _is_field(name: str, kind: str, field: str) -> bool:
    named, _, column = name.rpartition(".")
    return (named or LINE) == kind and letters(column) == field


def line_point(line: str) -> str:
    """The point of a line item."""
    return f"line:{line}"


def watched_values(rows: DealRows, deals: Deals) -> Iterator[tuple[str, Said, str | None]]:
    """Watched values that say something: their point, what they say, and the line that they stand at."""
    for name in deals.watch:
        each: list[str | None] = [*rows.lines] if name.startswith((f"{LINE}.", f"{QUOTE_LINE}.")) else [None]
        for line in each:
            said = rows.said(name, line)
            if said is not None and said.raw not in ("0", "false"):
                yield f"watch:{said.object}:{said.record}:{letters(said.field)}", said, line


def stamp(raw: Mapping[str, str]) -> str:
    """What a row says, as one text."""
    return ", ".join(f"{name}={value}" for name, value in sorted(raw.items()))
