"""A small market in memory: the real rules, book and live edge; the log is a list, a commit takes as long as a test says."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any
from uuid import UUID

from multidict import CIMultiDict

from engine.bus.local import Change, Envelope, LotEnvelope, LotListener
from engine.evidence.receipts import Receipt, receipt_of, refused
from engine.journal.log import Taken
from engine.journal.records import Record
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.book import Batch, Book, LotBatch
from engine.runtime.rulebook import LOT_RULES
from engine.values import SHARDS, Amount, DurationUs, InstantUs, LotId, PartyId
from gateway.accounts.model import Account, Caller, Role, Scope
from gateway.live.edge import LiveEdge
from gateway.live.limits import Rate
from gateway.live.session import RoomSession
from gateway.live.settings import LiveSettings
from gateway.live.visitors import Credentials, Visitor, visitor_of
from tests.simulation.virtual_loop import VirtualClock, run_virtual

Frame = dict[str, Any]
LOT = LotId("lot-1")
ORIGIN = "https://market.example"
MINUTE_US = 60_000_000
PLENTY = Rate.per_second(1_000_000, burst=1_000_000)


class TableEngine:
    """The engine on a table: decides at once, commits `commit_s` later, tells everybody."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.commit_s = 0.0
        self.now_us = now_us
        self.records: dict[LotId, list[Record]] = {}
        self.committed: dict[LotId, LotState] = {}
        self.untold = 0
        """Commits that go into the log without anybody being told, as after a doubt."""
        self.busy = False
        self.unreadable = False
        self._epoch = 1
        self._book = Book(
            LOT_RULES, [Taken(shard, 1, 0, b"", None) for shard in range(SHARDS)], random.Random(1).randbytes
        )
        self._listeners: list[LotListener] = []
        self._waiting: list[LotEnvelope] = []

    def submit_all(self, envelopes: Sequence[LotEnvelope]) -> None:
        for envelope in envelopes:
            if self.busy:
                envelope.reply(refused(envelope.subject_id, envelope.command_id, Reject.BUSY))
                continue
            envelope.at_us = InstantUs(self.now_us())
            self._waiting.append(envelope)
            if len(self._waiting) == 1:
                asyncio.get_running_loop().call_later(self.commit_s, self.commit)

    def commit(self) -> None:
        envelopes, self._waiting = self._waiting, []
        batch: LotBatch = Batch()
        for envelope in envelopes:
            if envelope.subject_id not in self._book:
                self._book.add_new(envelope.subject_id)
            self._book.decide(envelope, batch)
        answers = [*batch.answers, *((envelope, self._repeat(envelope)) for envelope, _ in batch.repeats)]
        self._settle(batch, answers)

    def decide(self, lot_id: LotId, *commands: Command) -> None:
        """Commit commands of the house now, in one transaction."""
        batch: LotBatch = Batch()
        if lot_id not in self._book:
            self._book.add_new(lot_id)
        for command in commands:
            at_us = InstantUs(self.now_us())
            envelope = Envelope(lot_id, command, None, None, "house", None, lambda receipt: None, at_us)
            self._book.decide(envelope, batch)
        self._settle(batch, [])

    def _settle(self, batch: LotBatch, answers: Sequence[tuple[LotEnvelope, Receipt]]) -> None:
        for record in batch.records:
            self.records.setdefault(LotId(record.stream.removeprefix("lot/")), []).append(record)
        for envelope, receipt in answers:
            envelope.reply(receipt)
        for change in batch.changes:
            self.committed[LotId(change.subject_id)] = change.state
        if self.untold:
            self.untold -= 1
        elif batch.changes:
            changes = [Change(c.subject_id, self._epoch, c.seq, c.at_us, c.event, c.state) for c in batch.changes]
            for listener in self._listeners:
                listener(changes)
        for lot_id in {LotId(change.subject_id) for change in batch.changes}:
            self._plan(lot_id)

    def _plan(self, lot_id: LotId) -> None:
        due_us = next_deadline(self.committed[lot_id])
        if due_us is not None:
            delay_s = max(0.0, (due_us - self.now_us()) / 1e6)
            asyncio.get_running_loop().call_later(delay_s, self._reach, lot_id, due_us)

    def _reach(self, lot_id: LotId, due_us: InstantUs) -> None:
        if next_deadline(self.committed[lot_id]) == due_us:
            batch: LotBatch = Batch()
            self._book.reach_deadlines(lot_id, InstantUs(max(due_us, self.now_us())), batch)
            self._settle(batch, [])

    def _repeat(self, envelope: LotEnvelope) -> Receipt:
        record = next(r for r in self.records[LotId(envelope.subject_id)] if r.command_id == envelope.command_id)
        if record.request_digest != envelope.request_digest or record.actor != envelope.actor:
            return refused(envelope.subject_id, envelope.command_id, Reject.COMMAND_ID_REUSED)
        return receipt_of(record)

    def take_over(self) -> None:
        """Another owner: from now on a higher epoch."""
        self._epoch += 1

    def subscribe(self, listener: LotListener) -> None:
        self._listeners.append(listener)

    def state(self, lot_id: LotId) -> LotState | None:
        return self.committed.get(lot_id)

    def lots(self) -> Iterable[LotState]:
        return list(self.committed.values())

    def epoch(self, lot_id: LotId) -> int:
        return self._epoch

    async def load(self, lot_id: LotId) -> LotState | None:
        await asyncio.sleep(0)
        if self.unreadable:
            raise OSError("the database is away")
        return self.committed.get(lot_id)

    async def lot_tail(self, lot_id: LotId, limit: int) -> list[Record]:
        await asyncio.sleep(0)
        return self.records.get(lot_id, [])[-limit:]

    async def find_command(self, lot_id: LotId, command_id: bytes, actor: str) -> Record | None:
        await asyncio.sleep(0)
        if self.unreadable:
            raise OSError("the database is away")
        found = [r for r in self.records.get(lot_id, []) if r.command_id == command_id and r.actor == actor]
        return found[0] if found else None


