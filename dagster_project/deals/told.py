"""A review as data: what `desk show --json` prints and pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from dagster_project.deals.review import Review


def summary(review: Review, state: str) -> dict[str, Any]:
    """A proposal in a list."""
    draft, proposal = review.draft, review.proposal
    return {
        "id": proposal.id,
        "state": state,
        "name": proposal.change.get("name") if draft is None else draft.name,
        "kind": "change" if draft is None else draft.kind,
        "customer": None if draft is None else draft.customer,
        "contract": None if draft is None else draft.contract,
        "amount": None if draft is None else draft.amount,
        "currency": None if draft is None else draft.currency,
        "openPoints": [{"point": point, "message": says} for point, says in review.open_points],
        "drifted": proposal.has_drifted,
    }


def as_data(review: Review, state: str) -> dict[str, Any]:
    """A review as data."""
    draft = review.draft
    return {
        **summary(review, state),
        "terms": [dict(term) for term in review.terms],
        "fates": [] if draft is None else [asdict(fate) for fate in draft.fates],
        "problems": list(review.problems),
        "difference": review.difference,
        "files": [] if review.change is None else sorted(review.change.files),
        "simulated": None if review.simulated is None else _plain(asdict(review.simulated)),
        "tieOut": _plain(dict(review.tie_out)),
        "history": [
            {"act": one.act, "at": f"{one.at:%Y-%m-%dT%H:%M:%SZ}", "by": one.by, "because": one.because}
            for one in review.proposal.history
        ],
        "reviewHash": review.hash,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return f"{value:f}" if isinstance(value, Decimal) else value
