"""R-69: what events would cost is what a run then bills, and the shares of events and meters add up to it."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.pipeline.contract_copies import one_contract
from dagster_project.pipeline.estimate import Estimate, EventsRefused, ToEstimate, estimate
from dagster_project.pipeline.run import read_books
from dagster_project.register import keys, store
from dagster_project.settings import instant
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from rating.books import Books
from tests.door.conftest import ACME, NOW
from tests.scenarios import pipeline, story

LINES = """
    select invoices.contract_id, lines.kind, lines.meter_code, sum(lines.amount) as amount, sum(lines.exact_amount) as exact_amount
    from marts.invoice_lines as lines inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
    where invoices.kind = 'period'
    group by all
"""
MOST = 25
TOLD = ["price_models", "aggregations", "minimum_spend", "annual_commitment", "acme"]


def _inbox(name: str) -> tuple[Path, str, list[str]]:
    """Books of a story, as_of of its first run, and the lines of what lies in its inbox by then."""
    if name == "acme":
        files = sorted((ACME / "sample_events").glob("*.jsonl"))
        return ACME, "2026-04-05", [line for file in files for line in file.read_text().splitlines() if line.strip()]
    told = story.read(name)
    night = told.nights[0]
    assert night.books is not None
    files = [file for file in night.arrives.values() if file.suffix in (".jsonl", ".ndjson")]
    return night.books, night.as_of, [line for file in files for line in file.read_text().splitlines() if line.strip()]


def _chosen(lines: list[str], books: Books) -> dict[str, list[int]]:
    """Some of the events of each customer that has one contract: their places, by the contract."""
    approved = books.contracts.filter(pl.col("status") == "approved")
    alone = dict(approved.filter(~pl.col("customer_id").is_duplicated()).select("customer_id", "contract_id").iter_rows())
    external = dict(books.customers.select("external_id", "customer_id").iter_rows())
    events = [_event(line) for line in lines]
    keys_ = Counter(event.get("idempotency_key") for event in events)
    found: dict[str, list[int]] = {}
    for place, event in enumerate(events):
        customer = event.get("customer_id") or external.get(event.get("external_customer_id"))
        # keys of a request count among themselves
        key = event.get("idempotency_key")
        is_once = (key is None or keys_[key] == 1) and not event.get("tombstone")
        is_plain = is_once and event.get("timestamp") and not event.get("contract_id")
        if place % 3 == 1 and is_plain and customer in alone:
            of_contract = found.setdefault(alone[customer], [])
            if len(of_contract) < MOST:
                of_contract.append(place)
    return found


def _event(line: str) -> dict[str, Any]:
    with contextlib.suppress(json.JSONDecodeError):
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
    return {}


def _billed(books: Path, as_of: str, lines: list[str], folder: Path) -> pl.DataFrame:
    (folder / "inbox").mkdir(parents=True)
    (folder / "inbox" / "events.jsonl").write_text("\n".join(lines) + "\n")
    pipeline.run(books, folder / "inbox", folder / "warehouse", as_of, issue=False)
    with published(Warehouse(folder / "warehouse")) as marts:
        return fetch(marts, LINES)


def _by_kind(rows: pl.DataFrame) -> dict[tuple[str, str | None], Decimal]:
    return {(row["kind"], row["meter_code"]): row["amount"] for row in rows.iter_rows(named=True)}


def _require_tied(found: Estimate) -> None:
    assert found.events.get_column("exact_amount").sum() == found.meters.get_column("exact_amount").sum()


@pytest.mark.parametrize("name", TOLD)
def test_r69_on_top_of_what_is_used_it_is_what_the_next_run_bills_more(name: str, tmp_path: Path) -> None:
    books, as_of, lines = _inbox(name)
    read = read_books(books)
    chosen = _chosen(lines, read)
    assert chosen
    left_out = {place for places in chosen.values() for place in places}
    before = _billed(books, as_of, [line for place, line in enumerate(lines) if place not in left_out], tmp_path / "before")
    after = _billed(books, as_of, lines, tmp_path / "after")
    for contract, places in chosen.items():
        found = estimate(
            ToEstimate(
                one_contract(read, contract),
                [lines[place].encode() for place in places],
                instant(as_of),
                on_top_of=Warehouse(tmp_path / "before" / "warehouse"),
            )
        )
        _require_tied(found)
        of = pl.col("contract_id") == contract
        was, becomes = _by_kind(before.filter(of)), _by_kind(after.filter(of))
        differences = {key: becomes.get(key, Decimal(0)) - was.get(key, Decimal(0)) for key in {*was, *becomes}}
        assert _by_kind(found.meters) == {key: value for key, value in differences.items() if value}, contract


@pytest.mark.parametrize("name", ["price_models", "aggregations"])
def test_r69_instead_of_what_is_used_it_is_what_a_run_bills_of_these_alone(name: str, tmp_path: Path) -> None:
    books, as_of, lines = _inbox(name)
    read = read_books(books)
    chosen = _chosen(lines, read)
    assert chosen
    alone = _billed(books, as_of, [lines[place] for places in chosen.values() for place in places], tmp_path)
    for contract, places in chosen.items():
        found = estimate(ToEstimate(one_contract(read, contract), [lines[place].encode() for place in places], instant(as_of)))
        _require_tied(found)
        usage = alone.filter(pl.col("contract_id") == contract, pl.col("kind") == "usage", pl.col("amount") != 0)
        assert _by_kind(found.meters.filter(pl.col("kind") == "usage", pl.col("amount") != 0)) == _by_kind(usage)


def test_r69_events_that_would_not_land_are_refused_by_landings_own_sentence() -> None:
    books = one_contract(read_books(ACME), "acme-2026")
    with pytest.raises(EventsRefused) as refused:
        estimate(ToEstimate(books, [b'{"eventName": ""}', b'{"eventName": "ai_call"}', b"[]"], NOW))
    assert sorted(refused.value.reasons) == [0, 2]


# --- by HTTP -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("estimates")
    (folder / "inbox").mkdir()
    register = store.opened(f"sqlite:///{folder / 'register.db'}")
    key = keys.create(register, "tests", ["pricing:read"], NOW)
    with TestClient(
        application(Serving(Warehouse(folder / "warehouse"), ACME, folder / "inbox", register, Clock(NOW)))
    ) as client:
        client.headers["authorization"] = f"Bearer {key}"
        yield client


def _ask(client: TestClient, body: object, status: int = 200) -> Any:
    answer = client.post("/v1/pricing/estimate", content=json.dumps(body))
    assert answer.status_code == status, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def _call(region: str, minutes: object = 1, **more: object) -> dict[str, object]:
    return {
        "eventName": "ai_call",
        "properties": {"region": region, "call_outcome": "resolved", "duration_minutes": minutes},
        **more,
    }


def test_r69_at_list_prices_each_meter_starts_at_zero(client: TestClient) -> None:
    said = _ask(client, {"planId": "enterprise", "events": [_call("us"), _call("Mars", 2), {"eventName": "ai_coll"}]})
    assert [one["amount"] for one in said["events"]][2] == "0"
    assert sum(Decimal(one["amount"]) for one in said["events"]) == sum(Decimal(one["amount"]) for one in said["meters"])
    assert Decimal(said["totalAmountDecimal"]) == said["totalAmount"] == Decimal(said["meters"][0]["amount"])
    assert said["meters"][0]["meterCode"] == "AI_CALL"
    assert said["currency"] == said["unit"] == "USD"
    assert [one["index"] for one in said["unpriced"]] == [2]
    assert said["unpriced"][0]["notices"][0]["code"] == "no_meter"
    assert {one["code"] for one in said["events"][1]["notices"]} == {"fallback_price"}
    assert said["asOf"] is None


def test_r69_credits_of_a_rate_add_up_too(client: TestClient) -> None:
    events = [_call("us", minutes) for minutes in (1, 2, 5)]
    said = _ask(client, {"planId": "enterprise", "events": events, "creditRateCents": 750})
    assert said["unit"] == "credits"
    assert sum(Decimal(one["amount"]) for one in said["events"]) == said["totalAmount"]
    assert sum(Decimal(one["amount"]) for one in said["meters"]) == said["totalAmount"]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"events": []}, "VALIDATION_ERROR", "events"),
        ({"events": [{}] * 501, "planId": "enterprise"}, "TOO_MANY_EVENTS", "events"),
        ({"events": [_call("us")]}, "VALIDATION_ERROR", "planId"),
        ({"events": [_call("us")], "planId": "enterprize"}, "VALIDATION_ERROR", "planId"),
        ({"events": [_call("us")], "planId": "enterprise", "mode": "add"}, "VALIDATION_ERROR", "mode"),
        ({"events": [_call("us")], "planId": "enterprise", "creditRateCents": 0}, "VALIDATION_ERROR", "creditRateCents"),
        ({"events": [_call("us")], "planId": "enterprise", "plan": 1}, "VALIDATION_ERROR", "plan"),
        ({"events": ["x", {"eventName": ""}], "planId": "enterprise"}, "VALIDATION_ERROR", "events[0]"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(client: TestClient, body: object, code: str, path: str) -> None:
    error = _ask(client, body, 400)["error"]
    assert (error["code"], error["details"][0]["path"]) == (code, path)


def test_a_contract_that_is_not_there(client: TestClient) -> None:
    assert _ask(client, {"events": [_call("us")], "contractId": "nobody"}, 404)["error"]["code"] == "NOT_FOUND"
