"""Who may buy, and what must be shown about him: conflicts of interest. Pure.

Platform staff and their declared relatives never buy (a platform must not be able to favour anybody, 网络司法拍卖规定 art. 8);
related parties of the seller or of a completer may, but are marked (浙江省促进科技成果转化条例 art. 17).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class RelationKind(StrEnum):
    """How a party is related (domain.md 4.4), closest first."""

    STAFF = "staff"
    """A member of the platform's staff, or a close relative of one."""
    COMPLETER = "completer"
    FAMILY = "family"
    """Spouse, parent, child, brother or sister of a completer."""
    OWNED = "owned"
    """A company in which one of them holds shares or office."""
    STUDENT = "student"
    """A start-up of a student or assistant of a completer."""
    CONTROLLED = "controlled"
    """A company that the seller controls."""
    SHAREHOLDER = "shareholder"
    OTHER = "other"


class May(StrEnum):
    """Whether a party may buy."""

    YES = "yes"
    MARKED = "marked"
    """Yes; the relation is shown in the notice and to whoever decides."""
    NEVER = "never"


class Standing(Struct, frozen=True):
    """The answer: `kind` says why it is not a plain yes."""

    may: May
    kind: RelationKind | None = None


class Relation(Struct, frozen=True):
    """One declared relation of the party; `other` is a party id, or empty for staff."""

    other: str
    kind: RelationKind


_ORDER: Final = tuple(RelationKind)


def standing(party_id: str, seller_id: str, is_staff: bool, relations: tuple[Relation, ...]) -> Standing:
    """Judge whether a party may buy from a seller.

    Args:
        party_id: Who wants to buy.
        seller_id: Who sells.
        is_staff: The account behind the wish is staff of the platform.
        relations: What the party declared.
    """
    if is_staff or any(relation.kind is RelationKind.STAFF for relation in relations):
        return Standing(May.NEVER, RelationKind.STAFF)
    if party_id == seller_id:
        return Standing(May.NEVER)
    kinds = [relation.kind for relation in relations if relation.other in (seller_id, "")]
    if not kinds:
        return Standing(May.YES)
    return Standing(May.MARKED, min(kinds, key=_ORDER.index))
