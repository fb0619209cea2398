"""Every path of the state machine (domain.md §4.2) as a transcript."""

from __future__ import annotations

import pytest

from engine.rules.publicity import commands as c
from engine.rules.publicity.visibility import public_notice
from engine.values import Amount
from tests.engine.rules.publicity.transcript import (
    HOUR_US,
    Story,
    approval,
    at,
    content,
    decision,
    declared,
    objection,
    panel,
    received,
    submit,
    terms,
)


def test_a_clean_period_leads_to_certificate_deal_contract_and_archive() -> None:
    story = Story()
    assert story.tell("03-02 09:00", submit()) == "submitted"
    assert story.phase == "approval"
    assert story.tell("03-02 09:05", approval("office")) == "approval_given"
    assert story.phase == "approved"
    assert story.tell("03-02 09:10", c.PublishNotice()) == "published"
    assert story.ends == "03-17 24:00"
    assert story.wait("03-17 23:59").phase == "published"
    assert story.wait("03-18 00:00").phase == "clean"
    assert story.tell("03-18 01:00", c.ConfirmDeal(by="account-li")) == "wrong_phase"
    assert story.wait("03-18 02:00").phase == "certified"
    assert story.notice.certificate_no == "notice-1-c1"
    assert story.tell("03-20 10:00", c.ConfirmDeal(by="account-li")) == "agreement_struck"
    deal = story.notice.deal
    assert deal is not None
    assert (deal.price, deal.buyer.name_zh, deal.seller_id) == (80_000_000, "北疆草业有限公司", "university")
    assert story.tell("03-20 11:00", c.WithdrawNotice(reason="反悔")) == "wrong_phase"
    assert story.tell("03-24 10:00", c.RecordContract(contract_ref="JS-2026-17")) == "contract_recorded"
    assert story.tell("03-24 11:00", c.ArchiveNotice()) == "archived"
    assert story.phase == "archived"
    assert story.tell("03-25 11:00", objection()) == "ended"


def test_a_dismissed_objection_gives_back_the_days_that_were_left() -> None:
    story = Story().published("03-02 09:00")
    assert story.tell("03-06 15:00", objection()) == "objection_filed"  # days 1 to 3 were whole
    assert (story.phase, story.ends) == ("objected", None)
    assert story.tell("03-09 10:00", c.ConfirmDeal(by="x")) == "objection_open"
    assert story.tell("03-09 10:00", received()) == "objection_received"
    assert story.tell("03-10 10:00", decision()) == "panel_missing"
    assert story.tell("03-10 10:00", panel(), decision()) == "objection_decided"
    assert story.names()[-1] == "period_resumed"
    assert story.phase == "published"
    assert story.ends == "03-23 24:00"  # 12 days were left: the 22nd is a Sunday
    assert story.wait("03-24 03:00").phase == "certified"


@pytest.mark.parametrize("ruling", [c.Ruling.SUSTAINED, c.Ruling.PARTLY])
def test_a_sustained_objection_asks_for_a_revision_that_begins_from_day_one(ruling: c.Ruling) -> None:
    story = Story().published("03-02 09:00")
    story.tell("03-10 15:00", objection())
    story.tell("03-11 10:00", received(), panel(), decision(ruling=ruling))
    assert story.phase == "sustained"
    assert story.tell("03-12 09:00", c.PublishNotice()) == "objection_open"
    better = content(price=Amount(90_000_000))
    revision = c.ReviseNotice(
        terms=terms(), content=better, applicant="account-li", reason="提高价格", declarations=declared()
    )
    assert story.tell("03-12 09:00", revision) == "revised"
    assert story.phase == "approval"
    shown = public_notice(story.notice, story.now)
    assert shown is not None and shown.price == "80000000"  # what everybody read is still what everybody reads
    assert story.tell("03-12 09:30", approval(), c.PublishNotice()) == "published"
    assert story.ends == "03-27 24:00"
    assert story.wait("03-28 03:00").phase == "certified"
    assert story.notice.certificate_no == "notice-1-c2"


def test_a_gap_longer_than_the_terms_let_pass_costs_a_day_and_a_short_one_none() -> None:
    story = Story().published("03-02 09:00")
    short = c.RecordGap(from_us=at("03-05 01:00"), to_us=at("03-05 04:00"))
    assert story.tell("03-05 04:01", short) == "gap_recorded"
    assert story.ends == "03-17 24:00"
    more = c.RecordGap(from_us=at("03-05 20:00"), to_us=at("03-05 21:30"))
    assert story.tell("03-05 22:00", more) == "gap_recorded"  # four and a half hours of one day
    assert (story.ends, story.notice.lost_days) == ("03-18 24:00", 1)


def test_a_gap_reported_after_the_end_opens_the_period_again() -> None:
    story = Story().published("03-02 09:00")
    story.wait("03-18 00:10")
    assert story.phase == "clean"
    late = c.RecordGap(from_us=at("03-17 23:50"), to_us=at("03-18 00:20"))
    assert story.tell("03-18 00:30", late) == "gap_recorded"
    assert (story.phase, story.ends) == ("published", "03-18 24:00")
    assert story.wait("03-19 03:00").phase == "certified"


def test_down_at_the_end_is_never_a_certificate() -> None:
    story = Story().published("03-02 09:00")
    due = at("03-18 00:00")
    from engine.rules.publicity.deciding import decide

    found = decide(story.notice, story.notice.notice_id, c.ReachDeadline(due_us=due), due + HOUR_US, story.calendar)  # type: ignore[arg-type]
    assert type(found.event).__name__ == "GapRecorded"


def test_before_the_end_a_withdrawal_and_a_termination_end_it_with_objections_moot() -> None:
    for command, phase in (
        (c.WithdrawNotice(reason="放弃"), "withdrawn"),
        (c.TerminateNotice(reason="涉密"), "terminated"),
    ):
        story = Story().published()
        story.tell("03-04 10:00", objection())
        story.tell("03-05 10:00", command)
        assert story.phase == phase
        assert story.notice.objections[0].phase.value == "moot"
