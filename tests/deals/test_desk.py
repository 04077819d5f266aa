"""Proposals at work (R-70, R-74 to R-78): edits and dismissals, what an approval is bound to, and how it gets into the books."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dagster_project.api.books_of_now import BooksOfNow
from dagster_project.deals import publishing
from dagster_project.deals.desk import Desk, Reading, Refused
from dagster_project.deals.kept import Kept
from dagster_project.deals.marts import deal_tables
from dagster_project.deals.told import summary
from dagster_project.errors import UserError
from dagster_project.register import records, users
from dagster_project.register.records import broken
from dagster_project.warehouse.database import fetch, published
from rating import books as contract_books
from tests.deals.conftest import (
    ACME_UPSELL,
    ADA,
    BEN,
    BRIAR,
    MEGA,
    NOW,
    UMBRA,
    VELA,
    WREN,
    XENON,
    YARROW,
    Office,
    row_of,
)
from tests.scenarios import pipeline


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _repository(office: Office) -> None:
    _git(office.books, "init", "--quiet")
    _git(office.books, "config", "user.email", "ops@acme.ai")
    _git(office.books, "config", "user.name", "ops")
    _git(office.books, "add", "-A")
    _git(office.books, "commit", "--quiet", "-m", "Books")


def _refused(office: Office, opportunity: str, by: str = ADA, **more: str) -> str:
    with pytest.raises(Refused) as refused:
        office.approve(opportunity, by, **more)
    return refused.value.code


def test_r75_an_approved_deal_is_a_file_of_the_books(office: Office) -> None:
    office.desk.sync(NOW)
    review = office.desk.review(UMBRA)
    assert office.approve(UMBRA) == "applied"
    [name] = review.change.files if review.change else []
    text = (office.books / name).read_text()
    head, _, rest = text.partition("\n")
    assert rest.encode() == (review.change.files[name] if review.change else b"")
    assert UMBRA in head
    assert ADA in head
    assert review.hash in head
    loaded = contract_books.load(office.books)
    assert f"sf-{UMBRA}" in loaded.contracts.get_column("contract_id").to_list()
    assert office.desk.state(office.desk.one(UMBRA)) == "applied"


def test_r76_the_first_invoice_of_the_review_is_the_one_a_run_issues(office: Office, tmp_path: Path) -> None:
    office.desk.sync(NOW)
    simulated = office.desk.review(UMBRA).simulated
    assert simulated is not None
    office.approve(UMBRA)
    (tmp_path / "inbox").mkdir()
    pipeline.run(office.books, tmp_path / "inbox", office.desk.warehouse.root, "2026-06-10", deals=deal_tables)
    with published(office.desk.warehouse) as marts:
        rows = fetch(
            marts,
            "select kind, total from marts.invoices where contract_id = $id order by period_start, invoice_id",
            {"id": f"sf-{UMBRA}"},
        ).rows()
        [(state, committed, amount, terms)] = fetch(
            marts,
            """
            select deals.state, deals.committed, deals.amount, (select count(*) from marts.deal_terms as terms
                where terms.proposal_id = deals.proposal_id)
            from marts.deals as deals where opportunity = $id
            """,
            {"id": UMBRA},
        ).rows()
        assert (state, committed, amount) == ("billing", Decimal("20400.0000"), Decimal("20400.0000"))
        assert terms == len(office.desk.review(UMBRA).terms)
    told = [(one["kind"], one["total"]) for one in simulated.documents]
    assert [(kind, f"{total:f}") for kind, total in rows][:2] == told[:2]
    assert office.desk.state(office.desk.one(UMBRA)) == "billing"


def test_r76_what_is_committed_is_tied_out_to_the_deal(office: Office) -> None:
    office.desk.sync(NOW)
    assert office.desk.review(UMBRA).tie_out["difference"] == 0
    assert office.desk.review(XENON).tie_out["difference"] == 9000 - 12 * 700
    assert _refused(office, XENON) == "TIE_OUT"
    assert office.approve(XENON, tie_out="two months are billed by services") == "applied"


def test_r75_a_contract_that_stands_is_edited_in_place_with_its_comments(office: Office) -> None:
    office.desk.sync(NOW)
    before = (office.books / "contracts" / "acme_corp.yml").read_text().splitlines()
    office.approve(ACME_UPSELL)
    after = (office.books / "contracts" / "acme_corp.yml").read_text().splitlines()
    assert [line for line in before if line not in after] == []
    loaded = contract_books.load(office.books)
    days = loaded.contract_terms.filter(loaded.contract_terms["contract_id"] == "acme-2026").get_column("effective_date")
    assert [f"{day}" for day in days] == ["2026-01-01", "2026-03-16", "2026-05-01"]


def test_r74_a_renewal_is_a_later_end_or_a_contract_that_follows(office: Office) -> None:
    office.desk.sync(NOW)
    review = office.desk.review(MEGA)
    assert list(review.change.files if review.change else []) == ["contracts/mega_enterprise.yml"]
    office.desk.set(MEGA, "renewal", "follow", BEN, "they want a new number", NOW)
    office.desk.set(MEGA, "contract", "mega-2027", BEN, "they want a new number", NOW)
    follows = office.desk.review(MEGA)
    assert list(follows.change.files if follows.change else []) == ["contracts/mega-2027.yml"]


# --- edits and dismissals ------------------------------------------------------------------------------------------------------


def test_r73_a_person_settles_what_a_mapping_cannot(office: Office) -> None:
    office.desk.sync(NOW)
    assert _refused(office, YARROW) == "OPEN_POINTS"
    office.desk.set(YARROW, "net_terms", "Net 30", BEN, "they wrote it in words", NOW)
    review = office.desk.review(YARROW)
    assert review.open_points == ()
    [term] = [term for term in review.terms if term["term"] == "net_terms"]
    assert term["source"]["by"] == BEN
    assert term["source"]["because"] == "they wrote it in words"
    [point] = [point for point, _ in office.desk.review(VELA).open_points]
    office.desk.dismiss(VELA, point, BEN, "sales withdrew it", NOW)
    assert office.desk.review(VELA).open_points == ()
    [fate] = [one for one in office.desk.review(VELA).draft.fates if one.point == point]  # type: ignore[union-attr]
    assert fate.fate == "dismissed"


def test_r73_two_lines_for_one_term_are_settled_by_setting_it(office: Office) -> None:
    office.desk.sync(NOW)
    office.desk.set(BRIAR, "base_fee", "1000.00", BEN, "both studios", NOW)
    assert [point for point, _ in office.desk.review(BRIAR).open_points if point.startswith("line:")] == []


def test_r74_edits_stay_and_are_open_where_salesforce_changed_its_mind(office: Office) -> None:
    office.desk.sync(NOW)
    office.desk.set(UMBRA, "net_terms", "45", BEN, "agreed by phone", NOW)
    office.desk.set(UMBRA, "base_fee", "425.00", BEN, "agreed by phone", NOW)
    office.change("opportunity", lambda rows: row_of(rows, id=UMBRA).update(payment_terms_c="Net 60"))
    assert office.desk.sync(NOW) == ([], [f"deal-{UMBRA}"])
    review = office.desk.review(UMBRA)
    assert [point for point, _ in review.open_points] == ["term:net_terms"]
    assert {term["term"]: term["value"] for term in review.terms}["base_fee"] == "425"
    office.desk.set(UMBRA, "net_terms", "60", BEN, "as they say now", NOW)
    assert office.desk.review(UMBRA).open_points == ()


def test_r73_a_dismissal_holds_for_what_was_dismissed(office: Office) -> None:
    office.desk.sync(NOW)
    [(point, _)] = office.desk.review(VELA).open_points
    office.desk.dismiss(VELA, point, BEN, "sales withdrew it", NOW)
    office.change("opportunity", lambda rows: row_of(rows, id=VELA).update(special_terms_c="First three months free"))
    office.desk.sync(NOW)
    assert [found for found, _ in office.desk.review(VELA).open_points] == [point]


def test_a_later_sync_that_changes_what_nothing_reads_is_open(office: Office) -> None:
    office.desk.sync(NOW)
    office.change("opportunity", lambda rows: row_of(rows, id=UMBRA).update(stage_name="Closed Won, signed"))
    office.desk.sync(NOW)
    [(point, says)] = office.desk.review(UMBRA).open_points
    assert "stagename" in point
    assert "Closed Won, signed" in says


@pytest.mark.parametrize(
    ("term", "value", "says"),
    [
        ("net_terms", "Net thirty", "no number of days"),
        ("base_fee", "-1", "negative"),
        ("base_fee", "0.001", "finer"),
        ("color", "red", "is no term"),
        ("kind", "gift", "none of"),
        ("start_date", "2026-02-30", "2026-02-30"),
    ],
)
def test_terms_that_are_none_are_refused(office: Office, term: str, value: str, says: str) -> None:
    office.desk.sync(NOW)
    with pytest.raises(UserError, match=says):
        office.desk.set(UMBRA, term, value, BEN, "why not", NOW)
    with pytest.raises(UserError, match="--because"):
        office.desk.set(UMBRA, "net_terms", "30", BEN, " ", NOW)


# --- approving -----------------------------------------------------------------------------------------------------------------


def test_r77_an_approval_is_bound_to_what_was_reviewed(office: Office) -> None:
    office.desk.sync(NOW)
    old = office.desk.review(UMBRA).hash
    office.desk.set(UMBRA, "net_terms", "45", BEN, "agreed by phone", NOW)
    with pytest.raises(Refused) as refused:
        office.desk.approve(UMBRA, old, ADA, "fine", NOW)
    assert refused.value.code == "CHANGED_SINCE_REVIEW"
    acme = office.desk.review(ACME_UPSELL).hash
    file = office.books / "contracts" / "acme_corp.yml"
    file.write_text(file.read_text() + "# looked at in April\n")
    with pytest.raises(Refused) as refused:
        office.desk.approve(ACME_UPSELL, acme, ADA, "fine", NOW)
    assert refused.value.code == "CHANGED_SINCE_REVIEW"
    office.desk.comment(UMBRA, BEN, "a word that changes nothing", NOW)
    assert office.approve(UMBRA) == "applied"


def test_r77_four_eyes(office: Office) -> None:
    office.desk.sync(NOW)
    office.desk.set(UMBRA, "net_terms", "45", ADA, "agreed by phone", NOW)
    assert _refused(office, UMBRA, ADA) == "FOUR_EYES"
    assert office.approve(UMBRA, BEN) == "applied"
    settings = office.books / "settings.yml"
    settings.write_text(settings.read_text() + "  four_eyes: false\n")
    office.desk.set(YARROW, "net_terms", "45", ADA, "agreed by phone", NOW)
    assert office.approve(YARROW, ADA) == "applied"


def test_r77_twice_and_by_whom(office: Office) -> None:
    office.desk.sync(NOW)
    hash_ = office.desk.review(UMBRA).hash
    office.approve(UMBRA)
    with pytest.raises(Refused, match=f"already applied by {ADA} at 2026-04-06") as refused:
        office.desk.approve(UMBRA, hash_, BEN, "me too", NOW)
    assert refused.value.code == "CONFLICT"
    office.desk.reject(VELA, ADA, "they went elsewhere", NOW)
    office.desk.withdraw(WREN, BEN, "they took another product", NOW)
    with pytest.raises(Refused, match="already withdrawn"):
        office.desk.set(WREN, "net_terms", "30", BEN, "yet", NOW)
    with pytest.raises(Refused, match="already rejected"):
        office.desk.approve(VELA, hash_, BEN, "yet", NOW)
    users.add(office.desk.register, BEN, "editor", "a long password", NOW)
    assert _refused(office, XENON, BEN, tie_out="so") == "FORBIDDEN"
    assert _refused(office, XENON, "nobody@acme.ai", tie_out="so") == "FORBIDDEN"


def test_r77_books_that_would_be_broken_are_refused(office: Office) -> None:
    office.desk.sync(NOW)
    office.desk.set(UMBRA, "end_date", "2026-04-01", BEN, "a slip", NOW)
    assert _refused(office, UMBRA) == "BOOKS_BROKEN"


def test_r52b_proposals_are_records_of_the_one_chain(office: Office) -> None:
    office.desk.sync(NOW)
    office.approve(UMBRA)
    every = records.every(office.desk.register)
    assert broken(every) == []
    acts = [record.op for record in every if record.item["id"] == f"deal-{UMBRA}"]
    assert acts == ["deal.synced", "deal.approved", "deal.applied"]


# --- publishing ----------------------------------------------------------------------------------------------------------------


def test_r78_one_commit_of_these_files_only(office: Office) -> None:
    _repository(office)
    office.desk.sync(NOW)
    (office.books / "plans.yml").open("a").write("# somebody's work\n")
    desk = replace(office.desk, publish=None)
    desk.approve(UMBRA, desk.review(UMBRA).hash, ADA, "as agreed", NOW)
    assert _git(office.books, "log", "-1", "--format=%ae") == ADA
    said = _git(office.books, "log", "-1", "--format=%B")
    assert f"Opportunity: {UMBRA}" in said
    assert "Reviewed-Hash: " in said
    assert _git(office.books, "show", "--name-only", "--format=").split() == [f"contracts/sf-{UMBRA}.yml"]
    assert "plans.yml" in _git(office.books, "status", "--porcelain")


def test_r78_on_a_branch_the_work_tree_stays_and_a_merge_applies_it(office: Office) -> None:
    _repository(office)
    office.desk.sync(NOW)
    desk = replace(office.desk, publish="branch")
    assert desk.approve(UMBRA, desk.review(UMBRA).hash, ADA, "as agreed", NOW) == "branch"
    assert _git(office.books, "status", "--porcelain") == ""
    assert desk.state(desk.one(UMBRA)) == "approved"
    waits = _git(office.books, "rev-parse", f"desk/deal-{UMBRA}")
    assert desk.apply_all(NOW) == []
    assert _git(office.books, "rev-parse", f"desk/deal-{UMBRA}") == waits
    _git(office.books, "merge", "--quiet", "--squash", f"desk/deal-{UMBRA}")
    _git(office.books, "commit", "--quiet", "-m", "Merged by hand")
    assert desk.apply_all(NOW) == [f"deal-{UMBRA}"]
    assert desk.state(desk.one(UMBRA)) == "applied"


@pytest.mark.parametrize("dies_at", ["before", "after"])
def test_r78_what_died_between_is_finished(office: Office, monkeypatch: pytest.MonkeyPatch, dies_at: str) -> None:
    _repository(office)
    office.desk.sync(NOW)
    desk = replace(office.desk, publish="commit")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "write_atomically" if dies_at == "before" else "_commit", dies)
        with pytest.raises(KeyboardInterrupt):
            desk.approve(UMBRA, desk.review(UMBRA).hash, ADA, "as agreed", NOW)
    assert desk.apply_all(NOW) == [f"deal-{UMBRA}"]
    assert _git(office.books, "status", "--porcelain") == ""
    assert _git(office.books, "rev-list", "--count", "HEAD") == "2"


def test_r78_after_that_salesforce_changes_nothing_by_itself(office: Office) -> None:
    office.desk.sync(NOW)
    office.approve(UMBRA)
    files = {path: path.read_bytes() for path in office.books.rglob("*.yml")}
    office.change("opportunity", lambda rows: row_of(rows, id=UMBRA).update(is_won="false", stage_name="Reopened"))
    office.desk.sync(NOW)
    proposal = office.desk.one(UMBRA)
    assert proposal.has_drifted
    assert {path: path.read_bytes() for path in office.books.rglob("*.yml")} == files
    again = office.desk.again(UMBRA, NOW)
    assert any("no closed deal" in says for _, says in office.desk.review(again).open_points)


def test_a_hand_that_edits_between_review_and_applying_is_refused(office: Office) -> None:
    _repository(office)
    office.desk.sync(NOW)
    desk: Desk = replace(office.desk, publish="branch")
    desk.approve(ACME_UPSELL, desk.review(ACME_UPSELL).hash, ADA, "as agreed", NOW)
    file = office.books / "contracts" / "acme_corp.yml"
    file.write_text(file.read_text() + "# by hand\n")
    with pytest.raises(Refused, match="no longer what was reviewed"):
        desk.apply(ACME_UPSELL, NOW)


def test_ids_never_become_paths(office: Office) -> None:
    office.change("opportunity", lambda rows: row_of(rows, id=WREN).update(contract_number_c="../../etc/<x>"))
    office.change("opportunity_line_item", lambda rows: rows.remove(row_of(rows, product_code="SUPPORT-24")))
    office.desk.sync(NOW)
    change = office.desk.review(WREN).change
    assert change is not None
    [name] = change.files
    assert name.startswith("contracts/etc-x")
    assert ".." not in name


def test_r70_what_a_desk_keeps_is_what_another_reads_anew(office: Office) -> None:
    """Drafts are kept: after everything that may change them, a list says what one of a new desk does."""
    desk = office.desk
    books = BooksOfNow(office.books, desk.register)
    kept = replace(desk, reading=Reading(lambda: books.known().reading, lambda: books.known().agreed.beside_the_folder))

    def both() -> list[tuple[Any, ...]]:
        found, anew = kept.listed(), replace(desk, kept=Kept()).listed()
        told = [summary(review, state) for review, state in found]
        assert told == [summary(review, state) for review, state in anew]
        return [(one["id"], one["state"], len(one["openPoints"])) for one in told]

    assert both() == []
    desk.sync(NOW)
    synced = both()
    assert both() == synced
    desk.set(f"deal-{YARROW}", "net_terms", "30", BEN, "in words", NOW)
    edited = both()
    assert edited != synced
    office.approve(UMBRA)
    assert ("deal-" + UMBRA, "applied", 0) in both()
    mapping = office.books / "deals.yml"
    mapping.write_text(mapping.read_text().replace("code: PLATFORM,", "code: PLATFORMS,"))
    assert sum(points for *_, points in both()) > sum(points for *_, points in edited)
    mapping.write_text(mapping.read_text().replace("code: PLATFORMS,", "code: PLATFORM,"))
    (office.books / "contracts" / "taken.yml").write_text(
        f"contracts:\n- {{id: sf-{WREN}, customer: cust_123, plan: enterprise, start_date: 2026-01-01, status: approved}}\n"
    )
    review = next(review for review, _ in kept.listed() if review.proposal.id == f"deal-{WREN}")
    assert any("already" in says for _, says in review.open_points)
    both()
    office.change("opportunity", lambda rows: row_of(rows, id=UMBRA).update(amount="1.00"))
    desk.sync(NOW)
    both()
    assert any(review.proposal.has_drifted for review, _ in kept.listed())
    assert kept.review(WREN).hash == desk.review(WREN).hash
    desk.set(f"deal-{WREN}", "contract", "wren-2026", BEN, "the other is taken", NOW)
    assert kept.review(WREN).hash == desk.review(WREN).hash
