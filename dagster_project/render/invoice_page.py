"""An invoice, and the burn-down of its contract's credits, as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from dagster_project.queries.credit_history import BurnDown
from dagster_project.queries.invoice_breakdown import Account
from dagster_project.render.credit_chart import picture, sentence
from dagster_project.render.figures import money, number


def write_page(file: Path, account: Account | None, burn_down: BurnDown | None) -> None:
    """Write the page of an invoice, of a contract's credits, or of both."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"money": money, "number": number}
    page = environment.get_template("invoice_page.html.j2").render(
        document=account.document if account else None,
        lines=account.lines.to_dicts() if account else [],
        title=_title(account, burn_down),
        picture=base64.b64encode(picture(burn_down)).decode() if burn_down else None,
        sentence=sentence(burn_down) if burn_down else None,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")


def _title(account: Account | None, burn_down: BurnDown | None) -> str:
    if account:
        return str(account.document["number"] or f"Draft {account.document['invoice_id']}")
    return f"Credits of {burn_down.contract_id}" if burn_down else ""
