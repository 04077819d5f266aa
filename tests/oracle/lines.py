"""The lines of a document (R-22..R-29, R-35, R-38, R-39): one pricing, one combination, one window, one day at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from functools import partial

from tests.oracle.books import PER_WINDOW, Contract, Grant, day_of
from tests.oracle.calendar import Period, Window, windows
from tests.oracle.exact import EXACT_AMOUNT_DIGITS, exact, half_away
from tests.oracle.metering import UsageRow
from tests.oracle.prices import Combination, Price, resolve, tariff, tier_holding

LineKey = tuple[str, str | None, Combination | None, datetime | None, datetime | None]

ZERO = Fraction(0)


@dataclass
class Line:
    """One line, with the names of `tables.INVOICE_LINES`; `shares` says how much of the amount accrued in which window."""

    kind: str
    description: str
    quantity: Fraction
    exact_amount: Fraction
    amount: Fraction
    pricing_code: str | None = None
    meter_code: str | None = None
    group_values: Combination | None = None
    unit_rate: Fraction | None = None
    per: Fraction | None = None
    rate_source: str | None = None
    price_from: datetime | None = None
    service_start: datetime | None = None
    event_count: int = 0
    credits_applied: Fraction = ZERO
    shares: dict[Window, Fraction] = field(default_factory=dict)

    @property
    def key(self) -> LineKey:
        """What re-rating matches lines by (R-42)."""
        return (self.kind, self.pricing_code, self.group_values, self.price_from, self.service_start)


def period_lines(contract: Contract, period: Period, usage: list[UsageRow]) -> list[Line]:
    """The lines of a period invoice, in order (R-38), but for shortfalls of commitments, which other periods have a part in."""
    rated = usage_lines(contract, period, usage)
    return [
        *rated,
        *base_fee(contract, period),
        *flat_fees(contract, period),
        *maximum_spend(contract, period, rated),
        *minimum_commitment(contract, period, rated),
        *manual(contract, period),
    ]


def pricing_order(contract: Contract, period: Period) -> list[str]:
    """The pricings of the plan at the period's start, then what later plans add (R-38)."""
    starts = [window.start for window in windows(period, contract.changes())]
    return list(dict.fromkeys(code for start in starts for code in contract.pricings_on(contract.day(start))))


# --- usage ----------------------------------------------------------------------------------------------------------------------


def usage_lines(contract: Contract, period: Period, usage: list[UsageRow]) -> list[Line]:
    lines: list[Line] = []
    for pricing_code in pricing_order(contract, period):
        meter_code = contract.books.pricings[pricing_code].get("meter")
        if meter_code:
            rows = [row for row in usage if row.meter_code == meter_code]
            lines += pricing_lines(contract, period, pricing_code, rows)
    return lines


def pricing_lines(contract: Contract, period: Period, pricing_code: str, rows: list[UsageRow]) -> list[Line]:
    """All lines of one pricing: combinations in order of their values, missing last."""
    pricing = contract.books.pricings[pricing_code]
    spans = rated_windows(contract, period, pricing_code)
    rows = [row for row in rows if any(span.start == row.window_start for span in spans)]
    if pricing.get("prorate"):
        rows = [replace(row, quantity=half_away(row.quantity * share_of_days(contract, period, row), 9)) for row in rows]
    combinations = sorted(
        {row.group_values for row in rows}, key=lambda values: [(value is None, value or "") for value in values]
    )
    whole = sum((row.quantity for row in rows), ZERO)
    lines = []
    for combination in combinations:
        own = {row.window_start: row for row in rows if row.group_values == combination}
        reached = whole if pricing.get("tier_scope") == "pricing" else sum((row.quantity for row in own.values()), ZERO)
        lines += combination_lines(contract, pricing_code, combination, spans, own, reached)
    return lines


def share_of_days(contract: Contract, period: Period, row: UsageRow) -> Fraction:
    return Fraction((contract.day(row.window_end) - contract.day(row.window_start)).days, period.full_days)


def rated_windows(contract: Contract, period: Period, pricing_code: str) -> list[Window]:
    """The windows, or plan intervals of what is not additive, that this pricing rates: those whose plan holds it (R-18, R-101)."""
    meter = contract.books.meters[contract.books.pricings[pricing_code]["meter"]]
    spans = windows(period, contract.changes()) if meter["aggregation"] in PER_WINDOW else contract.plan_intervals(period)
    return [span for span in spans if pricing_code in contract.pricings_on(contract.day(span.start))]


