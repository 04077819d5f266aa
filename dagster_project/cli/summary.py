"""The closing summary of a run: control totals as tables, and what needs a person."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from dagster_project.checks import attention
from dagster_project.cli.screen import errors, screen, table
from dagster_project.landing.inbox import Inbox
from dagster_project.pipeline.job import Outcome
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.database import fetch, published

MOST_HELD_BACK_SAID = 20
MOST_LOOKS_SAID = 20
# a run's own documents: what it issued, and its drafts
OF_THIS_RUN = "(invoices.status = 'draft' or invoices.issued_at = ?)"

DISPOSITIONS = """
    select disposition, sum(events)::bigint as events
    from marts.reconciliation
    where meter_code is null
    group by all
    order by events desc, disposition
"""
RATE_SOURCES = f"""
    select invoices.currency, coalesce(lines.rate_source, lines.kind) as rate_source, count(*) as lines,
        sum(lines.event_count)::bigint as events, sum(lines.amount)::decimal(38, 4) as amount
    from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
    where {OF_THIS_RUN}
    group by all
    order by invoices.currency, lines desc, rate_source
"""
MONEY = f"""
    select currency, status, kind, count(*) as documents, sum(subtotal)::decimal(38, 4) as subtotal,
        sum(invoices.credits_applied)::decimal(38, 4) as credits, sum(total)::decimal(38, 4) as total
    from marts.invoices as invoices
    where {OF_THIS_RUN}
    group by all
    order by currency, status desc, kind
"""


def summarize(run: Run, outcome: Outcome) -> None:
    """Print how a run ended; first what makes all the rest of little worth (R-48)."""
    if run.land_new and not Inbox(run.inbox, run.books.sources).files()[0]:
        screen.print(f"The inbox {run.inbox} is empty: nothing was landed.", soft_wrap=True)
    if outcome.balanced:
        _totals(run)
    _say_what_deserves_a_look(run, outcome)
    for sentence in run.books.warnings:
        screen.print(f"[yellow]books[/yellow]  {sentence}", soft_wrap=True)
    for sentence in outcome.broken:
        screen.print(f"[red]broken[/red] {sentence}", soft_wrap=True)
    for sentence in outcome.held_back[:MOST_HELD_BACK_SAID]:
        screen.print(f"[red]held back[/red] {sentence}", soft_wrap=True)
    if outcome.held_back:
        more = len(outcome.held_back) - MOST_HELD_BACK_SAID
        screen.print(
            (
                f"{more:,} more contracts are held back; they are in rating.held_back of derived/work.duckdb. "
                if more > 0
                else ""
            )
            + "The documents of these contracts come with the run after the cause is mended; those of all others were issued.",
            soft_wrap=True,
        )
    for sentence in outcome.defect:
        errors.print(sentence, markup=False, soft_wrap=True)
    if outcome.broken:
        screen.print("The run did not balance. Nothing was issued and the marts are those of the run before.")


def _looks(run: Run, outcome: Outcome) -> tuple[pl.DataFrame, list[str]]:
    """ATTENTION of the run, and what its checks say that is no row of it: of models, of files of the inbox."""
    rows = attention.read(run.warehouse.attention) if outcome.balanced else attention.ATTENTION.empty()
    kept = {*rows.get_column("sentence")}
    return rows, [one for one in outcome.cautions if one not in kept and "more are in marts.attention" not in one]


def as_object(run: Run, outcome: Outcome, *, dry_run: bool) -> str:
    """How a run ended, as one JSON object: decimals as texts, the worst looks first."""
    rows, others = _looks(run, outcome)
    said: dict[str, Any] = {
        "as_of": f"{run.as_of.isoformat()}Z",
        "balanced": outcome.balanced,
        "dry_run": dry_run,
        "broken": outcome.broken,
        "defect": outcome.defect,
        "held_back": outcome.held_back,
        "attention": attention.shown(rows, run.as_of).drop("is_of_file", "acknowledged").to_dicts(),
        "warnings": [*run.books.warnings, *others],
    }
    if outcome.balanced:
        with published(run.warehouse) as connection:
            said["dispositions"] = dict(fetch(connection, DISPOSITIONS).iter_rows())
            said["documents"] = fetch(connection, MONEY, [run.as_of]).to_dicts()
    return json.dumps(said, default=str, ensure_ascii=False)


def _say_what_deserves_a_look(run: Run, outcome: Outcome) -> None:
    """The worst first, and how many more; what nobody keeps as a row (models, files of the inbox) before it."""
    rows, others = _looks(run, outcome)
    sentences = [*others, *attention.mixed(attention.shown(rows, run.as_of)).get_column("sentence")]
    for sentence in sentences[:MOST_LOOKS_SAID]:
        screen.print("[yellow]look[/yellow]   ", end="")
        screen.print(sentence, markup=False, soft_wrap=True)
    if len(sentences) > MOST_LOOKS_SAID:
        screen.print(f"{len(sentences) - MOST_LOOKS_SAID:,} more deserve a look: they are in marts.attention, the worst first.")
    if quiet := rows.get_column("acknowledged").count():
        screen.print(f"{quiet:,} {'is' if quiet == 1 else 'are'} quiet, for somebody has acknowledged them (marts.attention).")


def _say_unknown(dispositions: pl.DataFrame) -> None:
    """Say it where most events are of customers that the books do not know. dispositions: disposition, events."""
    events = dispositions.get_column("events").sum()
    unknown = dispositions.filter(pl.col("disposition") == "unknown_customer").get_column("events").sum()
    if 2 * unknown > events:
        screen.print(
            f"{unknown:,} of {events:,} events are of customers that the books do not know, and are billed to nobody. Look whether "
            "these are the books of this inbox, and whether customers have the ids (or external_id) that events name.",
            soft_wrap=True,
        )


def _totals(run: Run) -> None:
    with published(run.warehouse) as connection:
        dispositions = fetch(connection, DISPOSITIONS)
        _say_unknown(dispositions)
        sources, money = (fetch(connection, query, [run.as_of]) for query in (RATE_SOURCES, MONEY))
    for title, rows, columns in (
        ("Events by disposition", dispositions, ()),
        ("Lines of this run by rate source", sources, ("amount",)),
        ("Documents of this run", money, ("subtotal", "credits", "total")),
    ):
        if rows.height:
            screen.print(table(title, rows, money_columns=columns), "")
    screen.print(f"Balanced as of {run.as_of:%Y-%m-%d %H:%M:%S} UTC.")
