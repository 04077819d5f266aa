"""The shape of the books: which keys there are, and what kind of value each takes.

What belongs here: shape, defaults that need no other object, and short names for what a model says. What does not: any rule
that looks at two values at once (see `checks`). All models are frozen and refuse unknown keys (R-5).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rating.books.values import (
    Anchor,
    Boolean,
    Clock,
    Code,
    Columns,
    ComparedValue,
    Count,
    Day,
    Days,
    GroupValue,
    Header,
    Interval,
    Moment,
    Money,
    Number,
    Patterns,
    Percent,
    Percentile,
    PositiveMoney,
    PositivePrice,
    PositiveQuantity,
    Price,
    Priority,
    PropertyColumns,
    Separator,
    Share,
    SignedMoney,
    SignedPrice,
    Text,
    Threshold,
    Times,
)

ONE = Decimal(1)

Aggregation = Literal["sum", "count", "max", "min", "unique", "latest", "average", "percentile", "level", "counter"]
PricingModel = Literal["per_unit", "graduated", "volume", "package", "bps", "flat", "one_time"]
Billing = Literal["in_advance", "in_arrears"]  # of base fees and flat fees
Frequency = Literal["weekly", "monthly", "quarterly", "semi_annually", "annually"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SelfServe(_Shape):
    """What an API key may agree without a review (R-63)."""

    grant_max: PositiveMoney | None = None
    grants_per_contract: Count | None = None


class Settings(_Shape):
    """What holds for the whole organization."""

    organization: Text | None = None
    address: Text | None = None
    currency: Code | None = None
    timezone: Code = "UTC"
    grace_days: Days = 3
    rerate_days: Days = 90
    fallback_warning_share: Share = Decimal("0.05")
    line_warning_count: Count = 50
    self_serve: SelfServe | None = None
    four_eyes: Boolean = True


# --- catalogue ---------------------------------------------------------------------------------------------------------------


class EventFilter(_Shape):
    include: tuple[Text, ...] | None = None
    exclude: tuple[Text, ...] | None = None


class Filter(_Shape):
    property: Text
    # `in` is no name in Python
    within: tuple[ComparedValue, ...] | None = Field(None, alias="in")
    not_in: tuple[ComparedValue, ...] | None = None
    exists: Boolean | None = None
    above: Threshold | None = None
    at_least: Threshold | None = None
    below: Threshold | None = None
    at_most: Threshold | None = None
    starts_with: Text | None = None


class Measured(_Shape):
    """What is read off an event: a property, or a formula over its numbers (R-90)."""

    property: Text | None = None
    formula: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A text is short for a property."""
        return value if isinstance(value, dict | cls) else {"property": value}

    def __str__(self) -> str:
        return self.property or self.formula or ""


class RoundEach(_Shape):
    """Each event's quantity is raised to the minimum, then up to the next multiple (R-91)."""

    up_to: PositiveQuantity | None = None
    minimum: PositiveQuantity | None = None


class Band(_Shape):
    at_most: Threshold | None = None
    value: ComparedValue


class HourRange(_Shape):
    value: ComparedValue
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] | None = None
    # `from` is no name in Python
    begins: Clock = Field("00:00", alias="from")
    to: Clock = "24:00"


class Hours(_Shape):
    zone: Code = "contract"
    ranges: tuple[HourRange, ...]
    otherwise: ComparedValue | None = None


