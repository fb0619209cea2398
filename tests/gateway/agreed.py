"""A notice of an agreement for tests of the gateway: an institution with an applicant and two approvers, an achievement, an operator."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import aiohttp

from engine.rules.publicity.state import NoticePhase, NoticeState
from engine.rules.real_name import RealNameAct
from engine.values import NoticeId, PartyId
from gateway.accounts.model import Role
from gateway.services import Services
from tests.gateway.conftest import Person, Town, wish
from tests.gateway.listed import release_achievement
from tests.gateway.test_parties import colleague, founder
from tests.time_travel import travel

NOTICES = "/api/v1/notices"
PERSON = {"name": "王小明", "number": "150102199003070058", "contact": "0471-7654321", "relation": "colleague"}
"""Invented; the number is well formed."""
STATEMENT = "第二完成人并未参与该品种的选育，贡献排序与事实不符。"
KEY = re.compile(r">\s*(ncon|ndesk|nobj|nlad|notice|objection|party|lcon|ldesk|achievement)\.[a-z_.]+\s*<")
"""A key that nobody wrote a text for."""


def content(**more: Any) -> dict[str, Any]:
    """Return a wish for 800,000 yuan."""
    return {
        "mode": "TRANSFER",
        "price": "80000000",
        "buyer": {"name_zh": "北疆草业有限公司"},
        "basis": [{"kind": "inquiry", "reference": "询价2026-3"}],
        "objections_to": "科技处 0471-0000000",
        "completers": [{"declared": True}, {"declared": True}],
        **more,
    }


class Agreement:
    """A market with an institution and its notice."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.services: Services = town.services
        self.name = NoticeId(f"agreed-{uuid4().hex[:6]}")
        self.administrator: Person
        self.applicant: Person
        self.approver: Person
        self.operator: Person

    async def open(self) -> Agreement:
        """Register the institution and its people, publish an achievement."""
        self.administrator = await founder(self.town)
        self.applicant = await colleague(self.town, self.administrator, "applicant")
        self.approver = await colleague(self.town, self.administrator, "approver")
        self.operator = await self.town.person(Role.OPERATOR)
        assert self.administrator.account is not None
        account = (await self.services.accounts.by_ids([self.administrator.account.id]))[self.administrator.account.id]
        self.party = PartyId(account.party)
        for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
            await self.services.parties.act(self.party, act, account.id)
        self.achievement = await release_achievement(self.services, account)
        return self

    async def submit(self, **more: Any) -> tuple[int, dict[str, Any]]:
        """Hand the notice in."""
        body = wish(notice=self.name, achievement=self.achievement, content=content(**more))
        return await self.applicant.post(NOTICES, body)

    async def published(self, **more: Any) -> Agreement:
        """Hand it in, approve and publish it."""
        status, answer = await self.submit(**more)
        assert status == 200, answer
        for act, body in (("approve", {"body": "office"}), ("publish", {})):
            status, answer = await self.act(self.approver, act, **body)
            assert status == 200, answer
        return self

    async def act(self, person: Person, act: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Do something with the notice."""
        return await person.post(f"{NOTICES}/{self.name}/{act}", wish(**more))

    async def object(self, person: Person, **more: Any) -> tuple[int, dict[str, Any]]:
        """Object over REST."""
        body = wish(**{**PERSON, "ground": "contribution_ranking", "statement": STATEMENT, **more})
        return await person.post(f"{NOTICES}/{self.name}/objections", body, **_form(person))

    @property
    def state(self) -> NoticeState:
        """The notice now."""
        state = self.services.engine.notices.state(self.name)
        assert state is not None
        return state

    async def until(self, met: Callable[[NoticeState], bool]) -> NoticeState:
        """Return the notice once it is as wished."""
        async with asyncio.timeout(60):
            while not met(self.state):
                await asyncio.sleep(0.02)
        return self.state

    async def certified(self) -> NoticeState:
        """Let the period pass."""
        state = await self.until(lambda one: one.phase is NoticePhase.PUBLISHED)
        assert state.ends_at_us is not None
        await travel(self.services.engine, state.ends_at_us)
        state = await self.until(lambda one: one.phase is NoticePhase.CLEAN)
        assert state.certifies_at_us is not None
        await travel(self.services.engine, state.certifies_at_us)
        return await self.until(lambda one: one.phase is NoticePhase.CERTIFIED)


def _form(person: Person) -> dict[str, str]:
    """What an anonymous visitor's form carries."""
    return {} if person.login is not None else {"Cookie": "ortoo_form=" + "x" * 32, "X_CSRF_Token": "x" * 32}


async def look(person: Person, path: str) -> tuple[int, str]:
    """Read a page."""
    headers = {**person.headers, **_headers(person), "Accept": "text/html"}
    async with person.http.get(person.base + path, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text()


async def send(person: Person, path: str, **fields: str) -> tuple[int, str, str]:
    """Send a form as a browser does; return status, page and where it leads."""
    headers = {**person.headers, **_headers(person), "Accept": "text/html"}
    form = {"csrf": headers["X-CSRF-Token"], **fields}
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


async def put_file(person: Person, path: str, name: str, body: bytes) -> tuple[int, str, str]:
    """Upload a file through a form."""
    headers = {**person.headers, **_headers(person), "Accept": "text/html"}
    form = aiohttp.FormData()
    form.add_field("csrf", headers.pop("X-CSRF-Token"))
    form.add_field("file", io.BytesIO(body), filename=name, content_type="application/octet-stream")
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


def _headers(person: Person) -> dict[str, str]:
    if person.login is not None:
        return {}
    return {"Cookie": "ortoo_form=" + "x" * 32, "X-CSRF-Token": "x" * 32}
