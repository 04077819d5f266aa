"""The books laid out in time: terms, billing periods and rating windows of every approved contract (R-6, R-17, R-18).

Pure calendar work: nothing here knows usage or money. dbt routes events by `windows`; the kernel prices by `terms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from rating import calendar, tables
from rating.catalog import Catalog

MONTHS_PER_PERIOD = {"monthly": 1, "quarterly": 3, "semi_annually": 6, "annually": 12}
# An event may be stamped up to an hour ahead of the run that lands it, so its period must exist by then.
EARLY_EVENTS = timedelta(hours=1)
END_OF_TIME = datetime(9999, 1, 1)  # noqa: DTZ001 - instants are naive UTC throughout


@dataclass(frozen=True, slots=True)
class Schedule:
    """PERIODS and WINDOWS up to as_of + 1 hour, and the terms of each contract as intervals of instants.

    `terms`: CONTRACT_TERMS with `valid_from`, `valid_to` (instants, half-open) instead of `effective_date`.
    `overrides`: RATE_OVERRIDES with `valid_from`, `valid_to`.
    `card_versions`: rate_card_code, timezone, effective_from, starts_at (as in RATE_CARDS), valid_from, valid_to.
    `serviced`, `serviced_windows`: PERIODS and WINDOWS of contracts with fees in advance (R-104), to the end of the period after the
    last of `periods`.
    """

    periods: pl.DataFrame
    windows: pl.DataFrame
    terms: pl.DataFrame
    overrides: pl.DataFrame
    card_versions: pl.DataFrame
    serviced: pl.DataFrame
    serviced_windows: pl.DataFrame

    def only(self, contracts: pl.Series) -> Schedule:
        """The schedule of some contracts; versions of cards belong to all."""
        periods, windows, terms, overrides, serviced, serviced_windows = (
            frame.filter(pl.col("contract_id").is_in(contracts.implode()))
            for frame in (self.periods, self.windows, self.terms, self.overrides, self.serviced, self.serviced_windows)
        )
        return Schedule(periods, windows, terms, overrides, self.card_versions, serviced, serviced_windows)


def build_schedule(catalog: Catalog, as_of: datetime, issued: pl.DataFrame | None = None) -> Schedule:
    """Lay the approved contracts of the books out up to as_of + 1 hour. Draft contracts have no periods (R-7).

    issued: INVOICES issued so far. A contract that is prolonged goes on with a new period at the end of its issued short one (R-42).
    """
    contracts = catalog.contracts.filter(pl.col("status") == "approved")
    terms = dated_terms(contracts, catalog)
    overrides = _overrides(contracts, catalog)
    card_versions = _card_versions(contracts, catalog)
    periods = _cut_where_issued(billing_periods(contracts, as_of + EARLY_EVENTS), contracts, issued)
    cuts = pl.concat(
        [
            terms.select("contract_id", cut="valid_from"),
            overrides.select("contract_id", cut="valid_from"),
            overrides.select("contract_id", cut="valid_to"),
            _card_cuts(contracts, terms, card_versions, catalog),
            *_commitment_cuts(contracts, catalog),
            catalog.credit_grants.select("contract_id", cut="effective_at"),
            catalog.credit_grants.select("contract_id", cut="expires_at"),
        ]
    )
    serviced = _serviced(_in_advance(contracts, terms, catalog), as_of + EARLY_EVENTS, issued)
    return Schedule(
        periods,
        _windows(periods, cuts, terms),
        terms,
        overrides,
        card_versions,
        serviced,
        _windows(serviced, cuts, terms),
    )


def in_force(at: str) -> pl.Expr:
    """Whether terms, an override or a version of a card on the same row are in force at an instant: [valid_from, valid_to)."""
    return (pl.col("valid_from") <= pl.col(at)) & (pl.col(at) < pl.col("valid_to"))


def _first_instant(frame: pl.DataFrame, date: str, into: str, zone: str = "timezone") -> pl.DataFrame:
    return frame.with_columns(calendar.first_instants(frame.get_column(date), frame.get_column(zone)).alias(into))


def dated_terms(contracts: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """CONTRACT_TERMS of contracts with valid_from and valid_to, their instants, instead of effective_date."""
    rows = catalog.contract_terms.join(contracts.select("contract_id", "timezone"), on="contract_id")
    return (
        _first_instant(rows, "effective_date", "valid_from")
        .sort("contract_id", "valid_from")
        .with_columns(valid_to=pl.col("valid_from").shift(-1).over("contract_id").fill_null(END_OF_TIME))
        .drop("effective_date", "timezone")
    )


def _overrides(contracts: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    rows = catalog.rate_overrides.join(contracts.select("contract_id", "timezone"), on="contract_id")
    rows = _first_instant(_first_instant(rows, "effective_from", "valid_from"), "effective_to", "valid_to")
    return rows.with_columns(
        valid_from=pl.coalesce("starts_at", "valid_from"), valid_to=pl.coalesce("ends_at", "valid_to").fill_null(END_OF_TIME)
    ).drop("effective_from", "effective_to", "starts_at", "ends_at", "timezone")


def _card_versions(contracts: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every version of every card in every zone in use: its day begins at another instant in each (R-6), no instant does (R-102)."""
    rows = catalog.rate_cards.select("rate_card_code", "effective_from", "starts_at").join(
        contracts.select("timezone").unique(), how="cross"
    )
    beginning = datetime(1, 1, 1)  # noqa: DTZ001
    return (
        _first_instant(rows, "effective_from", "valid_from")
        .with_columns(valid_from=pl.coalesce("starts_at", "valid_from", pl.lit(beginning)))
        .sort("rate_card_code", "timezone", "valid_from")
        .with_columns(valid_to=pl.col("valid_from").shift(-1).over("rate_card_code", "timezone").fill_null(END_OF_TIME))
    )


