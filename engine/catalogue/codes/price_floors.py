"""Least prices that follow from a valuation (底价下限): data with source, shown beside a price so that nobody meets them too late."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

from engine.catalogue.codes.tables import DATA, Confidence
from engine.values import Amount

FILE: Final = DATA / "price_floors.json"
ALL_BPS: Final = 10_000


class FloorRule(Struct, frozen=True, kw_only=True):
    """One rule: a share of the valuation, or of the floor named by `of`."""

    code: str
    zh: str
    en: str
    of: str
    share_bps: int
    source: str
    confidence: Confidence

    def name(self, language: str) -> str:
        """Return the name in `zh` or `en`."""
        return self.en if language == "en" else self.zh


class Floor(Struct, frozen=True):
    """What a rule comes to for a valuation, in fen, rounded up: below it the rule is not kept."""

    rule: FloorRule
    least_fen: Amount


class _Table(Struct, frozen=True):
    title: str
    version: str
    source: str
    rows: tuple[FloorRule, ...]


def price_floors(valuation_fen: Amount) -> tuple[Floor, ...]:
    """Return what every rule comes to for a valuation, in the order of the data."""
    found: dict[str, Floor] = {}
    for rule in _table().rows:
        base = found[rule.of].least_fen if rule.of else valuation_fen
        found[rule.code] = Floor(rule, Amount(-(-base * rule.share_bps // ALL_BPS)))
    return tuple(found.values())


@cache
def _table() -> _Table:
    return msgspec.json.decode(FILE.read_bytes(), type=_Table)
