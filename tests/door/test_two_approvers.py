"""Two people decide on one proposal at the same instant: one decision counts, the other is refused with its name (R-77)."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagster_project.deals import proposals
from dagster_project.deals.desk import Desk, Refused
from dagster_project.register import records, store, users
from dagster_project.warehouse.paths import Warehouse
from tests.deals.conftest import ACME, ACME_UPSELL, ADA, NOW, UMBRA

EVE = "eve@acme.ai"
Act = Callable[[Desk, str], str]


def _desks(tmp_path: Path, location: str, doors: int) -> list[Desk]:
    """A desk for each of two people: of one door, or of two that know one register."""
    books, salesforce = tmp_path / "books", tmp_path / "salesforce"
    shutil.copytree(ACME, books, ignore=shutil.ignore_patterns("sample_events", "salesforce"))
    shutil.copytree(ACME / "salesforce", salesforce)
    warehouse = Warehouse(tmp_path / "warehouse")
    found = [Desk(books, store.opened(location), warehouse, str(salesforce), "files") for _ in range(doors)]
    for who in (ADA, EVE):
        users.add(found[0].register, who, "approver", "a long password", NOW)
    found[0].sync(NOW)
    return found * (2 // doors)


def _at_once(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], str]) -> list[str | Refused]:
    """What comes of acts that write their decisions at the same instant, after each has seen that none is there."""
    together, write = threading.Barrier(len(acts)), proposals.note

    def writes(register: Any, act: str, *said: Any, **more: Any) -> Any:
        if more.get("once", "").startswith("desk:decide:"):
            together.wait(60)
        return write(register, act, *said, **more)

    def done(act: Callable[[], str]) -> str | Refused:
        try:
            return act()
        except Refused as refused:
            return refused

    monkeypatch.setattr(proposals, "note", writes)
    with ThreadPoolExecutor(len(acts)) as people:
        return list(people.map(done, acts))


def _one_wins(said: list[str | Refused]) -> tuple[str, Refused]:
    [won] = [one for one in said if isinstance(one, str)]
    [lost] = [one for one in said if isinstance(one, Refused)]
    return won, lost


@pytest.mark.parametrize("doors", [1, 2])
def test_r77_of_two_approvals_at_once_one_counts(
    doors: int, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, eve = _desks(tmp_path, location, doors)
    hash_ = ada.review(UMBRA).hash
    won, lost = _one_wins(
        _at_once(
            monkeypatch,
            lambda: ada.approve(UMBRA, hash_, ADA, "as signed", NOW),
            lambda: eve.approve(UMBRA, hash_, EVE, "as signed", NOW),
        )
    )
    found = records.every(ada.register)
    [approved] = [record for record in found if record.op == "deal.approved"]
    [applied] = [record for record in found if record.op == "deal.applied"]
    assert (won, lost.code, records.broken(found)) == ("applied", "CONFLICT", [])
    assert str(lost).endswith(f"by {approved.by} at 2026-04-06T09:00:00Z.")
    assert applied.by == approved.by
    [file] = [file for file in (ada.folder / "contracts").iterdir() if f"approved by {approved.by}" in file.read_text()]
    assert ada.one(UMBRA).state == eve.one(UMBRA).state == "applied"
    assert UMBRA in file.read_text()


def test_r77_of_an_approval_and_a_rejection_at_once_one_counts(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, eve = _desks(tmp_path, location, 2)
    hash_ = ada.review(UMBRA).hash

    def rejects() -> str:
        eve.reject(UMBRA, EVE, "they went elsewhere", NOW)
        return "rejected"

    won, lost = _one_wins(_at_once(monkeypatch, lambda: ada.approve(UMBRA, hash_, ADA, "as signed", NOW), rejects))
    decisions = [record for record in records.every(ada.register) if record.op in ("deal.approved", "deal.rejected")]
    assert [decisions[0].by] == [one.by for one in decisions] == [ADA if won == "applied" else EVE]
    assert (lost.code, ada.one(UMBRA).state) == ("CONFLICT", won)
    assert f"by {decisions[0].by} at" in str(lost)


def test_r78_doors_that_finish_an_approval_at_once_apply_it_once(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, eve = _desks(tmp_path, location, 2)
    hash_ = ada.review(UMBRA).hash
    with monkeypatch.context() as dies:
        dies.setattr(Desk, "apply", _dies)
        with pytest.raises(RuntimeError):
            ada.approve(UMBRA, hash_, ADA, "as signed", NOW)
    together = threading.Barrier(2)

    def starts(desk: Desk) -> list[str]:
        together.wait(60)
        return desk.apply_all(NOW)

    with ThreadPoolExecutor(2) as doors:
        found = list(doors.map(starts, (ada, eve)))
    assert [f"deal-{UMBRA}"] in found
    assert [record.op for record in records.every(ada.register)].count("deal.applied") == 1


@pytest.mark.parametrize("way", ["commit", "branch"])
def test_r78_two_proposals_approved_at_once_are_a_commit_each(way: str, location: str, tmp_path: Path) -> None:
    desks = [replace(desk, publish=way) for desk in _desks(tmp_path, location, 2)]
    _repository(desks[0].folder)
    reviewed = [(desk, name, desk.review(name).hash) for desk, name in zip(desks, (UMBRA, ACME_UPSELL), strict=True)]
    with ThreadPoolExecutor(2) as people:
        said = list(people.map(lambda one: one[0].approve(one[1], one[2], ADA, "as signed", NOW), reviewed))
    assert said == [{"commit": "applied", "branch": "branch"}[way]] * 2
    git = ["git", "-C", str(desks[0].folder), "log", "--all", "--format=%s"]
    subjects = subprocess.run(git, check=True, capture_output=True, text=True).stdout.splitlines()
    assert sorted(subjects) == ["Apply deal-" + name for name in sorted((UMBRA, ACME_UPSELL))] + ["Books"]


def _repository(books: Path) -> None:
    for arguments in (
        ["init", "--quiet"],
        ["config", "user.email", "ops@acme.ai"],
        ["config", "user.name", "ops"],
        ["add", "-A"],
        ["commit", "--quiet", "-m", "Books"],
    ):
        subprocess.run(["git", "-C", str(books), *arguments], check=True)


def _dies(desk: Desk, name: str, at: Any) -> str:
    raise RuntimeError("killed")
