"""Signing in and out (R-79)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dagster_project.web.posted import Refusal, form_of, require_own_origin, text_of
from dagster_project.web.sessions import TooOften, Visitor
from dagster_project.web.shell import Shell, safe


class SigningIn:
    """Gives sessions, and ends them."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def sign_in(self, request: Request) -> Response:
        sessions, now = self._shell.behind.sessions, self._shell.behind.clock.now()
        asked, problems, status = _inner(request.query_params.get("next", "/")), list[str](), 200
        if request.method == "POST":
            try:
                require_own_origin(request)
                form = await form_of(request)
                asked = _inner(text_of(form, "next") or "/")
                cookie = await run_in_threadpool(sessions.sign_in, text_of(form, "email"), text_of(form, "password"), now)
                if cookie is not None:
                    answer = RedirectResponse(asked, 303)
                    sessions.give(answer, cookie)
                    return safe(answer)
                problems, status = ["The address or the password is wrong."], 403
            except TooOften:
                problems, status = (
                    ["Too many passwords were tried: try again in a quarter of an hour."],
                    429,
                )
            except Refusal as refusal:
                problems, status = [refusal.says], refusal.status
        page = self._shell.shown(
            "sign_in.html.j2",
            None,
            "Sign in",
            request,
            status=status,
            problems=problems,
            next=asked,
            nobody=not sessions.has_people,
            as_of=None,
        )
        return safe(page)

    async def sign_out(self, request: Request, _: Visitor) -> Response:
        await run_in_threadpool(self._shell.behind.sessions.sign_out, request)
        answer = RedirectResponse("/sign-in", 303)
        self._shell.behind.sessions.take_back(answer)
        return answer


def _inner(path: str) -> str:
    """A path of these pages; the first of them for anything else: no redirect leads away."""
    found = urlsplit(path)
    return (
        path if path.startswith("/") and not path.startswith(("//", "/\\")) and not found.netloc and not found.scheme else "/"
    )
