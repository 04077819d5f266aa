"""Who is looking at a page: a session of twelve hours, or whom a proxy says (R-79)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
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


@dataclass(frozen=True, slots=True)
class Visitor:
    """user: who it is. token: what every form of theirs has to bring along."""

    user: User
    token: str


class Sessions:
    """Sessions of one register. trusted_header: names whom a proxy has signed in."""

    def __init__(self, register: sa.Engine, trusted_header: str | None, *, is_secure: bool) -> None:
        self._register, self._header, self._is_secure = register, trusted_header, is_secure
        self._secret = secrets.token_bytes(32)  # of forms of people whom a proxy signs in

    def visitor(self, request: Request, now: datetime) -> Visitor | None:
        """Who asks; None where nobody is signed in."""
        if self._header is not None:
            user = users.named(self._register, request.headers.get(self._header, ""))
            return None if user is None else Visitor(user, _token(self._secret, user.email))
        cookie = request.cookies.get(COOKIE, "")
        if not cookie:
            return None
        with self._register.connect() as connection:
            row = connection.execute(sa.select(sessions).where(sessions.c.sha256 == _hash(cookie))).mappings().first()
        if row is None or row["ends_at"] <= now:
            return None
        user = users.named(self._register, row["email"])
        return None if user is None else Visitor(user, _token(cookie.encode(), user.email))

    def sign_in(self, email: str, password: str, now: datetime) -> str | None:
        """What the cookie holds from now on; None for a wrong address or password."""
        user = users.named(self._register, email)
        if not users.is_password(user, password) or user is None:
            return None
        cookie = secrets.token_urlsafe(32)
        with self._register.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.ends_at <= now))
            connection.execute(sessions.insert().values(sha256=_hash(cookie), email=user.email, ends_at=now + LASTS))
        return cookie

    def sign_out(self, request: Request) -> None:
        """End the session of whoever asks."""
        with self._register.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.sha256 == _hash(request.cookies.get(COOKIE, ""))))

    def give(self, response: Response, cookie: str) -> None:
        """Put a session into a browser."""
        response.set_cookie(
            COOKIE, cookie, max_age=int(LASTS.total_seconds()), httponly=True, samesite="strict", secure=self._is_secure
        )

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
