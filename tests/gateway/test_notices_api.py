"""Notices over REST: who may do what, from the desk of the applicant to the archive."""

from __future__ import annotations

import asyncio

import pytest

from engine.catalogue.search.notices import Notices
from engine.rules.publicity.state import NoticePhase
from engine.values import PartyId
from gateway.accounts.model import Role
from gateway.errors import Code
from tests.gateway.agreed import NOTICES, PERSON, STATEMENT, Agreement, content
from tests.gateway.conftest import Person, Town, wish


@pytest.fixture
async def agreed(town: Town) -> Agreement:
    return await Agreement(town).open()


async def test_an_agreement_is_published_certified_concluded_and_archived(agreed: Agreement, town: Town) -> None:
    anybody = await town.person(None)
    status, answer = await agreed.submit()
    assert (status, answer["kind"]) == (200, "notice.submitted")
    assert (await anybody.get(f"{NOTICES}/{agreed.name}"))[1]["code"] == "no_such_notice"
    assert (await agreed.act(agreed.applicant, "approve", body="office"))[1]["code"] == Code.FORBIDDEN
    assert (await agreed.act(agreed.approver, "approve", body="meeting"))[1]["code"] == "no_such_body"
    tied = await agreed.act(agreed.approver, "approve", body="office", relation="family")
    assert tied[1]["code"] == "interested_person"
    assert (await agreed.act(agreed.approver, "approve", body="office"))[0] == 200
    assert (await agreed.act(agreed.applicant, "publish"))[1]["code"] == Code.FORBIDDEN
    assert (await agreed.act(agreed.approver, "publish"))[0] == 200
    status, seen = await anybody.get(f"{NOTICES}/{agreed.name}")
    assert status == 200 and seen["inside"] is None
    assert (seen["notice"]["price"], seen["notice"]["days"], seen["notice"]["takes_objections"]) == (
        "80000000",
        15,
        True,
    )
    assert (await agreed.applicant.get(f"{NOTICES}/{agreed.name}"))[1]["inside"]["bodies"] == ["office"]
    await agreed.services.publicity.follower.catch_up()
    _, page = await anybody.get(f"{NOTICES}?region=15&phases=published")
    assert [row["notice"] for row in page["notices"]] == [agreed.name]
    await agreed.certified()
    for act, body in (("confirm", {}), ("contract", {"contract_ref": "JS-1"}), ("archive", {})):
        status, answer = await agreed.act(agreed.approver, act, **body)
        assert status == 200, (act, answer)
    assert agreed.state.phase is NoticePhase.ARCHIVED


async def test_the_applicant_who_may_also_approve_does_not_approve_his_own(agreed: Agreement) -> None:
    agreed.applicant = agreed.approver
    assert (await agreed.submit())[0] == 200
    assert (await agreed.act(agreed.approver, "approve", body="office"))[1]["code"] == "applicant_may_not_approve"


async def test_a_high_price_needs_every_rung_and_the_minutes(agreed: Agreement, town: Town) -> None:
    assert (await agreed.submit(price="600000000"))[0] == 200
    assert agreed.state.bodies == ("office", "vice_president", "meeting")
    assert (await agreed.act(agreed.approver, "approve", body="office"))[0] == 200
    assert (await agreed.act(agreed.approver, "approve", body="meeting"))[1]["code"] == "already_approved"
    second = agreed.administrator
    assert (await agreed.act(second, "approve", body="meeting"))[1]["code"] in ("minutes_missing", Code.FORBIDDEN)


