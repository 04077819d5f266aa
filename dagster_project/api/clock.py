"""The door's clock: receipts ask it, nothing else does (R-52). It never goes back."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

TICK = timedelta(microseconds=1)


class Clock:
    """Naive UTC. start: where it starts, to go on at the usual pace; the machine's own time where absent."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start, self._begun = start, time.monotonic()
        self._last = datetime.min  # noqa: DTZ901 - naive UTC throughout
        self._lock = threading.Lock()

    def now(self) -> datetime:
        if self._start is not None:
            return self._start + timedelta(seconds=time.monotonic() - self._begun)
        return datetime.now(UTC).replace(tzinfo=None)

    def receipt(self) -> datetime:
        """The time, later than every receipt before it."""
        with self._lock:
            self._last = max(self.now(), self._last + TICK)
            return self._last
