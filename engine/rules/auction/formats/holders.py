"""Holders of priority rights: who they are, and who may still answer."""

from __future__ import annotations

from engine.rules.auction.clearing.priority import Holder
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.state import LotState
from engine.values import Amount, PartyId


def holder_of(state: LotState, party: PartyId) -> Holder | None:
    """Return the right that a party holds here, None without."""
    priority = play_of(state).terms.priority
    return None if priority is None else next((one for one in priority.holders if one.party == party), None)


def to_be_asked(state: LotState, winner: PartyId, price: Amount | None) -> list[PartyId]:
    """Return the holders who may still answer at a price: not the winner, nobody excluded, nobody who has answered to this price."""
    play = play_of(state)
    if play.terms.priority is None:
        return []
    waived = play.waived if price == state.price else frozenset[PartyId]()
    answered = {one.code for one in play.exercises if one.price == price} | {
        state.codes[party] for party in waived if party in state.codes
    }
    return [
        PartyId(one.party)
        for one in play.terms.priority.holders
        if one.party != winner
        and one.party not in state.excluded
        and state.codes.get(PartyId(one.party)) not in answered
    ]
