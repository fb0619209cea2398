"""Why a command is refused: stable codes in order of precedence, each with whether trying again helps.

The first code that applies, from the top, is the answer. Codes are never renamed or reused. The gateway adds its own codes
(malformed, rate_limited, ...) before these; `gateway/errors.py` maps all of them to HTTP, WebSocket and translated text.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """What a client should do after a rejection."""

    NEVER = "never"
    """The same request cannot succeed."""
    REFRESH = "refresh"
    """The lot has moved on: show it and let the person decide; a new request needs a new id."""
    SAME_ID = "same_id"
    """Send exactly the same request again, with the same id."""


class Reject(StrEnum):
    """Codes of the engine, most important first."""

    COMMAND_ID_REUSED = "command_id_reused"
    IN_DOUBT = "in_doubt"
    BUSY = "busy"
    NO_SUCH_LOT = "no_such_lot"
    LOT_UNREADABLE = "lot_unreadable"
    LOT_EXISTS = "lot_exists"
    NO_SUCH_LISTING = "no_such_listing"
    LISTING_EXISTS = "listing_exists"
    NO_SUCH_NOTICE = "no_such_notice"
    NOTICE_EXISTS = "notice_exists"
    NO_SUCH_OBJECTION = "no_such_objection"
    NO_SUCH_BODY = "no_such_body"
    NO_SUCH_INTENT = "no_such_intent"
    NO_SUCH_OFFER = "no_such_offer"
    NO_SUCH_DEAL = "no_such_deal"
    NOT_STARTED = "not_started"
    PAUSED = "paused"
    LATE = "late"
    ENDED = "ended"
    WRONG_PHASE = "wrong_phase"
    OBJECTION_OPEN = "objection_open"
    ALREADY_OBJECTED = "already_objected"
    ALREADY_APPROVED = "already_approved"
    APPLICANT_MAY_NOT_APPROVE = "applicant_may_not_approve"
    INTERESTED_PERSON = "interested_person"
    DECLARATION_MISSING = "declaration_missing"
    RELATED_NOT_MARKED = "related_not_marked"
    MINUTES_MISSING = "minutes_missing"
    PANEL_MISSING = "panel_missing"
    PANEL_TOO_SMALL = "panel_too_small"
    ALREADY_EXTENDED = "already_extended"
    NOTICE_FULL = "notice_full"
    NOT_A_TYPO = "not_a_typo"
    NOTHING_CHANGED = "nothing_changed"
    VALUATION_EXPIRED = "valuation_expired"
    PERSONAL_DATA = "personal_data"
    SELLER_MAY_NOT_BID = "seller_may_not_bid"
    SELLER_MAY_NOT_BUY = "seller_may_not_buy"
    FOREIGN_BLOCKED = "foreign_blocked"
    ALREADY_REGISTERED = "already_registered"
    NOT_THIS_BUYER = "not_this_buyer"
    SOLD_OUT = "sold_out"
    LISTING_FULL = "listing_full"
    NOT_ADMITTED = "not_admitted"
    ALREADY_ADMITTED = "already_admitted"
    LOT_FULL = "lot_full"
    EXCLUDED = "excluded"
    WRONG_FORMAT = "wrong_format"
    NOT_AN_OFFICER = "not_an_officer"
    NO_PRIORITY = "no_priority"
    NOT_THE_TAKER = "not_the_taker"
    ALREADY_SUBMITTED = "already_submitted"
    SCORES_INCOMPLETE = "scores_incomplete"
    RECOVERY_NOT_NEEDED = "recovery_not_needed"
    ENVELOPE_MALFORMED = "envelope_malformed"
    QUANTITY_OUT_OF_RANGE = "quantity_out_of_range"
    PRICE_NOT_REACHED = "price_not_reached"
    FREE_BID_REQUIRED = "free_bid_required"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    PROXY_NOT_ALLOWED = "proxy_not_allowed"
    MAXIMUM_BELOW_AMOUNT = "maximum_below_amount"
    ALREADY_LEADING = "already_leading"
    MAXIMUM_UNCHANGED = "maximum_unchanged"
    MAXIMUM_NOT_LOWERABLE = "maximum_not_lowerable"
    MAXIMUM_BELOW_PRICE = "maximum_below_price"
    BID_BELOW_MINIMUM = "bid_below_minimum"
    NOT_A_MULTIPLE = "not_a_multiple"
    JUMP_NEEDS_CONFIRMATION = "jump_needs_confirmation"
    OFFERS_NOT_TAKEN = "offers_not_taken"
    OFFER_NOT_HIGHER = "offer_not_higher"
    OFFER_TOO_LOW = "offer_too_low"
    EXPIRY_OUT_OF_RANGE = "expiry_out_of_range"
    PRICE_CHANGED = "price_changed"
    PRICE_UNCHANGED = "price_unchanged"
    BELOW_LIST_PRICE = "below_list_price"
    BELOW_VALUATION = "below_valuation"
    APPROVAL_REQUIRED = "approval_required"
    REASON_REQUIRED = "reason_required"
    NOTICE_TOO_SHORT = "notice_too_short"
    TERMS_INVALID = "terms_invalid"
    ROUND_UNFIT = "round_unfit"


RETRY: Final[Mapping[Reject, Retry]] = {
    code: {
        Reject.IN_DOUBT: Retry.SAME_ID,
        Reject.BUSY: Retry.SAME_ID,
        Reject.NOT_STARTED: Retry.REFRESH,
        Reject.PAUSED: Retry.REFRESH,
        Reject.ALREADY_LEADING: Retry.REFRESH,
        Reject.MAXIMUM_BELOW_PRICE: Retry.REFRESH,
        Reject.BID_BELOW_MINIMUM: Retry.REFRESH,
        Reject.NOT_A_MULTIPLE: Retry.REFRESH,
        Reject.JUMP_NEEDS_CONFIRMATION: Retry.REFRESH,
        Reject.WRONG_PHASE: Retry.REFRESH,
        Reject.PRICE_CHANGED: Retry.REFRESH,
        Reject.OBJECTION_OPEN: Retry.REFRESH,
        Reject.PRICE_NOT_REACHED: Retry.REFRESH,
        Reject.QUANTITY_OUT_OF_RANGE: Retry.REFRESH,
        Reject.SCORES_INCOMPLETE: Retry.REFRESH,
        Reject.OFFER_NOT_HIGHER: Retry.REFRESH,
        Reject.NO_SUCH_OFFER: Retry.REFRESH,
    }.get(code, Retry.NEVER)
    for code in Reject
}
