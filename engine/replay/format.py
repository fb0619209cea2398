"""The replay format (JSON lines): a currency line, lot lines, bid lines. Read strictly; an error names its line.

Amounts are decimal strings, times integer milliseconds since 1970. See docs/REPLAY.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from engine.rules.auction.terms import (
    Closing,
    ExtensionFrom,
    FixedIncrement,
    Increment,
    LadderIncrement,
    PercentIncrement,
    Reserve,
    Terms,
    terms_problems,
)
from engine.values import CNY, Amount, Currency, DurationUs, InstantUs, LotId, PartyId, parse_amount

FORMATS = ("english",)
LATER_FORMATS = ("dutch", "sealed_first", "sealed_second", "sealed_lowest", "multi_pay_as_bid", "multi_uniform")
LINE_MAX = 64 * 1024
MS = 1_000


class BadLine(Exception):
    """A line that is not in the format; the text names the line and says what is wrong."""


class CurrencyLine(Struct, frozen=True, tag_field="kind", tag="currency", forbid_unknown_fields=True):
    """Amounts from here on are in this currency."""

    code: str
    exponent: int


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One of three ways to say the increment."""

    fixed: str | None = None
    percent: str | None = None
    ladder: tuple[tuple[str, str], ...] | None = None


class LotLine(Struct, frozen=True, tag_field="kind", tag="lot", forbid_unknown_fields=True, kw_only=True):
    """One lot and its terms; absent means none."""

    lot: str
    format: str
    start: str
    increment: Step
    opens_at: int = 0
    closes_at: int | None = None
    reserve: str | None = None
    reserve_public: bool = False
    first_bid_clock_ms: int | None = None
    extension_ms: int | None = None
    extension_window_ms: int | None = None
    extension_from: str = "bid"
    hard_end: int | None = None
    extensions_max: int | None = None
    free_period_ms: int | None = None
    limited_cycle_ms: int | None = None
    proxy: bool = False
    tie: str = "earliest"
    quantity: str | None = None


class BidLine(Struct, frozen=True, tag_field="kind", tag="bid", forbid_unknown_fields=True):
    """One bid as it arrived."""

    lot: str
    at: int
    bidder: str
    amount: str | None = None
    maximum: str | None = None
    quantity: str | None = None


class ReplayLot(Struct, frozen=True):
    """A lot to replay."""

    name: str
    lot_id: LotId
    terms: Terms


class ReplayBid(Struct, frozen=True):
    """A bid to replay; `at_us` is its arrival."""

    lot: str
    at_us: InstantUs
    bidder: PartyId
    amount: Amount | None
    maximum: Amount | None


_DECODER: Final = msgspec.json.Decoder(CurrencyLine | LotLine | BidLine)


def read_lines(lines: Iterable[bytes]) -> Iterator[ReplayLot | ReplayBid]:
    """Read a replay, line by line.

    Raises:
        BadLine: a line is not in the format, or uses something before it was said.
    """
    currency, lots = CNY, dict[str, Currency]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = _decode(line)
            if isinstance(read, CurrencyLine):
                if not 0 <= read.exponent <= 24 or not 1 <= len(read.code) <= 8:
                    raise BadLine("a currency has a code of 1 to 8 letters and an exponent from 0 to 24")
                currency = Currency(read.code, read.exponent)
            elif isinstance(read, LotLine):
                if read.lot in lots:
                    raise BadLine(f"the lot {read.lot!r} is described twice")
                terms = _terms(read, currency)
                lots[read.lot] = currency
                yield ReplayLot(read.lot, LotId(f"replay-{len(lots)}"), terms)
            else:
                if read.lot not in lots:
                    raise BadLine(f"a bid on {read.lot!r} before its lot line")
                yield _bid(read, lots[read.lot])
        except BadLine as error:
            raise BadLine(f"line {number}: {error}") from None


