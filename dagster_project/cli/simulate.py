"""`meterhouse simulate`: what other books would change, on the screen and in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
import typer

from dagster_project import settings
from dagster_project.cli.screen import nothing_said, progress, screen
from dagster_project.errors import UserError
from dagster_project.pipeline import simulation
from dagster_project.pipeline.run import agreed_at, read_books
from dagster_project.pipeline.simulation import FIGURES, Simulation
from dagster_project.register.place import existing_register
from dagster_project.render.figures import money
from dagster_project.warehouse.books_cache import remembered_books
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse
from rating.books import Books

ABOVE = 4  # exit code: customers above --fail-above
MOST_SHOWN = 20


def simulate(
    new: Path,
    old: Path | None,
    warehouse: Path,
    first: str,
    last: str,
    contracts: Sequence[str],
    out: Path | None,
    fail_above: str | None,
    *,
    shards: int = 1,
    quiet: bool = False,
) -> None:
    """Say what NEW changes. Raises `UserError` for what cannot be meant, `BooksError` for mistakes of the books; exits 4 above the
    bound."""
    house = Warehouse(warehouse)
    bound = None if fail_above is None else _percent(fail_above)
    months = settings.month(first), settings.month(last)
    if months[0] > months[1]:
        raise UserError(f"--from {first} lies after --to {last}. Write the earlier month first.")
    # what was agreed by API is agreed under either
    agreed = agreed_at(settings.register(os.environ) or existing_register(house), settings.now())
    after = read_books(new, agreed)
    before = _books_of(house) if old is None else read_books(old, agreed)
    _refuse_unknown(contracts, before, after)
    with nothing_said() if quiet else progress() as says:
        found = simulation.simulate(house, before, after, *months, contracts, says, shards=shards)
    above = found.customers_above(bound) if bound is not None else None
    text = summary(found, bound, above)
    if out is not None:
        _write(out, found, text, above)
    if not quiet:
        screen.print(text, soft_wrap=True, markup=False)
    if above is not None and above.height:
        raise typer.Exit(ABOVE)


def summary(found: Simulation, bound: Decimal | None, above: pl.DataFrame | None) -> str:
    """What changes, as markdown fit for a pull request."""
    title = f"### What these books change, {found.first} to {found.last}"
    said = [title, "", f"Rated from all events known at {found.as_of:%Y-%m-%dT%H:%M:%SZ}, as if nothing had been issued; "
            f"books {found.before[:12]} → {found.after[:12]}.", "", *_sums(found)]  # fmt: skip
    if above is not None:
        said += ["", _above_sentence(above, bound)]
    customers = found.tables["by_customer"].filter(pl.col("change") != "same")
    if customers.height:
        said += ["", *_customers(customers)]
    lines = found.tables["by_line"].group_by("change").len().sort("change")
    said += ["", "Lines: " + ", ".join(f"{count:,} {change}" for change, count in lines.iter_rows()) + "."]
    if found.not_compared.height:
        said += ["", "**Not comparable, and so not judged here:**", ""]
        said += [f"- {sentence}" for sentence in found.not_compared.get_column("says").head(MOST_SHOWN)]
        if found.not_compared.height > MOST_SHOWN:
            said.append(f"- and {found.not_compared.height - MOST_SHOWN:,} more, in simulate.json.")
    return "\n".join(said)


def _sums(found: Simulation) -> list[str]:
    """Subtotal, credits and total by currency."""
    rows = ["| | before | after | difference |", "|---|---:|---:|---:|"]
    for sums in _sums_by_currency(found).iter_rows(named=True):
        for figure in FIGURES:
            cells = (money(sums[f"{figure}_{side}"]) for side in ("before", "after", "difference"))
            rows.append(f"| {figure}, {sums['currency']} | " + " | ".join(cells) + " |")
    return rows if len(rows) > 2 else ["No document of these months on either side."]


def _customers(changed: pl.DataFrame) -> list[str]:
    most = changed.sort(pl.col("total_difference").abs(), descending=True)
    rows = ["| customer | before | after | difference |", "|---|---:|---:|---:|"]
    for row in most.head(MOST_SHOWN).iter_rows(named=True):
        cells = (money(row[f"total_{side}"]) for side in ("before", "after", "difference"))
        rows.append(f"| {row['customer_id']}, {row['currency']} | " + " | ".join(cells) + " |")
    if most.height > MOST_SHOWN:
        rows.append(f"| and {most.height - MOST_SHOWN:,} more | | | |")
    return rows


def _above_sentence(above: pl.DataFrame, bound: Decimal | None) -> str:
    if above.is_empty():
        return f"No customer's total differs by more than {bound} %."
    named = ", ".join(above.get_column("customer_id").unique(maintain_order=True).head(MOST_SHOWN))
    more = f" and {above.height - MOST_SHOWN:,} more" if above.height > MOST_SHOWN else ""
    return f"**{above.height:,} differ by more than {bound} %:** {named}{more}."


def _write(out: Path, found: Simulation, text: str, above: pl.DataFrame | None) -> None:
    """summary.md, simulate.json, and a CSV a table."""
    for name, frame in found.tables.items():
        write_atomically(out / f"{name}.csv", frame.write_csv().encode())
    write_atomically(out / "summary.md", f"{text}\n".encode())
    told = {
        "as_of": f"{found.as_of:%Y-%m-%dT%H:%M:%SZ}",
        "from": found.first,
        "to": found.last,
        "books": {"before": found.before, "after": found.after},
        "sums": _as_texts(_sums_by_currency(found)),
        "customers_above": None if above is None else above.get_column("customer_id").to_list(),
        "not_compared": found.not_compared.to_dicts(),
        **{name: _as_texts(frame) for name, frame in found.tables.items()},
    }
    write_atomically(out / "simulate.json", json.dumps(told, indent=1).encode())


def _sums_by_currency(found: Simulation) -> pl.DataFrame:
    figures = [f"{figure}_{side}" for figure in FIGURES for side in ("before", "after", "difference")]
    return found.tables["by_contract"].group_by("currency").agg(pl.col(figures).sum()).sort("currency")


def _as_texts(frame: pl.DataFrame) -> list[dict[str, str | None]]:
    """Rows for JSON: exact decimals are texts."""
    return frame.select(pl.all().cast(pl.String)).to_dicts()


def _books_of(house: Warehouse) -> Books:
    """The books of the warehouse, as its last run read them."""
    found = remembered_books(house)
    if found is None:
        raise UserError(f"{house.root} does not know the books of its last run any more. Name them with --against.")
    return found


def _refuse_unknown(contracts: Sequence[str], before: Books, after: Books) -> None:
    known = {*before.contracts.get_column("contract_id"), *after.contracts.get_column("contract_id")}
    if unknown := [contract for contract in contracts if contract not in known]:
        raise UserError(f"--contract {', '.join(unknown)}: neither side's books have it. Write ids of contracts.")


def _percent(text: str) -> Decimal:
    """`5%` or `5`."""
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or percent < 0:
        raise UserError(f"--fail-above {text} is no percentage. Write 5% or 2.5%.")
    return percent
