"""Words that tables hold, each once: what finance reads, what SQL is tested against, what pages explain.

dbt's `accepted_values` say the same; a test compares them.
"""

from __future__ import annotations

INVOICE_KINDS = ("initial", "period", "adjustment")  # in the order in which documents of a day are numbered
INVOICE_STATUSES = ("draft", "issued")
LINE_KINDS = (
    "usage",
    "base_fee",
    "flat",
    "maximum_spend",
    "minimum_commitment",
    "commitment_shortfall",
    "manual",
    "one_time",
    "prepaid_purchase",
)  # in their order
FEES = ("base_fee", "flat", "minimum_commitment", "commitment_shortfall")  # what grants that cover all pay beside usage
RATE_SOURCES = ("override", "rate_card", "fallback", "pricing")  # of usage lines
ENTRY_TYPES = ("grant", "adjustment", "reversal", "usage", "rollover", "expiration")  # of the credit ledger
DRAWN = ("usage", "reversal")  # entries that a line of a document moves
SPENT = (*DRAWN, "rollover")  # entries that leave an expiring grant with less, or with more, to expire
UNMATCHED = ("unknown_customer", "no_active_contract", "ambiguous_contract", "no_meter", "bad_quantity")
DISPOSITIONS = ("metered", "superseded", "voided", "withdrawn", "too_late", *UNMATCHED)  # of event versions
SETTLED = ("metered", "superseded", "voided", "withdrawn")  # of versions that nobody needs to look at
WINDOWED = ("sum", "count", "counter")  # aggregations kept per rating window; all others per plan interval
