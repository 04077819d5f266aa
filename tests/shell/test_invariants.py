"""Each law holds of sound documents and names what breaks it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from dagster_project.checks import invariants
from dagster_project.warehouse import issued
from rating.documents import Documents
from tests.shell.conftest import Night


@pytest.fixture(scope="module")
def documents(night: Night) -> Documents:
    run, _ = night
    return issued.read(run.warehouse, run.as_of)


def broken(documents: Documents) -> dict[str, pl.DataFrame]:
    return {proof.name: proof.counterexamples for proof in invariants.of_documents(documents) if not proof.holds}


def test_what_a_night_issued_keeps_every_law(documents: Documents) -> None:
    assert broken(documents) == {}
    assert {proof.name for proof in invariants.of_documents(documents)} == set(invariants.LAWS_OF_DOCUMENTS)


def test_a_total_off_by_a_cent_is_named(documents: Documents) -> None:
    cent = pl.lit("0.01").cast(pl.Decimal(38, 4))
    first = pl.int_range(pl.len()) == 0
    off = documents.invoices.with_columns(total=pl.when(first).then(pl.col("total") + cent).otherwise("total"))
    found = broken(replace(documents, invoices=off))
    assert list(found) == ["totals_tie"]
    assert found["totals_tie"].get_column("number").to_list() == [off.item(0, "number")]


def test_a_lost_draw_breaks_credits_and_balances(documents: Documents) -> None:
    usage = pl.col("type") == "usage"
    lost = documents.ledger.filter(~(usage & (usage.cum_sum() == 1)))
    assert lost.height == documents.ledger.height - 1
    assert set(broken(replace(documents, ledger=lost))) == {"credits_tie", "balances_tie"}


def test_a_gap_in_the_numbers_is_found(documents: Documents) -> None:
    gap = documents.invoices.filter(pl.col("number") != "INV-000002")
    assert "numbers_have_no_gap" in broken(replace(documents, invoices=gap))
