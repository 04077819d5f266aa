"""Requests that this door refused in the last 24 hours, for people to look at (R-80).

Held in memory: a door writes nothing but events and agreements (R-50).
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from dagster_project.api.answers import ApiError
from dagster_project.api.clock import Clock

KEPT = timedelta(hours=24)
MOST = 1_000  # the latest; a client gone wild shows soon enough
LONGEST = 300
_KEY = re.compile(r"Bearer mk_live_([0-9a-f]{8})[0-9a-f]*\Z")


@dataclass(frozen=True, slots=True)
class Refused:
    """One request. key: the first eight digits of the key that it came with, as far as it looked like one."""

    at: datetime
    method: str
    path: str
    status: int
    code: str
    message: str
    key: str


class Refusals:
    """The latest refused requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._latest: deque[Refused] = deque(maxlen=MOST)

    def note(self, request: Request, error: ApiError) -> None:
        """Keep what was refused, and why; of a key nothing but what `keys list` shows."""
        found = _KEY.match(request.headers.get("authorization", ""))
        path, message = request.url.path[:LONGEST], error.message[:LONGEST]
        one = Refused(
            self._clock.now(), request.method, path, error.status, error.code, message, "" if found is None else found[1]
        )
        with self._lock:
            self._latest.append(one)

    def latest(self) -> list[Refused]:
        """Those of the last 24 hours, the latest first."""
        since = self._clock.now() - KEPT
        with self._lock:
            return [one for one in reversed(self._latest) if one.at >= since]
