"""Large mappings and lists that change a little at a time: what is new lies on top of what is shared with those before; and such as are
made where somebody asks for them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from itertools import chain
from typing import TypeVar, cast, overload

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST_ON_TOP = 1_000


def with_more(before: Mapping[Key, Value], more: Mapping[Key, Value]) -> MutableMapping[Key, Value]:
    """Another mapping that has more, or other values of the same keys; in the order in which keys came first.

    before: one that nobody changes any more.
    """
    if not isinstance(before, ChainMap):
        return ChainMap({**more}, cast(MutableMapping[Key, Value], before))
    *between, below = before.maps
    if not between:
        return ChainMap({**more}, below)
    top, *between = between
    if len(top) < MOST_ON_TOP:
        return ChainMap({**top, **more}, *between, below)
    return ChainMap({**more}, {**(between[0] if between else {}), **top}, below)


def flat(layers: Mapping[Key, Value]) -> dict[Key, Value]:
    """As one dict, to go over all of it."""
    if not isinstance(layers, ChainMap):
        return {**layers}
    found: dict[Key, Value] = {}
    for layer in reversed(layers.maps):
        found.update(layer)
    return found


class MadeWhereAsked(Mapping[Key, Value]):
    """A mapping whose values are made where somebody asks for them, and not kept."""

    def __init__(self, places: Mapping[Key, int], made: Callable[[int], Value]) -> None:
        """places: a number for each key, of which its value is made."""
        self._places, self.made = places, made

    def __getitem__(self, key: Key) -> Value:
        return self.made(self._places[key])

    def some(self, keys: Collection[Key]) -> list[Value]:
        """Of these keys, as far as they are here, in the order of all."""
        return [self.made(place) for place in sorted(self._places[key] for key in keys if key in self._places)]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[Key]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Without(Mapping[Key, Value]):
    """A mapping without some of its keys."""

    def __init__(self, before: Mapping[Key, Value], gone: Collection[Key]) -> None:
        self._before, self._gone = before, frozenset(gone)

    def __getitem__(self, key: Key) -> Value:
        if key in self._gone:
            raise KeyError(key)
        return self._before[key]

    def __contains__(self, key: object) -> bool:
        return key not in self._gone and key in self._before

    def __iter__(self) -> Iterator[Key]:
        return (key for key in self._before if key not in self._gone)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Beside(Mapping[Key, Value]):
    """A mapping, and after it what another one has beside it."""

    def __init__(self, first: Mapping[Key, Value], second: Mapping[Key, Value]) -> None:
        self._first, self._second = first, second

    def __getitem__(self, key: Key) -> Value:
        return self._first[key] if key in self._first else self._second[key]

    def __contains__(self, key: object) -> bool:
        return key in self._first or key in self._second

    def __iter__(self) -> Iterator[Key]:
        return chain(self._first, (key for key in self._second if key not in self._first))

    def __len__(self) -> int:
        return len(self._first) + sum(key not in self._first for key in self._second)


class ListMadeWhereAsked(Sequence[Value]):
    """A list whose values are made where somebody asks for them, and not kept."""

    def __init__(self, length: int, made: Callable[[int], Value]) -> None:
        self._length, self._made = length, made

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Value: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...

    def __getitem__(self, index: int | slice) -> Value | Sequence[Value]:
        found = range(self._length)[index]
        return self._made(found) if isinstance(found, int) else [self._made(one) for one in found]
