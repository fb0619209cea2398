"""One connection of the room protocol, without any I/O: frames and the time go in, frames and wishes come out.

The shell (fast.py, fallback.py) hands in what the socket brought and writes what stands in `outbox`; the edge fulfils the
wishes (edge.py). Nothing here awaits, reads a clock or touches a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from engine.bus.local import Envelope, LotEnvelope
from engine.evidence.receipts import Receipt, refused
from engine.journal.codec import request_digest
from engine.layout import id_text, read_bid, read_id
from engine.rules.auction.commands import PlaceBid
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, is_lot_id, parse_digits
from gateway.errors import ERRORS, Code
from gateway.live import messages as m
from gateway.live.limits import Budget
from gateway.live.settings import EARLY_MAX, FRAME_MAX, LiveSettings
from gateway.live.visitors import FRAMES_OF_ANYONE, Visitor

if TYPE_CHECKING:
    from gateway.live.feed import LotFeed

SLOW: Final = 4408
RESYNC: Final = 4410
DRAINING: Final = 4412
TOO_FAST: Final = 4429
MALFORMED: Final = 4501
SESSION_ENDED: Final = 4503
TOO_MANY: Final = 4509

Watch = m.Join | m.Leave | m.WatchHall
Wish = LotEnvelope | Watch | m.Status
"""What a frame asks of the edge: a bid for the engine, or something of the hub."""


class Wire(Protocol):
    """The socket as the edge sees it; each shell has one. Nothing here blocks."""

    def send(self, payload: bytes) -> None:
        """Send one text frame."""
        ...

    def send_many(self, payloads: list[bytes]) -> None:
        """Send several text frames in one write. The list is not kept."""
        ...

    def ping(self) -> None:
        """Send a WebSocket ping; the answer counts as a sign of life."""
        ...

    def buffered(self) -> int:
        """Return how many bytes wait to be sent."""
        ...

    def close(self, code: int) -> None:
        """Send what waits, then a close frame."""
        ...

    def abort(self) -> None:
        """Drop the connection now."""
        ...


class RoomSession:
    """State of one connection."""

    __slots__ = (
        "_frames_whole_at_us",
        "_refusals_whole_at_us",
        "_retry_ms",
        "_said_bye",
        "_settings",
        "budget",
        "counted",
        "early",
        "end_by_us",
        "ending",
        "feeds",
        "gone",
        "heard_us",
        "muted",
        "number",
        "on_output",
        "opened_us",
        "outbox",
        "parted",
        "pinged",
        "queued",
        "slow_since_us",
        "visitor",
        "waiting",
        "welcomed",
        "wire",
    )

    def __init__(
        self,
        number: int,
        wire: Wire,
        settings: LiveSettings,
        on_output: Callable[[RoomSession], None],
        now_us: int,
    ) -> None:
        self.number = number
        self.wire = wire
        self.on_output = on_output
        """Called when `outbox` was filled by an answer, not by a frame of this client."""
        self.visitor: Visitor | None = None
        self.budget: Budget | None = None
        """Bids of the visitor's account; None for the anonymous."""
        self.outbox: list[bytes] = []
        self.early: list[bytes] | None = None
        """Frames that came before we knew who it is."""
        self.feeds: tuple[LotFeed, ...] = ()
        self.waiting = 0
        """Bids submitted and not answered."""
        self.welcomed = False
        self.ending = 0
        """Close code once the end is decided: nothing is taken any more, answers still go out."""
        self.end_by_us = 0
        self.gone = False
        self.counted = False
        """Stands among the connections of its account."""
        self.parted = False
        """The peer said goodbye: it left, it was not cut off."""
        self.queued = False
        """Stands in the edge's list of sessions to flush."""
        self.muted = False
        """Gets no broadcasts: it is slow, or ending."""
        self.slow_since_us = 0
        """Since when too much waits to be sent; 0 while the socket is quick enough."""
        self.opened_us = now_us
        self.heard_us = now_us
        self.pinged = False
        self._settings = settings
        self._frames_whole_at_us = 0
        self._refusals_whole_at_us = 0
        self._retry_ms = 0
        self._said_bye = False

    def welcome(self, visitor: Visitor | None, budget: Budget | None, now_us: int) -> list[bytes]:
        """Say who this is, None for the anonymous. Return the frames that came too early, to be received now."""
        self.visitor, self.budget = visitor, budget
        self.welcomed = True
        self.outbox.append(m.encode(m.Welcome(m.VERSION, now_us, visitor is not None, self._settings.retry_ms)))
        early, self.early = self.early or [], None
        return early

    def receive(self, payload: bytes, now_us: InstantUs, stands: Callable[[Visitor], bool]) -> Wish | None:
        """Take one text frame; return what it asks for. Refusals and quick answers are in `outbox`.

        `stands` tells whether a visitor's proof still holds, for all frames of one turn by one look at the clock.
        """
        self.heard_us = now_us
        if self.ending:
            return None
        if not self.welcomed:
            self._keep_early(payload, now_us)
            return None
        whole_at_us = self._settings.frames.take(self._frames_whole_at_us, now_us)
        if not whole_at_us:
            pause_us = self._settings.frames.pause_us(self._frames_whole_at_us, now_us)
            self.refuse(Code.RATE_LIMITED, now_us, retry_after_ms=pause_us // 1_000 + 1)
            return None
        self._frames_whole_at_us = whole_at_us
        if len(payload) > FRAME_MAX:
            self.refuse(Code.TOO_LARGE, now_us, limit_bytes=FRAME_MAX)
            return None
        bid = read_bid(payload)
        if bid is not None:
            command_id, lot, amount, maximum, confirmed = bid
            visitor = self.visitor
            if visitor is not None and "bid" in visitor.frames and stands(visitor):
                return self._place(visitor, command_id, lot, amount, maximum, confirmed, now_us)
            self._refuse_to_bid(visitor, command_id, lot, now_us)
            return None
        try:
            frame = m.decode(payload)
        except m.FrameRefused as refusal:
            self.refuse(refusal.code, now_us, fields=refusal.problem)
            return None
        if type(frame) is m.Bid:
            return self._bid(frame, now_us, stands)
        return self._other(frame, now_us, stands)

    def receive_wrong(self, problem: str, now_us: int) -> None:
        """Take a frame that is no whole text frame: `binary` or `fragmented`."""
        self.heard_us = now_us
        if not self.ending:
            self.refuse(Code.MALFORMED, now_us, fields=problem)

    def heard(self, now_us: int) -> bool:
        """Note a control frame as a sign of life; False if they come too fast to be answered."""
        self.heard_us = now_us
        self.pinged = False
        whole_at_us = self._settings.frames.take(self._frames_whole_at_us, now_us)
        if not whole_at_us:
            self._count_refusal(TOO_FAST, now_us)
            return False
        self._frames_whole_at_us = whole_at_us
        return True

    def answered(self, receipt: Receipt) -> None:
        """Take the engine's answer to a bid of this connection. The engine calls it, after the commit."""
        self.waiting -= 1
        if not self.gone:
            self.outbox.append(m.answer(receipt))
            self.on_output(self)

    def refuse(self, code: str, now_us: int, **data: str | int) -> None:
        """Answer a frame that did not become a command; too many of them end the connection."""
        self.outbox.append(_error(code, data))
        self._count_refusal(TOO_FAST if code == Code.RATE_LIMITED else MALFORMED, now_us)

    def end(self, code: int, now_us: int, retry_ms: int | None = None) -> None:
        """Take no more frames; `flush` says goodbye and closes once every outstanding answer is given."""
        if self.ending or self.gone:
            return
        self.ending = code
        self.muted = True
        self.end_by_us = now_us + self._settings.goodbye_us
        self.early = None
        self._retry_ms = self._settings.retry_ms if retry_ms is None else retry_ms
        self.on_output(self)

    def flush(self) -> None:
        """Write what stands in `outbox`, in order; say goodbye and close once no answer is outstanding."""
        outbox = self.outbox
        leaving = self.ending and not self.waiting
        if leaving and not self._said_bye:
            self._said_bye = True
            outbox.append(m.encode(m.Bye(self.ending, self._retry_ms)))
        if outbox:
            if len(outbox) == 1:
                self.wire.send(outbox[0])
            else:
                self.wire.send_many(outbox)
            outbox.clear()
        if leaving:
            self.wire.close(self.ending)

    def _keep_early(self, payload: bytes, now_us: int) -> None:
        if self.early is None:
            self.early = []
        if len(self.early) >= EARLY_MAX or len(payload) > FRAME_MAX:
            self.end(TOO_FAST, now_us)
        else:
            self.early.append(payload)

    def _count_refusal(self, code: int, now_us: int) -> None:
        whole_at_us = self._settings.refusals.take(self._refusals_whole_at_us, now_us)
        if whole_at_us:
            self._refusals_whole_at_us = whole_at_us
        else:
            self.end(code, now_us)

    def _bid(self, frame: m.Bid, now_us: InstantUs, stands: Callable[[Visitor], bool]) -> LotEnvelope | None:
        """Take a bid frame in a form that `read_bid` leaves to the decoder."""
        command_id = read_id(frame.id)
        if command_id is None or not is_lot_id(frame.lot):
            self.refuse(Code.MALFORMED, now_us, fields="id" if command_id is None else "lot")
            return None
        visitor = self.visitor
        if visitor is None or "bid" not in visitor.frames or not stands(visitor):
            self._refuse_to_bid(visitor, command_id, frame.lot, now_us)
            return None
        amount = parse_digits(frame.amount) if frame.amount else None
        maximum = parse_digits(frame.maximum) if frame.maximum else None
        if (amount is None and type(frame.amount) is str) or (maximum is None and type(frame.maximum) is str):
            problem = "maximum" if amount is not None or type(frame.amount) is not str else "amount"
            self.refuse(Code.MALFORMED, now_us, id=frame.id, lot=frame.lot, fields=problem)
            return None
        return self._place(visitor, command_id, frame.lot, amount, maximum, frame.confirm is True, now_us)

    def _refuse_to_bid(self, visitor: Visitor | None, command_id: bytes, lot: str, now_us: int) -> None:
        """Say that this visitor may not bid at all, or end the connection of one whose proof holds no more."""
        if visitor is None or "bid" not in visitor.frames:
            self.refuse(Code.FORBIDDEN, now_us, id=id_text(command_id), lot=lot)
        else:
            self.end(SESSION_ENDED, now_us)

    def _place(
        self,
        visitor: Visitor,
        command_id: bytes,
        lot: str,
        amount: Amount | None,
        maximum: Amount | None,
        confirmed: bool,
        now_us: InstantUs,
    ) -> LotEnvelope | None:
        """Make a command of a bid that this visitor may place, unless he is too fast."""
        budget = self.budget
        assert budget is not None, "every visitor has one"
        if not budget.take(now_us):
            pause_ms = budget.pause_us(now_us) // 1_000 + 1
            self.refuse(Code.RATE_LIMITED, now_us, id=id_text(command_id), lot=lot, retry_after_ms=pause_ms)
            return None
        if self.waiting >= self._settings.waiting_max:
            self.outbox.append(m.answer(refused(lot, command_id, Reject.BUSY)))
            return None
        self.waiting += 1
        bidder_id = visitor.party_on(lot)
        command = PlaceBid(bidder_id=bidder_id, amount=amount, maximum=maximum, confirmed_jump=confirmed)
        digest = request_digest(command)
        return Envelope(lot, command, command_id, digest, bidder_id, now_us, self.answered)

    def _other(self, frame: m.ClientFrame, now_us: InstantUs, stands: Callable[[Visitor], bool]) -> Wish | None:
        match frame:
            case m.Ping():
                self.outbox.append(m.encode(m.Pong(frame.n, now_us)))
                return None
            case m.Join() | m.Leave():
                if not is_lot_id(frame.lot):
                    self.refuse(Code.MALFORMED, now_us, fields="lot")
                    return None
                return self._if_allowed(frame, now_us)
            case m.Status():
                return self._status(frame, now_us, stands)
            case m.WatchHall():
                return self._if_allowed(frame, now_us)
            case m.Bid():
                return self._bid(frame, now_us, stands)

    def _if_allowed(self, frame: Watch, now_us: int) -> Watch | None:
        frames = FRAMES_OF_ANYONE if self.visitor is None else self.visitor.frames
        if frame.__struct_config__.tag in frames:
            return frame
        self.refuse(Code.FORBIDDEN, now_us)
        return None

    def _status(self, frame: m.Status, now_us: int, stands: Callable[[Visitor], bool]) -> m.Status | None:
        if read_id(frame.id) is None or not is_lot_id(frame.lot):
            self.refuse(Code.MALFORMED, now_us, fields="id" if is_lot_id(frame.lot) else "lot")
            return None
        if self.visitor is None or "status" not in self.visitor.frames:
            self.refuse(Code.FORBIDDEN, now_us, id=frame.id, lot=frame.lot)
            return None
        if not stands(self.visitor):
            self.end(SESSION_ENDED, now_us)
            return None
        if self.waiting >= self._settings.waiting_max:
            self.refuse(Reject.BUSY, now_us, id=frame.id, lot=frame.lot)
            return None
        self.waiting += 1
        return frame

    def status_answered(self, frame: m.Status, receipt: Receipt | None) -> None:
        """Take what the log says about a command: None if nothing is recorded under this id by this party."""
        if receipt is not None:
            self.answered(receipt)
            return
        self.waiting -= 1
        if not self.gone:
            self.outbox.append(m.encode(m.Outcome(frame.id, False, frame.lot)))
            self.on_output(self)

    def status_failed(self, frame: m.Status) -> None:
        """The log cannot be read now: the question may be asked again."""
        self.waiting -= 1
        if not self.gone:
            self.outbox.append(_error(Code.UNAVAILABLE, {"id": frame.id, "lot": frame.lot}))
            self.on_output(self)


def _error(code: str, data: dict[str, str | int]) -> bytes:
    return m.encode(m.Error(code, ERRORS[code].retry, data))
