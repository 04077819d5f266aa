"""Large mappings that change a little at a time: what is new lies on top of what is shared with those before."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST_ON_TOP = 1_000


def with_more(before: Mapping[Key, Value], more: Mapping[Key, Value]) -> MutableMapping[Key, Value]:
    """Another mapping that has more, or other values of the same keys; in the order in which keys came first."""
    if isinstance(before, ChainMap) and len(before.maps) == 2 and len(before.maps[0]) < MOST_ON_TOP:
        top, below = before.maps
        return ChainMap({**top, **more}, below)
    return ChainMap({**more}, {**before})
