"""Listed trade over REST, with deposits: several buyers, one, none, a defaulting winner; who may do what, and who sees what."""

from __future__ import annotations

import pytest

from engine.rules.listing.state import ListingPhase
from engine.rules.rejections import Reject
from gateway.accounts.model import Role
from gateway.errors import Code
from settlement.deposits.events import DepositState as S
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import LISTINGS, PRICE, Fair, disclosed_terms, wish


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def buyers(fair: Fair, count: int) -> list[Person]:
    return [await fair.verified(Role.BIDDER) for _ in range(count)]


async def trial_balance(fair: Fair) -> int:
    return int(await fair.services.pool.fetchval("SELECT coalesce(sum(amount_fen), 0) FROM ledger_line"))


async def test_three_buyers_bid_one_wins_the_losers_get_their_deposits_back(fair: Fair) -> None:
    await fair.published()
    people = await buyers(fair, 3)
    numbers = [await fair.admit(person) for person in people]
    await fair.disclosure_ends()
    lot = await fair.session_opens()
    for person, amount in zip(people, (PRICE, PRICE + 500_000, PRICE + 1_000_000), strict=True):
        status, answer = await person.post(f"/api/v1/lots/{lot}/bids", wish(amount=str(amount)))
        assert status == 200, answer
    await fair.session_ends()
    state = await fair.in_phase(ListingPhase.DEAL)
    assert [(deal.intent_no, deal.price) for deal in state.deals] == [(numbers[2], PRICE + 1_000_000)]
    for no in numbers[:2]:
        await fair.deposit_in(no, S.RELEASE_DUE, S.RELEASING, S.RELEASED)
    assert (await fair.deposit_in(numbers[2], S.HELD)).amount_fen == PRICE // 10
    status, answer = await fair.act(fair.operator, "deals/1/signing", contract_ref="JS-2026-1")
    assert status == 200, answer
    await fair.deposit_in(numbers[2], S.CONVERTED)
    assert await trial_balance(fair) == 0


async def test_a_single_buyer_gets_the_deal_at_his_quote(fair: Fair) -> None:
    await fair.published()
    (buyer,) = await buyers(fair, 1)
    no = await fair.admit(buyer, quote=str(PRICE + 12_300))
    await fair.disclosure_ends()
    state = await fair.in_phase(ListingPhase.DEAL)
    assert [(deal.intent_no, deal.price, deal.way.value) for deal in state.deals] == [
        (no, PRICE + 12_300, "sole_buyer")
    ]


async def test_without_a_buyer_it_is_extended_as_the_notice_said_and_then_ends(fair: Fair) -> None:
    await fair.published(extension={"cycle_working_days": 5, "cycles_max": 1})
    await fair.disclosure_ends()
    state = await fair.until(lambda one: one.cycles == 1)
    assert state.phase is ListingPhase.LISTED
    await fair.disclosure_ends()
    await fair.in_phase(ListingPhase.ENDED)


async def test_the_deposit_of_a_winner_who_refuses_to_sign_is_to_be_lost_after_his_appeal(fair: Fair) -> None:
    await fair.published()
    (buyer,) = await buyers(fair, 1)
    no = await fair.admit(buyer)
    await fair.disclosure_ends()
    await fair.in_phase(ListingPhase.DEAL)
    status, answer = await fair.act(
        fair.operator, "deals/1/default", side="buyer", reason="refused to sign, heard twice"
    )
    assert status == 200, answer
    await fair.deposit_in(no, S.FORFEIT_PENDING)
    await fair.in_phase(ListingPhase.DEFAULTED)


async def test_who_does_not_pay_his_deposit_in_time_is_out(fair: Fair) -> None:
    await fair.published()
    paying, other = await buyers(fair, 2)
    await fair.admit(paying)
    unpaid = await fair.qualify(other)
    await fair.deposit_in(unpaid, S.REQUIRED)
    await fair.disclosure_ends()
    state = await fair.in_phase(ListingPhase.DEAL)
    assert state.intents[unpaid - 1].phase.value == "lapsed"


async def test_one_sending_many_times_is_one_application(fair: Fair) -> None:
    await fair.published()
    (buyer,) = await buyers(fair, 1)
    body = wish(quote=str(PRICE))
    answers = [await buyer.post(f"{LISTINGS}/{fair.name}/intents", body) for _ in range(3)]
    assert answers[0][0] == 200 and answers.count(answers[0]) == 3
    status, answer = await buyer.post(f"{LISTINGS}/{fair.name}/intents", wish(quote=str(PRICE)))
    assert (status, answer["code"], answer["data"]["intent_no"]) == (409, Reject.ALREADY_REGISTERED, 1)


