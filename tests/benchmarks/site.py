"""A large site for the pages: books, two months of bills, and Salesforce's tables with thousands of deals, one in ten of them open."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from dagster_project.deals import proposals
from dagster_project.deals.desk import Desk
from dagster_project.register import place, records, store, users
from dagster_project.register.records import Draft
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks import history
from tests.benchmarks.books import write_books
from tests.benchmarks.measure import cost_of

EVENTS_A_MONTH = 400_000
DEALS, OPEN_ONE_IN = 5_000, 10
AS_OF = datetime(2026, 3, 5, 3)  # noqa: DTZ001 - instants are naive UTC throughout
WHO, PASSWORD = "ada@example.com", "correct horse battery"
MAPPING = """\
deals:
  take: {is_won: true, is_closed: true}
  kind: {field: opportunity.type, new: [New Business]}
  ids: {customer: account.billing_id__c, contract: opportunity.contract_number__c}
  terms:
    plan: {value: standard}
    start_date: [opportunity.contract_start__c, opportunity.close_date]
    end_date: opportunity.contract_end__c
    net_terms: opportunity.payment_terms__c
    customer_name: account.name
  products:
  - {code: PLATFORM, sets: base_fee, value: unit_price}
  - {code: CALL-RATE, sets: rate_override, meter: AI_CALL, dimensions: {region: region__c, call_outcome: outcome__c}, rate: unit_price}
  - {code: TRAINING, sets: nothing, because: billed by services}
  watch: [opportunity.special_terms__c, line.discount]
  amount: opportunity.amount
"""


def build(folder: Path, contracts: int) -> None:
    """Books of so many contracts, billed for two months, with a desk and an admin."""
    books = write_books(folder / "books", contracts, seed=1)
    (books / "deals.yml").write_text(MAPPING)
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    january, february = datetime(2026, 1, 1), datetime(2026, 2, 1)  # noqa: DTZ001
    history.write_events(inbox / "2026-01.ndjson", january, january, contracts, EVENTS_A_MONTH)
    history.write_events(inbox / "2026-02.ndjson", february, january, contracts, EVENTS_A_MONTH)
    places = ["--books", str(books), "--inbox", str(inbox), "--warehouse", str(folder / "warehouse")]
    cost_of("dagster_project", "run", *places, "--as-of", AS_OF.isoformat())
    add_desk(folder)


def add_desk(folder: Path) -> None:
    """Somebody who may sign in, and deals, most of them decided."""
    write_salesforce(folder / "salesforce", DEALS)
    warehouse = Warehouse(folder / "warehouse")
    register = store.opened(place.location_of(warehouse))
    users.add(register, WHO, "admin", PASSWORD, AS_OF)
    desk = Desk(folder / "books", register, warehouse, str(folder / "salesforce"), "files")
    new, _ = desk.sync(AS_OF)
    decided = [{"id": name, "because": "of another year"} for number, name in enumerate(new) if number % OPEN_ONE_IN]
    said = [Draft(WHO, "", proposals.digest(one), f"{proposals.KIND}.rejected", one) for one in decided]
    records.append_all(register, said, AS_OF)


def write_salesforce(folder: Path, deals: int) -> None:
    """So many closed opportunities, each with an account and three lines."""
    folder.mkdir(parents=True)
    everyone = [f"{number:05}" for number in range(deals)]
    _table(
        folder / "account.csv",
        ({"id": f"001Hs00002{one}IAA", "name": f"Account {one}", "billing_id__c": ""} for one in everyone),
    )
    _table(
        folder / "opportunity.csv",
        (
            {
                "id": f"006Hs00002{one}IAA",
                "account_id": f"001Hs00002{one}IAA",
                "name": f"Account {one}, Enterprise",
                "type": "New Business",
                "is_won": "true",
                "is_closed": "true",
                "amount": "6000.00",
                "close_date": "2026-02-20",
                "contract_start__c": "2026-04-01",
                "contract_end__c": "2027-04-01",
                "payment_terms__c": "Net 30",
                "contract_number__c": "",
                "special_terms__c": "" if number % 7 else "see the mail of 12 March",
            }
            for number, one in enumerate(everyone)
        ),
    )
    lines = [("PLATFORM", "500.00", "", ""), ("CALL-RATE", "1.80", "US", "resolved"), ("TRAINING", "900.00", "", "")]
    _table(
        folder / "opportunity_line_item.csv",
        (
            {
                "id": f"00kHs0{number:02}02{one}IAA",
                "opportunity_id": f"006Hs00002{one}IAA",
                "product_code": code,
                "name": f"{code} of {one}",
                "quantity": "1",
                "unit_price": price,
                "discount": "",
                "region__c": region,
                "outcome__c": outcome,
            }
            for one in everyone
            for number, (code, price, region, outcome) in enumerate(lines)
        ),
    )
    _table(folder / "product_2.csv", [{"id": "01tHs0000200001IAA", "name": "Platform", "product_code": "PLATFORM"}])


def invoice_lines(folder: Path) -> int:
    with published(Warehouse(folder / "warehouse")) as marts:
        return int(fetch(marts, "select count(*) as lines from marts.invoice_lines").item())


def _table(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    found: Sequence[Mapping[str, str]] = list(rows)
    with path.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
