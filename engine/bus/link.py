"""The gateway's end of the bus over Redis: the surface of the engine, with the engine in other processes.

Without Redis it says so: commands are answered `busy`, states follow PostgreSQL twice a second, and nothing else changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from engine.bus import messages as m
from engine.bus.local import Envelope, Listener, LotEnvelope, LotListener, receipt_for
from engine.bus.nodes import Servers, Session, keep_session, opened
from engine.bus.ports import MarketClock
from engine.bus.replica import Replica
from engine.bus.sender import Sender, SenderLimits
from engine.evidence.receipts import Receipt
from engine.journal.advances import AdvanceListener
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import PostgresLog
from engine.journal.secrecy import CLEAR, Vault
from engine.journal.streams import LISTINGS, LOTS, NOTICES, StreamKind
from engine.rules.auction.commands import Command
from engine.rules.auction.events import Event
from engine.rules.auction.state import LotState
from engine.rules.listing.commands import ListingCommand
from engine.rules.listing.events import ListingEvent
from engine.rules.listing.state import ListingState
from engine.rules.publicity.commands import NoticeCommand
from engine.rules.publicity.events import NoticeEvent
from engine.rules.publicity.state import NoticeState
from engine.values import LISTING_SHARDS, NOTICE_SHARDS, SHARDS, InstantUs, LotId, SubjectId

BEAT_S: Final = 0.5
POLL_S: Final = 0.5
SILENT_S: Final = 1.5
"""A shard whose owner was not heard for so long is looked at in PostgreSQL."""
SEEN_S: Final = 1.0
"""How long an answer waits at most until what it recorded is in the replica."""
ANSWERS_S: Final = 2.0
"""How long answers are waited for at the end."""
FORGET_S: Final = 5.0
WORK_AGAIN_S: Final = 1.0
KEEP_ENDED_US: Final = 600_000_000

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
log = logging.getLogger(__name__)


class LinkLane(Generic[C, E, S]):
    """One kind of stream: commands go to its engines, states come from the replica. See `LanePort`."""

    def __init__(self, replica: Replica[E, S], sender: Sender) -> None:
        self.replica = replica
        self._sender = sender
        self.subscribe: Callable[[Listener[E, S]], None] = replica.subscribe
        self.subscribe_advances: Callable[[AdvanceListener], None] = replica.subscribe_advances

    def submit(self, envelope: Envelope[C]) -> None:
        """Send a command to whoever decides; `envelope.reply` is called exactly once."""
        self._sender.submit(self.replica.kind.shard_of(envelope.subject_id), envelope)

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
        """Send a command and wait for its receipt; what it recorded is then in the replica, if Redis or the log tell in time."""
        receipt = await receipt_for(
            self.submit,
            subject_id,
            command,
            command_id=command_id,
            request_digest=request_digest,
            actor=actor,
            arrived_at_us=arrived_at_us,
        )
        if receipt.seq is not None:
            await self.replica.reached(subject_id, receipt.seq, SEEN_S)
        return receipt

    def state(self, subject_id: SubjectId) -> S | None:
        """Return a committed state in memory."""
        return self.replica.committed.get(subject_id)

    def states(self) -> Iterable[S]:
        """Return the committed states in memory: all that have not ended, and those that ended a short while ago."""
        return list(self.replica.committed.values())

    async def load(self, subject_id: SubjectId) -> S | None:
        """Return a committed state from memory or from the log, see `LanePort.load`."""
        return await self.replica.read(subject_id)


class Link:
    """The engine as a gateway of several machines sees it. See `MarketPort`."""

    def __init__(
        self,
        servers: Servers,
        dsn: str,
        clock: MarketClock,
        *,
        log_key: bytes | None = None,
        limits: SenderLimits = SenderLimits(),
        gateway: str | None = None,
    ) -> None:
        self.clock = clock
        self.gateway = gateway or secrets.token_hex(8)
        self.fenced = False
        """Never: another engine may own anything at any time."""
        self.sessions = 0
        """Times that Redis was connected."""
        self._servers = servers
        self._cover = m.Cover(log_key)

        def journal(kind: StreamKind = LOTS) -> PostgresLog:
            return PostgresLog(dsn, kind, CLEAR if log_key is None else Vault(log_key))

        lots: Replica[Event, LotState] = Replica(LOTS, range(SHARDS), journal())
        listings: Replica[ListingEvent, ListingState] = Replica(LISTINGS, LISTING_SHARDS, journal(LISTINGS))
        notices: Replica[NoticeEvent, NoticeState] = Replica(NOTICES, NOTICE_SHARDS, journal(NOTICES))
        self._replicas: tuple[Replica[Any, Any], ...] = (lots, listings, notices)
        self._of_shard = {shard: replica for replica in self._replicas for shard in replica.shards}
        self._journal, self._answers_journal = journal(), journal()
        self.sender = Sender(
            self.gateway,
            self._answers_journal,
            lambda shard: self._of_shard[shard].kind,
            lambda shard: self._of_shard[shard].owned_s(shard),
            limits,
            self._cover,
        )
        self._lots: LinkLane[Command, Event, LotState] = LinkLane(lots, self.sender)
        self.listings: LinkLane[ListingCommand, ListingEvent, ListingState] = LinkLane(listings, self.sender)
        self.notices: LinkLane[NoticeCommand, NoticeEvent, NoticeState] = LinkLane(notices, self.sender)
        self._connected = False
        self._loaded = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, then read what lives; returns when the states are there, with or without Redis.

        Raises:
            JournalUnavailable: the database cannot be read.
        """
        self._begin(lambda: keep_session(self._serve_session, "gateway"))
        for replica in self._replicas:
            await replica.load()
            self._begin(replica.keep_whole)
        self._loaded = True
        for work in (self._poll, self._forget, self.sender.sweep, self.sender.look_up):
            self._begin(work)

    async def stop(self) -> None:
        """Take nothing more, answer what was taken, let go."""
        await self.sender.stop(ANSWERS_S)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        for replica in self._replicas:
            await replica.close()
        await self._journal.close()
        await self._answers_journal.close()

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(_kept_up(work)))

    # The surface of the engine.

    @property
    def ready(self) -> bool:
        """The states are there, Redis is, and somebody decides: commands are taken now."""
        return self._loaded and self._connected and self.ownerless < len(self._of_shard)

    @property
    def owner(self) -> str:
        """Name of this gateway."""
        return self.gateway

    @property
    def connected(self) -> bool:
        """Redis is there."""
        return self._connected

    @property
    def ownerless(self) -> int:
        """Shards that nobody decides about now."""
        return sum(1 for shard in self._of_shard if not self.sender.is_owned(shard))

    @property
    def waiting(self) -> int:
        """Commands without an answer."""
        return self.sender.outstanding

    @property
    def lag(self) -> int:
        """Records in the log that are not in the replica yet."""
        return sum(replica.lag for replica in self._replicas)

    @property
    def healed(self) -> int:
        """Times that something missed was read from the log."""
        return sum(replica.healed for replica in self._replicas)

    def submit_all(self, envelopes: Sequence[LotEnvelope]) -> None:
        """Send commands about lots in this order; `reply` of each is called exactly once."""
        for envelope in envelopes:
            self._lots.submit(envelope)

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
        """Send a command about a lot and wait for its receipt."""
        return await self._lots.ask(
            lot_id,
            command,
            command_id=command_id,
            request_digest=request_digest,
            actor=actor,
            arrived_at_us=arrived_at_us,
        )

    def subscribe(self, listener: LotListener) -> None:
        """Call `listener` with the changes of lots."""
        self._lots.subscribe(listener)

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the logs of lots grew."""
        self._lots.subscribe_advances(listener)

    def state(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot in memory."""
        return self._lots.state(lot_id)

    def lots(self) -> Iterable[LotState]:
        """Return the committed states of lots in memory."""
        return self._lots.states()

    async def load(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot from memory or from the log."""
        return await self._lots.load(lot_id)

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot is written."""
        return self._lots.replica.epoch(LOTS.shard_of(lot_id))

    # Redis.

    async def _serve_session(self) -> None:
        channels = {m.changes_channel(shard): m.shard_tag(shard) for shard in self._of_shard}
        channels[m.receipts_channel(self.gateway)] = m.gateway_tag(self.gateway)
        receipts, shards = (
            m.receipts_channel(self.gateway).encode(),
            {m.changes_channel(s).encode(): s for s in self._of_shard},
        )

        def on_message(channel: bytes, payload: bytes) -> None:
            if channel == receipts:
                self.sender.take_answers(payload)
            elif channel in shards:
                self._take(shards[channel], payload)

        def ready() -> None:
            self._connected = True
            self.sessions += 1
            self.sender.opened()

        async with opened(self._servers) as session:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(session.watch())
                    tasks.create_task(session.listen(channels, on_message, ready))
                    tasks.create_task(self.sender.send(session))
                    tasks.create_task(self._beat(session))
            finally:
                self._connected = False
                self.sender.closed()

    async def _beat(self, session: Session) -> None:
        """Say that this gateway is there: without any the engines hold the market."""
        while True:
            if self._connected and self._loaded:
                await session.call([(m.GATEWAYS_TAG, ("SPUBLISH", m.GATEWAYS_CHANNEL, self.gateway))])
                await asyncio.sleep(BEAT_S)
            else:
                await asyncio.sleep(0.02)

    def _take(self, shard: int, payload: bytes) -> None:
        try:
            message = m.CHANGES.decode(payload, self._cover)
        except m.UnknownMessage as problem:
            log.warning("change_unknown", extra={"why": str(problem)})  # its owner is not heard: the log is polled
            return
        if isinstance(message, m.Told):
            self.sender.take_records(message.records)
            self._of_shard[shard].told(shard, message.records)
        elif message.shard == shard:
            self._of_shard[shard].beat(message, asyncio.get_running_loop().time())

    # PostgreSQL.

    async def _poll(self) -> None:
        """Look at the log for shards whose owner is not heard: without Redis that is all of them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(POLL_S)
            now_s = loop.time()
            silent = [shard for shard, r in self._of_shard.items() if now_s - r.owned_s(shard) > SILENT_S]
            if not silent:
                continue
            try:
                positions = await self._journal.positions(silent)
            except JournalUnavailable:
                log.warning("poll_failed")
                continue
            for shard, (_, seq) in positions.items():
                self._of_shard[shard].stands_at(shard, seq)

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(FORGET_S)
            for replica in self._replicas:
                replica.forget_ended(self.clock.now_us(), KEEP_ENDED_US)


async def _kept_up(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work for ever; what ends by an error is written down and begun again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("link_work_failed")
        await asyncio.sleep(WORK_AGAIN_S)
