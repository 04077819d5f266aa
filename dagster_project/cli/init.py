"""`meterhouse init`: a folder to start from, with books, an inbox and where they lie."""

from __future__ import annotations

from pathlib import Path

from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import folder_faults

EMPTY = """\
# Settings of the whole company; every other section may stand in this file or in any other .yml beside it.
settings:
  organization: {name}
  currency: USD
  timezone: UTC
  grace_days: 3
  rerate_days: 90
"""
SAMPLE = (
    EMPTY
    + """
meters:
- code: API_CALL
  display_name: API Calls
  event_name: api_call
  aggregation: sum
  aggregation_key: calls
  group_keys: [endpoint]

rate_cards:
- code: API_CALL_LIST
  meter: API_CALL
  per: 1000
  entries:
  - {{dimensions: {{endpoint: search}}, rate: "2.00"}}
  - {{dimensions: {{endpoint: "*"}}, rate: "1.00"}}

pricings:
- code: API_CALL_PRICE
  name: API calls at list price
  meter: API_CALL
  model: per_unit
  rate_card: API_CALL_LIST
  fallback_rate: "3.00"     # where an event has no endpoint

plans:
- code: starter
  name: Starter
  billing_frequency: monthly
  base_fee: "20.00"
  net_terms: 30
  pricings: [API_CALL_PRICE]

customers:
- {{id: cust_1, external_id: example, name: Example Inc}}

contracts:
- id: example-1
  customer: cust_1
  plan: starter
  start_date: 2026-01-01
  status: draft             # `approved` once it is reviewed: from then on it is billed
"""
)
ENVIRONMENT = """\
METERHOUSE_BOOKS=books
METERHOUSE_INBOX=inbox
METERHOUSE_WAREHOUSE=warehouse
"""
EVENT = (
    '{"event_name": "api_call", "external_customer_id": "example", "idempotency_key": "call-1", '
    '"timestamp": "2026-01-15T14:00:00Z", "properties": {"endpoint": "search", "calls": 120}}'
)


def begin(folder: Path, *, empty: bool) -> None:
    """Write books, inbox and .env into a folder. Raises `UserError` where any of them is there already: nothing is overwritten."""
    if faults := folder_faults(folder, "folder", "its path"):
        raise UserError(*faults)
    books, inbox, environment = folder / "books" / "books.yml", folder / "inbox", folder / ".env"
    taken = [str(place) for place in (books.parent, inbox, environment) if place.exists()]
    if taken:
        raise UserError(f"{', '.join(taken)} is there already, and nothing is overwritten. Name another folder.")
    books.parent.mkdir(parents=True)
    inbox.mkdir()
    books.write_text((EMPTY if empty else SAMPLE).format(name=f'"{folder.resolve().name}"'), encoding="utf-8")
    environment.write_text(ENVIRONMENT, encoding="utf-8")
    steps = f"cd {folder}\n    meterhouse check\n    meterhouse run --no-issue"
    screen.print(
        f"{books} has the books, {inbox} takes event files, {environment} says where they lie; commands read it in that folder. "
        f"Next:\n\n    {steps}\n\nAn event is a line of a .jsonl file in the inbox:\n\n    {EVENT}",
        markup=False,
        soft_wrap=True,
    )
