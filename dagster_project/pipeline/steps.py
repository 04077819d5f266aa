"""The steps of a run, in order: plain functions over a `Run` and the frames between them.

    land -> lay books and schedule -> build below -> rate usage -> write documents -> build above -> issue -> publish

Dagster calls them one by one (assets/); nothing here knows Dagster. Everything they write lies in derived/, but for three:
`land` appends to raw_events, landings and quarantine, `issue` to issued, `publish` replaces meterhouse.duckdb.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl

from dagster_project import landing
from dagster_project.checks import attention, gate, review_warnings
from dagster_project.checks.credit_runway import outlooks
from dagster_project.engines import LOCAL, LandedEvents
from dagster_project.errors import UserError
from dagster_project.landing import Landing, doors, raw_tables, withdrawals
from dagster_project.landing.release import released_files
from dagster_project.pipeline import marts, models, pending
from dagster_project.pipeline.dimensions import dimensions
from dagster_project.pipeline.run import Run, refuse_the_past
from dagster_project.pipeline.said import Key
from dagster_project.warehouse import books_cache, contents, dbt_build_cache, issued, notes, published, unmatched, views
from dagster_project.warehouse.database import checkpoint, connect, fetch, literal
from dagster_project.warehouse.dbt_runner import DbtHouse, DbtResult
from dagster_project.warehouse.issued import Batch
from dagster_project.warehouse.snapshot import rehearsed
from rating import books, tables
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.invoicing.issue import issue_documents, last_number
from rating.rate import EVERY_MONTH, Months
from rating.shards import Shard

RECONCILED_AMOUNTS = tables.Table(
    "reconciled_amounts",
    "one meter of one period of one contract: what its usage is charged",
    ("contract_id", "period_start", "meter_code"),
    (
        tables.Column("contract_id", tables.TEXT, "id of the contract"),
        tables.Column("period_start", tables.INSTANT, "first instant of the period"),
        tables.Column("meter_code", tables.TEXT, "code of the meter"),
        tables.Column("amount", tables.MONEY, "sum of its usage lines; adjustments and drafts count"),
    ),
)
HELD_BACK = tables.Table(
    "held_back",
    "one contract that could not be rated by this run: its documents are held back until the cause is mended (R-2, R-47)",
    ("contract_id",),
    (
        tables.Column("contract_id", tables.TEXT, "id of the contract"),
        tables.Column("reason", tables.TEXT, "the row that could not be rated, why, and what to look at"),
    ),
)
SCHEDULE = (tables.PERIODS, tables.WINDOWS, tables.CLOSED_PERIODS)
BELOW = "staging intermediate"
ABOVE = "marts"


def land(run: Run) -> Landing | None:
    """Land what is new in the inbox (R-8, R-9, R-10); None where the run only looks at the past.

    Raises `UserError` if a later run has landed or issued already (R-46).
    """
    if not run.land_new:
        return None
    refuse_the_past(run.warehouse, run.as_of)
    doors.close_segments(run.inbox)
    return landing.land(
        run.inbox,
        run.warehouse,
        run.as_of,
        zone=run.books.settings.timezone,
        sources=run.books.sources,
        progress=lambda file, done, whole: run.progress(f"Landing {file} ({100 * done // max(whole, 1)} %)"),
    )


def show_landed(run: Run) -> None:
    """Show what runs up to as_of have landed to dbt.

    Raises `UserError` where all is built anew and a landed file is not the bytes that landed: what it says would be billed.
    """
    left_out = withdrawals.in_force(run.warehouse, run.as_of)
    is_anew = withdrawals.prepare(run.warehouse, left_out)
    if is_anew and (changed := landing.changed_files(run.warehouse, run.as_of)):
        raise UserError(*changed, "Put that back from a backup, then run again. Nothing was issued.")
    events, quarantine = (
        views.of_files(views.files_or_none(run.warehouse, table, files))
        for table, files in (
            (raw_tables.EVENTS, landing.raw_files(run.warehouse, run.as_of)),
            (raw_tables.QUARANTINE, landing.quarantine_files(run.warehouse, run.as_of)),
        )
    )
    withdrawn = _is_withdrawn(left_out)
    # a compacted file may hold landings of after as_of
    landed = f"batch <= {landing.last_batch(run.warehouse, run.as_of)}"
    queries = {
        raw_tables.EVENTS: f"{events} where {landed} and not ({withdrawn})",
        raw_tables.WITHDRAWN: f"{events} where {landed} and {withdrawn}",
        raw_tables.QUARANTINE: f"{quarantine} as lines where {landed} and {_is_not_released(run)}",
    }
    views.show_queries(run.warehouse, "raw", {table.name: query for table, query in queries.items()})


def landed_events(run: Run) -> LandedEvents:
    """What runs up to as_of have landed, for an engine that does not read it through work.duckdb."""
    return LandedEvents(
        tuple(landing.raw_files(run.warehouse, run.as_of)),
        landing.last_batch(run.warehouse, run.as_of),
        tuple(withdrawals.in_force(run.warehouse, run.as_of)),
    )


def _is_withdrawn(withdrawn: list[tuple[str, str]]) -> str:
    """Whether an event is of a withdrawn file (R-114)."""
    places = ", ".join(f"({literal(file)}, {literal(content)})" for file, content in withdrawn)
    return f"(file, file_hash) in ({places})" if places else "false"


def _is_not_released(run: Run) -> str:
    """Whether no release has landed one of `lines` since (R-49)."""
    released = released_files(run.warehouse, run.as_of)
    if not released:
        return "true"
    same = " and ".join(f"events.{name} = lines.{name}" for name in ("file", "file_hash", "position", "element"))
    return f"not exists ({views.of_files(released)} as events where {same})"


def lay_books(run: Run) -> None:
    """Write the books' frames and show them to dbt."""
    views.lay(
        run.warehouse,
        "books",
        run.warehouse.books,
        {table.name: getattr(run.books, table.name) for table in tables.BOOKS_TABLES},
    )
    books_cache.remember(run.warehouse, run.books)


