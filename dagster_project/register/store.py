"""The register's database: SQLite beside the warehouse, or a team's own server."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from dagster_project.errors import UserError

metadata = sa.MetaData()

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("prefix", sa.String(8), primary_key=True, comment="first 8 hex digits, by which people name a key"),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True, comment="of the whole key; the key itself is nowhere"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False, comment="apart by spaces"),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime),
    sa.Column("revoked_at", sa.DateTime),
    sa.Column("last_used_at", sa.DateTime),
)


records = sa.Table(
    "records",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … without a gap"),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False, comment="the key: mk_live_ and its first eight digits"),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("op", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False, comment="JSON: keys of the books, and what the API keeps beside them"),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)


users = sa.Table(
    "users",
    metadata,
    sa.Column("email", sa.String(255), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False, comment="viewer, editor, approver or admin"),
    sa.Column("password", sa.Text, comment="argon2id; null: a proxy lets them in"),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("disabled_at", sa.DateTime),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True, comment="of what the cookie holds"),
    sa.Column("email", sa.String(255), nullable=False),
    sa.Column("ends_at", sa.DateTime, nullable=False),
)

VERSION = "0003"  # the last of migrations/versions


def opened(location: str) -> sa.Engine:
    """The register. One in SQLite is brought to this version as it is opened, for nobody else looks after it; a server is upgraded by
    `meterhouse register upgrade`. Raises `UserError` where it cannot be opened, or is of another version."""
    engine = _engine(location)
    try:
        if _version(engine) != VERSION:
            if engine.dialect.name != "sqlite":
                raise UserError(f"The register {_shown(location)} is not of this version. Run `meterhouse register upgrade`.")
            upgrade(engine)
    except sa.exc.SQLAlchemyError as error:
        raise _unopened(location, error) from None
    return engine


def upgrade(engine: sa.Engine) -> None:
    """Bring a register to this version; nothing where it is. One process at a time does it."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _alone(engine), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upgraded(location: str) -> sa.Engine:
    """The register, brought to this version. Raises `UserError` where it cannot be opened."""
    engine = _engine(location)
    try:
        upgrade(engine)
    except sa.exc.SQLAlchemyError as error:
        raise _unopened(location, error) from None
    return engine


def _engine(location: str) -> sa.Engine:
    try:
        url = sa.make_url(location)
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        return sa.create_engine(url, pool_pre_ping=True)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise _unopened(location, error) from None


def _version(engine: sa.Engine) -> str | None:
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        found: str | None = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return found


@contextlib.contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite" and engine.url.database:
        with Path(f"{engine.url.database}.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
    else:
        yield


def _unopened(location: str, error: Exception) -> UserError:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"The register {_shown(location)} cannot be opened: {said}. Look at --register and your rights.")


def _shown(location: str) -> str:
    """A location without its password."""
    try:
        return sa.make_url(location).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return location
