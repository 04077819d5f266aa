"""R-83 to R-85: the history under other books, and the laws of what differs."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.pipeline.simulation import FIGURES, GROUPS, TABLES, Simulation, compare, simulate
from rating import books
from rating.tables import MONEY, QUANTITY, TEXT
from tests.shell.conftest import ACME, Night
from tests.shell.test_a_night import rows

MONTHS = ("2026-01", "2026-04")


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def dearer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme's books with another base fee for scale, dearer UK calls, and without Northwind."""
    folder: Path = tmp_path_factory.mktemp("dearer") / "books"
    shutil.copytree(ACME, folder)
    for name, old, new in (
        ("plans.yml", 'base_fee: "250.00"', 'base_fee: "275.00"'),
        ("rate_cards/rate_cards.yml", 'rate: "0.045"', 'rate: "0.060"'),
    ):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
    (folder / "contracts" / "northwind_support.yml").unlink()
    return folder


@pytest.fixture(scope="module")
def there_and_back(night: Night, dearer: Path) -> tuple[Simulation, Simulation]:
    run, _ = night
    old, new = books.load(ACME), books.load(dearer)
    return (
        simulate(run.warehouse, old, new, *MONTHS, [], silent),
        simulate(run.warehouse, new, old, *MONTHS, [], silent),
    )