def lay_schedule(run: Run) -> list[pl.DataFrame]:
    """Write the books laid out in time, and show it to dbt; returns the frames of SCHEDULE."""
    laid = [run.schedule.periods, run.schedule.windows, closed_periods(run)]
    frames = {table.name: frame for table, frame in zip(SCHEDULE, laid, strict=True)}
    views.lay(
        run.warehouse,
        "dimensions",
        run.warehouse.dimensions,
        dimensions(run.books, run.as_of, None if run.deals is None else run.deals(run)),
    )
    views.lay(run.warehouse, "schedule", run.warehouse.schedule, frames)
    # a record says nothing before a period has closed behind it
    noted = run.warehouse.derived / "unmatched_changes.parquet"
    views.show(
        run.warehouse, "schedule", {unmatched.CHANGES.name: [views.write(unmatched.changes(run.warehouse, run.as_of), noted)]}
    )
    views.show(run.warehouse, "closed", contents.files_of_closed(run.warehouse, _on_record(laid[-1]), run.as_of))
    return laid


def _on_record(closed: pl.DataFrame) -> pl.DataFrame:
    """contents.NOTED of the closed periods whose contents are on record."""
    return contents.NOTED.frame(closed.drop_nulls("contents_record").select(*adjustments.PERIOD, record_no="contents_record"))


def dimension(run: Run, name: str) -> pl.DataFrame:
    """A table of DIMENSIONS as this run laid it."""
    return pl.read_parquet(run.warehouse.dimensions / f"{name}.parquet")


def closed_periods(run: Run) -> pl.DataFrame:
    """CLOSED_PERIODS: with the landings that the last re-rating of each knew, or its issue where that came after (R-45)."""
    by_issue = (
        _closed_when_re_rated(run)
        .sort("issued_at")
        .join_asof(_known(run).rename({"batch": "issue_batch"}), left_on="issued_at", right_on="as_of", strategy="backward")
    )
    last = pl.max_horizontal("batch", "issue_batch").fill_null(0).alias("last_batch")
    noted = contents.noted(run.warehouse, run.as_of).rename({"record_no": "contents_record"})
    recorded = _with_last_record(run, by_issue.with_columns(last)).join(noted, on=adjustments.PERIOD, how="left")
    return tables.CLOSED_PERIODS.frame(recorded.sort("contract_id", "period_start"))


