"""The machine of a deposit: every state with every act, the table of transitions, the formula of a default."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import FINAL, WIRE_NAMES, decode_event, encode_event
from settlement.deposits.events import DepositState as S
from settlement.deposits.evolving import TRANSITIONS, Deposit, IllegalTransition, evolve
from settlement.deposits.rules import Refusal, Refused, allowed_states, decide
from settlement.deposits.terms import DepositTerms, ForfeitBy, SurplusPolicy, settle_default, terms_problems
from settlement.deposits.virtual_accounts import check_digit, is_virtual_account, virtual_account

NOW = 1_000_000_000_000
HOUR = 3_600_000_000
TERMS = DepositTerms(seller_id="seller")
BASE = Deposit(
    id="d", seq=3, state=S.REQUIRED, subject="listing/a", party_id="p", amount_fen=1_000, due_at_us=NOW,
    virtual_account="1", terms=TERMS,
)  # fmt: skip
PAID = replace(BASE, received_fen=1_000)
HELD = replace(PAID, state=S.HELD, held=True)
STATES: dict[S, Deposit] = {
    S.REQUIRED: BASE,
    S.PAID: replace(PAID, state=S.PAID),
    S.HELD: HELD,
    S.RELEASE_DUE: replace(HELD, state=S.RELEASE_DUE),
    S.RELEASING: replace(HELD, state=S.RELEASING, order_id="o", release_problem="x"),
    S.RELEASED: replace(HELD, state=S.RELEASED),
    S.CONVERTED: replace(HELD, state=S.CONVERTED, deal_ref="deal"),
    S.FORFEIT_PENDING: replace(HELD, state=S.FORFEIT_PENDING, appeal_until_us=NOW),
    S.FORFEITED: replace(HELD, state=S.FORFEITED),
    S.PARTLY_DEDUCTED: replace(HELD, state=S.PARTLY_DEDUCTED),
    S.LAPSED: replace(BASE, state=S.LAPSED),
}
ACTS: list[a.Act] = [
    a.RequireDeposit(subject="s", party_id="p", amount_fen=1, due_at_us=1, virtual_account="1", terms=TERMS),
    a.MoveDue(due_at_us=NOW + 5),
    a.ReceivePayment(bank_ref="r", booked_at_us=NOW, amount_fen=1_000, payer_name="", payer_account=""),
    a.HoldDeposit(checked_by="op"),
    a.LapseDeposit(reason=a.NOT_NEEDED),
    a.ScheduleRelease(reason="r", starts_us=NOW, by_us=NOW, certain=True),
    a.RecountRelease(by_us=NOW, certain=True, calendar="2"),
    a.BlockRelease(block="b", reason="r"),
    a.UnblockRelease(block="b"),
    a.StartRelease(order_id="o"),
    a.FailRelease(order_id="o", reason="x"),
    a.ReissueRelease(order_id="o2", instead_of="o"),
    a.FinishRelease(order_id="o", bank_ref="r"),
    a.ConvertDeposit(deal_ref="deal"),
    a.UndoConversion(reason="r"),
    a.ProposeForfeit(reason="r", appeal_until_us=NOW + 1),
    a.AppealForfeit(text="t"),
    a.DecideAppeal(upheld=True, reason="r"),
    a.LiftForfeit(reason="r"),
    a.ForfeitDeposit(),
    a.DeductShortfall(first_price_fen=5, second_price_fen=1, costs_fen=0),
]
ALLOWED = """
RequireDeposit   -
MoveDue          required
ReceivePayment   required
HoldDeposit      paid
LapseDeposit     required
ScheduleRelease  paid held
RecountRelease   release_due
BlockRelease     paid held release_due
UnblockRelease   paid held release_due
StartRelease     release_due
FailRelease      releasing
ReissueRelease   releasing
FinishRelease    releasing
ConvertDeposit   held
UndoConversion   converted
ProposeForfeit   held release_due converted
AppealForfeit    forfeit_pending
DecideAppeal     forfeit_pending
LiftForfeit      forfeit_pending
ForfeitDeposit   forfeit_pending
DeductShortfall  forfeit_pending
"""
REVIEWED = {row.split()[0]: set(row.split()[1:]) - {"-"} for row in ALLOWED.strip().splitlines()}


def test_every_act_and_every_state_is_tried() -> None:
    assert {type(act) for act in ACTS} == set(get_args(a.Act))
    assert set(STATES) == set(S)
    assert set(REVIEWED) == {type(act).__name__ for act in ACTS}
    assert set(WIRE_NAMES) == set(get_args(e.Event))


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_every_act_in_every_state(act: a.Act, state: S) -> None:
    decision = decide(STATES[state], act, NOW)
    if isinstance(act, a.RequireDeposit):
        assert decision == Refused(Refusal.DEPOSIT_EXISTS)
    elif state.value not in REVIEWED[type(act).__name__]:
        assert decision == Refused(Refusal.WRONG_STATE, {"state": state.value})
    elif isinstance(act, a.UnblockRelease):
        assert decision == Refused(Refusal.NO_SUCH_BLOCK)
    elif isinstance(act, a.AppealForfeit):
        assert isinstance(decision, Refused) and decision.code is Refusal.APPEAL_CLOSED  # the window ends at NOW
    elif isinstance(act, a.DecideAppeal):
        assert decision == Refused(Refusal.NO_APPEAL)
    else:
        assert not isinstance(decision, Refused)
        deposit = STATES[state]
        for event in decision:
            deposit = evolve(deposit, event)
            name, body = encode_event(event)
            assert decode_event(name, body) == event


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_an_act_on_nothing_is_refused(act: a.Act) -> None:
    if not isinstance(act, a.RequireDeposit):
        assert decide(None, act, NOW) == Refused(Refusal.NO_SUCH_DEPOSIT)
        assert {state.value for state in allowed_states(type(act))} == REVIEWED[type(act).__name__]


def test_every_state_is_reached_and_the_final_ones_have_no_way_out() -> None:
    reached = {after for afters in TRANSITIONS.values() for after in afters}
    assert reached == set(S)
    assert not {before for before, _ in TRANSITIONS if before in FINAL}
    assert {event for _, event in TRANSITIONS} == set(get_args(e.Event))


def test_an_event_that_cannot_follow_is_damage() -> None:
    with pytest.raises(IllegalTransition):
        evolve(BASE, e.DepositHeld(checked_by="x"))
    with pytest.raises(IllegalTransition):
        evolve(None, e.DepositHeld(checked_by="x"))


PENDING = STATES[S.FORFEIT_PENDING]
BLOCKED = replace(STATES[S.RELEASE_DUE], blocks=("b",))


@pytest.mark.parametrize(
    ("deposit", "act", "at_us", "code"),
    [
        (BASE, a.LapseDeposit(reason=a.NOT_PAID), NOW + HOUR, Refusal.TOO_EARLY),
        (BASE, a.LapseDeposit(reason=a.NOT_PAID), NOW + HOUR + 1, None),
        (replace(BASE, due_paused=True), a.LapseDeposit(reason=a.NOT_PAID), NOW + 999 * HOUR, Refusal.TOO_EARLY),
        (BASE, replace(ACTS[2], booked_at_us=NOW + 1), NOW, Refusal.LATE),
        (replace(BASE, due_paused=True), replace(ACTS[2], booked_at_us=NOW + 1), NOW, None),
        (BASE, replace(ACTS[2], amount_fen=0), NOW, Refusal.AMOUNT_OUT_OF_RANGE),
        (BASE, replace(ACTS[2], amount_fen=10**15 + 1), NOW, Refusal.AMOUNT_OUT_OF_RANGE),
        (replace(STATES[S.RELEASE_DUE], release_from_us=NOW), a.StartRelease(order_id="o"), NOW - 1, Refusal.TOO_EARLY),
        (BLOCKED, a.StartRelease(order_id="o"), NOW, Refusal.BLOCKED),
        (STATES[S.RELEASING], a.FinishRelease(order_id="other", bank_ref=""), NOW, Refusal.OTHER_ORDER),
        (STATES[S.RELEASING], a.FailRelease(order_id="other", reason=""), NOW, Refusal.OTHER_ORDER),
        (replace(STATES[S.RELEASING], release_problem=""), ACTS[11], NOW, Refusal.NOT_FAILED),
        (replace(STATES[S.RELEASE_DUE], held=False), ACTS[15], NOW, Refusal.WRONG_STATE),
        (HELD, a.ProposeForfeit(reason=" ", appeal_until_us=NOW + 1), NOW, Refusal.REASON_REQUIRED),
        (HELD, a.ProposeForfeit(reason="r", appeal_until_us=NOW), NOW, Refusal.TOO_EARLY),
        (HELD, a.ProposeForfeit(reason="r", appeal_until_us=NOW, recorded_earlier=True), NOW, None),
        (PENDING, a.AppealForfeit(text="t"), NOW - 1, None),
        (PENDING, a.AppealForfeit(text=" "), NOW - 1, Refusal.REASON_REQUIRED),
        (replace(PENDING, appeal="t"), a.AppealForfeit(text="t"), NOW - 1, Refusal.APPEAL_CLOSED),
        (PENDING, a.ForfeitDeposit(), NOW - 1, Refusal.TOO_EARLY),
        (replace(PENDING, appeal="t"), a.ForfeitDeposit(), NOW + HOUR, Refusal.APPEAL_OPEN),
        (replace(PENDING, appeal="t", appeal_decided=True), a.ForfeitDeposit(), NOW - 1, None),
        (replace(PENDING, terms=replace(TERMS, forfeit_by=ForfeitBy.SHORTFALL)), a.ForfeitDeposit(), NOW, Refusal.WAITS_FOR_SHORTFALL),
        (replace(PENDING, appeal="t"), ACTS[20], NOW, Refusal.APPEAL_OPEN),
        (replace(HELD, seq=10_000), ACTS[7], NOW, Refusal.HISTORY_FULL),
        (replace(STATES[S.RELEASE_DUE], seq=10_000), a.StartRelease(order_id="o"), NOW, None),
    ],
)  # fmt: skip
def test_what_a_rule_refuses(deposit: Deposit, act: a.Act, at_us: int, code: Refusal | None) -> None:
    decision = decide(deposit, act, at_us)
    assert (decision.code if isinstance(decision, Refused) else None) is code


@pytest.mark.parametrize(
    ("terms", "problems"),
    [
        (TERMS, []),
        (replace(TERMS, release_hours=24), ["release_clock"]),
        (replace(TERMS, release_working_days=None), ["release_clock"]),
        (replace(TERMS, release_hours=0, release_working_days=None), ["release_hours"]),
        (replace(TERMS, release_working_days=61), ["release_working_days"]),
        (replace(TERMS, release_wait_us=-1), ["release_wait_us"]),
        (replace(TERMS, bank_news_us=-1), ["bank_news_us"]),
        (replace(TERMS, seller_id=""), ["seller_id"]),
    ],
)
def test_terms_that_cannot_be_used(terms: DepositTerms, problems: list[str]) -> None:
    assert terms_problems(terms) == problems
    decision = decide(None, replace(ACTS[0], terms=terms), NOW)
    assert isinstance(decision, Refused) is bool(problems)


@given(*(st.integers(0, 10**12) for _ in range(4)), st.sampled_from(SurplusPolicy))
def test_what_a_default_costs_is_explained_to_the_fen(
    first: int, second: int, costs: int, deposit: int, policy: SurplusPolicy
) -> None:
    result = settle_default(
        first_price_fen=first, second_price_fen=second, costs_fen=costs, deposit_fen=deposit, policy=policy
    )
    assert result.taken_fen + result.returned_fen == deposit
    assert result.shortfall_fen == max(0, first - second) + costs
    assert result.due_fen == 0 or result.returned_fen == 0
    assert min(result.taken_fen, result.shortfall_fen) + result.due_fen == result.shortfall_fen
    if policy is SurplusPolicy.KEEP:
        assert result.returned_fen == 0


def test_the_example_of_the_trade() -> None:
    """domain.md 6.2: first 1,800,000, deposit 300,000, second 1,550,000, cost 20,000 yuan."""
    sale = {"first_price_fen": 180_000_000, "second_price_fen": 155_000_000}
    figures = {**sale, "costs_fen": 2_000_000, "deposit_fen": 30_000_000}
    result = settle_default(**figures, policy=SurplusPolicy.RETURN)
    assert (result.shortfall_fen, result.due_fen, result.returned_fen) == (27_000_000, 0, 3_000_000)
    assert settle_default(**figures, policy=SurplusPolicy.KEEP).returned_fen == 0


@given(st.from_regex(r"[0-9]{4,12}", fullmatch=True), st.integers(0, 10**9 - 1), st.data())
def test_a_mistyped_account_number_is_found(prefix: str, serial: int, data: st.DataObject) -> None:
    number = virtual_account(prefix, serial)
    assert is_virtual_account(number, prefix) and len(number) == len(prefix) + 10
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    assert not is_virtual_account(number[:place] + other + number[place + 1 :], prefix)


def test_the_check_digit_is_that_of_bank_cards() -> None:
    assert check_digit("7992739871") == 3  # the worked example of ISO/IEC 7812-1's annex
    assert not is_virtual_account("x", "9900") and not is_virtual_account("\uff19\uff19001", "9900")
