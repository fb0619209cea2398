"""Endpoints of listed trade. Everybody reads; a party acts as buyer, as seller of its own listings; operators check and decide.

Who may act for which side of a listing is checked here, whether the act holds is the engine's word.
"""

from __future__ import annotations

import secrets
from uuid import UUID

from msgspec.structs import replace

from engine.catalogue.achievements.versions import Version
from engine.catalogue.codes.regions import prefix_of
from engine.evidence.receipts import Outcome, Receipt
from engine.journal.codec import request_digest
from engine.rules.listing import commands as c
from engine.rules.listing.state import DealPhase, IntentPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ListingTerms
from engine.rules.listing.visibility import buyers_listing, public_listing, sellers_listing, staff_listing
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, ListingId, PartyId, is_listing_id
from gateway.accounts.model import MemberRole
from gateway.agencies import deals_of, intents_of
from gateway.errors import Code, Refused
from gateway.http.api import listing_wishes as w
from gateway.http.api.calls import Call, RefusedByEngine, id_text
from gateway.http.api.listing_views import (
    ListingCommandView,
    ListingQueuesView,
    ListingsView,
    ListingView,
    OwnListingsView,
    listing_command_view,
    terms_view,
)
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import ReasonWish
from gateway.http.commands import outcome_of
from gateway.listings.asking import VERBS, ask_listing, find_listing, find_visible, is_seller
from gateway.listings.buyers import buyer_of, must_be_verified
from gateway.listings.standing import failed_before, must_be_listable, must_not_be_offered_twice
from gateway.listings.terms import SEEDS, listed_subject, listed_version, listing_terms, without_seed


async def listings(call: Call, query: w.ListingsQuery) -> ListingsView:
    """Search what is listed."""
    found = await call.services.listings.search(
        words=query.words,
        field=query.field,
        region=prefix_of(query.region),
        mode="" if query.mode is None else query.mode.value,
        phases=[phase for phase in query.phases.split(",") if phase],
        newest=query.newest,
        after=query.after,
        limit=query.limit,
    )
    return ListingsView(found.listings, found.next)


async def listing(call: Call) -> ListingView:
    """One listing as it stands, with what the caller sees of it as buyer, seller or staff."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    return view_of(call, state)


def view_of(call: Call, state: ListingState) -> ListingView:
    """Return a listing as the caller may see it; he may know of it."""
    caller = call.caller
    view = ListingView(
        listing=public_listing(state) or staff_listing(state).listing,
        subject=state.subject,
        terms=terms_view(state.terms),
    )
    if caller.role is not None and caller.role.is_staff:
        return replace(view, as_staff=staff_listing(state))
    if is_seller(caller, state):
        return replace(view, as_seller=sellers_listing(state))
    return (
        view
        if caller.account is None
        else replace(view, as_buyer=buyers_listing(state, caller.party_on(state.listing_id)))
    )


async def own(call: Call) -> OwnListingsView:
    """What the caller's party lists, applies for, has dealt and watches; an agent's principals stand with it while he acts."""
    index, party_id = call.services.listings, call.caller.party_id
    return OwnListingsView(
        listings=await index.of_seller(party_id),
        intents=await intents_of(call.services, call.caller),
        deals=await deals_of(call.services, call.caller),
        watched=await index.watched(party_id),
    )


async def queues(call: Call) -> ListingQueuesView:
    """What waits for the operator."""
    index = call.services.listings
    return ListingQueuesView(
        to_check=await index.in_phases([ListingPhase.SUBMITTED]),
        to_review=await index.intents_in_phases([IntentPhase.UNDER_REVIEW]),
        disputed=await index.intents_in_phases([IntentPhase.DISPUTED]),
        to_sign=await index.deals_in_phases([DealPhase.STRUCK]),
        suspended=await index.in_phases([ListingPhase.SUSPENDED]),
        uncertain=await index.uncertain(),
    )


async def watch(call: Call) -> DoneView:
    """Put a listing on the watch list."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    if not await call.services.listings.watch(call.caller.party_id, state.listing_id, call.services.now_us):
        raise Refused(Code.CONFLICT)
    return DoneView()


async def unwatch(call: Call) -> DoneView:
    """Take a listing off the watch list."""
    if is_listing_id(call.path["listing"]):
        await call.services.listings.unwatch(call.caller.party_id, ListingId(call.path["listing"]))
    return DoneView()


