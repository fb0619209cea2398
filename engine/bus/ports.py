"""What the gateways ask of the market's engine: the same in one process (`engine.runtime.engine`) and over Redis (`engine.bus.link`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from engine.bus.local import Envelope, Listener, LotEnvelope, LotListener
from engine.evidence.receipts import Receipt
from engine.journal.advances import AdvanceListener
from engine.rules.auction.commands import Command
from engine.rules.auction.state import LotState
from engine.rules.listing.commands import ListingCommand
from engine.rules.listing.events import ListingEvent
from engine.rules.listing.state import ListingState
from engine.rules.publicity.commands import NoticeCommand
from engine.rules.publicity.events import NoticeEvent
from engine.rules.publicity.state import NoticeState
from engine.values import InstantUs, LotId, SubjectId

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class MarketClock(Protocol):
    """The clock that the market's pages show."""

    def now_us(self) -> InstantUs:
        """Return the time now."""
        ...

    def error_us(self) -> int:
        """Return how far the wall clock is ahead of it."""
        ...


class LanePort(Protocol[C, E, S]):
    """Commands in, receipts and changes out, committed states at hand, for one kind of stream."""

    def submit(self, envelope: Envelope[C]) -> None:
        """Take a command; `envelope.reply` is called exactly once."""
        ...

    async def ask(
        self,
        subject_id: SubjectId,
        command: C,
        *,
        command_id: bytes | None,
        request_digest: bytes | None,
        actor: str,
        arrived_at_us: InstantUs | None,
    ) -> Receipt:
        """Submit a command and wait for its receipt; what it recorded is then seen by `state`."""
        ...

    def subscribe(self, listener: Listener[E, S]) -> None:
        """Call `listener` with the changes of each commit, in commit order."""
        ...

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the log of each shard grew, when the states in memory are as it left them."""
        ...

    def state(self, subject_id: SubjectId) -> S | None:
        """Return a committed state in memory."""
        ...

    def states(self) -> Iterable[S]:
        """Return the committed states in memory: all that have not ended, and those that ended a short while ago."""
        ...

    async def load(self, subject_id: SubjectId) -> S | None:
        """Return a committed state from memory or from the log; None if there is no such subject.

        Raises:
            JournalUnavailable: the log cannot be read now.
            CorruptLog: the history does not fit its digests.
        """
        ...


class MarketPort(Protocol):
    """The engine as gateways see it. What is asked without naming a lane is about lots."""

    @property
    def listings(self) -> LanePort[ListingCommand, ListingEvent, ListingState]:
        """The lane of listings."""
        ...

    @property
    def notices(self) -> LanePort[NoticeCommand, NoticeEvent, NoticeState]:
        """The lane of notices."""
        ...

    @property
    def owner(self) -> str:
        """Name of this process among those of the market."""
        ...

    async def start(self) -> None:
        """Begin; returns when states can be read.

        Raises:
            JournalUnavailable: the database cannot be used.
        """
        ...

    async def stop(self) -> None:
        """Answer what was taken, then let go."""
        ...

    @property
    def clock(self) -> MarketClock:
        """The market's clock, as this process has it."""
        ...

    @property
    def ready(self) -> bool:
        """Commands are taken now."""
        ...

    @property
    def fenced(self) -> bool:
        """Another engine has taken over for good; this process must end."""
        ...

    @property
    def waiting(self) -> int:
        """Commands without an answer."""
        ...

    def submit_all(self, envelopes: Sequence[LotEnvelope]) -> None:
        """Take commands about lots in this order; `reply` of each is called exactly once."""
        ...

    async def ask(
        self,
        lot_id: LotId,
        command: Command,
        *,
        command_id: bytes | None,
        request_digest: bytes | None,
        actor: str,
        arrived_at_us: InstantUs | None,
    ) -> Receipt:
        """Submit a command about a lot and wait for its receipt."""
        ...

    def subscribe(self, listener: LotListener) -> None:
        """Call `listener` with the changes of lots."""
        ...

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the logs of lots grew, see `LanePort.subscribe_advances`."""
        ...

    def state(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot in memory."""
        ...

    def lots(self) -> Iterable[LotState]:
        """Return the committed states of lots in memory."""
        ...

    async def load(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot from memory or from the log."""
        ...

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot is written."""
        ...
