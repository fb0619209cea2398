"""The rules of a deposit: decide(state, act, at) -> events or a refusal. Pure, as in engine/rules.

How events change the state: settlement/deposits/evolving.py. Which money they move: settlement/deposits/money.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import DepositState as S
from settlement.deposits.evolving import Deposit
from settlement.deposits.terms import ForfeitBy, settle_default, terms_problems
from settlement.ledger.postings import FEN_MAX

TEXT_MAX: Final = 2_000
BLOCKS_MAX: Final = 50
EVENTS_MAX: Final = 10_000
"""Bound on the history of one deposit; only payments in parts and repeated failures make it long."""


class Refusal(StrEnum):
    """Why an act is refused, in order of precedence. Never renamed."""

    NO_SUCH_DEPOSIT = "no_such_deposit"
    DEPOSIT_EXISTS = "deposit_exists"
    KEY_REUSED = "key_reused"
    WRONG_STATE = "wrong_state"
    HISTORY_FULL = "history_full"
    TERMS_INVALID = "terms_invalid"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    REASON_REQUIRED = "reason_required"
    ALREADY_PAID = "already_paid"
    LATE = "late"
    TOO_EARLY = "too_early"
    BLOCKED = "blocked"
    NO_SUCH_BLOCK = "no_such_block"
    APPEAL_CLOSED = "appeal_closed"
    APPEAL_OPEN = "appeal_open"
    NO_APPEAL = "no_appeal"
    WAITS_FOR_SHORTFALL = "waits_for_shortfall"
    OTHER_ORDER = "other_order"
    NOT_FAILED = "not_failed"
    NO_PAYEE = "no_payee"
    MONEY_GONE = "money_gone"


class Refused(Struct, frozen=True):
    """The answer to an act that the rules do not allow. `data` holds facts for the asker, never somebody else's."""

    code: Refusal
    data: dict[str, int | str] = {}


Decision = tuple[e.Event, ...] | Refused


def decide(deposit: Deposit | None, act: a.Act, at_us: int) -> Decision:
    """Judge one act on one deposit. Changes nothing.

    Args:
        deposit: The deposit now, None if there is none.
        act: What is wished.
        at_us: The market's time.

    Returns:
        One event or more, or why not: the first code of `Refusal` that applies.
    """
    if isinstance(act, a.RequireDeposit):
        return Refused(Refusal.DEPOSIT_EXISTS) if deposit is not None else _require(act)
    if deposit is None:
        return Refused(Refusal.NO_SUCH_DEPOSIT)
    allowed, judge = _RULES[type(act)]
    if deposit.state not in allowed:
        return Refused(Refusal.WRONG_STATE, {"state": deposit.state.value})
    if deposit.seq >= EVENTS_MAX and type(act) not in _ENDING:
        return Refused(Refusal.HISTORY_FULL)
    return judge(deposit, act, at_us)


def _require(act: a.RequireDeposit) -> Decision:
    if problems := terms_problems(act.terms):
        return Refused(Refusal.TERMS_INVALID, {"problems": ", ".join(problems)})
    if not 0 < act.amount_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    return (
        e.DepositRequired(
            subject=act.subject, party_id=act.party_id, amount_fen=act.amount_fen, due_at_us=act.due_at_us,
            virtual_account=act.virtual_account, terms=act.terms,
        ),
    )  # fmt: skip


def _receive(deposit: Deposit, act: a.ReceivePayment, _: int) -> Decision:
    if not 0 < act.amount_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    if act.booked_at_us > deposit.due_at_us and not deposit.due_paused:
        return Refused(Refusal.LATE, {"due_at_us": deposit.due_at_us})
    taken = min(act.amount_fen, deposit.missing_fen)
    return (
        e.PaymentReceived(
            bank_ref=act.bank_ref, booked_at_us=act.booked_at_us, taken_fen=taken,
            surplus_fen=act.amount_fen - taken, payer_name=act.payer_name, payer_account=act.payer_account,
            complete=taken == deposit.missing_fen,
        ),
    )  # fmt: skip


def _move_due(deposit: Deposit, act: a.MoveDue, _: int) -> Decision:
    if (act.due_at_us, act.paused) == (deposit.due_at_us, deposit.due_paused):
        return ()
    return (e.DueMoved(due_at_us=act.due_at_us, paused=act.paused),)


def _hold(_: Deposit, act: a.HoldDeposit, __: int) -> Decision:
    return (e.DepositHeld(checked_by=act.checked_by),)


