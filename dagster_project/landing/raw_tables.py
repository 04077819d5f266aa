"""What landing leaves and dbt reads, declared once like every frame (docs/architecture.md; `rating/tables.py` holds the others)."""

from __future__ import annotations

from rating.tables import BOOLEAN, COUNT, INSTANT, NULL, SMALL, TEXT, Column, Table

EVENTS = Table(
    "events",
    "one landed version of one event",
    ("batch", "file", "position", "element"),
    (
        Column("event_name", TEXT, "name of the event, never empty"),
        Column("customer_id", TEXT, "customer by id; exactly one of this and external_customer_id is not null", NULL),
        Column("external_customer_id", TEXT, "customer by the caller's own id", NULL),
        Column("contract_id", TEXT, "contract the event is pinned to; null: not pinned", NULL),
        Column("idempotency_key", TEXT, "key that later versions replace the event by; null: the event is its own key", NULL),
        Column("timestamp", INSTANT, "when it happened"),
        Column("tombstone", BOOLEAN, "whether the version voids the event of its key"),
        Column("properties", TEXT, "flat JSON object as text; numbers that a double cannot carry are strings", NULL),
        Column("received_at", INSTANT, "when it was received"),
        Column("file", TEXT, "name of the file relative to the inbox"),
        Column("file_hash", TEXT, "SHA-256 of the decompressed bytes, hex"),
        Column("position", COUNT, "line, row or array index in the file, from 1"),
        Column("element", SMALL, "index within a line of several events, from 1; 0 where the line is the event"),
        Column("batch", SMALL, "number of the landing"),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "one line that is no valid event (R-10)",
    ("batch", "file", "position", "element"),
    (
        Column("file", TEXT, "name of the file relative to the inbox"),
        Column("position", COUNT, "line, row or array index in the file, from 1"),
        Column("element", SMALL, "index within a line of several events, from 1; 0 where the line is the event"),
        Column("raw", TEXT, "text of the line", NULL),
        Column("reason", TEXT, "why it is no event"),
        Column("received_at", INSTANT, "when it was received"),
        Column("file_hash", TEXT, "SHA-256 of the decompressed bytes, hex"),
        Column("batch", SMALL, "number of the landing"),
    ),
)

WITHDRAWN = Table(
    "withdrawn",
    "one landed version of one event whose file was withdrawn (R-114)",
    EVENTS.key,
    EVENTS.columns,
)
