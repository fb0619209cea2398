"""The engine's end of the bus over Redis: reads the commands of the shards it owns, answers each, tells what was committed.

Nothing here decides. What Redis loses costs an answer (the gateway then looks into the log) or a change (the gateway then reads the
log), never a bid. While nobody can reach the market over Redis it is held: no end passes, and the time is given back (P5).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct

from engine.bus import messages as m
from engine.bus.local import Envelope
from engine.bus.nodes import Servers, Session, keep_session, opened
from engine.bus.owned import START, Entry, EntryId, Owned, after, read_id, write_id
from engine.bus.reach import UNREACHABLE_US, Holding, Reach
from engine.bus.wire import CALL_S, Address, Wire
from engine.bus.wire import Command as RedisCommand
from engine.evidence.receipts import Receipt, refused
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record
from engine.rules.rejections import Reject
from engine.values import InstantUs

BEAT_S: Final = 0.5
LOOK_S: Final = 2.0
"""How often streams are measured."""
BLOCK_MS: Final = 100
"""How long one read waits; a shard that was just taken over is read after this at most."""
ENTRIES_A_READ: Final = 100
ROOM: Final = 2_000
"""Commands waiting for the writers above which nothing more is read: the rest waits in Redis, in order."""
RECORDS_A_MESSAGE: Final = 500
ANSWERS_A_MESSAGE: Final = 1_000
MESSAGES_MAX: Final = 20_000
"""Messages waiting to be published; more are dropped, and read from the log by whoever misses them."""
STALE_S: Final = 30.0
"""An entry that waited longer by Redis' own clock is refused: its bidder was told long ago that nothing is known of it."""
LOOK_UP_AGAIN_S: Final = 0.05

log = logging.getLogger(__name__)


class DecidingEngine(Holding, Protocol):
    """What this end needs of the engine."""

    @property
    def ready(self) -> bool:
        """Commands are taken now."""
        ...

    @property
    def waiting(self) -> int:
        """Commands in the inboxes."""
        ...

    @property
    def owner(self) -> str:
        """Name of this process."""
        ...

    def submit_in(self, shard: int, envelope: Envelope[Any]) -> None:
        """Take a command for the lane that this shard belongs to."""
        ...


class IntakeCounts(Struct):
    """What happened so far, and how it is; read by /metrics."""

    commands: int = 0
    unknown: int = 0
    """Commands refused because this program does not know them."""
    stale: int = 0
    dropped: int = 0
    """Messages not published because too many waited."""
    sessions: int = 0
    """Times that Redis was connected."""
    depth: int = 0
    """Entries in the streams of the owned shards."""


