"""Who is looking at a page: a session of twelve hours, or whom a proxy says (R-79)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from dagster_project.register import users
from dagster_project.register.store import sessions
from dagster_project.register.users import User

COOKIE = "meterhouse_session"
LASTS = timedelta(hours=12)
WRONG, WITHIN = 10, timedelta(minutes=15)  # wrong passwords for one address, and in which time
MOST_ADDRESSES = 10_000
AT_ONCE = 2  # passwords that are looked at: a hash takes 64 MiB
BUSY_SECONDS = 2.0  # that somebody waits for others' passwords


@dataclass(frozen=True, slots=True)
class Visitor:
    """user: who it is. token: what every form of theirs has to bring along."""

    user: User
    token: str


class TooOften(Exception):
    """So many wrong passwords were given, for an address or at once, that no more are looked at for a while."""


class Sessions:
    """Sessions of one register. trusted_header: names whom a proxy has signed in."""

    def __init__(self, register: sa.Engine, trusted_header: str | None, *, is_secure: bool) -> None:
        self._register, self._header, self._is_secure = register, trusted_header, is_secure
        self._secret = secrets.token_bytes(32)  # of forms of people whom a proxy signs in
        # a browser sends this one by TLS only, and takes it from no other host of the domain
        self._cookie = f"__Host-{COOKIE}" if is_secure else COOKIE
        self._wrong: dict[str, list[datetime]] = {}
        self._lock, self._hashing = threading.Lock(), threading.Semaphore(AT_ONCE)

    def visitor(self, request: Request, now: datetime) -> Visitor | None:
        """Who asks; None where nobody is signed in."""
        if self._header is not None:
            said = request.headers.getlist(self._header)  # several: one of them is not the proxy's
            user = users.named(self._register, said[0]) if len(said) == 1 else None
            return None if user is None else Visitor(user, _token(self._secret, user.email))
        cookie = request.cookies.get(self._cookie, "")
        if not cookie:
            return None
        with self._register.connect() as connection:
            row = connection.execute(sa.select(sessions).where(sessions.c.sha256 == _hash(cookie))).mappings().first()
        if row is None or row["ends_at"] <= now:
            return None
        user = users.named(self._register, row["email"])
        return None if user is None else Visitor(user, _token(cookie.encode(), user.email))

    def sign_in(self, email: str, password: str, now: datetime) -> str | None:
        """What the cookie holds from now on; None for a wrong address or password. Raises `TooOften`."""
        address = email.strip().lower()
        self._require_few(address, now)
        user = users.named(self._register, address)
        if not self._hashing.acquire(timeout=BUSY_SECONDS):
            raise TooOften
        try:
            is_right = users.is_password(user, password)
        finally:
            self._hashing.release()
        if not is_right or user is None:
            self._note_wrong(address, now)
            return None
        cookie = secrets.token_urlsafe(32)
        with self._register.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.ends_at <= now))
            connection.execute(sessions.insert().values(sha256=_hash(cookie), email=user.email, ends_at=now + LASTS))
        return cookie

    def _require_few(self, address: str, now: datetime) -> None:
        with self._lock:
            wrong = [at for at in self._wrong.get(address, []) if now - at < WITHIN]
        if len(wrong) >= WRONG:
            raise TooOften

    def _note_wrong(self, address: str, now: datetime) -> None:
        with self._lock:
            wrong = [*self._wrong.pop(address, []), now][-WRONG:]
            while len(self._wrong) >= MOST_ADDRESSES:
                del self._wrong[next(iter(self._wrong))]
            self._wrong[address] = wrong

    def sign_out(self, request: Request) -> None:
        """End the session of whoever asks."""
        with self._register.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.sha256 == _hash(request.cookies.get(self._cookie, ""))))

    def give(self, response: Response, cookie: str) -> None:
        """Put a session into a browser."""
        response.set_cookie(
            self._cookie, cookie, max_age=int(LASTS.total_seconds()), httponly=True, samesite="strict", secure=self._is_secure
        )

    def take_back(self, response: Response) -> None:
        """Take a session out of a browser."""
        response.delete_cookie(self._cookie, httponly=True, samesite="strict", secure=self._is_secure)

    @property
    def has_people(self) -> bool:
        """Whether anybody may sign in at all."""
        return bool(users.every(self._register))


def is_token(visitor: Visitor, given: str) -> bool:
    """Whether a form is one of this visitor's."""
    return hmac.compare_digest(visitor.token, given)


def _token(secret: bytes, email: str) -> str:
    return hmac.new(secret, f"form of {email}".encode(), hashlib.sha256).hexdigest()


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
