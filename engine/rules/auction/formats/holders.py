"""Holders of priority rights: who they are, and who may still answer."""

from __future__ import annotations

from engine.rules.auction.clearing.priority import Holder
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.state import LotState
from engine.values import PartyId


def holder_of(state: LotState, party: PartyId) -> Holder | None:
    """Return the right that a party holds here, None without."""
    priority = play_of(state).terms.priority
    return None if priority is None else next((one for one in priority.holders if one.party == party), None)


def to_be_asked(state: LotState, winner: PartyId) -> list[PartyId]:
    """Return the holders who may still answer: not the winner himself, nobody excluded, nobody who has answered."""
    play = play_of(state)
    if play.terms.priority is None:
        return []
    answered = {one.code for one in play.exercises if one.price == state.price} | {
        state.codes[party] for party in play.waived if party in state.codes
    }
    return [
        PartyId(one.party)
        for one in play.terms.priority.holders
        if one.party != winner
        and one.party not in state.excluded
        and state.codes.get(PartyId(one.party)) not in answered
    ]
