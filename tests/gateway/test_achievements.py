"""What of an achievement reaches whom, whose drafts are whose, and what becomes of them."""

from __future__ import annotations

import re

import pytest

from engine.catalogue.achievements.store import Working
from engine.rules.achievement import record as r
from gateway.accounts.model import Role
from tests.gateway.achievement_case import (
    NDA_FILE,
    OWN_FILE,
    PUBLIC_FILE,
    SECRET,
    Case,
    act,
    complete,
    draft,
    page,
    post,
    published,
    upload,
    walk,
)  # fmt: skip
from tests.gateway.conftest import Town


@pytest.fixture
async def case(town: Town) -> Case:
    return await published(town)


@pytest.mark.parametrize(
    ("who", "sees_full", "sees_own"),
    [
        ("anonymous", False, False), ("bidder", False, False), ("signer", True, False), ("owner", True, True),
        ("operator", True, True), ("supervisor", True, True),
    ],
)  # fmt: skip
async def test_the_abstract_is_for_all_the_rest_for_signers_and_the_papers_for_the_owner(
    town: Town, case: Case, who: str, sees_full: bool, sees_own: bool
):
    person = await walk(town, case, who)
    _, view = await person.get(f"/api/v1/achievements/{case.id}")
    files = {
        one["name"]: one["id"]
        for one in (await case.owner.get(f"/api/v1/achievements/{case.id}"))[1]["record"]["documents"]
    }
    everywhere = [str(view)]
    for path in (
        f"/achievements/{case.id}",
        f"/achievements/{case.id}/nda",
        f"/achievements/{case.id}/history",
        f"/api/v1/achievements/{case.id}/versions",
    ):
        status, text = await page(person, path)
        assert status == 200, path
        everywhere.append(text)
    seen = "\n".join(everywhere)
    assert "盐碱地玉米滴灌控盐技术" in seen
    assert "巴特尔甲" in seen
    assert (SECRET in seen) is sees_full
    assert ("其木格乙" in seen) is sees_own, "named without consent"
    assert ("PRIVATE-CONSENT-31" in seen) is sees_own
    for name, content, allowed in (
        ("public.pdf", PUBLIC_FILE, True),
        ("nda.pdf", NDA_FILE, sees_full),
        ("own.pdf", OWN_FILE, sees_own),
    ):
        status, text = await page(person, f"/achievements/{case.id}/files/{files[name]}")
        assert status == (200 if allowed else 404), name
        assert (content.decode() in text) is allowed
        assert (name in seen) is allowed, "the name of a file tells something, too"


async def test_a_file_is_something_to_save_and_never_runs(case: Case):
    _, view = await case.owner.get(f"/api/v1/achievements/{case.id}")
    file = view["record"]["documents"][0]
    async with case.owner.http.get(f"{case.owner.base}/achievements/{case.id}/files/{file['id']}") as response:
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.content_type == "application/pdf"
        assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_a_signature_is_for_one_achievement_and_one_text(town: Town, case: Case):
    other = await published(town, title_zh="另一项成果")
    signer = await walk(town, case, "signer")
    assert (await signer.get(f"/api/v1/achievements/{case.id}"))[1]["viewer"] == "SIGNER"
    assert (await signer.get(f"/api/v1/achievements/{other.id}"))[1]["viewer"] == "PUBLIC"
    # The holder writes a text of his own: what was signed before does not open it.
    _, now = await act(
        case.owner, case.id, "REVISE", (await case.owner.get(f"/api/v1/achievements/{case.id}/draft"))[1]["version"]
    )
    record = now["record"] | {"nda_text": "新的保密文本"}
    status, now = await case.owner.post(
        f"/api/v1/achievements/{case.id}/draft", {"record": record, "version": now["version"]}
    )
    assert status == 200, now
    _, now = await act(case.owner, case.id, "SUBMIT", now["version"])
    assert (await signer.get(f"/api/v1/achievements/{case.id}"))[1]["viewer"] == "SIGNER", "not public yet"
    await act(case.operator, case.id, "PUBLISH", now["version"])
    assert (await signer.get(f"/api/v1/achievements/{case.id}"))[1]["viewer"] == "PUBLIC"


