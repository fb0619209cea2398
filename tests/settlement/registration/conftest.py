"""Contracts and registrations on a real database and a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from engine.calendar import Calendar, day_from_civil, start_of
from settlement.contracts.facts import ContractFacts
from settlement.contracts.life import Contract, DraftContract, SignContract
from settlement.contracts.store import Contracts
from settlement.registration.deciding import NotDone, Refusal
from settlement.registration.events import Outcome
from settlement.registration.evolving import Registration
from settlement.registration.feed.answers import Answers
from settlement.registration.feed.outbox import Outbox
from settlement.registration.registrations import Registrations
from settlement.registration.store import Done, registration_id_of
from settlement.registration.verification import verify_registry
from tests.settlement.conftest import CALENDAR
from tests.settlement.registration.case import ANSWERS, facts, unsigned

START_US = start_of(day_from_civil(2026, 3, 10)) + 10 * 3_600_000_000
"""Tuesday 2026-03-10, 10:00 in Shanghai."""


class Office:
    """Everything that one test needs."""

    def __init__(self, pool: asyncpg.Pool, *, push: bool = True, number_prefix: str = "150201") -> None:
        self.pool = pool
        self.now_us = START_US
        self.calendar: Calendar = CALENDAR
        self.contracts = Contracts(pool, self.clock)
        self.registrations = Registrations(
            pool,
            self.contracts,
            calendar=lambda: self.calendar,
            number_prefix=number_prefix,
            push=push,
            now_us=self.clock,
        )
        self.outbox = Outbox(pool)
        self.answers = Answers(pool, self.registrations)

    def clock(self) -> int:
        self.now_us += 1
        return self.now_us

    async def sign(self, given: ContractFacts | None = None) -> Contract:
        given = given or facts()
        drafted = await self.contracts.act(given.contract_id, DraftContract(facts=unsigned(given)), actor="market")
        assert isinstance(drafted, Contract), drafted
        await self.contracts.keep_profile(given.seller.party_id, given.seller.profile, actor="s")
        await self.contracts.keep_profile(given.buyer.party_id, given.buyer.profile, actor="b")
        act = SignContract(
            text=drafted.text, signed_on="2026-03-02", seller_seal=given.seller.name, buyer_seal=given.buyer.name
        )
        signed = await self.contracts.act(given.contract_id, act, actor="market")
        assert isinstance(signed, Contract), signed
        return signed

    async def opened(self, given: ContractFacts | None = None) -> str:
        given = given or facts()
        await self.sign(given)
        done(await self.registrations.open(given.deal, actor="s"))
        registration_id = registration_id_of(given.deal)
        done(await self.registrations.save(registration_id, ANSWERS, {}, actor="s"))
        return registration_id

    async def submitted(self, given: ContractFacts | None = None) -> str:
        registration_id = await self.opened(given)
        done(await self.registrations.submit(registration_id, actor="s"))
        return registration_id

    async def registered(self, given: ContractFacts | None = None, **more: Any) -> Registration:
        one = await self.submitted(given)
        desk = self.registrations
        done(await desk.start_pre_check(one, actor="r1"))
        done(await desk.accept(one, actor="r1"))
        now = done(await desk.start_review(one, actor="r1"))
        done(await desk.give_opinion(one, Outcome.REGISTER, now.technical_fen, actor="r1"))
        return done(await desk.register(one, actor="r2", **more))

    async def sound(self) -> None:
        verdict = await verify_registry(self.pool)
        assert verdict.findings == []


def done(outcome: Done | NotDone) -> Registration:
    assert isinstance(outcome, Done), outcome
    return outcome.registration


def refused(outcome: Done | NotDone) -> Refusal:
    assert isinstance(outcome, NotDone), outcome
    return outcome.code


@pytest.fixture
async def office(fresh_database: str) -> AsyncIterator[Office]:
    pool = await asyncpg.create_pool(fresh_database, min_size=1, max_size=6)
    yield Office(pool)
    await pool.close()
