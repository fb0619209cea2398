"""Bidder codes (竞买代码): what everybody sees instead of a name until the end."""

from __future__ import annotations


def code_for(admitted: int, seed: int) -> str:
    """Return the code of the bidder admitted after `admitted` others: three digits for the first 900, then four, then six.

    Codes of one lot never repeat and do not count up in order of admission (the strides are coprime to the ranges).
    """
    for first, width, stride, low in (
        (0, 900, 389, 100),
        (900, 9_000, 4_001, 1_000),
        (9_900, 900_000, 389_171, 100_000),
    ):
        if admitted < first + width:
            return str((seed + (admitted - first) * stride) % width + low)
    return str(admitted + 1_000_000)