async def test_only_the_text_that_was_read_can_be_signed(town: Town, case: Case):
    reader = await town.person(Role.BIDDER)
    path = f"/achievements/{case.id}/nda"
    _, text = await page(reader, path)
    digest = re.search(r'name="text" value="([0-9a-f]{64})"', text)
    assert digest is not None
    assert (await post(reader, path, text="0" * 64, agree="1"))[0] == 422
    assert (await post(reader, path, text=digest[1]))[0] == 422, "not agreed"
    assert (await post(reader, path, text=digest[1], agree="1"))[0] == 303
    status, body = await reader.post(f"/api/v1{path}", {"digest": "0" * 64})
    assert (status, body["code"]) == (409, "conflict")


async def test_the_owner_sees_who_signed_and_nobody_else_does(town: Town, case: Case):
    signer = await walk(town, case, "signer")
    stranger = await town.person(Role.BIDDER)
    path = f"/api/v1/achievements/{case.id}/signatures"
    for person in (case.owner, case.operator):
        status, body = await person.get(path)
        assert status == 200
        assert signer.account is not None
        assert [one["party"] for one in body["signatures"]] == [signer.account.id]
    for person in (signer, stranger):
        assert (await person.get(path))[0] == 404
    _, text = await page(case.owner, f"/console/achievements/{case.id}")
    assert signer.account is not None
    assert signer.account.display_name in text


async def test_neither_owner_nor_staff_sign(case: Case):
    _, nda = await case.owner.get(f"/api/v1/achievements/{case.id}/nda")
    status, _ = await case.owner.post(f"/api/v1/achievements/{case.id}/nda", {"digest": nda["digest"]})
    assert status == 403


# Drafts: whose they are, and what becomes of them.


async def test_a_draft_is_its_owners_and_the_staffs(town: Town):
    owner, stranger = await town.person(Role.SELLER), await town.person(Role.SELLER)
    operator, anyone = await town.person(Role.OPERATOR), await town.person(None)
    made = await draft(owner)
    one = made["id"]
    for path in (
        f"/api/v1/achievements/{one}/draft",
        f"/console/achievements/{one}",
        f"/console/achievements/{one}/steps/name",
        f"/console/achievements/{one}/rights/0",
    ):
        assert (await page(owner, path))[0] == 200, path
        assert (await page(stranger, path))[0] == 404, path
    assert (await page(operator, f"/desk/achievements/{one}"))[0] == 200
    for path in (f"/achievements/{one}", f"/api/v1/achievements/{one}", f"/achievements/{one}/history"):
        for person in (owner, stranger, operator, anyone):
            assert (await page(person, path))[0] == 404, (path, "not published")
    for what in ("SUBMIT", "WITHDRAW", "PUBLISH"):
        assert (await act(stranger, one, what, made["version"], "x"))[0] == 404
    assert (await act(operator, one, "SUBMIT", made["version"]))[0] == 409
    assert (await act(owner, one, "PUBLISH", made["version"]))[0] == 409
    assert (await upload(stranger, f"/console/achievements/{one}/files", "a.pdf", NDA_FILE)) == 404


