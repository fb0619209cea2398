"""From a wish about a listing to a receipt; the rules of who acts for which side of it stand here, once, for pages and programs."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from engine.evidence.receipts import Receipt, refused
from engine.journal.codec import request_digest
from engine.journal.folding import CorruptLog
from engine.journal.log import JournalUnavailable
from engine.rules.listing import commands as c
from engine.rules.listing.state import Intent, ListingState
from engine.rules.rejections import Reject
from engine.values import InstantUs, ListingId, is_listing_id
from gateway.accounts.model import UNREACHABLE, Caller
from gateway.errors import Code, Refused
from gateway.http.commands import ANSWER_S, outcome_of
from gateway.services import Services

VERBS: Final[dict[type[c.ListingCommand], str]] = {
    c.SubmitListing: "listing.submit",
    c.ReturnListing: "listing.return",
    c.ResubmitListing: "listing.resubmit",
    c.RefuseListing: "listing.refuse",
    c.PublishListing: "listing.publish",
    c.ChangePrice: "listing.price",
    c.ReviseListing: "listing.revise",
    c.SuspendListing: "listing.suspend",
    c.ResumeListing: "listing.resume",
    c.WithdrawListing: "listing.withdraw",
    c.TerminateListing: "listing.terminate",
    c.RegisterIntent: "intent.register",
    c.CorrectIntent: "intent.correct",
    c.WithdrawIntent: "intent.withdraw",
    c.ReviewIntent: "intent.review",
    c.AnswerIntent: "intent.answer",
    c.SettleIntent: "intent.settle",
    c.ConfirmDeposit: "intent.deposit",
    c.DisqualifyBuyer: "intent.disqualify",
    c.TakeListing: "listing.take",
    c.NotifyTaking: "taking.notify",
    c.ConfirmTaking: "taking.confirm",
    c.MakeOffer: "offer.make",
    c.WithdrawOffer: "offer.withdraw",
    c.RejectOffer: "offer.reject",
    c.CounterOffer: "offer.counter",
    c.AcceptOffer: "offer.accept",
    c.AcceptCounter: "offer.accept_counter",
    c.RecordSigning: "deal.sign",
    c.RecordDefault: "deal.default",
}
"""Names in metrics and in the audit log."""


async def find_listing(services: Services, listing_id: str) -> ListingState:
    """Return the committed state of a listing, published or not.

    Raises:
        Refused: NO_SUCH_LISTING, LOT_UNREADABLE, UNAVAILABLE.
    """
    if not is_listing_id(listing_id):
        raise Refused(Reject.NO_SUCH_LISTING)
    try:
        state = await services.engine.listings.load(ListingId(listing_id))
    except CorruptLog as damage:
        raise Refused(Reject.LOT_UNREADABLE) from damage
    except (JournalUnavailable, *UNREACHABLE) as error:
        raise Refused(Code.UNAVAILABLE) from error
    if state is None:
        raise Refused(Reject.NO_SUCH_LISTING)
    return state


async def find_visible(services: Services, caller: Caller, listing_id: str) -> ListingState:
    """Return a listing that the caller may know of: published ones everybody, others the seller and staff.

    Raises:
        Refused: NO_SUCH_LISTING also where it exists but is not his business.
    """
    state = await find_listing(services, listing_id)
    staff = caller.role is not None and caller.role.is_staff
    if state.first_published_at_us is None and not staff and not is_seller(caller, state):
        raise Refused(Reject.NO_SUCH_LISTING)
    return state


def is_seller(caller: Caller, state: ListingState) -> bool:
    """Tell whether the caller acts for the listing's seller."""
    return caller.account is not None and caller.party_id == state.seller_id


def own_intent(caller: Caller, state: ListingState) -> Intent | None:
    """Return the caller's newest application to a listing."""
    if caller.account is None:
        return None
    return next(
        (intent for intent in reversed(state.intents) if intent.buyer_id == caller.party_on(state.listing_id)), None
    )


async def ask_listing(
    services: Services,
    caller: Caller,
    listing_id: ListingId,
    command: c.ListingCommand,
    command_id: bytes,
    *,
    digest: bytes | None = None,
) -> Receipt:
    """Send a command about a listing to the engine and return its receipt.

    Args:
        services: The market.
        caller: Who wishes it; the door was passed and the side checked.
        listing_id: The listing.
        command: The wish.
        command_id: 16 bytes made by the client.
        digest: Digest of the wish as the client meant it, where the command holds more than that.
    """
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_S):
            receipt = await services.engine.listings.ask(
                listing_id,
                command,
                command_id=command_id,
                request_digest=digest or request_digest(command),
                actor=caller.party_on(listing_id),
                arrived_at_us=InstantUs(services.now_us),
            )
    except TimeoutError:
        receipt = refused(listing_id, command_id, Reject.IN_DOUBT)
    services.metrics.command(VERBS[type(command)], outcome_of(receipt), time.perf_counter() - begun)
    return receipt
