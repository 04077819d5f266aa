"""What an API key may only propose: meters, pricings and plans (R-63, R-66). The books change when somebody approves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool

from dagster_project.api.answers import Detail, all_invalid, invalid
from dagster_project.deals.changes import propose
from dagster_project.deals.desk import Desk
from dagster_project.errors import UserError, sentences_of
from dagster_project.register.keys import START, Key
from rating.books import BooksError

# path, scope, section of the books
PROPOSED = (
    ("meters", "meters:write", "meters"),
    ("pricing", "pricing:write", "pricings"),
    ("plans", "plans:write", "plans"),
)
AS_THEY_ARE = ("dimensions",)  # names that are the customer's, not ours

_body = msgspec.json.Decoder(dict[str, Any], float_hook=str)


async def proposed(desk: Desk, section: str, body: bytes, key: Key, now: datetime) -> dict[str, str]:
    """The id and the page of a proposal to add an item. Raises `ApiError` with all that `check` says of it."""
    try:
        said = _body.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("", f"The body is no JSON object: {error}.") from None
    because = said.pop("because", None) or "Proposed by API."
    item = _snake(said)
    if not isinstance(item.get("code"), str) or not isinstance(because, str):
        raise invalid("code", "code is missing: a text that names it in the books.")

    def made() -> str:
        return propose(desk, section, item, f"{START}{key.prefix}…", because, now)

    try:
        name = await run_in_threadpool(made)
    except (UserError, BooksError) as error:
        raise all_invalid([Detail(section, sentence) for sentence in sentences_of(error)[:20]]) from None
    return {"proposalId": name, "url": f"/desk/{name}"}


def _snake(said: Mapping[str, Any]) -> dict[str, Any]:
    """Names as the books have them, at every depth."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        spelled = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if spelled in found and found[spelled] != value:
            raise invalid(name, f"{name} is given in two spellings that differ.")
        found[spelled] = value if name in AS_THEY_ARE else _deep(value)
    return found


def _deep(value: Any) -> Any:
    if isinstance(value, dict):
        return _snake(value)
    return [_deep(part) for part in value] if isinstance(value, list) else value
