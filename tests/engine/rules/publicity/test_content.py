"""What a notice must say, who must declare, what counts as a slip of the pen, and what everybody may read."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.rules.conflicts import RelationKind
from engine.rules.publicity import commands as c
from engine.rules.publicity.checking import (
    content_problems,
    distance,
    is_slip,
    ladder_problems,
    names_person,
    terms_problems,
)
from engine.rules.publicity.content import (
    AttachedFile,
    Basis,
    BasisKind,
    Buyer,
    Confidential,
    Instalment,
    NamedCompleter,
    Payment,
    Related,
    content_digest,
)
from engine.rules.publicity.terms import Body, Ladder, Rung, needed_bodies
from engine.rules.publicity.visibility import day_no, days_left, public_notice
from engine.values import Amount, DurationUs
from tests.engine.rules.publicity.transcript import (
    LADDER,
    TIE,
    Story,
    approval,
    content,
    declared,
    objection,
    received,
    submit,
    terms,
)

VALUATION = Basis(
    kind=BasisKind.VALUATION,
    reference="评报1",
    made_by="所",
    amount=Amount(1),
    on="2026-01-31",
    valid_until="2026-03-10",
)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"title_zh": " "}, "title_zh: needed"),
        ({"abstract_zh": ""}, "abstract_zh: needed"),
        ({"title_zh": "长" * 201}, "title_zh: too_long"),
        ({"abstract_zh": "长" * 4_001}, "abstract_zh: too_long"),
        ({"title_en": "a\x00b"}, "title_en: control_characters"),
        ({"seller_name_zh": ""}, "seller_name_zh: needed"),
        ({"buyer": Buyer(name_zh="")}, "buyer: needed"),
        ({"buyer": Buyer(name_zh="张", person=True, credit_code="9115")}, "buyer.credit_code: of_a_person"),
        ({"objections_to": ""}, "objections_to: needed"),
        ({"achievement_digest": "x"}, "achievement: needed"),
        ({"price": Amount(0)}, "price: out_of_range"),
        ({"basis": ()}, "basis: needed"),
        ({"basis": (Basis(kind=BasisKind.INQUIRY),)}, "basis[0]: reference_or_text"),
        ({"basis": (replace(VALUATION, made_by=""),)}, "basis[0].made_by: needed"),
        ({"basis": (replace(VALUATION, valid_until="2026-02-30"),)}, "basis[0].valid_until: no_such_day"),
        ({"basis": (replace(VALUATION, amount=None),)}, "basis[0].amount: needed"),
        ({"payment": Payment(instalments=(Instalment(amount=Amount(1), due="x"),))}, "payment: parts_are_not_the_price"),
        ({"payment": Payment(royalty_bps=10_001)}, "payment.royalty_bps: out_of_range"),
        ({"completers": (NamedCompleter(share_bp=1),)}, "completers: shares_are_not_the_whole"),
        ({"related": (Related(kind=RelationKind.STAFF),)}, "related: staff_may_not_buy"),
        ({"files": (AttachedFile(id="f", name="n", sha256="x"),)}, "files: out_of_range"),
    ],
)  # fmt: skip
def test_problems(more: dict[str, Any], problem: str) -> None:
    assert problem in content_problems(content(**more))
    assert content_problems(content()) == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"days": 14}, "days: fewer_than_the_law_asks"),
        ({"days": 400}, "days: out_of_range"),
        ({"panel_least": 0}, "panel_least: out_of_range"),
        ({"decision_working_days": 0}, "clocks: out_of_range"),
        ({"downtime_per_day_us": DurationUs(24 * 3_600_000_000)}, "downtime: out_of_range"),
        ({"typo_characters": 51}, "typo_characters: out_of_range"),
        ({"rule_version": "publicity/0"}, "rule_version: unknown"),
    ],
)
def test_terms_that_cannot_be_held(more: dict[str, Any], problem: str) -> None:
    assert problem in terms_problems(terms(**more))
    assert terms_problems(terms()) == []


@pytest.mark.parametrize(
    ("price", "related", "bodies"),
    [
        (200_000_000, False, ("office",)),
        (200_000_001, False, ("office", "vice_president")),
        (500_000_000, False, ("office", "vice_president")),
        (500_000_001, False, ("office", "vice_president", "meeting")),
        (1, True, ("office", "meeting")),
    ],
)
def test_the_ladder_of_amounts(price: int, related: bool, bodies: tuple[str, ...]) -> None:
    assert needed_bodies(LADDER, Amount(price), related=related) == bodies


def test_a_ladder_that_leaves_a_price_to_nobody_is_refused() -> None:
    body = Body(code="a", name_zh="甲")
    for rungs, problem in (
        ((Rung(up_to=Amount(1), bodies=("a",)),), "ladder: last_rung_open"),
        (
            (
                Rung(up_to=Amount(2), bodies=("a",)),
                Rung(up_to=Amount(2), bodies=("a",)),
                Rung(up_to=None, bodies=("a",)),
            ),
            "ladder: amounts_rise",
        ),
        ((Rung(up_to=None, bodies=()),), "ladder: unknown_body"),
        ((Rung(up_to=None, bodies=("b",)),), "ladder: unknown_body"),
    ):
        assert problem in ladder_problems(Ladder(version=1, bodies=(body,), rungs=rungs))
    assert "ladder: bodies" in ladder_problems(
        Ladder(version=1, bodies=(body, body), rungs=(Rung(up_to=None, bodies=("a",)),))
    )


def test_everybody_declares_and_what_is_declared_is_marked() -> None:
    story = Story()
    assert story.tell("03-02 09:00", submit(declarations=declared(completers=1))) == "declaration_missing"
    assert story.tell("03-02 09:00", submit(declarations=declared("another"))) == "declaration_missing"
    tied = submit(declarations=declared(relation=RelationKind.FAMILY))
    assert story.tell("03-02 09:00", tied) == "related_not_marked"
    assert story.tell("03-02 09:00", submit(buyer=Buyer(name_zh="自己", party_id="university"))) == "seller_may_not_buy"
    foreign = submit(buyer=Buyer(name_zh="外", foreign=True), terms=terms(foreign_blocked=True))
    assert story.tell("03-02 09:00", foreign) == "foreign_blocked"
    assert story.tell("03-02 09:00", submit(related=TIE)) == "submitted"
    assert story.notice.bodies == ("office", "meeting"), "a related party needs the meeting as well"
    assert story.tell("03-02 10:00", approval("meeting")) == "minutes_missing"
    assert story.tell("03-02 10:00", approval("office", "account-li")) == "applicant_may_not_approve"
    assert story.tell("03-02 10:00", approval("office")) == "approval_given"
    assert story.tell("03-02 10:00", approval("meeting", "account-office", "纪要")) == "already_approved"
    assert story.tell("03-02 10:00", c.PublishNotice()) == "wrong_phase"


def test_a_valuation_that_has_run_out_carries_neither_publication_nor_deal() -> None:
    story = Story()
    story.tell("03-02 09:00", submit(basis=(VALUATION,)), approval())
    assert story.tell("03-11 09:00", c.PublishNotice()) == "valuation_expired"
    story = Story().published("03-02 09:00", basis=(VALUATION,))
    story.wait("03-20 09:00")
    assert story.tell("03-20 09:00", c.ConfirmDeal(by="x")) == "valuation_expired"


@pytest.mark.parametrize(
    ("change", "slip"),
    [
        ({"abstract_zh": "在零下三十度可越冬的苜宿品种及其培育方法。"}, True),
        ({"title_zh": "一种耐寒苜蓿培育方法"}, True),
        ({"abstract_zh": "在零下四十度可越冬的苜蓿品种及其培育方法。"}, False),  # a figure, written out
        ({"title_zh": "完全是另一项技术"}, False),
        ({"title_zh": " "}, False),
        ({"price": Amount(80_000_001)}, False),
        ({"buyer": Buyer(name_zh="北疆草业有限责任公司")}, False),
        ({"field": "09"}, False),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen(change: dict[str, Any], slip: bool) -> None:
    assert is_slip(content(), content(**change), 8) is slip


def test_distance() -> None:
    assert [
        distance(a, b, 3) for a, b in (("", ""), ("abc", "abc"), ("abc", "abd"), ("abc", "xabc"), ("abc", "c"))
    ] == [0, 0, 1, 1, 2]
    assert distance("abcdefgh", "hgfedcba", 3) > 3


@pytest.mark.parametrize("text", ["身份证150102199003070058", "电话13900000000", "写信到 a.b@example.org"])
def test_reasons_name_nobody(text: str) -> None:
    assert names_person(text)
    story = Story().published()
    story.tell("03-03 09:00", objection())
    refused = c.ReceiveObjection(objection_no=1, handler="h", admitted=False, reason=text)
    assert story.tell("03-03 10:00", refused) == "personal_data"
    assert not names_person("ZL202010000001.1，合同2026-17，价格80000000分")


def test_of_a_secret_everybody_reads_name_price_and_abstract_only() -> None:
    more = {"confidential": Confidential.UNPUBLISHED_PATENT, "scope_zh": "独有的配方", "related": TIE}
    story = Story().published("03-02 09:00", **more)
    story.tell(
        "03-03 09:00", c.CorrectTypo(content=replace(story.notice.content, scope_zh="独有的配方。"), reason="笔误")
    )
    shown = public_notice(story.notice, story.now)
    assert shown is not None and shown.limited
    assert (shown.title_zh, shown.price) == (story.notice.content.title_zh, "80000000")
    assert (shown.buyer, shown.mode, shown.completers, shown.basis, shown.payment, shown.ties) == (
        None,
        None,
        (),
        (),
        None,
        (),
    )
    assert shown.related is RelationKind.OWNED, "the mark stays"
    assert "配方" not in repr(shown) and "北疆" not in repr(shown) and "询价" not in repr(shown)
    assert shown.versions[1].changes == (), "a difference tells nothing that the notice does not"


def test_what_is_not_public_of_an_open_notice() -> None:
    files = (
        AttachedFile(id="f1", name="纪要.pdf", sha256="01" * 32),
        AttachedFile(id="f2", name="公告.pdf", sha256="02" * 32, public=True),
    )
    story = Story().published(
        "03-02 09:00",
        buyer=Buyer(name_zh="北疆草业有限公司", party_id="p9", credit_code="91150204MA0000003F"),
        files=files,
    )
    story.tell("03-03 09:00", objection(), objection("", c.Ground.OTHER))
    shown = public_notice(story.notice, story.now)
    assert shown is not None
    for secret in ("p9", "91150204MA0000003F", "纪要.pdf", "account-", "wang", "cdcd", "o-wang"):
        assert secret not in repr(shown), secret
    assert [(one.no, one.ground) for one in shown.objections] == [(1, "ownership")], "a lead is not public"
    assert [file.name for file in shown.public_files] == ["公告.pdf"]


def test_day_n_of_fifteen() -> None:
    story = Story().published("03-02 09:00")
    for time, number, left in (("03-02 20:00", 0, 16), ("03-03 00:00", 1, 15), ("03-17 23:00", 15, 1)):
        story.wait(time)
        assert (day_no(story.notice, story.now), days_left(story.notice, story.now)) == (number, left), time
    story = Story().published("03-02 09:00")
    story.tell("03-05 09:00", objection())
    assert (day_no(story.notice, story.now), days_left(story.notice, story.now)) == (2, 13)
    story.tell("03-06 09:00", received(admitted=False))
    assert (day_no(story.notice, story.now), story.phase) == (2, "published")


def test_the_certificate_names_exactly_the_bytes_that_stood() -> None:
    story = Story().published("03-02 09:00")
    story.wait("03-19 00:00")
    certified = story.events[-1][1]
    assert certified.content_digest == content_digest(story.notice.content)  # type: ignore[union-attr]
    assert content_digest(story.notice.content) != content_digest(content(price=Amount(80_000_001)))
