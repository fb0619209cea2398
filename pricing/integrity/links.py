"""Ties between parties that met in the same lot: the same bank account, telephone, agent or network. Facts for people, no verdicts.

A shared bank account, telephone or agent is hardly an accident; a shared network often is (a campus, a hotel), so its p-value is the
chance that somebody else would have been on it. Their list is controlled by itself: they are facts, not tests over many figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct

from pricing.observations import Observed

COINCIDENCE: Final = {"bank": 1e-4, "account": 1e-4, "person": 1e-3}
"""Chance that two strangers share it (assumption: typing errors, offices that serve several)."""
ROWS_SHOWN: Final = 20


class Shared(Struct, frozen=True, kw_only=True):
    """Something that several parties have in common; what it is nobody can tell from here."""

    kind: str
    parties: tuple[str, ...]


class Tie(Struct, frozen=True, kw_only=True):
    """Two parties of one lot that have something in common."""

    pair: tuple[str, str]
    p_value: float
    rows: tuple[Mapping[str, str | float], ...]


def ties(observed: Sequence[Observed], shared: Sequence[Shared], parties: int) -> list[Tie]:
    """Return the pairs that met in a lot, as bidders or as seller and bidder, and share something.

    Args:
        observed: Outcomes of the market.
        shared: What parties share.
        parties: Parties whose networks are on record.
    """
    common: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in shared:
        chance = COINCIDENCE.get(one.kind, min((len(one.parties) - 1) / max(parties - 1, 1), 1.0))
        for pair in combinations(sorted(set(one.parties)), 2):
            common[pair][one.kind] = min(chance, common[pair].get(one.kind, 1.0))
    met: dict[tuple[str, str], list[str]] = defaultdict(list)
    for lot in observed:
        o = lot.observation
        present = sorted({*o.parties, *filter(None, (o.seller, o.buyer))})
        for pair in combinations(present, 2):
            if pair in common:
                met[pair].append(lot.ref)
    found = []
    for pair, refs in sorted(met.items()):
        kinds = common[pair]
        rows: list[Mapping[str, str | float]] = [
            {"shared": kind, "chance": chance} for kind, chance in sorted(kinds.items())
        ]
        lots = [{"ref": ref} for ref in refs[: ROWS_SHOWN - len(rows)]]
        found.append(Tie(pair=pair, p_value=min(kinds.values()), rows=(*rows, *lots)))
    return found
