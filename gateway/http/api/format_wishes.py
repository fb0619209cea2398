"""What comes in for sessions of other formats: their terms, and one wish for each act."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from pydantic import Field, StringConstraints

from engine.envelopes import ENVELOPE_MAX
from engine.rules.auction.formats.terms import SessionTerms
from engine.values import DurationUs
from gateway.errors import Code, Refused
from gateway.http.api.wishes import (
    SHAPE,
    CommandWish,
    Digits,
    Duration,
    LotName,
    PartyName,
    ReasonWish,
    ShortText,
    SubjectWish,
    TermsWish,
    Wish,
)

BidderCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")]
OWNERS_MAX: Final = 500


class SessionWish(CommandWish):
    """Schedule a session of another format. `play` holds the format and what goes around it, without `opening`: keys come from
    the register.
    """

    lot: LotName
    seller: PartyName
    subject: SubjectWish
    terms: TermsWish
    achievement: ShortText = Field("", description="The seller's published achievement that is sold; empty: none.")
    play: Annotated[dict[str, Any], Field(json_schema_extra={SHAPE: "SessionTerms"})]
    officers: tuple[PartyName, PartyName] | None = Field(None, description="Who open sealed bids together.")
    recovery: PartyName | None = Field(None, description="The supervisor who holds the recovery share.")
    opening_due_us: Duration = DurationUs(30 * 60 * 1_000_000)
    opening_last_us: Duration = DurationUs(5 * 86_400 * 1_000_000)

    def session_terms(self) -> SessionTerms:
        """Return the engine's form of the format, still without the opening.

        Raises:
            Refused: MALFORMED: it is no format.
        """
        if "opening" in self.play:
            raise Refused(Code.MALFORMED, fields="play.opening")
        try:
            return msgspec.convert(self.play, SessionTerms, strict=False)
        except msgspec.ValidationError as problem:
            raise Refused(Code.MALFORMED, fields=f"play: {problem}"[:200]) from None


class TakeWish(CommandWish):
    """Accept the falling price."""

    shown: Digits = Field(description="The price you saw; you never pay more.")
    quantity: int = Field(1, ge=1, le=10_000)


class EnvelopeWish(CommandWish):
    """A sealed bid, encrypted by your own program to the officers' keys (docs/PROTOCOL.md)."""

    envelope: str = Field(min_length=1, max_length=ENVELOPE_MAX)


class BestBidWish(CommandWish):
    """The taker's one answer."""

    amount: Digits


class PriorityWish(CommandWish):
    """Exercise a right of priority at `price`, or waive it with `price` null."""

    price: Digits | None


class ScoresWish(CommandWish):
    """An assessor's scores of all plans: code -> criterion -> 0 to 100."""

    scores: dict[BidderCode, dict[str, int]] = Field(max_length=OWNERS_MAX)


class SharesWish(CommandWish):
    """An officer's shares: code -> 64 hexadecimal digits."""

    shares: dict[BidderCode, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = Field(
        max_length=OWNERS_MAX
    )


class RefuseBidWish(ReasonWish):
    """Refuse a sealed bid of a procurement before prices are opened."""

    code: BidderCode


class ExcludeWish(ReasonWish):
    """Keep a bidder from bidding and winning."""

    code: BidderCode


class ExtendWish(ReasonWish):
    """Give all bidders more time."""

    by_us: Duration


class OfficerKeyWish(Wish):
    """The public half of a key made in your browser."""

    key: str = Field(min_length=1, max_length=200)
