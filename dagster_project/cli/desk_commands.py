"""The commands of `meterhouse desk`: their arguments and flags."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from dagster_project.cli.flags import (
    DEFAULT_BOOKS,
    DEFAULT_WAREHOUSE,
    BooksFlag,
    PublishFlag,
    RegisterFlag,
    SalesforceFlag,
    WarehouseFlag,
)

if TYPE_CHECKING:
    from dagster_project.deals.desk import Desk

ByFlag = Annotated[str, typer.Option("--by", envvar="METERHOUSE_BY", help="Who you are: an address.")]
BecauseFlag = Annotated[str, typer.Option("--because", help="Why; kept with what you do.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="As JSON.")]
ProposalArgument = Annotated[str, typer.Argument(help="The proposal, such as deal-006…; the opportunity's id does too.")]

desk = typer.Typer(help="Deals from Salesforce on their way into the books: drafts, reviews, approvals.", no_args_is_help=True)


def _which_desk(
    books: BooksFlag = DEFAULT_BOOKS,
    warehouse: WarehouseFlag = DEFAULT_WAREHOUSE,
    register: RegisterFlag = None,
    salesforce: SalesforceFlag = None,
    publish: PublishFlag = None,
) -> None:
    """The flags that every command of the desk has."""


def command(name: str) -> Callable[[Callable[..., None]], None]:
    """A command that is given the opened desk, and has the flags that say which desk it is."""

    def taken(work: Callable[..., None]) -> None:
        flags = inspect.signature(_which_desk).parameters
        hints = get_type_hints(_which_desk, include_extras=True) | get_type_hints(
            work, localns={"Desk": object}, include_extras=True
        )
        own = [one for one in inspect.signature(work).parameters.values() if one.name != "opened"]

        def carried_out(**given: Any) -> None:
            from dagster_project.cli.desk import at_desk

            with at_desk(*(given.pop(flag) for flag in flags)) as opened:
                work(opened, **given)

        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in (*own, *flags.values())
        ]
        carried_out.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        carried_out.__annotations__ = {one.name: one.annotation for one in parameters}
        desk.command(name, help=work.__doc__)(carried_out)

    return taken


@command("sync")
def _sync(opened: Desk) -> None:
    """Read Salesforce's tables; opportunities that match become deals."""
    from dagster_project.cli import desk

    desk.sync(opened)


@command("list")
def _list(opened: Desk, as_json: JsonFlag = False) -> None:
    """Show all proposals."""
    from dagster_project.cli import desk

    desk.show_all(opened, as_json=as_json)


@command("show")
def _show(opened: Desk, proposal: ProposalArgument, as_json: JsonFlag = False) -> None:
    """Show everything there is to review of a proposal, and its hash."""
    from dagster_project.cli import desk

    desk.show(opened, proposal, as_json=as_json)


@command("set")
def _set(
    opened: Desk,
    proposal: ProposalArgument,
    term: Annotated[str, typer.Argument(help="TERM=VALUE, such as net_terms=30.")],
    because: BecauseFlag,
    by: ByFlag = "",
) -> None:
    """Say what a term is."""
    from dagster_project import settings
    from dagster_project.errors import UserError

    name, sign, value = term.rpartition("=")
    if not sign:
        raise UserError(f"{term} is no TERM=VALUE.")
    opened.set(proposal, name, value, by, because, settings.now())


@command("dismiss")
def _dismiss(
    opened: Desk,
    proposal: ProposalArgument,
    point: Annotated[str, typer.Argument(help="The open point, as `desk show` names it.")],
    because: BecauseFlag,
    by: ByFlag = "",
) -> None:
    """Set an open point aside."""
    from dagster_project import settings

    opened.dismiss(proposal, point, by, because, settings.now())


@command("comment")
def _comment(opened: Desk, proposal: ProposalArgument, because: BecauseFlag, by: ByFlag = "") -> None:
    """Say something of a proposal."""
    from dagster_project import settings

    opened.comment(proposal, by, because, settings.now())


@command("approve")
def _approve(
    opened: Desk,
    proposal: ProposalArgument,
    review_hash: Annotated[str, typer.Option("--hash", help="The review hash of what you have looked at.")],
    because: BecauseFlag,
    by: ByFlag = "",
    tie_out: Annotated[
        str | None, typer.Option("--tie-out", help="Why what is committed differs from the deal's amount.")
    ] = None,
) -> None:
    """Approve exactly what was reviewed, and put it into the books."""
    from dagster_project import settings
    from dagster_project.cli.screen import screen

    done = opened.approve(proposal, review_hash, by, because, settings.now(), tie_out=tie_out)
    screen.print("It is on its branch; it is applied once the books hold it." if done == "branch" else "It is in the books.")


@command("reject")
def _reject(opened: Desk, proposal: ProposalArgument, because: BecauseFlag, by: ByFlag = "") -> None:
    """Decide that a proposal becomes nothing."""
    from dagster_project import settings

    opened.reject(proposal, by, because, settings.now())


@command("withdraw")
def _withdraw(opened: Desk, proposal: ProposalArgument, because: BecauseFlag, by: ByFlag = "") -> None:
    """Take a proposal back before anybody has decided."""
    from dagster_project import settings

    opened.withdraw(proposal, by, because, settings.now())


@command("apply")
def _apply(opened: Desk) -> None:
    """Finish what was approved and died on its way, or was merged since."""
    from dagster_project import settings
    from dagster_project.cli.screen import screen

    found = opened.apply_all(settings.now())
    screen.print(f"In the books now: {', '.join(found)}." if found else "There is nothing to finish.", soft_wrap=True)


@command("again")
def _again(opened: Desk, proposal: ProposalArgument) -> None:
    """Make a new proposal of a deal that Salesforce has changed since its approval."""
    from dagster_project import settings
    from dagster_project.cli.screen import screen

    screen.print(opened.again(proposal, settings.now()), markup=False)
