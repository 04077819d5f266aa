"""Which time zones there are."""

from __future__ import annotations

import functools
import zoneinfo

# names that the time zone database holds for its own use
_NO_PLACES = frozenset({"Factory", "localtime"})


@functools.cache
def known_zones() -> frozenset[str]:
    """Names of all IANA time zones."""
    return frozenset(zoneinfo.available_timezones() - _NO_PLACES)
