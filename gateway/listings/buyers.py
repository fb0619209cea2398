"""Who may buy: the party behind the caller on this listing, verified, without a conflict of interest."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.conflicts import May, RelationKind, standing
from engine.rules.listing.state import ListingState
from engine.rules.rejections import Reject
from engine.values import PartyId
from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.services import Services


class Buyer(Struct, frozen=True):
    """A party that may buy. `related`: a relation that is shown with its application, empty for none."""

    party_id: PartyId
    foreign: bool
    related: str


async def buyer_of(services: Services, caller: Caller, state: ListingState) -> Buyer:
    """Return the buying party of a caller.

    Raises:
        Refused: PARTY_NOT_VERIFIED: its identity has not been checked; CONFLICT_OF_INTEREST; SELLER_MAY_NOT_BUY.
    """
    party_id = caller.party_on(state.listing_id)
    party = await services.parties.read(party_id)
    if party is None or not party.verified:
        raise Refused(Code.PARTY_NOT_VERIFIED)
    staff = caller.role is not None and caller.role.is_staff
    answer = standing(party_id, state.seller_id, staff, await services.ties.relations(party_id))
    if answer.may is May.NEVER:
        raise Refused(Code.CONFLICT_OF_INTEREST if answer.kind is RelationKind.STAFF else Reject.SELLER_MAY_NOT_BUY)
    return Buyer(party_id, party.foreign, "" if answer.kind is None else answer.kind.value)


async def must_be_verified(services: Services, caller: Caller) -> None:
    """Refuse a party whose identity has not been checked.

    Raises:
        Refused: PARTY_NOT_VERIFIED.
    """
    party = await services.parties.read(caller.party_id)
    if party is None or not party.verified:
        raise Refused(Code.PARTY_NOT_VERIFIED)
