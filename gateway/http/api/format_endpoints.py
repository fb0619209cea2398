"""The part of the interface's table that is about sessions of other formats, rights of priority and the operator's hand."""

from __future__ import annotations

from typing import Final

from engine.rules.rejections import Reject
from gateway.errors import Code
from gateway.http.api import format_wishes as w
from gateway.http.api import formats as f
from gateway.http.api import views as v
from gateway.http.api import voiding
from gateway.http.api.calls import Endpoint

V1: Final = "/api/v1"
LOT: Final = f"{V1}/lots/{{lot}}"

_ASKED: Final = (Reject.COMMAND_ID_REUSED, Reject.IN_DOUBT, Reject.BUSY)
_LOT: Final = (Reject.NO_SUCH_LOT, Reject.LOT_UNREADABLE)
_BID: Final = (
    *_ASKED, *_LOT, Reject.NOT_STARTED, Reject.PAUSED, Reject.LATE, Reject.ENDED, Reject.WRONG_PHASE,
    Reject.SELLER_MAY_NOT_BID, Reject.NOT_ADMITTED, Reject.LOT_FULL, Reject.EXCLUDED, Reject.WRONG_FORMAT,
    Reject.ALREADY_SUBMITTED,
)  # fmt: skip
_ACT: Final = (*_ASKED, *_LOT, Reject.WRONG_PHASE, Reject.WRONG_FORMAT)
_OFFICER: Final = (*_ACT, Reject.NOT_AN_OFFICER, Reject.ALREADY_SUBMITTED, Reject.SCORES_INCOMPLETE)
_HAND: Final = (*_ACT, Reject.ENDED, Reject.NOT_ADMITTED, Reject.REASON_REQUIRED)

FORMAT_ENDPOINTS: Final = (
    Endpoint(
        "POST", f"{V1}/sessions", "Publish a session of another format", f.publish, v.CommandView, w.SessionWish,
        (*_ASKED, Reject.LOT_EXISTS, Reject.TERMS_INVALID),
    ),
    Endpoint(
        "POST", f"{LOT}/takes", "Accept the falling price", f.take, v.CommandView, w.TakeWish,
        (*_BID, Reject.SOLD_OUT, Reject.QUANTITY_OUT_OF_RANGE, Reject.PRICE_NOT_REACHED),
    ),
    Endpoint(
        "POST", f"{LOT}/envelopes", "Leave a sealed bid", f.submit_envelope, v.CommandView, w.EnvelopeWish,
        (*_BID, Reject.ALREADY_LEADING, Reject.ENVELOPE_MALFORMED),
    ),
    Endpoint(
        "POST", f"{LOT}/best-bid", "Answer the highest sealed bid", f.best_bid, v.CommandView, w.BestBidWish,
        (*_BID, Reject.NOT_THE_TAKER, Reject.BID_BELOW_MINIMUM),
    ),
    Endpoint(
        "POST", f"{LOT}/priority", "Exercise or waive a right of priority", f.priority, v.CommandView, w.PriorityWish,
        (*_BID, Reject.NO_PRIORITY, Reject.PRICE_CHANGED),
    ),
    Endpoint(
        "GET", f"{LOT}/boxes", "Sealed bids for an officer's key", f.boxes, f.BoxesView,
        refuses=(*_LOT, Reject.NOT_AN_OFFICER, Reject.WRONG_PHASE),
    ),
    Endpoint(
        "POST", f"{LOT}/shares", "Bring an officer's shares", f.contribute_shares, v.CommandView, w.SharesWish,
        (*_OFFICER, Reject.RECOVERY_NOT_NEEDED),
    ),
    Endpoint("POST", f"{LOT}/scores", "Score the plans", f.give_scores, v.CommandView, w.ScoresWish, _OFFICER),
    Endpoint(
        "POST", f"{LOT}/refusals", "Refuse a sealed bid unopened", f.refuse_bid, v.CommandView, w.RefuseBidWish,
        (*_HAND, Reject.WRONG_FORMAT),
    ),
    Endpoint(
        "POST", f"{LOT}/exclusions", "Exclude a bidder", f.exclude, v.CommandView, w.ExcludeWish, (*_HAND, Reject.EXCLUDED)
    ),
    Endpoint(
        "POST", f"{LOT}/extension", "Give more time", f.extend, v.CommandView, w.ExtendWish,
        (*_HAND, Reject.NOTICE_TOO_SHORT),
    ),
    Endpoint(
        "GET", f"{LOT}/void-requests", "Requests to void", voiding.list_requests, voiding.VoidRequestsView,
    ),
    Endpoint(
        "POST", f"{LOT}/void-requests", "Ask to void a session with bids", voiding.ask, voiding.VoidRequestView, voiding.VoidWish,
        (*_LOT, Reject.WRONG_PHASE, Reject.REASON_REQUIRED, Code.CONFLICT),
    ),
    Endpoint(
        "POST", f"{LOT}/void-requests/{{request}}", "Confirm or refuse to void", voiding.answer, voiding.VoidRequestView,
        voiding.VoidAnswer, (*_ACT, Code.NOT_FOUND, Code.WRONG_STATE, Code.SECOND_PERSON_NEEDED),
    ),
    Endpoint("GET", f"{V1}/me/officer-key", "The own key for openings", f.own_key, f.OfficerKeyView),
    Endpoint(
        "PUT", f"{V1}/me/officer-key", "Register a key for openings", f.put_own_key, f.OfficerKeyView, w.OfficerKeyWish,
        (Code.CONFLICT,),
    ),
)  # fmt: skip
