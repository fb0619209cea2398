"""The clock of a running deal, seen from the inboxes: reminded once, then told at each further period until somebody acts."""

from __future__ import annotations

from collections import Counter

import pytest

from settlement.deals.clocks import remind_at
from settlement.deals.notices import Desk
from settlement.deals.phases import Phase
from tests.settlement.conftest import BUYER
from tests.settlement.deals.conftest import PRICE_FEN, SELLER, DealHouse


@pytest.fixture
def staffed(house: DealHouse) -> DealHouse:
    """The house with two operators and a registrar."""
    house.people = {Desk.OPERATORS: ("op1", "op2"), Desk.REGISTRARS: ("reg1",)}
    return house


async def told(house: DealHouse) -> Counter[tuple[str, str]]:
    """Who has been told what, how often."""
    return Counter((row["party"], row["about"]) for row in await house.pool.fetch("SELECT party, about FROM notice"))


async def test_a_seller_who_does_not_hand_over_is_reminded_once_and_then_the_operators_hear_of_it(
    staffed: DealHouse,
) -> None:
    await staffed.signed()
    await staffed.pay(PRICE_FEN)
    await staffed.work()
    process = await staffed.deal()
    assert process.phase is Phase.DELIVERING
    before = await told(staffed)
    assert before[SELLER, "deal.delivering"] == 1
    staffed.clock.now_us = remind_at(process)
    for _ in range(3):
        await staffed.work()
    found = await told(staffed) - before
    assert found == {(SELLER, "deal.reminded"): 1}, "once, and nobody else"
    for times in (1, 2, 3):
        staffed.clock.now_us = (await staffed.deal()).deadline_us
        for _ in range(3):
            await staffed.work()
        found = await told(staffed) - before - Counter({(SELLER, "deal.reminded"): 1})
        assert found == {
            (SELLER, "deal.escalated"): times, (BUYER, "deal.escalated"): times, ("op1", "deal.desk.escalated"): times,
            ("op2", "deal.desk.escalated"): times,
        }, "again after each further period"  # fmt: skip
        assert (await staffed.deal()).escalations == times


async def test_a_payment_that_the_bank_does_not_make_comes_to_the_operators(staffed: DealHouse) -> None:
    await staffed.signed()
    await staffed.pay(PRICE_FEN)
    await staffed.delivered()
    process = await staffed.deal()
    assert process.phase is Phase.RELEASING
    before = await told(staffed)
    staffed.clock.now_us = remind_at(process)
    await staffed.work()
    staffed.clock.now_us = process.deadline_us
    await staffed.work()
    found = await told(staffed) - before
    assert {key: many for key, many in found.items() if key[0].startswith("op")} == {
        (name, about): 1 for name in ("op1", "op2") for about in ("deal.desk.reminded", "deal.desk.escalated")
    }


async def test_a_registration_that_is_late_comes_to_the_registrars_and_the_operators(staffed: DealHouse) -> None:
    await staffed.signed()
    await staffed.pay(PRICE_FEN)
    await staffed.delivered()
    await staffed.payouts.send_due()
    process = await staffed.deal()
    assert process.phase is Phase.REGISTERING
    before = await told(staffed)
    assert not any(party == "reg1" for party, _ in before), "nothing has been handed in yet"
    staffed.clock.now_us = remind_at(process)
    await staffed.work()
    assert await told(staffed) - before == {(SELLER, "deal.reminded"): 1, ("reg1", "deal.desk.reminded"): 1}
    staffed.clock.now_us = process.deadline_us
    await staffed.work()
    overdue = {party for party, about in await told(staffed) - before if about.endswith("escalated")}
    assert overdue == {SELLER, BUYER, "op1", "op2", "reg1"}
    links = {row["link"] for row in await staffed.pool.fetch("SELECT link FROM notice WHERE party = 'reg1'")}
    assert links == {"/desk/registrations"}, "a registrar has no door to deals"
