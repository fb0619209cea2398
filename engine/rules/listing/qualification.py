"""Applications of buyers: form check, the seller's answer or silence, the approving body, deposit, admission (domain.md §2.7).

Sources: 企业国有资产交易监督管理办法 art. 21 (the exchange gives its opinion, the seller answers, in conflict the approving body
decides); deposit not paid in time: given up.
"""

from __future__ import annotations

from engine.calendar import Calendar
from engine.rules.auction.codes import code_for
from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import (
    JOINT_MAX,
    TEXT_LENGTH_MAX,
    admitted,
    holds_deal,
    in_range,
    intent_of,
    is_full,
    is_reason,
    is_text,
    live_intents,
    may_not_buy,
    no,
    off_the_market,
    ok,
)
from engine.rules.listing.deposits import deposit_for
from engine.rules.listing.periods import answer_due, deposit_due
from engine.rules.listing.state import Intent, IntentPhase, ListingDecision, ListingPhase, ListingRejected, ListingState
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, PartyId

P = IntentPhase


def register(state: ListingState, command: c.RegisterIntent, at_us: InstantUs) -> ListingDecision:
    """A buyer applies within the period."""
    refused = (
        off_the_market(state, at_us)
        or (no(Reject.WRONG_PHASE) if state.terms.admission is Admission.OPEN else None)
        or may_not_buy(state, command.buyer_id, foreign=command.foreign)
        or _twice(state, command)
        or (no(Reject.LISTING_FULL) if is_full(state) else None)
        or _quote_refused(state, command.quote)
        or _text_refused(command.statement, command.related)
    )
    if refused is not None:
        return refused
    return ok(
        e.IntentRegistered(
            intent_no=len(state.intents) + 1,
            buyer_id=command.buyer_id,
            quote=command.quote,
            foreign=command.foreign,
            joint_with=command.joint_with,
            related=command.related,
            statement=command.statement,
        )
    )


def _twice(state: ListingState, command: c.RegisterIntent) -> ListingRejected | None:
    members = command.joint_with
    if len(members) > JOINT_MAX or len({*members, command.buyer_id}) <= len(members):
        return no(Reject.TERMS_INVALID, problems="joint_with: malformed")
    if state.seller_id in members:
        return no(Reject.SELLER_MAY_NOT_BUY)
    for intent in live_intents(state):
        if command.buyer_id == intent.buyer_id or command.buyer_id in intent.joint_with:
            return no(Reject.ALREADY_REGISTERED, intent_no=intent.no)
    return no(Reject.ALREADY_REGISTERED) if holds_deal(state, command.buyer_id) else None


def correct(state: ListingState, command: c.CorrectIntent) -> ListingDecision:
    """The buyer sends his form again."""
    found = _of_buyer(state, command.intent_no, command.buyer_id, P.CORRECTION)
    if isinstance(found, ListingRejected):
        return found
    refused = _quote_refused(state, command.quote) or _text_refused(command.statement)
    return refused or ok(e.IntentCorrected(intent_no=found.no, quote=command.quote, statement=command.statement))


def step_back(state: ListingState, command: c.WithdrawIntent) -> ListingDecision:
    """The buyer withdraws, before a session is ordered or a deal struck; a held deposit goes back."""
    phases = tuple(phase for phase in IntentPhase if phase.is_live)
    found = _of_buyer(state, command.intent_no, command.buyer_id, *phases, suspended=True)
    if isinstance(found, ListingRejected):
        return found
    return ok(e.IntentWithdrawn(intent_no=found.no, buyer_id=found.buyer_id))


