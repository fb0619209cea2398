"""The simulated market: engines that crash and overlap, a network that loses, repeats and reorders, bidders who insist."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.bus.local import Envelope
from engine.evidence.receipts import Receipt
from engine.journal.codec import encode_state, request_digest
from engine.journal.records import lot_stream
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, ResumeLot, Subject
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import Closing, ExtensionFrom, FixedIncrement, Reserve, Terms
from engine.rules.rejections import Reject
from engine.runtime.limits import WriterLimits
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.writer import FencedOut, Writer
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from tests.simulation.fault_log import Database, FaultLog, Faults
from tests.simulation.formats import KINDS
from tests.simulation.promises import Broken
from tests.simulation.sessions import Stage
from tests.simulation.virtual_loop import VirtualClock, run_virtual
from tests.simulation.watch import Watcher

SHARDS = range(64)
RESEND_S = 0.7
SLOW_US = WriterLimits().slow_commit_us
UNSETTLED = {Reject.BUSY, Reject.IN_DOUBT}


@dataclass
class Plan:
    """One simulation: everything follows from the seed."""

    seed: int
    bids: int = 20_000
    lots: int = 8
    sessions: int = 0
    """Sessions of other formats that are held side by side."""
    kinds: tuple[str, ...] = KINDS
    """Of which kinds, one after another."""
    bidders: int = 12
    faults: Faults = field(
        default_factory=lambda: Faults(lost_before=0.0002, lost_after=0.0002, slow=0.0001, unreachable=0.01)
    )
    crash_every_s: float = 8.0
    lose_message: float = 0.02
    repeat_message: float = 0.02
    lose_answer: float = 0.02


@dataclass
class Outcome:
    """What happened, for the closing line."""

    seed: int
    sent: int = 0
    answered: int = 0
    resent: int = 0
    crashes: int = 0
    doubles: int = 0
    fenced: int = 0
    lots: int = 0
    sessions: int = 0
    trace: str = ""
    watcher: Watcher = field(default_factory=Watcher)

    def __str__(self) -> str:
        w = self.watcher
        return (
            f"seed {self.seed}: {self.sent} bids, {self.answered} answered, {self.resent} sent again, {w.accepted} accepted,"
            f" {w.rejected} refused, {self.lots} lots ({w.sold} sold, {w.passed} passed), {w.extended} extensions,"
            f" {w.interrupted} interruptions, {self.crashes} crashes, {self.doubles} double owners, {self.fenced} fenced,"
            + (f" {self.sessions} other sessions ({w.witness.told()})," if self.sessions else "")
            + f" trace {self.trace[:16]}"
        )


class Engine:
    """One simulated engine process."""

    def __init__(self, number: int, market: Market) -> None:
        chance = random.Random(market.chance.getrandbits(64))
        self.log = FaultLog(market.database, chance, market.plan.faults)
        self.clock = VirtualClock(skew_us=chance.randrange(-50_000, 50_000))
        self.owner = f"engine-{number}"
        self.writer = Writer(
            self.log,
            self.clock,
            self.owner,
            SHARDS,
            LOT_RULES,
            limits=WriterLimits(inbox_max=500, batch_max=64, snapshot_every=200),
            random_bytes=chance.randbytes,
            on_commit=self._see_commit,
        )
        self._market = market
        loop = asyncio.get_running_loop()
        self.tasks = [loop.create_task(self._run()), loop.create_task(self._beat())]

    async def _run(self) -> None:
        try:
            await self.writer.run()
        except FencedOut:
            self._market.outcome.fenced += 1

    async def _beat(self) -> None:
        while True:
            if self.writer.serving:
                await self.log.alive(self.owner, self.writer.served_until_us)
                for lot_id, (state, digest) in list(self.writer.snapshots_due.items()):
                    del self.writer.snapshots_due[lot_id]
                    await self.log.save_snapshot(lot_stream(LotId(lot_id)), state.seq, encode_state(state), digest)
            await asyncio.sleep(0.5)

    def _see_commit(self, rows: int, seconds: float) -> None:
        """Nobody learned anything while a commit hung."""
        if seconds * 1e6 > SLOW_US:
            now_us = VirtualClock().now_us()
            self._market.watcher.unserved_us.append((now_us - round(seconds * 1e6), now_us))

    @property
    def serves(self) -> bool:
        """It lives and takes commands."""
        return self.writer.serving and not self.tasks[0].done()

    def kill(self) -> None:
        """Die at whatever await it stands."""
        for task in self.tasks:
            task.cancel()


class Market:
    """The whole simulated world."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.outcome = Outcome(plan.seed)
        self.watcher = self.outcome.watcher
        self.broken: Broken | None = None
        self.database = Database(watch=self._see)
        self.engines: list[Engine] = []
        self.pending = 0
        self.told: dict[bytes, tuple[object, ...]] = {}
        self.highest_acked: dict[LotId, int] = {}
        self._number = 0
        self._unserved_since: int | None = None

    def _see(self, records: object) -> None:
        try:
            self.watcher.see(records)  # type: ignore[arg-type]
        except Broken as broken:
            self.broken = self.broken or broken
            raise

    async def run(self) -> Outcome:
        """Play until the bids are used up, let the dust settle, and compare."""
        self._start_engine()
        loop = asyncio.get_running_loop()
        background = [loop.create_task(self._chaos()), loop.create_task(self._monitor())]
        sellers = [loop.create_task(self._sell(number)) for number in range(self.plan.lots)]
        sellers += [loop.create_task(self._hold(number)) for number in range(self.plan.sessions)]
        give_up_s = 60 + self.plan.bids / 20
        while self.outcome.sent < self.plan.bids and self.broken is None:
            await asyncio.sleep(0.25)
            if loop.time() > give_up_s:
                self.broken = Broken("the market stands still")
        for task in (*sellers, background[0]):
            task.cancel()
        await self._settle()
        for task in background[1:]:
            task.cancel()
        self.outcome.trace = self.watcher.trace.hexdigest()
        if self.broken is not None:
            raise self.broken
        return self.outcome

    async def _settle(self) -> None:
        self.plan.faults.__init__()  # type: ignore[misc]  # from here on nothing fails
        self.plan.lose_message = self.plan.lose_answer = self.plan.repeat_message = 0.0
        for _ in range(400):
            if self.broken is not None:
                return
            if not any(engine.serves for engine in self.engines):
                self._start_engine()
            await asyncio.sleep(0.5)
            if self.pending == 0 and any(engine.serves for engine in self.engines):
                break
        else:
            raise Broken("a command never got a definite answer")
        serving = [engine for engine in self.engines if engine.serves]
        # One that was fenced while it had nothing to write does not know it yet: the highest epoch is the owner.
        owner = max(serving, key=lambda engine: max(engine.writer.epochs.values()))
        self.watcher.compare({LotId(lot_id): state for lot_id, state in owner.writer.committed.items()})

    def _start_engine(self) -> None:
        self._number += 1
        self.engines = [engine for engine in self.engines if not engine.tasks[0].done()]
        self.engines.append(Engine(self._number, self))

    async def _chaos(self) -> None:
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / self.plan.crash_every_s))
            if self.chance.random() < 0.3:
                self.outcome.doubles += 1
                self._start_engine()
                continue
            self.outcome.crashes += 1
            for engine in self.engines:
                engine.kill()
            await asyncio.sleep(self.chance.choice([0.0, 0.1, 1.0, 3.0]))
            self._start_engine()

    async def _monitor(self) -> None:
        """Keep the true record of when nobody served."""
        clock = VirtualClock()
        while True:
            served = any(engine.serves for engine in self.engines)
            if served and self._unserved_since is not None:
                self.watcher.unserved_us.append((self._unserved_since, clock.now_us()))
                self._unserved_since = None
            elif not served and self._unserved_since is None:
                self._unserved_since = clock.now_us()
            await asyncio.sleep(0.02)

    async def _sell(self, number: int) -> None:
        """Put one lot after another up for sale and let bidders bid until it has ended."""
        round_number = 0
        while True:
            round_number += 1
            grouped = number % 4 < 2
            lot_id = LotId(
                f"g{number // 4}-{round_number}.{number % 4 + 1}" if grouped else f"lot{number}-{round_number}"
            )
            self.outcome.lots += 1
            clock = VirtualClock()
            terms = random_terms(self.chance, clock.now_us(), grouped=grouped)
            await self._insist(
                lot_id, PublishLot(terms=terms, subject=SUBJECT, seller_id=PartyId("seller")), "operator"
            )
            if lot_id not in self.watcher.states:
                continue  # it came too late for its own terms and was refused
            parties = [PartyId(f"p{number}-{bidder}") for bidder in range(self.plan.bidders)]
            for party in parties:
                await self._insist(lot_id, AdmitBidder(bidder_id=party), "operator")
            loop = asyncio.get_running_loop()
            bidding = [loop.create_task(self._bid(lot_id, party)) for party in parties]
            try:
                await self._until_ended(lot_id)
            finally:
                for task in bidding:
                    task.cancel()

    async def _hold(self, number: int) -> None:
        """Hold one session of another format after another."""
        kinds, round_number = self.plan.kinds, 0
        while True:
            self.outcome.sessions += 1
            kind = kinds[(number + round_number) % len(kinds)]
            await Stage(self, LotId(f"s{number}-{round_number}"), kind).hold()
            round_number += 1

    async def _until_ended(self, lot_id: LotId) -> None:
        while True:
            await asyncio.sleep(0.3)
            state = self.watcher.states.get(lot_id)
            if state is None:
                continue
            if state.phase.is_final:
                return
            if state.phase is Phase.INTERRUPTED and state.resumes_at_us is None:
                resumes_at_us = InstantUs(VirtualClock().now_us() + 2_500_000)
                await self._insist(lot_id, ResumeLot(reason="notice given", resumes_at_us=resumes_at_us), "operator")

    async def _bid(self, lot_id: LotId, party: PartyId) -> None:
        chance = self.chance
        worth = chance.randrange(500, 12_000)
        while True:
            await asyncio.sleep(chance.expovariate(1 / 0.06))
            state = self.watcher.states.get(lot_id)
            if state is None:
                continue
            price = state.price if state.price is not None else state.terms.start_price - 10
            if price > worth and chance.random() < 0.97:
                continue
            amount = Amount(max(1, price + chance.choice([-10, 0, 10, 10, 10, 20, 35, 200])))
            bid = PlaceBid(bidder_id=party, amount=amount)
            if state.terms.proxy and chance.random() < 0.4:
                bid = PlaceBid(bidder_id=party, maximum=Amount(amount + chance.randrange(0, 300)))
            self.outcome.sent += 1
            answered = self.send(lot_id, bid, party)
            if chance.random() < 0.7:
                await answered

    async def _insist(self, lot_id: LotId, command: Command, actor: str) -> None:
        await self.send(lot_id, command, actor)

    def deliver(self, message: Conversation) -> None:
        """Bring a message to one of the engines; it is lost if none lives."""
        alive = [engine for engine in self.engines if not engine.tasks[0].done()]
        if alive:
            message.give_to(self.chance.choice(alive))

    def send(self, lot_id: LotId, command: Command, actor: str) -> asyncio.Future[None]:
        """Begin a conversation; the result says when it is settled."""
        return Conversation(self, lot_id, command, actor).settled


