"""The operator's desk for listings through its pages: decisions with reasons, final acts asked twice, nothing typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.auction.terms import FixedIncrement, PercentIncrement
from engine.rules.listing import terms as lt
from engine.rules.listing.state import IntentPhase, ListingPhase
from engine.values import Amount, DurationUs
from gateway.accounts.model import Role
from gateway.formatting import money
from gateway.pages.listing_words import sentences
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import Fair
from tests.gateway.test_deposits import html

KEY = re.compile(r">\s*(ldesk|listing|intent|offer|deal|terms|party)\.[a-z_.]+\s*<")


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def say(person: Person, fair: Fair, act: str, **fields: Any) -> tuple[int, str]:
    assert person.login is not None
    form = {"csrf": person.login.caller.csrf, "act": act, **{name: str(value) for name, value in fields.items()}}
    return await html(person, f"/desk/listings/{fair.name}", form)


async def test_a_listing_is_checked_published_and_an_application_passed(fair: Fair) -> None:
    await fair.submit()
    await fair.services.listings.follower.catch_up()
    status, text = await html(fair.operator, "/desk/listings")
    assert status == 200 and f"/desk/listings/{fair.name}" in text and not KEY.search(text)
    assert (await say(fair.operator, fair, "publish"))[0] == 303
    await fair.in_phase(ListingPhase.LISTED)
    buyer = await fair.verified(Role.BIDDER)
    await fair.act(buyer, "intents", statement="我要买")
    status, text = await html(fair.operator, f"/desk/listings/{fair.name}")
    assert status == 200 and "我要买" in text and not KEY.search(text)
    assert (await say(fair.operator, fair, "review_pass", no=1))[0] == 303
    state = await fair.until(lambda one: one.intents[0].phase is IntentPhase.SELLER_ASKED)
    assert state.intents[0].due_us is not None


async def test_a_refusal_needs_a_reason_and_keeps_what_was_typed(fair: Fair) -> None:
    await fair.submit()
    status, text = await say(fair.operator, fair, "return", reason=" ")
    assert status == 409 and 'role="alert"' in text
    assert (await say(fair.operator, fair, "suspend", reason="还早"))[0] == 409, "not yet listed"
    assert "还早" in (await say(fair.operator, fair, "suspend", reason="还早"))[1]
    assert (await say(fair.operator, fair, "return", ready="材料不全，请补充。"))[0] == 303
    state = await fair.in_phase(ListingPhase.CORRECTION)
    assert state.reason == "材料不全，请补充。"


async def test_what_is_final_is_asked_twice(fair: Fair) -> None:
    await fair.published()
    status, text = await say(fair.operator, fair, "terminate", reason="权属争议")
    assert status == 200 and 'role="alertdialog"' in text and "权属争议" in text
    assert (await fair.until(bool)).phase is ListingPhase.LISTED
    assert (await say(fair.operator, fair, "terminate", reason="权属争议", sure="1"))[0] == 303
    await fair.in_phase(ListingPhase.TERMINATED)


async def test_a_double_click_acts_once(fair: Fair) -> None:
    await fair.published()
    fields = {"reason": "核实", "command_id": "6f0f8a52-6f63-4a3e-8c54-9d4a9c5b2a77"}
    assert [(await say(fair.operator, fair, "suspend", **fields))[0] for _ in range(2)] == [303, 303]
    rows = await fair.services.pool.fetch("SELECT FROM event WHERE type = 'listing.suspended'")
    assert len(rows) == 1


async def test_a_supervisor_reads_and_does_nothing(fair: Fair) -> None:
    await fair.submit()
    supervisor = await fair.town.person(Role.SUPERVISOR)
    status, text = await html(supervisor, f"/desk/listings/{fair.name}")
    assert status == 200 and 'value="publish"' not in text
    assert (await say(supervisor, fair, "publish"))[0] == 403


async def test_a_deal_is_signed_or_defaulted_from_the_desk(fair: Fair) -> None:
    await fair.published()
    await fair.admit(await fair.verified(Role.BIDDER))
    await fair.disclosure_ends()
    await fair.in_phase(ListingPhase.DEAL)
    assert (await say(fair.operator, fair, "sign", no=1))[0] == 409, "without the number of the contract"
    assert (await say(fair.operator, fair, "sign", no=1, contract_ref="JS-1"))[0] == 303
    await fair.in_phase(ListingPhase.SIGNED)
    status, text = await html(fair.operator, f"/desk/listings/{fair.name}")
    assert status == 200 and not KEY.search(text)


amounts = st.integers(1, 10**12).map(Amount)
sessions = st.builds(
    lt.SessionTerms,
    increment=st.one_of(st.builds(FixedIncrement, amounts), st.builds(PercentIncrement, st.integers(1, 10**6))),
    free_period_us=st.one_of(st.none(), st.integers(1, 10**12).map(DurationUs)),
    limited_cycle_us=st.one_of(st.none(), st.integers(1, 10**9).map(DurationUs)),
    open_for_us=st.one_of(st.none(), st.integers(1, 10**12).map(DurationUs)),
    extension_us=st.one_of(st.none(), st.integers(1, 10**9).map(DurationUs)),
)
deposits = st.builds(
    lt.DepositTerms,
    size=st.one_of(st.builds(lt.FixedDeposit, amounts), st.builds(lt.ShareDeposit, st.integers(1, 3_000))),
    cap_bps=st.just(3_000),
    due_working_days=st.integers(1, 30),
    release=st.sampled_from(lt.ReleaseClock),
)


@given(
    st.builds(
        lt.ListingTerms,
        mode=st.sampled_from(lt.OfferedMode),
        way=st.sampled_from(lt.SaleWay),
        list_price=st.one_of(st.none(), amounts),
        disclosure_working_days=st.integers(0, 250),
        extension=st.one_of(
            st.none(), st.builds(lt.ExtensionTerms, cycle_working_days=st.integers(1, 60), cycles_max=st.integers(1, 9))
        ),
        deposit=st.one_of(st.none(), deposits),
        session=st.one_of(st.none(), sessions),
        seats=st.one_of(st.none(), st.integers(1, 1_000)),
        offers=st.one_of(st.none(), st.just(lt.OfferTerms())),
        withdrawal_cost=amounts,
    ),
    st.sampled_from(["zh", "en"]),
)
def test_whatever_the_terms_they_are_said_in_words_with_every_number(terms: lt.ListingTerms, language: str) -> None:
    said = " ".join(sentences(terms, language))
    assert "{" not in said and "terms." not in said
    assert terms.list_price is None or money(terms.list_price) in said
    assert money(terms.withdrawal_cost) in said
    if terms.way is lt.SaleWay.DISCLOSED:
        assert str(terms.disclosure_working_days) in said
