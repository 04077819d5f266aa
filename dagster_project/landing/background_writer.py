"""Steps side by side: the next item of an iterator is made while the last one is in use; what is finished is put away behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, Self, TypeVar

Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")

_UNDER_WAY_MAX: Final = 4


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; what making them raises is raised here."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-ahead") as worker:
        end = object()
        coming = worker.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = worker.submit(next, items, end)
            yield item  # type: ignore[misc]  # the end is no item


class BackgroundWriter:
    """Work that is done in order by a thread of its own. What it raises is raised by a later call here."""

    def __enter__(self) -> Self:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background-writer")
        self._under_way: deque[Future[Any]] = deque()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(cancel_futures=True)

    def do(self, work: Callable[Arguments, object], *arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        """Have something done; waits where too much is still under way."""
        self._under_way.append(self._worker.submit(work, *arguments, **named))
        while len(self._under_way) > _UNDER_WAY_MAX:
            self._under_way.popleft().result()

    def finish(self) -> None:
        """Wait until all is done."""
        while self._under_way:
            self._under_way.popleft().result()
