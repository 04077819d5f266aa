"""Behind the door: requests that wait are judged together, written together and forced to disk once (R-58).

An event is accepted if and only if it lands: landing's own code judges it, at the moment of its receipt. All of that happens in the
thread of the event loop: a second one would make the first wait for the interpreter at every read and write of a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from dagster_project.api.clock import Clock
from dagster_project.api.segments import Segments, StorageFailed
from dagster_project.landing.event import MEMBERS, SPELLINGS
from dagster_project.landing.pieces import piece_of
from dagster_project.landing.segments import door_field, refused_line
from dagster_project.landing.validation import Judge, Verdicts

EVENT_BYTES = 64 << 10
WAITING_BYTES = 64 << 20
WAITING_SECONDS = 4.0
TOGETHER_BYTES = 8 << 20
TOGETHER_SECONDS = 0.008  # more come together, and a cycle costs the same for one event and for a hundred
LOOK_SECONDS = 0.05
TOO_LARGE = "the event is larger than 64 KiB: send less in its properties"


class Busy(Exception):
    """More waits than can be worked off soon; nothing of the request is kept."""


@dataclass(slots=True)
class Taking:
    """A request's events as they were sent, and how they are to be taken. is_atomic: all or none; keeps: False judges only."""

    events: Sequence[bytes]
    request_id: str
    key: str
    is_atomic: bool = False
    keeps: bool = True
    came: float = field(default_factory=time.monotonic)
    answer: asyncio.Future[Outcome] | None = None
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.bytes = sum(map(len, self.events))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request's events, in order: key where it was accepted, reason where it was not."""

    keys: list[str | None]
    reasons: list[str | None]
    receipt: datetime

    @property
    def accepted(self) -> int:
        return sum(reason is None for reason in self.reasons)


