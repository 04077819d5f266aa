"""How the door answers: one shape for data, one for errors (R-54)."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from rating.books.values import canonical_number

Value = TypeVar("Value")
REQUEST_ID = "X-Request-Id"
_encoder = msgspec.json.Encoder(decimal_format="number")


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


def invalid(path: str, said: str) -> ApiError:
    """One thing that is wrong with a request."""
    return ApiError(400, "VALIDATION_ERROR", said, [Detail(path, said)])


def all_invalid(details: Sequence[Detail]) -> ApiError:
    """All that is wrong with a request, at once."""
    return ApiError(400, "VALIDATION_ERROR", " ".join(one.message for one in details), details)


def unknown(name: str, known: Iterable[str], what: str = "not known here") -> str:
    """What is said of a name that is none, with the nearest that is one."""
    near = difflib.get_close_matches(name, known, 1)
    return f"{name} is {what}" + (f"; did you mean {near[0]}?" if near else ".")


def new_request_id() -> str:
    return f"req_{secrets.token_hex(10)}"


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


# --- names and values --------------------------------------------------------------------------------------------------------------


_body = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_raw_body = msgspec.json.Decoder(dict[str, msgspec.Raw])


def body_said(body: bytes) -> dict[str, Any]:
    """A body as fields in camelCase, numbers by their text. Raises `ApiError`."""
    return _in_camel(_body, body)


def fields_as_sent(body: bytes) -> dict[str, msgspec.Raw]:
    """A body as fields in camelCase, every byte of a value kept. Raises `ApiError`."""
    return _in_camel(_raw_body, body)


def _in_camel(decoder: msgspec.json.Decoder[dict[str, Value]], body: bytes) -> dict[str, Value]:
    try:
        said = decoder.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("", f"The body is no JSON object: {error}.") from None
    found: dict[str, Value] = {}
    for name, value in said.items():
        spelled = camel(name)
        if spelled in found and found[spelled] != value:
            raise invalid(spelled, f"{spelled} is given in two spellings that differ.")
        found[spelled] = value
    return found


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def instant_text(value: datetime) -> str:
    return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def minor_units(amount: Decimal, digits: int) -> int:
    """An amount in the minor unit of its currency; amounts never have more digits."""
    return int(amount.scaleb(digits))


def text_of(value: Decimal, least: int = 0) -> str:
    """Every digit and no idle zeros beyond so many decimals."""
    whole, _, decimals = canonical_number(value).partition(".")
    kept = decimals.ljust(least, "0")
    return f"{whole}.{kept}" if kept else whole
