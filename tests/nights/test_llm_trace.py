"""A public trace of LLM requests, billed: the lines are those of a plain loop over its rows. Skipped where the trace is not at hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.demo import sample_events
from tests.nights import warehouses
from tests.samples import llm_by_hand
from tests.scenarios import pipeline
from tests.scenarios.pipeline import marts

pytestmark = pytest.mark.skipif(
    not llm_by_hand.TRACE.is_file(),
    reason="AzureLLMInferenceTrace_conv.csv of the Azure public dataset is not here: set METERHOUSE_LLM_TRACE to its path",
)

BOOKS = Path(__file__).parents[1] / "samples" / "llm_books"
REQUESTS = 19_366
LINES = """
    select contract_id, meter_code, dimensions, quantity, amount
    from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id)
    where status = 'issued'
"""


def test_november_is_billed_as_by_hand(tmp_path: Path) -> None:
    inbox, warehouse = tmp_path / "inbox", tmp_path / "warehouse"
    sample_events.write_llm_requests(llm_by_hand.TRACE, inbox)
    pipeline.run(BOOKS, inbox, warehouse, "2023-12-04")

    said = {
        (line["contract_id"], line["meter_code"], json.loads(line["dimensions"])["daypart"]): (line["quantity"], line["amount"])
        for line in marts(warehouse, LINES)
    }
    assert said == llm_by_hand.november_lines()
    assert warehouses.dispositions(warehouse) == {"metered": REQUESTS}

    totals = marts(warehouse, "select sum(total)::decimal(38, 4) as total from marts.invoices where status = 'issued'")
    assert totals == [{"total": sum((amount for _, amount in llm_by_hand.november_lines().values()), Decimal(0))}]