def review(state: ListingState, command: c.ReviewIntent, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """The market checks the form."""
    found = _intent(state, command.intent_no, P.UNDER_REVIEW)
    if isinstance(found, ListingRejected):
        return found
    if command.verdict is c.Verdict.PASS:
        return ok(e.IntentPassed(intent_no=found.no, answer_due_us=answer_due(state, calendar, at_us)))
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    if command.verdict is c.Verdict.CORRECTION:
        return ok(e.IntentReturned(intent_no=found.no, reason=command.reason))
    return ok(e.IntentRefused(intent_no=found.no, reason=command.reason, by_authority=False))


def answer(state: ListingState, command: c.AnswerIntent, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """The seller agrees, or objects: then the approving body decides, not he."""
    found = _intent(state, command.intent_no, P.SELLER_ASKED)
    if isinstance(found, ListingRejected):
        return found
    if command.agrees:
        return ok(qualified(state, found, e.QualifiedBy.SELLER, at_us, calendar))
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(e.IntentDisputed(intent_no=found.no, reason=command.reason))


def settle(state: ListingState, command: c.SettleIntent, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """The approving body's decision on a buyer whom the seller objects to."""
    found = _intent(state, command.intent_no, P.DISPUTED)
    if isinstance(found, ListingRejected):
        return found
    if not is_reason(command.reason) or not is_reason(command.authority):
        return no(Reject.REASON_REQUIRED)
    if command.qualifies:
        return ok(qualified(state, found, e.QualifiedBy.AUTHORITY, at_us, calendar))
    return ok(e.IntentRefused(intent_no=found.no, reason=command.reason, by_authority=True))


def confirm_deposit(state: ListingState, command: c.ConfirmDeposit) -> ListingDecision:
    """The deposit is held: the buyer is admitted under a code. Money may come in while the listing is suspended."""
    found = _intent(state, command.intent_no, P.DEPOSIT_DUE, suspended=True)
    if isinstance(found, ListingRejected):
        return found
    return ok(admission(state, found, command.deposit_id))


def disqualify(state: ListingState, command: c.DisqualifyBuyer) -> ListingDecision:
    """An admitted buyer does not qualify after all; his deposit goes back."""
    found = _intent(state, command.intent_no, P.ADMITTED, suspended=True)
    if isinstance(found, ListingRejected):
        return found
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(e.BuyerDisqualified(intent_no=found.no, buyer_id=found.buyer_id, reason=command.reason))


def qualified(
    state: ListingState, intent: Intent, by: e.QualifiedBy, at_us: InstantUs, calendar: Calendar
) -> e.IntentQualified:
    """Return the event by which a buyer qualifies, with what he must deposit and by when."""
    deposit = deposit_for(state.terms, state.price)
    return e.IntentQualified(
        intent_no=intent.no,
        buyer_id=intent.buyer_id,
        by=by,
        deposit=deposit,
        deposit_due_us=None if deposit is None else deposit_due(state, calendar, at_us),
    )


def admission(state: ListingState, intent: Intent, deposit_id: str | None) -> e.BuyerAdmitted:
    """Return the event by which a buyer is admitted; codes do not tell who came first."""
    code = code_for(state.codes_given, state.terms.code_seed)
    return e.BuyerAdmitted(intent_no=intent.no, buyer_id=intent.buyer_id, code=code, deposit_id=deposit_id)


def is_admitted(state: ListingState, buyer_id: PartyId) -> bool:
    """Tell whether the party is admitted and free to take or offer."""
    return any(intent.buyer_id == buyer_id for intent in admitted(state))


def _intent(
    state: ListingState, intent_no: int, *phases: IntentPhase, suspended: bool = False
) -> Intent | ListingRejected:
    intent = intent_of(state, intent_no)
    if intent is None:
        return no(Reject.NO_SUCH_INTENT)
    return _not_now(state, suspended=suspended) or (intent if intent.phase in phases else no(Reject.WRONG_PHASE))


def _of_buyer(
    state: ListingState, intent_no: int, buyer_id: PartyId, *phases: IntentPhase, suspended: bool = False
) -> Intent | ListingRejected:
    # Whose an application is comes before where it stands: nobody learns how another's fares.
    intent = intent_of(state, intent_no)
    if intent is not None and intent.buyer_id != buyer_id:
        return no(Reject.NOT_THIS_BUYER)
    return _intent(state, intent_no, *phases, suspended=suspended)


def _not_now(state: ListingState, *, suspended: bool) -> ListingRejected | None:
    if state.phase in (ListingPhase.LISTED, ListingPhase.DECIDING):
        return None
    if state.phase is ListingPhase.SUSPENDED:
        return None if suspended else no(Reject.PAUSED)
    return no(Reject.ENDED) if state.phase.is_final else no(Reject.WRONG_PHASE)


def _quote_refused(state: ListingState, quote: Amount | None) -> ListingRejected | None:
    if not in_range(quote):
        return no(Reject.AMOUNT_OUT_OF_RANGE)
    if quote is not None and state.price is not None and quote < state.price:
        return no(Reject.BELOW_LIST_PRICE, price=str(state.price))
    return None


def _text_refused(*texts: str) -> ListingRejected | None:
    if any(len(text) > TEXT_LENGTH_MAX or not is_text(text) for text in texts):
        return no(Reject.TERMS_INVALID, problems="statement: malformed")
    return None