class Door:
    """Takes requests from an event loop and works them off a moment later, those that have come meanwhile with them."""

    def __init__(self, segments: Segments, clock: Clock, zone: str) -> None:
        self._segments, self._clock, self._zone, self._judge = segments, clock, zone, Judge(clock.now(), zone)
        self._waiting: deque[Taking] = deque()
        self._waiting_bytes = 0
        self._is_called = False

    def read_dates_in(self, zone: str) -> None:
        """The zone of bare dates is this one from now on."""
        if zone != self._zone:
            self._zone, self._judge = zone, Judge(self._clock.now(), zone)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Be a living door; what waits at the end is worked off, and its segment closed."""
        with self._segments.kept():
            keeping_house = asyncio.create_task(self._keep_house())
            try:
                yield
            finally:
                keeping_house.cancel()
                while self._waiting:
                    self._work()

    async def take(self, taking: Taking) -> Outcome:
        """What becomes of a request, once that is on disk. Raises `Busy`, and `StorageFailed`: then nothing of it was kept."""
        loop = asyncio.get_running_loop()
        oldest = time.monotonic() - self._waiting[0].came if self._waiting else 0.0
        if self._waiting_bytes + taking.bytes > WAITING_BYTES or oldest > WAITING_SECONDS:
            raise Busy
        taking.answer = loop.create_future()
        self._waiting.append(taking)
        self._waiting_bytes += taking.bytes
        self._call(loop)
        return await taking.answer

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_called:
            self._is_called = True
            loop.call_later(TOGETHER_SECONDS, self._work)

    def _work(self) -> None:
        self._is_called = False
        together, taken = [], 0
        while self._waiting and taken < TOGETHER_BYTES:
            taking = self._waiting.popleft()
            taken += taking.bytes
            together.append(taking)
        self._waiting_bytes -= taken
        for taking, said in zip(together, self._worked_off(self._judge, together), strict=True):
            if taking.answer is None or taking.answer.done():
                continue  # the client is gone; its events may be kept
            if isinstance(said, Exception):
                taking.answer.set_exception(said)
            else:
                taking.answer.set_result(said)
        if self._waiting:
            self._call(asyncio.get_running_loop())

    async def _keep_house(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                self._segments.keep_house()
            await asyncio.sleep(LOOK_SECONDS)

    def _worked_off(self, judge: Judge, together: Sequence[Taking]) -> list[Outcome | Exception]:
        try:
            receipt = self._clock.receipt()
            verdicts = _judged(judge, [event for taking in together for event in taking.events], receipt)
            found, lines, first = list[Outcome | Exception](), list[bytes](), 0
            for taking in together:
                of_mine = slice(first, first + len(taking.events))
                first = of_mine.stop
                mine = Verdicts(verdicts.reasons[of_mine], verdicts.keys[of_mine], verdicts.is_untimed[of_mine])
                keys = _keys_given(mine)
                found.append(Outcome(keys, mine.reasons, receipt))
                if taking.keeps and not (taking.is_atomic and any(mine.reasons)):
                    lines += _written(taking, mine, keys, receipt)
            if lines:
                self._segments.append(b"\n".join(lines) + b"\n", receipt)
        except StorageFailed as failed:
            return [failed] * len(together)
        except Exception as error:  # whatever it is, whoever waits is told that nothing was kept
            return [error] * len(together)
        return found


def _keys_given(verdicts: Verdicts) -> list[str | None]:
    """The key of each event that is one: its own, else one that is given to it."""
    return [
        key if key or reason is not None else str(uuid.uuid4())
        for key, reason in zip(verdicts.keys, verdicts.reasons, strict=True)
    ]


def _judged(judge: Judge, events: Sequence[bytes], receipt: datetime) -> Verdicts:
    judge.receive_at(receipt)
    verdicts = judge.verdicts(piece_of(0, events, is_list=True))
    for place, event in enumerate(events):
        if len(event) > EVENT_BYTES:
            verdicts.reasons[place], verdicts.keys[place] = TOO_LARGE, None
    return verdicts


def _lacks_time(event: bytes) -> bool:
    """Whether an event says no time; asked only of those whose time landing would make up, and of tombstones."""
    fields = MEMBERS.decode(event)
    return bytes(fields.get("timestamp", b"null")) in (b"null", b'""')


def _written(taking: Taking, verdicts: Verdicts, keys: Sequence[str | None], receipt: datetime) -> list[bytes]:
    """The lines of a segment that a request's events become."""
    door = door_field(receipt, taking.request_id, taking.key)
    # line breaks outside of texts are white space, and there are none within
    texts = [event.replace(b"\n", b" ").replace(b"\r", b" ") for event in taking.events]
    lines = [b"%b,%b" % (door, text.lstrip()[1:]) for text in texts]
    untimed = verdicts.is_untimed.tolist()
    for place, (reason, own) in enumerate(zip(verdicts.reasons, verdicts.keys, strict=True)):
        if reason is not None:
            lines[place] = refused_line(door, reason, taking.events[place])
        elif own is None or untimed[place]:
            given = {} if own else {"idempotency_key": keys[place]}
            if untimed[place] and _lacks_time(taking.events[place]):
                given["timestamp"] = f"{receipt:%Y-%m-%dT%H:%M:%S.%fZ}"
            added = b"".join(b',"%s":%s' % (name.encode(), json.dumps(value).encode()) for name, value in given.items())
            lines[place] = door + added + b"," + _without(texts[place], given).lstrip()[1:]
    return lines


def _without(text: bytes, names: dict[str, str | None]) -> bytes:
    """An event without fields that it gives as null or empty, under any spelling; every other byte of a value stays."""
    if not names:
        return text
    spelled = {*names, *(SPELLINGS[name] for name in names if name in SPELLINGS)}
    if not any(f'"{name}"'.encode() in text for name in spelled):
        return text
    fields = {name: value for name, value in MEMBERS.decode(text).items() if name not in spelled}
    return msgspec.json.encode(fields)
