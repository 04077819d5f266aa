"""The pipeline: what a run does, as a plain list of steps, each with what it is at and what is checked of what it made.

    landing -> contract_data -> schedule -> usage_models -> usage_expectations -> rated_documents -> line_expectations
        -> finance_models -> dispositions_balance -> looks -> issued_documents -> published_marts

The command carries them out one by one (`job.py`); Dagster's assets and checks are made of the same steps (`defs/`).

What belongs here: order, words and figures, and what must be checked. What does not: the work itself (`steps.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

import polars as pl

from dagster_project.checks import attention, gate, invariants
from dagster_project.checks.expectations.client import ExpectationResult
from dagster_project.checks.invariants import Proof
from dagster_project.landing import raw_tables
from dagster_project.pipeline import marts, models, steps
from dagster_project.pipeline.dimensions import DEALS, DIMENSIONS
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked, Figure, Key, Made, Said
from dagster_project.warehouse import contents, issued, unmatched
from dagster_project.warehouse.dbt_runner import DbtResult
from rating import tables
from rating.books import LETTERHEADS
from rating.documents import Documents
from rating.rate import Months
from rating.vocabulary import UNMATCHED

EVENTS: Key = ("raw", raw_tables.EVENTS.name)
USAGE: Key = ("intermediate", "int_usage")
INVOICES: Key = ("rating", tables.INVOICES.name)
INVOICE_LINES: Key = ("rating", tables.INVOICE_LINES.name)
LEDGER: Key = ("rating", tables.CREDIT_LEDGER.name)
RECONCILIATION: Key = ("marts", "reconciliation")
INVOICES_MART: Key = ("marts", "invoices")
ISSUED: Key = ("documents", "issued")
PUBLISHED: Key = ("finance", "meterhouse")

LINES_BALANCE = "lines_balance"
INBOX_IS_TIDY = "inbox_is_tidy"
EXPECTATIONS = "expectations"
DISPOSITIONS_BALANCE = "dispositions_balance"
# not blocking, for the documents of all other contracts are issued; but a run that holds one back says so
HELD_BACK = "every_contract_is_rated"
CUSTOM_MODELS = "custom_models_are_built"
MOST_SAID = 20
DEALS_MART: Key = ("dimensions", "deals")
WON_DEALS, APPROVED_DEALS = "won_deals_are_contracted", "approved_deals_match_salesforce"
DEAL_CHECKS = {
    WON_DEALS: "Every deal that closed three days ago or longer is decided (R-78).",
    APPROVED_DEALS: "Salesforce says of approved deals what it said when they were approved (R-78).",
}
DEAL_DAYS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Step:
    """says: what a person reads while it is at work. doing: the same in words that follow `while`."""

    name: str
    says: str
    doing: str
    work: Callable[[Run, Months], Said]


def landing(run: Run, _: Months) -> Said:
    """Land what is new in the inbox."""
    landed = steps.land(run)
    if landed is not None and landed.files:
        run.examiner.warm_up()
    steps.show_landed(run)
    figures = (
        {}
        if landed is None
        else {"files_landed": len(landed.files), "files_known": landed.passed, "events_landed": landed.events}
    )
    yield Made(EVENTS, figures)
    yield Made(("raw", raw_tables.QUARANTINE.name), {"quarantined": landed.quarantined if landed else 0})
    yield Made(("raw", raw_tables.WITHDRAWN.name))
    yield _proved(invariants.every_line_read_is_landed_or_quarantined(landed), EVENTS)
    warnings = landed.warnings if landed else ()
    yield Checked(EVENTS, INBOX_IS_TIDY, not warnings, "\n".join(warnings), blocking=False)


def contract_data(run: Run, _: Months) -> Said:
    """Read the books; a single mistake in them stops the run, with all of them said."""
    books = run.books
    steps.lay_books(run)
    for table in tables.BOOKS_TABLES:
        height = getattr(books, table.name).height
        yield Made(("books", table.name), {"row_count": height, "books_version": books.version})


def schedule(run: Run, _: Months) -> Said:
    """Lay approved contracts out in billing periods and rating windows, up to as_of."""
    frames = steps.lay_schedule(run)
    for frame, table in zip(frames, steps.SCHEDULE, strict=True):
        months = (
            frame.group_by(pl.col("period_end").dt.strftime("%Y-%m").alias("ending_in")).len("rows").sort("ending_in").tail(12)
        )
        yield Made(("schedule", table.name), {"row_count": frame.height, "last_months": months})
    yield Made(("schedule", unmatched.CHANGES.name))
    for table in contents.PARTS:
        yield Made(("closed", table.name))
    for table in DIMENSIONS:
        yield Made(("dimensions", table.name), {"row_count": partial(_height, run, table.name)})
    yield from _deals_looked_at(steps.dimension(run, DEALS.name), run.as_of)


def _height(run: Run, dimension: str) -> int:
    return steps.dimension(run, dimension).height


def _deals_looked_at(deals: pl.DataFrame, as_of: datetime) -> Iterator[Checked]:
    """What finance would want to know of deals; nothing of it stops a run (R-78)."""
    closed_long_ago = pl.col("closed_on") <= as_of.date() - DEAL_DAYS
    for name, found, told in (
        (WON_DEALS, deals.filter(pl.col("state") == "open", closed_long_ago), "is closed and stands in no contract"),
        (APPROVED_DEALS, deals.filter("has_drifted"), "is no longer what was approved"),
    ):
        says = [f"{row['name']} ({row['proposal_id']}) {told}." for row in found.head(MOST_SAID).iter_rows(named=True)]
        yield Checked(DEALS_MART, name, found.is_empty(), "\n".join(says), blocking=False)


def usage_models(run: Run, _: Months) -> Said:
    """Turn events into usage, and run the tests of the models that do."""
    yield from _built(run, steps.BELOW, gate.USAGE_TESTS)


def finance_models(run: Run, _: Months) -> Said:
    """Build what finance reads, and run the tests of it."""
    yield from _built(run, steps.ABOVE, gate.FINANCE_TESTS)


def models_of(select: str) -> dict[str, models.Node]:
    """The models of a selection, by unique id; the team's own come with the marts."""
    return models.project().models([*select.split(), *([models.CUSTOM] if select == steps.ABOVE else [])])


