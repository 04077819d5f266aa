"""Advice costs no money: no mistake is answered with another number, an approval, or a zone that moves midnight (SPEC 9a)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from rating.books import load
from rating.books.values import as_decimal

CATALOGUE, AGREEMENTS = "catalogue.yml", "agreements.yaml"

# what is written -> every number it can stand for, and no other
MEANT = {
    "4,00": ["4.00"],
    "0,50": ["0.50"],
    "0,5": ["0.5"],
    "0,500": ["0.500"],
    "0,03342": ["0.03342"],
    "-0,5": ["-0.5"],
    "12,5": ["12.5"],
    "1250,75": ["1250.75"],
    "1250,750": ["1250.750"],
    "1,250": ["1250", "1.250"],
    "-1,250": ["-1250", "-1.250"],
    "1,000.50": ["1000.50"],
    "1,000,000": ["1000000"],
    "1.250,50": ["1250.50"],
    "1.000.000,5": ["1000000.5"],
    "1 250": ["1250"],
    "1 250,50": ["1250.50"],
    "1\u00a0250,50": ["1250.50"],
    "1'250.50": ["1250.50"],
    "1_000": ["1000"],
    "007": ["7"],
}
# what is no number, or could be too many
NOTHING_MEANT = ["€4.00", "4.00 EUR", "2.9%", "1,25,000", "1.000.000", "4,0,0", "1 25", "0x10", "1,", ",5", "four", "", "1e400"]


def advice(text: str) -> str:
    with pytest.raises(PydanticCustomError) as refused:
        as_decimal(text)
    return str(refused.value.context["fix"])  # type: ignore[index]


@pytest.mark.parametrize("text", MEANT)
def test_a_number_with_separators_is_answered_with_what_it_can_stand_for(text: str) -> None:
    assert re.findall(r'"([^"]+)"', advice(text)) == MEANT[text]


@pytest.mark.parametrize("text", NOTHING_MEANT)
def test_no_number_is_proposed_for_what_is_none(text: str) -> None:
    assert re.findall(r'"([^"]+)"', advice(text)) == ["4.00"], "the example of a plain number, and nothing else"


def said(good: Path, problems_of: Callable[[Path], list[str]], file: str, old: str, new: str) -> str:
    path = good / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return "\n".join(problems_of(good))


@pytest.mark.parametrize(
    ("zone", "proposed"),
    [
        ("UTC+2", "`Etc/GMT-2`"),
        ("GMT-5", "`Etc/GMT+5`"),
        ("utc+02:00", "`Etc/GMT-2`"),
        ("America/NewYork", "`America/New_York`"),
        ("america/new_york", "`America/New_York`"),
    ],
)
def test_a_zone_is_answered_with_what_keeps_its_midnight(
    good: Path, problems_of: Callable[[Path], list[str]], zone: str, proposed: str
) -> None:
    sentence = said(good, problems_of, AGREEMENTS, "timezone: America/New_York", f"timezone: {zone}")
    assert proposed in sentence
    assert "Write `UTC`" not in sentence


@pytest.mark.parametrize("zone", ["EST5", "CEST", "Eastern Time", "UTC+2:30"])
def test_a_zone_that_could_be_many_is_answered_with_a_place(
    good: Path, problems_of: Callable[[Path], list[str]], zone: str
) -> None:
    sentence = said(good, problems_of, AGREEMENTS, "timezone: America/New_York", f"timezone: {zone}")
    assert "Write the place whose days are billed" in sentence


@pytest.mark.parametrize("status", ["", "  status: aproved\n", "  status: active\n", "  status: Approved\n"])
def test_an_approval_is_never_proposed(good: Path, problems_of: Callable[[Path], list[str]], status: str) -> None:
    sentence = said(good, problems_of, AGREEMENTS, "  status: approved\n", status)
    assert "`draft`" in sentence
    assert "Write `approved`" not in sentence
    assert "did you mean" not in sentence


def test_a_word_that_is_not_possible_is_answered_with_all_that_are(
    good: Path, problems_of: Callable[[Path], list[str]]
) -> None:
    sentence = said(good, problems_of, CATALOGUE, "aggregation: max", "aggregation: gauge")
    assert (
        "Write one of `sum`, `count`, `max`, `min`, `unique`, `latest`, `average`, `percentile`, `level`, `counter`" in sentence
    )


@pytest.mark.parametrize("key", ["kind", "amount"])
def test_what_decides_money_is_not_given_as_an_example(good: Path, problems_of: Callable[[Path], list[str]], key: str) -> None:
    path = good / AGREEMENTS
    path.write_text(
        path.read_text() + f"- {{id: new, contract: tokyo-1, {'amount: 5' if key == 'kind' else 'kind: promotional'}}}\n"
    )
    sentence = "\n".join(problems_of(good))
    assert f"Add `{key}`" in sentence or key == "amount"
    assert "99.00" not in sentence


ODD = """
settings: {currency: USD}
meters: [{code: M, event_name: e, aggregation: sum, aggregation_key: n, group_keys: [model]}]
rate_cards: [{code: C, meter: M, entries: [%s]}]
pricings: [{code: P, model: per_unit, meter: M, rate_card: C, fallback_rate: "9"}]
plans: [{code: p, pricings: [P]}]
customers: [{id: c}]
contracts:
- {id: k, customer: c, plan: p, start_date: 2026-01-01, status: approved,
   rate_overrides: [{meter: M, dimensions: {model: "%s"}, rate: "1"}]}
"""


def _warnings(folder: Path, values: list[str], overridden: str) -> tuple[str, ...]:
    entries = ", ".join(f'{{dimensions: {{model: "{value}"}}, rate: "1"}}' for value in values)
    (folder / "books.yml").write_text(ODD % (entries, overridden), encoding="utf-8")
    return load(folder).warnings


def test_values_that_events_hardly_say_deserve_a_look(tmp_path: Path) -> None:
    assert _warnings(tmp_path, ["gpt-4", "*", "1.5", "v1.0", "caf\u00e9"], "gpt-4") == ()
    found = _warnings(tmp_path, ["gpt-4", "44*", "US ", "1.0", "cafe\u0301"], "GPT4")
    assert [sentence.split(": ", 1)[1] for sentence in found] == [
        "`model` is `44*` to the letter; only a `*` alone stands for any value.",
        "`model` is `US `, with blanks that events hardly say.",
        "`model` is the text `1.0`; the number 1.0 of an event is `1`.",
        "`model` is `cafe\u0301` in decomposed Unicode, which looks like what events say and is not equal.",
        "`GPT4` is no value of `model` on the card, which has `gpt-4`.",
    ]


def test_many_odd_values_of_one_kind_are_few_sentences(tmp_path: Path) -> None:
    found = _warnings(tmp_path, [f"{n}*" for n in range(300)], "x")
    assert len(found) == 6
    assert found[-1].startswith("295 more values are like this one: ")
