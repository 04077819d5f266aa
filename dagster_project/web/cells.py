"""How values look on pages."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import polars as pl
from markupsafe import Markup
from starlette.responses import Response

from dagster_project.render.figures import money, number
from dagster_project.web.listings import Listing


def link(path: str, text: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(path, text)


def plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value)
    return f"{value}" if isinstance(value, date) else str(value)


def combination(dimensions: str | None) -> str:
    """`US / resolved` for a combination as JSON text."""
    return " / ".join("(none)" if value is None else str(value) for value in json.loads(dimensions or "{}").values())


def amount(value: Any) -> str:
    return "" if value is None or value == "" else money(Decimal(value))


def moment(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def section(
    title: str, labels: Sequence[str], rows: Sequence[Sequence[Any]], numbers: set[int] | None = None
) -> dict[str, Any]:
    return {"title": title, "labels": labels, "rows": rows, "numbers": numbers or set()}


def cell(listing: Listing, name: str, value: Any) -> Any:
    if value is None or value == "":
        return ""
    if name == "dimensions" and str(value).startswith("{"):  # as a mart has a combination; a spreadsheet gets it so
        return combination(value)
    text = (
        (money(value) if isinstance(value, Decimal) and name not in ("quantity", "per") else number(value))
        if isinstance(value, Decimal | int) and not isinstance(value, bool)
        else plain(value)
    )
    if name in ("status", "state", "drifted") and isinstance(value, str):
        return Markup('<span class="state {0}">{0}</span>').format(text)
    return link(listing.links[name].format(quote(str(value), safe="")), text) if name in listing.links else text


def csv_of(frame: pl.DataFrame, path: str) -> Response:
    """Texts that a spreadsheet would take for a formula stay texts."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    safe = frame.with_columns(
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]")).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    )
    written = io.BytesIO()
    safe.write_csv(written)
    name = path.strip("/").replace("/", "-")
    return Response(
        written.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
