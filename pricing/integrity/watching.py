"""Cases for people out of the market's outcomes: who sells too low together, who always loses for one seller, who comes in pairs.

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

from pricing.integrity.across import always_loses, discoveries, together
from pricing.integrity.fairness import rolling
from pricing.observations import Observed

PAIR_DEALS_MIN: Final = 3
MET_MIN: Final = 4
LOTS_MIN: Final = 8
PARTIES_A_LOT_MAX: Final = 60
WIN_RATE: Final = 0.3
ROWS_SHOWN: Final = 20


class Suspicion(Struct, frozen=True, kw_only=True):
    """One case before it is stored."""

    id: str
    screen: str
    subjects: tuple[str, ...]
    p_value: float
    evidence: tuple[Mapping[str, Any], ...]
    listed: bool = False


def suspicions(observed: Sequence[Observed], z: Mapping[int, float]) -> tuple[Suspicion, ...]:
    """Return every pattern that was tested, with which of them go to people.

    Args:
        observed: Outcomes of the market.
        z: By place in the snapshot, how far each price stood from its forecast, in sds.
    """
    found = [*_low_prices(observed, z), *_in_pairs(observed), *_losers(observed)]
    chosen = discoveries([one.p_value for one in found])
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


def _case(screen: str, subjects: Sequence[str], p_value: float, evidence: tuple[Mapping[str, Any], ...]) -> Suspicion:
    name = sha256("\0".join((screen, *subjects)).encode()).hexdigest()[:32]
    p = 1.0 if math.isnan(p_value) else min(max(p_value, 0.0), 1.0)
    return Suspicion(id=name, screen=screen, subjects=tuple(subjects), p_value=p, evidence=evidence)
