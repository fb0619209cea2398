"""Several lots at once, with bids on the whole against bids on parts: the combination worth most wins, found exactly.

Up to twelve lots: every subset is a number below 4,096, and the best value of every subset is worked out one group of bids after
another (dynamic programming; the winner determination problem of combinatorial auctions, Rothkopf, Pekeč and Harstad 1998).
Bids that exclude each other stand in one group, of which at most one wins. Of combinations worth the same, the one whose latest bid
came earlier wins, then whose second latest, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine.values import Amount

LOTS_MAX: Final = 12
BIDS_MAX: Final = 500
"""More would hold up the other lots while the best combination is worked out."""


class PackageBid(Struct, frozen=True, kw_only=True):
    """So much for all of these lots together. Of the bids of one bidder in one `group` at most one wins; "" excludes nothing."""

    code: str
    seq: int
    lots: frozenset[str]
    amount: Amount
    group: str = ""


class PackagesCleared(Struct, frozen=True, kw_only=True):
    """The outcome: the winning bids in order of arrival, what they are worth together, and the lots nobody gets."""

    winners: tuple[PackageBid, ...]
    total: Amount
    unsold: frozenset[str]


_Value = tuple[int, int]
"""(worth, minus the lateness): greater is better. Lateness has bit `rank` set for the bid of that rank in order of arrival."""


def clear_packages(
    lots: Sequence[str], bids: Sequence[PackageBid], reserves: Mapping[str, Amount] | None = None
) -> PackagesCleared:
    """Return the combination of bids worth most, each lot sold at most once.

    Args:
        lots: Names of the lots, at most `LOTS_MAX`.
        bids: At most `BIDS_MAX`, each on at least one of the lots.
        reserves: The least for single lots; a bid counts if it reaches the sum of the reserves of its lots.
    """
    assert len(lots) <= LOTS_MAX and len(bids) <= BIDS_MAX, "terms bound both"
    floors = reserves or {}
    chosen = _best(lots, [bid for bid in bids if bid.amount >= sum(floors.get(lot, 0) for lot in bid.lots)])
    sold = frozenset(lot for bid in chosen for lot in bid.lots)
    return PackagesCleared(
        winners=tuple(chosen),
        total=Amount(sum(bid.amount for bid in chosen)),
        unsold=frozenset(lots) - sold,
    )


def worth_without(
    lots: Sequence[str], bids: Sequence[PackageBid], seq: int, reserves: Mapping[str, Amount] | None = None
) -> Amount:
    """Return what the best combination would be worth without the bid `seq`: why a winner won, for the page of the result."""
    return clear_packages(lots, [bid for bid in bids if bid.seq != seq], reserves).total


def _best(lots: Sequence[str], bids: Sequence[PackageBid]) -> list[PackageBid]:
    """Return the best combination, in order of arrival."""
    places = {lot: 1 << place for place, lot in enumerate(lots)}
    ranks = {bid.seq: rank for rank, bid in enumerate(sorted(bids, key=lambda bid: bid.seq))}
    full = (1 << len(lots)) - 1
    best: list[_Value] = [(0, 0)] * (
        full + 1
    )  # of each set of lots still to be had, what the groups so far can make of it
    taken: list[list[PackageBid | None]] = []
    for group in _groups(bids):
        following, took = list(best), list[PackageBid | None]([None]) * (full + 1)
        for bid in group:
            wanted = sum(places[lot] for lot in bid.lots)
            others, early = full ^ wanted, -(1 << ranks[bid.seq])
            rest = others
            while True:  # every set of the lots that this bid leaves, from all of them down to none
                worth, lateness = best[rest]
                value = (worth + bid.amount, lateness + early)
                if value > following[rest | wanted]:
                    following[rest | wanted], took[rest | wanted] = value, bid
                if rest == 0:
                    break
                rest = (rest - 1) & others
        best = following
        taken.append(took)
    chosen, mask = list[PackageBid](), full
    for took in reversed(taken):
        won = took[mask]
        if won is not None:
            chosen.append(won)
            mask ^= sum(places[lot] for lot in won.lots)
    return sorted(chosen, key=lambda bid: bid.seq)


def _groups(bids: Sequence[PackageBid]) -> list[list[PackageBid]]:
    """Return the bids that can win, by what excludes each other: of those on the same lots, the highest, then the earliest."""
    groups: dict[tuple[str, ...] | frozenset[str], dict[frozenset[str], PackageBid]] = {}
    for bid in sorted(bids, key=lambda bid: (-bid.amount, bid.seq)):
        key = (bid.code, bid.group) if bid.group else bid.lots
        groups.setdefault(key, {}).setdefault(bid.lots, bid)
    return [list(group.values()) for group in groups.values()]
