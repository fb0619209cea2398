"""Whether this seller may list this achievement in this way now: state enterprises disclose with a valuation, nothing is offered twice.

Sources: 企业国有资产法 arts. 54-55; 企业国有资产交易监督管理办法 (32号令) arts. 17-19, 48; 民法典 art. 597 (who cannot give what
he sold is liable).
"""

from __future__ import annotations

from typing import Final

from engine.catalogue.parties.party import HolderKind
from engine.rules.listing.state import ListingPhase, ListingState
from engine.rules.listing.terms import ListingTerms, OfferedMode, SaleWay
from engine.rules.rejections import Reject
from engine.values import InstantUs, PartyId
from gateway.errors import Refused
from gateway.services import Services

SEVERAL: Final = frozenset({OfferedMode.PLAIN, OfferedMode.OPEN})
"""Licences that may be given to many at the same time, beside each other."""


async def must_be_listable(
    services: Services, seller: PartyId, terms: ListingTerms, achievement: str, name: str
) -> None:
    """Refuse what this seller may not list so.

    Args:
        services: The market.
        seller: Whose listing it is.
        terms: As they would be recorded.
        achievement: What is offered.
        name: The listing itself, which does not stand in its own way.

    Raises:
        Refused: TERMS_INVALID; `problems` says why.
    """
    found = [
        *await _state_asset_problems(services, seller, terms),
        *await _offered_twice(services, terms.mode, achievement, name),
    ]
    if found:
        raise Refused(Reject.TERMS_INVALID, problems="; ".join(found))


async def must_not_be_offered_twice(services: Services, state: ListingState) -> None:
    """Refuse the publication of what was listed or sold otherwise since this was handed in.

    Raises:
        Refused: TERMS_INVALID; `problems` says why.
    """
    found = await _offered_twice(services, state.terms.mode, state.subject.achievement_id, state.listing_id)
    if found:
        raise Refused(Reject.TERMS_INVALID, problems="; ".join(found))


async def _state_asset_problems(services: Services, seller: PartyId, terms: ListingTerms) -> list[str]:
    party = await services.parties.read(seller)
    if party is None or party.holder_kind != HolderKind.STATE_ENTERPRISE or terms.mode is not OfferedMode.TRANSFER:
        return []
    if terms.way is not SaleWay.DISCLOSED:
        return ["way: state_asset_is_disclosed"]
    return [] if terms.state_asset is not None else ["state_asset: valuation_needed"]


async def _offered_twice(services: Services, mode: OfferedMode, achievement: str, name: str) -> list[str]:
    """Return the problem of an achievement that another listing offers or has sold: only licences for many stand side by side."""
    for other in services.engine.listings.states():
        if other.listing_id == name or other.subject.achievement_id != achievement or other.phase.is_final:
            continue
        if not {mode, other.terms.mode} <= SEVERAL:
            return ["achievement: listed_already"]
    for row in await services.listings.of_achievement(achievement):
        if row.listing != name and row.phase == ListingPhase.SIGNED and row.mode == OfferedMode.TRANSFER:
            return ["achievement: sold_already"]
    return []


def failed_before(
    previous: ListingState | None, seller: PartyId, achievement: str, valuation_no: str, at_us: InstantUs
) -> bool:
    """Tell whether a listing anew follows a disclosure that found no buyer at the same valuation, within the time that it holds:
    then the price may go down to the floor freely (32号令 arts. 18-19).
    """
    return (
        previous is not None
        and previous.seller_id == seller
        and previous.subject.achievement_id == achievement
        and previous.phase is ListingPhase.ENDED
        and previous.terms.state_asset is not None
        and previous.terms.state_asset.valuation_no == valuation_no
        and previous.first_published_at_us is not None
        and at_us < previous.first_published_at_us + previous.terms.longest_us
    )
