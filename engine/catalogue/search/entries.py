"""What is searched: one published version of a subject, with what everybody may see of it and nothing else (P6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.rules.words import joined

_SECTIONS: Final[Mapping[str, range]] = {
    "A": range(1, 6), "B": range(6, 13), "C": range(13, 44), "D": range(44, 47), "E": range(47, 51), "F": range(51, 53),
    "G": range(53, 61), "H": range(61, 63), "I": range(63, 66), "J": range(66, 70), "K": range(70, 71), "L": range(71, 73),
    "M": range(73, 76), "N": range(76, 80), "O": range(80, 83), "P": range(83, 84), "Q": range(84, 86), "R": range(86, 91),
    "S": range(91, 97), "T": range(97, 98),
}  # fmt: skip
"""Sections of GB/T 4754-2017 by division."""
BANDS: Final[Mapping[str, range]] = {"1-3": range(1, 4), "4-6": range(4, 7), "7-9": range(7, 10)}
"""Readiness levels as people look for them: idea, laboratory and pilot, product."""


class Kind(StrEnum):
    """What can be found."""

    ACHIEVEMENT = "achievement"
    NEED = "need"


class Facet(StrEnum):
    """What a search can be narrowed by."""

    FIELD = "field"
    INDUSTRY = "industry"
    """Section of GB/T 4754, a letter."""
    REGION = "region"
    """A league or city (six digits ending in 00) or one of its counties."""
    TRL = "band"
    MODE = "mode"
    HOLDER = "holder"
    LISTED = "listed"


ALIVE: Final = "alive"
LEVEL: Final = "trl"
PRICED: Final = "priced"
HIDDEN: Final = frozenset({ALIVE, LEVEL, PRICED})
"""Bitmaps of the index itself: never counted for people."""


class Entry(Struct, frozen=True, kw_only=True):
    """One version to be searchable. Amounts in fen, instants in microseconds; every text is public."""

    kind: Kind
    id: str
    version: int
    owner: str = ""
    """Party that published it: its own saved searches do not tell it."""
    title_zh: str = ""
    title_en: str = ""
    keywords: tuple[str, ...] = ()
    abstract_zh: str = ""
    abstract_en: str = ""
    more: tuple[str, ...] = ()
    """Other public texts that are searched but not shown in a list: scenes, indicators."""
    holder_zh: str = ""
    holder_en: str = ""
    holder_kind: str = ""
    fields: tuple[str, ...] = ()
    industry: str = ""
    region: str = ""
    trl: int | None = None
    modes: tuple[str, ...] = ()
    price_fen: int | None = None
    listed: bool = False
    published_at_us: int = 0

    @property
    def title(self) -> str:
        """Text of the highest rank."""
        return joined((self.title_zh, self.title_en))

    @property
    def head(self) -> str:
        """Title and keywords."""
        return joined((self.title_zh, self.title_en, *self.keywords))

    @property
    def folded(self) -> str:
        """Everything that is searched."""
        return joined(
            (
                self.title_zh, self.title_en, *self.keywords, self.abstract_zh, self.abstract_en,
                self.holder_zh, self.holder_en, *self.more,
            )
        )  # fmt: skip


def facets_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Return every (facet, value) that a document has, hidden ones too."""
    yield ALIVE, entry.kind.value
    yield from ((Facet.FIELD.value, code) for code in dict.fromkeys(entry.fields))
    if section := section_of(entry.industry):
        yield Facet.INDUSTRY.value, section
    if entry.region:
        yield from ((Facet.REGION.value, code) for code in dict.fromkeys((prefecture_of(entry.region), entry.region)))
    if entry.trl is not None:
        yield LEVEL, str(entry.trl)
        yield from ((Facet.TRL.value, band) for band, levels in BANDS.items() if entry.trl in levels)
    yield from ((Facet.MODE.value, mode) for mode in dict.fromkeys(entry.modes))
    if entry.holder_kind:
        yield Facet.HOLDER.value, entry.holder_kind
    yield from listing_facets(listed=entry.listed, price_fen=entry.price_fen)


def listing_facets(*, listed: bool, price_fen: int | None) -> Iterator[tuple[str, str]]:
    """Return the facets that change while a version stays the same."""
    yield Facet.LISTED.value, "1" if listed else "0"
    if price_fen is not None:
        yield PRICED, "1"


def section_of(industry: str) -> str:
    """Return the section (a letter) of a GB/T 4754 code, empty if it is none."""
    if industry[:1].isascii() and industry[:1].isalpha():
        return industry[:1].upper()
    division = industry[:2]
    if not (division.isascii() and division.isdigit()):
        return ""
    return next((letter for letter, divisions in _SECTIONS.items() if int(division) in divisions), "")


def prefecture_of(region: str) -> str:
    """Return the league or city of a GB/T 2260 code."""
    return region[:4] + "00"
