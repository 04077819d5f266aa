"""What good books come to."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from rating import tables
from rating.books import BooksError, load

# the example of the book format, word for word
EXAMPLE = Path(__file__).parent / "example.yml"


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return frame.select(columns or frame.columns).rows()


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


PLAIN = """
settings: {currency: USD}
meters:
- {code: M, event_name: m, aggregation: count, group_keys: [k]}
rate_cards:
- {code: C, meter: M, entries: [{dimensions: {k: %s}, rate: %s}]}
pricings:
- {code: P, meter: M, model: per_unit, rate_card: C, fallback_rate: 1}
plans:
- {code: pro, pricings: [P]}
"""


def test_every_frame_is_as_declared(good: Path) -> None:
    books = load(good)
    for table in tables.BOOKS_TABLES:
        table.require(getattr(books, table.name), unique=not any(isinstance(table.schema[key], pl.List) for key in table.key))


def test_the_example_of_the_format(tmp_path: Path) -> None:
    """Word for word it shows both ways to state entries and names a plan it does not state; nothing else is wrong with it."""
    books = write(
        tmp_path / "books",
        acme__yml=EXAMPLE.read_text(),
        v1__csv="region,call_outcome,rate\n",
        v2__csv="region,call_outcome,rate\n",
    )
    with pytest.raises(BooksError) as raised:
        load(books)
    assert [problem.path for problem in raised.value.problems] == ["rate_cards[0].versions", "contracts[0].amendments[0].plan"]
    text = EXAMPLE.read_text()
    text = re.sub(r"  versions:.*?(?=^pricings)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = text.replace("customers:\n", '- {code: scale, base_fee: "900.00", pricings: [AI_CALL_PRICING]}\ncustomers:\n', 1)
    found = load(write(tmp_path / "books", acme__yml=text))
    assert rows(found.contract_terms, "effective_date", "plan_code", "base_fee", "net_terms", "minimum_spend") == [
        (date(2026, 1, 1), "pro", Decimal(45), 30, Decimal(1000)),
        (date(2026, 6, 1), "scale", Decimal(500), 0, Decimal(1000)),
    ]


@pytest.mark.parametrize(
    "number", ["0.100000000001", '"0.100000000001"', "0.1000000000010", "+0.100000000001", ".100000000001"]
)
def test_numbers_keep_their_digits(tmp_path: Path, number: str) -> None:
    books = load(write(tmp_path / "books", a__yml=PLAIN % ("x", number)))
    assert rows(books.rate_card_entries, "unit_amount") == [(Decimal("0.100000000001"),)]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        *[("NO", "NO"), ("on", "on"), ("yes", "yes"), ("true", "true"), ('"true"', "true"), ("12:30", "12:30")],
        *[("1", "1"), ("1.0", "1"), ("1.10", "1.1"), ('"1.10"', "1.10"), ("-0", "0"), ("100", "100")],
        *[("2026-01-01", "2026-01-01"), ('""', ""), ('"*"', None), ("0." + "0" * 40 + "1", "0." + "0" * 40 + "1")],
    ],
)
def test_group_values_become_canonical_text(tmp_path: Path, written: str, text: str | None) -> None:
    books = load(write(tmp_path / "books", a__yml=PLAIN % (written, 1)))
    assert rows(books.rate_card_entries, "group_values") == [([text],)]


def test_terms_hold_until_they_are_named_again(good: Path) -> None:
    terms = load(good).contract_terms.filter(pl.col("contract_id") == "acme-2026")
    assert rows(terms, "effective_date", "plan_code", "base_fee", "net_terms", "minimum_spend") == [
        (date(2026, 1, 1), "pro", Decimal(45), 30, Decimal(1000)),
        (date(2026, 6, 1), "scale", Decimal(45), 45, Decimal(1000)),
        (date(2026, 9, 1), "scale", Decimal(500), 45, Decimal(2000)),
    ]


def test_overrides_hold_from_the_contract_or_the_amendment_unless_dated(good: Path) -> None:
    assert rows(load(good).rate_overrides, "override_no", "unit_amount", "effective_from", "effective_to") == [
        (0, Decimal("1.5"), date(2026, 2, 1), date(2026, 5, 1)),
        (1, Decimal(3), date(2026, 1, 1), None),
        (2, Decimal("1.4"), date(2026, 6, 1), None),
    ]


def test_grants_in_money_and_instants(good: Path) -> None:
    start = datetime(2026, 1, 1, 5)  # noqa: DTZ001  (naive UTC: midnight in New York)
    assert rows(load(good).credit_grants, "grant_id", "amount", "price", "effective_at", "expires_at", "applies_to") == [
        ("acme-credits", Decimal(500), Decimal(500), start, None, None),
        ("acme-free", Decimal(10), Decimal(0), start, datetime(2026, 5, 31, 22, tzinfo=UTC).replace(tzinfo=None), None),
        ("acme-prepaid-1", Decimal(125000), Decimal(100000), start, start.replace(year=2027), ["AI_CALL"]),
    ]


def test_equal_tiers_share_a_ladder(good: Path) -> None:
    books = load(good)
    tiered = books.pricings.filter(pl.col("tier_set_id").is_not_null())
    assert tiered.get_column("tier_set_id").n_unique() == 1
    assert books.tier_sets.get_column("tier_set_id").unique().to_list() == [0, 1]


def test_per_is_the_models_own_or_the_cards(good: Path) -> None:
    per = dict(rows(load(good).pricings, "pricing_code", "per"))
    expected = {
        "LLM_GRADUATED": 1000,
        "LLM_VOLUME": 1000,
        "SEATS_BPS": 10000,
        "SEATS_PACKAGE": 1000,
        "SETUP": 1,
        "AI_CALL_PRICING": 1,
    }
    assert {code: per[code] for code in expected} == expected


def test_the_order_and_names_of_files_are_no_input(good: Path) -> None:
    before = load(good)
    (good / "sub").mkdir()
    (good / "agreements.yaml").rename(good / "sub" / "0.yml")
    after = load(good)
    for table in tables.BOOKS_TABLES:
        columns = [name for name in table.names if name != "place"]
        assert getattr(before, table.name).select(columns).equals(getattr(after, table.name).select(columns)), table.name
    assert before.version != after.version


def test_the_version_covers_every_file_that_was_read(good: Path) -> None:
    first = load(good).version
    (good / "notes.txt").write_text("not read")
    assert load(good).version == first
    (good / "cards" / "v2.csv").write_text("call_outcome,region,rate\nresolved,US,1.91\n")
    assert load(good).version != first


def test_warnings(good: Path) -> None:
    warnings = load(good).warnings
    assert len(warnings) == 2
    assert "plan `former` is archived, and its contracts go on: `former-1`" in warnings[0]
    assert "pricing `SEATS_PLAIN` is the same number in `JPY`, `USD`" in warnings[1]


def test_an_anchor_is_shared_by_alias(tmp_path: Path) -> None:
    text = (PLAIN % ("x", 1)).replace("{k: x}", "&one {k: x}") + "\nrate_cards_2: *one\n"
    with pytest.raises(BooksError, match="unknown section `rate_cards_2`"):
        load(write(tmp_path / "books", a__yml=text))


# --- bulk files --------------------------------------------------------------------------------------------------------------

BULK = PLAIN % ("x", 1)


def test_bulk_csv(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "books",
        a__yml=BULK,
        customers__csv="\ufeffid,external_id,name,legal_name,billing_address,contacts\n007,,\"Bond, James\nLondon\",,,\n"
        "008,eight,,Eight AG,\"Seestrasse 8\nZug\",a@eight.example; b@eight.example\n",
        contracts__csv="id,customer,plan,start_date,status,base_fee\nc1,007,pro,2026-01-31,approved,\nc2,008,pro,2026-02-01,draft,5.00\n",
        credit_grants__csv="id,contract,kind,amount,applies_to,expires_at\ng,c1,promotional,5,M,2026-12-01\n",
    )  # fmt: skip
    books = load(folder)
    assert rows(books.customers) == [
        ("007", None, "Bond, James\nLondon", None, None, None),
        ("008", "eight", None, "Eight AG", "Seestrasse 8\nZug", ["a@eight.example", "b@eight.example"]),
    ]
    assert rows(books.contracts, "contract_id", "billing_anchor", "status", "place") == [
        ("c1", 31, "approved", "contracts.csv:2 contracts[0]"),
        ("c2", 1, "draft", "contracts.csv:3 contracts[1]"),
    ]
    assert rows(books.contract_terms, "contract_id", "base_fee") == [("c1", Decimal(0)), ("c2", Decimal(5))]
    assert rows(books.credit_grants, "grant_id", "applies_to") == [("g", ["M"])]


def test_bulk_parquet_with_typed_columns(tmp_path: Path) -> None:
    folder = write(tmp_path / "books", a__yml=BULK, customers__csv="id\nu1\n")
    pl.DataFrame(
        {
            "id": ["c1"],
            "customer": ["u1"],
            "plan": ["pro"],
            "start_date": [date(2026, 1, 1)],
            "status": ["approved"],
            "base_fee": [0.1],
        }
        | {"net_terms": [30], "minimum_spend": [Decimal("100.50")], "end_date": [None]}
    ).write_parquet(folder / "contracts.parquet")
    pl.DataFrame(
        {"id": ["g"], "contract": ["c1"], "kind": ["prepaid"], "credits": [Decimal("10.5")], "credit_rate": ["0.2"]}
        | {"applies_to": [["M"]], "effective_at": [datetime(2026, 2, 1, tzinfo=UTC)]}
    ).write_parquet(folder / "credit_grants.parquet")
    books = load(folder)
    assert rows(books.contract_terms, "base_fee", "net_terms", "minimum_spend") == [(Decimal("0.1"), 30, Decimal("100.5"))]
    assert rows(books.credit_grants, "amount", "credits", "effective_at") == [
        (Decimal("2.1"), Decimal("10.5"), datetime(2026, 2, 1, tzinfo=UTC).replace(tzinfo=None))
    ]


def test_bulk_files_with_wrong_columns_complain_once_a_column(tmp_path: Path) -> None:
    lines = "".join(f"c{number},u1,pro,2026-01-01,red\n" for number in range(50))
    folder = write(
        tmp_path / "books",
        a__yml=BULK,
        customers__csv="id\nu1\n",
        contracts__csv="id,customer,plan,start_date,rate_overrides\n" + lines,
    )
    with pytest.raises(BooksError) as raised:
        load(folder)
    assert [problem.what for problem in raised.value.problems] == [
        "column `status` is missing",
        "`rate_overrides` does not fit into a flat file",
    ]


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BooksError, match=r"customers\.parquet: this is no Parquet file"):
        load(write(tmp_path / "books", a__yml=BULK, customers__parquet="id"))


def test_twenty_thousand_contracts_load_in_seconds(tmp_path: Path) -> None:
    customers = "".join(f"u{number},x{number}\n" for number in range(20_000))
    contracts = "".join(
        f"c{number},u{number},pro,2026-01-{number % 28 + 1:02},Europe/Berlin,approved,5.00\n" for number in range(20_000)
    )
    grants = "".join(f"g{number},c{number},prepaid,100.00,2026-02-01,2027-01-01\n" for number in range(20_000))
    folder = write(
        tmp_path / "books",
        a__yml=BULK,
        customers__csv="id,external_id\n" + customers,
        contracts__csv="id,customer,plan,start_date,timezone,status,base_fee\n" + contracts,
        credit_grants__csv="id,contract,kind,amount,effective_at,expires_at\n" + grants,
    )
    began = time.perf_counter()
    books = load(folder)
    assert books.contracts.height == books.credit_grants.height == 20_000
    # about 2 s on two quiet cores
    assert time.perf_counter() - began < 10