class GroupKey(_Shape):
    """A property, or a value that is worked out where the event is read (R-94 to R-97)."""

    name: Text
    hours: Hours | None = None
    of: Measured | None = None
    bands: tuple[Band, ...] | None = None
    prefixes: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A text is short for a property of that name."""
        return value if isinstance(value, dict | cls) else {"name": value}


class Meter(_Shape):
    code: Code
    display_name: Text | None = None
    event_name: Text | None = None
    event_filter: EventFilter | None = None
    aggregation: Aggregation
    aggregation_key: Measured | None = None
    round_each: RoundEach | None = None
    percentile: Percentile | None = None
    interval: Interval | None = None
    from_zero: Boolean | None = None
    group_keys: tuple[GroupKey, ...] = ()
    filters: tuple[Filter, ...] = ()
    status: Literal["active", "inactive"] = "active"

    @property
    def group_names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.group_keys)


class Tier(_Shape):
    up_to: PositiveQuantity | None = None
    unit_amount: Price | None = None
    flat_amount: Price | None = None


class CardEntry(_Shape):
    dimensions: dict[str, GroupValue] = {}
    rate: Price | None = None
    tiers: tuple[Tier, ...] | None = None


class CardVersion(_Shape):
    effective_from: Moment
    entries: tuple[CardEntry, ...] | None = None
    entries_file: Text | None = None


class RateCard(_Shape):
    code: Code
    meter: Code
    per: PositiveQuantity = ONE
    entries: tuple[CardEntry, ...] | None = None
    entries_file: Text | None = None
    versions: tuple[CardVersion, ...] | None = None


class Pricing(_Shape):
    """One pricing; which keys its model takes is said in `PRICING_MODELS`."""

    code: Code
    name: Text | None = None
    model: PricingModel
    meter: Code | None = None
    rate_card: Code | None = None
    per: PositiveQuantity | None = None
    fallback_rate: Price | None = None
    unit_amount: Price | None = None
    tiers: tuple[Tier, ...] | None = None
    tier_scope: Literal["combination", "pricing"] | None = None
    package_size: PositiveQuantity | None = None
    bps: Price | None = None
    amount: SignedPrice | None = None
    billing: Billing | None = None
    prorate: Boolean = False

    @property
    def price_key(self) -> str:
        """The key that holds the price of the pricing itself, in the pricing and in an override of it."""
        if self.model == "per_unit":
            return "fallback_rate" if self.rate_card is not None else "unit_amount"
        return {"package": "unit_amount", "bps": "bps", "flat": "amount", "one_time": "amount"}.get(self.model, "tiers")

    @property
    def tiered(self) -> bool:
        return self.model in ("graduated", "volume")


class PricingKeys(NamedTuple):
    """The keys that a model needs, and those it may have, beside code, name, model and its price."""

    needed: frozenset[str]
    possible: frozenset[str] = frozenset()


PRICING_MODELS: dict[str, PricingKeys] = {
    "per_unit": PricingKeys(frozenset({"meter"}), frozenset({"rate_card", "per", "prorate"})),
    "graduated": PricingKeys(frozenset({"meter"}), frozenset({"rate_card", "per", "prorate"})),
    "volume": PricingKeys(frozenset({"meter"}), frozenset({"rate_card", "per", "prorate", "tier_scope"})),
    "package": PricingKeys(frozenset({"meter", "package_size"}), frozenset({"prorate"})),
    "bps": PricingKeys(frozenset({"meter"}), frozenset({"prorate"})),
    "flat": PricingKeys(frozenset(), frozenset({"billing"})),
    "one_time": PricingKeys(frozenset()),
}


class Plan(_Shape):
    code: Code
    name: Text | None = None
    currency: Code | None = None
    billing_frequency: Frequency = "monthly"
    base_fee: Price = Decimal(0)
    billing: Billing = "in_arrears"
    pricings: tuple[Code, ...] = ()
    net_terms: Days = 0
    maximum_spend: Price | None = None
    status: Literal["draft", "active", "archived"] = "active"
    self_serve: Boolean = False


# --- agreements --------------------------------------------------------------------------------------------------------------


class Customer(_Shape):
    id: Code
    external_id: Code | None = None
    name: Text | None = None
    legal_name: Text | None = None
    billing_address: Text | None = None
    contacts: tuple[Text, ...] | None = None


class RateOverride(_Shape):
    """The price of one combination (`meter`, `dimensions`, `rate`), or of a pricing (`pricing` and its price key); or `percent_off`
    the list prices of one of them, or of all usage (`plan: true`, R-103)."""

    meter: Code | None = None
    dimensions: dict[str, GroupValue] | None = None
    rate: Price | None = None
    pricing: Code | None = None
    fallback_rate: Price | None = None
    unit_amount: Price | None = None
    tiers: tuple[Tier, ...] | None = None
    bps: Price | None = None
    amount: SignedPrice | None = None
    percent_off: Percent | None = None
    plan: Boolean = False
    effective_from: Moment | None = None
    effective_to: Moment | None = None


PRICE_KEYS = ("fallback_rate", "unit_amount", "tiers", "bps", "amount")


class Amendment(_Shape):
    """New terms from a day on; a term that is named with null returns to the plan's (R-5b)."""

    effective_date: Day
    plan: Code | None = None
    base_fee: Price | None = None
    billing: Billing | None = None
    net_terms: Days | None = None
    minimum_spend: Price | None = None
    maximum_spend: Price | None = None
    rate_overrides: tuple[RateOverride, ...] = ()


class Charge(_Shape):
    """An amount agreed on by hand, billed with the period that holds its day (R-109)."""

    id: Code
    name: Text
    amount: SignedMoney
    on: Day
    reason: Text


class Commitment(_Shape):
    """An amount that usage has to reach over some time, billed as far as it does not (R-106)."""

    id: Code
    amount: PositiveMoney
    # `from` is no name in Python
    begins: Day = Field(alias="from")
    to: Day
    meters: tuple[Code, ...] | None = None


