"""One event of every kind, as the rules make them: for the vectors of the log and for the table of transitions."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec.structs import replace

from engine.calendar import Day
from engine.rules.publicity import commands as c
from engine.rules.publicity.content import AttachedFile, Basis, BasisKind, Instalment, Payment
from engine.values import Amount
from tests.engine.rules.publicity.transcript import (
    CALENDAR,
    TIE,
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


def _rich() -> c.SubmitNotice:
    """A submission in which no field is empty that can be filled."""
    whole = replace(
        content(related=TIE),
        title_en="Winter lucerne",
        title_mn="ᠴᠠᠷᠭᠠᠰ",
        scope_zh="全国",
        basis=(
            Basis(
                kind=BasisKind.VALUATION,
                reference="评报1",
                made_by="某评估所",
                amount=Amount(10**18),
                on="2026-01-31",
                valid_until="2027-01-30",
                text="收益法",
            ),
        ),
        payment=Payment(
            mode="INSTALMENT",
            text="验收后付清",
            instalments=(Instalment(amount=Amount(80_000_000), due="10日内"),),
            royalty_bps=150,
        ),
        files=(AttachedFile(id="f1", name="纪要.pdf", sha256="01" * 32, public=True),),
    )
    return replace(submit(related=TIE), content=whole)


@cache
def samples() -> dict[type[Any], Any]:
    """Return the first event of every kind that these stories tell."""
    found: dict[type[Any], Any] = {}
    for story in (_prepared(), _objected(), _gone(), _counted_again(), _clock_counted_again()):
        for _, event in story.events:
            found.setdefault(type(event), event)
    return found


def _prepared() -> Story:
    story = Story()
    story.tell("03-02 09:00", _rich(), c.ReturnNotice(by="account-office", reason="补充"))
    again = c.ResubmitNotice(terms=terms(), content=content(), applicant="account-li", declarations=declared())
    story.tell("03-02 10:00", again, approval(), c.PublishNotice())
    story.tell(
        "03-03 10:00",
        c.CorrectTypo(content=replace(story.notice.content, title_zh="一种耐寒苜蓿的选育方法"), reason="笔误"),
    )
    story.tell("03-04 10:00", c.RecordGap(from_us=at("03-03 01:00"), to_us=at("03-03 09:00")))
    story.wait("03-20 00:00")
    story.tell(
        "03-20 09:00", c.ConfirmDeal(by="account-office"), c.RecordContract(contract_ref="JS-1"), c.ArchiveNotice()
    )
    return story


def _objected() -> Story:
    story = Story().published("03-02 09:00")
    story.tell("03-04 09:00", objection(evidence=(c.ObjectionEvidence(id="f2", sha256="23" * 32, size=77),)))
    story.tell("03-05 09:00", received(admitted=False))
    story.tell("03-06 09:00", objection("zhao"), received(2), panel(2), c.ExtendDecision(objection_no=2, reason="取证"))
    story.tell("03-09 09:00", decision(2))
    story.tell("03-10 09:00", objection("qian"), c.WithdrawObjection(objection_no=3), objection("sun"))
    story.wait("03-20 09:00")
    revised = c.ReviseNotice(
        terms=terms(), content=content(price=Amount(1)), applicant="account-li", reason="调价", declarations=declared()
    )
    story.tell("03-21 09:00", received(4), panel(4), decision(4, c.Ruling.SUSTAINED), revised)
    story.tell("03-22 09:00", c.WithdrawNotice(reason="放弃"))
    return story


def _gone() -> Story:
    story = Story().published("03-02 09:00")
    story.tell("03-04 09:00", c.TerminateNotice(reason="涉密"))
    return story


def _counted_again() -> Story:
    story = Story(replace(CALENDAR, version="old", last_day=Day(CALENDAR.first_day + 1)))
    story.published("03-02 09:00")
    story.calendar = CALENDAR
    story.tell("03-03 09:00", c.RecountPeriod(calendar_version=CALENDAR.version))
    return story


def _clock_counted_again() -> Story:
    story = Story(replace(CALENDAR, version="old", last_day=Day(CALENDAR.first_day + 1)))
    story.published("03-02 09:00")
    story.tell("03-04 09:00", objection())
    story.calendar = CALENDAR
    story.tell("03-04 10:00", c.RecountObjection(objection_no=1, calendar_version=CALENDAR.version))
    return story
