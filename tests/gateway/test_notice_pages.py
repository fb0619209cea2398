"""Notices on pages: prepared in eight questions, approved, objected to by anybody, handled at the desk; and who abuses the form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.rules.publicity.state import NoticePhase
from gateway.accounts.model import Role
from gateway.notices import steps
from gateway.notices.objectors import UNSENT_MAX, Known, Said
from gateway.serve import running
from tests.gateway.agreed import KEY, PERSON, STATEMENT, Agreement, look, put_file, send
from tests.gateway.conftest import Person, Town, market_config

PDF = b"%PDF-1.7\nEVIDENCE"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def agreed(town: Town) -> Agreement:
    return await Agreement(town).open()


async def prepared(agreed: Agreement, person: Person, **changes: str) -> str:
    """Fill the form as anybody would; return the address of the objection."""
    form = {**PERSON, "ground": "contribution_ranking", "statement": STATEMENT, **changes}
    status, text, place = await send(person, f"/notices/{agreed.name}/objection", **form)
    assert status == 303, text
    return place


async def test_a_clerk_prepares_a_notice_in_eight_questions_and_it_is_approved_and_published(agreed: Agreement) -> None:
    clerk = agreed.applicant
    status, text = await look(clerk, "/console/notices")
    assert status == 200 and "发起公示" in text and not KEY.search(text)
    _, _, place = await send(clerk, "/console/notices", achievement=agreed.achievement)
    given = {
        "price": "800,000", "buyer_zh": "北疆草业有限公司", "reference": "询价2026-3", "objections_to": "科技处 0471-0000000",
        "c1_declared": "1", "c2_declared": "1",
    }  # fmt: skip
    for step in steps.STEPS[:-1]:
        status, text = await look(clerk, place)
        assert status == 200 and place.endswith(step.name) and not KEY.search(text), (place, KEY.search(text))
        version = re.search(r'name="version" value="(\d+)"', text)
        assert version is not None
        filled = dict(
            re.findall(r'<(?:input|textarea)[^>]* name="([a-z_0-9]+)"[^>]*type="(?:text|date)" value="([^"]*)"', text)
        )
        chosen = dict(re.findall(r'type="radio" name="([a-z_0-9]+)" value="([^"]*)" checked', text))
        areas = dict(re.findall(r'<textarea[^>]* name="([a-z_0-9]+)"[^>]*>([^<]*)<', text))
        typed = {**filled, **chosen, **areas, **{k: v for k, v in given.items() if f'name="{k}"' in text}}
        status, text, place = await send(clerk, place, version=version[1], **typed)
        assert status == 303, (step.name, re.findall(r"field__error[^>]*>([^<]*)", text))
    draft = place.split("/")[4]
    assert (await put_file(clerk, f"/console/notices/drafts/{draft}/files", "纪要.pdf", PDF))[0] == 303
    status, text, _ = await put_file(clerk, f"/console/notices/drafts/{draft}/files", "x.exe", b"MZ\x00\x00")
    assert status == 422 and not KEY.search(text)
    status, text = await look(clerk, f"/console/notices/drafts/{draft}/check")
    assert (
        status == 200
        and "¥800,000" in text
        and "科技管理部门" in text
        and "disabled" not in text
        and not KEY.search(text)
    )
    command = re.search(r'name="command_id" value="([^"]+)"', text)
    assert command is not None
    status, text, place = await send(
        clerk, f"/console/notices/drafts/{draft}/check", act="submit", command_id=command[1]
    )
    assert status == 303, text
    agreed.name = place.rpartition("/")[2]  # type: ignore[assignment]
    assert agreed.state.phase is NoticePhase.APPROVAL and len(agreed.state.content.files) == 1
    status, text = await look(clerk, place)
    assert "须由他人审批" in text and not KEY.search(text)
    status, text, _ = await send(agreed.approver, place, act="approve", body="office")
    assert status == 409, "nobody declares by saying nothing"
    assert (await send(agreed.approver, place, act="approve", body="office", relation="none"))[0] == 303
    status, text, _ = await send(agreed.approver, place, act="publish")
    assert status == 200 and 'name="sure"' in text
    assert (await send(agreed.approver, place, act="publish", sure="1"))[0] == 303
    assert agreed.state.phase is NoticePhase.PUBLISHED
    status, text = await look(agreed.approver, place)
    assert status == 200 and not KEY.search(text)
    file_id = agreed.state.content.files[0].id
    assert (await look(agreed.approver, f"{place}/files/{file_id}"))[0] == 200
    assert (await look(await agreed.town.person(Role.SELLER), f"{place}/files/{file_id}"))[0] == 403


async def test_two_tabs_never_overwrite_each_other_unseen(agreed: Agreement) -> None:
    _, _, place = await send(agreed.applicant, "/console/notices", achievement=agreed.achievement)
    common = {"mode": "TRANSFER", "days": "15"}
    assert (await send(agreed.applicant, place, version="1", price="100", **common))[0] == 303
    status, text, _ = await send(agreed.applicant, place, version="1", price="200", **common)
    assert status == 409 and "200" in text


async def test_the_ladder_is_changed_on_its_page(agreed: Agreement) -> None:
    status, text = await look(agreed.administrator, "/console/approvals")
    assert status == 200 and "科技管理部门" in text and not KEY.search(text)
    form = {"code1": "council", "zh1": "院务会", "meeting1": "1", "who1": "council", "reason": "试行"}
    status, text, _ = await send(agreed.administrator, "/console/approvals", **form, upto1="abc")
    assert status == 422 and "院务会" in text
    assert (await send(agreed.administrator, "/console/approvals", **form))[0] == 303
    status, text = await look(agreed.administrator, "/console/approvals")
    assert "试行" in text


async def test_anybody_objects_adds_evidence_and_follows_it_to_the_decision(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    anybody = await town.person(None)
    status, text = await look(anybody, f"/notices/{agreed.name}/objection")
    assert status == 200 and not KEY.search(text)
    place = await prepared(agreed, anybody)
    status, text = await look(anybody, place)
    assert (
        status == 200 and STATEMENT in text and "0058" in text and PERSON["number"] not in text and not KEY.search(text)
    )
    files, _, key = place.partition("?")
    assert (await put_file(anybody, f"{files}/files?{key}", "证据.pdf", PDF))[0] == 303
    assert agreed.state.phase is NoticePhase.PUBLISHED, "nothing is on record before it is sent"
    assert (await send(anybody, place, act="send"))[0] == 303
    state = agreed.state
    assert state.phase is NoticePhase.OBJECTED and len(state.objections[0].evidence) == 1
    status, text = await look(anybody, place)
    assert state.objections[0].receipt_no in text and not KEY.search(text)
    assert (await look(anybody, files))[0] == 404, "without the key nobody reads it"
    assert (await put_file(anybody, f"{files}/files?{key}", "zu-spaet.pdf", PDF))[0] == 409
    await agreed.services.publicity.follower.catch_up()
    secret = key.removeprefix("key=")
    assert (await send(anybody, "/objections", receipt=state.objections[0].receipt_no, key="wrong"))[0] == 404
    assert (await send(anybody, "/objections", receipt=state.objections[0].receipt_no, key=secret))[0] == 303

    desk, one = agreed.operator, f"/desk/notices/{agreed.name}"
    for path in ("/desk/notices", one):
        status, text = await look(desk, path)
        assert status == 200 and not KEY.search(text), KEY.search(text)
    assert PERSON["name"] in text and PERSON["contact"] in text
    file_id = (await agreed.services.attachments.of_subject(f"objection/{state.objections[0].objection_id}"))[0].id
    evidence = f"/desk/objections/{state.objections[0].objection_id}/files/{file_id}"
    assert (await look(desk, evidence))[0] == 200
    assert (await look(agreed.approver, evidence))[0] == 403
    assert (await send(desk, one, act="take_up", no="1"))[0] == 303
    members = {f"name{n}": f"专家{n}" for n in (1, 2, 3)} | {f"free{n}": "1" for n in (1, 2)}
    status, text, _ = await send(desk, one, act="panel", no="1", **members)
    assert status == 409 and "回避" in text, "who did not declare is no member"
    assert (await send(desk, one, act="panel", no="1", **members, free3="1"))[0] == 303
    status, text, _ = await send(desk, one, act="sustained", no="1", reason="排序确有错误。")
    assert status == 200 and 'name="sure"' in text
    assert (await send(desk, one, act="sustained", no="1", reason="排序确有错误。", sure="1"))[0] == 303
    assert agreed.state.phase is NoticePhase.SUSTAINED
    status, text = await look(anybody, place)
    assert "排序确有错误" in text and not KEY.search(text)
    audited = await agreed.services.pool.fetchval("SELECT count(*) FROM audit_entry WHERE act = 'notice.read'")
    assert audited >= 2, "every look at the persons is on the audit log"


async def test_an_objector_withdraws_and_one_with_an_account_is_not_asked_twice(agreed: Agreement, town: Town) -> None:
    from tests.gateway.listed import register_verified

    await agreed.published()
    member = await town.person(Role.BIDDER)
    assert member.account is not None
    name = await register_verified(agreed.services, member.account, "6210998877665544")
    status, text = await look(member, f"/notices/{agreed.name}/objection")
    assert name in text and 'name="number"' not in text
    place = await prepared(agreed, member, name="", number="")
    assert (await send(member, place.partition("?")[0], act="send"))[0] == 303, "the account opens it without the key"
    status, text, _ = await send(member, place, act="withdraw")
    assert status == 200 and 'name="sure"' in text
    assert (await send(member, place, act="withdraw", sure="1"))[0] == 303
    await agreed.until(lambda state: state.phase is NoticePhase.PUBLISHED)


async def test_script_in_every_field_is_shown_as_text(agreed: Agreement, town: Town) -> None:
    await agreed.published(buyer={"name_zh": SCRIPT}, scope_zh=SCRIPT, title_en=SCRIPT, objections_to=SCRIPT)
    anybody = await town.person(None)
    typed = dict.fromkeys(("name", "number", "contact", "relation", "ground", "statement"), SCRIPT)
    status, text, _ = await send(anybody, f"/notices/{agreed.name}/objection", **typed)
    assert status == 422 and SCRIPT not in text and "&lt;script&gt;" in text
    place = await prepared(agreed, anybody, name=SCRIPT, contact=SCRIPT, statement=SCRIPT)
    files, _, key = place.partition("?")
    assert (await put_file(anybody, f"{files}/files?{key}", f"{SCRIPT}.pdf".replace("/", "_"), PDF))[0] in (303, 422)
    assert (await send(anybody, place, act="send"))[0] == 303
    paths = [(anybody, place), (anybody, f"/notices/{agreed.name}/objection"), (agreed.operator, f"/desk/notices/{agreed.name}"),
             (agreed.operator, "/desk/notices"), (agreed.approver, f"/console/notices/{agreed.name}"), (agreed.approver, "/console/notices")]  # fmt: skip
    for person, path in paths:
        status, text = await look(person, path)
        assert status == 200 and "<script>alert" not in text, path


async def test_hostile_uploads_are_refused_kindly_and_leave_nothing(agreed: Agreement, town: Town) -> None:
    await agreed.published()
    anybody = await town.person(None)
    place = await prepared(agreed, anybody)
    files, _, key = place.partition("?")
    upload = f"{files}/files?{key}"
    for name, body, why in (
        ("page.html", b"<html><script>", "不"),
        ("bild.png", PDF, "不符"),
        ("leer.pdf", b"", "空"),
        ("..", PDF, ""),
    ):
        status, text, _ = await put_file(anybody, upload, name, body)
        assert status == 422 and why in text and not KEY.search(text), (name, status)
    status, text, _ = await put_file(
        anybody, upload, "gross.pdf", PDF + b"x" * agreed.services.config.attachment_bytes_max
    )
    assert status in (413, 422)
    for number in range(10):
        assert (await put_file(anybody, upload, f"{number}.pdf", PDF))[0] == 303
    status, text, _ = await put_file(anybody, upload, "elf.pdf", PDF)
    assert status == 422
    assert (await put_file(anybody, f"{files}/files?key=wrong", "a.pdf", PDF))[0] == 404
    objection = files.rpartition("/")[2]
    kept = await agreed.services.attachments.of_subject(f"objection/{objection}")
    assert len(kept) == 10 and {one.media_type for one in kept} == {"application/pdf"}


async def test_what_is_being_prepared_for_one_notice_is_bounded_and_forgotten(agreed: Agreement) -> None:
    await agreed.published()
    store = agreed.services.objectors
    said = Said(anonymous=True, ground="other", statement=STATEMENT)
    made = [await store.prepare(agreed.name, said, Known(), "net") for _ in range(UNSENT_MAX + 1)]
    assert made[-1] is None and None not in made[:-1]
    await agreed.services.pool.execute("UPDATE notice_objector SET made_at_us = 0")
    await store.sweep(1)
    assert await store.prepare(agreed.name, said, Known(), "net") is not None


@pytest.fixture
async def strict(fresh_database: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A market with the budgets of a real one."""
    config = market_config(fresh_database, tmp_path, objections_burst=2)
    async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Town(services, http)


async def test_a_flood_from_one_network_meets_a_limit_that_says_when(strict: Town) -> None:
    agreed = await Agreement(strict).open()
    await agreed.published()
    anybody: Person = await strict.person(None)
    typed: dict[str, Any] = {**PERSON, "ground": "other", "statement": STATEMENT}
    answers = [await send(anybody, f"/notices/{agreed.name}/objection", **typed) for _ in range(3)]
    assert [status for status, _, _ in answers] == [303, 303, 429]
    assert not KEY.search(answers[-1][1]) and STATEMENT in answers[-1][1], "what was typed is not lost"
