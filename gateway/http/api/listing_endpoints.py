"""The part of the interface's table that is about listed trade: reading, handing in, and one row for each act on a listing."""

from __future__ import annotations

from typing import Final

from engine.rules.rejections import Reject
from gateway.errors import Code
from gateway.http.api import listing_views as lv
from gateway.http.api import listing_wishes as lw
from gateway.http.api import listings, wishes
from gateway.http.api import views as v
from gateway.http.api.calls import Endpoint

V1: Final = "/api/v1"

_ASKED: Final = (Reject.COMMAND_ID_REUSED, Reject.IN_DOUBT, Reject.BUSY)
_LISTING: Final = (Reject.NO_SUCH_LISTING, Reject.LOT_UNREADABLE)
_ACT: Final = (*_ASKED, *_LISTING, Code.FORBIDDEN, Reject.ENDED, Reject.WRONG_PHASE, Reject.REASON_REQUIRED)
_TERMS: Final = (*_ACT, Code.NOT_FOUND, Reject.BELOW_VALUATION, Reject.APPROVAL_REQUIRED, Reject.TERMS_INVALID)
_PRICE: Final = (*_ACT, Reject.PRICE_UNCHANGED, Reject.BELOW_VALUATION, Reject.APPROVAL_REQUIRED)
_BUY: Final = (
    Code.PARTY_NOT_VERIFIED, Code.CONFLICT_OF_INTEREST, *_ASKED, *_LISTING, Reject.ENDED, Reject.WRONG_PHASE,
    Reject.SELLER_MAY_NOT_BUY, Reject.FOREIGN_BLOCKED, Reject.ALREADY_REGISTERED, Reject.SOLD_OUT, Reject.LISTING_FULL,
    Reject.NOT_ADMITTED, Reject.AMOUNT_OUT_OF_RANGE, Reject.PRICE_CHANGED, Reject.BELOW_LIST_PRICE,
)  # fmt: skip
_INTENT: Final = (*_ACT, Code.NOT_FOUND, Reject.NO_SUCH_INTENT, Reject.NOT_THIS_BUYER)
_OFFER: Final = (
    *_BUY, Code.NOT_FOUND, Code.FORBIDDEN, Reject.NO_SUCH_OFFER, Reject.NOT_THIS_BUYER, Reject.AMOUNT_MISSING,
    Reject.OFFERS_NOT_TAKEN, Reject.OFFER_NOT_HIGHER, Reject.OFFER_TOO_LOW, Reject.EXPIRY_OUT_OF_RANGE,
)  # fmt: skip
_DEAL: Final = (*_ACT, Code.NOT_FOUND, Reject.NO_SUCH_DEAL)

_ACTS: Final = (
    ("resubmit", "Hand in again", listings.resubmit, lw.ResubmitListingWish, _TERMS),
    ("revise", "Change the content", listings.revise, lw.ReviseListingWish, _TERMS),
    ("price", "Set a new list price", listings.change_price, lw.PriceWish, _PRICE),
    ("withdraw", "Take it back", listings.withdraw, wishes.ReasonWish, _ACT),
    ("publish", "Begin disclosure", listings.publish, lw.PublishListingWish, _ACT),
    ("return", "Back for correction", listings.send_back, wishes.ReasonWish, _ACT),
    ("refuse", "Refuse it", listings.refuse, wishes.ReasonWish, _ACT),
    ("suspend", "Stop its clock", listings.suspend, wishes.ReasonWish, _ACT),
    ("resume", "Let its clock run again", listings.resume, wishes.ReasonWish, _ACT),
    ("terminate", "End it", listings.terminate, wishes.ReasonWish, _ACT),
    ("intents", "Apply as a buyer", listings.register_intent, lw.IntentWish, _BUY),
    ("intents/{no}/correct", "Correct an application", listings.correct_intent, lw.CorrectionWish, _INTENT),
    ("intents/{no}/withdraw", "Take an application back", listings.withdraw_intent, lw.StepBackWish, _INTENT),
    ("intents/{no}/review", "Check an application", listings.review_intent, lw.ReviewWish, _INTENT),
    ("intents/{no}/answer", "Answer an application", listings.answer_intent, lw.AnswerWish, _INTENT),
    ("intents/{no}/settle", "Decide a disputed application", listings.settle_intent, lw.SettleWish, _INTENT),
    ("intents/{no}/disqualify", "Take a buyer's place away", listings.disqualify, wishes.ReasonWish, _INTENT),
    ("take", "Buy at the posted price", listings.take, lw.TakeWish, _BUY),
    ("takings", "Notify that an open licence is taken", listings.notify_taking, lw.TakingWish, _BUY),
    ("takings/{no}/confirm", "Confirm the payment of an open licence", listings.confirm_taking, lw.TakingAnswerWish, _INTENT),
    ("offers", "Offer a price", listings.make_offer, lw.OfferWish, _OFFER),
    ("offers/{no}/withdraw", "Take an offer back", listings.withdraw_offer, lw.StepBackWish, _OFFER),
    ("offers/{no}/accept-counter", "Accept a counter-offer", listings.accept_counter, lw.OfferAnswerWish, _OFFER),
    ("offers/{no}/accept", "Accept an offer", listings.accept_offer, lw.OfferAnswerWish, _OFFER),
    ("offers/{no}/reject", "Refuse an offer", listings.reject_offer, lw.OfferAnswerWish, _OFFER),
    ("offers/{no}/counter", "Answer an offer with a price", listings.counter_offer, lw.OfferWish, _OFFER),
    ("deals/{no}/signing", "Record the signature", listings.record_signing, lw.SigningWish, _DEAL),
    ("deals/{no}/default", "Record a default", listings.record_default, lw.DefaultWish, _DEAL),
)  # fmt: skip

LISTING_ENDPOINTS: Final = (
    Endpoint("GET", f"{V1}/listings", "Search what is listed", listings.listings, lv.ListingsView, lw.ListingsQuery),
    Endpoint(
        "POST", f"{V1}/listings", "Hand a listing in", listings.submit, lv.ListingCommandView, lw.SubmitListingWish,
        (
            Code.FORBIDDEN, Code.PARTY_NOT_VERIFIED, *_ASKED, Code.NOT_FOUND, Reject.NO_SUCH_LISTING,
            Reject.LISTING_EXISTS, Reject.BELOW_VALUATION, Reject.APPROVAL_REQUIRED, Reject.TERMS_INVALID,
        ),
    ),
    Endpoint(
        "GET", f"{V1}/listings/{{listing}}", "One listing as it stands now", listings.listing, lv.ListingView,
        refuses=_LISTING,
    ),
    Endpoint("GET", f"{V1}/me/listings", "Own listings, applications, deals, watch list", listings.own, lv.OwnListingsView),
    Endpoint("GET", f"{V1}/desk/listings", "What waits for the operator", listings.queues, lv.ListingQueuesView),
    Endpoint(
        "POST", f"{V1}/listings/{{listing}}/watch", "Put on the watch list", listings.watch, v.DoneView,
        refuses=(*_LISTING, Code.CONFLICT),
    ),
    Endpoint("DELETE", f"{V1}/listings/{{listing}}/watch", "Take off the watch list", listings.unwatch, v.DoneView),
    *(
        Endpoint("POST", f"{V1}/listings/{{listing}}/{act}", summary, handler, lv.ListingCommandView, wish, refuses)
        for act, summary, handler, wish, refuses in _ACTS
    ),
)  # fmt: skip
