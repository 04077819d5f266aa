"""`meterhouse demo`: the year 2013 of three airports, from departures to invoices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

from dagster_project import samples
from dagster_project.account import account_of, published
from dagster_project.commands.explaining import explain, page
from dagster_project.commands.launch import carry_out
from dagster_project.commands.screen import progress, screen, table
from dagster_project.commands.summary import summarize
from dagster_project.dbt_house import project_folder
from dagster_project.guards import folder_faults
from dagster_project.mistakes import Mistake
from dagster_project.run import Run
from dagster_project.warehouse import Warehouse, fetch
from rating.rate import Months

# the books' grace of three days is over, and nobody's clock is asked: the demo ends the same on every day
AS_OF = datetime(2014, 1, 6)  # noqa: DTZ001 - naive UTC throughout
YEAR = Months(samples.FLIGHT_MONTHS[0], samples.FLIGHT_MONTHS[-1])

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
        raise Mistake(*faults)
    warehouse = Warehouse(folder / "warehouse")
    with progress() as says:
        says("Writing the departures of 2013 into the inbox")
        samples.write_flights(folder / "inbox")
        run = Run(warehouse, airport_books(), str(folder / "inbox"), AS_OF, YEAR, progress=says)
        outcome = carry_out(run, "backfill")
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
