"""How the door answers: one shape for data, one for errors (R-54)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

REQUEST_ID = "X-Request-Id"
_encoder = msgspec.json.Encoder(decimal_format="number")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Detail:
    """What is wrong at one place of a request."""

    path: str
    message: str


@dataclass(slots=True)
class ApiError(Exception):
    """A request that is refused. beside: what else the answer holds."""

    status: int
    code: str
    message: str
    details: Sequence[Detail] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)


def new_request_id() -> str:
    return "req_" + "".join(secrets.choice(_ALPHABET) for _ in range(20))


def answer(status: int, content: Mapping[str, Any], request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """JSON in UTF-8; decimals keep every digit."""
    return Response(
        _encoder.encode(content),
        status_code=status,
        media_type="application/json",
        headers={REQUEST_ID: request_id, **(headers or {})},
    )


def refusal(error: ApiError, request_id: str) -> Response:
    said: dict[str, Any] = {"message": error.message, "code": error.code}
    if error.details:
        said["details"] = [{"path": one.path, "message": one.message} for one in error.details]
    return answer(error.status, {"error": said, **error.beside, "requestId": request_id}, request_id, error.headers)