def _decode(line: bytes) -> CurrencyLine | LotLine | BidLine:
    if len(line) > LINE_MAX:
        raise BadLine(f"longer than {LINE_MAX} bytes")
    try:
        read: CurrencyLine | LotLine | BidLine = _DECODER.decode(line)
        return read
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLine(str(error)) from None


def _bid(line: BidLine, currency: Currency) -> ReplayBid:
    if line.amount is None and line.maximum is None:
        raise BadLine("a bid needs an amount or a maximum")
    if line.quantity is not None:
        raise BadLine("quantities belong to formats with several units")
    amount, maximum = _optional(line.amount, currency), _optional(line.maximum, currency)
    return ReplayBid(line.lot, InstantUs(line.at * MS), PartyId(line.bidder), amount, maximum)


def _terms(line: LotLine, currency: Currency) -> Terms:
    if line.format not in FORMATS:
        known = "is not supported yet" if line.format in LATER_FORMATS else "is unknown"
        raise BadLine(f"the format {line.format!r} {known}; supported: {', '.join(FORMATS)}")
    if line.tie != "earliest" or line.quantity is not None:
        raise BadLine("an ascending auction has ties to the earliest and no quantity")
    if line.extension_from not in ("bid", "end"):
        raise BadLine("extension_from is 'bid' or 'end'")
    closing = _closing(line)
    reserve = _optional(line.reserve, currency)
    terms = Terms(
        closing=closing,
        increment=_increment(line.increment, currency),
        start_price=_amount(line.start, currency),
        reserve=Reserve(reserve, line.reserve_public) if reserve else None,
        currency=currency,
        proxy=line.proxy,
        proxy_lowering=line.proxy,
        # Records hold raises by the leader himself; whoever bids openly above his own bid is taken at his word.
        leader_may_raise=True,
        events_max=10_000_000,
    )
    problems = terms_problems(terms)
    if problems:
        raise BadLine("; ".join(problems))
    return terms


def _closing(line: LotLine) -> Closing:
    """Return the closing terms. A record's clock has milliseconds: a bid of the very millisecond of the end counts as in time,

    so every end lies one microsecond after its millisecond.
    """
    from_bid = line.extension_from == "bid"
    window_ms = line.extension_window_ms if line.extension_window_ms is not None else line.extension_ms
    return Closing(
        opens_at_us=InstantUs(line.opens_at * MS),
        closes_at_us=None if line.closes_at is None else InstantUs(line.closes_at * MS + 1),
        first_bid_clock_us=_duration(line.first_bid_clock_ms, 1),
        free_period_us=_duration(line.free_period_ms, 0),
        limited_cycle_us=_duration(line.limited_cycle_ms, 1),
        extension_us=_duration(line.extension_ms, int(from_bid)),
        extension_window_us=None if line.extension_ms is None else _duration(window_ms, 1),
        extension_from=ExtensionFrom(line.extension_from),
        hard_end_us=None if line.hard_end is None else InstantUs(line.hard_end * MS + 1),
        extensions_max=line.extensions_max,
    )


def _increment(step: Step, currency: Currency) -> Increment:
    given = [value for value in (step.fixed, step.percent, step.ladder) if value is not None]
    if len(given) != 1:
        raise BadLine("an increment is one of fixed, percent, ladder")
    if step.fixed is not None:
        return FixedIncrement(_amount(step.fixed, currency))
    if step.percent is not None:
        return PercentIncrement(_amount(step.percent, Currency("percent", 4)))
    assert step.ladder is not None
    return LadderIncrement(tuple((_amount(price, currency), _amount(by, currency)) for price, by in step.ladder))


def _amount(text: str, currency: Currency) -> Amount:
    amount = parse_amount(text, currency)
    if amount is None:
        raise BadLine(f"{text!r} is no amount with at most {currency.exponent} decimals")
    return amount


def _optional(text: str | None, currency: Currency) -> Amount | None:
    return None if text is None else _amount(text, currency)


def _duration(ms: int | None, more_us: int) -> DurationUs | None:
    return None if ms is None else DurationUs(ms * MS + more_us)
