"""The law of R-73: every line item and every watched value of a deal has exactly one fate, and lines = sum over fates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import polars as pl

from dagster_project.deals.drafting import FATES, line_point, watched_values
from dagster_project.deals.review import Review
from rating.books.models import Deals

COUNTS = {"deal": pl.String, "lines": pl.Int64, "watched": pl.Int64, **dict.fromkeys(FATES, pl.Int64)}


def faults(reviews: Iterable[Review], deals: Deals) -> list[str]:
    """A sentence for every line or watched value that has no fate or several, and for every fate that belongs to nothing."""
    return [fault for review in reviews for fault in _faults(review, deals)]


def _faults(review: Review, deals: Deals) -> Iterator[str]:
    if review.draft is None:
        return
    rows, found = review.proposal.deal, Counter(one.point for one in review.draft.fates)
    wanted = [*(line_point(line) for line in rows.lines), *(point for point, _, _ in watched_values(rows, deals))]
    for point in dict.fromkeys(wanted):
        if found[point] != 1:
            yield f"{review.proposal.id}: {point} has {found[point]} fates, and exactly one is due."
    for point in sorted(set(found) - set(wanted)):
        yield f"{review.proposal.id}: {point} has a fate, and there is no such line or watched value."
    for one in review.draft.fates:
        if one.fate not in FATES:
            yield f"{review.proposal.id}: {one.point} is {one.fate}, which is no fate."


def counted(reviews: Iterable[Review], deals: Deals) -> pl.DataFrame:
    """COUNTS: of each deal how many line items and watched values it has, and how many have each fate."""
    rows = []
    for review in reviews:
        if review.draft is None:
            continue
        held, fates = review.proposal.deal, Counter(one.fate for one in review.draft.fates)
        watched = {point for point, _, _ in watched_values(held, deals)}
        counts = {"deal": review.proposal.id, "lines": len(held.lines), "watched": len(watched)}
        rows.append(counts | {fate: fates[fate] for fate in FATES})
    return pl.DataFrame(rows, COUNTS, orient="row")


def does_not_tie(counts: pl.DataFrame) -> pl.DataFrame:
    """The deals of `counted` whose lines and watched values are not the sum over fates."""
    return counts.filter(pl.col("lines") + pl.col("watched") != pl.sum_horizontal(*FATES))
