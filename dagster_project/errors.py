"""What a person can put right: said in sentences, never as a stack trace (law 10).

What belongs here: telling a person's mistake from a programmer's. What does not: finding either.
"""

from __future__ import annotations

from rating.arithmetic.exact import AmountOverflow
from rating.books import BooksError


class UserError(Exception):
    """Something only a person can put right; each sentence says what, where and what to do."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


class Interrupted(Exception):
    """Somebody stopped a run at the terminal; the sentence says what now."""


def sentences_of(error: BaseException | None) -> tuple[str, ...]:
    """The sentences of a person's mistake, looked for along the chain of causes; empty for anything else."""
    while error is not None:
        if isinstance(error, UserError):
            return error.sentences
        if isinstance(error, BooksError):
            return tuple(str(problem) for problem in error.problems)
        if isinstance(error, AmountOverflow):
            return (str(error),)
        error = error.__cause__ or error.__context__
    return ()
