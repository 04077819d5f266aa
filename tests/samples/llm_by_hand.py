"""The LLM trace worked out by hand: a plain loop over its rows, with the prices of llm_books written out here."""

from __future__ import annotations

import csv
import os
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

TRACE = Path(os.environ.get("METERHOUSE_LLM_TRACE") or Path(__file__).parents[3] / "shared/data/azure_llm_conv_2023.csv")

# (meter, daypart) -> price of a thousand tokens; off-peak output has no entry on its card and takes the fallback
PRICES = {
    ("INPUT_TOKENS", "peak"): Decimal("0.0031"),
    ("INPUT_TOKENS", "off_peak"): Decimal("0.00217"),
    ("OUTPUT_TOKENS", "peak"): Decimal("0.0153"),
    ("OUTPUT_TOKENS", "off_peak"): Decimal("0.0119"),
}
SUPPORT_DESK_OUTPUT_AT_PEAK = Decimal("0.01377")

Lines = dict[tuple[str, str, str], tuple[Decimal, Decimal]]


def november_lines() -> Lines:
    """(contract, meter, daypart) -> quantity and amount of the usage line of November 2023."""
    tokens: Counter[tuple[str, str, str]] = Counter()
    with TRACE.open(encoding="utf-8", newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), start=1):
            contract = "chat-app-2023" if number % 2 else "support-desk-2023"
            hour = int(row["TIMESTAMP"][11:13])
            daypart = "peak" if 8 <= hour < 19 else "off_peak"
            tokens[contract, "INPUT_TOKENS", daypart] += int(row["ContextTokens"])
            tokens[contract, "OUTPUT_TOKENS", daypart] += int(row["GeneratedTokens"])
    return {key: (Decimal(count), _amount(*key, count)) for key, count in tokens.items()}


def _amount(contract: str, meter: str, daypart: str, count: int) -> Decimal:
    price = PRICES[meter, daypart]
    if (contract, meter, daypart) == ("support-desk-2023", "OUTPUT_TOKENS", "peak"):
        price = SUPPORT_DESK_OUTPUT_AT_PEAK
    return (count * price / 1000).quantize(Decimal("0.01"), ROUND_HALF_UP)
