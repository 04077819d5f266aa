"""`meterhouse`: the commands and their flags. Every flag has an environment variable METERHOUSE_…."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import desk_commands
from dagster_project.cli.flags import (
    DEFAULT_BOOKS,
    DEFAULT_WAREHOUSE,
    BooksFlag,
    PublishFlag,
    RegisterFlag,
    SalesforceFlag,
    WarehouseFlag,
)
from dagster_project.settings import INBOX

app = typer.Typer(
    name="meterhouse",
    help="Usage rating inside the data warehouse: usage events in, exact invoices out, every line explained down to the event.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

InboxFlag = Annotated[
    str, typer.Option("--inbox", envvar="METERHOUSE_INBOX", help="Folder or object-store prefix of event files.")
]
AsOfFlag = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        envvar="METERHOUSE_AS_OF",
        help="The run's one clock: an ISO instant or a date, in UTC. Now where absent.",
        metavar="INSTANT",
    ),
]
NoIssueFlag = Annotated[
    bool, typer.Option("--no-issue", envvar="METERHOUSE_NO_ISSUE", help="Write drafts; post and issue nothing.")
]
DryRunFlag = Annotated[
    bool,
    typer.Option(
        "--dry-run", envvar="METERHOUSE_DRY_RUN", help="Show what the run would do; write nothing. May look at the past."
    ),
]

AllowFutureFlag = Annotated[
    bool,
    typer.Option(
        "--allow-future", envvar="METERHOUSE_ALLOW_FUTURE", help="Take an as_of more than a day ahead of this machine's clock."
    ),
]
LimitIssueFlag = Annotated[
    str | None,
    typer.Option(
        "--limit-issue",
        envvar="METERHOUSE_LIMIT_ISSUE",
        help="Stop before issuing more than so many documents (500), or so much money (25000.00, or 25000 USD).",
        metavar="N|AMOUNT",
    ),
]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", envvar="METERHOUSE_QUIET", help="Say nothing but what is wrong.")]
JsonFlag = Annotated[
    bool, typer.Option("--json", envvar="METERHOUSE_JSON", help="Say how it ended as one JSON object on stdout.")
]
YesFlag = Annotated[
    bool, typer.Option("--yes", "-y", envvar="METERHOUSE_YES", help="Do not ask before a new warehouse begins its numbering.")
]
ShardsFlag = Annotated[
    int,
    typer.Option(
        "--shards",
        envvar="METERHOUSE_SHARDS",
        min=1,
        help="Rate contracts in so many sets, side by side where there are cores.",
    ),
]

EngineFlag = Annotated[
    str,
    typer.Option(
        "--engine",
        envvar="METERHOUSE_ENGINE",
        help="Where usage is counted and rated: local, or spark (docs/spark.md).",
        metavar="local|spark",
    ),
]

MOST_SAID = 200  # mistakes that are said one by one


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"meterhouse {importlib.metadata.version('meterhouse')}")
        raise typer.Exit


@app.callback()
def meterhouse(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Usage rating inside the data warehouse: usage events in, exact invoices out, every line explained down to the event."""


