"""docs/cookbook.md as it stands there: every price list's books and events, one organization, one run, and the invoices it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tests.scenarios import pipeline

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook.md"
Line = tuple[str, Decimal, Decimal, Decimal]

_FENCE = re.compile(r"```(\w+)(?: (\S+))?\n(.*?)\n```", re.DOTALL)
_ROW = re.compile(r"^\| (?!line )(.+?) \| (\S+) \| (\S+) \| (\S*) ?\|$", re.MULTILINE)


@dataclass(frozen=True)
class PriceList:
    title: str
    contract: str
    files: dict[str, str]
    events: str
    lines: list[Line] = field(repr=False)


def price_lists() -> Iterator[PriceList]:
    for text in COOKBOOK.read_text().split("\n## ")[1:]:
        fences = _FENCE.findall(text)
        books = next(body for kind, _, body in fences if kind == "yaml")
        yield PriceList(
            text.partition("\n")[0],
            yaml.safe_load(books)["contracts"][0]["id"],
            {"books.yml": books, **{name: body for kind, name, body in fences if kind == "csv"}},
            next(body for kind, _, body in fences if kind == "json"),
            [(name, Decimal(n), Decimal(amount), Decimal(paid or 0)) for name, n, amount, paid in _ROW.findall(text)],
        )


PRICE_LISTS = [*price_lists()]


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse after one run of all price lists."""
    folder = tmp_path_factory.mktemp("cookbook")
    books, inbox, warehouse = (folder / name for name in ("books", "inbox", "warehouse"))
    inbox.mkdir()
    for number, price_list in enumerate(PRICE_LISTS, 1):
        own = books / f"{number:02d}"
        own.mkdir(parents=True)
        for name, text in price_list.files.items():
            (own / name).write_text(text + "\n")
        (inbox / f"{number:02d}.jsonl").write_text(price_list.events + "\n")
    [settings] = re.findall(r"```yaml settings\n(.*?)\n```", COOKBOOK.read_text(), re.DOTALL)
    (books / "settings.yml").write_text(settings + "\n")
    pipeline.run(books, inbox, warehouse, "2026-02-01")
    return warehouse


def test_each_has_three_events_and_an_invoice() -> None:
    assert [(price_list.events.count("\n") + 1, bool(price_list.lines)) for price_list in PRICE_LISTS] == [(3, True)] * len(
        PRICE_LISTS
    )
    assert len(PRICE_LISTS) >= 20


@pytest.mark.parametrize("price_list", PRICE_LISTS, ids=[price_list.title for price_list in PRICE_LISTS])
def test_a_price_list_gives_the_invoice_that_stands_beside_it(price_list: PriceList, billed: Path) -> None:
    rows = pipeline.marts(
        billed,
        f"""
        select lines.description, lines.quantity, lines.amount, lines.credits_applied
        from marts.invoice_lines as lines
        inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
        where invoices.contract_id = '{price_list.contract}' and invoices.period_start < timestamp '2026-02-01'
        order by invoices.kind, lines.line_no
        """,
    )
    assert [tuple(row.values()) for row in rows] == price_list.lines
