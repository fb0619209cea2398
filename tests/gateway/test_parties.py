"""Parties over REST and pages: registration with check characters, real name, colleagues who trade as one, agents, conflicts, silence."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import WSMsgType

from engine.rules.conflicts import May, Relation, RelationKind, standing
from engine.rules.real_name import STEPS, RealName, RealNameAct, after
from engine.rules.rejections import Reject
from engine.values import LotId
from gateway.accounts.model import Role
from gateway.errors import Code
from gateway.live.session import SESSION_ENDED
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import PRICE, Fair, wish
from tests.gateway.test_deposits import html

CREDIT_CODE = "91150100MA0000002D"
ME = "/api/v1/me/party"
NUMBER = "150101199003070035"


def organisation(**more: Any) -> dict[str, Any]:
    return {
        "kind": "organisation",
        "name_zh": "草原示范有限公司",
        "number": CREDIT_CODE,
        "phone": "0471 0000000",
        **more,
    }


async def founder(town: Town, **more: Any) -> Person:
    person = await town.person(Role.SELLER)
    status, answer = await person.post(ME, organisation(**more))
    assert status == 200, answer
    return person


async def colleague(town: Town, of: Person, *roles: str) -> Person:
    _, made = await of.post(f"{ME}/invitations", {"roles": list(roles)})
    person = await town.person(Role.SELLER)
    status, answer = await person.post(f"{ME}/accept", {"secret": made["secret"]})
    assert status == 200, answer
    return person


@pytest.mark.parametrize("state", RealName)
@pytest.mark.parametrize("act", RealNameAct)
def test_every_act_on_a_real_name_leads_where_the_table_says(state: RealName, act: RealNameAct) -> None:
    assert after(state, act, "a reason") is STEPS.get((state, act))
    if act in (RealNameAct.REFUSE, RealNameAct.EXPIRE, RealNameAct.REVOKE):
        assert after(state, act, " ") is None


@pytest.mark.parametrize(
    ("relations", "staff", "expected"),
    [
        ((), False, May.YES),
        ((), True, May.NEVER),
        ((Relation("", RelationKind.STAFF),), False, May.NEVER),
        ((Relation("s", RelationKind.FAMILY), Relation("s", RelationKind.COMPLETER)), False, May.MARKED),
        ((Relation("x", RelationKind.OWNED),), False, May.YES),
    ],
)
def test_staff_never_buys_and_relations_to_the_seller_are_marked(relations, staff, expected) -> None:
    assert standing("b", "s", staff, relations).may is expected
    assert standing("s", "s", False, ()).may is May.NEVER


async def test_a_founder_becomes_administrator_and_acts_for_the_organisation(town: Town) -> None:
    person = await founder(town)
    _, own = await person.get(ME)
    assert own["id"].startswith("o") and own["party"]["credit_code"] == CREDIT_CODE
    assert [member["roles"] for member in own["members"]] == [["administrator", "applicant", "approver", "finance"]]


@pytest.mark.parametrize(
    ("number", "problem"),
    [("91150100MA0000002X", "check"), ("91150100", "length"), ("IIIIIIIIIIIIIIIIII", "characters")],
)
async def test_a_credit_code_that_cannot_be_is_named(town: Town, number: str, problem: str) -> None:
    person = await town.person(Role.SELLER)
    status, answer = await person.post(ME, organisation(number=number))
    assert (status, answer["code"], answer["data"]) == (400, Code.MALFORMED, {"fields": "number", "problem": problem})


async def test_a_credit_code_is_registered_once_whoever_is_faster(town: Town) -> None:
    people = [await town.person(Role.SELLER) for _ in range(4)]
    answers = await asyncio.gather(*(person.post(ME, organisation()) for person in people))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]


async def test_an_identity_is_handed_in_checked_and_must_be_checked_again_when_it_changes(town: Town) -> None:
    person, operator = await founder(town), await town.person(Role.OPERATOR)
    _, own = await person.post(f"{ME}/submit")
    assert own["party"]["real_name"] == "submitted"
    _, queue = await operator.get("/api/v1/desk/parties/waiting")
    assert [party["id"] for party in queue["parties"]] == [own["id"]]
    path = f"/api/v1/desk/parties/{own['id']}"
    assert (await operator.post(path, {"act": "refuse", "reason": " "}))[1]["code"] == Code.CONFLICT
    assert (await operator.post(path, {"act": "verify"}))[1]["real_name"] == "verified"
    assert (await operator.post(path, {"act": "verify"}))[1]["code"] == Code.CONFLICT, "twice is once"
    _, own = await person.post(ME, organisation(contact="another clerk"))
    assert own["party"]["real_name"] == "verified"
    _, own = await person.post(ME, organisation(name_zh="改名有限公司"))
    assert own["party"]["real_name"] == "unverified"


async def test_colleagues_share_what_their_organisation_does(town: Town) -> None:
    administrator = await founder(town)
    clerk = await colleague(town, administrator, "applicant")
    lot = await town.lot()
    status, answer = await administrator.post(
        f"/api/v1/lots/{lot}/admission", {"id": "6f0f8a52-6f63-4a3e-8c54-9d4a9c5b2a11"}
    )
    assert status == 200, answer
    status, answer = await clerk.post(
        f"/api/v1/lots/{lot}/bids", {"id": "6f0f8a52-6f63-4a3e-8c54-9d4a9c5b2a12", "amount": "1000"}
    )
    assert status == 200, answer
    for person in (administrator, clerk):
        _, bids = await person.get("/api/v1/me/bids")
        assert len(bids["commands"]) == 2


async def test_an_invitation_works_once_and_only_an_administrator_makes_one(town: Town) -> None:
    administrator = await founder(town)
    _, made = await administrator.post(f"{ME}/invitations", {"roles": ["applicant"]})
    first, second = await town.person(Role.SELLER), await town.person(Role.SELLER)
    assert (await first.post(f"{ME}/accept", {"secret": made["secret"]}))[0] == 200
    assert (await second.post(f"{ME}/accept", {"secret": made["secret"]}))[1]["code"] == Code.NOT_FOUND
    assert (await first.post(f"{ME}/invitations", {"roles": ["approver"]}))[1]["code"] == Code.FORBIDDEN
    assert (await first.post(f"{ME}/accept", {"secret": "guess"}))[1]["code"] == Code.CONFLICT


async def test_the_last_administrator_stays(town: Town) -> None:
    administrator = await founder(town)
    assert administrator.account is not None
    body = {"account": administrator.account.id, "roles": ["finance"]}
    assert (await administrator.post(f"{ME}/members", body))[1]["code"] == Code.CONFLICT
    clerk = await colleague(town, administrator, "administrator")
    assert (await clerk.post(f"{ME}/members", {**body, "roles": []}))[0] == 200
    assert (await administrator.get(ME))[1]["id"] == administrator.account.id, "he acts for himself again"


async def test_an_applicant_prepares_but_does_not_hand_a_listing_in(town: Town) -> None:
    administrator = await founder(town)
    clerk = await colleague(town, administrator, "applicant")
    fair = Fair(town)
    body = {"id": "6f0f8a52-6f63-4a3e-8c54-9d4a9c5b2a13", "listing": fair.name, "achievement": "ach-000000000000"}
    terms = {"mode": "TRANSFER", "way": "disclosed", "list_price": "100", "disclosure_working_days": 5}
    assert (await clerk.post("/api/v1/listings", {**body, "terms": terms}))[1]["code"] == Code.FORBIDDEN


async def test_a_confirmed_agent_buys_for_his_principal_and_nobody_acts_for_two(town: Town) -> None:
    fair = await Fair(town).open()
    await fair.published()
    principal, other = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    agent, operator = await town.person(Role.BIDDER), fair.operator
    assert agent.account is not None and principal.account is not None
    named = {"login": agent.account.login, "subject": fair.name, "document": "A-1"}
    assert (await principal.post(f"{ME}/agents", named))[0] == 200
    assert (await other.post(f"{ME}/agents", named))[1]["code"] == Code.CONFLICT
    assert (await fair.act(agent, "intents"))[1]["code"] == Code.PARTY_NOT_VERIFIED, "not before he is confirmed"
    body = {"agent": agent.account.id, "subject": fair.name}
    assert (await operator.post("/api/v1/desk/agents", body))[0] == 200
    assert (await operator.post("/api/v1/desk/agents", body))[1]["code"] == Code.NOT_FOUND
    status, answer = await fair.act(agent, "intents")
    assert status == 200, answer
    state = await fair.until(lambda listing: bool(listing.intents))
    assert state.intents[0].buyer_id == principal.account.id


async def test_an_agent_bids_for_his_principal_until_the_authorisation_is_taken_back(town: Town) -> None:
    fair = await Fair(town).open()
    await fair.published()
    principal, rival = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    agent, late = await town.person(Role.BIDDER), await town.person(Role.BIDDER)
    assert principal.account is not None and agent.account is not None and late.account is not None
    for buyer in (principal, rival):
        await fair.admit(buyer)
    for somebody in (agent, late):
        named = {"login": somebody.account.login, "subject": fair.name, "document": "A-2"}  # type: ignore[union-attr]
        assert (await principal.post(f"{ME}/agents", named))[0] == 200
    body = {"agent": agent.account.id, "subject": fair.name}
    assert (await fair.operator.post("/api/v1/desk/agents", body))[0] == 200
    await fair.disclosure_ends()
    lot = await fair.session_opens()
    status, answer = await fair.operator.post("/api/v1/desk/agents", {**body, "agent": late.account.id})
    assert (status, answer["code"]) == (409, Code.WRONG_STATE), "only before bidding begins"
    assert (await late.post(f"/api/v1/lots/{lot}/bids", wish(amount=str(PRICE))))[1]["code"] == Reject.NOT_ADMITTED
    async with agent.http.ws_connect(f"{agent.base}/live", headers=agent.headers) as room:
        await room.send_json({"t": "join", "lot": lot})
        while (said := await room.receive_json())["t"] != "snapshot":
            pass
        code = fair.services.engine.state(LotId(lot)).codes[principal.account.party]  # type: ignore[union-attr]
        assert said["you"]["code"] == code
        await room.send_json({"t": "bid", "lot": lot, "id": str(uuid4()), "amount": str(PRICE)})
        while (said := await room.receive_json())["t"] not in ("accepted", "rejected"):
            pass
        assert said["t"] == "accepted", said
        state = fair.services.engine.state(LotId(lot))
        assert state is not None and state.leader == principal.account.party
        code, deposit = state.codes[principal.account.party], f"{fair.name}.1"
        await fair.services.listings.follower.catch_up()
        await sees_the_principals_matters(agent, deposit, said["seq"], lot)
        for stranger in (late, rival):
            await sees_nothing_of(stranger, deposit, said["seq"], lot)
        named = {"login": agent.account.login, "subject": fair.name, "ended": True}
        assert (await principal.post(f"{ME}/agents", named))[0] == 200
        while (closed := await room.receive()).type is not WSMsgType.CLOSE:
            pass
        assert closed.data == SESSION_ENDED, "the authorisation is gone, so is the line"
    bid = wish(amount=str(PRICE + 1_000_000))
    assert (await agent.post(f"/api/v1/lots/{lot}/bids", bid))[1]["code"] == Reject.NOT_ADMITTED
    await sees_nothing_of(agent, deposit, said["seq"], lot)
    assert (await principal.get(f"/api/v1/me/deposits/{deposit}"))[0] == 200


async def sees_the_principals_matters(agent: Person, deposit: str, seq: int, lot: str) -> None:
    """An agent reads his principal's application, deposit, bids and receipts, marked as such; he appeals nothing for him."""
    _, own = await agent.get("/api/v1/me/listings")
    assert [(row["listing"], row["intent_no"]) for row in own["intents"]] == [(deposit.partition(".")[0], 1)]
    status, text = await html(agent, "/me/listings")
    assert status == 200 and "代理" in text
    _, mine = await agent.get("/api/v1/me/deposits")
    assert [one["id"] for one in mine["deposits"]] == [deposit]
    for path in ("/me/deposits", f"/me/deposits/{deposit}", f"/receipts/{lot}/{seq}"):
        assert (await html(agent, path))[0] == 200, path
    status, text = await html(agent, "/me/bids")
    assert f"/receipts/{lot}/{seq}" in text
    assert (await agent.post(f"/api/v1/me/deposits/{deposit}/appeal", {"text": "for him"}))[1]["code"] == Code.NOT_FOUND


