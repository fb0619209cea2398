"""What the rules of the catalogue take from the law, as data with its source; a changed law is a new row, not new code.

`confirmed` False: the source was not read (domain.md marks it [mem] or "re-check"). Such a row warns; it never blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from engine.rules.achievement.record import Mode, RightKind, RightStatus

VERSION: Final = "2026-11"


class Source(NamedTuple):
    """Where a rule comes from."""

    text: str
    confirmed: bool = True


class Term(NamedTuple):
    """How long a right lasts from its filing day."""

    years: int
    source: Source


TERMS: Final[Mapping[RightKind, Term]] = {
    RightKind.INVENTION: Term(20, Source("L-PAT 42")),
    RightKind.UTILITY_MODEL: Term(10, Source("L-PAT 42")),
    RightKind.DESIGN: Term(15, Source("L-PAT 42")),
}
"""Other kinds: the record names the last day; their terms were not read."""

DESIGN_LAW_FROM: Final = "2021-06-01"
"""Designs filed before may have the shorter term of the old law: to be checked, source not read."""

NEEDS_ALL_CO_OWNERS: Final[frozenset[Mode]] = frozenset({Mode.TRANSFER, Mode.EXCLUSIVE, Mode.SOLE, Mode.EQUITY})
"""L-PAT 14 (domain.md §0.2 no. 27). A contribution in kind hands the right over, so it counts as a sale."""

CLOSED_BY_EXCLUSIVE: Final[frozenset[Mode]] = frozenset({Mode.EXCLUSIVE, Mode.SOLE, Mode.PLAIN, Mode.OPEN})
"""What cannot be granted while somebody holds an exclusive or sole licence: L-TECH 25, for OPEN L-PATR 86."""

LIVING: Final[frozenset[RightStatus]] = frozenset({RightStatus.HELD, RightStatus.PENDING, RightStatus.GRANTED})

VARIETY_APPROVAL: Final = Source("domain.md §0.2 no. 18: 2014 text art. 9; revised 2025, re-check", confirmed=True)
"""A state unit hands a plant variety over only with the approval of the competent department. The market asks for it either way."""

EXPORT_CATALOGUE: Final = "2025-07-15 (公告2025年28号), on 2023-12-21"
"""Edition of the catalogue of prohibited and restricted technology the holder classifies by: P-CAT23, P-CAT25."""