def _with_last_record(run: Run, closed: pl.DataFrame) -> pl.DataFrame:
    """Closed periods with the number of the last record of unmatched versions before they closed, or of their issue."""
    known = notes.records(run.warehouse.unmatched, run.as_of).select("record_no", noted_at="as_of")
    before = closed.sort("closes_at").join_asof(
        known.sort("noted_at", "record_no"),
        left_on="closes_at",
        right_on="noted_at",
        strategy="backward",
        allow_exact_matches=False,
    )
    at_issue = known.select(issue_record="record_no", issue_noted_at="noted_at").sort("issue_noted_at", "issue_record")
    both = before.sort("issued_at").join_asof(at_issue, left_on="issued_at", right_on="issue_noted_at", strategy="backward")
    return both.with_columns(last_record=pl.max_horizontal("record_no", "issue_record"))


def _closed_when_re_rated(run: Run) -> pl.DataFrame:
    """Closed periods, as `adjustments.issued_periods` has them, with the as_of of the last run that re-rated each
    (`re_rated_at`) and the number of its landing (`batch`); null where none came before it closed."""
    closed = adjustments.issued_periods(run.issued, run.books, run.as_of).filter("is_closed")
    return (
        closed.sort("closes_at")
        .join_asof(_known(run), left_on="closes_at", right_on="as_of", strategy="backward", allow_exact_matches=False)
        .rename({"as_of": "re_rated_at"})
    )


def _known(run: Run) -> pl.DataFrame:
    """as_of and batch of every landing up to the run's own, in order."""
    return pl.DataFrame(
        [(landed.as_of, landed.batch) for landed in landing.landings(run.warehouse, run.as_of)],
        schema={"as_of": tables.INSTANT, "batch": tables.SMALL},
        orient="row",
    ).sort("as_of", "batch")


def build(run: Run, select: str) -> list[DbtResult]:
    """Build dbt models and run their tests: `BELOW` before rating, `ABOVE` after it, with the team's own behind. What is built already
    is not built again."""
    house = run.warehouse
    landed = [*landing.raw_files(house, run.as_of), *landing.quarantine_files(house, run.as_of)]
    if select == BELOW:
        gate.begin(house, run.as_of)
        return dbt_build_cache.build(
            house,
            select,
            [house.books, house.schedule, withdrawals.left_out(house)],
            landed,
            is_there=run.engine.is_built(house),
            carry_out=lambda: run.engine.build(house, partial(landed_events, run), select),
            made_by=run.engine.name,
            begin_anew=partial(models.drop_unknown, house.work_database, BELOW.split()),
        )
    landed += [batch.folder for batch in issued.batches(house, run.as_of)]
    inputs = [house.books, house.schedule, house.documents, house.attention, house.dimensions, withdrawals.left_out(house)]
    custom = models.CUSTOM if models.project().models([models.CUSTOM]) else None
    results = dbt_build_cache.build(
        house,
        select,
        inputs,
        landed,
        is_there=house.staged_database.exists() or published.is_as_published(house),
        carry_out=partial(_build_marts, run, select, custom),
        # their tests may look at the others, and have no say in their building
        then=partial(DbtHouse(house).build, custom) if custom else list,
    )
    if house.staged_database.exists():
        checkpoint(house.staged_database)
    return results


def _build_marts(run: Run, select: str, exclude: str | None) -> list[DbtResult]:
    marts.begin(run)
    return DbtHouse(run.warehouse).build(select, exclude=exclude)


def row_counts(run: Run, select: str) -> dict[Key, int]:
    """How many rows each table has that `build` left for a selection; views are not counted, for that would compute them."""
    database = run.warehouse.work_database if select == BELOW else _marts(run)
    with connect(database, read_only=True) as connection:
        found = fetch(connection, "select schema_name, table_name from duckdb_tables() where not internal order by all").rows()
        counts = " union all ".join(
            f'select {place} as place, count(*) as n from "{schema}"."{table}"' for place, (schema, table) in enumerate(found)
        )
        rows = fetch(connection, counts).rows() if found else []
    return {found[place]: height for place, height in rows}


def prepare(run: Run) -> list[DbtResult]:
    """Show dbt what has landed, the books and the schedule, and build the models that the kernel reads; what their tests said."""
    show_landed(run)
    lay_books(run)
    lay_schedule(run)
    return build(run, BELOW)


def usage(run: Run) -> pl.DataFrame:
    """USAGE as dbt left it (R-16), of periods that are not closed: nothing rates the others again (R-45)."""
    columns, order = ", ".join(tables.USAGE.names), ", ".join(tables.USAGE.key)
    return tables.USAGE.frame(
        _rows(
            run.warehouse.work_database,
            f"""
            select {columns}
            from intermediate.int_usage
            anti join schedule.closed_periods
                using (contract_id, period_start)
            order by {order}
            """,
        )
    )


