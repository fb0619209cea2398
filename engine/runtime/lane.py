"""A lane: one writer over the shards of one kind of stream, with connections of its own. Lots and listings never wait for each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

from engine.bus.local import Change, Envelope, Listener, Shards, receipt_for, tell_all
from engine.evidence.receipts import Receipt
from engine.journal.advances import AdvanceListener, advances_of
from engine.journal.codec import encode_state
from engine.journal.folding import fold_aside
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record
from engine.journal.secrecy import CLEAR, Secrecy, Vault
from engine.runtime.clock import SteadyClock
from engine.runtime.limits import WriterLimits
from engine.runtime.rulebook import C, E, Rulebook, S
from engine.runtime.shared_writer import SharedWriter
from engine.runtime.writer import Writer
from engine.values import InstantUs, SubjectId

SNAPSHOTS_PER_BEAT: Final = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Process:
    """What the lanes of a process share."""

    dsn: str
    owner: str
    clock: SteadyClock
    limits: WriterLimits
    look: Callable[[], InstantUs]
    """Returns the time now, having noticed a stall of the process."""
    on_commit: Callable[[int, float], None]
    publish: Callable[[Sequence[Record]], None] = lambda records: None
    """Takes the records of each commit, for those who follow the log in other processes."""
    tap: Callable[[Envelope[Any]], None] | None = None
    """Sees each command before it is submitted, for tracing; None: nobody looks."""
    log_key: bytes | None = None
    """Hides what is secret in the database; None leaves it in clear."""
    listener: Shards | None = None
    """Learns which shards are served."""
    shared: bool = False
    """Shards come and go (engine/runtime/ownership.py); False: all are owned from the start to the end."""

    def secrecy(self) -> Secrecy:
        """Return what hides rows, for one connection."""
        return CLEAR if self.log_key is None else Vault(self.log_key)


class Lane(Generic[C, E, S]):
    """Commands in, receipts and changes out, committed states in memory."""

    def __init__(self, rules: Rulebook[C, E, S], shards: Sequence[int], process: Process) -> None:
        self.rules = rules
        self._process = process
        self._listeners: list[Listener[E, S]] = []
        self._advance_listeners: list[AdvanceListener] = []
        self._journal = PostgresLog(process.dsn, rules.kind, process.secrecy())
        self._side_journal = PostgresLog(process.dsn, rules.kind, process.secrecy())
        self._side_lock = asyncio.Lock()
        self._adopting = PostgresLog(process.dsn, rules.kind, process.secrecy())
        self.shared_writer: SharedWriter[C, E, S] | None = None
        given = (self._journal, process.clock, process.owner, shards, rules)
        options: dict[str, Any] = {
            "limits": process.limits,
            "tell": self._tell,
            "publish": self._publish,
            "on_commit": process.on_commit,
            "listener": process.listener,
        }
        if process.shared:
            self.shared_writer = SharedWriter(*given, **options, adopting=self._adopting)
        self.writer: Writer[C, E, S] = self.shared_writer or Writer(*given, **options)

    async def close(self) -> None:
        """Close the connections."""
        for journal in (self._journal, self._side_journal, self._adopting):
            await journal.close()

    def submit(self, envelope: Envelope[C]) -> None:
        """Take a command; `envelope.reply` is called exactly once, after the commit."""
        self.submit_all((envelope,))

    def submit_all(self, envelopes: Sequence[Envelope[C]]) -> None:
        """Take commands that came in together, in this order; `reply` of each is called exactly once, after the commit."""
        if self._process.tap is not None:
            for envelope in envelopes:
                self._process.tap(envelope)
        self.writer.submit_all(envelopes, self._process.look())

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
        """Submit a command and wait for its receipt."""
        return await receipt_for(
            self.submit,
            subject_id,
            command,
            command_id=command_id,
            request_digest=request_digest,
            actor=actor,
            arrived_at_us=arrived_at_us,
        )

    def subscribe(self, listener: Listener[E, S]) -> None:
        """Call `listener` with the changes of each commit, in commit order, after the askers were answered."""
        self._listeners.append(listener)

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the log of each shard grew with each commit, when the states in memory are as it left them."""
        self._advance_listeners.append(listener)

    def state(self, subject_id: SubjectId) -> S | None:
        """Return a committed state in memory."""
        return self.writer.committed.get(subject_id)

    def states(self) -> Iterable[S]:
        """Return the committed states in memory: all that have not ended, and those that ended a short while ago."""
        return list(self.writer.committed.values())

    async def load(self, subject_id: SubjectId) -> S | None:
        """Return a committed state from memory or from the log; None if there is no such subject.

        Raises:
            JournalUnavailable: the log cannot be read now.
            CorruptLog: the history does not fit its digests.
        """
        state = self.state(subject_id)
        if state is None:
            async with self._side_lock:
                stored = await self._side_journal.load(self.rules.kind.stream(subject_id), commands=False)
            if stored is None:
                return None
            state = (await fold_aside(self.rules.kind, stored))[0]
        return state

    async def sign(self, served_until_us: InstantUs) -> None:
        """Leave a sign of life of the process: until when it surely served."""
        try:
            async with self._side_lock:
                await self._side_journal.alive(self._process.owner, served_until_us)
        except Exception:  # a missed sign of life only lengthens an outage; the heartbeat itself must go on
            log.warning("sign_of_life_failed", exc_info=True)

    async def keep(self) -> None:
        """Save some of the snapshots that are due."""
        due = self.writer.snapshots_due
        if not due:
            return
        try:
            async with self._side_lock:
                for subject_id in list(due)[:SNAPSHOTS_PER_BEAT]:
                    state, chain = due.pop(subject_id)
                    await self._side_journal.save_snapshot(
                        self.rules.kind.stream(subject_id),
                        state.seq,
                        encode_state(state),  # type: ignore[arg-type]  # every state is a struct
                        chain,
                    )
        except Exception:  # the next start only takes longer; the heartbeat itself must go on
            log.warning("snapshots_not_saved", exc_info=True)

    def _publish(self, records: Sequence[Record]) -> None:
        self._process.publish(records)
        if self._advance_listeners:
            tell_all(self._advance_listeners, advances_of(records))

    def _tell(self, changes: Sequence[Change[E, S]]) -> None:
        tell_all(self._listeners, changes)
