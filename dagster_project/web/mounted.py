"""The pages, put onto a door."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from dagster_project.api.server import Pages as Mounting
from dagster_project.api.server import Within
from dagster_project.deals.desk import Desk, Reading
from dagster_project.web.pages import routes
from dagster_project.web.sessions import Sessions
from dagster_project.web.shell import Behind
from dagster_project.web.what_if import WhatIf


def pages(salesforce: str | None, publish: str | None, trusted_header: str | None, *, is_secure: bool) -> Mounting:
    """What `application` mounts. is_secure: cookies travel by TLS only."""

    def mounted(within: Within) -> tuple[Sequence[BaseRoute], Callable[[], None]]:
        serving = within.serving
        books = within.books
        reading = Reading(lambda: books.known().reading, lambda: books.known().agreed.beside_the_folder)
        desk = Desk(serving.books, serving.register, serving.warehouse, salesforce, publish, reading)
        sessions = Sessions(serving.register, trusted_header, is_secure=is_secure)
        what_if = WhatIf(serving.books, serving.warehouse)
        behind = Behind(
            within.books, within.catalogue, within.refusals, serving.warehouse, serving.clock, desk, sessions, what_if
        )
        return routes(behind), what_if.stop

    return mounted
