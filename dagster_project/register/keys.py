"""Keys of the API: made once, shown once, kept as a hash (R-53)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dagster_project.errors import UserError
from dagster_project.register.store import api_keys

START = "mk_live_"
HEX_DIGITS = 48
PREFIX_DIGITS = 8
SCOPES = (
    "*",
    "usage:read",
    "usage:write",
    "customers:read",
    "customers:write",
    "contracts:read",
    "contracts:write",
    "invoices:read",
    "meters:read",
    "meters:write",
    "pricing:read",
    "pricing:write",
    "plans:read",
    "plans:write",
)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; never the key itself."""

    prefix: str
    sha256: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def may(self, scope: str) -> bool:
        return "*" in self.scopes or scope in self.scopes


def create(register: sa.Engine, name: str, scopes: Sequence[str], now: datetime, expires_at: datetime | None = None) -> str:
    """Make a key and return it; nobody can see it again. Raises `UserError` for scopes that are none and a name without letters."""
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        said = f"{', '.join(wrong)} is no scope" if wrong else "A key needs a scope"
        raise UserError(f"{said}. Scopes are {', '.join(SCOPES)}: say --scope once for each.")
    if not name.strip():
        raise UserError("A key needs a name that says who uses it.")
    if expires_at is not None and expires_at <= now:
        raise UserError(f"The key would have expired at {expires_at:%Y-%m-%d} already. Give a later day, or none.")
    key = START + secrets.token_hex(HEX_DIGITS // 2)
    with register.begin() as connection:
        connection.execute(
            api_keys.insert().values(
                prefix=prefix_of(key),
                sha256=_hash(key),
                name=name.strip(),
                scopes=" ".join(dict.fromkeys(scopes)),
                created_at=now,
                expires_at=expires_at,
            )
        )
    return key


def every(register: sa.Engine) -> list[Key]:
    """All keys, the oldest first."""
    with register.connect() as connection:
        rows = connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.prefix)).mappings().all()
    return [Key(**{**row, "scopes": tuple(row["scopes"].split())}) for row in rows]


def revoke(register: sa.Engine, prefix: str, now: datetime) -> Key:
    """Take a key back for good. Raises `UserError` where there is none of that prefix."""
    wanted = prefix.removeprefix(START)[:PREFIX_DIGITS]
    found = [key for key in every(register) if key.prefix == wanted]
    if not found:
        raise UserError(f"No key begins with {prefix}. `meterhouse keys list` shows them.")
    with register.begin() as connection:
        connection.execute(
            api_keys.update().where(api_keys.c.prefix == wanted, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
        )
    return found[0]


def note_use(register: sa.Engine, prefixes: Sequence[str], now: datetime) -> None:
    """Note that keys were used."""
    with register.begin() as connection:
        connection.execute(api_keys.update().where(api_keys.c.prefix.in_(prefixes)).values(last_used_at=now))


def prefix_of(key: str) -> str:
    return key.removeprefix(START)[:PREFIX_DIGITS]


def find(keys: Sequence[Key], key: str) -> Key | None:
    """The key that this is, compared in constant time; None where it is none."""
    given, found = _hash(key), None
    for known in keys:
        if hmac.compare_digest(known.sha256, given):
            found = known
    return found


def _hash(key: str) -> str:
    # 192 random bits need no salt and no slow hash
    return hashlib.sha256(key.encode()).hexdigest()