class Conversation:
    """One command and its sender, who sends it again until the answer is definite."""

    def __init__(self, market: Market, lot_id: LotId, command: Command, actor: str) -> None:
        self.market = market
        self.lot_id = lot_id
        self.command = command
        self.actor = actor
        self.command_id = market.chance.randbytes(16)
        self.digest = request_digest(command)
        self.acked_before = market.highest_acked.get(lot_id, 0)
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waits = True
        self.heard = False
        """An answer came. One that is not on record (seq None) promises nothing for the same id sent again."""
        market.pending += 1
        market.watcher.witness.asked[self.command_id] = command
        self.post()

    def post(self) -> None:
        """Send the message, perhaps twice, perhaps into the void; look again later."""
        market, chance = self.market, self.market.chance
        loop = asyncio.get_running_loop()
        copies = 2 if chance.random() < market.plan.repeat_message else 1
        for _ in range(copies):
            if chance.random() >= market.plan.lose_message:
                loop.call_later(chance.expovariate(1 / 0.01), self._arrive)
        loop.call_later(RESEND_S, self._insist)

    def _insist(self) -> None:
        if not self.heard and self.market.broken is None:
            self.market.outcome.resent += 1
            self.post()

    def _arrive(self) -> None:
        self.market.deliver(self)

    def give_to(self, engine: Engine) -> None:
        """Hand the message to an engine, which answers it."""
        market, tasks = self.market, engine.tasks

        def reply(receipt: Receipt) -> None:
            market.watcher.answers[receipt.code] += 1
            if tasks[0].cancelled() or market.chance.random() < market.plan.lose_answer:
                return
            asyncio.get_running_loop().call_later(market.chance.expovariate(1 / 0.01), self._hear, receipt)

        engine.writer.submit(Envelope(self.lot_id, self.command, self.command_id, self.digest, self.actor, None, reply))

    def _hear(self, receipt: Receipt) -> None:
        market = self.market
        if receipt.code in UNSETTLED or market.broken is not None:
            return
        try:
            market.watcher.hear(receipt, self.acked_before)
            answer = (receipt.decision, receipt.seq, receipt.digest)
            if receipt.seq is not None and market.told.setdefault(self.command_id, answer) != answer:
                raise Broken(f"P3: two answers to one command: {market.told[self.command_id]} and {answer}")
        except Broken as broken:
            market.broken = broken
            return
        self.heard = True
        if receipt.seq is not None:
            market.highest_acked[self.lot_id] = max(market.highest_acked.get(self.lot_id, 0), receipt.seq)
        if self.waits:
            self.waits = False
            market.pending -= 1
            market.outcome.answered += 1
            if not self.settled.done():  # the task that waited may have been cancelled; the bid was sent all the same
                self.settled.set_result(None)