async def submit(call: Call, wish: w.SubmitListingWish) -> ListingCommandView:
    """Hand a listing in: an achievement of the caller's party, under terms that its record allows."""
    _must_be(call, MemberRole.APPROVER)
    await must_be_verified(call.services, call.caller)
    services, seller = call.services, call.caller.party_id
    version = await listed_version(services, seller, wish.achievement, wish.terms.mode)
    terms = await recorded_terms(call, seller, version, wish.terms, wish.notice, secrets.randbelow(SEEDS))
    await must_be_listable(services, seller, terms, version.id, wish.listing)
    command = c.SubmitListing(terms=terms, subject=listed_subject(version, wish.notice), seller_id=call.caller.party_id)
    meant = c.SubmitListing(terms=without_seed(terms), subject=command.subject, seller_id=command.seller_id)
    return await _send(call, ListingId(wish.listing), command, wish.id, digest=request_digest(meant))


async def resubmit(call: Call, wish: w.ResubmitListingWish) -> ListingCommandView:
    """Hand a listing in again after correction."""
    state = await _as_seller(call)
    version = await listed_version(call.services, state.seller_id, state.subject.achievement_id, wish.terms.mode)
    seed = state.terms.code_seed
    terms = await recorded_terms(call, state.seller_id, version, wish.terms, wish.notice, seed)
    await must_be_listable(call.services, state.seller_id, terms, version.id, state.listing_id)
    command = c.ResubmitListing(terms=terms, subject=listed_subject(version, wish.notice))
    return await _send(call, state.listing_id, command, wish.id)


async def revise(call: Call, wish: w.ReviseListingWish) -> ListingCommandView:
    """Change the content of a listing that runs; approved, and the period starts again."""
    state = await _as_seller(call)
    version = await listed_version(call.services, state.seller_id, state.subject.achievement_id, wish.terms.mode)
    seed = state.terms.code_seed
    terms = await recorded_terms(call, state.seller_id, version, wish.terms, wish.notice, seed)
    await must_be_listable(call.services, state.seller_id, terms, version.id, state.listing_id)
    command = c.ReviseListing(
        terms=terms,
        subject=listed_subject(version, wish.notice),
        reason=wish.reason,
        approval_no=wish.approval_no,
    )
    return await _send(call, state.listing_id, command, wish.id)


async def change_price(call: Call, wish: w.PriceWish) -> ListingCommandView:
    """Set a new list price."""
    return await _send(call, (await _as_seller(call)).listing_id, wish.command(), wish.id)


async def withdraw(call: Call, wish: ReasonWish) -> ListingCommandView:
    """Take a listing back."""
    return await _send(call, (await _as_seller(call)).listing_id, c.WithdrawListing(reason=wish.reason), wish.id)


async def publish(call: Call, wish: w.PublishListingWish) -> ListingCommandView:
    """The form is in order: disclosure begins."""
    await must_not_be_offered_twice(call.services, await find_listing(call.services, call.path["listing"]))
    return await _decide(call, c.PublishListing(), wish.id)


async def send_back(call: Call, wish: ReasonWish) -> ListingCommandView:
    """Back to the institution for correction."""
    return await _decide(call, c.ReturnListing(reason=wish.reason), wish.id)


async def refuse(call: Call, wish: ReasonWish) -> ListingCommandView:
    """It cannot be listed."""
    return await _decide(call, c.RefuseListing(reason=wish.reason), wish.id)


async def suspend(call: Call, wish: ReasonWish) -> ListingCommandView:
    """Stop the clock of a listing."""
    return await _decide(call, c.SuspendListing(reason=wish.reason), wish.id)


async def resume(call: Call, wish: ReasonWish) -> ListingCommandView:
    """Let the clock run again."""
    return await _decide(call, c.ResumeListing(reason=wish.reason), wish.id)


async def terminate(call: Call, wish: ReasonWish) -> ListingCommandView:
    """End a listing whose obstacle cannot be removed."""
    return await _decide(call, c.TerminateListing(reason=wish.reason), wish.id)


