"""Deals as finance reads them: marts.deals and marts.deal_terms, up to a run's as_of."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from dagster_project.deals import proposals
from dagster_project.deals.proposals import Proposal
from dagster_project.deals.review import Review, listed
from dagster_project.deals.values import amount
from dagster_project.pipeline.dimensions import DEAL_TERMS, DEALS
from dagster_project.pipeline.run import Run
from dagster_project.register.place import existing_register


def deal_tables(run: Run) -> dict[str, pl.DataFrame]:
    """DEALS and DEAL_TERMS by name, of the run's books and of what the register says up to its as_of."""
    location = run.register or existing_register(run.warehouse)
    if location is None or run.books.deals is None:
        return {table.name: table.empty() for table in (DEALS, DEAL_TERMS)}
    from dagster_project.register import records, store

    engine = store.opened(location)
    try:
        found = proposals.fold(records.every(engine, run.as_of, of=proposals.KIND))
    finally:
        engine.dispose()
    known = frozenset(run.books.contracts.get_column("contract_id"))
    reviews = [listed(one, run.books) for one in found.values() if one.rows]
    return {
        DEALS.name: DEALS.frame([_deal(review, known) for review in reviews]),
        DEAL_TERMS.name: DEAL_TERMS.frame([row for review in reviews for row in _terms(review)]),
    }


def _deal(review: Review, contracts: frozenset[str]) -> dict[str, Any]:
    draft, proposal = review.draft, review.proposal
    assert draft is not None
    decided = next((one for one in proposal.history if one.act == "approved"), None)
    return {
        "proposal_id": proposal.id,
        "opportunity": draft.opportunity,
        "name": draft.name,
        "kind": draft.kind,
        "state": _state(proposal, contracts),
        "customer_id": draft.customer,
        "contract_id": draft.contract,
        "amount": amount(draft.amount),
        "committed": amount(proposal.approved.get("committed")),
        "currency": draft.currency,
        "closed_on": _day(proposal.rows["opportunity"][draft.opportunity].get("closedate")),
        "open_points": len(review.open_points),
        "has_drifted": proposal.has_drifted,
        "approved_by": None if decided is None else decided.by,
        "approved_at": None if decided is None else decided.at,
    }


def _state(proposal: Proposal, contracts: frozenset[str]) -> str:
    """As of this run: what it bills by is billing."""
    is_used = proposal.state == "applied" and proposal.approved.get("contract") in contracts
    return "billing" if is_used else proposal.state


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _terms(review: Review) -> list[dict[str, Any]]:
    assert review.draft is not None
    return [
        {
            "proposal_id": review.proposal.id,
            "term": one.name,
            "value": one.value,
            **{name: one.source.get(name) for name in ("object", "record", "field", "raw", "because")},
            "set_by": one.source.get("by"),
        }
        for one in review.draft.terms
    ]
