"""The simulated market with several engines that share the shards: they come, hand over, leave, crash, and stand still past their lease.

Commands wait in one stream for each shard, as they do on the bus: an engine takes them only for what it serves.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field

import msgspec

from engine.journal.codec import decode_event, encode_state
from engine.journal.postgres import OWNER_TAKEN
from engine.journal.records import Record, lot_of, lot_stream
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import Command
from engine.rules.auction.events import Event, LotInterrupted, OutageCompensated
from engine.rules.auction.state import LotState
from engine.runtime.limits import WriterLimits
from engine.runtime.ownership import LeaseSettings, Ownership
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.shared_writer import SharedWriter
from engine.values import LotId, shard_of
from tests.simulation import market
from tests.simulation.fault_leases import FaultLeases
from tests.simulation.fault_log import FaultLog, Faults, Gate
from tests.simulation.market import SHARDS, SLOW_US, Conversation, Market, Outcome, Plan
from tests.simulation.promises import CLOCK_SLACK_US, Broken
from tests.simulation.virtual_loop import VirtualClock, run_virtual
from tests.simulation.watch import Watcher

LEASE = LeaseSettings(lease_us=1_000_000, margin_us=200_000, look_s=0.1, hand_over_look_s=0.02, leave_s=8.0)
STALL_US = 2_000_000
PAUSES_S = [0.2, 1.5, 3.0, 6.0]
"""The first is too short to count as a standstill (and shorter than the watcher's slack); the others are past the lease."""


@dataclass
class ClusterPlan(Plan):
    """One simulation of several engines."""

    faults: Faults = field(default_factory=lambda: Faults(lost_before=0.0002, lost_after=0.0002, slow=0.0001))
    engines: int = 3
    change_every_s: float = 3.0
    """Something happens to the engines so often."""
    changes: str = "join leave crash pause pause"
    skew_us: int = 50_000
    """How far each engine's clock may be off."""


def _look(task: asyncio.Task[None]) -> None:
    """Take note of how a task ended. What nobody took note of is written down when it is collected, in the middle of anything: CPython
    3.11 then parses source for the trace, and cannot while it parses a module that is being imported.
    """
    if not task.cancelled():
        task.exception()


class ClusterEngine(market.Engine):
    """One simulated engine process that shares the shards with others."""

    def __init__(self, number: int, world: ClusterMarket) -> None:
        chance = random.Random(world.chance.getrandbits(64))
        self.gate = Gate()
        self.log = FaultLog(world.database, chance, world.plan.faults, self.gate)
        self.clock = VirtualClock(skew_us=chance.randint(-world.plan.skew_us, world.plan.skew_us))
        self.owner = f"engine-{number}"
        self.shared: SharedWriter[Command, Event, LotState] = SharedWriter(
            self.log,
            self.clock,
            self.owner,
            SHARDS,
            LOT_RULES,
            limits=WriterLimits(inbox_max=500, batch_max=16, snapshot_every=200),
            random_bytes=chance.randbytes,
            on_commit=self._see_commit,
            adopting=FaultLog(world.database, chance, world.plan.faults, self.gate),
        )
        self.writer = self.shared
        leases = FaultLeases(world.database, chance, world.plan.faults, self.gate)
        loop = asyncio.get_running_loop()
        self.ownership = Ownership(leases, self.owner, [self.shared], LEASE, monotonic_s=loop.time)
        self._market = self.world = world
        self._last_beat_us = self.clock.now_us()
        self.leaving = False
        self.tasks = [
            loop.create_task(self._run()),
            loop.create_task(self._beat()),
            loop.create_task(self.ownership.run()),
        ]
        for task in self.tasks:
            task.add_done_callback(_look)

    @property
    def serves(self) -> bool:
        """It lives, runs, and has shards."""
        return self.gate.is_open and bool(self.writer.epochs) and not self.tasks[0].done()

    def _see_commit(self, rows: int, seconds: float) -> None:
        """Nobody learned anything of these shards while the commit hung; those that another took meanwhile he served."""
        if seconds * 1e6 > SLOW_US:
            now_us = VirtualClock().now_us()
            for shard, owner in self.world.database.leases.owners.items():
                if owner == self.owner and shard in self.writer.epochs:
                    self.world.watcher.gaps_us[shard].append((now_us - round(seconds * 1e6), now_us))

    def look(self) -> None:
        """Notice a standstill before anything else is done."""
        now_us, last_us = self.clock.now_us(), self._last_beat_us
        self._last_beat_us = now_us
        if now_us - last_us > STALL_US:
            self.ownership.check_lease()
            self.writer.report_stall(last_us, now_us)

    async def _beat(self) -> None:
        beats = 0
        while True:
            await self.gate.passed()
            self.look()
            if beats % 5 == 0:
                if served_until_us := self.writer.served_until_us:
                    await self.log.alive(self.owner, served_until_us)
                for lot_id, (state, digest) in list(self.writer.snapshots_due.items()):
                    self.writer.snapshots_due.pop(lot_id, None)
                    await self.log.save_snapshot(lot_stream(LotId(lot_id)), state.seq, encode_state(state), digest)
            beats += 1
            await asyncio.sleep(0.1)

    async def pause(self, seconds: float) -> None:
        """Stand still, as after SIGSTOP."""
        self.gate.shut()
        await asyncio.sleep(seconds)
        self.gate.open()

    async def leave(self) -> None:
        """Go in order."""
        self.leaving = True
        self.tasks[2].cancel()
        await self.ownership.leave()
        self.writer.stop()
        await self.tasks[0]
        self.tasks[1].cancel()


class ClusterWatcher(Watcher):
    """Knows which shard was served when, and checks that a hand-over gave its time back."""

    def __init__(self, skew_us: int) -> None:
        super().__init__()
        self._skew_us = skew_us
        self._owed: set[LotId] = set()
        """Lots that were handed over while they took bids and have not got their time back yet."""
        self.gaps_us: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.hand_overs = 0
        self._compensated: dict[LotId, list[tuple[int, int]]] = defaultdict(list)

    def _see_lot(self, record: Record) -> None:
        lot_id, event = lot_of(record.stream), decode_event(record.type, record.version, record.body)
        if isinstance(event, OutageCompensated):
            self._compensated[lot_id].append((event.from_us, event.to_us))
        elif lot_id in self._owed and not isinstance(event, LotInterrupted):
            raise Broken(f"P5: {lot_id} was handed over and the time was not given back")
        self._owed.discard(lot_id)
        super()._see_lot(record)

    def see(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.type == OWNER_TAKEN[0]:
                self._see_taking(record)
            super().see([record])

    def _see_taking(self, record: Record) -> None:
        body = msgspec.json.decode(record.body)
        if "handed_over" not in body:
            return
        self.hand_overs += 1
        if record.at_us - body["unserved_from_us"] > 2 * self._skew_us:
            self._owed |= {
                lot_id
                for lot_id, state in self.states.items()
                if shard_of(lot_id) == record.shard and state.phase.is_bidding and next_deadline(state) is not None
            }

    def unserved(self, record: Record) -> Iterable[tuple[int, int]]:
        """Leave out what was given back by moving the end: an announced second is a second, if later."""
        given = self._compensated[lot_of(record.stream)]
        return [
            (from_us, to_us)
            for from_us, to_us in [*self.gaps_us[record.shard][-50:], *self.unserved_us[-50:]]
            if not any(a <= from_us + CLOCK_SLACK_US and to_us - CLOCK_SLACK_US <= b for a, b in given)
        ]


class ClusterMarket(Market):
    """The world of several engines."""

    plan: ClusterPlan
    engines: list[ClusterEngine]  # type: ignore[assignment]
    watcher: ClusterWatcher

    def __init__(self, plan: ClusterPlan) -> None:
        super().__init__(plan)
        self.watcher = self.outcome.watcher = ClusterWatcher(plan.skew_us)
        self.streams: dict[int, deque[Conversation]] = defaultdict(deque)
        self._gap_since: dict[int, int] = {}
        self._started = 0
        self._acts: set[asyncio.Task[None]] = set()

    def _start_engine(self) -> None:
        self.engines = [engine for engine in self.engines if not engine.tasks[0].done()]
        for _ in range(self.plan.engines if not self.engines else 1):
            self._started += 1
            self.engines.append(ClusterEngine(self._started, self))

    def deliver(self, message: Conversation) -> None:
        shard = shard_of(message.lot_id)
        self.streams[shard].append(message)
        self._pump(shard)

    def _pump(self, shard: int) -> None:
        waiting = self.streams[shard]
        while waiting:
            readers = [engine for engine in self.engines if engine.gate.is_open and shard in engine.writer.epochs]
            readers = [engine for engine in readers if not engine.tasks[0].done()]
            if not readers:
                return
            engine = self.chance.choice(readers)
            engine.look()
            if shard not in engine.writer.epochs:
                continue  # it noticed that its lease is over
            waiting.popleft().give_to(engine)

    async def _monitor(self) -> None:
        clock = VirtualClock()
        while True:
            served = {
                shard
                for engine in self.engines
                if engine.gate.is_open and not engine.tasks[0].done()
                for shard in engine.writer.epochs
            }
            for shard in SHARDS:
                if shard in served and (since_us := self._gap_since.pop(shard, None)) is not None:
                    self.watcher.gaps_us[shard].append((since_us, clock.now_us()))
                elif shard not in served:
                    self._gap_since.setdefault(shard, clock.now_us())
                self._pump(shard)
            await asyncio.sleep(0.01)

    async def _chaos(self) -> None:
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / self.plan.change_every_s))
            living = [engine for engine in self.engines if engine.gate.is_open and not engine.leaving]
            living = [engine for engine in living if not engine.tasks[0].done()]
            act = self.chance.choice(self.plan.changes.split())
            if act == "join" or not living:
                if len(living) < self.plan.engines + 2:
                    self.outcome.doubles += 1
                    self._start_engine()
                continue
            engine = self.chance.choice(living)
            if act == "crash":
                self.outcome.crashes += 1
                engine.kill()
                self.engines.remove(engine)
            elif act == "pause":
                self._keep(engine.pause(self.chance.choice(PAUSES_S)))
            elif len(living) > 1:
                self._keep(engine.leave())

    def _keep(self, act: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(act)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _settle(self) -> None:
        self.plan.faults.__init__()  # type: ignore[misc]  # from here on nothing fails
        self.plan.lose_message = self.plan.lose_answer = self.plan.repeat_message = 0.0
        for _ in range(400):
            if self.broken is not None:
                return
            if all(engine.tasks[0].done() for engine in self.engines):
                self._start_engine()
            await asyncio.sleep(0.5)
            if self.pending == 0 and not self._acts and not self._gap_since:
                break
        else:
            raise Broken("a command never got a definite answer, or a shard no owner")
        for engine in self.engines:
            if engine.serves:
                self.watcher.compare({LotId(lot_id): state for lot_id, state in engine.writer.committed.items()})


def simulate_cluster(plan: ClusterPlan) -> Outcome:
    """Run one simulation of several engines on virtual time.

    Raises:
        Broken: a promise does not hold; the same seed shows it again.
    """

    async def main() -> Outcome:
        return await ClusterMarket(plan).run()

    outcome: Outcome = run_virtual(main())
    return outcome
