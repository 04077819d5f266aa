"""Who may speak to the door, and what for (R-53)."""

from __future__ import annotations

import contextlib
import threading
import time

import sqlalchemy as sa
from starlette.requests import Request

from dagster_project.api.answers import ApiError
from dagster_project.api.clock import Clock
from dagster_project.register import keys as register_keys
from dagster_project.register.keys import Key

BEARER = "Bearer "
KEYS_SECONDS = 1.0
USES_SECONDS = 60.0


class Keys:
    """The keys of the register, read again every second, and who has used one since that was noted."""

    def __init__(self, register: sa.Engine, clock: Clock) -> None:
        self._register, self._clock = register, clock
        self._known: list[Key] = []
        self._read_at = self._noted_at = float("-inf")
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def holder(self, request: Request, scope: str) -> Key:
        """The key of a request, if it may do that. Raises `ApiError`."""
        said = request.headers.get("authorization", "")
        if not said.startswith(BEARER) or not said[len(BEARER) :].strip():
            raise ApiError(
                401,
                "UNAUTHORIZED",
                "Missing or invalid Authorization header. Use: Authorization: Bearer <api_key>",
                headers={"WWW-Authenticate": "Bearer"},
            )
        key = register_keys.find(self._keys(), said[len(BEARER) :].strip())
        wrong = (
            "Invalid API key"
            if key is None
            else "API key has been revoked"
            if key.revoked_at is not None
            else "API key has expired"
            if key.expires_at is not None and key.expires_at <= self._clock.now()
            else None
        )
        if key is None or wrong:
            raise ApiError(401, "UNAUTHORIZED", str(wrong), headers={"WWW-Authenticate": "Bearer"})
        if not key.may(scope):
            raise ApiError(403, "FORBIDDEN", f"API key does not have the required permission: {scope}")
        self._used.add(key.prefix)
        return key

    def _keys(self) -> list[Key]:
        with self._lock:
            if time.monotonic() - self._read_at >= KEYS_SECONDS:
                self._known, self._read_at = register_keys.every(self._register), time.monotonic()
            if self._used and time.monotonic() - self._noted_at >= USES_SECONDS:
                self.note()
        return self._known

    def note(self) -> None:
        """Write down which keys were used."""
        used, self._used = self._used, set()
        self._noted_at = time.monotonic()
        with contextlib.suppress(sa.exc.SQLAlchemyError):  # nobody is turned away for that
            register_keys.note_use(self._register, sorted(used), self._clock.now())