def combination_lines(
    contract: Contract,
    pricing_code: str,
    combination: Combination,
    spans: list[Window],
    rows: dict[datetime, UsageRow],
    whole: Fraction,
) -> list[Line]:
    """One line for every run of adjoining windows with one price that has usage (R-38)."""
    prices = {span: resolve(contract, pricing_code, combination, span.start) for span in spans}
    quantities = {span: rows[span.start].quantity if span.start in rows else ZERO for span in spans}
    runs = [run for run in runs_of_one_price(spans, prices) if any(span.start in rows for span in run)]
    flat_on = window_of_the_flat_amount(runs, quantities)
    lines = []
    reached = ZERO
    for run in runs:
        price = prices[run[0]]
        exact_shares: dict[Window, Fraction] = {}
        for span in run:
            quantity = quantities[span]
            if price.model == "volume":
                exact_shares[span] = volume_share(price, quantity, whole, with_flat=span == flat_on)
            else:
                exact_shares[span] = tariff(price, reached + quantity) - tariff(price, reached)
            reached += quantity
        own = [rows[span.start] for span in run if span.start in rows]
        line = usage_line(contract, pricing_code, combination, price, exact_shares, own)
        if price.model == "volume":
            line.unit_rate = tier_holding(price.tiers, whole).unit_amount
        lines.append(line)
    return lines


def runs_of_one_price(spans: list[Window], prices: dict[Window, Price]) -> list[list[Window]]:
    runs: list[list[Window]] = []
    for span in spans:
        adjoins = bool(runs) and runs[-1][-1].end == span.start
        if adjoins and prices[runs[-1][-1]] == prices[span]:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def window_of_the_flat_amount(runs: list[list[Window]], quantities: dict[Window, Fraction]) -> Window | None:
    """Volume's flat amount goes to the first line that has usage, there to the first window that has (R-27)."""
    for run in runs:
        if sum((quantities[span] for span in run), ZERO) != 0:
            return next(span for span in run if quantities[span] != 0)
    return None


def volume_share(price: Price, quantity: Fraction, whole: Fraction, *, with_flat: bool) -> Fraction:
    """R-24, R-27: the window's quantity at the tier that holds the whole; zero or less enters no tier and owes no flat amount."""
    tier = tier_holding(price.tiers, whole)
    flat = tier.flat_amount if with_flat and whole > 0 else ZERO
    return quantity * tier.unit_amount / price.per + flat


def usage_line(
    contract: Contract,
    pricing_code: str,
    combination: Combination,
    price: Price,
    exact_shares: dict[Window, Fraction],
    rows: list[UsageRow],
) -> Line:
    meter_code = contract.books.pricings[pricing_code]["meter"]
    exact_amount = sum(exact_shares.values(), ZERO)
    return Line(
        kind="usage",
        description=usage_description(contract.books.meters[meter_code]["display_name"], combination),
        quantity=sum((row.quantity for row in rows), ZERO),
        exact_amount=half_away(exact_amount, EXACT_AMOUNT_DIGITS),
        amount=half_away(exact_amount, contract.minor_digits),
        pricing_code=pricing_code,
        meter_code=meter_code,
        group_values=combination,
        unit_rate=price.unit_amount,
        per=price.per,
        rate_source=price.source,
        price_from=next(iter(exact_shares)).start,
        event_count=sum(row.event_count for row in rows),
        shares=rounded_shares(exact_shares, contract.minor_digits),
    )


def rounded_shares(exact_shares: dict[Window, Fraction], minor_digits: int) -> dict[Window, Fraction]:
    """A window's share is the difference of the rounded running sum (R-38), so that the shares sum to the amount."""
    shares = {}
    running = ZERO
    for window, share in exact_shares.items():
        shares[window] = half_away(running + share, minor_digits) - half_away(running, minor_digits)
        running += share
    return shares


def usage_description(name: str, combination: Combination) -> str:
    """R-39: `AI Calls - US / Resolved`."""
    if not combination:
        return name
    return f"{name} - {' / '.join('(none)' if value is None else value[:1].upper() + value[1:] for value in combination)}"


# --- fees -----------------------------------------------------------------------------------------------------------------------


def prorated(period: Period, amount_on: Callable[[date], Fraction]) -> Fraction:
    """R-28: every local day of the period brings its share of that day's amount; rounded by nobody yet."""
    return sum((amount_on(day) / period.full_days for day in period.days()), ZERO)


def fee_line(
    contract: Contract, period: Period, kind: str, description: str, owed: Fraction, pricing_code: str | None
) -> list[Line]:
    """The line of a fee; none where it comes to 0."""
    amount = half_away(owed, contract.minor_digits)
    if not amount:
        return []
    exact_amount = half_away(owed, EXACT_AMOUNT_DIGITS)
    return [Line(kind, description, Fraction(1), exact_amount, amount, pricing_code=pricing_code, price_from=period.start)]


def base_fee(contract: Contract, period: Period, *, in_advance: bool = False) -> list[Line]:
    owed = prorated(
        period, lambda day: contract.base_fee_on(day) if contract.pays_base_fee_in_advance_on(day) is in_advance else ZERO
    )
    return fee_line(contract, period, "base_fee", "Base fee", owed, None)


def fees_in_advance(contract: Contract, period: Period) -> list[Line]:
    """R-104: what has to be paid for a period before it."""
    fees = [*base_fee(contract, period, in_advance=True), *flat_fees(contract, period, in_advance=True)]
    return [replace(fee, service_start=period.start) for fee in fees]


