"""The session that a listing orders when several buyers are admitted: from the method named in the notice to auction terms.

Seats of a capped licence by bidding need a session that sells several seats at once; that format does not exist yet
(`SEATS_OF_A_SESSION`), so terms that ask for it are not published. This is the one place to change when it does.
"""

from __future__ import annotations

from typing import Final

from engine.rules.auction.terms import Admission, Closing, Terms
from engine.rules.listing.terms import ListingTerms
from engine.values import Amount, DurationUs, InstantUs, ListingId, LotId

SEATS_OF_A_SESSION: Final = 1
"""Seats that one session can sell."""
SESSIONS_MAX: Final = 9_999
"""The number after the dot of a lot id has at most four digits."""


def lot_of(listing_id: ListingId, session_no: int) -> LotId:
    """Return the id of the listing's n-th session. Sessions of a listing share a shard and never move one another (scope LOT)."""
    return LotId(f"{listing_id}.{session_no}")


def session_terms(terms: ListingTerms, start_price: Amount, opens_at_us: InstantUs) -> Terms:
    """Return the terms of the ordered session: only the admitted take part, under the codes that the listing gave them."""
    wanted = terms.session
    assert wanted is not None, "terms without a session"
    closes_at_us = None if wanted.open_for_us is None else InstantUs(opens_at_us + wanted.open_for_us)
    return Terms(
        closing=Closing(
            opens_at_us=opens_at_us,
            closes_at_us=closes_at_us,
            free_period_us=wanted.free_period_us,
            limited_cycle_us=wanted.limited_cycle_us,
            extension_us=wanted.extension_us,
        ),
        increment=wanted.increment,
        start_price=start_price,
        currency=terms.currency,
        multiple_only=wanted.multiple_only,
        jump_confirm_steps=wanted.jump_confirm_steps,
        proxy=wanted.proxy,
        admission=Admission.LISTING,
        outage_shift_max_us=min(terms.outage_max_us, _HOUR_US),
        code_seed=terms.code_seed,
    )


_HOUR_US: Final = DurationUs(3_600_000_000)