async def sees_nothing_of(stranger: Person, deposit: str, seq: int, lot: str) -> None:
    listing = deposit.partition(".")[0]
    for path in ("/api/v1/me/listings", "/api/v1/me/deposits", "/api/v1/me/bids"):
        _, answer = await stranger.get(path)
        assert f'"{deposit}"' not in str(answer) and not [
            row for row in answer.get("intents", []) if (row["listing"], row["intent_no"]) == (listing, 1)
        ], path
    assert (await stranger.get(f"/api/v1/me/deposits/{deposit}"))[0] == 404
    for path in (f"/me/deposits/{deposit}", f"/receipts/{lot}/{seq}"):
        assert (await html(stranger, path))[0] == 404, path
    assert f"/receipts/{lot}/{seq}" not in (await html(stranger, "/me/bids"))[1]


async def test_a_relative_of_staff_does_not_buy_and_a_related_party_is_marked(town: Town) -> None:
    fair = await Fair(town).open()
    await fair.published()
    relative, related = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    await relative.post(f"{ME}/relations", {"other": "", "kind": "staff", "note": "sister"})
    assert (await fair.act(relative, "intents"))[1]["code"] == Code.CONFLICT_OF_INTEREST
    assert fair.seller.account is not None
    await related.post(f"{ME}/relations", {"other": fair.seller.account.party, "kind": "student"})
    assert (await fair.act(related, "intents"))[0] == 200
    state = await fair.until(lambda listing: bool(listing.intents))
    assert state.intents[0].related == "student"


