"""People: who may look, edit, approve and administer (R-79). Passwords are kept as argon2id hashes only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dagster_project.errors import UserError
from dagster_project.register.store import sessions, users

if TYPE_CHECKING:
    from argon2 import PasswordHasher

ROLES = ("viewer", "editor", "approver", "admin")  # each may what those before it may
LEAST_LETTERS = 10
_EMAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[^@\s<>\"',;]{1,190}")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in; password: an argon2id hash, or None for somebody whom a proxy lets in."""

    email: str
    role: str
    password: str | None
    created_at: datetime
    disabled_at: datetime | None

    def may(self, role: str) -> bool:
        """Whether this role may what another may."""
        return self.disabled_at is None and ROLES.index(self.role) >= ROLES.index(role)


def add(register: sa.Engine, email: str, role: str, password: str | None, now: datetime) -> User:
    """Add somebody, or give somebody another role or password. Raises `UserError` for what is no address, role or password."""
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise UserError(f"{email} is no address such as ops@example.com.")
    if role not in ROLES:
        raise UserError(f"{role} is no role. Roles are {', '.join(ROLES)}.")
    if password is not None and len(password) < LEAST_LETTERS:
        raise UserError(f"A password has at least {LEAST_LETTERS} characters.")
    found = User(address, role, None if password is None else _hash(password), now, None)
    row = {name: getattr(found, name) for name in User.__slots__}
    with register.begin() as connection:
        connection.execute(users.delete().where(users.c.email == address))
        connection.execute(users.insert().values(**row))
        connection.execute(sessions.delete().where(sessions.c.email == address))  # whoever knew the password before is out
    return found


def every(register: sa.Engine) -> list[User]:
    """Everybody, by address."""
    with register.connect() as connection:
        rows = connection.execute(sa.select(users).order_by(users.c.email)).mappings().all()
    return [User(**row) for row in rows]


def named(register: sa.Engine, email: str) -> User | None:
    """Somebody who may sign in; None for anybody else."""
    with register.connect() as connection:
        row = connection.execute(sa.select(users).where(users.c.email == email.strip().lower())).mappings().first()
    found = None if row is None else User(**row)
    return None if found is None or found.disabled_at is not None else found


def disable(register: sa.Engine, email: str, now: datetime) -> None:
    """Let somebody in no more. Raises `UserError` where there is nobody of that address."""
    if named(register, email) is None:
        raise UserError(f"Nobody of the address {email} may sign in. `meterhouse users list` shows everybody.")
    with register.begin() as connection:
        connection.execute(users.update().where(users.c.email == email.strip().lower()).values(disabled_at=now))
        connection.execute(sessions.delete().where(sessions.c.email == email.strip().lower()))


def is_password(user: User | None, password: str) -> bool:
    """Whether this is somebody's password; takes as long for nobody as for somebody."""
    from argon2.exceptions import VerificationError

    known = user.password if user is not None and user.password is not None else _nobodys()
    try:
        return bool(_hasher().verify(known, password)) and user is not None and user.password is not None
    except VerificationError:
        return False


@cache
def _nobodys() -> str:
    return _hash("nobody has this password")


def _hash(password: str) -> str:
    return str(_hasher().hash(password))


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()