def tests_of(select: str) -> dict[str, tuple[models.Node, Key]]:
    """The tests that run with a selection, by unique id, each with the table that it is shown at."""
    own = models_of(select)
    known = own if select == steps.BELOW else own | models_of(steps.BELOW)
    return {test["unique_id"]: (test, models.table_of(own[shown_at])) for test, shown_at in models.project().tests(own, known)}


def _built(run: Run, select: str, law: str) -> Said:
    tests = tests_of(select)
    results = steps.build(run, select)
    own = {unique_id for unique_id, node in models.project().nodes.items() if models.is_custom(node)}
    models.require_built(result for result in results if result.unique_id not in own)
    good = {result.unique_id for result in results if result.is_good}
    gate.hold(
        run.warehouse,
        run.as_of,
        law,
        holds=all(unique_id in good for unique_id, (test, _) in tests.items() if models.is_blocking(test)),
    )
    yield from _told(models_of(select), tests, results, cache(lambda: steps.row_counts(run, select)))
    if select == steps.ABOVE and own:
        yield _customs_built([result for result in results if result.unique_id in own and result.unique_id not in tests])


def _told(
    built: Mapping[str, models.Node],
    tests: Mapping[str, tuple[models.Node, Key]],
    results: Sequence[DbtResult],
    row_counts: Callable[[], Mapping[Key, int]],
) -> Iterator[Made | Checked]:
    """What dbt built and tested; nothing of what it skipped because a test failed."""
    for result in results:
        figures: dict[str, Figure] = {"seconds": round(result.seconds, 3), "status": result.status}
        if result.unique_id in tests:
            test, table = tests[result.unique_id]
            if result.failures is not None:
                figures["failures"] = result.failures
            yield Checked(
                table, test["name"], result.is_good, result.message, blocking=models.is_blocking(test), figures=figures
            )
        elif result.is_good and result.unique_id in built:
            node = built[result.unique_id]
            table = models.table_of(node)
            if node["config"]["materialized"] != "view":
                figures["row_count"] = partial(_counted, row_counts, table)
            yield Made(table, figures)


def _counted(row_counts: Callable[[], Mapping[Key, int]], table: Key) -> int:
    return row_counts()[table]


def _customs_built(results: Sequence[DbtResult]) -> Checked:
    """What became of the team's own models; nothing of it stops a run."""
    failed = [f"{result.name}: {result.message or result.status}" for result in results if not result.is_good]
    return Checked(INVOICES_MART, CUSTOM_MODELS, not failed, "\n".join(failed[:MOST_SAID]), blocking=False)


def usage_expectations(run: Run, _: Months) -> Said:
    """Every row of usage looks as it must (Great Expectations; the pages are in data_docs)."""
    file = steps.write_usage(run)
    results = run.examiner.examine("usage", file, steps.known_codes(run))
    yield _expected(run, USAGE, gate.USAGE_EXPECTATIONS, results)