@dataclass(frozen=True, slots=True)
class RatedRun:
    """documents: of a run, newly issued and drafts. held_back: HELD_BACK. periods: RATED_PERIODS. unbilled: UNBILLED_USAGE."""

    documents: Documents
    held_back: pl.DataFrame
    periods: pl.DataFrame
    unbilled: pl.DataFrame


def rate_usage(run: Run, rows: pl.DataFrame, months: Months) -> RatedRun:
    """This run's documents of these months (law 1).

    Raises `UserError` where usage is of another run, or breaks a law (R-47).
    """
    gate.require_usage(run.warehouse, run.as_of)
    return rate_everything(run, rows, months, pending_adjustments(run))


def rate_everything(run: Run, rows: pl.DataFrame, months: Months, pending: Documents | None) -> RatedRun:
    """The documents of these months under the run's books; pending: as `pending_adjustments`."""
    wanted = adjustments.lines_in_play(run.issued, run.books, run.as_of, pending)
    before = issued.with_lines(run.warehouse, run.issued, run.as_of, wanted)
    everything = Shard(run.books, run.schedule, rows, before, run.as_of, months, issue=run.issue, pending=pending)
    rated = run.engine.rate(everything.divided(run.shards))
    held = [{"contract_id": contract, "reason": reason} for shard in rated for contract, reason in shard.held_back]
    return RatedRun(
        issue_documents(rated, run.as_of, last_number(run.issued)),
        HELD_BACK.frame(held).sort("contract_id"),
        pl.concat([shard.periods for shard in rated]).sort(tables.RATED_PERIODS.key),
        pl.concat([shard.unbilled for shard in rated]).sort(tables.UNBILLED_USAGE.key),
    )


def pending_adjustments(run: Run) -> Documents:
    """Draft adjustments of closed periods, with the figures of their last re-rating (R-43), as the run before left them.

    Where derived/ was deleted since, or a run landed events and died, the runs that re-rated last are rehearsed to have them.
    """
    left = pending.read(run.warehouse)
    since = pl.col("as_of").is_between(left.as_of, run.as_of, closed="none")
    if run.issued.invoices.is_empty() or _known(run).filter(since).is_empty():
        return left.documents
    missing = _may_be_adjusted(run).filter(pl.col("re_rated_at") > left.as_of)
    if missing.is_empty():
        return left.documents
    found = left.documents
    for instant in missing.get_column("re_rated_at").unique().sort():
        found = pending.replace_rehearsed(found, _rehearsed(run, instant), missing.filter(pl.col("re_rated_at") == instant))
    pending.remember(run.warehouse, pending.PendingAdjustments(found, missing.get_column("re_rated_at").max()))  # type: ignore[arg-type]
    return found


def _may_be_adjusted(run: Run) -> pl.DataFrame:
    """Closed periods whose adjustment, if they have one, has not gone out since: it waits for the contract's next period invoice or,
    where none will come, for the first run after the period closed (R-43)."""
    issued_already = run.issued.invoices.filter(pl.col("kind") == "period")
    last_issued = issued_already.group_by("contract_id").agg(pl.col("issued_at").max().alias("last_issued_at"))
    to_come = run.schedule.periods.join(issued_already, on=["contract_id", "period_start"], how="anti")
    waits_on = pl.col("contract_id").is_in(to_come.get_column("contract_id").unique().implode())
    last_run = run.issued.invoices.get_column("issued_at").max()
    return (
        _closed_when_re_rated(run)
        .join(last_issued, on="contract_id")
        .filter(pl.col("re_rated_at") >= pl.col("last_issued_at"), waits_on | (pl.col("closes_at") > last_run))
    )


def _rehearsed(run: Run, instant: datetime) -> Documents:
    """The drafts of the run of that instant, with the events known then and the books of now."""
    with rehearsed(run.warehouse, instant) as stage:
        then = replace(
            run,
            warehouse=stage,
            as_of=instant,
            months=EVERY_MONTH,
            issue=False,
            land_new=False,
            books_read=run.books,
            engine=LOCAL,
        )
        prepare(then)
        return rate_everything(then, usage(then), EVERY_MONTH, None).documents


