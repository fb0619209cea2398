"""Shards on the move between engines: read beside the running writer before they join its book, flushed before they leave it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Generic

from engine.journal.folding import CorruptLog
from engine.journal.log import EventLog, Taken
from engine.runtime.book import Book
from engine.runtime.rulebook import C, E, Rulebook, S
from engine.values import InstantUs, SubjectId

REPLAY_AT_ONCE: Final = 500
"""Events replayed without leaving the loop: those who are served meanwhile notice no more."""

log = logging.getLogger(__name__)


class Dropped(Exception):
    """The writer dropped its book while a shard was on the move: the shard is nobody's but the lease holder's to adopt anew."""


class Move:
    """Some shards on their way in or out."""

    def __init__(self, shards: frozenset[int]) -> None:
        self.shards = shards
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finish(self) -> None:
        """It has landed."""
        if not self.done.done():
            self.done.set_result(None)

    def drop(self) -> None:
        """It will never land."""
        if not self.done.done():
            self.done.set_exception(Dropped(sorted(self.shards)))


class Joining(Move, Generic[C, E, S]):
    """Taken and read, and not yet in the writer's book."""

    def __init__(self, taken: Sequence[Taken], book: Book[C, E, S], states: dict[SubjectId, S]) -> None:
        super().__init__(frozenset(one.shard for one in taken))
        self.taken = taken
        self.book = book
        self.states = states
        """Committed states of what lives in the shards."""


class Leaving(Move):
    """To be handed over once nothing waits for it."""

    served_until_us = InstantUs(0)
    """Everything due until then is decided; set when the last batch is made up."""


async def prepare(
    journal: EventLog,
    rules: Rulebook[C, E, S],
    owner: str,
    shards: Sequence[int],
    now_us: Callable[[], InstantUs],
    random_bytes: Callable[[int], bytes],
) -> Joining[C, E, S]:
    """Take the shards and read what lives in them, over a connection of its own, while the writer serves its others.

    Raises:
        JournalUnavailable: try again later.
    """
    taken = await journal.take(sorted(shards), owner, now_us())
    book: Book[C, E, S] = Book(rules, taken, random_bytes)
    states: dict[SubjectId, S] = {}
    replayed = 0
    for stored in await journal.load_live(sorted(shards)):
        try:
            state = book.add(stored)
        except CorruptLog:
            log.exception("lot_unreadable", extra={"stream": stored.stream})
            continue
        if state is not None:
            states[rules.kind.subject(stored.stream)] = state
        replayed += len(stored.records)
        if replayed >= REPLAY_AT_ONCE:
            replayed = 0
            await asyncio.sleep(0)
    return Joining(taken, book, states)