def line_expectations(run: Run, _: Months) -> Said:
    """Every line of a document looks as it must (Great Expectations; the pages are in data_docs)."""
    file = run.warehouse.documents / f"{tables.INVOICE_LINES.name}.parquet"
    results = run.examiner.examine("invoice_lines", file, steps.known_codes(run))
    run.examiner.begin_data_docs()
    yield _expected(run, INVOICE_LINES, gate.LINE_EXPECTATIONS, results)


def _expected(run: Run, table: Key, law: str, results: Sequence[ExpectationResult]) -> Checked:
    failed = [result for result in results if not result.holds]
    gate.hold(run.warehouse, run.as_of, law, holds=not failed)
    said = "; ".join(f"{one.says}: {one.unexpected} values ({', '.join(one.examples)})" for one in failed)
    shown = pl.DataFrame(
        [
            {
                "holds": "yes" if one.holds else "no",
                "expectation": one.says,
                "unexpected": one.unexpected,
                "for example": ", ".join(one.examples),
            }
            for one in results
        ],
        schema={"holds": pl.String, "expectation": pl.String, "unexpected": pl.Int64, "for example": pl.String},
    )
    return Checked(
        table, EXPECTATIONS, not failed, said or f"{len(results)} expectations hold.", figures={"expectations": shown}
    )


def rated_documents(run: Run, months: Months) -> Said:
    """Rate every month that still has something to do; prove that what comes out ties."""
    rated = steps.rate_usage(run, steps.usage(run), months)
    now, held_back = rated.documents, rated.held_back
    steps.write_documents(run, rated)
    rows = steps.look_for_attention(run, now, months)
    for table, frame in issued.by_table(now):
        figures: dict[str, Figure] = {"rows_of_this_run": frame.height}
        if table is not tables.INVOICES:
            yield Made(("rating", table.name), figures)
            continue
        figures["issued_by_this_run"] = now.with_status("issued").invoices.height
        if frame.height:
            figures["money"] = money_by_month(now)
        yield Made(("rating", table.name), figures, partial(_totals_by_month, run, now))
    yield Made(("rating", tables.RATED_PERIODS.name), {"row_count": rated.periods.height})
    yield Made(("rating", tables.UNBILLED_USAGE.name), {"row_count": rated.unbilled.height})
    yield Made(("rating", steps.RECONCILED_AMOUNTS.name))
    yield Made(("rating", LETTERHEADS.name))
    yield Made(("rating", attention.ATTENTION.name), {"row_count": rows.height})
    proofs = invariants.of_documents(now, run.issued)
    gate.hold(run.warehouse, run.as_of, gate.LAWS, holds=all(proof.holds for proof in proofs))
    for proof in proofs:
        yield _proved(proof, INVOICES)
    yield Checked(
        INVOICES,
        HELD_BACK,
        held_back.is_empty(),
        "\n".join(held_back.get_column("reason")),
        blocking=False,
        figures={"rows": held_back} if held_back.height else {},
    )


def money_by_month(documents: Documents) -> pl.DataFrame:
    """month, and for each currency and status the number of documents and their total."""
    return (
        documents.invoices.group_by("month", "currency", "status")
        .agg(pl.len().alias("documents"), pl.col("total").sum())
        .sort("month", "currency", "status")
    )


def _totals_by_month(run: Run, now: Documents) -> dict[str, dict[str, Figure]]:
    """`_totals` of each month as it stands after the run: all documents ever issued are counted, so whoever draws it asks."""
    standing = money_by_month(issued.concat(run.issued, now))
    return {str(month): _totals(rows) for (month,), rows in standing.group_by("month")}


def _totals(money: pl.DataFrame) -> dict[str, Figure]:
    """What there is to draw of `money_by_month`: documents, and the total of each currency, as a month stands after the run."""
    totals = money.group_by("currency").agg(pl.col("total").sum()).sort("currency")
    return {
        "documents": money.get_column("documents").sum(),
        **{f"total_{currency.lower()}": total for currency, total in totals.iter_rows()},
    }


def dispositions_balance(run: Run, _: Months) -> Said:
    """Every landed version has exactly one disposition: landed = sum over dispositions (R-12)."""
    proof = invariants.every_landed_version_has_one_disposition(steps.landed_versions(run), steps.dispositions(run))
    gate.hold(run.warehouse, run.as_of, gate.DISPOSITIONS, holds=proof.holds)
    yield _proved(proof, RECONCILIATION)


@dataclass(frozen=True, slots=True)
class Look:
    """A check that warns and stops nothing: what of marts.attention has one of these codes and nobody has acknowledged."""

    table: Key
    name: str
    says: str
    codes: tuple[str, ...]


