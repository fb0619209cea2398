"""Who may buy: the party behind the caller, and what the rules need to know of it."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.listing.state import ListingState
from engine.values import PartyId
from gateway.accounts.model import Caller
from gateway.services import Services


class Buyer(Struct, frozen=True):
    """A party that may buy."""

    party_id: PartyId
    foreign: bool


async def buyer_of(services: Services, caller: Caller, state: ListingState) -> Buyer:  # noqa: ARG001
    """Return the buying party of a caller."""
    return Buyer(caller.party_id, foreign=False)