async def register_intent(call: Call, wish: w.IntentWish) -> ListingCommandView:
    """Apply as a buyer."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    buyer = await buyer_of(call.services, call.caller, state)
    command = wish.command(buyer.party_id, buyer.foreign, buyer.related)
    return await _send(call, state.listing_id, command, wish.id)


async def correct_intent(call: Call, wish: w.CorrectionWish) -> ListingCommandView:
    """Answer a request for correction."""
    command = c.CorrectIntent(
        intent_no=_number(call),
        buyer_id=_buyer(call),
        quote=None if wish.quote is None else Amount(int(wish.quote)),
        statement=wish.statement,
    )
    return await _as_buyer(call, command, wish.id)


async def withdraw_intent(call: Call, wish: w.StepBackWish) -> ListingCommandView:
    """Take an application back."""
    return await _as_buyer(call, c.WithdrawIntent(intent_no=_number(call), buyer_id=_buyer(call)), wish.id)


async def review_intent(call: Call, wish: w.ReviewWish) -> ListingCommandView:
    """Check the form of an application."""
    command = c.ReviewIntent(intent_no=_number(call), verdict=wish.verdict, reason=wish.reason)
    return await _decide(call, command, wish.id)


async def answer_intent(call: Call, wish: w.AnswerWish) -> ListingCommandView:
    """The seller's answer to an application."""
    state = await _as_seller(call)
    command = c.AnswerIntent(intent_no=_number(call), agrees=wish.agrees, reason=wish.reason)
    return await _send(call, state.listing_id, command, wish.id)


async def settle_intent(call: Call, wish: w.SettleWish) -> ListingCommandView:
    """Enter the approving body's decision on a disputed buyer."""
    command = c.SettleIntent(
        intent_no=_number(call), qualifies=wish.qualifies, authority=wish.authority, reason=wish.reason
    )
    return await _decide(call, command, wish.id)


async def disqualify(call: Call, wish: ReasonWish) -> ListingCommandView:
    """Take an admitted buyer's place away."""
    return await _decide(call, c.DisqualifyBuyer(intent_no=_number(call), reason=wish.reason), wish.id)


async def take(call: Call, wish: w.TakeWish) -> ListingCommandView:
    """Buy at the posted price."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    buyer = await buyer_of(call.services, call.caller, state)
    command = c.TakeListing(buyer_id=buyer.party_id, price=Amount(int(wish.price)), foreign=buyer.foreign)
    return await _send(call, state.listing_id, command, wish.id)


async def notify_taking(call: Call, wish: w.TakingWish) -> ListingCommandView:
    """Notify that an open licence is taken, with proof of payment."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    buyer = await buyer_of(call.services, call.caller, state)
    command = c.NotifyTaking(buyer_id=buyer.party_id, payment_proof=wish.payment_proof, foreign=buyer.foreign)
    return await _send(call, state.listing_id, command, wish.id)


async def confirm_taking(call: Call, wish: w.TakingAnswerWish) -> ListingCommandView:
    """Say whether the payment of an open licence came in: the seller, or an operator."""
    state = await find_listing(call.services, call.path["listing"])
    staff = call.caller.role is not None and call.caller.role.is_staff
    if not staff and not is_seller(call.caller, state):
        raise Refused(Code.FORBIDDEN)
    command = c.ConfirmTaking(taking_no=_number(call), paid=wish.paid, reason=wish.reason)
    return await _send(call, state.listing_id, command, wish.id)


async def make_offer(call: Call, wish: w.OfferWish) -> ListingCommandView:
    """Offer a price."""
    state = await find_visible(call.services, call.caller, call.path["listing"])
    buyer = await buyer_of(call.services, call.caller, state)
    command = c.MakeOffer(
        buyer_id=buyer.party_id,
        amount=Amount(int(wish.amount)),
        expires_at_us=wish.expiry(),
        foreign=buyer.foreign,
    )
    return await _send(call, state.listing_id, command, wish.id)


async def withdraw_offer(call: Call, wish: w.StepBackWish) -> ListingCommandView:
    """Take an offer back."""
    return await _as_buyer(call, c.WithdrawOffer(offer_no=_number(call), buyer_id=_buyer(call)), wish.id)


async def accept_counter(call: Call, wish: w.OfferAnswerWish) -> ListingCommandView:
    """Accept the seller's counter-offer."""
    command = c.AcceptCounter(offer_no=_number(call), buyer_id=_buyer(call), amount=_shown(wish))
    return await _as_buyer(call, command, wish.id)


