"""Achievements through the doors: writing, checking, publishing, and what of one reaches whom."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from engine.catalogue.achievements.store import Working
from engine.rules.achievement import record as r
from gateway.accounts.model import MemberRole, Role
from tests.gateway.conftest import PASSWORD, Person, Town

SECRET = "SECRET-RECIPE-7731"
NDA_FILE = b"%PDF-1.7\nNDA-CONTENT-5512"
PUBLIC_FILE = b"%PDF-1.7\nPUBLIC-CONTENT"
OWN_FILE = b"%PDF-1.7\nOWNER-CONTENT-9917"


def complete(**changes: Any) -> dict[str, Any]:
    """A record that may be published."""
    return {
        "title_zh": "盐碱地玉米滴灌控盐技术",
        "title_en": "Drip irrigation against salt",
        "abstract_zh": "针对河套灌区盐碱地出苗率低的问题，采用膜下滴灌与脱硫石膏配合的方法，三年大田试验出苗率由百分之六十一提高到百分之八十八，亩均节水八十立方米。",
        "abstract_en": "On saline fields few seedlings survive; drip irrigation under film with gypsum raises emergence.",
        "full_text": SECRET,
        "holder_zh": "某研究所",
        "holder_kind": "STATE_INSTITUTE",
        "fields": ["09"],
        "industry": "01",
        "region": "150802",
        "trl": 6,
        "trl_evidence": [{"level": 6, "text": "三地田间测试报告"}],
        "completers": [
            {"name": "巴特尔甲", "unit": "某研究所", "share_bp": 6000, "named_publicly": True},
            {"name": "其木格乙", "unit": "某研究所", "share_bp": 4000},
        ],
        "secrecy": "PUBLIC",
        "export_class": "FREE",
        "rights": [
            {
                "kind": "INVENTION",
                "number": "ZL202010000001.1",
                "filed_on": "2020-03-02",
                "co_owners": [{"name": "某合作社", "consent": "PRIVATE-CONSENT-31"}],
            }
        ],
        "modes": ["PLAIN"],
        **changes,
    }


class Case:
    """An achievement published by an owner after the operator's check."""

    def __init__(self, owner: Person, operator: Person, achievement: str) -> None:
        self.owner, self.operator, self.id = owner, operator, achievement


async def upload(person: Person, path: str, name: str, body: bytes, visibility: str = "NDA", csrf: bool = True) -> int:
    form = aiohttp.FormData()
    if csrf:
        form.add_field("csrf", person.headers["X-CSRF-Token"])
    form.add_field("visibility", visibility)
    form.add_field("file", body, filename=name, content_type="application/x-whatever")
    headers = {k: v for k, v in person.headers.items() if k != "X-CSRF-Token"}
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status


async def page(person: Person, path: str) -> tuple[int, str]:
    async with person.http.get(person.base + path, headers=person.headers, allow_redirects=False) as response:
        return response.status, (await response.read()).decode("utf-8", "replace")


async def post(person: Person, path: str, **form: str) -> tuple[int, str, str]:
    async with person.http.post(
        person.base + path, data=form, headers=person.headers, allow_redirects=False
    ) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def draft(person: Person, **changes: Any) -> dict[str, Any]:
    status, body = await person.post("/api/v1/achievements", {"record": complete(**changes)})
    assert status == 200, body
    return body


async def act(person: Person, achievement: str, what: str, version: int, reason: str = "") -> tuple[int, Any]:
    return await person.post(
        f"/api/v1/achievements/{achievement}/acts", {"act": what, "version": version, "reason": reason}
    )