async def test_an_unchecked_party_neither_lists_nor_buys(town: Town) -> None:
    fair = await Fair(town).open()
    await fair.published()
    stranger = await town.person(Role.BIDDER)
    assert (await fair.act(stranger, "intents"))[1]["code"] == Code.PARTY_NOT_VERIFIED


async def test_the_bank_account_is_the_partys_own_and_is_shown_masked(town: Town) -> None:
    person = await founder(town)
    body = {"holder": "别人有限公司", "number": "0602 0099 1234 5678", "bank": "示范银行"}
    assert (await person.post(f"{ME}/bank-account", body))[1]["data"]["problem"] == "not_own"
    status, own = await person.post(f"{ME}/bank-account", {**body, "holder": "草原示范有限公司"})
    assert (status, own["bank_account"]) == (200, "•••• 5678")
    operator = await town.person(Role.OPERATOR)
    for who, path in ((person, "/me/party"), (operator, f"/desk/parties/{own['id']}")):
        status, text = await html(who, path)
        assert status == 200 and "5678" in text and "0602009912345678" not in text
        assert "party." not in text.replace("css/parties.css", ""), "every text is there"


async def test_a_persons_number_is_nowhere_but_as_a_keyed_digest(town: Town) -> None:
    person = await town.person(Role.BIDDER)
    status, own = await person.post(ME, {"kind": "person", "name_zh": "示范人", "number": NUMBER})
    assert (status, own["party"]["id_last4"]) == (200, "0035"), own
    pool: asyncpg.Pool = town.services.pool
    for table in ("party", "party_event", "audit_entry"):
        assert NUMBER not in str(await pool.fetch(f"TABLE {table}"))
    assert NUMBER not in (await html(person, "/me/party"))[1]


@pytest.mark.parametrize(
    "statement", ["UPDATE party_event SET note = ''", "DELETE FROM party_event", "TRUNCATE party_event"]
)
async def test_the_history_of_parties_is_append_only(town: Town, statement: str) -> None:
    await founder(town)
    with pytest.raises(asyncpg.RaiseError):
        await town.services.pool.execute(statement)


async def test_pages_keep_what_was_typed_and_say_what_is_wrong(town: Town) -> None:
    person = await town.person(Role.SELLER)
    assert person.login is not None
    form = {
        "csrf": person.login.caller.csrf,
        "act": "register",
        "kind": "organisation",
        "name_zh": "牧场",
        "number": "123",
    }
    status, text = await html(person, "/me/party", form)
    assert status == 422 and 'value="牧场"' in text and 'aria-invalid="true"' in text
    status, _ = await html(person, "/me/party", {**form, "number": CREDIT_CODE})
    assert status == 303
    status, text = await html(person, "/me/party")
    assert status == 200 and "牧场" in text