async def accept_offer(call: Call, wish: w.OfferAnswerWish) -> ListingCommandView:
    """Accept a standing offer."""
    state = await _as_seller(call)
    command = c.AcceptOffer(offer_no=_number(call), amount=_shown(wish))
    return await _send(call, state.listing_id, command, wish.id)


async def reject_offer(call: Call, wish: w.OfferAnswerWish) -> ListingCommandView:
    """Refuse an offer."""
    state = await _as_seller(call)
    return await _send(call, state.listing_id, c.RejectOffer(offer_no=_number(call), reason=wish.reason), wish.id)


async def counter_offer(call: Call, wish: w.OfferWish) -> ListingCommandView:
    """Answer an offer with a price."""
    state = await _as_seller(call)
    command = c.CounterOffer(offer_no=_number(call), amount=Amount(int(wish.amount)), expires_at_us=wish.expiry())
    return await _send(call, state.listing_id, command, wish.id)


async def record_signing(call: Call, wish: w.SigningWish) -> ListingCommandView:
    """Record that the contract of a deal is signed by both sides."""
    return await _decide(call, c.RecordSigning(deal_no=_number(call), contract_ref=wish.contract_ref), wish.id)


async def record_default(call: Call, wish: w.DefaultWish) -> ListingCommandView:
    """Record that a side of a deal refused, after hearing both."""
    return await _decide(call, c.RecordDefault(deal_no=_number(call), side=wish.side, reason=wish.reason), wish.id)


async def recorded_terms(
    call: Call, seller: PartyId, version: Version, wish: w.ListingTermsWish, notice: w.ListedWish, seed: int
) -> ListingTerms:
    """Return the terms as they are recorded: a state asset that found no buyer at the same valuation may start below it."""
    failed = False
    if wish.state_asset is not None and is_listing_id(notice.relists):
        previous = await call.services.engine.listings.load(ListingId(notice.relists))
        now_us = InstantUs(call.services.now_us)
        failed = failed_before(previous, seller, version.id, wish.state_asset.valuation_no, now_us)
    return listing_terms(wish, version, seed, failed_before=failed)


def _must_be(call: Call, role: MemberRole) -> None:
    """Let only members of this role act for their organisation.

    Raises:
        Refused: FORBIDDEN.
    """
    if not call.caller.may_as(role):
        raise Refused(Code.FORBIDDEN)


def _buyer(call: Call) -> PartyId:
    return call.caller.party_on(call.path["listing"])


def _number(call: Call) -> int:
    """Return the number in the path: of an application, an offer, a notice or a deal."""
    text = call.path["no"]
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Refused(Code.NOT_FOUND)
    return int(text)


def _shown(wish: w.OfferAnswerWish) -> Amount:
    if wish.amount is None:
        raise Refused(Reject.AMOUNT_MISSING)
    return Amount(int(wish.amount))


async def _as_seller(call: Call) -> ListingState:
    """Return the listing in the path, whose seller the caller acts for.

    Raises:
        Refused: NO_SUCH_LISTING, FORBIDDEN.
    """
    state = await find_visible(call.services, call.caller, call.path["listing"])
    if not is_seller(call.caller, state):
        raise Refused(Code.FORBIDDEN)
    return state


async def _as_buyer(call: Call, command: c.ListingCommand, command_id: UUID) -> ListingCommandView:
    state = await find_visible(call.services, call.caller, call.path["listing"])
    return await _send(call, state.listing_id, command, command_id)


async def _decide(call: Call, command: c.ListingCommand, command_id: UUID) -> ListingCommandView:
    """Send an operator's act."""
    state = await find_listing(call.services, call.path["listing"])
    return await _send(call, state.listing_id, command, command_id)


async def _send(
    call: Call, listing_id: ListingId, command: c.ListingCommand, command_id: UUID, *, digest: bytes | None = None
) -> ListingCommandView:
    receipt = await ask_listing(call.services, call.caller, listing_id, command, command_id.bytes, digest=digest)
    await call.services.accounts.note(
        call.caller, call.origin.network, VERBS[type(command)], listing_id, outcome_of(receipt)
    )
    return _accepted(receipt)


def _accepted(receipt: Receipt) -> ListingCommandView:
    if receipt.decision is not Outcome.ACCEPTED:
        raise RefusedByEngine(receipt)
    return listing_command_view(receipt, id_text(receipt))
