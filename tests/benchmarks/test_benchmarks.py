"""The benchmark itself: what it makes is what it says, and its yardstick is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.warehouse.database import connect, fetch
from rating.books import load
from tests.benchmarks import books, events, features, yardsticks
from tests.benchmarks.books import FIVE_FOR_EVERYONE, write_books
from tests.benchmarks.events import Month, write_late, write_month
from tests.benchmarks.measure import cost_of
from tests.benchmarks.report import Line

MONTH = Month(events=6_200, customers=100, seed=1)

# every version in one window, every event opened: slow, and plainly right
BY_THE_BOOK = """
    select
        customer_id,
        event_name,
        properties ->> '$.region' as region,
        properties ->> '$.call_outcome' as call_outcome,
        properties ->> '$.model' as model,
        sum(coalesce(properties ->> '$.duration_minutes', properties ->> '$.tokens', '1')::decimal(18, 2)) as quantity,
        count(*) as event_count
    from (
        from read_parquet('{arrivals}/*.parquet')
        qualify row_number() over (partition by idempotency_key order by received_at desc) = 1
    )
    group by all
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month and one later night."""
    made: Path = tmp_path_factory.mktemp("bench")
    write_month(made, MONTH)
    write_late(made, MONTH, night=1)
    return made


def test_one_seed_makes_the_same_files(folder: Path, tmp_path: Path) -> None:
    write_month(tmp_path, MONTH)
    for file in events.inbox(tmp_path).iterdir():
        assert file.read_bytes() == (events.inbox(folder) / file.name).read_bytes()


def test_inbox_and_arrivals_hold_the_same_events(folder: Path) -> None:
    columns = 'event_name, customer_id, idempotency_key, "timestamp"'
    with connect() as connection:
        for file in events.inbox(folder).iterdir():
            landed = (
                f"read_json('{file}', columns = {{{', '.join(f'{name}: {kind!r}' for name, kind in EVENT_COLUMNS.items())}}})"
            )
            arrived = f"read_parquet('{events.arrivals(folder) / file.stem}.parquet')"
            assert fetch(connection, f"select {columns} from {landed}").equals(
                fetch(connection, f"select {columns} from {arrived}")
            )


EVENT_COLUMNS = {"event_name": "varchar", "customer_id": "varchar", "idempotency_key": "varchar", '"timestamp"': "timestamp"}


def test_some_events_come_again_and_a_tenth_of_these_changed(folder: Path) -> None:
    query = f"""
        select count(*), count(distinct idempotency_key), count(distinct idempotency_key) filter (versions > 1)
        from (select *, count(distinct properties) over (partition by idempotency_key) as versions
              from read_parquet('{events.arrivals(folder)}/*.parquet'))
    """
    with connect() as connection:
        lines, keys, changed = fetch(connection, query).row(0)
    assert keys == MONTH.events + MONTH.late_events
    assert 0.005 * keys < lines - keys < 0.015 * keys
    assert 0 < changed < 0.3 * (lines - keys)


def test_the_script_adds_up_what_a_plain_query_adds_up(folder: Path) -> None:
    cost = cost_of("tests.benchmarks.yardsticks", "script", str(folder))
    assert [stage.name for stage in cost.stages] == ["Starting Python", "script"]
    assert cost.seconds == pytest.approx(sum(stage.seconds for stage in cost.stages))
    with connect() as connection:
        plain = fetch(
            connection,
            f"""
            select customer_id, coalesce(region, model) as first_value, call_outcome as second_value, quantity, event_count
            from ({BY_THE_BOOK.format(arrivals=events.arrivals(folder))}) order by all
            """,
        )
        script = fetch(
            connection,
            "select customer_id, first_value, second_value, quantity, event_count "
            f"from '{yardsticks.output(folder)}' order by all",
        )
    assert plain.rows() == script.rows()


def test_the_books_are_sound(tmp_path: Path) -> None:
    read = load(write_books(tmp_path, customers=100, seed=1, grants=FIVE_FOR_EVERYONE))
    assert read.contracts.height == 100
    assert read.credit_grants.height == 500
    assert read.rate_overrides.height == 100 // books.NEGOTIATED_ONE_IN * (len(books.CARD) // 2)


@pytest.mark.parametrize("variant", [*features.VARIANTS, features.AGREED])
def test_the_books_of_newer_features_are_sound(tmp_path: Path, variant: str) -> None:
    read = load(features.write_variant(tmp_path / "books", Month(events=100, customers=60, seed=1), variant))
    assert read.meters.height == 10
    assert read.contracts.height == 60


def test_a_line_goes_through_both_sizes() -> None:
    assert Line.through((1_000_000, 5.0), (3_000_000, 9.0)) == Line(fixed=3.0, slope=2.0)
