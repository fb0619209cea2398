"""Party natures (买/卖方性质) of the registration form (domain.md §5.10)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class NatureKind(StrEnum):
    """What sort of party a nature is; decides which identity number is asked for."""

    GOVERNMENT = "GOVERNMENT"
    INSTITUTION = "INSTITUTION"
    ASSOCIATION = "ASSOCIATION"
    ENTERPRISE = "ENTERPRISE"
    INDIVIDUAL_BUSINESS = "INDIVIDUAL_BUSINESS"
    """个体经营: has a unified social credit code of its own."""
    PERSON = "PERSON"
    OTHER = "OTHER"


class PartyNature(Entry, frozen=True, kw_only=True):
    """A nature; three digits, four for the legal person or branch of a body."""

    kind: NatureKind

    @property
    def is_person(self) -> bool:
        """A natural person, who shows an identity card and not a unified social credit code."""
        return self.kind is NatureKind.PERSON


PARTY_NATURES: Final = load_table("party_natures", PartyNature)
NATURAL_PERSON: Final = "500"
"""Code of a natural person; not confirmed in a source."""