class TableVisitors:
    """Accounts on a table: `name` stands for a bidder, `operator:name` for an operator, `reader:name` for a token that may only read."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.away = False

    async def visitor(self, credentials: Credentials) -> Visitor | None:
        await asyncio.sleep(0)
        if self.away:
            raise OSError("the database is away")
        secret = credentials.bearer or credentials.cookie
        if secret is None or secret.startswith("expired"):
            return None
        kind, _, name = secret.rpartition(":")
        role = Role.OPERATOR if kind == "operator" else Role.BIDDER
        account = Account(
            id=PartyId(name),
            party=PartyId(name),
            login=name,
            display_name=name,
            role=role,
            language="zh",
            created_at_us=0,
        )
        if kind == "reader":
            return visitor_of(Caller(account=account, token=f"token-of-{name}", scopes=frozenset({Scope.READ})))
        return visitor_of(Caller(account=account, session=f"session-of-{name}"))

    def standing_now(self) -> Callable[[Visitor], bool]:
        return lambda visitor: visitor.caller.session not in self.revoked


class TableWire:
    """A socket on a table. `full` is a peer that reads nothing."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.writes: list[int] = []
        """How many frames each write carried."""
        self.payloads: list[bytes] = []
        self.close_code: int | None = None
        self.aborted = False
        self.pings = 0
        self.unsent = 0

    def send(self, payload: bytes) -> None:
        self.send_many([payload])

    def send_many(self, payloads: list[bytes]) -> None:
        assert self.close_code is None, "nothing is sent after the close frame"
        self.writes.append(len(payloads))
        self.payloads.extend(payloads)
        self.frames.extend(json.loads(payload) for payload in payloads)

    def ping(self) -> None:
        self.pings += 1

    def buffered(self) -> int:
        return self.unsent

    def close(self, code: int) -> None:
        if self.close_code is None:
            self.close_code = code

    def abort(self) -> None:
        self.aborted = True


