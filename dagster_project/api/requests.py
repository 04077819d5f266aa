"""Requests to events: bodies read within limits, and taken apart with every byte of an event kept (R-55 to R-57)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence

import msgspec
import zstandard
from starlette.requests import ClientDisconnect, Request

from dagster_project.api.answers import ApiError, Detail, invalid

BODY_BYTES = 20 << 20
BATCH_EVENTS = 10_000
BODY_SECONDS = 30.0
JSON, NDJSON = "application/json", "application/x-ndjson"


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


_single = msgspec.json.Decoder(msgspec.Raw)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(_Envelope)


async def body_of(request: Request) -> bytes:
    """The body, unpacked. Raises `ApiError` where it is too large, too slow, or packed in a way that is not known."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "zstd"):
        raise ApiError(415, "UNSUPPORTED_ENCODING", f"Content-Encoding {encoding} is not read. Send gzip, zstd or none.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise ApiError(408, "TIMEOUT", "The body did not come within 30 seconds.", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ApiError(400, "VALIDATION_ERROR", "The body was cut short.") from None
    if encoding == "identity":
        return bytes(body)
    try:
        unpacked = _gunzipped(bytes(body)) if encoding == "gzip" else _unpacked_zstd(bytes(body))
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise ApiError(400, "VALIDATION_ERROR", f"The body is no {encoding}, or it is cut short.") from None
    if len(unpacked) > BODY_BYTES:
        raise _too_large()
    return unpacked


def _gunzipped(body: bytes) -> bytes:
    reader = zlib.decompressobj(31)
    unpacked = reader.decompress(body, BODY_BYTES + 1)
    if len(unpacked) <= BODY_BYTES and not reader.eof:
        raise EOFError
    return unpacked


def _unpacked_zstd(body: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(body) as reader:
        unpacked = reader.read(BODY_BYTES + 1)
    if not unpacked and body:
        raise EOFError
    return bytes(unpacked)


def _too_large() -> ApiError:
    return ApiError(413, "BODY_TOO_LARGE", "The body is larger than 20 MiB once it is unpacked. Send smaller batches.")


def content_type(request: Request) -> str:
    """The type of the body; JSON where nobody says. Raises `ApiError` for one that is not read."""
    said = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    if said not in (JSON, NDJSON):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type {said} is not read. Send {JSON}, or {NDJSON} for a batch.")
    return said


def one_event(body: bytes) -> bytes:
    """The event of a body, byte for byte. Raises `ApiError` for what is no JSON object."""
    _require_text(body)
    event = body.strip()
    try:
        _single.decode(event)
    except msgspec.DecodeError as error:
        raise _not_json(error) from None
    if not event.startswith(b"{"):
        raise invalid("", "The body is no JSON object: an event is {…} with an event_name. Send lists to /v1/events/batch.")
    return event


def many_events(body: bytes, kind: str) -> list[bytes]:
    """The events of a batch, byte for byte and in order: `{"events": […]}`, a bare list, or a line each."""
    _require_text(body)
    if kind == NDJSON:
        events: Sequence[bytes] = [line.strip() for line in body.splitlines() if line.strip()]
    else:
        try:
            raw = _list.decode(body) if body.lstrip().startswith(b"[") else _envelope.decode(body).events
        except msgspec.ValidationError as error:
            raise invalid("events", f'A batch is {{"events": [{{…}}, …]}}, or the list alone: {error}.') from None
        except msgspec.DecodeError as error:
            raise _not_json(error) from None
        events = [bytes(one) for one in raw]
    if not events:
        raise invalid("events", "The batch holds no event.")
    if len(events) > BATCH_EVENTS:
        said = f"A batch holds at most {BATCH_EVENTS:,} events, and this one {len(events):,}. Send several."
        raise ApiError(400, "TOO_MANY_EVENTS", said, [Detail("events", said)])
    return list(events)


def _require_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise invalid("", f"The body is no UTF-8: byte {error.start + 1} cannot be read.") from None


def _not_json(error: msgspec.DecodeError) -> ApiError:
    return invalid("", f"The body is no JSON: {error}.")
