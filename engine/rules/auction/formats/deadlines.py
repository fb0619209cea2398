"""The next instant at which a session of another format changes by itself."""

from __future__ import annotations

from engine.rules.auction.formats.falling import units_of
from engine.rules.auction.formats.holders import to_be_asked
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.formats.results import is_challenged
from engine.rules.auction.formats.sealing import is_ready, waits_for
from engine.rules.auction.formats.terms import Ascending, Falling
from engine.rules.auction.state import LotState, Phase
from engine.values import InstantUs


def is_own_stage(state: LotState) -> bool:
    """Tell whether the stage that runs has a deadline of its own format, not that of open ascending bids."""
    if state.phase is Phase.OPEN:
        return not isinstance(play_of(state).terms.format, Ascending)
    return state.phase in (Phase.SEALING, Phase.CLOSED, Phase.BEST_BID, Phase.PRIORITY)


def next_stage_end(state: LotState) -> InstantUs | None:
    """Return when the stage that runs ends: at once when nothing more can come, else at its deadline."""
    play = play_of(state)
    match state.phase:
        case Phase.OPEN:
            sold_out = isinstance(play.terms.format, Falling) and play.taken >= units_of(state)
            return state.last_at_us if sold_out else state.closes_at_us
        case Phase.SEALING:
            return state.closes_at_us
        case Phase.CLOSED:
            return state.last_at_us if play.opened or is_ready(state) else waits_for(play)
        case Phase.BEST_BID:
            answered = play.best_bid is not None or is_challenged(state, play.bids) is None
            return state.last_at_us if answered else state.closes_at_us
        case Phase.PRIORITY:
            assert state.leader is not None
            waits = to_be_asked(state, state.leader, state.price) and state.leader not in state.excluded
            return state.closes_at_us if waits else state.last_at_us
        case _:
            return None