def sums(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    figures = [f"{figure}_{side}" for figure in FIGURES for side in ("before", "after", "difference")]
    return frame.group_by("currency").agg(pl.col(figures).sum()).sort("currency").rows()


def test_r83_only_what_the_new_books_change_differs(there_and_back: tuple[Simulation, Simulation]) -> None:
    there, _ = there_and_back
    changed = there.tables["by_line"].filter(pl.col("change") != "same")
    found = {(row["customer_id"], row["month"], row["kind"], row["pricing_code"], row["change"]) for row in changed.to_dicts()}
    assert {one for one in found if one[0] != "cust_210"} == {
        ("cust_scale_1", "2026-01", "base_fee", None, "changed"),
        ("cust_scale_1", "2026-02", "base_fee", None, "changed"),
        ("cust_scale_1", "2026-03", "base_fee", None, "changed"),
        ("cust_scale_1", "2026-04", "base_fee", None, "changed"),
        ("cust_875", "2026-02", "usage", "CALL_SECONDS_PRICING", "changed"),
    }
    assert {one[-1] for one in found if one[0] == "cust_210"} == {"gone"}
    assert there.not_compared.filter(pl.col("reason") == "only_before").get_column("subject").to_list() == ["northwind-2026"]
    [base_fee] = changed.filter(pl.col("kind") == "base_fee", pl.col("month") == "2026-02").to_dicts()
    assert base_fee["subtotal_difference"] == Decimal("25.0000")


def test_r84_sums_of_each_table_are_equal(there_and_back: tuple[Simulation, Simulation]) -> None:
    for found in there_and_back:
        assert len({tuple(sums(frame)) for frame in found.tables.values()}) == 1


def test_r85_swapping_the_books_changes_every_sign(there_and_back: tuple[Simulation, Simulation]) -> None:
    there, back = there_and_back
    for name, key in GROUPS.items():
        differences = [column for column in TABLES[name].names if column.endswith("_difference")]
        negated = back.tables[name].with_columns(-pl.col(differences))
        assert there.tables[name].select(*key, *differences).equals(negated.select(*key, *differences))


def test_r85_what_is_is_what_is_invoiced(night: Night, there_and_back: tuple[Simulation, Simulation]) -> None:
    run, _ = night
    invoiced = rows(
        run.warehouse,
        """
        select contract_id, sum(subtotal)::decimal(38, 4), sum(credits_applied)::decimal(38, 4), sum(total)::decimal(38, 4)
        from marts.invoices where "month" between '2026-01' and '2026-04'
        group by all having count(*) filter (subtotal <> 0) > 0 order by all
        """,
    )
    before = there_and_back[0].tables["by_contract"].select("contract_id", *(f"{figure}_before" for figure in FIGURES))
    assert before.sort("contract_id").rows() == invoiced.rows()


def test_r85_the_same_books_under_another_version_change_nothing(night: Night, tmp_path: Path) -> None:
    run, _ = night
    shutil.copytree(ACME, tmp_path / "books")
    (tmp_path / "books" / "settings.yml").write_text((ACME / "settings.yml").read_text() + "# and nothing else\n")
    files = {path: path.stat().st_mtime_ns for path in run.warehouse.root.rglob("*") if path.is_file()}
    said = ["simulate", "--books", str(tmp_path / "books"), "--warehouse", str(run.warehouse.root)]
    out = tmp_path / "out"
    outcome = CliRunner().invoke(app, [*said, "--from", "2026-01", "--to", "2026-03", "--out", str(out), "--fail-above", "0%"])
    assert outcome.exit_code == 0, outcome.output
    assert {path: path.stat().st_mtime_ns for path in run.warehouse.root.rglob("*") if path.is_file()} == files
    told = json.loads((out / "simulate.json").read_text())
    assert told["books"]["before"] != told["books"]["after"]
    assert {row["change"] for name in GROUPS for row in told[name]} == {"same"}
    assert {path.name for path in out.iterdir()} == {*(f"{name}.csv" for name in GROUPS), "summary.md", "simulate.json"}
    assert pl.read_csv(out / "by_line.csv").height == len(told["by_line"])
    assert "No customer's total differs by more than 0 %." in (out / "summary.md").read_text()


def test_r84_customers_above_the_bound_and_mistakes_of_the_books(night: Night, dearer: Path, tmp_path: Path) -> None:
    run, _ = night
    said = ["simulate", "--warehouse", str(run.warehouse.root), "--from", "2026-02", "--to", "2026-02"]
    only = ["--contract", "scale_1", "--contract", "orchid-2026"]
    [scale] = books.load(ACME).contracts.filter(pl.col("customer_id") == "cust_scale_1").get_column("contract_id")
    only[1] = scale
    outcome = CliRunner().invoke(app, [*said, *only, "--books", str(dearer), "--against", str(ACME), "--fail-above", "0.5%"])
    assert outcome.exit_code == 4, outcome.output
    assert "**1 differ by more than 0.5 %:** cust_scale_1." in outcome.output
    (tmp_path / "broken.yml").write_text("settings: {organization: X}\nplans: [{code: p, base_fee: dear}]\n")
    outcome = CliRunner().invoke(app, [*said, "--books", str(tmp_path)])
    assert isinstance(outcome.exception, books.BooksError)
    outcome = CliRunner().invoke(app, [*said, "--books", str(ACME), "--contract", "nobody"])
    assert "neither side's books have it" in str(outcome.exception)


# --- the comparison itself, over any lines --------------------------------------------------------------------------------------

LINE = GROUPS["by_line"]
SCHEMA = dict.fromkeys(LINE, TEXT) | {"quantity": QUANTITY} | dict.fromkeys(FIGURES, MONEY)


@st.composite
def lines(draw: st.DrawFn) -> pl.DataFrame:
    made = []
    for _ in range(draw(st.integers(0, 12))):
        row: dict[str, object] = {
            name: draw(st.sampled_from(["a", "b", None] if name == "dimensions" else ["a", "b"])) for name in LINE
        }
        row |= {name: Decimal(draw(st.integers(-(10**9), 10**9))) / 100 for name in ("quantity", "subtotal", "credits")}
        made.append(row | {"total": row["subtotal"] - row["credits"]})  # type: ignore[operator]
    return pl.DataFrame(made, schema=SCHEMA)


@settings(max_examples=60, deadline=None)
@given(lines(), lines())
def test_r85_every_line_of_either_side_is_in_every_table_once(before: pl.DataFrame, after: pl.DataFrame) -> None:
    def under(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {name: compare(one, other, table=table, key=GROUPS[name]) for name, table in TABLES.items()}

    there, back, nothing = under(before, after), under(after, before), under(before, before)
    assert len({tuple(sums(frame)) for frame in there.values()}) == 1
    for name, frame in there.items():
        assert set(nothing[name].get_column("change")) <= {"same"}
        for figure in FIGURES:
            assert frame.get_column(f"{figure}_before").sum() == before.get_column(figure).sum()
            assert frame.get_column(f"{figure}_after").sum() == after.get_column(figure).sum()
            assert frame.get_column(f"{figure}_difference").equals(-back[name].get_column(f"{figure}_difference"))
