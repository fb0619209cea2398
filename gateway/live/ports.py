"""What the live edge needs of others: the engine, its history, and a way to do something a little later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from engine.bus.local import LotEnvelope, LotListener
from engine.journal.records import Record
from engine.rules.auction.state import LotState
from engine.values import LotId


class Scheduler(Protocol):
    """The part of an event loop that the hub needs."""

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> object:
        """Run after what is ready now."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> object:
        """Run `delay` seconds from now."""
        ...


class Engine(Protocol):
    """What the hub asks of the engine."""

    def state(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot in memory."""
        ...

    def lots(self) -> Iterable[LotState]:
        """Return all committed states in memory."""
        ...

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot is written."""
        ...


class LiveEngine(Engine, Protocol):
    """What the edge asks of the engine."""

    def submit_all(self, envelopes: Sequence[LotEnvelope]) -> None:
        """Take commands in this order; `reply` of each is called exactly once."""
        ...

    def subscribe(self, listener: LotListener) -> None:
        """Call `listener` with the changes of each commit."""
        ...

    async def load(self, lot_id: LotId) -> LotState | None:
        """Return a lot from memory or from the log."""
        ...


class History(Protocol):
    """What the edge asks of the log."""

    async def lot_tail(self, lot_id: LotId, limit: int) -> list[Record]:
        """Return the newest records of a lot, oldest of them first."""
        ...

    async def find_command(self, lot_id: LotId, command_id: bytes, actor: str) -> Record | None:
        """Return the record of a command that somebody gave."""
        ...