class Covered(_Shape):
    """One more customer whose events go to a contract, always or between two days (R-107)."""

    customer: Code
    # `from` is no name in Python
    begins: Day | None = Field(None, alias="from")
    to: Day | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A text is short for a customer that is always covered."""
        return value if isinstance(value, dict | cls) else {"customer": value}


class Contract(_Shape):
    id: Code
    customer: Code
    plan: Code
    start_date: Day
    end_date: Day | None = None
    billing_anchor: Anchor | None = None
    timezone: Code | None = None
    status: Literal["draft", "approved"]
    base_fee: Price | None = None
    billing: Billing | None = None
    net_terms: Days | None = None
    minimum_spend: Price | None = None
    maximum_spend: Price | None = None
    rate_overrides: tuple[RateOverride, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    charges: tuple[Charge, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    covers: tuple[Covered, ...] = ()


class Rollover(_Shape):
    """How much of a recurring grant's unused rest moves into the next one (R-111); a number alone is the maximum."""

    maximum: PositiveMoney
    again: Boolean = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"maximum": value} if isinstance(value, str | Number) else value


class CreditGrant(_Shape):
    id: Code
    contract: Code
    kind: Literal["prepaid", "promotional"]
    amount: PositiveMoney | None = None
    credits: PositiveQuantity | None = None
    credit_rate: PositivePrice | None = None
    price: Money | None = None
    effective_at: Moment | None = None
    expires_at: Moment | None = None
    applies_to: tuple[Code, ...] | None = None
    priority: Priority = 0
    covers: Literal["usage", "all"] = "usage"
    every: Literal["period"] | None = None
    until: Day | None = None
    times: Times | None = None
    periods: Times | None = None
    rollover: Rollover | None = None


# --- events from elsewhere -----------------------------------------------------------------------------------------------------


class SourceFormat(_Shape):
    """How a CSV file is written."""

    separator: Separator | None = None
    decimal: Literal[".", ","] = "."
    encoding: Code = "utf-8"
    header: Header = True


class SourceField(_Shape):
    """Where a field of an event comes from: the first of some columns that is filled, a constant, or columns joined."""

    column: Columns | None = None
    value: Text | None = None
    join: Columns | None = None
    # `with` is no name in Python
    joined_with: str = Field(":", alias="with")
    format: Text = "iso"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A text or a list is short for `column`."""
        return {"column": value} if isinstance(value, str | list | Number) else value


class SourceFields(_Shape):
    """The fields of an event that a foreign file calls otherwise."""

    event_name: SourceField | None = None
    customer_id: SourceField | None = None
    external_customer_id: SourceField | None = None
    contract_id: SourceField | None = None
    idempotency_key: SourceField | None = None
    timestamp: SourceField | None = None
    tombstone: SourceField | None = None
    received_at: SourceField | None = None

    def stated(self) -> dict[str, SourceField]:
        return {name: field for name, field in self if field is not None}


class Source(_Shape):
    """How files of some names in the inbox are read as events (R-113)."""

    files: Patterns
    format: SourceFormat | None = None
    timezone: Code | None = None
    records: Text | None = None
    fields: SourceFields = SourceFields()
    properties: PropertyColumns = None  # None: all
    on_change: Literal["both_count", "replace"] = "both_count"


# --- deals ---------------------------------------------------------------------------------------------------------------------


class TermSource(_Shape):
    """Where a term of a deal comes from: a field of a Salesforce object, or a constant."""

    field: Text | None = None
    value: ComparedValue | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A text is short for `field`."""
        return value if isinstance(value, dict | cls) else {"field": value}


TermSources = Annotated[tuple[TermSource, ...], BeforeValidator(lambda value: value if isinstance(value, list) else [value])]


class DealKind(_Shape):
    """Which values of a field make a deal a new contract, an amendment, or a renewal."""

    field: Text
    new: tuple[Text, ...] = ()
    amendment: tuple[Text, ...] = ()
    renewal: tuple[Text, ...] = ()


class DealIds(_Shape):
    customer: Text | None = None
    contract: Text | None = None


class DealProduct(_Shape):
    """What a line item with this product code sets."""

    code: Text
    sets: Literal[
        "base_fee", "minimum_spend", "maximum_spend", "rate_override", "prepaid_grant", "promotional_grant", "nothing"
    ]
    value: TermSources | None = None
    meter: Code | None = None
    dimensions: dict[str, TermSources] | None = None
    rate: TermSources | None = None
    amount: TermSources | None = None
    price: TermSources | None = None
    effective_at: TermSources | None = None
    expires_at: TermSources | None = None
    because: Text | None = None


class Deals(_Shape):
    """How closed opportunities become contracts (R-72)."""

    take: dict[str, ComparedValue]
    kind: DealKind
    ids: DealIds = DealIds()
    terms: dict[str, TermSources]
    products: tuple[DealProduct, ...] = ()
    watch: tuple[Text, ...] = ()
    amount: Text | None = None


# sections that are a mapping, stated once
ALONE: dict[str, type[BaseModel]] = {"settings": Settings, "deals": Deals}
SECTIONS: dict[str, type[BaseModel]] = {
    **ALONE,
    "meters": Meter,
    "rate_cards": RateCard,
    "pricings": Pricing,
    "plans": Plan,
    "customers": Customer,
    "contracts": Contract,
    "credit_grants": CreditGrant,
    "sources": Source,
}
