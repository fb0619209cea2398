"""What may follow a session without a sale: a second round at a cut price, then a sell-off (变卖). 网络司法拍卖规定 art. 26.

The cut and the number of rounds are terms of the first session; without them there is one further round at most 20 % lower.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.values import Amount

BPS: Final = 10_000
CUT_MAX_BPS: Final = 2_000
"""The most that a start price may fall from one round to the next: art. 26."""


class RoundRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a lot may be put up again, and at how much less."""

    rounds_max: int = 2
    cut_max_bps: int = CUT_MAX_BPS
    sell_off: bool = False
    """After the last round the lot may be sold at its last start price to the first who takes it."""


def least_start(rules: RoundRules, previous_start: Amount) -> Amount:
    """Return the least start price of the next round, rounded up to the minor unit."""
    return Amount(-(-previous_start * (BPS - min(rules.cut_max_bps, CUT_MAX_BPS)) // BPS))


def may_sell_off(rules: RoundRules, round_no: int) -> bool:
    """Tell whether the lot may be sold off (变卖) after the round of this number, the last, ended without a sale."""
    return rules.sell_off and round_no == rules.rounds_max


def may_follow(rules: RoundRules, round_no: int) -> bool:
    """Tell whether a round may follow the one of this number (the first is 1)."""
    return round_no < rules.rounds_max
