"""Who somebody is towards an achievement: what he may do with its record, and what of it may reach him."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.catalogue.achievements.store import Working, is_achievement_id
from engine.catalogue.achievements.versions import AchievementId, Version
from engine.rules.achievement.disclosure import Viewer
from engine.rules.achievement.record import Achievement
from engine.rules.achievement.states import Actor
from engine.values import PartyId
from gateway.accounts.model import Caller, MemberRole, Role
from gateway.errors import Code, Refused
from gateway.services import Services

STANDARD_NDA: Final = (Path(__file__).parent / "standard_nda.txt").read_text(encoding="utf-8").strip()
"""The market's confidentiality text; a changed text is a new file with a new date in its title, and is signed anew."""
_ACTOR_OF: Final = {MemberRole.APPLICANT: Actor.APPLICANT, MemberRole.APPROVER: Actor.APPROVER}


def actors_of(caller: Caller, owner: PartyId) -> frozenset[Actor]:
    """Return what a caller is towards a record of an owner; empty for strangers and for those who only look on."""
    if caller.account is None:
        return frozenset()
    if caller.role is Role.OPERATOR:
        return frozenset({Actor.OPERATOR})
    if caller.role is Role.SUPERVISOR or caller.party_id != owner:
        return frozenset()
    return frozenset(actor for role, actor in _ACTOR_OF.items() if caller.may_as(role))


def nda_text(record: Achievement) -> str:
    """Return the confidentiality text of an achievement: the holder's, else the market's."""
    return record.nda_text.strip() or STANDARD_NDA


async def viewer_of(services: Services, caller: Caller, version: Version) -> Viewer:
    """Return how close a caller stands to a published achievement."""
    if caller.account is None:
        return Viewer.PUBLIC
    if caller.account.role.is_staff or caller.party_id == version.owner:
        return Viewer.OWNER
    signed = await services.confidentiality.has_signed(version.id, caller.party_id, nda_text(version.record))
    return Viewer.SIGNER if signed else Viewer.PUBLIC


def achievement_id_of(text: str) -> AchievementId:
    """Return an id from an address.

    Raises:
        Refused: NOT_FOUND: it cannot be one.
    """
    if not is_achievement_id(text):
        raise Refused(Code.NOT_FOUND)
    return AchievementId(text)


async def find_public(services: Services, text: str) -> Version:
    """Return the public version of an achievement.

    Raises:
        Refused: NOT_FOUND: nothing, or nothing public any more.
    """
    version = await services.achievements.public(achievement_id_of(text))
    if version is None:
        raise Refused(Code.NOT_FOUND)
    return version


async def find_working(services: Services, caller: Caller, text: str) -> Working:
    """Return the working copy of an achievement for its owner or the staff of the market.

    Raises:
        Refused: NOT_FOUND: nothing, or somebody else's: the answers do not differ.
    """
    working = await services.achievements.read(achievement_id_of(text))
    assert caller.account is not None, "the door lets no anonymous caller in"
    if working is None or not (caller.account.role.is_staff or caller.party_id == working.owner):
        raise Refused(Code.NOT_FOUND)
    return working


async def find_own(services: Services, caller: Caller, text: str) -> Working:
    """Return the working copy of an achievement for its owner.

    Raises:
        Refused: NOT_FOUND: nothing, or somebody else's, whoever asks.
    """
    working = await find_working(services, caller, text)
    if caller.party_id != working.owner:
        raise Refused(Code.NOT_FOUND)
    return working


def require_member(caller: Caller) -> None:
    """Refuse members of an organisation who neither prepare nor release: finance looks on.

    Raises:
        Refused: FORBIDDEN.
    """
    if not any(caller.may_as(role) for role in _ACTOR_OF):
        raise Refused(Code.FORBIDDEN)