def write_documents(run: Run, rated: RatedRun) -> None:
    """Write what this run rated, and show dbt the documents of all runs so far: what is issued is read where it lies."""
    batches = issued.batches(run.warehouse, run.as_of)
    queries = {}
    for table, frame in issued.by_table(rated.documents):
        written = views.write(frame, run.warehouse.documents / f"{table.name}.parquet")
        queries[table.name] = marts.rows_of(table, [*(batch.folder / issued.file_of(table) for batch in batches), written])
    queries[books.LETTERHEADS.name] = views.of_files(_letterheads(run, rated.documents))
    beside = {HELD_BACK: rated.held_back, tables.RATED_PERIODS: rated.periods, tables.UNBILLED_USAGE: rated.unbilled}
    for table, frame in beside.items():
        queries[table.name] = views.of_files([views.write(frame, run.warehouse.documents / f"{table.name}.parquet")])
    views.show_queries(run.warehouse, "rating", queries | {RECONCILED_AMOUNTS.name: RECONCILED})
    gate.documents_written(run.warehouse, run.as_of)


def _letterheads(run: Run, documents: Documents) -> list[Path]:
    """Files of LETTERHEADS of every document: as issued; of drafts, and of what was issued without one, as the books are now."""
    kept = issued.letterheads(run.warehouse, run.as_of)
    have_one = pl.concat(
        [books.LETTERHEADS.empty().select("invoice_id"), *(pl.read_parquet(file, columns=["invoice_id"]) for file in kept)]
    )
    every = pl.concat([run.issued.invoices, documents.invoices]).join(have_one, on="invoice_id", how="anti")
    return [*kept, views.write(books.letterheads(run.books, every), marts.letterheads_of_now(run.warehouse))]


# RECONCILED_AMOUNTS of all documents
RECONCILED = """
    select
        invoices.contract_id,
        invoices.period_start,
        lines.meter_code,
        sum(lines.amount)::decimal(38, 4) as amount
    from rating.invoice_lines as lines
    inner join rating.invoices as invoices
        on lines.invoice_id = invoices.invoice_id
    where lines.kind = 'usage'
    group by
        invoices.contract_id,
        invoices.period_start,
        lines.meter_code
"""


def new_documents(run: Run) -> Documents:
    """Of the documents that this run wrote, those that no earlier run has issued."""
    new = []
    for (table, written), (_, before) in zip(issued.by_table(written_documents(run)), issued.by_table(run.issued), strict=True):
        # lines, tiers and shares go with their invoice; ledger entries stand alone
        of = "invoice_id" if "invoice_id" in table.key else table.key[0]
        new.append(written.join(before, on=of, how="anti", maintain_order="left"))
    return Documents(*new)


def issue(run: Run, months: Months) -> Batch | None:
    """Make what this run issues durable; nothing with `--no-issue`, where every document is a draft.

    Raises `UserError` where a law was not looked at or does not hold (R-47), or where that is more than the run may issue (R-48).
    """
    gate.require_documents(run.warehouse, run.as_of)
    new = new_documents(run)
    if run.limit is not None:
        try:
            run.limit.refuse(new.with_status("issued").invoices)
        except UserError:
            # a step that knows no limit must not issue or publish it afterwards
            gate.begin(run.warehouse, run.as_of)
            raise
    batch = issued.issue(run.warehouse, new, run.books, run.as_of)
    _note_contents(run, new)
    held_back = _written(run, HELD_BACK).get_column("contract_id")
    left = pending.of_run(new, pending.read(run.warehouse), run.issued, months, held_back, run.as_of)
    pending.remember(run.warehouse, left)
    return batch


def _note_contents(run: Run, new: Documents) -> None:
    """Note what issued periods that are still open contain and do not contain, those that this run issues among them (R-45)."""
    every = issued.concat(run.issued, new.with_status("issued"))
    known = adjustments.issued_periods(every, run.books, run.as_of)
    rated = known.filter(~pl.col("is_closed") | (pl.col("issued_at") == run.as_of))
    if not rated.is_empty():
        first, last = rated.select(pl.col("period_start").min(), pl.col("period_end").max()).row(0)
        unmatched.note(run.warehouse, first, last, run.as_of)
        contents.note(
            run.warehouse, rated.join(_written(run, tables.RATED_PERIODS), on=adjustments.PERIOD, how="semi"), run.as_of
        )


