"""A market with a signed contract, its registration opened, and the people who handle it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from engine.calendar import day_of, format_day
from engine.values import InstantUs
from gateway.accounts.model import Role
from gateway.serve import running
from settlement.contracts.facts import ContractFacts
from settlement.contracts.life import Contract, DraftContract, SignContract
from tests.gateway.conftest import Person, Town, market_config
from tests.settlement.registration.case import ANSWERS, facts, unsigned


class Registry:
    """A seller, a buyer, two registrars, an operator, and a signed contract."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.services = town.services

    async def open(self, given: ContractFacts | None = None) -> Registry:
        self.seller, self.buyer = await self.town.person(Role.SELLER), await self.town.person(Role.BIDDER)
        self.first, self.second = await self.town.person(Role.REGISTRAR), await self.town.person(Role.REGISTRAR)
        self.operator = await self.town.person(Role.OPERATOR)
        self.id = await self.contract(given or facts())
        return self

    async def contract(self, given: ContractFacts) -> str:
        """Sign a contract between seller and buyer today; return the id of its registration."""
        assert self.seller.account is not None and self.buyer.account is not None
        registering = self.services.registering
        today = format_day(day_of(InstantUs(self.services.now_us)))
        later = f"{int(today[:4]) + 1}-12-01"
        rights = tuple(replace(right, fees_paid_to=later) for right in given.rights)
        given = replace(
            given, seller=replace(given.seller, party_id=self.seller.account.party), rights=rights, ends_on=later, begins_on=today,
            buyer=replace(given.buyer, party_id=self.buyer.account.party),
        )  # fmt: skip
        for side in (given.seller, given.buyer):
            await registering.contracts.keep_profile(side.party_id, side.profile, actor="test")
        contract = await registering.contracts.act(
            given.contract_id, DraftContract(facts=unsigned(given)), actor="test"
        )
        assert isinstance(contract, Contract)
        act = SignContract(
            text=contract.text, signed_on=today, seller_seal=given.seller.name, buyer_seal=given.buyer.name
        )
        await registering.contracts.act(given.contract_id, act, actor="test")
        opened = await registering.registrations.open(given.deal, actor="test")
        return str(opened.registration.id)  # type: ignore[union-attr]

    async def desk(
        self, person: Person, act: str, registration_id: str = "", **more: Any
    ) -> tuple[int, dict[str, Any]]:
        return await person.post(f"/api/v1/registrations/{registration_id or self.id}/acts", {"act": act, **more})

    async def hand_in(self, registration_id: str = "") -> dict[str, Any]:
        one = registration_id or self.id
        status, said = await self.seller.post(f"/api/v1/registrations/{one}/answers", {"answers": ANSWERS})
        assert status == 200 and said["clear"], said
        status, said = await self.seller.post(f"/api/v1/registrations/{one}/submit", {})
        assert status == 200, said
        return said

    async def registered(self, number: str = "2026150201000001") -> dict[str, Any]:
        await self.hand_in()
        for act in ("start_pre_check", "accept", "start_review", "opinion"):
            status, said = await self.desk(self.first, act)
            assert status == 200, said
        status, said = await self.desk(self.second, "register", number=number)
        assert status == 200, said
        return said

    async def read(self, person: Person, path: str) -> tuple[int, bytes]:
        async with person.http.get(person.base + path, headers=person.headers, allow_redirects=False) as response:
            return response.status, await response.read()

    async def form(self, person: Person, path: str, **fields: Any) -> tuple[int, str]:
        assert person.login is not None
        data = [("csrf", person.login.caller.csrf), *((name, value) for name, value in fields.items())]
        headers = {name: value for name, value in person.headers.items() if name != "X-CSRF-Token"}
        async with person.http.post(person.base + path, data=data, headers=headers, allow_redirects=False) as response:
            return response.status, await response.text()


@pytest.fixture
async def registry(fresh_database: str, tmp_path: Path) -> AsyncIterator[Registry]:
    config = market_config(fresh_database, tmp_path, registrar_name="呼和浩特市技术合同登记站")
    async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield await Registry(Town(services, http)).open()


async def wait_for(met: Any, seconds: float = 60) -> Any:
    """Return what `met` gives once it is not None or False."""
    async with asyncio.timeout(seconds):
        while not (found := await met()):
            await asyncio.sleep(0.05)
    return found