async def test_a_ladder_is_set_by_an_administrator_and_keeps_its_history(agreed: Agreement) -> None:
    _, now = await agreed.applicant.get("/api/v1/me/ladder")
    assert now["versions"][0]["version"] == 0
    body = {
        "bodies": [{"code": "council", "name_zh": "院务会", "collective": True}],
        "rungs": [{"up_to": None, "bodies": ["council"]}],
        "reason": "院务会一事一议",
    }
    assert (await agreed.applicant.post("/api/v1/me/ladder", body))[1]["code"] == Code.FORBIDDEN
    broken = {**body, "rungs": [{"up_to": None, "bodies": ["nobody"]}]}
    assert (await agreed.administrator.post("/api/v1/me/ladder", broken))[1]["code"] == Code.MALFORMED
    assert (await agreed.submit())[0] == 200
    assert (await agreed.administrator.post("/api/v1/me/ladder", body))[0] == 200
    assert (await agreed.administrator.post("/api/v1/me/ladder", body))[0] == 200
    _, history = await agreed.applicant.get("/api/v1/me/ladder")
    assert [one["version"] for one in history["versions"]] == [2, 1]
    assert agreed.state.terms.ladder.version == 0, "what was handed in keeps its ladder"


async def test_what_is_missing_is_refused_with_its_name(agreed: Agreement) -> None:
    for more, code in (
        ({"completers": []}, "declaration_missing"),
        ({"completers": [{"declared": True, "relation": "owned"}, {"declared": True}]}, "related_not_marked"),
        ({"basis": [{"kind": "valuation", "reference": "评报1"}]}, "terms_invalid"),
        ({"buyer": {}}, "terms_invalid"),
        ({"days": 14}, "terms_invalid"),
    ):
        status, answer = await agreed.submit(**more)
        assert (status, answer["code"]) == (422, code), (more, answer)


