"""A gateway's commands on their way: bounded, sent together, answered exactly once each.

The answer comes over Redis; if it does not come in time the log is asked by the command's id, and if it has no answer either the
bidder is told so (`in_doubt`: the same id may be sent again).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from engine.bus import messages as m
from engine.bus.local import Envelope
from engine.bus.nodes import Session
from engine.bus.wire import Command as RedisCommand
from engine.evidence.receipts import Receipt, receipt_on_record, refused
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record
from engine.journal.streams import StreamKind
from engine.rules.rejections import Reject

RECEIPT_S: Final = 3.0
"""An answer that has not come after this is looked up in the log."""
SWEEP_S: Final = 0.2
COMMANDS_AN_ENTRY: Final = 100
GIVEN_UP_KEPT: Final = 1_000
OWNERLESS_S: Final = 5.0
"""A shard whose owner was not heard for so long takes nothing: `busy`. Shorter than that is a hand-over: bids wait in Redis."""

log = logging.getLogger(__name__)


class SenderLimits(Struct, frozen=True, kw_only=True):
    """Commands without an answer; one more is `busy`."""

    all_max: int = 20_000
    shard_max: int = 5_000


class SenderCounts(Struct):
    """What happened so far; read by /metrics."""

    sent: int = 0
    busy: int = 0
    late: int = 0
    """Answers that came after the log had been asked."""
    looked_up: int = 0
    in_doubt: int = 0


class _Sent:
    """An entry on its way."""

    __slots__ = ("at_s", "envelopes", "left", "shard")

    def __init__(self, shard: int, envelopes: list[Envelope[Any]], at_s: float) -> None:
        self.shard = shard
        self.envelopes: list[Envelope[Any] | None] = list(envelopes)
        self.left = len(envelopes)
        self.at_s = at_s


class Sender:
    """Commands of one gateway."""

    def __init__(
        self,
        gateway: str,
        journal: PostgresLog,
        kind_of_shard: Callable[[int], StreamKind],
        owned_s: Callable[[int], float],
        limits: SenderLimits,
        cover: m.Cover,
    ) -> None:
        self.counts = SenderCounts()
        self._gateway = gateway
        self._journal = journal
        self._kind_of_shard = kind_of_shard
        self._owned_s = owned_s
        self._limits = limits
        self._cover = cover
        self._open = False
        self._stopping = False
        self._number = 0
        self._waiting: dict[int, list[Envelope[Any]]] = {}
        self._sent: dict[int, _Sent] = {}
        """In order of sending."""
        self._places: dict[bytes, list[tuple[int, int]]] = {}
        """Command id -> entries and places in them that wait for an answer."""
        self._given_up: OrderedDict[int, None] = OrderedDict()
        """The last entries that were looked up."""
        self._outstanding: dict[int, int] = {}
        self._all = 0
        self._doubtful: list[tuple[int, Envelope[Any]]] = []
        self._wake = asyncio.Event()
        self._doubt = asyncio.Event()

    @property
    def outstanding(self) -> int:
        """Commands without an answer."""
        return self._all

    def is_owned(self, shard: int) -> bool:
        """Tell whether somebody was heard lately who decides about this shard."""
        return asyncio.get_running_loop().time() - self._owned_s(shard) < OWNERLESS_S

    def submit(self, shard: int, envelope: Envelope[Any]) -> None:
        """Take a command; one that cannot be sent now is answered `busy` at once. `reply` is called exactly once."""
        assert envelope.command_id is not None, "what travels can be sent again"
        outstanding = self._outstanding.get(shard, 0)
        full = outstanding >= self._limits.shard_max or self._all >= self._limits.all_max
        if not self._open or self._stopping or full or not self.is_owned(shard):
            self.counts.busy += 1
            _reply(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))
            return
        self._outstanding[shard] = outstanding + 1
        self._all += 1
        self._waiting.setdefault(shard, []).append(envelope)
        self._wake.set()

    # The session with Redis.

    def opened(self) -> None:
        """Receipts are listened to: commands can be sent."""
        self._open = True

    def closed(self) -> None:
        """Redis is gone: what was not sent is refused; what was may still be answered, or is looked up."""
        self._open = False
        waiting, self._waiting = self._waiting, {}
        for shard, envelopes in waiting.items():
            for envelope in envelopes:
                self._settle(shard, envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))

    async def send(self, session: Session) -> None:
        """Send what waits, all that came while the last was under way together, until Redis is gone."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            commands: list[tuple[str, RedisCommand]] = []
            for shard, envelopes in waiting.items():
                for start in range(0, len(envelopes), COMMANDS_AN_ENTRY):
                    some = envelopes[start : start + COMMANDS_AN_ENTRY]
                    self._number += 1
                    self._sent[self._number] = _Sent(shard, some, loop.time())
                    self.counts.sent += len(some)
                    for place, envelope in enumerate(some):
                        self._places.setdefault(envelope.command_id or b"", []).append((self._number, place))
                    payload = m.COMMANDS.encode(tuple(m.sent(envelope) for envelope in some), self._cover)
                    add: RedisCommand = (
                        "XADD", m.commands_key(shard), "*",
                        "g", self._gateway, "n", self._number, "c", len(some), "p", payload,
                    )  # fmt: skip
                    commands.append((m.shard_tag(shard), add))
            if commands:
                await session.call(commands)

    def take_answers(self, payload: bytes) -> None:
        """Hand receipts to those who asked."""
        try:
            answers = m.ANSWERS.decode(payload, self._cover)
        except m.UnknownMessage as problem:
            log.warning("answers_unknown", extra={"why": str(problem)})  # the log is asked when their time is up
            return
        for answer in answers:
            sent = self._sent.get(answer.number)
            envelope = sent.envelopes[answer.place] if sent is not None and answer.place < len(sent.envelopes) else None
            if sent is None or envelope is None:  # its record was told before, or it came too late
                self.counts.late += answer.number in self._given_up
                continue
            try:
                receipt = m.receipt_of_answer(answer, envelope.subject_id, envelope.command_id)
            except m.UnknownMessage as problem:
                log.warning("answer_unknown", extra={"why": str(problem)})
                continue
            self._answer(answer.number, answer.place, envelope, receipt)

    def take_records(self, records: Sequence[Record]) -> None:
        """Records were committed: whoever asked for one of them here has his receipt before anybody sees the change."""
        for record in records:
            for number, place in self._places.get(record.command_id or b"", ())[:]:
                envelope = self._sent[number].envelopes[place]
                assert envelope is not None, "it waits"
                if self._stream_of(self._sent[number].shard, envelope) == record.stream:
                    asked = (envelope.subject_id, envelope.command_id, envelope.request_digest, envelope.actor)
                    try:
                        receipt = receipt_on_record(record, *asked)
                    except Exception:  # a newer program's event: the receipt says more, or the log
                        log.warning("record_unknown", extra={"type": record.type})
                        continue
                    self._answer(number, place, envelope, receipt)

    def _answer(self, number: int, place: int, envelope: Envelope[Any], receipt: Receipt) -> None:
        sent = self._sent[number]
        sent.envelopes[place] = None
        sent.left -= 1
        if not sent.left:
            del self._sent[number]
        self._forget(number, place, envelope)
        self._settle(sent.shard, envelope, receipt)

    def _forget(self, number: int, place: int, envelope: Envelope[Any]) -> None:
        places = self._places[envelope.command_id or b""]
        places.remove((number, place))
        if not places:
            del self._places[envelope.command_id or b""]

    def _stream_of(self, shard: int, envelope: Envelope[Any]) -> str:
        return self._kind_of_shard(shard).stream(envelope.subject_id)

    # Without an answer.

    async def sweep(self) -> None:
        """Notice answers that do not come, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            for number, sent in list(self._sent.items()):
                if now_s - sent.at_s < RECEIPT_S:
                    break
                self._give_up(number, sent)

    def _give_up(self, number: int, sent: _Sent) -> None:
        del self._sent[number]
        for place, envelope in enumerate(sent.envelopes):
            if envelope is not None:
                self._forget(number, place, envelope)
                self._doubtful.append((sent.shard, envelope))
        self._given_up[number] = None
        if len(self._given_up) > GIVEN_UP_KEPT:
            self._given_up.popitem(last=False)
        self._doubt.set()

    async def look_up(self) -> None:
        """Answer from the log whoever got no answer, for ever."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            await self._answer_doubtful()

    async def _answer_doubtful(self) -> None:
        doubtful, self._doubtful = self._doubtful, []
        reachable = True
        for place, (shard, envelope) in enumerate(doubtful):
            receipt = refused(envelope.subject_id, envelope.command_id, Reject.IN_DOUBT)
            try:
                if reachable and place == 0:
                    await self._journal.barrier()  # what is found is as safe as what was acknowledged (ADR 0004)
                if reachable:
                    assert envelope.command_id is not None
                    stream = self._stream_of(shard, envelope)
                    record = await self._journal.find_command(stream, envelope.command_id, envelope.actor)
                    if record is not None:
                        asked = (envelope.subject_id, envelope.command_id, envelope.request_digest, envelope.actor)
                        receipt = receipt_on_record(record, *asked)
            except (JournalUnavailable, m.UnknownMessage):
                reachable = False
            except Exception:
                log.exception("look_up_failed", extra={"subject": envelope.subject_id})
            self.counts.looked_up += 1
            self.counts.in_doubt += receipt.code is Reject.IN_DOUBT
            self._settle(shard, envelope, receipt)

    async def stop(self, within_s: float) -> None:
        """Take nothing more, wait a little for answers, and look the rest up."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while self._sent and loop.time() < until_s:
            await asyncio.sleep(0.02)
        self.closed()
        for number, sent in list(self._sent.items()):
            self._give_up(number, sent)
        await self._answer_doubtful()

    def _settle(self, shard: int, envelope: Envelope[Any], receipt: Receipt) -> None:
        self._outstanding[shard] -= 1
        self._all -= 1
        _reply(envelope, receipt)


def _reply(envelope: Envelope[Any], receipt: Receipt) -> None:
    try:
        envelope.reply(receipt)
    except Exception:  # a broken listener must not stop the others; the log has the answer
        log.exception("reply_failed", extra={"subject": envelope.subject_id})
