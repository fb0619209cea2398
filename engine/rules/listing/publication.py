"""The listing itself: form check, publication, changes of price and content, suspension, withdrawal, termination.

Sources: domain.md §3.3; 企业国有资产交易监督管理办法 art. 17-21 and the 2009 exchange rules arts. 17-24 as the venues' template.
"""

from __future__ import annotations

from msgspec.structs import astuple

from engine.calendar import Calendar
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import in_range, is_reason, is_text, live_deals, live_intents, no, ok
from engine.rules.listing.periods import disclosure, resumed
from engine.rules.listing.state import IntentPhase, ListingDecision, ListingPhase, ListingRejected, ListingState
from engine.rules.listing.terms import ListingTerms, SaleWay
from engine.rules.listing.terms_checking import floor_of, listing_terms_problems
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, ListingId, is_listing_id

P = ListingPhase
_BEFORE = (P.SUBMITTED, P.CORRECTION)


def submit(state: ListingState | None, listing_id: ListingId, command: c.SubmitListing) -> ListingDecision:
    """The institution hands a listing in."""
    if state is not None:
        return no(Reject.LISTING_EXISTS)
    more = [] if is_listing_id(listing_id) else ["listing_id: malformed"]
    wrong = _wrong(command.terms, command.subject, more)
    return wrong or ok(e.ListingSubmitted(terms=command.terms, subject=command.subject, seller_id=command.seller_id))


def send_back(state: ListingState, command: c.ReturnListing) -> ListingDecision:
    """The form needs correction."""
    if state.phase is not P.SUBMITTED:
        return no(Reject.WRONG_PHASE)
    return ok(e.ListingReturned(reason=command.reason)) if is_reason(command.reason) else no(Reject.REASON_REQUIRED)


def resubmit(state: ListingState, command: c.ResubmitListing) -> ListingDecision:
    """The corrected form comes in."""
    if state.phase is not P.CORRECTION:
        return no(Reject.WRONG_PHASE)
    return _wrong(command.terms, command.subject, []) or ok(
        e.ListingResubmitted(terms=command.terms, subject=command.subject)
    )


def refuse(state: ListingState, command: c.RefuseListing) -> ListingDecision:
    """It cannot be listed."""
    if state.phase not in _BEFORE:
        return no(Reject.WRONG_PHASE)
    return ok(e.ListingRefused(reason=command.reason)) if is_reason(command.reason) else no(Reject.REASON_REQUIRED)


