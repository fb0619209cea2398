"""The market of listings as visitors and buyers see it: every state to every viewer, nothing of others, nothing done twice."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from engine.rules.listing.state import IntentPhase, ListingPhase
from gateway.accounts.model import Role
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import HOUR_US, PRICE, Fair, release_achievement
from tests.gateway.test_deposits import html

KEY = re.compile(r">\s*(market|calendar|ldesk|lcon|listing|intent|offer|deal|terms|party|error)\.[a-z_.]+\s*<")
POSTED = {"way": "posted", "disclosure_working_days": 0, "session": None, "deposit": None}


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def say(person: Person, fair: Fair, act: str, **fields: Any) -> tuple[int, str]:
    assert person.login is not None
    form = {"csrf": person.login.caller.csrf, "act": act, **{name: str(value) for name, value in fields.items()}}
    return await html(person, f"/listings/{fair.name}", form)


async def look(person: Person, fair: Fair) -> str:
    status, text = await html(person, f"/listings/{fair.name}")
    assert status == 200 and not KEY.search(text), KEY.search(text)
    return text


async def test_what_is_not_published_is_not_there(fair: Fair, town: Town) -> None:
    await fair.submit()
    visitor, buyer = await town.person(None), await fair.verified(Role.BIDDER)
    assert (await html(visitor, f"/listings/{fair.name}"))[0] == 404
    assert (await html(buyer, f"/listings/{fair.name}"))[0] == 404
    assert (await say(buyer, fair, "apply"))[0] == 404
    assert fair.name in (await html(fair.seller, f"/listings/{fair.name}"))[1]


async def test_a_visitor_finds_it_and_is_told_what_is_missing(fair: Fair, town: Town) -> None:
    await fair.published()
    await fair.services.listings.follower.catch_up()
    visitor = await town.person(None)
    status, text = await html(visitor, "/listings")
    assert status == 200 and f"/listings/{fair.name}" in text and not KEY.search(text)
    assert f"/listings/{fair.name}" not in (await html(visitor, "/listings?words=nothing-like-it"))[1]
    assert f"/listings/{fair.name}" in (await html(visitor, "/listings?mode=TRANSFER&phase=listed&sort=newest"))[1]
    assert (await html(visitor, "/listings?after=%27%3B--&phase=nowhere&mode=x&sort=y"))[0] == 200
    text = await look(visitor, fair)
    assert "¥1,000,000" in text and f"/login?next=/listings/{fair.name}" in text and 'value="apply"' not in text


async def test_a_listing_in_a_banner_is_found_under_it_and_its_league(fair: Fair, town: Town) -> None:
    assert fair.seller.account is not None
    fair.achievement = await release_achievement(fair.services, fair.seller.account, region="150121")
    await fair.published()
    await fair.services.listings.follower.catch_up()
    visitor = await town.person(None)
    for region, found in (("150000", True), ("150100", True), ("150121", True), ("150122", False), ("150200", False)):
        status, text = await html(visitor, f"/listings?region={region}")
        assert status == 200 and (f"/listings/{fair.name}" in text) is found, region
        _, answer = await visitor.get(f"/api/v1/listings?region={region}")
        assert [row["listing"] for row in answer["listings"]] == ([fair.name] if found else []), region
    assert "土默特左旗" in text and "鄂托克前旗" in text


async def test_an_unverified_party_is_sent_to_its_party_page(fair: Fair, town: Town) -> None:
    await fair.published()
    newcomer = await town.person(Role.BIDDER)
    assert 'href="/me/party"' in (text := await look(newcomer, fair)) and 'value="apply"' not in text
    assert (await say(newcomer, fair, "apply"))[0] == 409, "the form alone does not decide"


async def test_a_buyers_way_from_application_to_the_session(fair: Fair) -> None:
    await fair.published()
    buyer, other = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    assert 'value="apply"' in await look(buyer, fair)
    assert (await say(buyer, fair, "apply", quote="1,050,000", statement="我们有三座牧场"))[0] == 303
    text = await look(buyer, fair)
    assert "审查" in text and 'value="apply"' not in text
    assert "1,050,000" not in await look(other, fair) and "三座牧场" not in await look(other, fair)
    await fair.act(fair.operator, "intents/1/review", verdict="correction", reason="请补充营业执照")
    text = await look(buyer, fair)
    assert "请补充营业执照" in text and 'value="correct"' in text and "我们有三座牧场" in text
    assert (await say(buyer, fair, "correct", no=1, quote="1050000", statement="营业执照见附件"))[0] == 303
    await fair.act(fair.operator, "intents/1/review", verdict="pass")
    await fair.act(fair.seller, "intents/1/answer", agrees=True)
    await fair.until(lambda state: state.intents[0].phase is IntentPhase.DEPOSIT_DUE)
    assert f"/me/deposits/{fair.name}.1" in await look(buyer, fair)
    await fair.services.listings.follower.catch_up()
    assert f"/me/deposits/{fair.name}.1" in (await html(buyer, "/me/listings"))[1]
    await fair.pay(1)
    state = await fair.until(lambda one: one.intents[0].phase is IntentPhase.ADMITTED)
    assert state.intents[0].code is not None and state.intents[0].code in await look(buyer, fair)
    await fair.admit(other)
    await fair.disclosure_ends()
    lot = await fair.session_opens()
    assert f"/lots/{lot}" in await look(buyer, fair)
    status, text = await html(other, f"/lots/{lot}")
    assert status == 200 and not KEY.search(text)


async def test_what_others_do_stays_out_of_every_public_page(fair: Fair, town: Town) -> None:
    await fair.published()
    buyer = await fair.verified(Role.BIDDER)
    await say(buyer, fair, "apply", quote="1234567", statement="不公开的说明")
    assert buyer.account is not None
    state = await fair.until(lambda one: bool(one.intents))
    secrets = ("1,234,567", "1234567", "不公开的说明", state.intents[0].buyer_id, buyer.account.login)
    for person in (await town.person(None), await fair.verified(Role.BIDDER), fair.seller):
        for path in (f"/listings/{fair.name}", "/listings", "/calendar", "/calendar.ics"):
            status, text = await html(person, path)
            assert status == 200
            assert not [secret for secret in secrets if secret in text], path


async def test_a_double_click_applies_once(fair: Fair) -> None:
    await fair.published()
    buyer, command = await fair.verified(Role.BIDDER), uuid4()
    for _ in range(2):
        assert (await say(buyer, fair, "apply", quote="1000000", command_id=command))[0] == 303
    assert (await say(buyer, fair, "apply", quote="1000000", command_id=uuid4()))[0] == 409
    assert len((await fair.until(lambda state: bool(state.intents))).intents) == 1


async def test_a_wrong_amount_says_so_and_keeps_what_was_typed(fair: Fair) -> None:
    await fair.published()
    buyer = await fair.verified(Role.BIDDER)
    for wrong in ("一百万", "-5", "1e9", "9" * 60, "💰"):
        status, text = await say(buyer, fair, "apply", quote=wrong, statement="不要丢")
        assert status == 409 and 'role="alert"' in text and "不要丢" in text and not KEY.search(text)
    status, text = await say(buyer, fair, "apply", quote="999999", statement="不要丢")
    assert status == 409 and "不要丢" in text, "below the list price"


async def test_stepping_back_is_asked_once_more(fair: Fair) -> None:
    await fair.published()
    buyer = await fair.verified(Role.BIDDER)
    await say(buyer, fair, "apply")
    status, text = await say(buyer, fair, "withdraw_intent", no=1)
    assert status == 200 and 'role="alertdialog"' in text
    assert (await fair.until(bool)).intents[0].phase is IntentPhase.UNDER_REVIEW
    assert (await say(buyer, fair, "withdraw_intent", no=1, sure=1))[0] == 303
    await fair.until(lambda state: state.intents[0].phase is IntentPhase.WITHDRAWN)


async def test_a_posted_price_is_taken_at_the_price_that_was_seen(fair: Fair) -> None:
    await fair.published(**POSTED)
    buyer, late = await fair.verified(Role.BIDDER), await fair.verified(Role.BIDDER)
    await _admitted_without_deposit(fair, buyer)
    status, text = await say(buyer, fair, "take", price=PRICE)
    assert status == 200 and "¥1,000,000" in text and 'role="alertdialog"' in text
    assert (await say(buyer, fair, "take", price=PRICE - 1, sure=1))[0] == 409
    assert (await say(buyer, fair, "take", price=PRICE, sure=1))[0] == 303
    await fair.until(lambda state: bool(state.deals))
    assert (await say(late, fair, "take", price=PRICE, sure=1))[0] == 409
    assert 'value="apply"' not in await look(late, fair)
    status, text = await html(buyer, "/me/listings")
    assert status == 200 and not KEY.search(text)


async def test_offers_and_the_answer_to_them(fair: Fair) -> None:
    await fair.published(**POSTED, offers={"expires_after_us": 72 * HOUR_US})
    buyer = await fair.verified(Role.BIDDER)
    await _admitted_without_deposit(fair, buyer)
    assert (await say(buyer, fair, "offer", amount="900,000"))[0] == 303
    await fair.act(fair.seller, "offers/1/counter", amount="95000000")
    text = await look(buyer, fair)
    assert "¥950,000" in text and 'value="accept_counter"' in text
    assert (await say(buyer, fair, "accept_counter", no=1, amount=95_000_000))[0] == 200, "asked once more"
    assert (await say(buyer, fair, "accept_counter", no=1, amount=95_000_000, sure=1))[0] == 303
    state = await fair.until(lambda one: bool(one.deals))
    assert state.deals[0].price == 95_000_000


async def test_a_watched_listing_stands_in_the_list_until_it_is_taken_off(fair: Fair) -> None:
    await fair.published()
    await fair.services.listings.follower.catch_up()
    buyer = await fair.verified(Role.BIDDER)
    assert (await say(buyer, fair, "watch"))[0] == 303
    assert f"/listings/{fair.name}" in (await html(buyer, "/me/listings"))[1]
    assert (await say(buyer, fair, "unwatch", next="/me/listings"))[0] == 303
    assert f"/listings/{fair.name}" not in (await html(buyer, "/me/listings"))[1]


async def test_nobody_is_sent_to_another_site(fair: Fair) -> None:
    await fair.published()
    buyer = await fair.verified(Role.BIDDER)
    assert buyer.login is not None
    form = {"csrf": buyer.login.caller.csrf, "act": "watch", "next": "https://elsewhere.example/"}
    async with buyer.http.post(
        f"{buyer.base}/listings/{fair.name}", data=form, headers=buyer.headers, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == f"/listings/{fair.name}"


async def test_the_calendar_names_what_comes(fair: Fair, town: Town) -> None:
    await fair.published()
    visitor = await town.person(None)
    status, text = await html(visitor, "/calendar")
    assert status == 200 and f"/listings/{fair.name}" in text and not KEY.search(text)
    status, text = await html(visitor, "/calendar.ics")
    assert status == 200 and text.startswith("BEGIN:VCALENDAR\r\n") and text.endswith("END:VCALENDAR\r\n")
    assert f"UID:disclosure_ends-listings-{fair.name}@ortoo" in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


async def test_every_state_can_be_looked_at_in_both_languages(fair: Fair, town: Town) -> None:
    await fair.published()
    visitor = await town.person(None)
    for phase, act in (
        (ListingPhase.SUSPENDED, "suspend"),
        (ListingPhase.LISTED, "resume"),
        (ListingPhase.TERMINATED, "terminate"),
    ):
        await fair.act(fair.operator, act, reason="权属核实")
        await fair.in_phase(phase)
        for language in ("zh", "en"):
            headers = {**visitor.headers, "Accept": "text/html", "Accept-Language": language}
            async with visitor.http.get(f"{visitor.base}/listings/{fair.name}", headers=headers) as answer:
                text = await answer.text()
                assert answer.status == 200 and not KEY.search(text)
                assert ('lang="en"' if language == "en" else 'lang="zh-CN"') in text.split("<head>")[0]


async def _admitted_without_deposit(fair: Fair, buyer: Person) -> None:
    await say(buyer, fair, "apply")
    await fair.act(fair.operator, "intents/1/review", verdict="pass")
    await fair.act(fair.seller, "intents/1/answer", agrees=True)
    await fair.until(lambda state: state.intents[0].phase is IntentPhase.ADMITTED)