def amount_on(contract: Contract, pricing_code: str, day: date) -> Fraction:
    """The amount of a flat or one-time pricing on a day; 0 while the plan does not hold it."""
    if pricing_code not in contract.pricings_on(day):
        return ZERO
    entry = contract.pricing_override_at(pricing_code, contract.instant(day)) or contract.books.pricings[pricing_code]
    return exact(entry["amount"])


def flat_fees(contract: Contract, period: Period, *, in_advance: bool = False) -> list[Line]:
    lines: list[Line] = []
    for code in pricing_order(contract, period):
        pricing = contract.books.pricings[code]
        if pricing["model"] == "flat" and (pricing.get("billing") == "in_advance") is in_advance:
            owed = prorated(period, partial(amount_on, contract, code))
            lines += fee_line(contract, period, "flat", pricing.get("name", code), owed, code)
    return lines


def minimum_commitment(contract: Contract, period: Period, rated: list[Line]) -> list[Line]:
    """R-29: what the usage lines lack of the minimum spend; days without one ask for nothing."""
    if all(contract.minimum_spend_on(day) is None for day in period.days()):
        return []
    owed = prorated(period, lambda day: contract.minimum_spend_on(day) or ZERO)
    lacking = owed - sum((line.amount for line in rated), ZERO)
    return fee_line(contract, period, "minimum_commitment", "Minimum commitment", lacking, None) if lacking > 0 else []


def maximum_spend(contract: Contract, period: Period, rated: list[Line]) -> list[Line]:
    """R-105: what usage in windows with a maximum is beyond it, taken back; days without one have no part in the bound."""
    if all(contract.maximum_spend_on(day) is None for day in period.days()):
        return []
    owed = prorated(period, lambda day: contract.maximum_spend_on(day) or ZERO)
    accrued = sum((share for line in rated for window, share in line.shares.items() if has_maximum(contract, window)), ZERO)
    beyond = accrued - half_away(owed, contract.minor_digits)
    if beyond <= 0:
        return []
    exact_amount = half_away(owed, EXACT_AMOUNT_DIGITS) - accrued
    return [Line("maximum_spend", "Maximum spend", Fraction(1), exact_amount, -beyond, price_from=period.start)]


def has_maximum(contract: Contract, window: Window) -> bool:
    return contract.maximum_spend_on(contract.day(window.start)) is not None


def shortfalls(contract: Contract, period: Period, charged: list[tuple[datetime, Line]]) -> list[Line]:
    """R-106: what commitments ask for that end in the period, or in the contract's last one.

    charged: (end of the period, line) of every line up to now that may count, as it is now or as it was issued.
    """
    lines = []
    for commitment in sorted(contract.entry.get("commitments") or [], key=lambda commitment: commitment["id"]):
        begins, ends = (contract.instant(day_of(commitment[key])) for key in ("from", "to"))
        is_last = contract.end is not None and period.end >= contract.end
        if not (period.start < ends and (ends <= period.end or is_last)):
            continue
        meters = commitment.get("meters")
        counted = ZERO
        for period_end, line in charged:
            if line.kind == "usage" and (meters is None or line.meter_code in meters):
                counted += sum((share for window, share in line.shares.items() if begins < window.end <= ends), ZERO)
            elif line.kind in ("maximum_spend", "minimum_commitment") and meters is None and begins < period_end <= ends:
                counted += line.amount
        missing = exact(commitment["amount"]) - counted
        if missing > 0:
            name = f"Commitment shortfall {commitment['id']}"
            lines.append(
                Line(
                    "commitment_shortfall",
                    name,
                    Fraction(1),
                    missing,
                    missing,
                    pricing_code=commitment["id"],
                    price_from=period.start,
                )
            )
    return lines


def manual(contract: Contract, period: Period) -> list[Line]:
    """R-109: what was agreed on by hand for a day of the period, by day and id."""
    agreed = [charge for charge in contract.entry.get("charges") or [] if day_of(charge["on"]) in period.days()]
    lines = []
    for charge in sorted(agreed, key=lambda charge: (charge["on"], charge["id"])):
        amount = exact(charge["amount"])
        lines.append(
            Line("manual", charge["name"], Fraction(1), amount, amount, pricing_code=charge["id"], price_from=period.start)
        )
    return lines


# --- initial invoices -----------------------------------------------------------------------------------------------------------


def one_time_charges(contract: Contract) -> list[Line]:
    """The one-time pricings of the plan at the contract's start (R-28)."""
    lines = []
    for code in contract.pricings_on(contract.start_date):
        pricing = contract.books.pricings[code]
        amount = amount_on(contract, code, contract.start_date) if pricing["model"] == "one_time" else ZERO
        if amount:
            name = pricing.get("name", code)
            lines.append(Line("one_time", name, Fraction(1), amount, amount, pricing_code=code, price_from=contract.start))
    return lines


def prepaid_purchase(grant: Grant, day_start: datetime) -> Line:
    """The price of a prepaid grant (R-35)."""
    return Line(
        "prepaid_purchase", f"Prepaid credits {grant.grant_id}", Fraction(1), grant.price, grant.price, price_from=day_start
    )
