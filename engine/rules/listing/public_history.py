"""The public history of a listing: what everybody may read of its record, and nothing about who applied, for how much, or how often."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.listing import events as e
from engine.values import InstantUs

_SHOWN: Final = (
    e.ListingPublished, e.PriceChanged, e.ListingRevised, e.ListingSuspended, e.ListingResumed, e.PeriodLengthened,
    e.PeriodRecounted, e.IntakeClosed, e.SessionOrdered, e.SessionRecorded, e.DealStruck, e.DealSigned, e.DealDefaulted,
    e.ListingEnded, e.ListingWithdrawn, e.ListingTerminated,
)  # fmt: skip
"""What concerns everybody. Applications, deposits, offers and refusals are between their parties."""


class PublicEvent(Struct, frozen=True, kw_only=True):
    """One line."""

    seq: int
    at_us: InstantUs
    name: str
    reason: str
    price: str | None
    until_us: InstantUs | None


def public_event(seq: int, at_us: InstantUs, event: e.ListingEvent) -> PublicEvent | None:
    """Return an event as everybody may see it; None for what is not public."""
    if not isinstance(event, _SHOWN):
        return None
    price = getattr(event, "price", None)
    return PublicEvent(
        seq=seq,
        at_us=at_us,
        name=e.LISTING_WIRE_NAMES[type(event)][0].removeprefix("listing."),
        reason=str(getattr(event, "reason", "")),
        price=None if price is None else str(price),
        until_us=getattr(event, "discloses_until_us", None),
    )