class Intake:
    """The end of the bus in one engine process. Is told which shards it owns, see `Shards`."""

    def __init__(
        self, servers: Servers, journal: PostgresLog, key: bytes | None = None, unreachable_us: int = UNREACHABLE_US
    ) -> None:
        self.counts = IntakeCounts()
        self._servers = servers
        self._journal = journal
        self._cover = m.Cover(key)
        self._session: Session | None = None
        self._owned: dict[int, Owned] = {}
        self._wanted: set[int] = set()
        """Gained, and not looked up in the log yet."""
        self._gained = asyncio.Event()
        self._more = asyncio.Event()
        """Set, and replaced by another, when there are more shards to read."""
        self._wake = asyncio.Event()
        self._answers: dict[str, list[m.Answer]] = {}
        self._messages: deque[tuple[str, RedisCommand]] = deque()
        self._sending = False
        self._reach = Reach(unreachable_us)
        self._redis_ahead_s: dict[Address, float] = {}
        """Redis' wall clock ahead of this loop's clock."""

    @property
    def connected(self) -> bool:
        """Redis is there."""
        return self._session is not None

    @property
    def shards(self) -> int:
        """Shards whose commands are read here."""
        return len(self._owned)

    @property
    def gateways(self) -> int:
        """Gateways that said lately that they are there."""
        return self._reach.gateways

    # What the engine says.

    def gained(self, shards: Sequence[int]) -> None:
        """See `Shards.gained`: reading begins after the last entry on record."""
        self._wanted.update(shard for shard in shards if shard in m.BUS_SHARDS)
        self._gained.set()

    def lost(self, shards: Sequence[int]) -> None:
        """See `Shards.lost`: nothing more of these is taken in, from this moment on."""
        for shard in shards:
            self._wanted.discard(shard)
            self._owned.pop(shard, None)

    def publish(self, records: Sequence[Record]) -> None:
        """Tell what was committed, after everybody who asked was answered."""
        for shard, of_shard in m.by_shard(records).items():
            owned = self._owned.get(shard)
            if owned is not None:
                owned.epoch, owned.seq = of_shard[-1].epoch, of_shard[-1].seq
            if self._session is None or shard not in m.BUS_SHARDS:
                continue
            for start in range(0, len(of_shard), RECORDS_A_MESSAGE):
                told = m.Told(tuple(of_shard[start : start + RECORDS_A_MESSAGE]))
                self._say(shard, m.CHANGES.encode(told, self._cover))

    def _say(self, shard: int, payload: bytes) -> None:
        if len(self._messages) >= MESSAGES_MAX:
            self.counts.dropped += 1
            return
        self._messages.append((m.shard_tag(shard), ("SPUBLISH", m.changes_channel(shard), payload)))
        self._wake.set()

    # Life.

    async def run(self, engine: DecidingEngine) -> None:
        """Serve for ever, over one session with Redis after another."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_up_gained())
            tasks.create_task(
                self._reach.watch(engine, lambda: None if self._session is None else self._session.heard_s)
            )
            tasks.create_task(keep_session(lambda: self._serve_session(engine), "engine"))

    async def _serve_session(self, engine: DecidingEngine) -> None:
        async with opened(self._servers) as session:
            for owned in self._owned.values():
                owned.found = False
            self.counts.sessions += 1
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._session = session
                    tasks.create_task(session.watch())
                    tasks.create_task(
                        session.listen({m.GATEWAYS_CHANNEL: m.GATEWAYS_TAG}, self._reach.hear, lambda: None)
                    )
                    tasks.create_task(self._send(session))
                    tasks.create_task(self._beat(engine))
                    tasks.create_task(self._look(session))
                    for tags in session.together(map(m.shard_tag, m.BUS_SHARDS)):
                        tasks.create_task(self._read(session, [int(tag[1:]) for tag in tags], engine))
            finally:
                self._session = None
                self._answers.clear()
                self._messages.clear()

    async def _look_up_gained(self) -> None:
        """Find in the log where reading of a gained shard begins and where its log stands."""
        while True:
            await self._gained.wait()
            self._gained.clear()
            shards = sorted(self._wanted)
            try:
                positions = await self._journal.positions(shards)
                entries = await self._journal.last_entries(shards)
            except JournalUnavailable:
                self._gained.set()
                await asyncio.sleep(LOOK_UP_AGAIN_S)
                continue
            for shard in shards:
                if shard not in self._wanted:
                    continue  # lost meanwhile
                self._wanted.discard(shard)
                committed = read_id(entries[shard]) if shard in entries else START
                self._owned[shard] = Owned(shard, positions.get(shard, (0, 0)), committed)
            self._more.set()
            self._more = asyncio.Event()

    async def flush(self, within_s: float) -> None:
        """Wait until what was answered is on its way, `within_s` at most: the last thing before the end."""
        until_s = asyncio.get_running_loop().time() + within_s
        while self._session is not None and (self._answers or self._messages or self._sending):
            if asyncio.get_running_loop().time() > until_s:
                return
            await asyncio.sleep(0.005)

    # Commands in.

    async def _read(self, session: Session, shards: list[int], engine: DecidingEngine) -> None:
        """Read what of these shards is ours: all of them with one command, over a connection of its own, because it blocks."""
        node = session.node_of(m.shard_tag(shards[0]))
        wire: Wire | None = None
        try:
            while True:
                mine = {shard: owned for shard in shards if (owned := self._owned.get(shard)) is not None}
                if not mine:
                    await self._more.wait()
                elif not engine.ready or engine.waiting >= ROOM:
                    await asyncio.sleep(0.002 if engine.ready else 0.02)
                else:
                    wire = wire or await session.another(node)
                    await self._read_once(wire, node, mine, engine)
        finally:
            if wire is not None:
                wire.close()

    async def _read_once(self, wire: Wire, node: Address, mine: dict[int, Owned], engine: DecidingEngine) -> None:
        await self._find_cursors(wire, [owned for owned in mine.values() if not owned.found])
        keys = [m.commands_key(shard) for shard in mine]
        cursors = [write_id(owned.cursor) for owned in mine.values()]
        read: RedisCommand = ("XREAD", "COUNT", ENTRIES_A_READ, "BLOCK", BLOCK_MS, "STREAMS", *keys, *cursors)
        for key, entries in (await wire.call([read], BLOCK_MS / 1_000 + CALL_S))[0] or ():
            owned = mine[m.shard_of_key(key)]
            for entry_id, fields in entries:
                if self._owned.get(owned.shard) is not owned:
                    break  # lost while this was read
                owned.cursor = read_id(entry_id)
                self._take(owned, entry_id.decode(), fields, node, engine)

    async def _find_cursors(self, wire: Wire, unsure: list[Owned]) -> None:
        if unsure:
            asked = [("XREVRANGE", m.commands_key(owned.shard), "+", "-", "COUNT", 1) for owned in unsure]
            for owned, newest in zip(unsure, await wire.call(asked), strict=True):
                owned.fit(read_id(newest[0][0]) if newest else None)

    def _take(self, owned: Owned, entry_id: str, fields: list[bytes], node: Address, engine: DecidingEngine) -> None:
        said = dict(zip(fields[::2], fields[1::2], strict=True))
        try:
            gateway, number, count = said[b"g"].decode(), int(said[b"n"]), int(said[b"c"])
        except (KeyError, ValueError):
            log.error("entry_unreadable", extra={"entry": entry_id})
            self.counts.unknown += 1
            return
        entry = Entry(owned.cursor, count)
        owned.entries.append(entry)
        self.counts.commands += count
        try:
            if self._is_stale(owned.cursor, node):
                self.counts.stale += count
                raise m.UnknownMessage("it waited too long")
            commands = m.COMMANDS.decode(said.get(b"p", b""), self._cover)
            if len(commands) != count:
                raise m.UnknownMessage("another number of commands")
        except m.UnknownMessage as problem:
            self._refuse_entry(owned, entry, gateway, number, count, str(problem))
            return
        for place, found in enumerate(commands):
            reply = partial(self._answered, owned, entry, gateway, number, place)
            try:
                command = m.command_of(owned.shard, found)
            except m.UnknownMessage as problem:
                log.warning("command_unknown", extra={"why": str(problem)})
                self.counts.unknown += 1
                reply(refused(found.subject_id, found.command_id, Reject.BUSY))
                continue
            arrived_us = None if found.arrived_at_us is None else InstantUs(found.arrived_at_us)
            engine.submit_in(
                owned.shard,
                Envelope(
                    found.subject_id, command, found.command_id, found.request_digest, found.actor, arrived_us, reply,
                    entry_id=entry_id,
                ),
            )  # fmt: skip

    def _refuse_entry(self, owned: Owned, entry: Entry, gateway: str, number: int, count: int, problem: str) -> None:
        """Another program's words: the bidders may send them again, perhaps to an engine that knows them."""
        log.warning("entry_refused", extra={"why": problem})
        self.counts.unknown += count
        for place in range(min(count, ANSWERS_A_MESSAGE)):
            self._answered(owned, entry, gateway, number, place, refused("", None, Reject.BUSY))
        entry.open = 0
        owned.finish()

    def _is_stale(self, entry_id: EntryId, node: Address) -> bool:
        ahead_s = self._redis_ahead_s.get(node)
        return ahead_s is not None and asyncio.get_running_loop().time() + ahead_s - entry_id[0] / 1_000 > STALE_S

    def _answered(self, owned: Owned, entry: Entry, gateway: str, number: int, place: int, receipt: Receipt) -> None:
        entry.open -= 1
        if entry.open <= 0:
            owned.finish()
        if self._session is not None:
            self._answers.setdefault(gateway, []).append(m.answer(number, place, receipt))
            self._wake.set()

    # Answers and changes out.

    async def _send(self, session: Session) -> None:
        """Publish what waits: answers first, all that came while the last was under way together."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            answers, self._answers = self._answers, {}
            messages, self._messages = self._messages, deque()
            commands: list[tuple[str, RedisCommand]] = []
            for gateway, of_gateway in answers.items():
                for start in range(0, len(of_gateway), ANSWERS_A_MESSAGE):
                    payload = m.ANSWERS.encode(tuple(of_gateway[start : start + ANSWERS_A_MESSAGE]), self._cover)
                    commands.append((m.gateway_tag(gateway), ("SPUBLISH", m.receipts_channel(gateway), payload)))
            commands.extend(messages)
            self._sending = bool(commands)
            if commands:
                await session.call(commands)
            self._sending = False

    async def _beat(self, engine: DecidingEngine) -> None:
        """Say twice a second what is owned and where it stands, and drop the entries that are answered."""
        while True:
            now_us = engine.now_us()
            for owned in self._owned.values():
                if owned.epoch:
                    beat = m.Beat(owned.shard, engine.owner, owned.epoch, owned.seq, now_us)
                    self._say(owned.shard, m.CHANGES.encode(beat, self._cover))
                if owned.done > owned.trimmed:
                    owned.trimmed = owned.done
                    trim: RedisCommand = ("XTRIM", m.commands_key(owned.shard), "MINID", write_id(after(owned.done)))
                    self._messages.append((m.shard_tag(owned.shard), trim))
            await asyncio.sleep(BEAT_S)

    async def _look(self, session: Session) -> None:
        """Measure the streams, ask Redis for its time, and notice a stream that has begun anew."""
        loop = asyncio.get_running_loop()
        while True:
            shards = list(self._owned.values())
            lengths = await session.call([(m.shard_tag(o.shard), ("XLEN", m.commands_key(o.shard))) for o in shards])
            self.counts.depth = sum(lengths)
            for owned, length in zip(shards, lengths, strict=True):
                if length:
                    owned.found = False
            one_of_node = {session.node_of(m.shard_tag(owned.shard)): owned.shard for owned in shards}
            times = await session.call([(m.shard_tag(shard), ("TIME",)) for shard in one_of_node.values()])
            for node, (seconds, micros) in zip(one_of_node, times, strict=True):
                self._redis_ahead_s[node] = int(seconds) + int(micros) / 1e6 - loop.time()
            await asyncio.sleep(LOOK_S)
