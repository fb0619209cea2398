"""The floors below which no unit's policy may go: versioned data with source and confidence (data/floors.json). Pure arithmetic on them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from settlement.deals.fees import ALL_BPS

FILE: Final = Path(__file__).parent / "data" / "floors.json"


class Floor(Struct, frozen=True):
    """One floor."""

    value: int
    source: str
    confidence: str


class Floors(Struct, frozen=True):
    """What is in force."""

    title: str
    version: str
    source: str
    reward_bps: Floor
    main_bps: Floor
    equity_bps: Floor
    own_profit_bps: Floor
    publicity_days: Floor


@cache
def floors() -> Floors:
    """Return the floors in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=Floors)


def at_least(whole: int, bps: int) -> int:
    """Return the least whole number that is a share of `bps` or more: a floor is rounded up."""
    return -(-whole * bps // ALL_BPS)
