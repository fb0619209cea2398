"""The replay format of listed trade (docs/REPLAY.md): JSON lines of a currency, listings and what was done, read strictly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from engine.replay.errors import BadLine
from engine.replay.format import LINES_MAX, CurrencyLine
from engine.replay.terms import InstantMs, Name, amount_of, optional_amount
from engine.values import CNY, Amount, Currency

AmountText = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class ListingLine(Struct, frozen=True, kw_only=True, tag_field="kind", tag="listing", forbid_unknown_fields=True):
    """A thing comes on the market: offers are taken, and it can be bought at the ask, if there is one."""

    listing: Name
    at: InstantMs
    seller: Name
    ask: AmountText | None = None


class _Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listing: Name
    at: InstantMs


class AskLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="ask"):
    """The seller asks another price; null: none."""

    amount: AmountText | None = None


class OfferLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="offer"):
    """A buyer offers."""

    buyer: Name
    amount: AmountText


class WithdrawLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="withdraw"):
    """A buyer takes his standing offer of this amount back."""

    buyer: Name
    amount: AmountText


class AcceptLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="accept"):
    """The seller accepts the standing offer of this buyer and amount."""

    buyer: Name
    amount: AmountText


class TakeLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="take"):
    """A buyer takes it at the ask, which is this amount."""

    buyer: Name
    amount: AmountText


class EndLine(_Act, frozen=True, kw_only=True, tag_field="kind", tag="end"):
    """The seller takes it off the market, if it still is there."""


Act = AskLine | OfferLine | WithdrawLine | AcceptLine | TakeLine | EndLine


class ListingStep(Struct, frozen=True):
    """One line to replay: its number in the recording, the line, and its amount in minor units."""

    number: int
    line: ListingLine | Act
    amount: Amount | None


class ListingRecording(Struct, frozen=True):
    """Everything to replay, in the order of the input, which is the order of time."""

    currency: Currency
    steps: list[ListingStep]


_LINE: Final = msgspec.json.Decoder(
    CurrencyLine | ListingLine | AskLine | OfferLine | WithdrawLine | AcceptLine | TakeLine | EndLine
)


def read_listings(lines: Iterable[bytes]) -> ListingRecording:
    """Read a whole recording of listings.

    Raises:
        BadLine: a line is not in the format, goes back in time, or names a listing before it was described.
    """
    currency, steps, known = CNY, list[ListingStep](), set[str]()
    for number, raw in enumerate(lines, start=1):
        if number > LINES_MAX:
            raise BadLine(f"more than {LINES_MAX} lines: replay the recording in parts")
        if not raw.strip():
            continue
        try:
            line = _LINE.decode(raw)
            if isinstance(line, CurrencyLine):
                currency = Currency(line.code, line.exponent)
                continue
            if steps and line.at < steps[-1].line.at:
                raise BadLine("earlier than the line before")
            if isinstance(line, ListingLine) == (line.listing in known):
                raise BadLine(
                    f"the listing {line.listing!r} is described {'twice' if line.listing in known else 'nowhere'}"
                )
            known.add(line.listing)
            steps.append(ListingStep(number, line, _amount(line, currency)))
        except (msgspec.DecodeError, UnicodeDecodeError, BadLine) as problem:
            raise BadLine(f"line {number}: {problem}") from None
    return ListingRecording(currency, steps)


def _amount(line: ListingLine | Act, currency: Currency) -> Amount | None:
    match line:
        case ListingLine():
            return optional_amount(line.ask, currency)
        case AskLine():
            return optional_amount(line.amount, currency)
        case EndLine():
            return None
        case _:
            return amount_of(line.amount, currency)
