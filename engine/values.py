"""Words every other module uses: amounts, instants, ids, currencies. Standard library only.

Amounts are whole minor units of a lot's currency (fen for CNY) and nothing else: no float, no Decimal, ever leaves this file.
Instants are microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple, NewType, TypeAlias

Amount = NewType("Amount", int)
"""Whole minor units of the lot's currency (fen for CNY)."""
InstantUs = NewType("InstantUs", int)
"""Microseconds since 1970-01-01T00:00:00Z."""
DurationUs = NewType("DurationUs", int)
"""A length of time in microseconds."""
LotId = NewType("LotId", str)
ListingId = NewType("ListingId", str)
NoticeId = NewType("NoticeId", str)
"""The publicity of an agreement."""
SubjectId: TypeAlias = str
"""What a stream of the journal is about: the id of a lot, a listing or a notice, where the code serves all."""
PartyId = NewType("PartyId", str)
"""A person or organisation; never shown to other bidders before the end."""
CommandId = NewType("CommandId", bytes)
"""The 16 bytes of a UUID made by the client; the same id is the same wish, for ever."""

AMOUNT_MAX: Final = 10**30
"""Bound on any amount: one million units of a currency with 24 decimals."""
SHARDS: Final = 64
"""Number of shards that hold lots, 0..63. A constant: changing it would move lots between logs."""
LISTING_SHARDS: Final = range(64, 72)
"""Shards that hold listings: logs of their own, so that a slow decision about a listing never holds up a bid (ADR 0008)."""
NOTICE_SHARDS: Final = range(72, 80)
"""Shards that hold notices, for the same reason."""
PROBE_SHARDS: Final = range(80, 81)
"""The shard of the prober, which is a process and a writer of its own (ADR 0016)."""
ALL_SHARDS: Final = range(PROBE_SHARDS.stop)
SECOND_US: Final = 1_000_000

_LISTING_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")
_LOT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(\.[0-9]{1,4})?")
_DECIMAL = re.compile(r"([0-9]{1,31})(?:\.([0-9]{1,24}))?")
_DIGITS = re.compile(r"0|[1-9][0-9]{0,30}")


class Currency(NamedTuple):
    """A currency and how many decimals its minor unit has: CNY has 2, so 1 yuan is 100 fen."""

    code: str
    exponent: int


CNY: Final = Currency("CNY", 2)


def is_lot_id(text: str) -> bool:
    """Tell whether `text` may name a lot: `name` or `group.number`, lower case ASCII, at most 45 characters."""
    return _LOT_ID.fullmatch(text) is not None


def is_listing_id(text: str) -> bool:
    """Tell whether `text` may name a listing: lower case ASCII, at most 36 characters, so that its sessions' lots have room."""
    return _LISTING_ID.fullmatch(text) is not None


def is_notice_id(text: str) -> bool:
    """Tell whether `text` may name a notice: lower case ASCII, at most 36 characters."""
    return _LISTING_ID.fullmatch(text) is not None


def group_of(lot_id: LotId) -> str:
    """Return the part of a lot id before the dot; lots of one group close one after another."""
    return lot_id.partition(".")[0]


@lru_cache(maxsize=65_536)
def shard_of(lot_id: LotId) -> int:
    """Return the shard, 0..63, that holds the lot. Lots of one group share a shard, so one writer orders them."""
    return hashlib.sha256(group_of(lot_id).encode()).digest()[0] % SHARDS


@lru_cache(maxsize=65_536)
def shard_of_listing(listing_id: ListingId) -> int:
    """Return the shard, 64..71, that holds the listing."""
    return LISTING_SHARDS.start + hashlib.sha256(listing_id.encode()).digest()[0] % len(LISTING_SHARDS)


@lru_cache(maxsize=65_536)
def shard_of_notice(notice_id: NoticeId) -> int:
    """Return the shard, 72..79, that holds the notice."""
    return NOTICE_SHARDS.start + hashlib.sha256(notice_id.encode()).digest()[0] % len(NOTICE_SHARDS)


def parse_amount(text: str, currency: Currency) -> Amount | None:
    """Read a decimal string such as `"1234.5"` exactly; None if it is malformed, too precise or too large."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > currency.exponent:
        return None
    amount = int(whole) * 10**currency.exponent + int(fraction.ljust(currency.exponent, "0") or "0")
    return Amount(amount) if amount <= AMOUNT_MAX else None


def format_amount(amount: Amount, currency: Currency) -> str:
    """Write an amount as a plain decimal string: 123450 fen is `"1234.5"`, 100 fen is `"1"`."""
    whole, fraction = divmod(amount, 10**currency.exponent)
    digits = str(fraction).rjust(currency.exponent, "0").rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def parse_digits(text: str) -> Amount | None:
    """Read an amount on the wire: a string of digits, whole minor units, no sign, no leading zero."""
    if _DIGITS.fullmatch(text) is None:
        return None
    amount = int(text)
    return Amount(amount) if amount <= AMOUNT_MAX else None


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide rounding up; the only division that rules use on money besides `//`."""
    return -(-dividend // divisor)
