"""Technology readiness levels 1 … 9 (技术成熟度), and what evidence each one asks for (domain.md §9.1, not confirmed)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class Level(Entry, frozen=True, kw_only=True):
    """A readiness level; codes are `1` … `9`."""

    meaning_zh: str
    meaning_en: str
    evidence_zh: str
    """What a seller is asked to attach; the market's own choice, not the standard's."""
    evidence_en: str

    @property
    def number(self) -> int:
        """The level as a number."""
        return int(self.code)

    def meaning(self, language: str) -> str:
        """Return what the level says of a technology, in `zh` or `en`."""
        return self.meaning_en if language == "en" else self.meaning_zh

    def evidence(self, language: str) -> str:
        """Return the evidence asked for, in `zh` or `en`."""
        return self.evidence_en if language == "en" else self.evidence_zh


LEVELS: Final = load_table("trl", Level)


def level_of(number: int) -> Level | None:
    """Return the level of a number; None outside 1 … 9."""
    return LEVELS.get(str(number))
