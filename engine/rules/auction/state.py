"""The state of a session after its first `seq` events: frozen, rebuilt by `evolve` from the log alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.rules.auction.commands import PauseKind, SoldAchievement, Subject
from engine.rules.auction.events import Event, PassReason
from engine.rules.auction.formats.play import Play
from engine.rules.auction.terms import Terms
from engine.rules.decisions import Refusal
from engine.values import Amount, InstantUs, LotId, PartyId


class Phase(StrEnum):
    """Where a session stands. SOLD, PASSED, VOIDED and WITHDRAWN are final."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    """Bidding; the free period where the terms have one."""
    LIMITED = "limited"
    """Bidding in timed cycles."""
    SEALING = "sealing"
    """The sealed round after a falling price was taken."""
    CLOSED = "closed"
    """Sealed bids are in and wait for their opening."""
    BEST_BID = "best_bid"
    """The taker of a falling price may answer the highest sealed bid, once."""
    PRIORITY = "priority"
    """The bidding is over; holders of priority rights are waited for."""
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    SOLD = "sold"
    PASSED = "passed"
    VOIDED = "voided"
    WITHDRAWN = "withdrawn"

    @property
    def is_final(self) -> bool:
        """No event but a recorded refusal follows."""
        return self in _FINAL

    @property
    def is_bidding(self) -> bool:
        """Somebody may still buy by what he does now: the clock matters."""
        return self in _BIDDING

    @property
    def is_halted(self) -> bool:
        """The clock stands still."""
        return self is Phase.PAUSED or self is Phase.INTERRUPTED


OPEN: Final = Phase.OPEN
LIMITED: Final = Phase.LIMITED
"""The two phases that every bid is asked about, by names of their own: a member looked up in its enum costs as much as a call."""

_BIDDING = frozenset({Phase.OPEN, Phase.LIMITED, Phase.SEALING, Phase.BEST_BID, Phase.PRIORITY})
_FINAL = frozenset({Phase.SOLD, Phase.PASSED, Phase.VOIDED, Phase.WITHDRAWN})


class LotState(Struct, frozen=True, kw_only=True, gc=False):
    """One session. Deadlines are those in force now, after extensions, shifts and pauses."""

    lot_id: LotId
    seq: int
    """Events so far; the last one's place in the lot's gapless sequence."""
    last_at_us: InstantUs
    """Decision time of the last event; a later decision is never earlier."""
    phase: Phase
    terms: Terms
    subject: Subject
    seller_id: PartyId
    published_at_us: InstantUs
    opens_at_us: InstantUs
    free_ends_at_us: InstantUs | None = None
    closes_at_us: InstantUs | None = None
    hard_end_us: InstantUs | None = None
    codes: dict[PartyId, str] = {}
    """Bidder codes by party; replaced, never changed in place."""
    leader: PartyId | None = None
    price: Amount | None = None
    """The standing price; None before the first bid."""
    leader_maximum: Amount | None = None
    """The most the leader has authorised; equals `price` for an open bid. Secret."""
    runner_up_maximum: Amount | None = None
    """The most any other bidder has authorised. Secret."""
    reserve_met: bool = False
    bids: int = 0
    """Accepted bids that changed the price."""
    rejected: int = 0
    extensions: int = 0
    free_bidders: frozenset[PartyId] = frozenset()
    """Who bid in the free period; kept only where the terms require a free bid."""
    halted_at_us: InstantUs | None = None
    """Since when the clock stands still, while PAUSED or INTERRUPTED."""
    halted_phase: Phase | None = None
    """The phase to return to."""
    halted_kind: PauseKind | None = None
    halted_reason: str = ""
    resumes_at_us: InstantUs | None = None
    winner: PartyId | None = None
    pass_reason: PassReason | None = None
    ended_at_us: InstantUs | None = None
    end_reason: str = ""
    """Reason given for a withdrawal or a void session."""
    excluded: frozenset[PartyId] = frozenset()
    """Who may neither bid nor win any more."""
    achievement: SoldAchievement | None = None
    play: Play | None = None
    """What another format than open ascending bids remembers besides."""


class Accepted(Struct, frozen=True, gc=False):
    """The command holds: this event is to be recorded."""

    event: Event


class Rejected(Refusal, frozen=True):
    """The command does not hold. `event` is the refusal to record, None for a refusal that is not put on record."""

    event: Event | None = None


Decision = Accepted | Rejected