def _lapse(deposit: Deposit, act: a.LapseDeposit, at_us: int) -> Decision:
    """Lapse when the time is over, and the bank had time to tell of what was booked in time; at once if not needed any more."""
    if act.reason == a.NOT_PAID and at_us <= deposit.lapses_at_us:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": deposit.lapses_at_us})
    return (e.DepositLapsed(reason=act.reason, returned_fen=deposit.received_fen),)


def _schedule(deposit: Deposit, act: a.ScheduleRelease, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (
        e.ReleaseScheduled(
            reason=act.reason, starts_us=act.starts_us, from_us=act.starts_us + deposit.terms.release_wait_us,
            by_us=act.by_us, certain=act.certain, calendar=act.calendar,
        ),
    )  # fmt: skip


def _recount(_: Deposit, act: a.RecountRelease, __: int) -> Decision:
    return (e.ReleaseRecounted(by_us=act.by_us, certain=act.certain, calendar=act.calendar),)


def _block(deposit: Deposit, act: a.BlockRelease, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if act.block in deposit.blocks:
        return ()
    if len(deposit.blocks) >= BLOCKS_MAX:
        return Refused(Refusal.HISTORY_FULL)
    return (e.ReleaseBlocked(block=act.block, reason=act.reason),)


def _unblock(deposit: Deposit, act: a.UnblockRelease, _: int) -> Decision:
    if act.block not in deposit.blocks:
        return Refused(Refusal.NO_SUCH_BLOCK)
    return (e.ReleaseUnblocked(block=act.block),)


def _start_release(deposit: Deposit, act: a.StartRelease, at_us: int) -> Decision:
    if at_us < deposit.release_from_us:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": deposit.release_from_us})
    if deposit.blocks:
        return Refused(Refusal.BLOCKED, {"blocks": ", ".join(deposit.blocks)})
    return (e.ReleaseStarted(order_id=act.order_id),)


def _fail_release(deposit: Deposit, act: a.FailRelease, _: int) -> Decision:
    if act.order_id != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    return (e.ReleaseFailed(order_id=act.order_id, reason=act.reason),)


def _reissue_release(deposit: Deposit, act: a.ReissueRelease, _: int) -> Decision:
    if act.instead_of != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    if not deposit.release_problem:
        return Refused(Refusal.NOT_FAILED)
    return (e.ReleaseReissued(order_id=act.order_id, instead_of=act.instead_of),)


def _finish_release(deposit: Deposit, act: a.FinishRelease, _: int) -> Decision:
    if act.order_id != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    return (e.DepositReleased(order_id=act.order_id, bank_ref=act.bank_ref),)


def _convert(_: Deposit, act: a.ConvertDeposit, __: int) -> Decision:
    return (e.DepositConverted(deal_ref=act.deal_ref),)


def _undo_conversion(deposit: Deposit, act: a.UndoConversion, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (e.ConversionUndone(deal_ref=deposit.deal_ref, reason=act.reason),)


def _propose(deposit: Deposit, act: a.ProposeForfeit, at_us: int) -> Decision:
    if not deposit.held:  # paid, never held, and going back already: there is nothing to lose
        return Refused(Refusal.WRONG_STATE, {"state": deposit.state.value})
    if not _is_reason(act.reason) or len(act.note) > TEXT_MAX:
        return Refused(Refusal.REASON_REQUIRED)
    if act.appeal_until_us <= at_us and not act.recorded_earlier:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": at_us + 1})
    return (
        e.ForfeitProposed(
            reason=act.reason, note=act.note, appeal_until_us=act.appeal_until_us, back_to=deposit.state,
            deal_ref=deposit.deal_ref,
        ),
    )  # fmt: skip


def _appeal(deposit: Deposit, act: a.AppealForfeit, at_us: int) -> Decision:
    if not act.text.strip() or len(act.text) > TEXT_MAX:
        return Refused(Refusal.REASON_REQUIRED)
    if deposit.appeal or at_us >= deposit.appeal_until_us:
        return Refused(Refusal.APPEAL_CLOSED, {"appeal_until_us": deposit.appeal_until_us})
    return (e.ForfeitAppealed(text=act.text),)


def _decide_appeal(deposit: Deposit, act: a.DecideAppeal, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if not deposit.appeal_open:
        return Refused(Refusal.NO_APPEAL)
    if act.upheld:
        return (e.ForfeitLifted(reason=act.reason, back_to=deposit.back_to),)
    return (e.AppealDismissed(reason=act.reason),)


def _lift(deposit: Deposit, act: a.LiftForfeit, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (e.ForfeitLifted(reason=act.reason, back_to=deposit.back_to),)


def _may_be_taken(deposit: Deposit, at_us: int) -> Refused | None:
    """Nothing is taken while the party may still appeal, or while its appeal is open."""
    if deposit.appeal_open:
        return Refused(Refusal.APPEAL_OPEN)
    if not deposit.appeal_decided and at_us < deposit.appeal_until_us:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": deposit.appeal_until_us})
    return None


def _forfeit(deposit: Deposit, _: a.ForfeitDeposit, at_us: int) -> Decision:
    if refused := _may_be_taken(deposit, at_us):
        return refused
    if deposit.terms.forfeit_by is ForfeitBy.SHORTFALL:
        return Refused(Refusal.WAITS_FOR_SHORTFALL)
    return (e.DepositForfeited(taken_fen=deposit.amount_fen),)


def _deduct(deposit: Deposit, act: a.DeductShortfall, at_us: int) -> Decision:
    amounts = (act.first_price_fen, act.second_price_fen, act.costs_fen)
    if any(not 0 <= amount <= FEN_MAX for amount in amounts):
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    if refused := _may_be_taken(deposit, at_us):
        return refused
    result = settle_default(
        first_price_fen=act.first_price_fen, second_price_fen=act.second_price_fen, costs_fen=act.costs_fen,
        deposit_fen=deposit.amount_fen, policy=deposit.terms.surplus_policy,
    )  # fmt: skip
    return (
        e.DepositDeducted(
            first_price_fen=act.first_price_fen, second_price_fen=act.second_price_fen, costs_fen=act.costs_fen,
            shortfall_fen=result.shortfall_fen, taken_fen=result.taken_fen, returned_fen=result.returned_fen,
            due_fen=result.due_fen,
        ),
    )  # fmt: skip


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= TEXT_MAX


_Judge = Callable[[Deposit, Any, int], Decision]
_RULES: Final[Mapping[type[Any], tuple[frozenset[S], _Judge]]] = {
    a.MoveDue: (frozenset({S.REQUIRED}), _move_due),
    a.ReceivePayment: (frozenset({S.REQUIRED}), _receive),
    a.HoldDeposit: (frozenset({S.PAID}), _hold),
    a.LapseDeposit: (frozenset({S.REQUIRED}), _lapse),
    a.ScheduleRelease: (frozenset({S.PAID, S.HELD}), _schedule),
    a.RecountRelease: (frozenset({S.RELEASE_DUE}), _recount),
    a.BlockRelease: (frozenset({S.PAID, S.HELD, S.RELEASE_DUE}), _block),
    a.UnblockRelease: (frozenset({S.PAID, S.HELD, S.RELEASE_DUE}), _unblock),
    a.StartRelease: (frozenset({S.RELEASE_DUE}), _start_release),
    a.FailRelease: (frozenset({S.RELEASING}), _fail_release),
    a.ReissueRelease: (frozenset({S.RELEASING}), _reissue_release),
    a.FinishRelease: (frozenset({S.RELEASING}), _finish_release),
    a.ConvertDeposit: (frozenset({S.HELD}), _convert),
    a.UndoConversion: (frozenset({S.CONVERTED}), _undo_conversion),
    a.ProposeForfeit: (frozenset({S.HELD, S.RELEASE_DUE, S.CONVERTED}), _propose),
    a.AppealForfeit: (frozenset({S.FORFEIT_PENDING}), _appeal),
    a.DecideAppeal: (frozenset({S.FORFEIT_PENDING}), _decide_appeal),
    a.LiftForfeit: (frozenset({S.FORFEIT_PENDING}), _lift),
    a.ForfeitDeposit: (frozenset({S.FORFEIT_PENDING}), _forfeit),
    a.DeductShortfall: (frozenset({S.FORFEIT_PENDING}), _deduct),
}
_ENDING: Final = frozenset({a.StartRelease, a.FinishRelease, a.ForfeitDeposit, a.DeductShortfall, a.LapseDeposit})
"""What may still be done when a history is full."""


def allowed_states(act: type[Any]) -> frozenset[S]:
    """Return the states in which an act is judged at all."""
    return _RULES[act][0]