@app.command()
def run(
    books: BooksFlag = DEFAULT_BOOKS,
    inbox: InboxFlag = INBOX,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    as_of: AsOfFlag = None,
    through: Annotated[
        str | None,
        typer.Option("--through", envvar="METERHOUSE_THROUGH", help="Rate months up to this one only.", metavar="YYYY-MM"),
    ] = None,
    no_issue: NoIssueFlag = False,
    dry_run: DryRunFlag = False,
    allow_future: AllowFutureFlag = False,
    limit_issue: LimitIssueFlag = None,
    yes: YesFlag = False,
    shards: ShardsFlag = 1,
    engine: EngineFlag = "local",
    quiet: QuietFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Land what is new, rate every month that still has something to do, issue what is due."""
    from dagster_project.cli import run

    run.run(
        books,
        inbox,
        warehouse,
        as_of,
        None,
        through,
        no_issue=no_issue,
        dry_run=dry_run,
        allow_future=allow_future,
        limit_issue=limit_issue,
        yes=yes,
        shards=shards,
        engine=engine,
        quiet=quiet,
        as_json=as_json,
    )


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", envvar="METERHOUSE_FROM", help="First month.", metavar="YYYY-MM")],
    last: Annotated[str, typer.Option("--to", envvar="METERHOUSE_TO", help="Last month.", metavar="YYYY-MM")],
    books: BooksFlag = DEFAULT_BOOKS,
    inbox: InboxFlag = INBOX,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    as_of: AsOfFlag = None,
    no_issue: NoIssueFlag = False,
    dry_run: DryRunFlag = False,
    allow_future: AllowFutureFlag = False,
    limit_issue: LimitIssueFlag = None,
    yes: YesFlag = False,
    shards: ShardsFlag = 1,
    engine: EngineFlag = "local",
    quiet: QuietFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Rate chosen months in order, in one run."""
    from dagster_project.cli import run

    run.run(
        books,
        inbox,
        warehouse,
        as_of,
        first,
        last,
        no_issue=no_issue,
        dry_run=dry_run,
        allow_future=allow_future,
        limit_issue=limit_issue,
        yes=yes,
        shards=shards,
        engine=engine,
        quiet=quiet,
        as_json=as_json,
        job="backfill",
    )


@app.command()
def check(books: BooksFlag = DEFAULT_BOOKS, warehouse: WarehouseFlag = DEFAULT_WAREHOUSE) -> None:
    """Validate the books, with what was agreed by API: every mistake in one go, each with its place and what to write instead."""
    from dagster_project.cli import check

    check.check(books, warehouse)


@app.command()
def reconcile(
    period: Annotated[
        str, typer.Option("--period", envvar="METERHOUSE_PERIOD", help="UTC month of the events.", metavar="YYYY-MM")
    ],
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Show a month's control totals, and what does not match and why."""
    from dagster_project.cli import reconcile

    reconcile.reconcile(warehouse, period)


@app.command()
def explain(
    invoice: Annotated[
        str,
        typer.Argument(
            help="Number (INV-000001) or invoice_id, of a draft or an issued invoice; or a contract, for its credits.",
            envvar="METERHOUSE_INVOICE",
        ),
    ],
    line: Annotated[int | None, typer.Option("--line", envvar="METERHOUSE_LINE", help="This line only.")] = None,
    events: Annotated[
        bool, typer.Option("--events", envvar="METERHOUSE_EVENTS", help="Down to the events and the files they came in.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", envvar="METERHOUSE_HTML", help="Write it as one HTML page, too.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", envvar="METERHOUSE_PICTURE", help="Write the burn-down as a PNG, too.")
    ] = None,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Take an invoice apart: line, price and its place in the books, tiers, usage, events, landed file and position.

    Of a contract: what its credits held month by month, and when they run dry.
    """
    from dagster_project.cli import explain

    explain.explain(warehouse, invoice, line, with_events=events, html=html, picture=picture)


@app.command()
def verify(warehouse: WarehouseFlag = DEFAULT_WAREHOUSE, register: RegisterFlag = None) -> None:
    """Prove that every issued document is byte for byte what was issued; silent when all is well."""
    from dagster_project.cli import verify

    verify.verify(warehouse, register)


@app.command()
def backup(
    to: Annotated[Path, typer.Option("--to", envvar="METERHOUSE_BACKUP", help="A folder that is not there yet.")],
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
) -> None:
    """Copy a warehouse and its register, while doors and runs go on."""
    from dagster_project.cli import backup

    backup.backup(warehouse, to, register)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to begin in.", envvar="METERHOUSE_FOLDER")],
    empty: Annotated[
        bool, typer.Option("--empty", envvar="METERHOUSE_EMPTY", help="Settings only, instead of sample books.")
    ] = False,
) -> None:
    """Write books to start from, an inbox and a .env into a folder."""
    from dagster_project.cli import init

    init.begin(folder, empty=empty)


@app.command()
def withdraw(
    file: Annotated[str, typer.Argument(help="Name of the landed file, relative to the inbox.", envvar="METERHOUSE_FILE")],
    because: Annotated[
        str | None, typer.Option("--because", envvar="METERHOUSE_BECAUSE", help="Why its events do not count.")
    ] = None,
    content: Annotated[
        str | None,
        typer.Option(
            "--content", envvar="METERHOUSE_CONTENT", help="Beginning of the hash, where several contents have landed."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", envvar="METERHOUSE_UNDO", help="Let its events count again.")] = False,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Withdraw a landed file: its events no longer count, and what was issued is adjusted."""
    from dagster_project.cli import withdraw

    withdraw.withdraw(warehouse, file, because, content, undo=undo)


quarantine = typer.Typer(help="Lines that are no event: count them, see them, land again what has become true.")
app.add_typer(quarantine, name="quarantine")

FileFlag = Annotated[str | None, typer.Option("--file", envvar="METERHOUSE_FILE", help="Lines of this landed file only.")]
ReasonFlag = Annotated[
    str | None, typer.Option("--reason", envvar="METERHOUSE_REASON", help="Lines whose reason holds this text only.")
]


@quarantine.callback(invoke_without_command=True)
def quarantine_list_by_default(context: typer.Context, warehouse: WarehouseFlag = DEFAULT_WAREHOUSE) -> None:
    if context.invoked_subcommand is None:
        quarantine_list(warehouse)


@quarantine.command("list")
def quarantine_list(warehouse: WarehouseFlag = DEFAULT_WAREHOUSE) -> None:
    """Count quarantined lines by file, month and reason, with examples."""
    from dagster_project.cli import quarantine

    quarantine.list_(warehouse)


@quarantine.command("show")
def quarantine_show(
    file: FileFlag = None,
    reason: ReasonFlag = None,
    limit: Annotated[int, typer.Option("--limit", envvar="METERHOUSE_LIMIT", min=1, help="At most so many.")] = 20,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Show quarantined lines as they came, each with its reason."""
    from dagster_project.cli import quarantine

    quarantine.show(warehouse, file, reason, limit)


@quarantine.command("release")
def quarantine_release(
    file: FileFlag = None,
    reason: ReasonFlag = None,
    mended: Annotated[
        Path | None,
        typer.Option("--mended", envvar="METERHOUSE_MENDED", help="A copy of the landed file in which lines were put right."),
    ] = None,
    books: BooksFlag = DEFAULT_BOOKS,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    as_of: AsOfFlag = None,
    allow_future: AllowFutureFlag = False,
) -> None:
    """Land lines again that have become true, or that a mended copy of their file brings: under their old file and position."""
    from dagster_project.cli import quarantine

    quarantine.release_(warehouse, books, file, reason, mended, as_of, allow_future=allow_future)


@app.command()
def acknowledge(
    code: Annotated[str, typer.Argument(help="Code of the look, as in marts.attention.", envvar="METERHOUSE_CODE")],
    subject: Annotated[str, typer.Argument(help="What it is about, as in marts.attention.", envvar="METERHOUSE_SUBJECT")],
    because: Annotated[str, typer.Option("--because", envvar="METERHOUSE_BECAUSE", help="Why it may stay as it is.")],
    until: Annotated[
        str | None, typer.Option("--until", envvar="METERHOUSE_UNTIL", help="Quiet until this day.", metavar="YYYY-MM-DD")
    ] = None,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Quiet something that deserves a look: runs count it and say it no more."""
    from dagster_project.cli import acknowledge

    acknowledge.acknowledge(warehouse, code, subject, because, until)


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", envvar="METERHOUSE_HOST", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", envvar="METERHOUSE_PORT", min=1, max=65535, help="Port to listen at.")] = 8700,
    clock: Annotated[
        str | None, typer.Option("--clock", envvar="METERHOUSE_CLOCK", help="Start the door's clock here (tests, demos).")
    ] = None,
    books: BooksFlag = DEFAULT_BOOKS,
    inbox: InboxFlag = INBOX,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
    segment_age: Annotated[
        str, typer.Option("--segment-age", envvar="METERHOUSE_SEGMENT_AGE", help="How old a segment gets before it is closed.")
    ] = "5m",
    keep_segments: Annotated[
        str, typer.Option("--keep-segments", envvar="METERHOUSE_KEEP_SEGMENTS", help="How long landed segments are kept.")
    ] = "30d",
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", envvar="METERHOUSE_BEHIND_PROXY", help="A proxy before the door speaks TLS.")
    ] = False,
    trust_header: Annotated[
        str | None,
        typer.Option(
            "--trust-header", envvar="METERHOUSE_TRUST_HEADER", help="The header in which a proxy names who is signed in."
        ),
    ] = None,
    salesforce: SalesforceFlag = None,
    publish: PublishFlag = None,
) -> None:
    """Take events by HTTP, each on disk before it is acknowledged, and show pages for people."""
    from dagster_project.cli import serve

    pages = serve.Pages(salesforce, publish, trust_header)
    serve.serve(
        host, port, clock, books, inbox, warehouse, register, segment_age, keep_segments, pages, behind_proxy=behind_proxy
    )