async def test_two_tabs_never_overwrite_each_other_unseen(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    step = f"/console/achievements/{made['id']}/steps/name"
    version = str(made["version"])
    assert (await post(owner, step, version=version, title_zh="第一个标签页"))[0] == 303
    status, _, text = await post(owner, step, version=version, title_zh="第二个标签页")
    assert status == 409
    assert "第一个标签页" in text
    assert 'value="第二个标签页"' in text, "what was typed is still in the form"
    _, now = await owner.get(f"/api/v1/achievements/{made['id']}/draft")
    assert now["record"]["title_zh"] == "第一个标签页"
    newest = re.search(r'name="version" value="(\d+)"', text)
    assert newest is not None
    assert (await post(owner, step, version=newest[1], title_zh="第二个标签页"))[0] == 303, "now it was seen"


async def test_autosave_answers_a_script_and_tells_a_conflict(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    path = f"{owner.base}/console/achievements/{made['id']}/steps/abstract"
    form = {"act": "autosave", "version": str(made["version"]), "abstract_zh": "新的摘要"}
    async with owner.http.post(path, data=form, headers={**owner.headers, "Accept": "application/json"}) as response:
        assert await response.json() == {"version": made["version"] + 1, "wrong": []}
    async with owner.http.post(path, data=form, headers={**owner.headers, "Accept": "application/json"}) as response:
        assert (response.status, (await response.json())["code"]) == (409, "conflict")


@pytest.mark.parametrize("secrecy", [one.value for one in r.Secrecy if one is not r.Secrecy.PUBLIC])
async def test_what_is_secret_is_erased_and_refused_for_ever(town: Town, secrecy: str):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    one = made["id"]
    assert await upload(owner, f"/console/achievements/{one}/files", "plan.pdf", NDA_FILE) == 303
    _, made = await owner.get(f"/api/v1/achievements/{one}/draft")
    file = made["record"]["documents"][0]["id"]
    status, onward, _ = await post(
        owner, f"/console/achievements/{one}/steps/secrecy", version=str(made["version"]), secrecy=secrecy
    )
    assert (status, onward) == (303, f"/console/achievements/{one}")
    _, text = await page(owner, onward)
    assert "永远不再" in text or "不能再次受理" in text
    stored: Working | None = await town.services.achievements.read(one)
    assert stored is not None
    assert stored.record == r.Achievement(), "nothing of it is kept"
    for person in (owner, await town.person(Role.OPERATOR)):
        assert (await page(person, f"/achievements/{one}/files/{file}"))[0] == 404
    left = [path for path in town.services.config.attachments_dir.rglob("*") if path.is_file()]
    assert left == [], "nor its files"
    _, now = await owner.get(f"/api/v1/achievements/{one}/draft")
    status, body = await owner.post(
        f"/api/v1/achievements/{one}/draft", {"record": complete(), "version": now["version"]}
    )
    assert (status, body["code"]) == (409, "wrong_state")
    status, body = await owner.post("/api/v1/achievements", {"record": complete(secrecy=secrecy)})
    assert (status, body["code"]) == (409, "wrong_state")


async def test_what_is_incomplete_is_not_submitted_and_the_place_is_named(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner, completers=[{"name": "甲", "share_bp": 9999}], title_zh="")
    status, body = await act(owner, made["id"], "SUBMIT", made["version"])
    assert (status, body["code"]) == (422, "record_incomplete")
    assert "completers: shares_sum" in body["data"]["problems"]
    _, text = await page(owner, f"/console/achievements/{made['id']}")
    assert f"/console/achievements/{made['id']}/steps/people?check=1" in text
    assert f"/console/achievements/{made['id']}/steps/name?check=1" in text


async def test_the_operator_sends_back_with_a_reason_and_the_owner_reads_it(town: Town):
    owner, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    made = await draft(owner)
    one = made["id"]
    _, now = await act(owner, one, "SUBMIT", made["version"])
    assert one in (await page(operator, "/desk/achievements"))[1]
    assert (await post(operator, f"/desk/achievements/{one}", act="SEND_BACK", version=str(now["version"])))[0] == 422
    assert (
        await post(
            operator, f"/desk/achievements/{one}", act="SEND_BACK", version=str(now["version"]), reason="请补充检测报告"
        )
    )[0] == 303
    assert "请补充检测报告" in (await page(owner, f"/console/achievements/{one}"))[1]
    assert one not in (await page(operator, "/desk/achievements"))[1]


async def test_what_the_operator_did_not_see_is_not_published(town: Town):
    """The owner takes the record back and changes it: the operator's button is for the version that he read."""
    owner, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    made = await draft(owner)
    _, seen = await act(owner, made["id"], "SUBMIT", made["version"])
    _, now = await act(owner, made["id"], "RECALL", seen["version"])
    record = now["record"] | {"title_zh": "换了内容"}
    _, now = await owner.post(f"/api/v1/achievements/{made['id']}/draft", {"record": record, "version": now["version"]})
    await act(owner, made["id"], "SUBMIT", now["version"])
    status, body = await act(operator, made["id"], "PUBLISH", seen["version"])
    assert (status, body["code"]) == (409, "conflict")


async def test_a_change_leaves_the_published_version_public_until_the_next_one(town: Town, case: Case):
    anyone = await town.person(None)
    _, now = await case.owner.get(f"/api/v1/achievements/{case.id}/draft")
    _, now = await act(case.owner, case.id, "REVISE", now["version"])
    record = now["record"] | {"title_zh": "改名之后"}
    _, now = await case.owner.post(
        f"/api/v1/achievements/{case.id}/draft", {"record": record, "version": now["version"]}
    )
    assert "改名之后" not in (await page(anyone, f"/achievements/{case.id}"))[1]
    _, now = await act(case.owner, case.id, "SUBMIT", now["version"])
    await act(case.operator, case.id, "PUBLISH", now["version"])
    assert "改名之后" in (await page(anyone, f"/achievements/{case.id}"))[1]
    _, history = await anyone.get(f"/api/v1/achievements/{case.id}/versions")
    assert [one["number"] for one in history["versions"]] == [2, 1]
    assert history["versions"][0]["changes"] == [
        {"path": "title_zh", "before": "盐碱地玉米滴灌控盐技术", "after": "改名之后"}
    ]


async def test_what_is_withdrawn_is_gone_for_the_public_with_its_files(town: Town, case: Case):
    anyone = await town.person(None)
    _, view = await anyone.get(f"/api/v1/achievements/{case.id}")
    file = view["record"]["documents"][0]["id"]
    _, now = await case.owner.get(f"/api/v1/achievements/{case.id}/draft")
    assert (await act(case.owner, case.id, "WITHDRAW", now["version"]))[1]["code"] == "wrong_state"
    assert (await act(case.owner, case.id, "WITHDRAW", now["version"], "不再转让"))[0] == 200
    for path in (
        f"/achievements/{case.id}",
        f"/api/v1/achievements/{case.id}",
        f"/achievements/{case.id}/files/{file}",
    ):
        assert (await page(anyone, path))[0] == 404, path


async def test_a_file_added_after_the_check_reaches_nobody_until_it_was_checked(town: Town, case: Case):
    anyone = await town.person(None)
    _, now = await case.owner.get(f"/api/v1/achievements/{case.id}/draft")
    await act(case.owner, case.id, "REVISE", now["version"])
    assert (
        await upload(case.owner, f"/console/achievements/{case.id}/files", "late.pdf", b"%PDF-1.7\nLATE", "PUBLIC")
        == 303
    )
    _, now = await case.owner.get(f"/api/v1/achievements/{case.id}/draft")
    late = now["record"]["documents"][-1]["id"]
    assert (await page(anyone, f"/achievements/{case.id}/files/{late}"))[0] == 404
    assert (await page(case.owner, f"/achievements/{case.id}/files/{late}"))[0] == 200


async def test_a_record_cannot_name_a_file_that_was_not_taken(town: Town, case: Case):
    _, view = await case.owner.get(f"/api/v1/achievements/{case.id}")
    thief = await town.person(Role.SELLER)
    stolen = view["record"]["documents"]
    made = await draft(thief)
    _, now = await thief.post(
        f"/api/v1/achievements/{made['id']}/draft", {"record": complete(documents=stolen), "version": made["version"]}
    )
    assert now["record"]["documents"] == []
