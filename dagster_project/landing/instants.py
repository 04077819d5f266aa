"""Times of the one form that most programs write, `2026-01-05T14:00:00.123456Z`, read many at a time.

What belongs here: that form, with any number of decimals up to six. What does not: other forms, which DuckDB reads (`reading`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dagster_project.landing.stretches import Bytes, Mask, Places

TEXT_BYTES_MAX: Final = 32  # the bytes that are looked at from each start on

_SHORTEST, _DECIMALS_FROM, _DECIMALS_MAX = len("2026-01-05T14:00:00Z"), len("2026-01-05T14:00:00."), 6
_DIGITS: Final = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_SIGNS: Final = {4: b"-", 7: b"-", 13: b":", 16: b":"}
_YEARS: Final = np.arange(10_000)
_IS_LEAP: Final = ((_YEARS % 4 == 0) & (_YEARS % 100 != 0)) | (_YEARS % 400 == 0)
_DAYS_IN: Final = np.array([[0, 31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] for leap in (0, 1)], dtype=np.int32)
_MONTHS: Final = _DAYS_IN.shape[1]
_DAYS_BEFORE_MONTH: Final = np.cumsum(_DAYS_IN, axis=1, dtype=np.int32) - _DAYS_IN
_DAYS_BEFORE_YEAR: Final = (np.cumsum(365 + _IS_LEAP) - 365 - _IS_LEAP - 719_528).astype(np.int32)  # counted from 1970


def read_instants(text: Bytes, start: Places, end: Places) -> tuple[NDArray[np.int64], Mask]:
    """Microseconds since 1970 of the times from starts to ends, and which of these are times of the form at all."""
    length = end - start
    there = np.ndarray((len(text) - TEXT_BYTES_MAX + 1,), f"V{TEXT_BYTES_MAX}", text, strides=(1,))[start]
    place = np.ascontiguousarray(there.view(np.uint8).reshape(-1, TEXT_BYTES_MAX).T)  # a row for each place in the texts
    digit = place - np.uint8(ord("0"))  # what is none becomes large
    decimals = length - _DECIMALS_FROM - 1
    is_time: Mask = (digit[_DIGITS] <= 9).all(axis=0) & (text[end - 1] == ord("Z")) & (decimals <= _DECIMALS_MAX)
    is_time &= ((place[10] == ord("T")) | (place[10] == ord(" "))) & (
        (length == _SHORTEST) | ((place[19] == ord(".")) & (decimals > 0))
    )
    for at, sign in _SIGNS.items():
        is_time &= place[at] == ord(sign)
    micros = np.zeros(len(start), dtype=np.int32)
    for number in range(_DECIMALS_MAX):
        is_there = decimals > number
        is_time &= (digit[_DECIMALS_FROM + number] <= 9) | ~is_there
        micros = micros * 10 + digit[_DECIMALS_FROM + number] * is_there
    year = _number(digit, 0, 1, 2, 3) % 10_000
    month, day, hour, minute, second = (_number(digit, at, at + 1) for at in (5, 8, 11, 14, 17))
    month_of_kind = np.minimum(month, 12) + _IS_LEAP.take(year) * _MONTHS
    is_time &= (year > 0) & (month > 0) & (month <= 12) & (day > 0) & (day <= _DAYS_IN.take(month_of_kind))
    is_time &= (hour < 24) & (minute < 60) & (second < 60)
    days = _DAYS_BEFORE_YEAR.take(year) + _DAYS_BEFORE_MONTH.take(month_of_kind) + day - 1
    seconds = days.astype(np.int64) * 86_400 + (hour * 3_600 + minute * 60 + second)
    return seconds * 1_000_000 + micros, is_time


def _number(digit: Bytes, *places: int) -> NDArray[np.int32]:
    found: NDArray[np.int32] = digit[places[0]].astype(np.int32)
    for place in places[1:]:
        found = found * 10 + digit[place]
    return found
