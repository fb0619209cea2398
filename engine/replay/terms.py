"""The terms of a recorded lot: from its line in the recording to the terms of a session.

A recording's clock has milliseconds, the market's microseconds. A recorded bid of the very millisecond of the end counts as in
time, so every end lies one microsecond after its millisecond (two where two lengths add up); nothing else happens in between.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from engine.replay.errors import BadLine
from engine.rules.auction.terms import (
    DURATION_MAX,
    Admission,
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
from engine.values import Amount, Currency, DurationUs, InstantUs, parse_amount

MS_US: Final = 1_000
MS_MAX: Final = 8_000_000_000_000
"""The year 2223: later instants are no exact integers in JSON once they are microseconds."""
_AFTER_ITS_MS: Final = 1
UNITS_MAX: Final = 10_000
_PERCENT: Final = Currency("percent", 4)
"""A percentage with four decimals is a whole number of millionths."""

InstantMs = Annotated[int, Meta(ge=0, le=MS_MAX)]
DurationMs = Annotated[int, Meta(ge=0, le=DURATION_MAX // MS_US)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class IncrementLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One of three ways to say the increment; `ladder` holds (from price, step)."""

    fixed: str | None = None
    percent: str | None = None
    ladder: tuple[tuple[str, str], ...] | None = None


class LotLine(Struct, frozen=True, tag_field="kind", tag="lot", forbid_unknown_fields=True, kw_only=True):
    """One lot of a recording. Absent, null, and a length of 0 mean: none."""

    lot: Name
    format: str
    start: str
    increment: IncrementLine
    opens_at: InstantMs | None = None
    closes_at: InstantMs | None = None
    reserve: str | None = None
    reserve_public: bool | None = None
    first_bid_clock_ms: DurationMs | None = None
    extension_ms: DurationMs | None = None
    extension_window_ms: DurationMs | None = None
    extension_from: Literal["bid", "end"] | None = None
    hard_end: InstantMs | None = None
    extensions_max: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    free_period_ms: DurationMs | None = None
    limited_cycle_ms: DurationMs | None = None
    proxy: bool | None = None
    tie: Literal["earliest", "lot"] | None = None
    quantity: str | int | None = None
    """Units to be sold."""
    floor: str | None = None
    """Where a falling price ends; the least bid of a procurement."""
    step: str | None = None
    step_ms: DurationMs | None = None
    """How a price falls."""


def common_terms(line: LotLine, currency: Currency) -> Terms:
    """Return the terms of a lot as far as they do not depend on the format; whole for an ascending auction.

    Raises:
        BadLine: no session can be held under what the line says.
    """
    reserve = optional_amount(line.reserve, currency)
    terms = Terms(
        closing=_closing_of(line),
        increment=_increment_of(line.increment, currency),
        start_price=amount_of(line.start, currency),
        reserve=Reserve(reserve, bool(line.reserve_public)) if reserve else None,
        currency=currency,
        proxy=bool(line.proxy),
        # Recorded leaders do raise their own bids (docs/REPLAY.md): such a bid is a bid like any other.
        leader_may_raise=True,
        admission=Admission.OPEN,
        events_max=10_000_000,
    )
    problems = terms_problems(terms) if line.format == "english" else []
    if problems:
        raise BadLine(f"no session can be held under these terms: {'; '.join(problems)}")
    return terms


def _closing_of(line: LotLine) -> Closing:
    extension_from = ExtensionFrom(line.extension_from or "bid")
    # Counted from the end in force, a length must not move the end inside its millisecond again and again.
    after_bid = _AFTER_ITS_MS if extension_from is ExtensionFrom.BID_TIME else 0
    window_ms = line.extension_window_ms or line.extension_ms
    return Closing(
        opens_at_us=InstantUs((line.opens_at or 0) * MS_US),
        closes_at_us=_end_us(line.closes_at),
        first_bid_clock_us=_length_us(line.first_bid_clock_ms, _AFTER_ITS_MS),
        free_period_us=_length_us(line.free_period_ms, _AFTER_ITS_MS),
        limited_cycle_us=_length_us(line.limited_cycle_ms, after_bid),
        extension_us=_length_us(line.extension_ms, after_bid),
        # Up to, not including, the next millisecond: the window counts from a recorded bid to an end after its millisecond.
        extension_window_us=_length_us(window_ms, MS_US - 1),
        extension_from=extension_from,
        hard_end_us=_end_us(line.hard_end),
        extensions_max=line.extensions_max,
    )


def _increment_of(line: IncrementLine, currency: Currency) -> Increment:
    match line:
        case IncrementLine(fixed=str(step), percent=None, ladder=None):
            return FixedIncrement(amount_of(step, currency))
        case IncrementLine(fixed=None, percent=str(rate), ladder=None):
            return PercentIncrement(amount_of(rate, _PERCENT))
        case IncrementLine(fixed=None, percent=None, ladder=tuple(steps)):
            return LadderIncrement(tuple((amount_of(low, currency), amount_of(step, currency)) for low, step in steps))
        case _:
            raise BadLine("an increment is one of fixed, percent, ladder")


def amount_of(text: str, currency: Currency) -> Amount:
    """Return a decimal string as an amount.

    Raises:
        BadLine: it is malformed, negative, too large, or more precise than the currency.
    """
    amount = parse_amount(text, currency)
    if amount is None:
        raise BadLine(f"{text[:60]!r} is no {currency.code} amount with at most {currency.exponent} decimals")
    return amount


def units_of(quantity: str | int | None) -> int:
    """Return a quantity, as a number or as digits; 1 for none.

    Raises:
        BadLine: it is no whole number from 1 to 10,000.
    """
    text = "1" if quantity is None else str(quantity)
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 5 and 1 <= int(text) <= UNITS_MAX):
        raise BadLine(f"a quantity is a whole number from 1 to {UNITS_MAX}")
    return int(text)


def optional_amount(text: str | None, currency: Currency) -> Amount | None:
    """Return a decimal string as an amount, None for none; see `amount_of`."""
    return None if text is None else amount_of(text, currency)


def _end_us(instant_ms: int | None) -> InstantUs | None:
    return None if instant_ms is None else InstantUs(instant_ms * MS_US + _AFTER_ITS_MS)


def _length_us(length_ms: int | None, more_us: int) -> DurationUs | None:
    return DurationUs(length_ms * MS_US + more_us) if length_ms else None