async def test_only_the_institution_acts_for_its_notice(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    stranger = await town.person(Role.SELLER)
    for act, body in (
        ("withdraw", {"reason": "x"}),
        ("correct", {"reason": "x", "title_zh": "改"}),
        ("revise", {"content": content(), "reason": "x"}),
        ("confirm", {}),
    ):
        assert (await agreed.act(stranger, act, **body))[1]["code"] == Code.FORBIDDEN, act
    supervisor = await town.person(Role.SUPERVISOR)
    assert (await agreed.act(supervisor, "terminate", reason="x"))[1]["code"] == Code.FORBIDDEN


async def test_a_slip_is_put_right_and_a_revision_begins_again(agreed: Agreement, town: Town) -> None:
    await agreed.published(title_zh="耐寒苜蓿的培育方法")
    status, answer = await agreed.act(agreed.applicant, "correct", title_zh="耐寒苜蓿的选育方法", reason="笔误")
    assert status == 200, answer
    _, seen = await (await town.person(None)).get(f"{NOTICES}/{agreed.name}")
    assert seen["notice"]["versions"][1]["changes"] == [
        {"path": "title_zh", "before": "耐寒苜蓿的培育方法", "after": "耐寒苜蓿的选育方法"}
    ]
    status, answer = await agreed.act(
        agreed.applicant, "correct", title_zh="完全不同的另一项技术成果名称啊", reason="笔误"
    )
    assert answer["code"] == "not_a_typo"
    status, answer = await agreed.act(agreed.applicant, "revise", content=content(price="90000000"), reason="加价")
    assert (status, agreed.state.phase) == (200, NoticePhase.APPROVAL)


async def handled(agreed: Agreement, ruling: str) -> None:
    desk = agreed.operator
    for act, body in (
        ("receive", {"admitted": True}),
        ("panel", {"members": [{"name": f"专家{n}", "office": "外校"} for n in (1, 2, 3)]}),
        ("decide", {"ruling": ruling, "reasons": "经核查，排序有据。"}),
    ):
        status, answer = await agreed.act(desk, f"objections/1/{act}", **body)
        assert status == 200, (act, answer)


async def test_an_objection_is_handled_and_everybody_concerned_is_told(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    objector = await town.person(Role.BIDDER)
    status, receipt = await agreed.object(objector)
    assert (status, receipt["lead"], receipt["receipt_no"]) == (200, False, f"{agreed.name}-001"), receipt
    assert agreed.state.phase is NoticePhase.OBJECTED
    assert (await agreed.act(agreed.approver, "confirm"))[1]["code"] == "objection_open"
    again = await agreed.object(objector)
    assert again[1]["code"] == "already_objected"
    assert (await agreed.act(agreed.approver, "objections/1/receive", admitted=True))[1]["code"] == Code.FORBIDDEN
    await handled(agreed, "dismissed")
    await agreed.until(lambda state: state.phase is NoticePhase.PUBLISHED)
    inbox = Notices(agreed.services.pool)

    async def told(party: str) -> set[str]:
        return {one.about for one in await inbox.page(PartyId(party))}

    assert objector.account is not None
    async with asyncio.timeout(60):
        while "objection.decided" not in await told(objector.account.party):
            await asyncio.sleep(0.02)
        while "publicity.resumed" not in await told(agreed.party):
            await asyncio.sleep(0.02)
    assert {"publicity.objected", "publicity.decided"} <= await told(agreed.party)
    assert "publicity.objected" not in await told(objector.account.party)


async def test_nothing_of_the_person_is_in_the_journal_nor_in_public(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    anybody = await town.person(None)
    assert (await agreed.object(anybody))[0] == 200
    bodies = await agreed.services.pool.fetch("SELECT body, actor, stream FROM event")
    stored = b"\n".join(row["body"] for row in bodies).decode() + "".join(row["actor"] for row in bodies)
    _, public = await anybody.get(f"{NOTICES}/{agreed.name}")
    _, inside = await agreed.applicant.get(f"{NOTICES}/{agreed.name}")
    for secret in (PERSON["name"], PERSON["number"], PERSON["contact"], STATEMENT, "0058"):
        assert secret not in stored
        assert secret not in str(public)
        assert secret not in str(inside), "the institution does not learn who objected"
    person = await agreed.services.objectors.read(agreed.state.objections[0].objection_id)
    assert person is not None and (person.name, person.id_last4) == (PERSON["name"], "0058")
    assert person.personal_digest == agreed.state.objections[0].personal_digest


async def test_who_gives_no_name_or_comes_late_leaves_a_lead(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    anybody = await town.person(None)
    body = {"anonymous": True, "name": "", "number": "", "contact": "", "relation": ""}
    status, receipt = await agreed.object(anybody, **body)
    assert (status, receipt["lead"]) == (200, True)
    assert agreed.state.phase is NoticePhase.PUBLISHED
    _, seen = await anybody.get(f"{NOTICES}/{agreed.name}")
    assert seen["notice"]["objections"] == []
    await agreed.certified()
    status, receipt = await agreed.object(anybody)
    assert (status, receipt["lead"]) == (200, True)


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"number": "150102199003070055"},
        {"contact": "1"},
        {"relation": "x"},
        {"ground": "x"},
        {"statement": "短"},
    ],
)
async def test_a_person_that_cannot_be_one_is_refused(agreed: Agreement, town: Town, more: dict[str, str]) -> None:
    await agreed.published()
    status, answer = await agreed.object(await town.person(None), **more)
    assert (status, answer["code"], answer["data"]["fields"]) == (400, Code.MALFORMED, next(iter(more)))


async def test_a_supervisor_reads_the_queue_and_only_an_operator_acts(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    assert (await agreed.object(await town.person(None)))[0] == 200
    await agreed.services.publicity.follower.catch_up()
    supervisor: Person = await town.person(Role.SUPERVISOR)
    status, queues = await supervisor.get("/api/v1/desk/publicity")
    assert (status, len(queues["to_receive"])) == (200, 1)
    assert (await agreed.act(supervisor, "objections/1/receive", admitted=True))[1]["code"] == Code.FORBIDDEN
    headers = {**supervisor.headers, "Accept": "text/plain"}
    async with supervisor.http.get(supervisor.base + "/metrics", headers=headers) as response:
        shown = await response.text()
    assert "ortoo_objections_open 1.0" in shown and "ortoo_objections_overdue 0.0" in shown
    status, answer = await agreed.operator.post(
        f"{NOTICES}/{agreed.name}/gaps", wish(from_us=agreed.services.now_us - 1, to_us=agreed.services.now_us)
    )
    assert status in (200, 409), answer
