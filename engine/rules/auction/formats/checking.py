"""What anybody can check of an opening from the record alone: that it covers every envelope, and shows what they held."""

from __future__ import annotations

from engine.rules.auction.events import Event
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.sealing import close_sealing, opened
from engine.rules.auction.state import LotState


def opening_problem(before: LotState, event: Event) -> str | None:
    """Return what is wrong with the close or the opening of sealed bids, None if nothing or if it is another event."""
    if before.play is None:
        return None
    match event:
        case fe.SealingClosed():
            right = close_sealing(before, event.due_us)
            same = (event.commitment, event.codes) == (right.commitment, right.codes)
            return None if same else "the commitment does not cover the envelopes that were in force"
        case fe.BidsOpened():
            same = (event.bids, event.broken) == opened(before)
            return None if same else "what was opened is not what the envelopes hold"
        case _:
            return None
