"""The frame around every page: sessions, roles, tokens, headers (R-79)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from dagster_project.api.books_of_now import BooksOfNow
from dagster_project.api.catalogue import Catalogue
from dagster_project.api.clock import Clock
from dagster_project.api.refusals import Refusals
from dagster_project.deals.desk import Desk, Refused
from dagster_project.errors import sentences_of
from dagster_project.render.figures import number
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from dagster_project.web.cells import amount
from dagster_project.web.posted import Refusal, form_of, require_own_origin, text_of
from dagster_project.web.sessions import Sessions, Visitor, is_token
from dagster_project.web.what_if import WhatIf

HERE = Path(__file__).parent
NAVIGATION = (
    ("/", "Attention"),
    ("/desk", "Desk"),
    ("/customers", "Customers"),
    ("/contracts", "Contracts"),
    ("/invoices", "Invoices"),
    ("/credits", "Credits"),
    ("/usage", "Usage"),
    ("/events", "Events"),
    ("/catalogue/plans", "Catalogue"),
    ("/what-if", "What if"),
    ("/keys", "Keys"),
)
SAFE = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Page = Callable[[Request, Visitor], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Behind:
    """What the pages stand on."""

    books: BooksOfNow
    catalogue: Catalogue
    refusals: Refusals
    warehouse: Warehouse
    clock: Clock
    desk: Desk
    sessions: Sessions
    what_if: WhatIf


class Shell:
    """Answers as pages: who asks, what they may see, the frame around everything."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind
        self._latest: tuple[list[int], datetime | None] | None = None
        self._come_and_gone = (behind.warehouse.landings, behind.warehouse.issued)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters |= {"money": amount, "number": lambda value: "" if value is None else number(value)}

    def route(
        self, path: str, page: Page, *, role: str = "viewer", posts: bool = False, methods: Sequence[str] = ("GET",)
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            visitor = await run_in_threadpool(self.behind.sessions.visitor, request, self.behind.clock.now())
            if visitor is None:
                where = request.url.path if request.method == "GET" else "/"
                return safe(RedirectResponse(f"/sign-in?next={quote(where)}", 303))
            try:
                if not visitor.user.may(role):
                    raise Refusal(403, f"That takes the role {role}, and {visitor.user.email} is {visitor.user.role}.")
                if request.method == "POST":
                    require_own_origin(request)
                    if not is_token(visitor, text_of(await form_of(request), "token")):
                        raise Refusal(403, "The form is not one of this session: open the page again.")
                return safe(await page(request, visitor))
            except Refusal as refusal:
                return safe(
                    self.shown("base.html.j2", visitor, "Not here", request, status=refusal.status, problems=[refusal.says])
                )
            except Refused as refused:
                status = {"NOT_FOUND": 404, "FORBIDDEN": 403, "FOUR_EYES": 403}.get(refused.code, 409)
                problems = [refused.code, *refused.sentences]
                return safe(self.shown("base.html.j2", visitor, "Refused", request, status=status, problems=problems))
            except Exception as error:
                if not (sentences := sentences_of(error)):
                    return safe(
                        self.shown(
                            "base.html.j2",
                            visitor,
                            "A defect",
                            request,
                            status=500,
                            problems=["This is a defect of Meterhouse."],
                        )
                    )
                return safe(self.shown("base.html.j2", visitor, "Not now", request, status=400, problems=list(sentences[:20])))

        return Route(path, endpoint, methods=["POST"] if posts else list(methods))

    def shown(
        self, template: str, visitor: Visitor | None, title: str, request: Request, *, status: int = 200, **content: Any
    ) -> Response:
        latest = self._as_of() if visitor else None
        given: dict[str, Any] = {
            "title": title,
            "organization": self._organization(),
            "visitor": visitor,
            "navigation": NAVIGATION,
            "current": _current(request.url.path),
            "as_of": f"{latest:%Y-%m-%d %H:%M} UTC" if latest else "",
            "may_edit": visitor is not None and visitor.user.may("editor"),
            "may_approve": visitor is not None and visitor.user.may("approver"),
            "said": [],
            "problems": [],
            **content,
        }
        return Response(self._templates.get_template(template).render(given), status, media_type="text/html; charset=utf-8")

    def piece(self, template: str, **content: Any) -> Response:
        """A piece of a page, for one that is open already."""
        return Response(self._templates.get_template(template).render(content), media_type="text/html; charset=utf-8")

    def _as_of(self) -> datetime | None:
        """The instant of the last run; asked of the warehouse again where a landing or a batch has come."""
        stamp = [folder.stat().st_mtime_ns for folder in self._come_and_gone if folder.exists()]
        if self._latest is None or self._latest[0] != stamp:
            self._latest = stamp, issued.latest_as_of(self.behind.warehouse)
        return self._latest[1]

    def _organization(self) -> str:
        try:
            return self.behind.books.known().together.settings.organization or "Meterhouse"
        except Exception:
            return "Meterhouse"


def _current(path: str) -> str:
    return max(
        (one for one, _ in NAVIGATION if path == one or (one != "/" and path.startswith(one))),
        key=len,
        default="/catalogue/plans" if path.startswith("/catalogue") else "",
    )


def safe(response: Response) -> Response:
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    return response


class Static(StaticFiles):
    """Files of the pages; a browser takes none of them for anything else than it is."""

    def file_response(self, *given: Any, **more: Any) -> Response:
        response = super().file_response(*given, **more)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"  # asked for again, and sent again where it is another
        return response
