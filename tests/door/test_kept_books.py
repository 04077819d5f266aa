"""What a run has noted of the register and of the books, with what was agreed since, is what reading all of it gives (R-52b, law 8)."""

from __future__ import annotations

import copy
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.api.books_of_now import BooksOfNow
from dagster_project.api.catalogue import Catalogue
from dagster_project.api.clock import Clock
from dagster_project.register import place, records, store
from dagster_project.register.folded import agreed_by
from dagster_project.warehouse import books_cache
from dagster_project.warehouse.paths import Warehouse
from rating import books
from rating.books import Books, BooksError, Problem
from rating.tables import BOOKS_TABLES
from tests.books.test_additions import BOOKS

START = datetime(2026, 1, 10)  # noqa: DTZ001 - naive UTC throughout
Act = tuple[str, dict[str, Any]]


def _choice(**keys: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with one of some values for each key, without those that are None."""
    drawn = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in keys.items()})
    return drawn.map(lambda found: {key: value for key, value in found.items() if value is not None})


EXTERNAL = [None, None, None, "acme", "base", "e_1"]
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.just("customer.create"), _choice(name=["N", "Ö"], external_id=EXTERNAL)),
    st.tuples(st.just("customer.update"), _choice(of=[0, 1, 2], name=["Other"], external_id=EXTERNAL)),
    st.tuples(
        st.just("contract.create"),
        _choice(
            customer=["cust_0", 0, 1, 1],
            plan=["pro", "starter", "starter", "old"],
            start_date=["2026-01-10", "2026-03-01"],
            status=["approved"],
            timezone=[None, None, "America/New_York", "Europe/Berlin"],
        ),
    ),
    st.tuples(st.just("contract.cancel"), _choice(of=[0, 1], end_date=["2026-08-10", "2026-01-11"])),
    st.tuples(
        st.just("contract.amend"),
        st.fixed_dictionaries(
            {
                "of": st.sampled_from([0, 1]),
                "amendment": _choice(effective_date=["2026-04-01", "2026-05-01"], plan=["pro", "starter", "old"]),
            }
        ),
    ),
    st.tuples(
        st.just("grant.create"),
        _choice(
            contract=["k_0", 0, 1],
            kind=["promotional"],
            amount=["5.00", "7.50"],
            effective_at=[None, "2026-03-20T00:00:00Z"],
            expires_at=["2026-06-01T00:00:00Z", "2026-01-11T00:00:00Z"],
        ),
    ),
)


class _Office:
    """A register that agrees to what it is told, whether that is sound or not; and the runs and doors beside it."""

    def __init__(self, root: Path) -> None:
        self.folder, self.warehouse = root / "books", Warehouse(root / "warehouse")
        self.folder.mkdir()
        sound = BOOKS.replace("customer: c_base", "customer: cust_0").replace("t_base", "k_1")
        (self.folder / "books.yml").write_text(sound)
        self.location = place.location_of(self.warehouse)
        self.register = store.opened(self.location)
        self.now = START
        self.ids: dict[str, list[str]] = {"customer": [], "contract": [], "grant": []}

    def agree(self, acts: list[Act]) -> None:
        drafts = []
        for op, said in acts:
            item, kind = copy.deepcopy(said), op.partition(".")[0]
            if op.endswith(".create"):
                item["id"] = f"{kind}_{len(self.ids[kind])}"
                self.ids[kind].append(item["id"])
            elif not self.ids[kind]:
                continue
            else:
                item["id"] = self.ids[kind][item.pop("of") % len(self.ids[kind])]
            for key in ("customer", "contract"):
                if isinstance(item.get(key), int):
                    item[key] = f"{key}_{item[key]}"
            drafts.append(records.Draft("mk_live_00000000…", "req_0", "", op, item))
        self.now += timedelta(hours=1)
        records.append_all(self.register, drafts, self.now)

    def read(self) -> Books | tuple[Problem, ...]:
        try:
            return books.load(self.folder, agreed_by(self.location, self.now))
        except BooksError as error:
            return error.problems

    def run(self) -> Books | tuple[Problem, ...]:
        """The books as a run reads them; it notes them."""
        agreed = agreed_by(self.location, self.now, self.warehouse)
        found = books_cache.recall(self.warehouse, self.folder, agreed)
        try:
            found = found or books.load(self.folder, agreed)
        except BooksError as error:
            return error.problems
        self.warehouse.books.mkdir(parents=True, exist_ok=True)
        for table in BOOKS_TABLES:
            getattr(found, table.name).write_parquet(self.warehouse.books / f"{table.name}.parquet")
        books_cache.remember(self.warehouse, found)
        return found

    def door(self) -> BooksOfNow:
        return BooksOfNow(self.folder, self.register, self.warehouse)


def _known(door: BooksOfNow) -> Books | tuple[Problem, ...]:
    try:
        return door.known().together
    except BooksError as error:
        return error.problems


def _tables(catalogue: Catalogue) -> dict[str, list[Any]]:
    names = ("customers", "contracts", "contract_terms", "rate_overrides", "plans", "meters", "pricings", "rate_cards")
    with catalogue.asked() as books_of_now:
        return {name: books_of_now.execute(f"select * from marts.{name} order by all").fetchall() for name in names}


def _require_equal(found: Books | tuple[Problem, ...], expected: Books | tuple[Problem, ...]) -> None:
    if not isinstance(expected, Books) or not isinstance(found, Books):
        assert found == expected
        return
    for table in BOOKS_TABLES:
        assert getattr(found, table.name).equals(getattr(expected, table.name)), table.name
    assert (found.version, found.warnings, found.files) == (expected.version, expected.warnings, expected.files)
    assert (found.folder_version, found.agreed_digest) == (expected.folder_version, expected.agreed_digest)


@settings(max_examples=60, deadline=None)
@given(nights=st.lists(st.lists(ACTS, min_size=1, max_size=5), min_size=2, max_size=4))
def test_what_runs_noted_and_what_came_since_is_what_all_of_it_says(nights: list[list[Act]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        office = _Office(Path(root))
        office.run()
        standing, clock = office.door(), Clock(START)
        catalogue = Catalogue(standing, clock)
        for acts in nights:
            office.agree(acts)
            expected = office.read()
            _require_equal(_known(office.door()), expected)  # a door that starts on what the last run noted
            _require_equal(_known(standing), expected)  # one that has stood since the first day
            if isinstance(expected, Books):
                assert _tables(catalogue) == _tables(Catalogue(office.door(), clock))
            _require_equal(office.run(), expected)
            _require_equal(_known(office.door()), expected)


@pytest.fixture
def office(tmp_path: Path) -> _Office:
    return _Office(tmp_path)


SIGN_UP: list[Act] = [
    ("customer.create", {"name": "N", "external_id": "e"}),
    ("contract.create", {"customer": 0, "plan": "pro", "start_date": "2026-01-10", "status": "approved"}),
    ("grant.create", {"contract": 0, "kind": "promotional", "amount": "5.00"}),
    ("contract.amend", {"of": 0, "amendment": {"effective_date": "2026-03-10", "plan": "starter"}}),
]


def test_a_sign_up_since_the_last_run_needs_no_other_reading(office: _Office) -> None:
    office.run()
    office.agree(SIGN_UP)
    agreed = agreed_by(office.location, office.now, office.warehouse)
    found = books_cache.recall(office.warehouse, office.folder, agreed)
    assert found is not None
    _require_equal(found, office.read())


def test_a_look_at_the_past_leaves_what_was_noted(office: _Office) -> None:
    office.agree(SIGN_UP)
    office.run()
    assert len(agreed_by(office.location, START, office.warehouse).documents) == 0
    agreed = agreed_by(office.location, office.now, office.warehouse)
    assert books_cache.recall(office.warehouse, office.folder, agreed) is not None


@pytest.mark.parametrize("damaged", ["agreed.json", "agreed.parquet", "books.json", "books/contracts.parquet"])
def test_what_is_damaged_or_gone_is_read(office: _Office, damaged: str) -> None:
    office.agree(SIGN_UP)
    office.run()
    path = office.warehouse.derived / damaged
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    office.agree([("customer.create", {"name": "Late"})])
    _require_equal(_known(office.door()), office.read())
    path.unlink()
    _require_equal(_known(office.door()), office.read())
    _require_equal(office.run(), office.read())


def test_another_folder_is_read(office: _Office) -> None:
    office.agree(SIGN_UP)
    office.run()
    (office.folder / "more.yml").write_text("customers: [{id: customer_0, name: Adopted}]\n")
    _require_equal(_known(office.door()), office.read())
    office.run()
    office.agree([("customer.update", {"of": 0, "name": "Nobody is asked"}), ("customer.create", {"name": "Late"})])
    _require_equal(_known(office.door()), office.read())
    _require_equal(office.run(), office.read())
