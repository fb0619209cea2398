"""How well an achievement answers a need, and why: pure, deterministic, every part of the score can be said in words.

The text counts for 700 of 1,000 points: the cosine of the two sets of terms, each term weighted by how rare it is in the catalogue
(inverse document frequency). Field, industry, region and readiness add what a buyer would ask next. Without a word in common nothing
matches, whatever else agrees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.rules.words import terms_of

TEXT_POINTS: Final = 700
TEXT_FULL: Final = 0.5
"""A cosine from which the text has all its points: two texts of one subject by different hands seldom reach more."""
FIELD_POINTS: Final = 100
INDUSTRY_POINTS: Final = 70
COUNTY_POINTS: Final = 60
PREFECTURE_POINTS: Final = 40
TRL_POINTS: Final = 50
MODE_POINTS: Final = 20
POINTS_MIN: Final = 120
"""Fewer is no suggestion."""
COMMON_SHARE: Final = 0.05
"""A term in more than this share of all documents is no reason (技术, 研究)."""
PHRASES_MAX: Final = 5


class Aspect(StrEnum):
    """Why two belong together."""

    TERMS = "terms"
    FIELD = "field"
    INDUSTRY = "industry"
    COUNTY = "county"
    PREFECTURE = "prefecture"
    TRL = "trl"
    MODE = "mode"


class Reason(Struct, frozen=True):
    """One reason: what agrees (words, codes, a level), and its points."""

    aspect: Aspect
    values: tuple[str, ...]
    points: int


class Match(Struct, frozen=True):
    """A score of 0..1000 and its reasons, the weightiest first; they add up to it."""

    points: int
    reasons: tuple[Reason, ...] = ()


class Side(Struct, frozen=True, kw_only=True):
    """What the score looks at. Of a need `trl` is the least readiness that is of use."""

    text: str
    """Folded, from `engine.rules.words.joined`."""
    fields: tuple[str, ...] = ()
    industry: str = ""
    """Section and division codes as written; compared by section."""
    region: str = ""
    trl: int | None = None
    modes: tuple[str, ...] = ()


class Rarity(Struct, frozen=True):
    """How many documents there are, and how many have each term."""

    documents: int
    having: Mapping[str, int]

    def weight(self, term: str) -> float:
        """Return the inverse document frequency; a term that nobody has weighs most."""
        return math.log(1 + max(1, self.documents) / (1 + self.having.get(term, 0)))

    def is_common(self, term: str) -> bool:
        """Tell whether a term says nothing."""
        return self.having.get(term, 0) > max(3.0, self.documents * COMMON_SHARE)


def telling_terms(text: str) -> set[str]:
    """Return the terms that can carry a meaning: pairs and words, not single characters."""
    return {term for term in terms_of(text) if len(term) > 1 and not term.isdigit()}


def match(achievement: Side, need: Side, rarity: Rarity, section_of: Callable[[str], str]) -> Match:
    """Return how well an achievement answers a need.

    Args:
        achievement: The offer.
        need: What is looked for.
        rarity: Document frequencies of the catalogue.
        section_of: Section of an industry code.
    """
    text = _text_reason(achievement, need, rarity)
    if text is None:
        return Match(0)
    reasons = [text, *_facts(achievement, need, section_of)]
    reasons.sort(key=lambda reason: (-reason.points, reason.aspect.value))
    points = sum(reason.points for reason in reasons)
    return Match(points, tuple(reasons)) if points >= POINTS_MIN else Match(points)


def _text_reason(achievement: Side, need: Side, rarity: Rarity) -> Reason | None:
    ours, theirs = telling_terms(achievement.text), telling_terms(need.text)
    shared = {term for term in ours & theirs if not rarity.is_common(term)}
    if not shared:
        return None
    # Sums in a fixed order: floating point addition is not associative, and the same question gets the same answer.
    dot = sum(rarity.weight(term) ** 2 for term in sorted(shared))
    norm = math.sqrt(
        sum(rarity.weight(term) ** 2 for term in sorted(ours))
        * sum(rarity.weight(term) ** 2 for term in sorted(theirs))
    )
    points = min(TEXT_POINTS, math.floor(TEXT_POINTS * dot / norm / TEXT_FULL))
    return Reason(Aspect.TERMS, shared_phrases(achievement.text, need.text, shared, rarity), max(1, points))


def shared_phrases(one: str, other: str, shared: set[str], rarity: Rarity) -> tuple[str, ...]:
    """Return what two folded texts have in common as a person would say it: the longest stretches made of shared terms."""
    found: dict[str, float] = {term: rarity.weight(term) for term in shared if term.isascii() or len(term) > 2}
    for run in re.findall(r"[^\W\d_a-z]{2,}", other):
        start = 0
        while start < len(run) - 1:
            stop = start + 1
            while stop < len(run) and run[stop - 1 : stop + 1] in shared and run[start : stop + 1] in one:
                stop += 1
            if stop - start > 1:
                piece = run[start:stop]
                found[piece] = sum(rarity.weight(piece[at : at + 2]) for at in range(len(piece) - 1))
            start = max(stop - 1, start + 1)
    ranked = sorted(found, key=lambda piece: (-found[piece], piece))
    kept: list[str] = []
    for piece in ranked:
        if not any(piece in longer for longer in kept):
            kept.append(piece)
    return tuple(kept[:PHRASES_MAX])


def _facts(achievement: Side, need: Side, section_of: Callable[[str], str]) -> list[Reason]:
    found: list[Reason] = []
    if common := tuple(code for code in need.fields if code in achievement.fields):
        found.append(Reason(Aspect.FIELD, common, FIELD_POINTS))
    section = section_of(need.industry)
    if section and section == section_of(achievement.industry):
        found.append(Reason(Aspect.INDUSTRY, (section,), INDUSTRY_POINTS))
    if need.region and need.region == achievement.region:
        found.append(Reason(Aspect.COUNTY, (need.region,), COUNTY_POINTS))
    elif need.region and need.region[:4] == achievement.region[:4]:
        found.append(Reason(Aspect.PREFECTURE, (need.region[:4] + "00",), PREFECTURE_POINTS))
    if need.trl is not None and achievement.trl is not None and achievement.trl >= need.trl:
        found.append(Reason(Aspect.TRL, (str(achievement.trl),), TRL_POINTS))
    if modes := tuple(mode for mode in need.modes if mode in achievement.modes):
        found.append(Reason(Aspect.MODE, modes, MODE_POINTS))
    return found
