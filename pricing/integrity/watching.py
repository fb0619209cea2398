"""Cases for people out of the market's outcomes: who sells too low together, who always loses for one seller, who comes in pairs,
who gives way to whom, whose bids lie too close, who is tied to whom.

Every case carries the rows it rests on and waits for a reviewer; a p-value is the chance of the pattern by accident, not of guilt.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import combinations
from typing import Any, Final

from msgspec import Struct

from pricing.integrity.across import always_loses, discoveries, larger, together
from pricing.integrity.fairness import rolling
from pricing.integrity.links import Shared, ties
from pricing.observations import Observed

PAIR_DEALS_MIN: Final = 3
MET_MIN: Final = 4
LOTS_MIN: Final = 8
PARTIES_A_LOT_MAX: Final = 60
WIN_RATE: Final = 0.3
ROWS_SHOWN: Final = 20
BIDS_MIN: Final = 3
GAVE_UP: Final = 5.0
"""Log distance that stands for having dropped out: beyond any bid."""


class Suspicion(Struct, frozen=True, kw_only=True):
    """One case before it is stored."""

    id: str
    screen: str
    subjects: tuple[str, ...]
    p_value: float
    evidence: tuple[Mapping[str, Any], ...]
    listed: bool = False


def suspicions(
    observed: Sequence[Observed], z: Mapping[int, float], shared: Sequence[Shared] = (), parties: int = 0
) -> tuple[Suspicion, ...]:
    """Return every pattern that was tested, with which of them go to people.

    Args:
        observed: Outcomes of the market.
        z: By place in the snapshot, how far each price stood from its forecast, in sds.
        shared: What parties have in common.
        parties: How many parties have a network on record.
    """
    tested = [
        *_low_prices(observed, z), *_in_pairs(observed), *_losers(observed), *_giving_way(observed), *_close_bids(observed),
    ]  # fmt: skip
    tied = [_case("linked", one.pair, one.p_value, one.rows) for one in ties(observed, shared, parties)]
    found = [*tested, *tied]
    chosen = (*discoveries([one.p_value for one in tested]), *discoveries([one.p_value for one in tied]))
    return tuple(
        Suspicion(
            id=one.id, screen=one.screen, subjects=one.subjects, p_value=one.p_value, evidence=one.evidence, listed=listed
        )
        for one, listed in zip(found, chosen, strict=True)
    )  # fmt: skip


def _low_prices(observed: Sequence[Observed], z: Mapping[int, float]) -> list[Suspicion]:
    """Test whether the deals of one seller with one buyer are low together."""
    pairs: dict[tuple[str, str], list[Observed]] = defaultdict(list)
    for one in observed:
        o = one.observation
        if o.sold and o.seller and o.buyer and one.seq in z:
            pairs[(o.seller, o.buyer)].append(one)
    found = []
    for pair, deals in sorted(pairs.items()):
        if len(deals) < PAIR_DEALS_MIN:
            continue
        test = rolling([z[one.seq] for one in deals])
        rows = tuple(
            {"ref": one.ref, "price_fen": str(one.observation.price_fen), "z": z[one.seq]} for one in deals[:ROWS_SHOWN]
        )
        found.append(_case("low_prices", pair, test.p_value, rows))
    return found


def _in_pairs(observed: Sequence[Observed]) -> list[Suspicion]:
    """Test whether two parties come to the same lots more often than chance."""
    lots = [
        (one.ref, one.observation.parties) for one in observed if 2 <= len(one.observation.parties) <= PARTIES_A_LOT_MAX
    ]
    if len(lots) < LOTS_MIN:
        return []
    seen = Counter(party for _, parties in lots for party in parties)
    met: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref, parties in lots:
        for pair in combinations(sorted(set(parties)), 2):
            met[pair].append(ref)
    return [
        _case(
            "in_pairs", pair, together(len(lots), seen[pair[0]], seen[pair[1]], len(refs)),
            tuple({"ref": ref} for ref in refs[:ROWS_SHOWN]),
        )
        for pair, refs in sorted(met.items())
        if len(refs) >= MET_MIN
    ]  # fmt: skip


def _losers(observed: Sequence[Observed]) -> list[Suspicion]:
    """Test whether somebody takes part in one seller's lots without ever winning one; weak alone."""
    lots: dict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
    for one in observed:
        o = one.observation
        if o.sold and o.seller:
            for party in set(o.parties):
                lots[(o.seller, party)].append((one.ref, party == o.buyer))
    found = []
    for pair, rows in sorted(lots.items()):
        losses = sum(not won for _, won in rows)
        if len(rows) >= LOTS_MIN and losses == len(rows):
            evidence = tuple({"ref": ref} for ref, _ in rows[:ROWS_SHOWN])
            found.append(_case("always_loses", pair, always_loses(losses, len(rows), WIN_RATE), evidence))
    return found