async def test_an_unpublished_listing_is_nobodys_business(fair: Fair) -> None:
    status, answer = await fair.submit()
    assert status == 200, answer
    (stranger,) = await buyers(fair, 1)
    anonymous = await fair.town.person(None)
    for person in (stranger, anonymous):
        status, answer = await person.get(f"{LISTINGS}/{fair.name}")
        assert (status, answer["code"]) == (404, Reject.NO_SUCH_LISTING)
    for person in (fair.seller, fair.operator):
        assert (await person.get(f"{LISTINGS}/{fair.name}"))[0] == 200
    assert (await anonymous.get(LISTINGS))[1]["listings"] == []


async def test_only_the_seller_acts_for_the_seller(fair: Fair) -> None:
    await fair.published()
    stranger = await fair.verified(Role.SELLER)
    no = await fair.admit(await fair.verified(Role.BIDDER))
    for act, body in (
        ("price", {"price": "1", "reason": "mine now"}),
        ("withdraw", {"reason": "mine now"}),
        (f"intents/{no}/answer", {"agrees": False, "reason": "mine now"}),
    ):
        status, answer = await fair.act(stranger, act, **body)
        assert (status, answer["code"]) == (403, Code.FORBIDDEN), act
    status, answer = await fair.act(fair.seller, "intents")
    assert (status, answer["code"]) == (403, Reject.SELLER_MAY_NOT_BUY)


async def test_nobody_learns_who_applied_or_what_he_would_pay(fair: Fair) -> None:
    await fair.published()
    buyer, rival = await buyers(fair, 2)
    await fair.admit(buyer, quote="123456789", statement="a silent hope")
    anonymous = await fair.town.person(None)
    assert buyer.account is not None
    for person in (rival, anonymous):
        text = str(await person.get(f"{LISTINGS}/{fair.name}")) + str(await person.get(LISTINGS))
        for secret in ("123456789", "a silent hope", str(buyer.account.id), "intent_no"):
            assert secret not in text
    _, seen = await fair.seller.get(f"{LISTINGS}/{fair.name}")
    assert seen["as_seller"]["intents"][0]["buyer"] and "123456789" not in str(seen)
    _, own = await buyer.get(f"{LISTINGS}/{fair.name}")
    assert own["as_buyer"]["intents"][0]["quote"] == "123456789"


async def test_an_achievement_of_somebody_else_is_not_listed(fair: Fair) -> None:
    thief = await fair.verified(Role.SELLER)
    body = wish(listing="stolen", achievement=fair.achievement, terms=disclosed_terms())
    assert (await thief.post(LISTINGS, body))[1]["code"] == Code.NOT_FOUND


async def test_terms_that_do_not_hold_are_named(fair: Fair) -> None:
    status, answer = await fair.submit(disclosure_working_days=0)
    assert (status, answer["code"]) == (422, Reject.TERMS_INVALID)
    assert "disclosure" in answer["data"]["problems"]
    status, answer = await fair.submit(deposit={"share_bps": 9_000})
    assert (status, answer["code"]) == (422, Reject.TERMS_INVALID), "above the lawful cap"


async def test_posted_seats_go_to_the_first_and_then_it_is_sold_out(fair: Fair) -> None:
    terms = {
        "mode": "PLAIN", "way": "posted", "disclosure_working_days": 0, "session": None, "deposit": None, "seats": 2,
    }  # fmt: skip
    await fair.published(**terms)
    people = await buyers(fair, 3)
    for person in people[:2]:
        no = await fair.qualify(person)
        await fair.until(lambda state, no=no: state.intents[no - 1].code is not None)  # type: ignore[misc]
        status, answer = await fair.act(person, "take", price=str(PRICE))
        assert status == 200, answer
    status, answer = await fair.act(people[2], "intents")
    assert answer["code"] in (Reject.SOLD_OUT, Reject.WRONG_PHASE, Reject.ENDED), answer


async def test_the_operators_queues_name_what_waits(fair: Fair) -> None:
    await fair.submit()
    await fair.services.listings.follower.catch_up()
    _, queues = await fair.operator.get("/api/v1/desk/listings")
    assert [row["listing"] for row in queues["to_check"]] == [fair.name]
    await fair.act(fair.operator, "publish")
    (buyer,) = await buyers(fair, 1)
    await fair.act(buyer, "intents")
    await fair.services.listings.follower.catch_up()
    _, queues = await fair.operator.get("/api/v1/desk/listings")
    assert queues["to_check"] == [] and [row["intent_no"] for row in queues["to_review"]] == [1]


async def test_the_watch_list_is_ones_own(fair: Fair) -> None:
    await fair.published()
    buyer, other = await buyers(fair, 2)
    await buyer.send("POST", f"{LISTINGS}/{fair.name}/watch")
    await fair.services.listings.follower.catch_up()
    assert [row["listing"] for row in (await buyer.get("/api/v1/me/listings"))[1]["watched"]] == [fair.name]
    assert (await other.get("/api/v1/me/listings"))[1]["watched"] == []
    await buyer.send("DELETE", f"{LISTINGS}/{fair.name}/watch")
    assert (await buyer.get("/api/v1/me/listings"))[1]["watched"] == []
