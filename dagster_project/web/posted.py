"""Forms that are sent: read within bounds, and from pages of our own only (R-79)."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request

FORM = "application/x-www-form-urlencoded"
LARGEST_BYTES = 4 << 20  # a rate card of some ten thousand rows
MOST_FIELDS = 100
SECONDS = 30.0


class Refusal(Exception):
    """A page that is not shown, and why."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(says)
        self.status, self.says = status, says


async def form_of(request: Request) -> FormData:
    """The fields of a form, read once. Raises `Refusal` for what no form of ours sends."""
    if not hasattr(request.state, "form"):
        request.state.form = await _read(request)
    found: FormData = request.state.form
    return found


async def _read(request: Request) -> FormData:
    if request.headers.get("content-type", FORM).split(";")[0].strip().lower() != FORM:
        raise Refusal(415, f"Forms are sent as {FORM}.")
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BYTES:
                    raise Refusal(413, "That is more than a form holds: 4 MiB.")
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        return FormData(list[tuple[str, str | UploadFile]](fields))
    except TimeoutError:
        raise Refusal(408, "The form did not come within 30 seconds.") from None
    except (ClientDisconnect, ValueError):
        raise Refusal(400, "The form cannot be read.") from None


def text_of(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def require_own_origin(request: Request) -> None:
    """Refuse a form that a page of somebody else sends. Browsers say so; the names of hosts tell nothing, which proxies change."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "The form was sent from another site.")