def _giving_way(observed: Sequence[Observed]) -> list[Suspicion]:
    """Test whether somebody stops far earlier where one certain party wins than where others do; who dropped out stopped at once."""
    lots: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for one in observed:
        o = one.observation
        if not o.sold or not o.buyer:
            continue
        short = {
            party: math.log(o.price_fen / fen) for party, fen in zip(o.droppers, o.dropped_fen, strict=False) if fen > 0
        }
        short.update({party: GAVE_UP for party in o.withdrawn if party != o.buyer})
        for party, gap in short.items():
            lots[party].append((o.buyer, one.ref, gap))
    found = []
    for party, rows in sorted(lots.items()):
        for winner in sorted({buyer for buyer, _, _ in rows}):
            before, others = [r for r in rows if r[0] == winner], [gap for buyer, _, gap in rows if buyer != winner]
            if len(before) < MET_MIN or len(others) < MET_MIN:
                continue
            evidence = tuple({"ref": ref, "short": gap} for _, ref, gap in before[:ROWS_SHOWN])
            found.append(_case("gives_way", (party, winner), larger([gap for _, _, gap in before], others), evidence))
    return found


def _close_bids(observed: Sequence[Observed]) -> list[Suspicion]:
    """Test whether bids lie closer together where two parties meet: cover bids stay near one another and near the winner's."""
    spreads: list[tuple[str, frozenset[str], float]] = []
    for one in observed:
        o = one.observation
        bids = [math.log(fen) for fen in (o.price_fen, *o.dropped_fen) if fen > 0]
        if o.sold and len(bids) >= BIDS_MIN:
            middle = sum(bids) / len(bids)
            spread = math.sqrt(sum((bid - middle) ** 2 for bid in bids) / (len(bids) - 1))
            spreads.append((one.ref, frozenset((o.buyer, *o.droppers)), spread))
    met: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, (_, present, _) in enumerate(spreads):
        for pair in combinations(sorted(present), 2):
            met[pair].append(place)
    found = []
    for pair, places in sorted(met.items()):
        inside = set(places)
        others = [spread for place, (_, _, spread) in enumerate(spreads) if place not in inside]
        if len(places) < MET_MIN or len(others) < LOTS_MIN:
            continue
        evidence = tuple({"ref": spreads[place][0], "spread": spreads[place][2]} for place in places[:ROWS_SHOWN])
        found.append(_case("close_bids", pair, larger(others, [spreads[place][2] for place in places]), evidence))
    return found


def _case(screen: str, subjects: Sequence[str], p_value: float, evidence: tuple[Mapping[str, Any], ...]) -> Suspicion:
    name = sha256("\0".join((screen, *subjects)).encode()).hexdigest()[:32]
    p = 1.0 if math.isnan(p_value) else min(max(p_value, 0.0), 1.0)
    return Suspicion(id=name, screen=screen, subjects=tuple(subjects), p_value=p, evidence=evidence)