def _written(run: Run, table: tables.Table) -> pl.DataFrame:
    """A table as the rating step of this run wrote it."""
    return pl.read_parquet(run.warehouse.documents / f"{table.name}.parquet")


# --- what checks look at -----------------------------------------------------------------------------------------------------


def write_usage(run: Run) -> Path:
    """Write usage to Parquet, in the order of its key, and return the file."""
    return views.write(usage(run), run.warehouse.usage / f"{tables.USAGE.name}.parquet")


def known_codes(run: Run) -> dict[str, list[str]]:
    """Codes that the books know, by column."""
    return {"meter_code": run.books.meters.get_column("meter_code").sort().to_list()}


def look_for_attention(run: Run, documents: Documents, months: Months) -> pl.DataFrame:
    """Write ATTENTION, what deserves a look after this run, and show it to dbt; returns it.

    documents: of this run. A run of the same as_of may have issued others before: they are its own.
    """
    every, below = issued.concat(run.issued, documents), attention.found_below(run.warehouse)
    own = issued.concat(issued.issued_at(run.warehouse, run.as_of), documents)
    mine = replace(own, ledger=every.ledger)
    landings = landing.landings(run.warehouse, run.as_of)
    landed = [(one.as_of, found) for one in landings for found in one.findings]
    contracts = run.books.contracts
    named = {(row["event_name"], "bad_quantity") for row in below["failures"].iter_rows(named=True)}
    is_named = pl.Series([(row["event_name"], row["disposition"]) in named for row in below["unmatched"].iter_rows(named=True)])
    found = [
        review_warnings.fallback_share(mine, run.books, near_misses(run)),
        review_warnings.files_of_the_inbox(landings[-1].remarks if landings else ()),
        # what a meter could not read is said by meter, with the value
        review_warnings.unmatched_events(below["unmatched"].filter(~is_named.cast(pl.Boolean))),
        review_warnings.unread_quantities(below["failures"]),
        review_warnings.quarantined_lines(below["quarantined"]),
        review_warnings.suspicious_keys(below["keys"]),
        review_warnings.unread_fields(attention.as_findings(landed, landing.UNREAD_FIELD), run.books),
        review_warnings.made_up_times(attention.as_findings(landed, landing.TIME_MADE_UP)),
        review_warnings.bare_dates(attention.as_findings(landed, landing.BARE_DATE), run.books, run.as_of),
        review_warnings.long_documents(mine, run.books),
        review_warnings.months_left_behind(run.books, run.schedule.periods, run.issued, run.as_of, months),
        review_warnings.depleted_grants(mine),
        review_warnings.wallets_running_dry(
            outlooks(every.ledger, every.invoices, run.books.credit_grants, contracts, run.as_of)
        ),
    ]
    looks = [look for one in found for look in one.looks]
    rows = attention.rows(looks, attention.acknowledgements(run.warehouse), run.as_of)
    views.lay(run.warehouse, "rating", run.warehouse.attention, {attention.ATTENTION.name: rows})
    return rows


def written_documents(run: Run) -> Documents:
    """The documents of this run, as its rating step wrote them."""
    return Documents(*(_written(run, table) for table in tables.DOCUMENT_TABLES))


def landed_versions(run: Run) -> int:
    """How many event versions runs up to as_of have landed."""
    return sum(landed.events for landed in landing.landings(run.warehouse, run.as_of))


def attention_rows(run: Run) -> pl.DataFrame:
    """ATTENTION as this run wrote it."""
    return attention.read(run.warehouse.attention)


def dispositions(run: Run) -> pl.DataFrame:
    """event_name, disposition, events: every landed version once (R-12)."""
    return _rows(
        _marts(run),
        "select event_name, disposition, sum(events)::bigint as events from marts.reconciliation where meter_code is null "
        "group by all order by all",
    )


def near_misses(run: Run) -> pl.DataFrame:
    """event_name, wanted_property, found_property, events: properties that are nearly group keys."""
    return _rows(run.warehouse.work_database, "from intermediate.int_misspelt_properties order by all")


# --- databases ---------------------------------------------------------------------------------------------------------------


def _marts(run: Run) -> Path:
    """The marts of this run: staged, or those already published where nothing has changed."""
    staged = run.warehouse.staged_database
    return staged if staged.exists() else run.warehouse.database


def _rows(database: Path, query: str) -> pl.DataFrame:
    with connect(database, read_only=True) as connection:
        return fetch(connection, query)