register = typer.Typer(help="The database of what is agreed outside of the books folder.", no_args_is_help=True)
app.add_typer(register, name="register")


@register.command("upgrade")
def register_upgrade(warehouse: WarehouseFlag = DEFAULT_WAREHOUSE, location: RegisterFlag = None) -> None:
    """Bring the register to the version of this Meterhouse."""
    from dagster_project.cli import keys

    keys.upgrade(warehouse, location)


keys = typer.Typer(help="Keys of the HTTP door: make, list and revoke them.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Who uses it.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do, such as usage:write; may be said again.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="First instant or day that it is of no use any more.")
    ] = None,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
) -> None:
    """Make a key and print it, once: nobody can see it again."""
    from dagster_project.cli import keys

    keys.create(warehouse, register, name, scope or [], expires)


@keys.command("list")
def keys_list(warehouse: WarehouseFlag = DEFAULT_WAREHOUSE, register: RegisterFlag = None) -> None:
    """Show keys by their first digits, with scopes, dates and last use."""
    from dagster_project.cli import keys

    keys.show(warehouse, register)


@keys.command("revoke")
def keys_revoke(
    prefix: Annotated[str, typer.Argument(help="The first eight digits of the key, as `keys list` shows them.")],
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
) -> None:
    """Take a key back for good."""
    from dagster_project.cli import keys

    keys.revoke(warehouse, register, prefix)


