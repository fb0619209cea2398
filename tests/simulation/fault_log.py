"""A journal in memory that is no kinder than PostgreSQL: statements travel, wait for each other, commit without saying so, vanish.

Semantics that the contract suite (tests/contract/) checks against the real one: unique (shard, seq), (stream, stream_seq) and
(stream, command id); an insert waits for an uncommitted one with the same key; a batch is all or nothing; a client's death does
not stop a statement that has arrived.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from engine.canonical import canonical_bytes
from engine.journal.digests import first_digest
from engine.journal.log import Fenced, InDoubt, JournalUnavailable, Stored, Taken
from engine.journal.postgres import OWNER_TAKEN
from engine.journal.records import LOT_STREAM, Record, shard_stream
from engine.journal.sealing import SALT_LENGTH, seal
from engine.values import InstantUs

FIRST_TYPES = {"lot.published", "lot.session_published"}
FINAL_TYPES = {"lot.sold", "lot.allocated", "lot.passed", "lot.voided", "lot.withdrawn"}

LOST_AFTER_S: Final = 0.01
"""A lost connection is noticed after a moment; meanwhile the writer decides ahead of it."""


@dataclass
class Faults:
    """How often what goes wrong, as probabilities for one statement; all zero means a perfect database."""

    lost_before: float = 0.0
    """The statement never arrives; the client sees an error."""
    lost_after: float = 0.0
    """The statement commits; its answer never arrives."""
    slow: float = 0.0
    """The statement is on the way for seconds: long enough for another owner to take over."""
    unreachable: float = 0.0


@dataclass
class LeaseRows:
    """What the rows of ownership hold (tests/simulation/fault_leases.py)."""

    engines: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Until when each engine has a lease, and whether it is leaving."""
    owners: dict[int, str | None] = field(default_factory=dict)
    served: dict[int, int] = field(default_factory=dict)
    """Last epoch of a shard that was marked as served."""
    released: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Epoch under which a shard was handed over in order, and until when it was served."""


class Gate:
    """A process that may stand still: whatever it asks and whatever it is answered waits here."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        """It runs."""
        return self._open.is_set()

    def shut(self) -> None:
        """Stop it, as SIGSTOP does."""
        self._open.clear()

    def open(self) -> None:
        """Let it go on."""
        self._open.set()

    async def passed(self) -> None:
        """Wait until it runs."""
        await self._open.wait()


@dataclass
class Database:
    """What survives everything. `watch` sees every committed batch, in commit order."""

    watch: Callable[[Sequence[Record]], None] = lambda records: None
    rows: dict[int, list[Record]] = field(default_factory=dict)
    streams: dict[str, list[Record]] = field(default_factory=dict)
    commands: dict[str, dict[bytes, int]] = field(default_factory=dict)
    snapshots: dict[str, tuple[int, bytes, bytes]] = field(default_factory=dict)
    alive_at_us: dict[str, int] = field(default_factory=dict)
    leases: LeaseRows = field(default_factory=lambda: LeaseRows())
    in_flight: dict[int, asyncio.Event] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)

    async def insert(self, records: Sequence[Record], seconds: float) -> bool:
        """Insert a batch; wait for uncommitted batches on the same shards first. False: a key is taken, nothing was written."""
        shards = {record.shard for record in records}
        while blocking := [self.in_flight[shard] for shard in sorted(shards) if shard in self.in_flight]:
            await blocking[0].wait()
        if not self._fits(records):
            return False
        done = asyncio.Event()
        self.in_flight.update(dict.fromkeys(shards, done))
        try:
            await asyncio.sleep(seconds)
        finally:
            for shard in shards:
                del self.in_flight[shard]
            self._commit(records)
            done.set()
        return True

    def _fits(self, records: Sequence[Record]) -> bool:
        heads = {record.shard: len(self.rows.get(record.shard, ())) for record in records}
        tails = {record.stream: len(self.streams.get(record.stream, ())) for record in records}
        for record in records:
            heads[record.shard] += 1
            tails[record.stream] += 1
            known = self.commands.get(record.stream, {})
            if record.seq != heads[record.shard] or record.stream_seq != tails[record.stream]:
                return False
            if record.command_id is not None and record.command_id in known:
                return False
        return True

    def _commit(self, records: Sequence[Record]) -> None:
        for record in records:
            self.rows.setdefault(record.shard, []).append(record)
            self.streams.setdefault(record.stream, []).append(record)
            if record.command_id is not None:
                self.commands.setdefault(record.stream, {})[record.command_id] = record.stream_seq
            if record.type in FIRST_TYPES:
                self.live.add(record.stream)
            elif record.type in FINAL_TYPES:
                self.live.discard(record.stream)
        self.watch(records)


class FaultLog:
    """`EventLog` of one simulated engine over a shared `Database`."""

    def __init__(self, database: Database, chance: random.Random, faults: Faults, gate: Gate | None = None) -> None:
        self._gate = gate or Gate()
        self._database = database
        self._chance = chance
        self._faults = faults
        self._statements: set[asyncio.Task[bool]] = set()

    async def append(self, records: Sequence[Record]) -> None:
        await self._gate.passed()
        faults, draw = self._faults, self._chance.random
        if draw() < faults.lost_before:
            await asyncio.sleep(LOST_AFTER_S)
            raise InDoubt("connection lost")
        on_the_way_s = self._chance.uniform(1.0, 8.0) if draw() < faults.slow else 0.0002
        arrived = await self._statement(records, on_the_way_s)
        await self._gate.passed()
        if draw() < faults.lost_after:
            raise InDoubt("answer lost")
        if not arrived:
            raise Fenced("another writer took the shard")

    async def _statement(self, records: Sequence[Record], on_the_way_s: float) -> bool:
        """Run on the server's side: goes on when the client is cancelled."""

        async def run() -> bool:
            await asyncio.sleep(on_the_way_s)
            return await self._database.insert(list(records), self._chance.uniform(0.0002, 0.003))

        statement = asyncio.get_running_loop().create_task(run())
        self._statements.add(statement)
        statement.add_done_callback(self._statements.discard)
        return await asyncio.shield(statement)

    async def take(self, shards: Sequence[int], owner: str, at_us: InstantUs) -> list[Taken]:
        await self._reach()
        for _ in range(50):
            takes = [self._taking(shard, owner, at_us) for shard in shards]
            released = {shard: self._released(shard) is not None for shard in shards}
            if await self._statement([record for record, _ in takes], 0.0):
                await self._gate.passed()
                return [
                    Taken(record.shard, record.epoch, record.seq, record.digest, unserved_us, released[record.shard])
                    for record, unserved_us in takes
                ]
        raise JournalUnavailable("another owner keeps writing")

    def _released(self, shard: int) -> InstantUs | None:
        """Return until when the last owner served, if it handed over in order."""
        epoch, until_us = self._database.leases.released.get(shard, (0, 0))
        takes = len(self._database.streams.get(shard_stream(shard), ()))
        return InstantUs(until_us) if epoch == takes and epoch else None

    def _taking(self, shard: int, owner: str, at_us: InstantUs) -> tuple[Record, InstantUs | None]:
        rows, stream = self._database.rows.get(shard, []), shard_stream(shard)
        taken = self._database.streams.get(stream, [])
        decided = next((row.at_us for row in reversed(rows) if row.type != OWNER_TAKEN[0]), None)
        signs: list[int | None] = [decided]
        if taken:
            body = msgspec.json.decode(taken[-1].body)
            owner_before, leases = body["owner"], self._database.leases
            counts = owner_before not in leases.engines or leases.served.get(shard) == len(taken)
            alive = self._database.alive_at_us.get(owner_before) if counts else None
            signs.append(body["unserved_from_us"] if alive is None else alive)
        unserved = max((InstantUs(sign) for sign in signs if sign is not None), default=None) if taken else None
        if (released := self._released(shard)) is not None:
            unserved = released
        noted: dict[str, object] = {"owner": owner, "unserved_from_us": unserved}
        record = seal(
            shard=shard,
            seq=len(rows) + 1,
            epoch=len(taken) + 1,
            stream=stream,
            stream_seq=len(taken) + 1,
            type_version=OWNER_TAKEN,
            at_us=InstantUs(max(at_us, rows[-1].at_us + 1 if rows else 0)),
            arrived_at_us=None,
            command_id=None,
            request_digest=None,
            actor="engine",
            body=canonical_bytes(noted | ({"handed_over": True} if released is not None else {})),
            salt=self._chance.randbytes(SALT_LENGTH),
            previous=taken[-1].digest if taken else first_digest(stream),
        )
        return record, unserved

    async def load_live(self, shards: Sequence[int]) -> list[Stored]:
        await self._reach()
        return [
            self._stored(stream)
            for stream in sorted(self._database.live)
            if self._database.streams[stream][0].shard in shards
        ]

    async def load(self, stream: str, *, commands: bool = True) -> Stored | None:
        await self._reach()
        return self._stored(stream) if stream in self._database.streams else None

    def _stored(self, stream: str) -> Stored:
        assert stream.startswith(LOT_STREAM)
        seq, state, digest = self._database.snapshots.get(stream, (0, None, None))
        commands = dict(self._database.commands.get(stream, {}))
        return Stored(stream, state, digest, self._database.streams[stream][seq:], commands)

    async def find_command(self, stream: str, command_id: bytes, actor: str) -> Record | None:
        seq = self._database.commands.get(stream, {}).get(command_id)
        found = await self.record_at(stream, seq or 0)
        return found if found is not None and found.actor == actor else None

    async def record_at(self, stream: str, stream_seq: int) -> Record | None:
        await self._reach()
        records = self._database.streams.get(stream, [])
        return records[stream_seq - 1] if 1 <= stream_seq <= len(records) else None

    async def save_snapshot(self, stream: str, stream_seq: int, state: bytes, digest: bytes) -> None:
        self._database.snapshots[stream] = (stream_seq, state, digest)

    async def alive(self, owner: str, at_us: InstantUs) -> None:
        await self._gate.passed()
        self._database.alive_at_us[owner] = max(at_us, self._database.alive_at_us.get(owner, 0))

    async def _reach(self) -> None:
        await self._gate.passed()
        await asyncio.sleep(0.0002)
        await self._gate.passed()
        if self._chance.random() < self._faults.unreachable:
            raise JournalUnavailable("simulated")
