"""Files of the books as they would be: what is wrong with them, and what is agreed then, as if everything were read with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from rating.books import Books, BooksError, Problem, Reading, load, read, with_files
from rating.tables import BOOKS_TABLES
from tests.books.test_additions import BOOKS

OF_AGREEMENTS = (
    "customers",
    "contracts",
    "contract_terms",
    "credit_grants",
    "manual_charges",
    "commitments",
    "covered_customers",
    "rate_overrides",
)
CATALOGUE, AGREED = "books.yml", "agreed/k_2.yml"
BASE_AGREED: dict[str, Any] = {
    "customers": [{"id": "c_2", "name": "Two"}],
    "contracts": [{"id": "k_2", "customer": "c_2", "plan": "starter", "start_date": "2026-02-01", "status": "approved"}],
}


def _item(**keys: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An item with one of some values for each key, without those that are None; the first is drawn most."""
    drawn = st.fixed_dictionaries({key: st.sampled_from([values[0]] * 4 + values) for key, values in keys.items()})
    return drawn.map(lambda found: {key: value for key, value in found.items() if value is not None})


NEW = st.one_of(
    st.tuples(
        st.just("meters"),
        _item(
            code=["NEW", "CALLS"],
            event_name=["new", None],
            aggregation=["sum", "count", "summ"],
            aggregation_key=["n", None],
            group_keys=[None, ["region"], ["region", "region"]],
        ),
    ),
    st.tuples(
        st.just("rate_cards"),
        _item(
            code=["NEW", "CARD"],
            meter=["CALLS", "IDLE", "NOPE"],
            entries=[
                [{"dimensions": {"region": "US"}, "rate": "1"}],
                [{"dimensions": {"region": "US"}, "rate": "1"}] * 2,
                [{"dimensions": {"zone": "US"}, "rate": "1"}],
            ],
        ),
    ),
    st.tuples(
        st.just("pricings"),
        _item(code=["NEW", "CALLS"], meter=["IDLE", "NOPE"], model=["per_unit", "flat"], unit_amount=["1", None, "one"]),
    ),
    st.tuples(
        st.just("plans"),
        _item(code=["new", "pro"], currency=[None, "XXX"], pricings=[["CALLS"], ["NOPE"]], base_fee=["5.00", "5.001"]),
    ),
    st.tuples(
        st.just("customers"),
        _item(id=["c_3", "cust_0", "c_2"], external_id=[None, "acme", "e"], name=["N", 3]),
    ),
    st.tuples(
        st.just("contracts"),
        _item(
            id=["k_3", "k_0", "k_2"],
            customer=["c_2", "cust_0", "nobody"],
            plan=["pro", "euro", "old", "prro"],
            start_date=["2026-03-01", "March"],
            end_date=[None, "2026-09-01", "2026-01-01"],
            status=["approved", "draft"],
            timezone=[None, "America/New_York", "Europe/Berlin", "Mars"],
            rate_overrides=[
                None,
                [{"meter": "CALLS", "dimensions": {"region": "US"}, "rate": "0.5"}],
                [{"meter": "CALLS", "dimensions": {"zone": "US"}, "rate": "0.5"}],
                [{"pricing": "TIERS", "tiers": [{"up_to": 7, "unit_amount": "1"}, {"unit_amount": "0.2"}]}],
                [{"plan": True, "percent_off": "5"}],
            ],
        ),
    ),
    st.tuples(
        st.just("credit_grants"),
        _item(
            id=["g_3", "g_0", "g_9#1"],
            contract=["k_2", "k_0", "nope"],
            kind=["promotional", "promo"],
            amount=["5.00", "5.001", None],
            every=[None, "period"],
            times=[None, 3],
        ),
    ),
)
EDITED = _item(
    end_date=[None, "2026-09-01", "2026-01-01"],
    plan=["starter", "pro", "nope"],
    customer=["c_2", "cust_0"],
    amendments=[None, [{"effective_date": "2026-05-01", "plan": "pro"}], [{"effective_date": "2026-01-01", "plan": "pro"}]],
    rate_overrides=[None, [{"meter": "CALLS", "dimensions": {"region": "EU"}, "rate": "0.5"}]],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("books")
    sound = BOOKS.replace("customer: c_base", "customer: cust_0").replace("contract: t_base", "contract: k_1")
    (place / CATALOGUE).write_text(sound)
    (place / "agreed").mkdir()
    (place / AGREED).write_text(yaml.safe_dump(BASE_AGREED))
    return place


@pytest.fixture(scope="module")
def reading(folder: Path) -> Reading:
    return read(folder)


def _whole(folder: Path, files: dict[str, bytes]) -> Books | tuple[Problem, ...]:
    try:
        return load(folder, changes=files)
    except BooksError as error:
        return error.problems


def _partly(reading: Reading, folder: Path, files: dict[str, bytes]) -> Books | tuple[Problem, ...] | None:
    try:
        return with_files(reading, folder, files)
    except BooksError as error:
        return error.problems


def _require_as_whole(reading: Reading, folder: Path, files: dict[str, bytes]) -> str:
    found, expected = _partly(reading, folder, files), _whole(folder, files)
    if found is None:
        return "read whole"
    if isinstance(expected, Books):
        assert isinstance(found, Books), found
        for table in BOOKS_TABLES:
            if table.name in OF_AGREEMENTS:  # what stays may stand on another line
                mine, theirs = (getattr(one, table.name).drop("place", strict=False) for one in (found, expected))
                assert mine.equals(theirs), table.name
        return "sound"
    assert found == expected
    return "refused"


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=st.lists(NEW, min_size=1, max_size=2), edited=EDITED | st.none(), is_apart=st.booleans())
def test_a_few_files_changed_are_what_everything_read_says(
    folder: Path, reading: Reading, new: list[tuple[str, dict[str, Any]]], edited: dict[str, Any] | None, is_apart: bool
) -> None:
    tree = yaml.safe_load((folder / CATALOGUE).read_text())
    agreed, apart, files = copy.deepcopy(BASE_AGREED), dict[str, Any](), dict[str, bytes]()
    for section, item in new:
        if section not in ("customers", "contracts", "credit_grants"):
            tree.setdefault(section, []).append(item)
            files[CATALOGUE] = yaml.safe_dump(tree).encode()
        else:
            (apart if is_apart else agreed).setdefault(section, []).append(item)
    if edited is not None:
        agreed["contracts"][0] |= edited
    if agreed != BASE_AGREED:
        files[AGREED] = yaml.safe_dump(agreed).encode()
    if apart:
        files["agreed/new.yml"] = yaml.safe_dump(apart).encode()
    if files:
        event(_require_as_whole(reading, folder, files))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (CATALOGUE, "meters: [{code: X"),  # no YAML
        (CATALOGUE, "customers: []\n"),  # everything gone
        ("more.yml", "settings: {currency: EUR}\n"),
        ("more.yml", "customers: [{id: c_2, name: Twice}]\n"),
        ("more.yml", "unknown: []\n"),
        ("customers.csv", "id,name\nc_4,Four\n"),
        (AGREED, ""),
    ],
)
def test_what_may_touch_more_is_read_with_everything(folder: Path, reading: Reading, file: str, content: str) -> None:
    _require_as_whole(reading, folder, {file: content.encode()})


