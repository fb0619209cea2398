"""Ways of listing from the console to the deal: open licences, posted prices for everybody, state enterprises, nothing offered twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.rules.achievement import record as r
from engine.rules.achievement.record import Mode
from engine.rules.listing.state import ListingPhase
from engine.rules.rejections import Reject
from engine.values import ListingId
from gateway.accounts.model import Role
from gateway.listings import steps
from tests.gateway.conftest import Town
from tests.gateway.listed import LISTINGS, PRICE, Fair, disclosed_terms, release_achievement, wish
from tests.gateway.test_deposits import html
from tests.gateway.test_listing_console import answered, begun, send
from tests.gateway.test_listing_pages import POSTED, look, say

OPEN = {"mode": "OPEN", "way": "open_licence", "statement_no": "XK2026-001", "seats": "", "price": "20000"}
VALUED = {"valuation": str(PRICE), "valuation_no": "蒙评2026-1", "valued_at_us": 1_780_000_000_000_000}


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def submitted(fair: Fair, **answers: str) -> None:
    """List through the pages of the console."""
    draft = await begun(fair)
    check = await answered(fair, draft, **answers)
    status, text = await html(fair.seller, check)
    command = re.search(r'name="command_id" value="([^"]+)"', text)
    assert status == 200 and command is not None and "disabled" not in text, text
    status, text, location = await send(fair.seller, check, act="submit", command_id=command[1])
    assert status == 303, text
    fair.name = ListingId(location.rpartition("/")[2])
    await fair.in_phase(ListingPhase.SUBMITTED)


# Nothing is typed twice.


TYPED = (
    {"mode": "TRANSFER", "price": "1234567.89", "days": "12", "cycles": "0", "bidding": "court", "open_hours": "48", "step_yuan": "500"},
    {"price": "800000", "deposit": "amount", "deposit_yuan": "70000", "release": "hours_24", "always_bid": "1", "free_hours": "2"},
    {"mode": "PLAIN", "way": "posted", "seats": "7", "price": "5000", "offers": "1", "deposit": "share", "share_percent": "12.5"},
    {"mode": "PLAIN", "way": "posted", "seats": "", "price": "5000", "admission": "open", "conditions_zh": "境内单位"},
)  # fmt: skip


@pytest.mark.parametrize("typed", TYPED, ids=["court", "fixed deposit", "seats", "everybody"])
async def test_who_corrects_or_changes_a_listing_finds_his_answers(fair: Fair, typed: dict[str, str]) -> None:
    await submitted(fair, **typed)
    first = await fair.until(bool)
    await fair.act(fair.operator, "return", reason="请补充")
    draft, answers = await draft_of(fair)
    assert {name: answers[name] for name in typed} == typed
    check = f"/console/listings/drafts/{draft}/check"
    assert (await hand_in(fair, check))[0] == 303
    again = await fair.until(lambda state: state.phase is ListingPhase.SUBMITTED and state.seq > first.seq)
    assert (again.terms, again.subject) == (first.terms, first.subject)


async def test_a_necessary_change_is_made_in_the_console_with_its_approval_and_the_period_begins_again(
    fair: Fair,
) -> None:
    await submitted(fair, mode="TRANSFER", price="1000000")
    await fair.act(fair.operator, "publish")
    before = await fair.in_phase(ListingPhase.LISTED)
    draft, _ = await draft_of(fair)
    place = f"/console/listings/drafts/{draft}/notice"
    assert (await send(fair.seller, place, version=1, conditions_zh="须具备生产许可", payment="ONE_TIME"))[0] == 303
    check = f"/console/listings/drafts/{draft}/check"
    assert (await hand_in(fair, check, reason="许可要求变化"))[0] == 422, "not without an approval"
    assert (await hand_in(fair, check, reason="许可要求变化", approval_no="批-1"))[0] == 303
    state = await fair.until(lambda one: one.round_no > before.round_no)
    assert (state.subject.conditions_zh, state.terms.list_price) == ("须具备生产许可", before.terms.list_price)


async def draft_of(fair: Fair) -> tuple[str, dict[str, str]]:
    """Begin a draft from a listing; return its name and the answers that stand in it."""
    _, _, location = await send(fair.seller, "/console/listings", listing=fair.name)
    draft = location.split("/")[-2]
    kept = await fair.services.listing_drafts.read(draft, fair.seller.account.party)  # type: ignore[union-attr]
    assert kept is not None, location
    return draft, kept.form


async def hand_in(fair: Fair, check: str, **more: str) -> tuple[int, str, str]:
    _, text = await html(fair.seller, check)
    command = re.search(r'name="command_id" value="([^"]+)"', text)
    assert command is not None, text
    return await send(fair.seller, check, act="submit", command_id=command[1], **more)


# Open licences (专利法 arts. 50-52).


async def test_an_open_licence_is_listed_taken_confirmed_and_signed_through_the_pages(fair: Fair) -> None:
    assert fair.seller.account is not None
    fair.achievement = await release_achievement(fair.services, fair.seller.account, Mode.OPEN)
    await submitted(fair, **OPEN)
    await fair.act(fair.operator, "publish")
    takers = [await fair.verified(Role.BIDDER) for _ in range(2)]
    for number, taker in enumerate(takers, 1):
        text = await look(taker, fair)
        assert 'value="notify"' in text and 'value="apply"' not in text and "¥20,000" in text
        assert (await say(taker, fair, "notify", payment_proof=f"回单-{number}"))[0] == 303
        assert f"回单-{number}" in await look(taker, fair)
        path = f"/console/listings/{fair.name}"
        assert f"回单-{number}" in (await html(fair.seller, path))[1]
        assert (await send(fair.seller, path, act="taking_yes", no=number))[0] == 303
        await fair.until(lambda state, number=number: len(state.deals) == number)  # type: ignore[misc]
    assert "回单-1" not in await look(takers[1], fair), "nobody learns who else took it"
    status, answer = await fair.act(fair.operator, "deals/1/signing", contract_ref="JS-1")
    assert status == 200, answer
    assert (await fair.until(bool)).phase is ListingPhase.LISTED, "an open licence stays open"


async def test_an_open_licence_asks_for_its_statement_only(fair: Fair) -> None:
    assert fair.seller.account is not None
    fair.achievement = await release_achievement(fair.services, fair.seller.account, Mode.OPEN)
    draft = await begun(fair)
    check = await answered(fair, draft, **{**OPEN, "statement_no": " "})
    _, text = await html(fair.seller, check)
    assert (
        "请填写国家知识产权局公告的开放许可编号" in text and f"/drafts/{draft}/statement" in text and "disabled" in text
    )
    _, text = await html(fair.seller, f"/console/listings/drafts/{draft}/way")
    assert 'value="open_licence"' in text and 'value="disclosed"' not in text


# A posted price for everybody.


async def test_at_a_posted_price_for_everybody_the_first_two_take_the_two_seats(fair: Fair) -> None:
    answers = {"mode": "PLAIN", "way": "posted", "admission": "open", "seats": "2", "price": "10000"}
    await submitted(fair, **answers)
    await fair.act(fair.operator, "publish")
    people = [await fair.verified(Role.BIDDER) for _ in range(3)]
    for person in people[:2]:
        text = await look(person, fair)
        assert 'value="take"' in text and 'value="apply"' not in text
        status, text = await say(person, fair, "take", price=1_000_000)
        assert status == 200 and 'role="alertdialog"' in text
        assert (await say(person, fair, "take", price=1_000_000, sure=1))[0] == 303
    status, _ = await say(people[2], fair, "take", price=1_000_000, sure=1)
    assert status == 409
    state = await fair.until(bool)
    assert [deal.price for deal in state.deals] == [1_000_000] * 2 and state.terms.deposit is None


async def test_who_may_buy_at_once_still_has_to_be_verified(fair: Fair, town: Town) -> None:
    await fair.published(**POSTED, admission="open", mode="PLAIN", seats=2)
    stranger = await town.person(Role.BIDDER)
    assert (await fair.act(stranger, "take", price=str(PRICE)))[0] == 403


@pytest.mark.parametrize("act", ["take", "accept_counter"])
async def test_an_amount_that_is_none_is_refused_before_it_is_shown_again(fair: Fair, act: str) -> None:
    await fair.published(**POSTED, admission="open", mode="PLAIN")
    buyer = await fair.verified(Role.BIDDER)
    assert (await say(buyer, fair, act, price="x", amount="½"))[0] in (400, 422)


async def test_the_seller_is_asked_twice_before_he_accepts_an_offer(fair: Fair) -> None:
    await fair.published(**POSTED, admission="open", offers={})
    buyer = await fair.verified(Role.BIDDER)
    await fair.act(buyer, "offers", amount="90000000")
    path = f"/console/listings/{fair.name}"
    status, text, _ = await send(fair.seller, path, act="accept_offer", no=1, amount=90_000_000)
    assert status == 200 and "¥900,000" in text and 'role="alertdialog"' in text
    assert not (await fair.until(bool)).deals
    assert (await send(fair.seller, path, act="accept_offer", no=1, amount="9e7"))[0] in (400, 422)
    assert (await send(fair.seller, path, act="accept_offer", no=1, amount=90_000_000, sure=1))[0] == 303
    state = await fair.until(lambda one: bool(one.deals))
    assert state.deals[0].price == 90_000_000


# State enterprises (32号令 arts. 17-19).


async def state_owned(fair: Fair) -> None:
    assert fair.seller.account is not None
    await fair.services.pool.execute(
        "UPDATE party SET holder_kind = 'state_enterprise' WHERE id = $1", fair.seller.account.party
    )


async def test_a_state_enterprise_transfers_on_a_valuation_and_never_at_a_posted_price(fair: Fair) -> None:
    await state_owned(fair)
    status, answer = await fair.submit()
    assert (status, answer["data"]["problems"]) == (422, "state_asset: valuation_needed")
    status, answer = await fair.submit(**POSTED)
    assert (status, answer["data"]["problems"]) == (422, "way: state_asset_is_disclosed")
    status, answer = await fair.submit(state_asset={**VALUED, "valuation": str(PRICE + 1)})
    assert (status, answer["code"]) == (422, "below_valuation")
    assert (await fair.submit(state_asset=VALUED))[0] == 200


async def test_after_a_disclosure_without_a_buyer_a_state_asset_is_listed_anew_down_to_nine_tenths(fair: Fair) -> None:
    await state_owned(fair)
    await fair.published(state_asset=VALUED)
    first = fair.name
    await fair.disclosure_ends()
    await fair.in_phase(ListingPhase.ENDED)

    async def again(price: int, relists: str = first, **asset: Any) -> tuple[int, dict[str, Any]]:
        terms = disclosed_terms(list_price=str(price), state_asset={**VALUED, **asset})
        body = wish(listing="again", achievement=fair.achievement, terms=terms, notice={"relists": relists})
        return await fair.seller.post(LISTINGS, body)

    nine_tenths = PRICE * 9 // 10
    assert (await again(nine_tenths, relists=""))[1]["code"] == "below_valuation", "it relists nothing"
    assert (await again(nine_tenths, valuation_no="蒙评2026-2"))[1]["code"] == "below_valuation", "valued anew"
    assert (await again(nine_tenths - 1))[1]["code"] == Reject.APPROVAL_REQUIRED
    assert (await again(nine_tenths))[0] == 200
    fair.name = ListingId("again")
    await fair.in_phase(ListingPhase.SUBMITTED)


# Nothing is offered twice (民法典 art. 597).


async def second(fair: Fair, name: str, **terms: Any) -> tuple[int, dict[str, Any]]:
    body = wish(listing=name, achievement=fair.achievement, terms=disclosed_terms(**terms))
    return await fair.seller.post(LISTINGS, body)


async def test_what_is_listed_is_not_listed_again_beside_it(fair: Fair) -> None:
    await fair.submit()
    status, answer = await second(fair, "second")
    assert (status, answer["data"]["problems"]) == (422, "achievement: listed_already")
    draft = await begun(fair)
    _, text = await html(fair.seller, await answered(fair, draft, mode="TRANSFER"))
    assert "这项成果已有一宗在办的挂牌" in text and "disabled" in text
    await fair.act(fair.seller, "withdraw", reason="改为自行实施")
    await fair.in_phase(ListingPhase.WITHDRAWN)
    assert (await second(fair, "second"))[0] == 200


async def test_licences_for_many_stand_side_by_side(fair: Fair) -> None:
    plain = {**POSTED, "mode": "PLAIN", "seats": 3}
    await fair.published(**plain)
    assert (await second(fair, "second", **plain))[0] == 200
    assert (await second(fair, "third"))[1]["data"]["problems"] == "achievement: listed_already"


async def test_what_was_transferred_is_not_listed_again(fair: Fair) -> None:
    await fair.published(**POSTED, admission="open")
    buyer = await fair.verified(Role.BIDDER)
    assert (await fair.act(buyer, "take", price=str(PRICE)))[0] == 200
    assert (await second(fair, "second"))[1]["data"]["problems"] == "achievement: listed_already"
    await fair.act(fair.operator, "deals/1/signing", contract_ref="JS-1")
    await fair.in_phase(ListingPhase.SIGNED)
    await fair.services.listings.follower.catch_up()
    assert (await second(fair, "second"))[1]["data"]["problems"] == "achievement: sold_already"


# Export control (技术进出口管理条例 arts. 29, 33).


@pytest.mark.parametrize(
    ("letter", "says"),
    [(None, Reject.FOREIGN_BLOCKED), (r.ExportLetter(number="技出意向2026-1"), None)],
    ids=["no letter", "letter"],
)
async def test_restricted_technology_is_closed_to_foreign_buyers_until_a_letter_is_on_file(
    fair: Fair, letter: r.ExportLetter | None, says: Reject | None
) -> None:
    assert fair.seller.account is not None
    restricted = {"export_class": r.ExportClass.RESTRICTED, "export_letter": letter}
    fair.achievement = await release_achievement(fair.services, fair.seller.account, Mode.TRANSFER, **restricted)
    await fair.published()
    foreign, chinese = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    assert foreign.account is not None
    await fair.services.pool.execute("UPDATE party SET country = 'DE' WHERE id = $1", foreign.account.party)
    assert ('value="apply"' in await look(foreign, fair)) is (says is None), "the page says so before anybody types"
    _, answer = await fair.act(foreign, "intents")
    assert answer.get("code") == says, answer
    assert (await fair.act(chinese, "intents"))[0] == 200


# The form itself.


def test_every_step_of_the_form_reads_back_what_it_asks() -> None:
    """A step whose field nobody reads would be a question without an answer."""
    asked = {field for step in steps.STEPS for field in step.fields}
    source = Path(steps.__file__).read_text(encoding="utf-8").partition("STEPS: Final")[2]
    assert [field for field in sorted(asked) if source.count(f'"{field}"') < 2] == []