async def published(town: Town, **changes: Any) -> Case:
    owner, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    made = await draft(owner, **changes)
    path = f"/console/achievements/{made['id']}/files"
    assert await upload(owner, path, "public.pdf", PUBLIC_FILE, "PUBLIC") == 303
    assert await upload(owner, path, "nda.pdf", NDA_FILE, "NDA") == 303
    assert await upload(owner, path, "own.pdf", OWN_FILE, "OWNER") == 303
    _, now = await owner.get(f"/api/v1/achievements/{made['id']}/draft")
    status, now = await act(owner, made["id"], "SUBMIT", now["version"])
    assert (status, now["state"]) == (200, "SUBMITTED"), now
    status, now = await act(operator, made["id"], "PUBLISH", now["version"])
    assert (status, now["state"], now["published"]) == (200, "PUBLISHED", 1), now
    return Case(owner, operator, made["id"])


@pytest.fixture
async def case(town: Town) -> Case:
    return await published(town)


# Staged disclosure (P6).


async def walk(town: Town, case: Case, who: str) -> Person:
    """Return somebody of this kind."""
    match who:
        case "anonymous":
            return await town.person(None)
        case "owner":
            return case.owner
        case "operator":
            return case.operator
        case "supervisor":
            return await town.person(Role.SUPERVISOR)
        case _:
            person = await town.person(Role.BIDDER)
    if who == "signer":
        _, nda = await person.get(f"/api/v1/achievements/{case.id}/nda")
        status, _ = await person.post(f"/api/v1/achievements/{case.id}/nda", {"digest": nda["digest"]})
        assert status == 200
    return person


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


# Uploads.


