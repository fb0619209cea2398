"""What events do to applications. Each function returns the state with the applications changed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.listing import events as e
from engine.rules.listing.state import Intent, IntentPhase, ListingState
from engine.values import DurationUs, InstantUs

Numbered = e.IntentReturned | e.IntentRefused | e.IntentDisputed | e.BuyerDisqualified


def registered(state: ListingState, event: e.IntentRegistered) -> ListingState:
    """A buyer applied."""
    if event.intent_no != len(state.intents) + 1:
        raise IllegalTransition(f"application {event.intent_no} out of turn")
    intent = Intent(
        no=event.intent_no,
        round_no=state.round_no,
        buyer_id=event.buyer_id,
        phase=IntentPhase.UNDER_REVIEW,
        registered_at_us=state.last_at_us,
        quote=event.quote,
        foreign=event.foreign,
        joint_with=event.joint_with,
        related=event.related,
        statement=event.statement,
    )
    return replace(state, intents=(*state.intents, intent))


def phase_with_reason(phase: IntentPhase) -> Callable[[ListingState, Numbered], ListingState]:
    """Return what an event does that moves an application to a phase with a reason."""

    def moved(state: ListingState, event: Numbered) -> ListingState:
        was = _intent(state, event.intent_no)
        return put(state, replace(was, phase=phase, reason=event.reason, due_us=None))

    return moved


def corrected(state: ListingState, event: e.IntentCorrected) -> ListingState:
    """The form came back corrected."""
    was = _intent(state, event.intent_no)
    return put(
        state,
        replace(was, phase=IntentPhase.UNDER_REVIEW, quote=event.quote, statement=event.statement, reason=""),
    )


def passed(state: ListingState, event: e.IntentPassed) -> ListingState:
    """The seller is asked."""
    was = _intent(state, event.intent_no)
    return put(state, replace(was, phase=IntentPhase.SELLER_ASKED, due_us=event.answer_due_us, reason=""))


def qualified(state: ListingState, event: e.IntentQualified) -> ListingState:
    """The deposit is asked for; without one the admission follows at once."""
    was = _intent(state, event.intent_no)
    now = replace(was, phase=IntentPhase.DEPOSIT_DUE, deposit=event.deposit, due_us=event.deposit_due_us, reason="")
    return put(state, now)


def admitted(state: ListingState, event: e.BuyerAdmitted) -> ListingState:
    """The buyer has his code."""
    was = _intent(state, event.intent_no)
    now = replace(was, phase=IntentPhase.ADMITTED, code=event.code, deposit_id=event.deposit_id, due_us=None)
    return replace(put(state, now), codes_given=state.codes_given + 1)


def withdrawn(state: ListingState, event: e.IntentWithdrawn) -> ListingState:
    """The buyer stepped back."""
    was = _intent(state, event.intent_no)
    return put(state, replace(was, phase=IntentPhase.WITHDRAWN, due_us=None))


def lapsed(state: ListingState, event: e.IntentLapsed) -> ListingState:
    """It came to nothing; the cause is the reason."""
    was = _intent(state, event.intent_no)
    return put(state, replace(was, phase=IntentPhase.LAPSED, reason=event.cause.value, due_us=None))


def won(state: ListingState, intent_no: int) -> ListingState:
    """His deal was struck."""
    return put(state, replace(_intent(state, intent_no), phase=IntentPhase.WON, due_us=None))


def all_over(state: ListingState) -> ListingState:
    """Every application that was still live comes to nothing; held deposits go back."""
    return replace(
        state,
        intents=tuple(
            replace(intent, phase=IntentPhase.UNSUCCESSFUL, due_us=None) if intent.phase.is_live else intent
            for intent in state.intents
        ),
    )


def shifted(state: ListingState, by_us: DurationUs) -> ListingState:
    """Every answer and deposit falls due later by a length."""
    return _dues(state, lambda due_us: InstantUs(due_us + by_us))


def due_not_before(state: ListingState, instant_us: InstantUs) -> ListingState:
    """No answer and no deposit falls due before an instant."""
    return _dues(state, lambda due_us: max(due_us, instant_us))


def due_not_after(state: ListingState, instant_us: InstantUs) -> ListingState:
    """No answer and no deposit falls due after an instant."""
    return _dues(state, lambda due_us: min(due_us, instant_us))


def put(state: ListingState, intent: Intent) -> ListingState:
    """Return the state with this application in its place."""
    place = intent.no - 1
    return replace(state, intents=(*state.intents[:place], intent, *state.intents[place + 1 :]))


def _dues(state: ListingState, move: Callable[[InstantUs], InstantUs]) -> ListingState:
    return replace(
        state,
        intents=tuple(
            intent if intent.due_us is None else replace(intent, due_us=move(intent.due_us)) for intent in state.intents
        ),
    )


def _intent(state: ListingState, intent_no: int) -> Intent:
    if not 1 <= intent_no <= len(state.intents):
        raise IllegalTransition(f"no application {intent_no}")
    return state.intents[intent_no - 1]
