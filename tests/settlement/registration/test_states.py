"""The registrar's machine (domain.md §5.4): transcripts of whole cases, who may do what, the clocks, and the table behind the diagram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.registration import acts as a
from settlement.registration import events as e
from settlement.registration.deciding import _RULES, NotDone, Refusal, allowed_states, decide
from settlement.registration.diagram import mermaid
from settlement.registration.events import Cause, ExpertView, Outcome, OutsideAnswer
from settlement.registration.events import RegistrationState as S
from settlement.registration.evolving import TRANSITIONS, Registration, evolve
from tests.settlement.registration.case import WAN

HOUR = 3_600_000_000
DAY = 24 * HOUR
NUMBER = "2026150201000001"
OPEN = a.OpenCase(
    deal="DL-a1-1", contract_id="C-DL-a1-1", contract_version=1, applicant="o1", kind="ZR2", project="p", region="150207",
    seller="甲", buyer="乙", total_fen=300 * WAN, technical_fen=300 * WAN,
)  # fmt: skip
SUBMIT = a.Submit(package="0" * 64, clear=True)
ACCEPT = a.Accept(due_at_us=50 * DAY, certain=True, calendar="2026")
PASS = a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=300 * WAN, expert_due_at_us=90 * DAY, calendar="2026")
NO = a.GiveOpinion(
    outcome=Outcome.REFUSE, technical_fen=300 * WAN, ground=6, reason="含限制性条款", expert_due_at_us=90 * DAY
)
REGISTER = a.Register(number=NUMBER, check="c")
EXPERTS = tuple(ExpertView(name=name, unit="某大学", agrees=True) for name in ("张", "李", "王"))


class Case:
    """A case that is told as a transcript; time passes by an hour with each act."""

    def __init__(self, *, total_fen: int = 300 * WAN) -> None:
        self.now: Registration | None = None
        self.at_us = 0
        self.events: list[e.Event] = []
        self.ok(
            "seller",
            a.OpenCase(
                **{
                    **{n: getattr(OPEN, n) for n in OPEN.__struct_fields__},
                    "total_fen": total_fen,
                    "technical_fen": total_fen,
                }
            ),
        )

    def ok(self, actor: str, act: a.Act) -> Registration:
        self.at_us += HOUR
        done = decide(self.now, act, actor, self.at_us)
        assert not isinstance(done, NotDone), done
        for event in done:
            self.now = evolve(self.now, event, "R-DL-a1-1", self.at_us)
            self.events.append(event)
        assert self.now is not None
        return self.now

    def no(self, actor: str, act: a.Act) -> Refusal:
        done = decide(self.now, act, actor, self.at_us + HOUR)
        assert isinstance(done, NotDone), done
        return done.code

    def until(self, *steps: tuple[str, a.Act]) -> Registration:
        for actor, act in steps:
            self.ok(actor, act)
        assert self.now is not None
        return self.now


TO_FIRST = (("seller", SUBMIT), ("r1", a.StartPreCheck()), ("r1", ACCEPT), ("r1", a.StartReview()))
TO_SECOND = (*TO_FIRST, ("r1", PASS))
TO_NUMBER = (*TO_SECOND, ("r2", REGISTER))


def test_the_straight_way_to_a_number() -> None:
    case = Case()
    done = case.until(*TO_NUMBER)
    assert done.state is S.REGISTERED and done.number == NUMBER and done.stands
    assert (done.first_reviewer, done.second_reviewer) == ("r1", "r2")
    assert done.submitted_at_us == 2 * HOUR and done.registered_at_us == 7 * HOUR
    assert [type(event).__name__ for event in case.events] == [
        "CaseOpened", "Submitted", "PreCheckStarted", "Accepted", "ReviewStarted", "OpinionGiven", "Registered",
    ]  # fmt: skip


def test_the_clock_counts_from_the_supplement_where_there_was_one() -> None:
    """D14: missing parts are supplemented; the acceptance date is the date of the supplement."""
    straight = Case()
    assert straight.until(*TO_FIRST[:3]).accepted_at_us == 4 * HOUR, "without a return: when it was accepted"
    case = Case()
    case.until(
        ("seller", SUBMIT), ("r1", a.StartPreCheck()), ("r1", a.Return(reason="缺少附件", fields=("buyer_address",)))
    )
    assert case.now is not None and case.now.return_fields == ("buyer_address",)
    case.ok("seller", a.SaveForm(answers={"buyer_address": "某地"}, explanations={}))
    again = case.ok("seller", SUBMIT)
    assert again.state is S.RESUBMITTED and again.revision == 2
    assert case.ok("r1", ACCEPT).accepted_at_us == again.supplemented_at_us == 6 * HOUR


def test_something_missing_in_the_review_stops_the_clock_and_starts_it_anew() -> None:
    case = Case()
    case.until(*TO_FIRST)
    returned = case.ok("r1", a.Return(reason="证照过期"))
    assert not returned.clock_runs and returned.due_at_us == 0
    case.ok("seller", SUBMIT)
    assert case.ok("r1", ACCEPT).accepted_at_us == 7 * HOUR


@pytest.mark.parametrize("total, disputed, experts", [(499, "", False), (500, "", True), (1, "合同类别有争议", True)])
def test_experts_from_5_000_000_yuan_or_disputed_with_the_clock_of_30_days(
    total: int, disputed: str, experts: bool
) -> None:
    case = Case(total_fen=total * WAN)
    case.until(*TO_FIRST)
    if disputed:
        case.ok("r1", a.RaiseDispute(reason=disputed))
    done = case.ok(
        "r1",
        a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=total * WAN, expert_due_at_us=90 * DAY, calendar="2026"),
    )
    assert (done.state is S.EXPERT_REVIEW) == experts
    assert done.due_at_us == (90 if experts else 50) * DAY


def test_a_reviewer_who_determines_less_than_5_000_000_needs_no_experts() -> None:
    case = Case(total_fen=600 * WAN)
    case.until(*TO_FIRST)
    less = a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=480 * WAN)
    assert case.no("r1", less) is Refusal.REASON_REQUIRED, "another amount than the applicant's needs a word"
    done = case.ok("r1", a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=480 * WAN, reason="扣除设备款"))
    assert done.state is S.SECOND_REVIEW and done.technical_fen == 480 * WAN


def test_three_experts_at_least_each_once_and_the_majority_decides() -> None:
    case = Case(total_fen=500 * WAN)
    case.until(
        *TO_FIRST, ("r1", a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=500 * WAN, expert_due_at_us=90 * DAY))
    )

    def said(experts: tuple[ExpertView, ...], outcome: Outcome = Outcome.REGISTER, **more: Any) -> a.GiveExpertOpinion:
        return a.GiveExpertOpinion(experts=experts, outcome=outcome, technical_fen=500 * WAN, **more)

    assert case.no("r1", said(EXPERTS[:2])) is Refusal.TOO_FEW_EXPERTS
    assert case.no("r1", said((*EXPERTS[:2], EXPERTS[0]))) is Refusal.TOO_FEW_EXPERTS, "one person speaks once"
    against = tuple(ExpertView(name=one.name, unit=one.unit, agrees=False) for one in EXPERTS)
    assert case.no("r1", said((*against[:2], EXPERTS[2]))) is Refusal.OUTCOME_DIFFERS
    assert case.no("r1", said(against, Outcome.REFUSE)) is Refusal.GROUND_REQUIRED
    assert case.ok("r1", said(EXPERTS)).state is S.SECOND_REVIEW


def test_the_second_review_is_another_persons() -> None:
    case = Case()
    case.until(*TO_SECOND)
    assert case.no("r1", REGISTER) is Refusal.SAME_PERSON
    assert case.no("r1", a.SendBack(reason="x")) is Refusal.SAME_PERSON
    assert case.no("r2", a.Refuse()) is Refusal.OUTCOME_DIFFERS, "it decides on the proposal, or sends it back"
    assert case.ok("r2", a.SendBack(reason="金额核定有误")).state is S.FIRST_REVIEW
    case.ok("r3", PASS)
    assert case.ok("r1", REGISTER).state is S.REGISTERED, "the first reviewer is who gave the last opinion"


def test_a_refusal_has_a_ground_and_can_be_objected_to_which_reviews_it_again() -> None:
    case = Case()
    case.until(*TO_FIRST)
    assert case.no("r1", a.GiveOpinion(outcome=Outcome.REFUSE, technical_fen=0, reason="x")) is Refusal.GROUND_REQUIRED
    case.ok("r1", NO)
    refused = case.ok("r2", a.Refuse())
    assert (refused.state, refused.ground, refused.reason) == (S.REFUSED, 6, "含限制性条款")
    case.ok("seller", a.Raise(by="甲", text="条款已删除"))
    again = case.ok("op", a.DecideObjection(upheld=True, reason="复核", due_at_us=70 * DAY, calendar="2026"))
    assert again.state is S.FIRST_REVIEW and again.due_at_us == 70 * DAY and again.clock_runs
    case.until(("r1", PASS), ("r2", REGISTER))
    assert case.now is not None and case.now.stands


def test_an_objection_that_is_dismissed_changes_nothing_and_late_ones_are_refused() -> None:
    case = Case()
    registered = case.until(*TO_NUMBER)
    objected = case.ok("tax", a.Raise(by="某税务局", text="疑为虚假合同"))
    assert objected.stands, "the number is in force until it is revoked"
    assert case.ok("op", a.DecideObjection(upheld=False, reason="查无实据")).state is S.REGISTERED
    case.at_us = registered.registered_at_us + 61 * DAY
    assert case.no("seller", a.Raise(by="甲", text="x")) is Refusal.TOO_LATE


def test_a_number_of_unusual_form_has_to_be_confirmed() -> None:
    case = Case()
    case.until(*TO_SECOND)
    assert case.no("r2", a.Register(number="2026110101000001", check="c")) is Refusal.NUMBER_UNUSUAL
    assert case.no("r2", a.Register(number="", check="c")) is Refusal.NUMBER_INVALID
    assert case.ok("r2", a.Register(number="2026110101000001", check="c", confirmed=True)).number == "2026110101000001"


def test_change_cancel_and_revoke() -> None:
    case = Case()
    case.until(*TO_NUMBER)
    change = a.Change(
        cause=Cause.CONTRACT_CHANGED,
        reason="价款变更",
        contract_version=1,
        total_fen=310 * WAN,
        technical_fen=310 * WAN,
        check="d",
    )
    assert case.no("r1", change) is Refusal.NOT_NEWER
    newer = a.Change(
        cause=Cause.CONTRACT_CHANGED,
        reason="价款变更",
        contract_version=2,
        total_fen=310 * WAN,
        technical_fen=310 * WAN,
        check="d",
    )
    changed = case.ok("r1", newer)
    assert (changed.state, changed.number, changed.check, changed.changes, changed.revision) == (
        S.CHANGED,
        NUMBER,
        "d",
        1,
        2,
    )
    assert case.no("r1", a.Revoke(ground="NONE_SUCH", reason="x")) is Refusal.GROUND_REQUIRED
    revoked = case.ok("r1", a.Revoke(ground="FRAUD", reason="虚假合同"))
    assert revoked.state is S.REVOKED and not revoked.stands
    case.ok("seller", a.Raise(by="甲", text="证据不实"))
    lifted = case.ok("op", a.DecideObjection(upheld=True, reason="撤销决定有误"))
    assert lifted.state is S.CHANGED and lifted.stands, "in force again, as it was"
    cancelled = case.ok("r1", a.Cancel(cause=Cause.RESCINDED, reason="合同解除"))
    assert cancelled.state is S.CANCELLED and not cancelled.stands
    archived = case.ok("r1", a.Archive())
    assert archived.state is S.ARCHIVED and not archived.stands


def test_a_royalty_is_supplemented_under_the_same_number() -> None:
    case = Case(total_fen=50 * WAN)
    case.until(*TO_FIRST, ("r1", a.GiveOpinion(outcome=Outcome.REGISTER, technical_fen=50 * WAN)), ("r2", REGISTER))
    more = a.Change(
        cause=Cause.AMOUNT_SUPPLEMENTED,
        reason="2026 年提成 24 万元",
        contract_version=1,
        total_fen=74 * WAN,
        technical_fen=74 * WAN,
        check="d",
    )
    assert case.ok("r1", more).technical_fen == 74 * WAN
    assert case.no("r1", more) is Refusal.AMOUNT_OUT_OF_RANGE, "a supplement is more than before"


def test_what_the_pre_check_predicts_to_be_refused_is_not_handed_in() -> None:
    assert Case().no("seller", a.Submit(package="0" * 64, clear=False)) is Refusal.NOT_CLEAR


def test_only_what_is_asked_can_be_answered() -> None:
    case = Case()
    assert case.no("seller", a.SaveForm(answers={"totalamount": "1.00"}, explanations={})) is Refusal.NO_SUCH_FIELD
    assert case.no("seller", a.SaveForm(answers={"nothing": "1"}, explanations={})) is Refusal.NO_SUCH_FIELD


@pytest.mark.parametrize("steps", range(1, len(TO_SECOND)))
def test_an_outside_systems_number_ends_the_case_wherever_it_stands(steps: int) -> None:
    case = Case()
    case.until(*TO_SECOND[:steps])
    number = a.TakeOutside(answer=OutsideAnswer.REGISTERED, system="province", number=NUMBER, check="c")
    done = case.ok("outside:province", number)
    assert (done.state, done.number, done.outside, done.second_reviewer) == (S.REGISTERED, NUMBER, "province", "")


def test_an_outside_system_accepts_returns_and_refuses() -> None:
    case = Case()
    case.ok("seller", SUBMIT)
    taken = a.TakeOutside(answer=OutsideAnswer.ACCEPTED, system="p", due_at_us=50 * DAY, calendar="2026")
    assert case.ok("outside:p", taken).state is S.ACCEPTED
    assert decide(case.now, taken, "outside:p", case.at_us) == (), "said twice it changes nothing"
    case.ok(
        "outside:p", a.TakeOutside(answer=OutsideAnswer.RETURNED, system="p", reason="缺章", fields=("seller_name",))
    )
    case.ok("seller", SUBMIT)
    assert case.no("outside:p", a.TakeOutside(answer=OutsideAnswer.REFUSED, system="p")) is Refusal.GROUND_REQUIRED
    assert (
        case.ok("outside:p", a.TakeOutside(answer=OutsideAnswer.REFUSED, system="p", ground=8, reason="缺章")).state
        is S.REFUSED
    )


# The table


def test_every_state_is_reached_and_archived_is_the_end() -> None:
    assert {state for targets in TRANSITIONS.values() for state in targets} == set(S)
    assert not any(state is S.ARCHIVED for state, _ in TRANSITIONS)


def test_every_act_is_judged_somewhere_and_refused_elsewhere() -> None:
    kinds = set(a.Act.__args__) - {a.OpenCase}
    assert kinds == set(_RULES)
    case = Case()
    for kind in kinds - {a.SaveForm, a.TakeVersion, a.Submit}:
        assert S.DRAFT not in allowed_states(kind)
    assert decide(None, a.Archive(), "x", 1) == NotDone(Refusal.NO_SUCH_REGISTRATION)
    assert case.no("seller", OPEN) is Refusal.REGISTRATION_EXISTS


def test_events_survive_their_bytes() -> None:
    case = Case()
    case.until(*TO_NUMBER)
    case.until(
        ("r1", a.Revoke(ground="FRAUD", reason="x")),
        ("s", a.Raise(by="甲", text="y")),
        ("o", a.DecideObjection(upheld=False, reason="z")),
    )
    for event in case.events:
        assert e.decode_event(*e.encode_event(event)) == event
    assert set(e.WIRE_NAMES) == set(e.Event.__args__) and len(set(e.WIRE_NAMES.values())) == len(e.WIRE_NAMES)


ACTS = [
    ("seller", SUBMIT), ("seller", a.SaveForm(answers={"objective": "10"}, explanations={})), ("r1", a.StartPreCheck()), ("r1", ACCEPT),
    ("r1", a.Return(reason="x")), ("r1", a.StartReview()), ("r1", a.RaiseDispute(reason="x")), ("r1", PASS), ("r2", PASS), ("r1", NO),
    ("r1", a.GiveExpertOpinion(experts=EXPERTS, outcome=Outcome.REGISTER, technical_fen=300 * WAN)), ("r1", a.SendBack(reason="x")),
    ("r2", a.SendBack(reason="x")), ("r1", REGISTER), ("r2", REGISTER), ("r2", a.Refuse()), ("r1", a.Refuse()),
    ("r1", a.Cancel(cause=Cause.ANNULLED, reason="x")), ("r1", a.Revoke(ground="DUPLICATE", reason="x")), ("s", a.Raise(by="甲", text="x")),
    ("o", a.DecideObjection(upheld=True, reason="x", due_at_us=DAY)), ("o", a.DecideObjection(upheld=False, reason="x")), ("r1", a.Archive()),
    ("outside:p", a.TakeOutside(answer=OutsideAnswer.REGISTERED, system="p", number=NUMBER, check="c")),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=30))
def test_random_walks_never_break_the_table_and_two_persons_have_always_looked(walk: list[tuple[str, a.Act]]) -> None:
    case = Case()
    for actor, act in walk:
        case.at_us += HOUR
        done = decide(case.now, act, actor, case.at_us)
        for event in () if isinstance(done, NotDone) else done:
            case.now = evolve(case.now, event, "R", case.at_us)
        now = case.now
        assert now is not None
        if now.number and not now.outside:
            assert now.second_reviewer
        if now.state is S.REGISTERED and not now.outside:
            assert now.first_reviewer != now.second_reviewer
        assert now.clock_runs <= (now.due_at_us > 0)


def test_the_diagram_in_the_docs_is_made_from_the_table() -> None:
    assert mermaid() in (Path(__file__).parents[3] / "docs" / "REGISTRATION.md").read_text(encoding="utf-8")