def _card_cuts(contracts: pl.DataFrame, terms: pl.DataFrame, card_versions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Where a version of a card begins while a plan that uses the card is in force (R-18)."""
    cards_of_plans = (
        catalog.plan_pricings.join(catalog.pricings.filter(pl.col("rate_card_code").is_not_null()), on="pricing_code")
        .select("plan_code", "rate_card_code")
        .unique()
    )
    dated = card_versions.filter(pl.col("effective_from").is_not_null()).select("rate_card_code", "timezone", cut="valid_from")
    return (
        terms.join(contracts.select("contract_id", "timezone"), on="contract_id")
        .join(cards_of_plans, on="plan_code")
        .join(dated, on=["rate_card_code", "timezone"])
        .filter(pl.col("cut") > pl.col("valid_from"), pl.col("cut") < pl.col("valid_to"))
        .select("contract_id", "cut")
    )


def _commitment_cuts(contracts: pl.DataFrame, catalog: Catalog) -> list[pl.DataFrame]:
    """What usage a commitment counts is known at its ends (R-106)."""
    rows = commitments(contracts, catalog)
    return [rows.select("contract_id", cut="valid_from"), rows.select("contract_id", cut="valid_to")]


def commitments(contracts: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """COMMITMENTS of some contracts with their instants `valid_from`, `valid_to`."""
    rows = catalog.commitments.join(contracts.select("contract_id", "timezone"), on="contract_id", maintain_order="left")
    return _first_instant(_first_instant(rows, "from_date", "valid_from"), "to_date", "valid_to").drop("timezone")


def _in_advance(contracts: pl.DataFrame, terms: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Contracts that ever pay a fee in advance (R-104)."""
    flat = catalog.pricings.filter(pl.col("in_advance").fill_null(value=False))
    plans = catalog.plan_pricings.join(flat, on="pricing_code", how="semi").get_column("plan_code")
    is_in_advance = pl.col("base_fee_in_advance").fill_null(value=False) | pl.col("plan_code").is_in(plans.implode())
    return contracts.join(terms.filter(is_in_advance), on="contract_id", how="semi", maintain_order="left")


_A_YEAR_AND_MORE = timedelta(days=400)  # longer than any period, so that the one after the last has begun


def _serviced(contracts: pl.DataFrame, horizon: datetime, issued: pl.DataFrame | None) -> pl.DataFrame:
    """Periods of contracts up to the first that begins after the horizon: what it costs stands on the document before."""
    farther = _cut_where_issued(billing_periods(contracts, horizon + _A_YEAR_AND_MORE), contracts, issued)
    is_next = pl.col("period_start").shift(1).over("contract_id") <= horizon
    return farther.filter((pl.col("period_start") <= horizon) | is_next.fill_null(value=False))


def billing_periods(contracts: pl.DataFrame, horizon: datetime) -> pl.DataFrame:
    """Billing periods of CONTRACTS that begin by the horizon (R-17)."""
    steps = contracts.with_columns(
        step=pl.col("billing_frequency").replace_strict(MONTHS_PER_PERIOD, default=0, return_dtype=pl.Int32)
    )
    spans = (
        pl.concat(
            [
                _weekly_spans(steps.filter(pl.col("step") == 0), horizon),
                _monthly_spans(steps.filter(pl.col("step") > 0), horizon),
            ]
        )
        .with_columns(
            full_days=(pl.col("next") - pl.col("first")).dt.total_days().cast(pl.Int32),
            full_start="first",
            full_end="next",
            start_date=pl.max_horizontal("first", "start_date"),
            # min_horizontal passes over nulls: an open contract ends where its full period does
            end_date=pl.min_horizontal("next", "end_date"),
        )
        .filter(pl.col("start_date") < pl.col("end_date"))
    )
    periods = _first_instant(_first_instant(spans, "start_date", "period_start"), "end_date", "period_end")
    periods = _first_instant(_first_instant(periods, "full_start", "full_from"), "full_end", "full_to")
    return tables.PERIODS.require(
        periods.filter(pl.col("period_start") <= horizon, pl.col("period_start") < pl.col("period_end"))
        .with_columns(
            month=(pl.col("end_date") - pl.duration(days=1)).dt.strftime("%Y-%m"),
            full_length=(pl.col("full_to") - pl.col("full_from")).dt.total_microseconds(),
        )
        .select(tables.PERIODS.names)
        .sort("contract_id", "period_start")
    )


def _cut_where_issued(periods: pl.DataFrame, contracts: pl.DataFrame, issued: pl.DataFrame | None) -> pl.DataFrame:
    if issued is None:
        return periods
    # an end of a period cuts none
    ends = (
        issued.filter(pl.col("kind") == "period")
        .select("contract_id", cut="period_end")
        .join(periods, left_on=["contract_id", "cut"], right_on=["contract_id", "period_end"], how="anti")
        .unique()
    )
    cuts = periods.join(ends, on="contract_id").filter(
        pl.col("cut") > pl.col("period_start"), pl.col("cut") < pl.col("period_end")
    )
    if cuts.height == 0:
        return periods
    later = cuts.join(contracts.select("contract_id", "timezone"), on="contract_id")
    later = later.with_columns(local_start=calendar.local_dates(later.get_column("cut"), later.get_column("timezone")))
    pieces = pl.concat(
        [periods, later.with_columns(period_start="cut", start_date="local_start").select(periods.columns)]
    ).sort("contract_id", "period_start")
    next_start, next_date = (
        pl.col(name).shift(-1).over("contract_id", "period_end") for name in ("period_start", "start_date")
    )
    return tables.PERIODS.require(
        pieces.with_columns(
            period_end=pl.coalesce(next_start, "period_end"),
            end_date=pl.coalesce(next_date, "end_date"),
        )
        .with_columns(month=(pl.col("end_date") - pl.duration(days=1)).dt.strftime("%Y-%m"))
        .select(tables.PERIODS.names)
    )


SPAN = ["contract_id", "customer_id", "timezone", "start_date", "end_date", "first", "next"]


def _weekly_spans(contracts: pl.DataFrame, horizon: datetime) -> pl.DataFrame:
    """Seven days each, from the start date's weekday; the last may begin after the horizon."""
    last = pl.lit(horizon.date() + timedelta(days=2))
    return (
        contracts.with_columns(k=pl.int_ranges(0, pl.max_horizontal((last - pl.col("start_date")).dt.total_days() // 7 + 1, 0)))
        .explode("k", empty_as_null=False, keep_nulls=False)
        .with_columns(
            first=pl.col("start_date") + pl.duration(days=7 * pl.col("k")),
            next=pl.col("start_date") + pl.duration(days=7 * pl.col("k") + 7),
        )
        .select(SPAN)
    )


def _monthly_spans(contracts: pl.DataFrame, horizon: datetime) -> pl.DataFrame:
    """From the anchor day at or before the start date, in steps of the frequency; the last may begin after the horizon."""
    start_month = pl.col("start_date").dt.year().cast(pl.Int32) * 12 + pl.col("start_date").dt.month().cast(pl.Int32) - 1
    last_month = pl.lit(horizon.year * 12 + horizon.month, dtype=pl.Int32)  # one month beyond: local days run ahead of UTC
    # periods aligned to a month begin in it and every step from it, all others a whole number of steps from the start
    since_anchor = (pl.col("start_month") - pl.col("anchor_month") + 1) % pl.col("step")
    one_back = pl.when(pl.col("anchor_month").is_null()).then(1).otherwise(pl.col("step"))
    anchored = (
        contracts.with_columns(start_month=start_month)
        .with_columns(origin=pl.col("start_month") - since_anchor.fill_null(0))
        .with_columns(
            origin=pl.col("origin")
            - one_back * (calendar.anchored(pl.col("origin"), pl.col("billing_anchor")) > pl.col("start_date")).cast(pl.Int32)
        )
    )
    count = pl.max_horizontal((last_month - pl.col("origin")) // pl.col("step") + 1, 0)
    return (
        anchored.with_columns(k=pl.int_ranges(0, count, dtype=pl.Int32))
        .explode("k", empty_as_null=False, keep_nulls=False)
        .with_columns(at=pl.col("origin") + pl.col("k") * pl.col("step"))
        .with_columns(
            first=calendar.anchored(pl.col("at"), pl.col("billing_anchor")),
            next=calendar.anchored(pl.col("at") + pl.col("step"), pl.col("billing_anchor")),
        )
        .select(SPAN)
    )


def _windows(periods: pl.DataFrame, cuts: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """Periods cut wherever terms change or a grant begins or ends (R-18), with the plan that meters match by (R-12) and the stretch of
    the period that it is in force over (R-101)."""
    period = ["contract_id", "customer_id", "period_start", "period_end", "full_length", "month"]
    # a cut lies in one period at most: recurring grants cut wherever periods begin, now and for years
    inner = (
        cuts.drop_nulls()
        .unique()
        .sort("cut")
        .join_asof(
            periods.select(period).sort("period_start"),
            left_on="cut",
            right_on="period_start",
            by="contract_id",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("cut") > pl.col("period_start"), pl.col("cut") < pl.col("period_end"))
        .select(*period, window_start="cut")
    )
    plans = terms.sort("valid_from").select("contract_id", "valid_from", "plan_code")
    windows = (
        pl.concat([periods.select(*period, window_start="period_start"), inner])
        .sort("window_start")
        .join_asof(
            plans, left_on="window_start", right_on="valid_from", by="contract_id", strategy="backward", check_sortedness=False
        )
        .rename({"plan_code": "window_plan_code"})
    )
    # most periods are one window
    of_period = ["contract_id", "period_start"]
    is_whole = windows.join(inner, on=of_period, how="anti").with_columns(
        window_end="period_end", interval_start="window_start", interval_end="period_end"
    )
    is_cut = (
        windows.join(inner, on=of_period, how="semi")
        .sort("contract_id", "window_start")
        .with_columns(
            window_end=pl.col("window_start").shift(-1).over(of_period).fill_null(pl.col("period_end")),
            is_new_plan=pl.col("window_plan_code").ne_missing(pl.col("window_plan_code").shift(1)).over(of_period),
        )
        .with_columns(interval=pl.col("is_new_plan").cum_sum().over(of_period))
        .with_columns(
            interval_start=pl.col("window_start").min().over(*of_period, "interval"),
            interval_end=pl.col("window_end").max().over(*of_period, "interval"),
        )
    )
    names = tables.WINDOWS.names
    return tables.WINDOWS.require(pl.concat([is_whole.select(names), is_cut.select(names)]).sort("contract_id", "window_start"))