def test_a_term_that_an_amendment_names_with_null_is_another(tmp_path: Path) -> None:
    said = BOOKS.replace("customer: c_base", "customer: cust_0").replace("contract: t_base", "contract: k_1")
    contract = "id: k_2, customer: cust_0, plan: pro, start_date: 2026-02-01, status: approved, base_fee: '9.00'"
    (tmp_path / "books.yml").write_text(said)
    (tmp_path / "k_2.yml").write_text(f"contracts: [{{{contract}, amendments: [{{effective_date: 2026-05-01, plan: pro}}]}}]\n")
    reading = read(tmp_path)
    change = f"contracts: [{{{contract}, amendments: [{{effective_date: 2026-05-01, plan: pro, base_fee: null}}]}}]\n"
    assert _require_as_whole(reading, tmp_path, {"k_2.yml": change.encode()}) == "sound"
    found = with_files(reading, tmp_path, {"k_2.yml": change.encode()})
    assert found is not None
    assert not found.contract_terms.equals(reading.books.contract_terms)


@pytest.mark.parametrize(
    "item",
    [
        "meters: [{code: NEW, event_name: new, aggregation: count}]",
        "pricings: [{code: NEW, meter: IDLE, model: per_unit, unit_amount: '1'}]",
        "plans: [{code: new, pricings: [CALLS]}]",
        "contracts: [{id: k_3, customer: c_2, plan: pro, start_date: 2026-03-01, status: approved,"
        " rate_overrides: [{meter: CALLS, dimensions: {region: US}, rate: '0.5'}]}]",
        "credit_grants: [{id: g_3, contract: k_2, kind: promotional, amount: '5.00'}]",
    ],
)
def test_what_people_propose_every_day_needs_no_other_reading(folder: Path, reading: Reading, item: str) -> None:
    files = {"more.yml": f"{item}\n".encode()}
    assert _require_as_whole(reading, folder, files) == "sound"
