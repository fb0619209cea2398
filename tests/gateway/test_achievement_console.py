"""The console: files that come in, the guided form, applicant and approver inside an institution."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from engine.rules.achievement import record as r
from gateway.accounts.model import MemberRole, Role
from tests.gateway.achievement_case import (
    NDA_FILE,
    SECRET,
    Case,
    act,
    complete,
    draft,
    page,
    post,
    published,
    upload,
)  # fmt: skip
from tests.gateway.conftest import PASSWORD, Person, Town


@pytest.fixture
async def case(town: Town) -> Case:
    return await published(town)


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
