"""The register's database: SQLite beside the warehouse, or a team's own server."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from dagster_project.errors import UserError
from dagster_project.warehouse.paths import REGISTER, Warehouse

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


def location_of(warehouse: Warehouse) -> str:
    """Where the register lies unless somebody says otherwise."""
    return f"sqlite:///{(warehouse.root / REGISTER).resolve()}"


def existing_register(warehouse: Warehouse) -> str | None:
    """The register in a warehouse, if there is one: a run does not make any."""
    return location_of(warehouse) if (warehouse.root / REGISTER).exists() else None


def opened(location: str) -> sa.Engine:
    """The register, with its tables. Raises `UserError` where it cannot be opened."""
    try:
        url = sa.make_url(location)
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url)
        metadata.create_all(engine)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"The register {location} cannot be opened: {said}. Look at --register and your rights.") from None
    return engine
