"""Steps side by side: the next item of an iterator is made while the last one is in use; what is finished is put away behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Self, TypeVar

Item = TypeVar("Item")

_UNDER_WAY_MAX: Final = 4


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; what making them raises is raised here."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-ahead") as worker:
        end = object()
        coming = worker.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = worker.submit(next, items, end)
            yield item  # type: ignore[misc]  # the end is no item


class InOrder:
    """Work that threads do side by side, and whose results are taken in order. What it raises is raised by a later call here."""

    def __init__(self, threads: int, ahead: int) -> None:
        """ahead: how much may be under way before somebody waits for the first of it."""
        self._threads, self._ahead = threads, ahead

    def __enter__(self) -> Self:
        self._workers = ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix=type(self).__name__)
        self._under_way: deque[tuple[Future[Any], Callable[[Any], object] | None]] = deque()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(cancel_futures=True)

    def do(self, work: Callable[..., Any], *arguments: Any, then: Callable[[Any], object] | None = None) -> None:
        """Have something done, and its result taken by `then`; waits where too much is still under way."""
        self._under_way.append((self._workers.submit(work, *arguments), then))
        while len(self._under_way) > self._ahead:
            self._take_first()

    def finish(self) -> None:
        """Wait until all is done and taken."""
        while self._under_way:
            self._take_first()

    def _take_first(self) -> None:
        result, then = self._under_way.popleft()
        if then is None:
            result.result()
        else:
            then(result.result())


class BackgroundWriter(InOrder):
    """Work that is done in order by a thread of its own."""

    def __init__(self) -> None:
        super().__init__(threads=1, ahead=_UNDER_WAY_MAX)