async def test_an_upload_without_the_forms_secret_is_refused_before_its_file_is_read(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    path = f"/console/achievements/{made['id']}/files"
    assert await upload(owner, path, "a.pdf", NDA_FILE, csrf=False) == 403
    assert await upload(owner, path, "a.pdf", NDA_FILE) == 303


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("a.pdf", b"", "empty"), ("a.pdf", b"MZ\x90\x00", "type"), ("a.zip", b"PK\x05\x06" + b"\x00" * 18, "type"),
        ("a.png", b"%PDF-1.7", "type_mismatch"), ("noending", b"%PDF-1.7", "name"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_file_is_said_on_the_page(town: Town, name: str, body: bytes, why: str):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    form = aiohttp.FormData()
    form.add_field("file", body, filename=name)
    async with owner.http.post(
        f"{owner.base}/api/v1/achievements/{made['id']}/files", data=form, headers=owner.headers
    ) as response:
        answer = await response.json(content_type=None)
        assert (response.status, answer["code"], answer["data"]["why"]) == (422, "file_refused", why)
    assert await upload(owner, f"/console/achievements/{made['id']}/files", name, body) == 422


# The guided form.


async def test_a_professor_gets_through_the_guided_form_without_a_script(town: Town):
    professor, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    status, onward, _ = await post(professor, "/console/achievements")
    assert status == 303
    one = onward.split("/")[3]
    answers: dict[str, dict[str, str]] = {
        "secrecy": {"secrecy": "PUBLIC"},
        "name": {"title_zh": "草原蝗虫绿色防控技术"},
        "abstract": {"abstract_zh": "针对草原蝗灾频发的问题" + "，采用生物制剂与飞防结合" * 5},
        "holder": {"holder_zh": "某大学", "holder_kind": "STATE_INSTITUTE", "region": "152501"},
        "field": {"field": "09", "industry": "05"},
        "readiness": {"trl": "7", "evidence_7": "两旗示范三年", "maturity": "PILOT"},
        "use": {"scenes": "草原站\r\n合作社", "indicator_name": "防效", "indicator_value": "85%"},
        "people": {"completer_name": "测试人甲", "completer_unit": "某大学", "completer_share": "100"},
        "rights": {},
        "export": {"export_class": "FREE"},
        "project": {"fiscal": "yes"},
        "offer": {"modes": "PLAIN", "defects": "无"},
        "full": {"full_text": "工艺参数"},
        "documents": {},
    }
    for name, fields in answers.items():
        assert onward == f"/console/achievements/{one}/steps/{name}"
        if name == "rights":
            version = await _version(professor, f"/console/achievements/{one}/rights/new")
            right = {"kind": "INVENTION", "status": "GRANTED", "number": "ZL202110000002.2", "filed_on": "2021-05-06"}
            assert (
                await post(professor, f"/console/achievements/{one}/rights/new", version=version, act="save", **right)
            )[0] == 303
        version = await _version(professor, onward)
        status, onward, text = await post(professor, onward, version=version, act="next", **fields)
        assert status == 303, (name, text)
    assert onward == f"/console/achievements/{one}"
    version = await _version(professor, onward)
    assert (await post(professor, onward, act="SUBMIT", version=version))[0] == 303
    version = await _version(operator, f"/desk/achievements/{one}")
    assert (await post(operator, f"/desk/achievements/{one}", act="PUBLISH", version=version))[0] == 303
    _, text = await page(await town.person(None), f"/achievements/{one}")
    for shown in ("草原蝗虫绿色防控技术", "锡林郭勒盟", "TRL 7", "防效", "2041-05-05"):
        assert shown in text
    assert "测试人甲" not in text
    # Nothing is asked twice: the next record knows who the holder is.
    _, onward, _ = await post(professor, "/console/achievements")
    _, text = await page(professor, f"/console/achievements/{onward.split('/')[3]}/steps/holder")
    assert 'value="某大学"' in text


async def _version(person: Person, path: str) -> str:
    status, text = await page(person, path)
    assert status == 200, path
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found is not None, path
    return found[1]


async def test_a_share_that_is_no_number_is_named_and_loses_nothing_else(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    status, _, text = await post(
        owner,
        f"/console/achievements/{made['id']}/steps/people",
        version=str(made["version"]),
        completer_name="某人",
        completer_share="一半",
    )
    assert status == 422
    assert "一半" in text
    assert 'value="某人"' in text


async def test_every_problem_has_a_text_and_a_step_to_go_to():
    from pathlib import Path

    from gateway.achievements.steps import STEP_OF
    from gateway.pages.i18n import catalogue

    sources = Path("engine/rules/achievement")
    codes = {
        c
        for p in (sources / "checking.py", sources / "rights.py")
        for c in re.findall(r'Problem\([^)]*?, "([a-z_]+)"', p.read_text())
    }
    assert len(codes) > 25
    for code in (*codes, "annuity_unpaid", "annuity_unknown", "abstract_short"):
        assert f"achievement.problem.{code}" in catalogue("zh"), code
    assert set(STEP_OF) == set(r.Achievement.__struct_fields__), "every field is asked for in exactly one step"
    for field in r.Achievement.__struct_fields__:
        assert f"achievement.field.{field}" in catalogue("zh"), field
    for kind, prefix in (
        (r.Secrecy, "secrecy"),
        (r.Mode, "mode"),
        (r.Mode, "mode_hint"),
        (r.RightKind, "kind"),
        (r.RightStatus, "status"),
        (r.Special, "special"),
        (r.HolderKind, "holder_kind"),
        (r.Maturity, "maturity"),
        (r.ExportClass, "export"),
        (r.Visibility, "visibility"),
    ):
        for one in kind:
            assert f"achievement.{prefix}.{one.value}" in catalogue("zh"), one


async def test_long_texts_come_as_multipart_forms_and_beyond_the_bound_they_are_refused(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    for text, status in (("技" * 15_000, 303), ("技" * 25_000, 413)):
        _, now = await owner.get(f"/api/v1/achievements/{made['id']}/draft")
        sent = aiohttp.MultipartWriter("form-data")
        for name, value in (
            ("csrf", owner.headers["X-CSRF-Token"]),
            ("version", str(now["version"])),
            ("full_text", text),
        ):
            sent.append(value).set_content_disposition("form-data", name=name)
        headers = {k: v for k, v in owner.headers.items() if k != "X-CSRF-Token"}
        path = f"{owner.base}/console/achievements/{made['id']}/steps/full"
        async with owner.http.post(path, data=sent, headers=headers, allow_redirects=False) as response:
            assert response.status == status
    _, now = await owner.get(f"/api/v1/achievements/{made['id']}/draft")
    assert now["record"]["full_text"] == "技" * 15_000


async def test_a_multipart_form_that_is_none_is_refused(town: Town):
    owner = await town.person(Role.SELLER)
    made = await draft(owner)
    for path in ("steps/full", "files"):
        headers = {**owner.headers, "Content-Type": "multipart/form-data; boundary=x"}
        async with owner.http.post(
            f"{owner.base}/console/achievements/{made['id']}/{path}", data=b"garbage", headers=headers
        ) as response:
            assert response.status == 400, path


# Inside an institution.


async def member(town: Town, party: str, *roles: MemberRole) -> Person:
    """Somebody who acts for an organisation in these roles."""
    person = await town.person(Role.SELLER)
    assert person.account is not None
    await town.services.pool.execute(
        "UPDATE account SET party = $2, member_roles = $3 WHERE id = $1",
        person.account.id,
        party,
        [role.value for role in roles],
    )
    session = await town.services.accounts.log_in(person.account.login, PASSWORD, "127.0.0.1")
    return Person(town.services, town.http, session.caller.account, session)


async def test_the_applicant_submits_and_the_approver_releases(town: Town):
    unit = "o" + "7" * 16
    applicant = await member(town, unit, MemberRole.APPLICANT)
    approver = await member(town, unit, MemberRole.APPROVER)
    finance = await member(town, unit, MemberRole.FINANCE)
    operator = await town.person(Role.OPERATOR)
    made = await draft(applicant)
    one = made["id"]
    assert (await finance.post("/api/v1/achievements", {"record": complete()}))[0] == 403
    assert (await page(finance, f"/console/achievements/{one}"))[0] == 200, "it belongs to the institution"
    assert (
        await finance.post(f"/api/v1/achievements/{one}/draft", {"record": complete(), "version": made["version"]})
    )[0] == 403
    assert await upload(finance, f"/console/achievements/{one}/files", "a.pdf", NDA_FILE) == 403
    status, now = await act(applicant, one, "SUBMIT", made["version"])
    assert (status, now["state"]) == (200, "RELEASE"), "the market sees nothing yet"
    assert one not in (await page(operator, "/desk/achievements"))[1]
    for person in (applicant, finance, operator):
        assert (await act(person, one, "RELEASE", now["version"]))[0] == 409
    status, now = await act(approver, one, "RELEASE", now["version"])
    assert (status, now["state"]) == (200, "SUBMITTED")
    status, now = await act(operator, one, "PUBLISH", now["version"])
    assert status == 200
    assert (await act(applicant, one, "WITHDRAW", now["version"], "x"))[0] == 409, "the approver's to decide"
    assert (await act(approver, one, "WITHDRAW", now["version"], "x"))[0] == 200


async def test_a_signature_binds_and_opens_for_the_whole_organisation(town: Town, case: Case):
    unit = "o" + "8" * 16
    signer, colleague = await member(town, unit, MemberRole.APPROVER), await member(town, unit, MemberRole.FINANCE)
    _, nda = await colleague.get(f"/api/v1/achievements/{case.id}/nda")
    assert (await colleague.post(f"/api/v1/achievements/{case.id}/nda", {"digest": nda["digest"]}))[0] == 403
    assert (await signer.post(f"/api/v1/achievements/{case.id}/nda", {"digest": nda["digest"]}))[0] == 200
    assert (await colleague.get(f"/api/v1/achievements/{case.id}"))[1]["record"]["full_text"] == SECRET
    _, body = await case.owner.get(f"/api/v1/achievements/{case.id}/signatures")
    assert [(one["party"], one["account"]) for one in body["signatures"]] == [
        (unit, signer.account and signer.account.id)
    ]
