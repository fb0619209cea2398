"""A confirmed agent on the deals of his principal: exactly within his mandate, in the principal's name, until it is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.accounts.model import Role
from gateway.errors import Code
from gateway.services import Services
from settlement.deals.phases import Phase
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deals import Table
from tests.gateway.test_deposits import html

ME = "/api/v1/me/party/agents"


class Matter(Table):
    """A deal, and people who act for its sides."""

    town: Town

    @property
    def lot(self) -> str:
        return self.id.removeprefix("DA-")

    async def agent(self, principal: Person, *powers: str, subject: str = "", confirmed: bool = True) -> Person:
        """Name somebody new; let an operator confirm him."""
        agent = await self.town.person(Role.BIDDER)
        assert agent.account is not None
        named = {
            "login": agent.account.login,
            "subject": subject or self.lot,
            "document": "委托书 1",
            "powers": list(powers),
        }
        status, answer = await principal.post(ME, named)
        assert status == 200, answer
        if confirmed:
            body = {"agent": agent.account.id, "subject": subject or self.lot}
            assert (await self.operator.post("/api/v1/desk/agents", body))[0] == 200
        return agent

    async def act_by(self, person: Person, act: str, **fields: str) -> tuple[int, dict[str, Any]]:
        return await person.post(f"/api/v1/deals/{self.id}/acts", {"act": act, "fields": fields})

    async def seen_by(self, person: Person) -> bool:
        """Whether somebody sees the deal; all ways agree."""
        statuses = {(await html(person, f"/deals/{self.id}{page}"))[0] for page in ("", "/sign", "/pay")}
        statuses.add((await person.get(f"/api/v1/deals/{self.id}"))[0])
        statuses.add((await person.get(f"/api/v1/deals/{self.id}/events"))[0])
        listed = [one["id"] for one in (await person.get("/api/v1/me/deals"))[1]["deals"]]
        assert statuses in ({200}, {404}) and (self.id in listed) is (statuses == {200}), (statuses, listed)
        assert (self.id in (await html(person, "/me/deals"))[1]) is (statuses == {200})
        return statuses == {200}


@pytest.fixture
async def matter(market: Services, town: Town) -> Matter:
    people = [await town.person(role) for role in (Role.SELLER, Role.BIDDER, Role.OPERATOR)]
    matter = Matter(market, *people)
    matter.town = town
    await matter.struck()
    await matter.until(lambda one: one.phase is Phase.SIGNING)
    return matter


async def test_who_may_sign_signs_in_the_name_of_his_principal_and_does_nothing_else(matter: Matter) -> None:
    assert matter.buyer.account is not None
    signer = await matter.agent(matter.buyer, "sign")
    assert signer.account is not None and await matter.seen_by(signer)
    _, deal = await signer.get(f"/api/v1/deals/{matter.id}")
    assert (deal["acts_for"], deal["acts"]) == (matter.buyer.account.party, ["sign", "refuse"])
    digest = (await matter.deal()).contract_digest
    assert (await matter.act_by(signer, "sign", digest="0" * 64, agree="1"))[1]["code"] == Code.WRONG_STATE
    status, deal = await matter.act_by(signer, "sign", digest=digest, agree="1")
    assert (status, deal["signed"]) == (200, ["buyer"])
    (signature,) = (await matter.deal()).signatures
    assert signature.party_id == matter.buyer.account.party, "the principal has signed"
    _, events = await matter.operator.get(f"/api/v1/deals/{matter.id}/events")
    (signed,) = [one for one in events["events"] if one["type"] == "deal.side_signed"]
    assert signed["actor"] == signer.account.id, "by whose hand stands in the log"
    assert await matter.act(matter.seller, "sign", digest=digest, agree="1") == 303
    await matter.until(lambda one: one.phase is Phase.PAYING)
    status, text = await html(signer, f"/deals/{matter.id}")
    assert status == 200 and "您代理" in text and "签署成交合同" in text and f"/deals/{matter.id}/benefits" not in text


@pytest.mark.parametrize(("powers", "may_sign", "may_hand_over"), [
    (("trade",), False, False), (("sign",), True, False), (("perform",), False, True), (("sign", "perform"), True, True),
])  # fmt: skip
async def test_each_power_opens_its_own_acts_only(
    matter: Matter, powers: tuple[str, ...], may_sign: bool, may_hand_over: bool
) -> None:
    agent = await matter.agent(matter.seller, *powers)
    digest = (await matter.deal()).contract_digest
    status, answer = await matter.act_by(agent, "sign", digest=digest, agree="1")
    assert status == (200 if may_sign else 403), answer
    if not may_sign:
        assert await matter.act(matter.seller, "sign", digest=digest, agree="1") == 303
    assert await matter.act(matter.buyer, "sign", digest=digest, agree="1") == 303
    await matter.until(lambda one: one.phase is Phase.PAYING)
    await matter.pay((await matter.deal()).open_fen)
    await matter.until(lambda one: one.phase is Phase.DELIVERING)
    assert (await matter.act_by(agent, "hand_over", proof_ref="登记簿"))[0] == (200 if may_hand_over else 403)
    for act in ("accept", "rescind", "distributed"):
        assert (await matter.act_by(agent, act, reason="x", ref="x"))[0] == 403, (
            "the buyer's, an operator's, the unit's own"
        )
    for path in (f"/deals/{matter.id}/distribution", f"/deals/{matter.id}/benefits"):
        assert (await html(agent, path))[0] == 404, "taxes and rewards are the unit's own business"
        assert (await agent.get(f"/api/v1{path}"))[0] == 404


async def test_outside_of_his_mandate_a_deal_is_not_there(matter: Matter) -> None:
    assert matter.buyer.account is not None
    stranger = await matter.town.person(Role.BIDDER)
    elsewhere = await matter.agent(matter.buyer, "sign", "perform", subject="another-lot")
    waiting = await matter.agent(matter.buyer, "sign", confirmed=False)
    digest = (await matter.deal()).contract_digest
    for person in (elsewhere, waiting, stranger):
        assert not await matter.seen_by(person)
        assert (await matter.act_by(person, "sign", digest=digest, agree="1"))[0] == 404
    agent = await matter.agent(matter.buyer, "sign")
    assert agent.account is not None and await matter.seen_by(agent)
    ended = {"login": agent.account.login, "subject": matter.lot, "ended": True}
    assert (await matter.buyer.post(ME, ended))[0] == 200
    assert not await matter.seen_by(agent), "taken back"
    assert (await matter.act_by(agent, "sign", digest=digest, agree="1"))[0] == 404
    changed = await matter.agent(matter.buyer, "sign")
    assert changed.account is not None and await matter.seen_by(changed)
    again = {"login": changed.account.login, "subject": matter.lot, "powers": ["sign", "perform"]}
    assert (await matter.buyer.post(ME, again))[0] == 200
    assert not await matter.seen_by(changed), "wider powers wait for the operator, too"


async def test_an_authorisation_names_powers_that_exist(matter: Matter) -> None:
    agent = await matter.town.person(Role.BIDDER)
    assert agent.account is not None
    for powers in ([], ["sell"], ["sign"] * 4):
        body = {"login": agent.account.login, "subject": matter.lot, "powers": powers}
        assert (await matter.buyer.post(ME, body))[1]["code"] == Code.MALFORMED, powers
