"""The bus inside one process: an inbox of bounded length for the writer, and changes told to listeners after each commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from engine.evidence.receipts import Receipt
from engine.rules.auction.commands import Command
from engine.rules.auction.events import Event
from engine.rules.auction.state import LotState
from engine.values import InstantUs, SubjectId

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
N = TypeVar("N")
log = logging.getLogger(__name__)


class Envelope(Struct, Generic[C], gc=False):
    """A command on its way. `reply` is called exactly once, after the commit or with the reason why there was none."""

    subject_id: SubjectId
    command: C
    command_id: bytes | None
    request_digest: bytes | None
    actor: str
    arrived_at_us: InstantUs | None
    reply: Callable[[Receipt], None]
    at_us: InstantUs = InstantUs(0)
    """Legal time: set at intake, in the order of the inbox."""
    entry_id: str | None = None
    """Entry of the Redis stream that brought it, if one did."""


async def receipt_for(
    submit: Callable[[Envelope[C]], None],
    subject_id: SubjectId,
    command: C,
    *,
    command_id: bytes | None,
    request_digest: bytes | None,
    actor: str,
    arrived_at_us: InstantUs | None,
) -> Receipt:
    """Submit a command and wait for its receipt."""
    answered: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def reply(receipt: Receipt) -> None:
        if not answered.done():
            answered.set_result(receipt)

    submit(Envelope(subject_id, command, command_id, request_digest, actor, arrived_at_us, reply))
    return await answered


class Change(Struct, Generic[E, S], frozen=True, gc=False):
    """A committed event with the state it led to."""

    subject_id: SubjectId
    epoch: int
    seq: int
    at_us: InstantUs
    event: E
    state: S


def tell_all(listeners: Sequence[Callable[[N], None]], news: N) -> None:
    """Tell every listener; a broken one must not stop the market, nor the others."""
    for listener in listeners:
        try:
            listener(news)
        except Exception:
            log.exception("listener_failed")


class Shards(Protocol):
    """Who must know which shards this process owns: the end of the bus that reads their commands."""

    def gained(self, shards: Sequence[int]) -> None:
        """These are ours now, loaded and ready to decide."""
        ...

    def lost(self, shards: Sequence[int]) -> None:
        """These are ours no more; what was not taken in stays where it is, for the next owner."""
        ...


LotEnvelope = Envelope[Command]
LotChange = Change[Event, LotState]
Listener = Callable[[Sequence[Change[E, S]]], None]
LotListener = Callable[[Sequence[LotChange]], None]


class Inbox(Generic[C]):
    """Commands in order of arrival; full means refused at once, never silently dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: list[Envelope[C]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def oldest_at_us(self) -> InstantUs | None:
        """Return the legal time of the first in line, None if nobody waits."""
        return self._waiting[0].at_us if self._waiting else None

    def holds(self, wanted: Callable[[Envelope[C]], bool]) -> bool:
        """Tell whether such a command waits."""
        return any(wanted(envelope) for envelope in self._waiting)

    def put(self, envelopes: Sequence[Envelope[C]]) -> Sequence[Envelope[C]]:
        """Add these at the end, in order; return those that the inbox has no room for."""
        room = self._limit - len(self._waiting)
        self._waiting += envelopes[:room]
        return envelopes[room:]

    def take(self, most: int) -> list[Envelope[C]]:
        """Remove and return the oldest, at most `most`."""
        if len(self._waiting) <= most:
            taken, self._waiting = self._waiting, []
        else:
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken
