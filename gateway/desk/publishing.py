"""What a lot names when it is published: the party whose lot it is, and the published record that is sold."""

from __future__ import annotations

from engine.rules.auction.commands import SoldAchievement
from engine.rules.listing.terms import OfferedMode
from engine.values import PartyId
from gateway.accounts.model import Role
from gateway.errors import Code, Refused
from gateway.listings.terms import listed_version
from gateway.services import Services


async def seller_of(services: Services, account_id: str) -> PartyId:
    """Return the party that a seller's account acts for: its members sell, sign and are paid as one.

    Raises:
        Refused: MALFORMED: there is no such seller.
    """
    account = (await services.accounts.by_ids([PartyId(account_id)])).get(PartyId(account_id))
    if account is None or account.role is not Role.SELLER:
        raise Refused(Code.MALFORMED, fields="seller")
    return account.party


async def sold_achievement(
    services: Services, seller: PartyId, achievement_id: str, *, units: bool = False
) -> SoldAchievement | None:
    """Return the published version of an achievement that a lot sells, None if the lot names none.

    Args:
        services: The market.
        seller: Who must own it.
        achievement_id: Its id; empty: none.
        units: Seats of a plain licence are sold, not the achievement itself.

    Raises:
        Refused: NOT_FOUND: it is not his or not published; TERMS_INVALID: its record forbids to sell it, `problems` says why.
    """
    if not achievement_id:
        return None
    mode = OfferedMode.PLAIN if units else OfferedMode.TRANSFER
    version = await listed_version(services, seller, achievement_id, mode)
    return SoldAchievement(id=version.id, version=version.number, digest=version.digest.hex())
