"""The desk, forms and what-if as pages (R-76, R-81, R-86)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dagster_project.deals.changes import propose, propose_in_contract
from dagster_project.deals.told import as_data
from dagster_project.deals.values import MONEY, READERS
from dagster_project.errors import UserError, sentences_of
from dagster_project.web.forms import FORMS, Form
from dagster_project.web.posted import Refusal, form_of, text_of
from dagster_project.web.sessions import Visitor
from dagster_project.web.shell import Shell


class DeskPages:
    """Shows proposals, and does what forms ask."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._checking = threading.Lock()  # books are read for it: one at a time

    async def proposal(self, request: Request, visitor: Visitor) -> Response:
        desk, name = self._shell.behind.desk, request.path_params["id"]

        def read() -> dict[str, Any]:
            review = desk.review(name)
            return as_data(review, desk.state(review.proposal))

        one = await run_in_threadpool(read)
        names = [*READERS, *MONEY, "kind", "customer", "contract", "renewal", *(term["term"] for term in one["terms"])]
        return self._shell.shown(
            "proposal.html.j2", visitor, one["name"] or one["id"], request, one=one, term_names=sorted(set(names))
        )

    async def sync(self, _: Request, __: Visitor) -> Response:
        await run_in_threadpool(self._shell.behind.desk.sync, self._shell.behind.clock.now())
        return RedirectResponse("/desk", 303)

    async def work(self, request: Request, visitor: Visitor) -> Response:
        form, name, desk = await form_of(request), request.path_params["id"], self._shell.behind.desk
        by, because, now = visitor.user.email, text_of(form, "because"), self._shell.behind.clock.now()
        acts: dict[str, Callable[[], None]] = {
            "set": lambda: desk.set(name, text_of(form, "term"), text_of(form, "value"), by, because, now),
            "dismiss": lambda: desk.dismiss(name, text_of(form, "point"), by, because, now),
            "comment": lambda: desk.comment(name, by, because, now),
        }
        act = acts.get(request.path_params["act"])
        if act is None:
            raise Refusal(404, "Nothing of that name can be done with a proposal.")
        await run_in_threadpool(act)
        return RedirectResponse(f"/desk/{quote(name)}", 303)

    async def decide(self, request: Request, visitor: Visitor) -> Response:
        form, name, desk = await form_of(request), request.path_params["id"], self._shell.behind.desk
        by, because, now = visitor.user.email, text_of(form, "because"), self._shell.behind.clock.now()
        if request.url.path.endswith("/reject"):
            await run_in_threadpool(desk.reject, name, by, because, now)
        else:
            tie_out = text_of(form, "tie_out") or None
            await run_in_threadpool(lambda: desk.approve(name, text_of(form, "hash"), by, because, now, tie_out=tie_out))
        return RedirectResponse(f"/desk/{quote(name)}", 303)

    async def form(self, request: Request, visitor: Visitor) -> Response:
        form = FORMS.get(request.path_params["form"])
        if form is None:
            raise Refusal(404, "There is no form of that name.")
        if request.method == "GET":
            given = {field.name: request.query_params.get(field.name, "") for field in form.fields}
            return self._form_shown(request, visitor, form, given)
        posted = await form_of(request)
        given = {field.name: text_of(posted, field.name) for field in form.fields} | {"because": text_of(posted, "because")}
        is_check = text_of(posted, "act") == "check"
        try:
            name = await run_in_threadpool(self._saved, form, given, visitor, keeps=not is_check)
        except Exception as error:
            if not (sentences := sentences_of(error)):
                raise
            return self._form_shown(request, visitor, form, given, status=400, problems=sentences[:20])
        if is_check:
            return self._form_shown(request, visitor, form, given, said=["The books take this."])
        return RedirectResponse(f"/desk/{name}", 303)

    def _form_shown(
        self, request: Request, visitor: Visitor, form: Form, given: Mapping[str, str], *, status: int = 200, **more: Any
    ) -> Response:
        path = request.url.path
        return self._shell.shown(
            "form.html.j2", visitor, form.title, request, status=status, form=form, given=given, path=path, **more
        )

    async def checked(self, request: Request, visitor: Visitor) -> Response:
        """What `check` says of a form that somebody is still filling in: a piece of the page, nothing while another is looked at."""
        form = FORMS.get(request.path_params["form"])
        if form is None:
            raise Refusal(404, "There is no form of that name.")
        posted = await form_of(request)
        given = {field.name: text_of(posted, field.name) for field in form.fields} | {"because": ""}
        empty = [field.label for field in form.fields if field.is_needed and not given[field.name].strip()]
        if empty:
            return self._shell.piece("checked.html.j2", empty=empty)
        if not self._checking.acquire(blocking=False):
            return Response(status_code=204)
        try:
            await run_in_threadpool(self._saved, form, given, visitor, keeps=False)
            return self._shell.piece("checked.html.j2")
        except Exception as error:
            if not (sentences := sentences_of(error)):
                raise
            return self._shell.piece("checked.html.j2", problems=sentences[:20])
        finally:
            self._checking.release()

    def _saved(self, form: Form, given: Mapping[str, str], visitor: Visitor, *, keeps: bool) -> str:
        """The id of a proposal; keeps: False only checks."""
        desk, by, now = self._shell.behind.desk, visitor.user.email, self._shell.behind.clock.now()
        item = form.item(given)
        if form.contract_key:
            return propose_in_contract(desk, given["contract"], form.contract_key, item, by, given["because"], now, keeps=keeps)
        return propose(desk, form.section, item, by, given["because"], now, keeps=keeps)

    async def what_if(self, request: Request, visitor: Visitor) -> Response:
        desk, what_if = self._shell.behind.desk, self._shell.behind.what_if
        if request.method == "POST":
            if not visitor.user.may("editor"):
                raise Refusal(403, f"That takes the role editor, and {visitor.user.email} is {visitor.user.role}.")
            form = await form_of(request)
            first, last = text_of(form, "from"), text_of(form, "to")
            if not all(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month, re.ASCII) for month in (first, last)):
                raise UserError("Months are written like 2026-01.")
            review = await run_in_threadpool(lambda: desk.review(text_of(form, "proposal"), simulates=False))
            if review.change is None:
                raise UserError("The proposal changes no books yet: settle its open points first.")
            what_if.ask(review.proposal.id, review.change, first, last)
            return RedirectResponse("/what-if", 303)
        proposals = await run_in_threadpool(lambda: [one.id for one in desk.every().values() if one.state == "open"])
        job = what_if.job
        return self._shell.shown(
            "what_if.html.j2",
            visitor,
            "What if",
            request,
            proposals=proposals,
            job=job,
            refresh=2 if job and job.is_running else None,
        )