def publish(state: ListingState, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """Disclosure begins; the day of publication does not count (民法典 art. 201)."""
    if state.phase is not P.SUBMITTED:
        return no(Reject.WRONG_PHASE)
    period = disclosure(state.terms, calendar, at_us)
    return ok(
        e.ListingPublished(
            discloses_until_us=period.until_us,
            certain=period.certain,
            calendar_version=period.calendar_version,
            working_days=period.working_days,
        )
    )


def change_price(state: ListingState, command: c.ChangePrice, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """A new list price. Where it is disclosed, the period starts again and the applications of the round end."""
    if state.phase is not P.LISTED or state.terms.way is SaleWay.OPEN_LICENCE:
        return no(Reject.WRONG_PHASE)
    if not in_range(command.price):
        return no(Reject.AMOUNT_OUT_OF_RANGE)
    if command.price == state.price:
        return no(Reject.PRICE_UNCHANGED)
    if command.price is None and (state.terms.way is SaleWay.DISCLOSED or state.terms.offers is None):
        return no(Reject.AMOUNT_MISSING)
    refused = _approval_missing(state, command)
    if refused is not None:
        return refused
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    days = None if state.terms.state_asset is None else state.terms.state_asset.only_price_changed_working_days
    period = disclosure(state.terms, calendar, at_us, days)
    return ok(
        e.PriceChanged(
            price=command.price,
            reason=command.reason,
            approval_no=command.approval_no,
            round_no=state.round_no + (state.terms.way is SaleWay.DISCLOSED),
            discloses_until_us=period.until_us,
            certain=period.certain,
            calendar_version=period.calendar_version,
            working_days=period.working_days,
        )
    )


def _approval_missing(state: ListingState, command: c.ChangePrice) -> ListingRejected | None:
    """State assets: below the floor the approving body must have consented; so it must for any change while the first period runs
    or a buyer has come, for what was announced stands (2009 rules arts. 19, 21).
    """
    asset = state.terms.state_asset
    if asset is None or command.price is None or command.approval_no.strip():
        return None
    floor = floor_of(asset)
    if command.price < floor or state.cycles == 0 or live_intents(state):
        return no(Reject.APPROVAL_REQUIRED, floor=str(floor))
    return None


def revise(state: ListingState, command: c.ReviseListing, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """A necessary change of content: approved, through the same channel, and the period starts again (2009 rules art. 19)."""
    if state.phase is not P.LISTED:
        return no(Reject.WRONG_PHASE)
    if not command.approval_no.strip():
        return no(Reject.APPROVAL_REQUIRED)
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    more = []
    if command.terms.way is not state.terms.way or command.terms.currency != state.terms.currency:
        more.append("way: may_not_change")
    if command.terms.seats is not None and command.terms.seats <= len(live_deals(state)):
        more.append("seats: no_more_than_given")
    wrong = _wrong(command.terms, command.subject, more)
    if wrong is not None:
        return wrong
    period = disclosure(command.terms, calendar, at_us)
    return ok(
        e.ListingRevised(
            terms=command.terms,
            subject=command.subject,
            reason=command.reason,
            approval_no=command.approval_no,
            round_no=state.round_no + 1,
            discloses_until_us=period.until_us,
            certain=period.certain,
            calendar_version=period.calendar_version,
            working_days=period.working_days,
        )
    )


def suspend(state: ListingState, command: c.SuspendListing, at_us: InstantUs) -> ListingDecision:
    """The clock stands still (中止)."""
    if state.phase not in (P.LISTED, P.DECIDING):
        return no(Reject.WRONG_PHASE)
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(e.ListingSuspended(reason=command.reason, until_us=InstantUs(at_us + state.terms.suspension_max_us)))


def resume(state: ListingState, command: c.ResumeListing, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """It goes on (恢复)."""
    if state.phase is not P.SUSPENDED:
        return no(Reject.WRONG_PHASE)
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(resumed(state, command.reason, calendar, at_us))


def withdraw(state: ListingState, command: c.WithdrawListing) -> ListingDecision:
    """The seller takes it back: free before anybody applied, at a cost after, with liability once a buyer is admitted."""
    if state.phase not in (*_BEFORE, P.LISTED, P.SUSPENDED, P.DECIDING):
        return no(Reject.WRONG_PHASE)
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    cost = state.terms.withdrawal_cost if state.intents else Amount(0)
    liable = any(intent.phase is IntentPhase.ADMITTED for intent in state.intents)
    return ok(e.ListingWithdrawn(reason=command.reason, cost=cost, liable=liable))


def terminate(state: ListingState, command: c.TerminateListing) -> ListingDecision:
    """The obstacle cannot be removed (终结). A session must have been voided, a deal defaulted, before."""
    if state.phase not in (*_BEFORE, P.LISTED, P.SUSPENDED, P.DECIDING):
        return no(Reject.WRONG_PHASE)
    return ok(e.ListingTerminated(reason=command.reason)) if is_reason(command.reason) else no(Reject.REASON_REQUIRED)


def _wrong(terms: ListingTerms, subject: c.ListedSubject, more: list[str]) -> ListingRejected | None:
    """Return why these terms cannot be published; the two questions of money first, since the seller can answer them."""
    asset, price = terms.state_asset, terms.list_price
    if asset is not None and price is not None and asset.first_at_valuation and price < asset.valuation:
        return no(Reject.BELOW_VALUATION, floor=str(asset.valuation))
    if asset is not None and price is not None and price < floor_of(asset) and not asset.approval_no.strip():
        return no(Reject.APPROVAL_REQUIRED, floor=str(floor_of(asset)))
    problems = listing_terms_problems(terms) + more
    if any(not is_text(text) for text in astuple(subject) if isinstance(text, str)):
        problems.append("subject: control_characters")
    if not subject.title_zh.strip():
        problems.append("subject: title_needed")
    return no(Reject.TERMS_INVALID, problems="; ".join(problems)) if problems else None
