"""The pages' routes, each with the role that it needs (R-79)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from dagster_project.web.desk_pages import DeskPages
from dagster_project.web.listings import LISTINGS
from dagster_project.web.lists import Lists
from dagster_project.web.overview import Overview
from dagster_project.web.shell import HERE, Behind, Shell, Static
from dagster_project.web.signing_in import SigningIn
from dagster_project.web.things import Things


def routes(behind: Behind) -> list[BaseRoute]:
    """All pages."""
    shell = Shell(behind)
    route = shell.route
    signing, overview, lists, things, desk = SigningIn(shell), Overview(shell), Lists(shell), Things(shell), DeskPages(shell)
    listed = [route(one.path, lists.page_of(one)) for one in LISTINGS]
    return [
        Route("/sign-in", signing.sign_in, methods=["GET", "POST"]),
        route("/sign-out", signing.sign_out, posts=True),
        route("/", overview.attention),
        *listed,
        route("/customers/{id:path}", things.customer),
        route("/contracts/{id:path}", things.contract),
        route("/invoices/{name}/document", things.document),
        route("/invoices/{name}/lines/{line:int}/events", things.line_events),
        route("/invoices/{name:path}", things.invoice),
        route("/events", lists.events),
        route("/refused", lists.refused),
        route("/desk", lists.desk),
        route("/desk/sync", desk.sync, posts=True, role="editor"),
        route("/desk/{id}", desk.proposal),
        route("/desk/{id}/approve", desk.decide, posts=True, role="approver"),
        route("/desk/{id}/reject", desk.decide, posts=True, role="approver"),
        route("/desk/{id}/{act}", desk.work, posts=True, role="editor"),
        route("/propose/{form}", desk.form, methods=("GET", "POST"), role="editor"),
        route("/propose/{form}/check", desk.checked, posts=True, role="editor"),
        route("/what-if", desk.what_if, methods=("GET", "POST")),
        route("/keys", lists.keys, role="admin"),
        Mount("/static", Static(directory=HERE / "static")),
    ]
