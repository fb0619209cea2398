"""The replay format (docs/REPLAY.md): JSON lines of a currency, lots and bids, read strictly; an error names its line.

Amounts are decimal strings, times whole milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from engine.replay.errors import BadLine
from engine.replay.formats import FORMATS, session_of
from engine.replay.terms import MS_US, InstantMs, LotLine, Name, optional_amount, units_of
from engine.rules.auction.formats.terms import Falling, SessionTerms, Units
from engine.rules.auction.terms import Terms
from engine.values import CNY, Amount, Currency, InstantUs, LotId, PartyId

LINE_MAX: Final = 64 * 1024
"""Bytes of one line."""
LINES_MAX: Final = 5_000_000
"""A longer recording is replayed in parts."""


class CurrencyLine(Struct, frozen=True, tag_field="kind", tag="currency", forbid_unknown_fields=True):
    """Lots from here on are in this currency; before any such line they are in CNY."""

    code: Annotated[str, Meta(min_length=1, max_length=8)]
    exponent: Annotated[int, Meta(ge=0, le=24)]


class BidLine(Struct, frozen=True, tag_field="kind", tag="bid", forbid_unknown_fields=True):
    """One bid as it arrived. `quantity` belongs to formats that sell several units, `refused` to a procurement's refused bids."""

    lot: Name
    at: InstantMs
    bidder: Name
    amount: str | None = None
    maximum: str | None = None
    quantity: str | int | None = None
    refused: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class FormatOnly(Struct, frozen=True):
    """What is looked at first in a line that cannot be read: other formats have fields of their own."""

    kind: str = ""
    format: str | None = None


class ReplayLot(Struct, frozen=True):
    """A lot to replay: its name in the recording, its name in the journal, its terms."""

    name: str
    lot_id: LotId
    terms: Terms
    play: SessionTerms | None = None


class ReplayBid(Struct, frozen=True):
    """A bid to replay; `place` is the lot's place in the recording, `at_us` the arrival."""

    place: int
    at_us: InstantUs
    bidder: PartyId
    amount: Amount | None
    maximum: Amount | None
    quantity: int = 1
    refused: str = ""


class Recording(Struct, frozen=True):
    """Everything to replay: lots in the order of the input, bids in order of arrival (of one instant: in the order of the input)."""

    lots: list[ReplayLot]
    bids: list[ReplayBid]

    def begins_at_us(self) -> InstantUs:
        """Return the first instant that matters: virtual time starts there."""
        instants = [lot.terms.closing.opens_at_us for lot in self.lots] + [bid.at_us for bid in self.bids[:1]]
        return min(instants, default=InstantUs(0))


_LINE: Final = msgspec.json.Decoder(CurrencyLine | LotLine | BidLine)
_FORMAT_ONLY: Final = msgspec.json.Decoder(FormatOnly)


def read_recording(lines: Iterable[bytes], run: str = "0") -> Recording:
    """Read a whole recording.

    Args:
        lines: The lines, with or without their ends; empty ones are passed over.
        run: Names this replay inside the lots' ids in the journal: `replay-<run>-<number>`.

    Raises:
        BadLine: a line is not in the format, or uses a lot before it was described.
    """
    reading = _Reading(run)
    for number, line in enumerate(lines, start=1):
        if number > LINES_MAX:
            raise BadLine(f"more than {LINES_MAX} lines: replay the recording in parts")
        if not line.strip():
            continue
        try:
            reading.take(_decode(line))
        except BadLine as problem:
            raise BadLine(f"line {number}: {problem}") from None
    reading.bids.sort(key=lambda bid: bid.at_us)
    return Recording(reading.lots, reading.bids)


class _Reading:
    """What was read so far."""

    def __init__(self, run: str) -> None:
        self.lots: list[ReplayLot] = []
        self.bids: list[ReplayBid] = []
        self._run = run
        self._places: dict[str, int] = {}
        self._currency = CNY

    def take(self, line: CurrencyLine | LotLine | BidLine) -> None:
        match line:
            case CurrencyLine():
                self._currency = Currency(line.code, line.exponent)
            case LotLine():
                self._take_lot(line)
            case BidLine():
                self._take_bid(line)

    def _take_lot(self, line: LotLine) -> None:
        if line.format not in FORMATS:
            raise _unsupported(line.format)
        if line.lot in self._places:
            raise BadLine(f"the lot {line.lot!r} is described twice")
        _check_name("lot", line.lot)
        self._places[line.lot] = len(self.lots)
        lot_id = LotId(f"replay-{self._run}-{len(self.lots) + 1}")
        self.lots.append(ReplayLot(line.lot, lot_id, *session_of(line, self._currency)))

    def _take_bid(self, line: BidLine) -> None:
        place = self._places.get(line.lot)
        if place is None:
            raise BadLine(f"a bid on {line.lot!r} before its lot line")
        if line.amount is None and line.maximum is None:
            raise BadLine("a bid has an amount, a maximum or both")
        kind = None if (play := self.lots[place].play) is None else play.format
        if line.quantity is not None and not isinstance(kind, (Units, Falling)):
            raise BadLine("a quantity belongs to formats that sell several units")
        if kind is not None and (line.maximum is not None or line.amount is None):
            raise BadLine("a bid of this format has an amount and no maximum")
        _check_name("bidder", line.bidder)
        currency = self.lots[place].terms.currency
        amount, maximum = optional_amount(line.amount, currency), optional_amount(line.maximum, currency)
        at_us, bidder = InstantUs(line.at * MS_US), PartyId(line.bidder)
        self.bids.append(ReplayBid(place, at_us, bidder, amount, maximum, units_of(line.quantity), line.refused or ""))


def _decode(line: bytes) -> CurrencyLine | LotLine | BidLine:
    if len(line) > LINE_MAX:
        raise BadLine(f"longer than {LINE_MAX} bytes")
    try:
        read: CurrencyLine | LotLine | BidLine = _LINE.decode(line)
        return read
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        other = _other_format(line)
        raise _unsupported(other) if other is not None else BadLine(str(error)) from None


def _other_format(line: bytes) -> str | None:
    try:
        read = _FORMAT_ONLY.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read.format if read.kind == "lot" and read.format not in FORMATS else None


def _unsupported(name: str) -> BadLine:
    return BadLine(f"the format {name!r} is not supported; supported: {', '.join(FORMATS)}")


def _check_name(what: str, name: str) -> None:
    # Names become text in PostgreSQL and bytes in digests: no control characters, no lone surrogates.
    if not name.isprintable():
        raise BadLine(f"the {what} name {name!r} has characters that cannot be printed")
