"""Deposits follow the log: a consumer of the listings' shards with a cursor for each, cursor and effect in one transaction.

So each event acts exactly once, whatever dies in between. What an event asks for and the rules of deposits refuse becomes a line in the
operator's list of problems; the consumer goes on. Which effect an event has: settlement/listing_effects.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from engine.calendar import Calendar, period_end
from engine.journal.codec import decode_event
from engine.journal.follower import BEHIND, GONE
from engine.journal.queries import load_queries
from engine.rules.listing.evolving import evolve as evolve_listing
from engine.rules.listing.state import ListingState
from engine.values import LISTING_SHARDS, InstantUs, ListingId
from settlement import listing_effects as fx
from settlement.deposits.deposits import Deposits, Outcome
from settlement.deposits.rules import Refused
from settlement.deposits.store import QUERIES as DEPOSIT_QUERIES
from settlement.ledger.book import Connection

CONSUMER: Final = "deposits"
EVENTS_A_TURN: Final = 500
STATES_KEPT: Final = 2_000
"""Listings whose states are kept in memory; a cache, read again from the log when needed."""
QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "following.sql")

Evolve = Callable[[ListingState | None, ListingId, Any, InstantUs], ListingState]

log = logging.getLogger(__name__)


class Following:
    """The consumer."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        deposits: Deposits,
        *,
        calendar: Callable[[], Calendar],
        evolve: Evolve = evolve_listing,
    ) -> None:
        self._pool = pool
        self._deposits = deposits
        self._evolve = evolve
        self._calendar = calendar
        self._states: dict[str, ListingState] = {}
        self._wake = asyncio.Event()
        self._wake.set()

    def notice(self, changes: Sequence[Any]) -> None:
        """Listener of the engine: something happened to listings."""
        if changes:
            self._wake.set()

    async def run(self, pause_s: float = 1.0) -> None:
        """Consume for ever; looks by itself every `pause_s` too, so that a lost wake-up only costs time."""
        while True:
            self._wake.clear()
            try:
                if await self.catch_up():
                    continue
            except BEHIND:
                log.warning("deposits_behind", exc_info=True)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def catch_up(self, shards: Iterable[int] = LISTING_SHARDS) -> int:
        """Act on every event after the cursors; return how many there were."""
        rows = await self._pool.fetch(QUERIES["cursors"], CONSUMER)
        cursors = {row["shard"]: row["seq"] for row in rows}
        behind = await self._pool.fetch(QUERIES["shards_behind"], CONSUMER, list(shards))
        done = 0
        for shard in [row["shard"] for row in behind]:
            try:
                done += await self._shard(shard, cursors.get(shard, 0))
            except GONE:
                raise
            except Exception:  # an event that cannot be followed keeps its own shard, and no other listing's money
                log.exception("deposits_stand_still", extra={"shard": shard})
        return done

    async def _shard(self, shard: int, reached: int) -> int:
        done = 0
        while page := await self._pool.fetch(QUERIES["page"], shard, reached, EVENTS_A_TURN):
            for row in page:
                if not await self._one(shard, reached, row):
                    return done  # another consumer is at work here
                reached, done = row["seq"], done + 1
        return done

    async def _one(self, shard: int, reached: int, row: asyncpg.Record) -> bool:
        stream, after = row["stream"], None
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(QUERIES["move_cursor"], CONSUMER, shard, reached, row["seq"]) is None:
                return False
            if stream.startswith(fx.LISTING_STREAM):
                before = await self._state(connection, stream, row["stream_seq"] - 1)
                event = decode_event(row["type"], row["version"], row["body"])
                at_us = InstantUs(row["at_us"])
                after = self._evolve(before, _listing_of(stream), event, at_us)
                for effect in fx.effects_of(before, event, after):
                    await self._act(connection, effect, stream, row["stream_seq"], at_us)
        if after is not None:
            self._keep(stream, after)
        return True

    async def _state(self, connection: Connection, stream: str, seq: int) -> ListingState | None:
        """Return the state of a listing after event `seq`, None before the first."""
        state = self._states.get(stream)
        if state is not None and state.seq > seq:
            state = None
        while (at := 0 if state is None else state.seq) < seq:
            rows = await connection.fetch(QUERIES["stream_until"], stream, at, seq, EVENTS_A_TURN)
            assert rows, "a stream has no gaps"
            for row in rows:
                event = decode_event(row["type"], row["version"], row["body"])
                state = self._evolve(state, _listing_of(stream), event, InstantUs(row["at_us"]))
        return state

    def _keep(self, stream: str, state: ListingState) -> None:
        self._states.pop(stream, None)
        self._states[stream] = state
        if len(self._states) > STATES_KEPT:
            del self._states[next(iter(self._states))]

    async def _act(
        self, connection: Connection, effect: fx.Effect, stream: str, stream_seq: int, at_us: InstantUs
    ) -> None:
        for done in await self._do(connection, effect, stream, f"{stream}:{stream_seq}", at_us):
            if isinstance(done, Refused):
                log.warning("deposit_act_refused", extra={"code": done.code.value, "act": type(effect).__name__})
                await connection.execute(
                    DEPOSIT_QUERIES["note_problem"], stream, stream_seq, effect.deposit_id, type(effect).__name__,
                    done.code.value, at_us,
                )  # fmt: skip

    async def _do(
        self, connection: Connection, effect: fx.Effect, stream: str, key: str, at_us: InstantUs
    ) -> list[Outcome]:
        deposits, one = self._deposits, effect.deposit_id
        match effect:
            case fx.Require():
                return [
                    await deposits.require(
                        one, stream, effect.party_id, effect.amount_fen, effect.due_at_us, effect.terms, on=connection
                    )
                ]
            case fx.MoveDue():
                return [await deposits.move_due(one, effect.due_at_us, paused=effect.paused, key=key, on=connection)]
            case fx.Release():
                if await deposits.read(one, connection) is None:
                    return []  # it never came so far that a deposit was asked for
                return [await deposits.schedule_release(one, at_us, effect.reason, key=key, on=connection)]
            case fx.Convert():
                return [await deposits.convert(one, effect.deal_ref, key=key, on=connection)]
            case fx.Forfeit():
                return [await self._forfeit(connection, effect, key, at_us)]

    async def _forfeit(self, connection: Connection, effect: fx.Forfeit, key: str, at_us: InstantUs) -> Outcome:
        until_us = at_us
        if effect.appeal_working_days:
            until_us = period_end(self._calendar(), at_us, working_days=effect.appeal_working_days).ends_at_us
        return await self._deposits.propose_forfeit(
            effect.deposit_id, effect.reason, until_us, note=effect.note, recorded_earlier=True, key=key, on=connection
        )


def _listing_of(stream: str) -> ListingId:
    return ListingId(stream.removeprefix(fx.LISTING_STREAM))