@app.command()
def documents(
    out: Annotated[Path, typer.Option("--out", envvar="METERHOUSE_OUT", help="The folder to write into.")],
    period: Annotated[
        str | None,
        typer.Option("--period", envvar="METERHOUSE_PERIOD", help="Documents of this billing month.", metavar="YYYY-MM"),
    ] = None,
    invoice: Annotated[str | None, typer.Option("--invoice", help="One document: its number, or its invoice_id.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", envvar="METERHOUSE_FORMAT", help="pdf (default), html, csv or xlsx; may be said again."),
    ] = None,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Write invoices as files to send: PDF, HTML, CSV, XLSX. Drafts say so on every page."""
    from dagster_project.cli import documents

    documents.documents(warehouse, out, period, invoice, formats or [])


@app.command()
def focus(
    period: Annotated[str, typer.Option("--period", envvar="METERHOUSE_PERIOD", help="The billing month.", metavar="YYYY-MM")],
    out: Annotated[Path, typer.Option("--out", envvar="METERHOUSE_OUT", help="The folder to write into.")],
    customer: Annotated[str | None, typer.Option("--customer", help="This customer only, by id.")] = None,
    kind: Annotated[str, typer.Option("--format", envvar="METERHOUSE_FORMAT", help="csv or parquet.")] = "csv",
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Write a month's issued lines in the columns of FOCUS 1.2, a file a customer, for their FinOps tools."""
    from dagster_project.cli import focus

    focus.focus(warehouse, out, period, customer, kind)


@app.command()
def close(
    period: Annotated[str, typer.Option("--period", envvar="METERHOUSE_PERIOD", help="The billing month.", metavar="YYYY-MM")],
    out: Annotated[Path, typer.Option("--out", envvar="METERHOUSE_OUT", help="The workbook to write.")] = Path("close.xlsx"),
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
) -> None:
    """Write a month's close as one workbook, each sheet tied to a control total."""
    from dagster_project.cli import close

    close.close(warehouse, period, out)


@app.command()
def simulate(
    books: Annotated[Path, typer.Option("--books", envvar="METERHOUSE_BOOKS", help="NEW: the books that may be.")],
    first: Annotated[str, typer.Option("--from", envvar="METERHOUSE_FROM", help="First billing month.", metavar="YYYY-MM")],
    last: Annotated[str, typer.Option("--to", envvar="METERHOUSE_TO", help="Last billing month.", metavar="YYYY-MM")],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", envvar="METERHOUSE_AGAINST", help="OLD: the books to compare with. Those of the last run where absent."
        ),
    ] = None,
    contract: Annotated[
        list[str] | None,
        typer.Option("--contract", envvar="METERHOUSE_CONTRACT", help="This contract only; may be said again."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", envvar="METERHOUSE_OUT", help="Folder for summary.md, simulate.json and CSV files.")
    ] = None,
    fail_above: Annotated[
        str | None,
        typer.Option(
            "--fail-above",
            envvar="METERHOUSE_FAIL_ABOVE",
            help="Exit with 4 if a customer's total differs by more.",
            metavar="PERCENT",
        ),
    ] = None,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    shards: ShardsFlag = 1,
    quiet: QuietFlag = False,
) -> None:
    """Rate the history under other books, and show what differs. Writes nothing but --out."""
    from dagster_project.cli import simulate

    simulate.simulate(books, against, warehouse, first, last, contract or [], out, fail_above, shards=shards, quiet=quiet)


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--folder", envvar="METERHOUSE_FOLDER", help="Where the demo's inbox and warehouse go.")
    ] = Path("demo"),
) -> None:
    """Bill 16 airlines for the 336,776 departures of 2013, and show the year."""
    from dagster_project.cli import demo

    demo.demo(folder)


