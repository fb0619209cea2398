"""The seller's console through its pages: ten steps with answers filled in, two tabs, what is wrong with the way to it, answers to buyers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.rules.listing.state import IntentPhase, ListingPhase
from gateway.accounts.model import Role
from gateway.listings import steps
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import Fair
from tests.gateway.test_deposits import html
from tests.gateway.test_listing_desk import KEY

DRAFT = re.compile(r"/console/listings/drafts/(l[0-9a-f]{12})/")


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def send(person: Person, path: str, **fields: Any) -> tuple[int, str, str]:
    assert person.login is not None
    form = {"csrf": person.login.caller.csrf, **{name: str(value) for name, value in fields.items()}}
    headers = {**person.headers, "Accept": "text/html"}
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


async def begun(fair: Fair) -> str:
    _, _, location = await send(fair.seller, "/console/listings", achievement=fair.achievement)
    match = DRAFT.match(location)
    assert match is not None, location
    return match[1]


async def answered(fair: Fair, draft: str, **changes: str) -> str:
    """Go through every step with the answers that are filled in; return where the last one leads."""
    given = {**steps.defaults(), "mode": "PLAIN", "price": "1,200,000", **changes}
    place = f"/console/listings/drafts/{draft}/offer"
    for _ in range(len(steps.STEPS)):
        name = place.rpartition("/")[2]
        if name == steps.CHECK:
            break
        status, text = await html(fair.seller, place)
        assert status == 200 and not KEY.search(text), place
        version = re.search(r'name="version" value="(\d+)"', text)
        assert version is not None
        fields = {field: given[field] for field in steps.BY_NAME[name].fields if field in given}
        status, text, place = await send(fair.seller, place, version=version[1], **fields)
        assert status == 303, (name, text)
    return place


async def test_a_professor_lists_an_achievement_with_the_answers_filled_in(fair: Fair) -> None:
    draft = await begun(fair)
    check = await answered(fair, draft)
    status, text = await html(fair.seller, check)
    assert status == 200 and "¥1,200,000" in text and "disabled" not in text and not KEY.search(text)
    command = re.search(r'name="command_id" value="([^"]+)"', text)
    assert command is not None
    status, text, location = await send(fair.seller, check, act="submit", command_id=command[1])
    assert status == 303, text
    fair.name = location.rpartition("/")[2]  # type: ignore[assignment]
    state = await fair.in_phase(ListingPhase.SUBMITTED)
    assert (state.terms.list_price, state.terms.disclosure_working_days) == (120_000_000, 10)
    status, text = await html(fair.seller, location)
    assert status == 200 and not KEY.search(text)
    assert (await html(fair.seller, check))[0] == 404, "the draft has become a listing"


async def test_two_tabs_never_overwrite_each_other_unseen(fair: Fair) -> None:
    draft = await begun(fair)
    place = f"/console/listings/drafts/{draft}/price"
    assert (await send(fair.seller, place, version=1, price="100"))[0] == 303
    status, text, _ = await send(fair.seller, place, version=1, price="200")
    assert status == 409 and 'value="200"' in text and 'role="alert"' in text
    kept = await fair.services.listing_drafts.of_party(fair.seller.account.party)  # type: ignore[union-attr]
    assert kept[0].form["price"] == "100"


async def test_what_cannot_be_read_is_named_and_kept(fair: Fair) -> None:
    draft = await begun(fair)
    status, text, _ = await send(fair.seller, f"/console/listings/drafts/{draft}/price", version=1, price="一百万😀")
    assert status == 422 and "一百万😀" in text and 'aria-invalid="true"' in text
    status, text = await html(fair.seller, f"/console/listings/drafts/{draft}/check")
    assert status == 200 and f"/console/listings/drafts/{draft}/price" in text and "disabled" in text


async def test_nobody_sees_anothers_draft(fair: Fair) -> None:
    draft = await begun(fair)
    stranger = await fair.verified(Role.SELLER)
    assert (await html(stranger, f"/console/listings/drafts/{draft}/offer"))[0] == 404
    assert (await send(stranger, "/console/listings", achievement=fair.achievement))[0] == 404


async def test_the_seller_answers_buyers_without_learning_their_quotes(fair: Fair) -> None:
    await fair.published()
    buyer = await fair.verified(Role.BIDDER)
    await fair.act(buyer, "intents", quote="987654321", statement="用于新厂")
    await fair.act(fair.operator, "intents/1/review", verdict="pass")
    path = f"/console/listings/{fair.name}"
    status, text = await html(fair.seller, path)
    assert status == 200 and "用于新厂" in text and "9,876,543.21" not in text and not KEY.search(text)
    status, text, _ = await send(fair.seller, path, act="object", no=1, reason=" ")
    assert status == 409 and 'role="alert"' in text
    assert (await send(fair.seller, path, act="agree", no=1))[0] == 303
    await fair.until(lambda state: state.intents[0].phase is IntentPhase.DEPOSIT_DUE)


async def test_a_withdrawal_says_its_cost_and_is_asked_twice(fair: Fair) -> None:
    await fair.published(withdrawal_cost="500000")
    path = f"/console/listings/{fair.name}"
    status, text, _ = await send(fair.seller, path, act="withdraw", reason="改为自行实施")
    assert status == 200 and "¥5,000" in text and 'role="alertdialog"' in text
    assert (await send(fair.seller, path, act="withdraw", reason="改为自行实施", sure=1))[0] == 303
    await fair.in_phase(ListingPhase.WITHDRAWN)
    status, text = await html(fair.seller, "/console/listings")
    assert status == 200 and not KEY.search(text)


async def test_a_returned_listing_is_corrected_and_an_ended_one_listed_again(fair: Fair) -> None:
    await fair.submit()
    await fair.act(fair.operator, "return", reason="请补充")
    _, _, location = await send(fair.seller, "/console/listings", listing=fair.name)
    draft = DRAFT.match(location)
    assert draft is not None
    check = await answered(fair, draft[1])
    _, text = await html(fair.seller, check)
    command = re.search(r'name="command_id" value="([^"]+)"', text)
    assert command is not None
    status, text, location = await send(fair.seller, check, act="submit", command_id=command[1])
    assert (status, location) == (303, f"/console/listings/{fair.name}"), text
    await fair.in_phase(ListingPhase.SUBMITTED)
