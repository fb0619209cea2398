"""An achievement published through the doors, and the people around it, for the tests of both sides."""

from __future__ import annotations

from typing import Any

import aiohttp

from gateway.accounts.model import Role
from tests.gateway.conftest import Person, Town

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