SUBJECT = Subject(title_zh="模拟", title_en="Simulated")


def random_terms(chance: random.Random, now_us: int, *, grouped: bool) -> Terms:
    """Draw terms that a lot of a minute can be held under."""
    second = 1_000_000
    # Now and then a publication is handed in long after the opening that its terms name.
    opens_at_us = InstantUs(now_us + chance.choice([1, 1, 1, 2, 2, 2, -15, -15]) * second)
    kinds: list[Callable[[], Closing]] = [
        lambda: Closing(
            opens_at_us=opens_at_us,
            closes_at_us=InstantUs(opens_at_us + chance.randrange(8, 30) * second),
            extension_us=DurationUs(chance.choice([1, 2, 5]) * second),
            extension_from=chance.choice(list(ExtensionFrom)),
            extensions_max=chance.choice([None, 3, 40]),
            hard_end_us=chance.choice([None, InstantUs(opens_at_us + 40 * second)]),
        ),
        lambda: Closing(
            opens_at_us=opens_at_us,
            free_period_us=DurationUs(chance.randrange(5, 20) * second),
            limited_cycle_us=DurationUs(chance.choice([1, 2, 4]) * second),
            hard_end_us=InstantUs(opens_at_us + 60 * second),
        ),
        lambda: Closing(
            opens_at_us=opens_at_us,
            first_bid_clock_us=DurationUs(chance.randrange(8, 20) * second),
            extension_us=DurationUs(chance.choice([2, 4]) * second),
            hard_end_us=InstantUs(opens_at_us + chance.choice([4, 45]) * second),
        ),
    ]
    closing = kinds[0]() if grouped else chance.choice(kinds)()
    start = Amount(chance.choice([100, 1_000]))
    reserve = chance.choice([None, Reserve(amount=Amount(start + 500), public=False)])
    return Terms(
        closing=closing,
        increment=FixedIncrement(step=Amount(10)),
        start_price=start,
        reserve=reserve,
        proxy=chance.random() < 0.5,
        resume_notice_us=DurationUs(second),
        outage_shift_max_us=DurationUs(20 * second),
    )


def simulate(plan: Plan) -> Outcome:
    """Run one simulation on virtual time.

    Raises:
        Broken: a promise does not hold; the same seed shows it again.
    """

    async def main() -> Outcome:
        return await Market(plan).run()

    outcome: Outcome = run_virtual(main())
    return outcome
