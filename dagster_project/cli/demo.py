"""`meterhouse demo`: the year 2013 of three airports, from departures to invoices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

from dagster_project.cli.explain import explain, page
from dagster_project.cli.launch import launch
from dagster_project.cli.screen import progress, screen, table
from dagster_project.cli.summary import summarize
from dagster_project.demo import sample_events
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import folder_faults
from dagster_project.pipeline.run import Run
from dagster_project.queries.invoice_breakdown import account_of
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.dbt_runner import project_folder
from dagster_project.warehouse.paths import Warehouse
from rating.rate import Months

# the books' grace of three days is over, and nobody's clock is asked: the demo ends the same on every day
AS_OF = datetime(2014, 1, 6)  # noqa: DTZ001 - naive UTC throughout
YEAR = Months(sample_events.FLIGHT_MONTHS[0], sample_events.FLIGHT_MONTHS[-1])

MONTHS = """
    select month, currency, count(*) as invoices, sum(subtotal)::decimal(38, 4) as subtotal,
        sum(credits_applied)::decimal(38, 4) as credits, sum(total)::decimal(38, 4) as total
    from marts.invoices
    where status = 'issued'
    group by all
    order by month, currency
"""
CARRIERS = """
    select customer_id as carrier, contract_id as contract, currency, count(*) as invoices, sum(subtotal)::decimal(38, 4) as subtotal,
        sum(credits_applied)::decimal(38, 4) as credits, sum(total)::decimal(38, 4) as total
    from marts.invoices
    where status = 'issued'
    group by all
    order by total desc, contract
"""
# the invoice with the most to explain: the longest of the last month
WORTH_READING = """
    select invoices.number
    from marts.invoices as invoices inner join marts.invoice_lines as lines using (invoice_id)
    where invoices.status = 'issued' and invoices.kind = 'period' and invoices.month = ?
    group by invoices.number
    order by count(*) desc, invoices.number
    limit 1
"""


EXPLAINED = 1


def demo(folder: Path) -> None:
    """Land the year's departures, bill them month by month in one run, show the year and one invoice."""
    if faults := folder_faults(folder, "demo folder", "--folder"):
        raise UserError(*faults)
    warehouse = Warehouse(folder / "warehouse")
    with progress() as says:
        says("Writing the departures of 2013 into the inbox")
        sample_events.write_flights(folder / "inbox")
        run = Run(warehouse, airport_books(), str(folder / "inbox"), AS_OF, YEAR, progress=says)
        outcome = launch(run, "backfill")
    summarize(run, outcome)
    if not outcome.balanced:
        raise typer.Exit(1)
    with published(warehouse) as connection:
        for title, query in (("The year by month", MONTHS), ("The year by carrier", CARRIERS)):
            screen.print("", table(title, fetch(connection, query), money_columns=("subtotal", "credits", "total")))
        number = connection.sql(WORTH_READING, params=[YEAR.last]).fetchall()[0][0]
    account = account_of(warehouse, number)
    screen.print("", page(account))
    screen.print(f"\nHow line {EXPLAINED} came about:")
    explain(warehouse.root, number, EXPLAINED, with_events=True)
    screen.print(
        f"\nNext: follow every line down to its departures\n  meterhouse explain {number} --events --warehouse {warehouse.root}\n"
        f"or see what a month adds up to\n  meterhouse reconcile --period {YEAR.last} --warehouse {warehouse.root}",
        soft_wrap=True,
    )


def airport_books() -> Path:
    """The airport's books: in a checkout beside dbt/, in a wheel beside its copy."""
    return project_folder().parent / "contracts_data" / "airport"