app.add_typer(desk_commands.desk, name="desk")

users = typer.Typer(help="People who may look, edit, approve and administer.", no_args_is_help=True)
app.add_typer(users, name="users")


@users.command("add")
def users_add(
    email: Annotated[str, typer.Argument(help="Who it is.")],
    role: Annotated[str, typer.Option("--role", help="viewer, editor, approver or admin.")],
    password: Annotated[
        str | None, typer.Option("--password", envvar="METERHOUSE_PASSWORD", help="Asked for where absent.")
    ] = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Somebody whom a proxy signs in.")] = False,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
) -> None:
    """Add somebody, or give somebody another role or password."""
    from dagster_project.cli import users

    if password is None and not no_password:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    users.add(warehouse, register, email, role, None if no_password else password)


@users.command("list")
def users_list(warehouse: WarehouseFlag = DEFAULT_WAREHOUSE, register: RegisterFlag = None) -> None:
    """Show everybody."""
    from dagster_project.cli import users

    users.show(warehouse, register)


@users.command("disable")
def users_disable(
    email: Annotated[str, typer.Argument(help="Who it is.")],
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
) -> None:
    """Let somebody in no more."""
    from dagster_project.cli import users

    users.disable(warehouse, register, email)


def main() -> None:
    """Run a command. What goes wrong leaves sentences on stderr, never a trace.

    Exit code 1: it did not balance; 2: a person's mistake; 3: a defect of Meterhouse; 130: interrupted.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    _read_environment(Path(".env"))
    try:
        app()
    except BaseException as error:
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise
        raise SystemExit(_said(error)) from None


def _read_environment(file: Path) -> None:
    """Take METERHOUSE_… from a .env in the working folder, where the environment does not say it already."""
    if file.is_file():
        from dotenv import dotenv_values

        for name, value in dotenv_values(file).items():
            if name.startswith("METERHOUSE_") and value is not None:
                os.environ.setdefault(name, value)


def _said(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    from dagster_project.cli.screen import errors
    from dagster_project.errors import Interrupted, sentences_of

    sentences, code = sentences_of(error), 2
    if isinstance(error, Interrupted):
        sentences, code = (str(error),), 130
    elif not sentences:
        from dagster_project.pipeline.failure_report import defect

        sentences, code = defect(error, "carrying out the command", Path(tempfile.gettempdir())).sentences, 3
    for sentence in sentences[:MOST_SAID]:
        errors.print(sentence, markup=False, soft_wrap=True)
    if len(sentences) > MOST_SAID:
        # the last of many counts them, or says what to do
        errors.print(f"… and {len(sentences) - MOST_SAID - 1:,} more like these.", markup=False)
        errors.print(sentences[-1], markup=False, soft_wrap=True)
    return code