class Guest:
    """Somebody at a socket: says frames, reads what came since he last looked."""

    def __init__(self, edge: LiveEdge, wire: TableWire, session: RoomSession) -> None:
        self.edge = edge
        self.wire = wire
        self.session = session
        self._read = 0

    async def say(self, frame: Frame | bytes | None = None, **fields: Any) -> list[Frame]:
        """Send a frame and return what comes back at once."""
        payload = frame if isinstance(frame, bytes) else json.dumps(frame or fields).encode()
        self.edge.take(self.session, payload)
        await rest()
        return self.hears()

    def hears(self) -> list[Frame]:
        """Return the frames since the last look, without heartbeats."""
        new, self._read = self.wire.frames[self._read :], len(self.wire.frames)
        return [frame for frame in new if frame["t"] != "heartbeat"]

    def leaves(self) -> None:
        self.edge.closed(self.session)


class Market:
    """A lot that is open for an hour, and everybody around it."""

    def __init__(self, settings: LiveSettings | None = None) -> None:
        self.clock = VirtualClock()
        self.engine = TableEngine(self.clock.now_us)
        self.visitors = TableVisitors()
        self.settings = settings or LiveSettings(origins=frozenset({ORIGIN}))
        chance = random.Random(7)
        self.edge = LiveEdge(self.engine, self.engine, self.visitors, self.settings, self.clock.now_us, chance=chance)
        self.edge.start()

    def publish(self, lot_id: LotId = LOT, *bidders: str, **terms: Any) -> None:
        """Put a lot on the market that opened a minute ago and closes in an hour, and admit bidders."""
        now_us = self.clock.now_us()
        closing = Closing(
            opens_at_us=InstantUs(now_us - MINUTE_US),
            closes_at_us=InstantUs(now_us + terms.pop("closes_in_us", 60 * MINUTE_US)),
            extension_us=DurationUs(5 * MINUTE_US),
        )
        given: dict[str, Any] = {"increment": FixedIncrement(Amount(100)), "start_price": Amount(1_000), **terms}
        full = Terms(closing=closing, admission=Admission.OPEN, **given)
        publish = PublishLot(terms=full, subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("seller"))
        self.engine.decide(lot_id, publish)
        self.engine.decide(lot_id, *(AdmitBidder(bidder_id=PartyId(bidder)) for bidder in bidders))

    def bid(self, bidder: str, amount: int | None, lot_id: LotId = LOT, maximum: int | None = None) -> None:
        """Commit a bid that came from elsewhere."""
        given = None if maximum is None else Amount(maximum)
        offered = None if amount is None else Amount(amount)
        self.engine.decide(lot_id, PlaceBid(bidder_id=PartyId(bidder), amount=offered, maximum=given))

    def state(self, lot_id: LotId = LOT) -> LotState:
        return self.engine.committed[lot_id]

    async def visit(self, who: str | None = None, *, welcome: bool = True, **more: str) -> Guest:
        """Open a connection; read its welcome away."""
        headers = CIMultiDict(more)
        if who is not None:
            headers["Authorization"] = f"Bearer {who}"
        credentials = self.edge.arrive(headers)
        wire = TableWire()
        guest = Guest(self.edge, wire, self.edge.open(wire, credentials))
        await rest()
        if welcome:
            assert guest.hears()[0]["t"] == "welcome"
        return guest

    async def watch(self, who: str | None = None, lot_id: LotId = LOT) -> tuple[Guest, Frame]:
        """Open a connection and join the lot; return the snapshot."""
        guest = await self.visit(who)
        (snapshot,) = await guest.say(t="join", lot=lot_id, after=None, epoch=None)
        return guest, snapshot


async def rest(seconds: float = 0.0) -> None:
    """Let time pass; with nothing said, only what is due now happens."""
    await asyncio.sleep(seconds)
    for _ in range(12):
        await asyncio.sleep(0)


def uuid(number: int) -> str:
    """Return the id of a test's n-th wish."""
    return str(UUID(int=number))


def on_virtual_time(play: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a coroutine a test that runs on virtual time."""

    def test() -> None:
        run_virtual(play())

    test.__name__, test.__doc__, test.__module__ = play.__name__, play.__doc__, play.__module__
    return test


def kinds(frames: Collection[Frame]) -> list[str]:
    """Return what kinds of frames these are."""
    return [frame["t"] for frame in frames]