LOOKS = (
    Look(INVOICE_LINES, "fallback_share", "How much usage found no price of its own.", ("fallback_share",)),
    Look(INVOICES, "long_documents", "Documents too long to read.", ("long_documents",)),
    Look(INVOICES, "months_left_behind", "Earlier months that are due and not issued.", ("months_left_behind",)),
    Look(LEDGER, "depleted_grants", "Wallets with nothing left.", ("depleted_grants",)),
    Look(LEDGER, "wallets_running_dry", "Wallets that will not last until they expire.", ("wallets_running_dry",)),
    Look(RECONCILIATION, "unmatched_events", "Events that nobody is billed for, by reason.", (*UNMATCHED, "too_late")),
    Look(
        RECONCILIATION,
        "suspicious_keys",
        "Idempotency keys that supersede events which are no resends.",
        ("suspicious_keys_no_key", "suspicious_keys_customers"),
    ),
    Look(RECONCILIATION, "quarantined_lines", "Lines that are no event, by file and reason.", ("quarantined_lines",)),
    Look(
        RECONCILIATION,
        "what_nobody_reads",
        "Fields that nobody reads, times made up or without an hour, in the files of this run.",
        ("unread_field", "time_made_up", "bare_date"),
    ),
)


def looks(run: Run, _: Months) -> Said:
    """What deserves a look."""
    rows = attention.shown(steps.attention_rows(run), run.as_of)
    for look in LOOKS:
        found = rows.filter(pl.col("code").is_in([*look.codes]))
        said = found.get_column("sentence").head(MOST_SAID)
        more = [f"{found.height - MOST_SAID:,} more are in marts.attention."] if found.height > MOST_SAID else []
        yield Checked(
            look.table,
            look.name,
            found.is_empty(),
            "\n".join([*said, *more]),
            blocking=False,
            figures={"rows": found} if found.height else {},
        )


def issued_documents(run: Run, months: Months) -> Said:
    """Every document ever issued, with its lines and posted ledger entries. Appended only, a batch a run, by one rename."""
    batch = steps.issue(run, months)
    if batch is None:
        yield Made(ISSUED, {"issued": 0})
        return
    yield Made(
        ISSUED,
        {
            "issued": batch.documents,
            "ledger_entries": batch.ledger_entries,
            "numbers": f"{batch.first_number} to {batch.last_number}",
            "folder": batch.folder,
        },
    )


def published_marts(run: Run, _: Months) -> Said:
    """`meterhouse.duckdb`, what finance reads: the marts of the last run that balanced, replaced by one rename."""
    database = marts.publish(run)
    run.examiner.publish_data_docs()
    yield Made(PUBLISHED, {"database": database, "data_docs": run.warehouse.data_docs / "index.html"})


def _proved(proof: Proof, table: Key) -> Checked:
    """A law as a check that blocks."""
    figures = {"counterexamples": proof.counterexamples} if proof.counterexamples.height else {}
    return Checked(table, proof.name, proof.holds, proof.says, figures=figures)


LANDING = Step("landing", "Landing what is new", "landing events", landing)
CONTRACT_DATA = Step("contract_data", "Reading the books", "reading the books", contract_data)
SCHEDULE = Step("schedule", "Laying contracts out in periods", "laying contracts out in periods", schedule)
USAGE_MODELS = Step("usage_models", "Turning events into usage", "turning events into usage", usage_models)
USAGE_EXPECTATIONS = Step("usage_expectations", "Checking usage", "checking usage", usage_expectations)
RATED_DOCUMENTS = Step("rated_documents", "Rating", "rating", rated_documents)
LINE_EXPECTATIONS = Step("line_expectations", "Checking lines", "checking lines", line_expectations)
FINANCE_MODELS = Step("finance_models", "Building what finance reads", "building what finance reads", finance_models)
BALANCE = Step("dispositions_balance", "Counting dispositions", "counting dispositions", dispositions_balance)
ATTENTION = Step("looks", "Looking for what deserves a look", "looking for what deserves a look", looks)
ISSUED_DOCUMENTS = Step("issued_documents", "Issuing", "issuing", issued_documents)
PUBLISHED_MARTS = Step("published_marts", "Publishing", "publishing", published_marts)

STEPS = (
    LANDING,
    CONTRACT_DATA,
    SCHEDULE,
    USAGE_MODELS,
    USAGE_EXPECTATIONS,
    RATED_DOCUMENTS,
    LINE_EXPECTATIONS,
    FINANCE_MODELS,
    BALANCE,
    ATTENTION,
    ISSUED_DOCUMENTS,
    PUBLISHED_MARTS,
)
