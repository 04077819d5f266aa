"""The stories, first told to the oracle and compared with what was reckoned by hand, then told to both."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.oracle.exact import decimal_of
from tests.oracle.oracle import Oracle
from tests.properties.test_kernel_agrees_with_the_oracle import disagreements
from tests.properties.told import STORIES, Story

TELL = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@TELL
def test_the_oracle_leaves_what_was_reckoned_by_hand(story: Story) -> None:
    oracle = Oracle()
    for run, expected in zip(story.scenario.runs, story.expects, strict=True):
        result = oracle.run(run.books, story.scenario.events, run.as_of, issue=run.issue)
        made = [i for i in result.invoices if i.status == "draft" or i.issued_at == run.as_of]
        totals = {f"{i.kind} {i.period_start.date()}": decimal_of(i.total, 4) for i in made}
        assert totals == {document: Decimal(total) for document, total in expected.items()}
    if story.ledger:
        posted = [(e.grant_id, e.type, decimal_of(e.amount, 4), decimal_of(e.balance_after, 4)) for e in oracle.memory.ledger]
        assert posted == [(grant, kind, Decimal(amount), Decimal(balance)) for grant, kind, amount, balance in story.ledger]


@TELL
def test_the_kernel_tells_the_same(story: Story) -> None:
    assert disagreements(story.scenario) == []
