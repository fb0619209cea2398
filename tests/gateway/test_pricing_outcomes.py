"""Outcomes reach the model from the log: a sold lot and an unsold one, each once, demonstration lots never."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from engine.journal.secrecy import Vault, read_log_key
from engine.rules.auction import terms as t
from engine.rules.auction.state import Phase
from engine.values import Amount, DurationUs, InstantUs, LotId
from gateway.accounts.model import Role
from gateway.services import Services
from pricing.desk import PricingDesk
from pricing.following import OutcomeFeed
from tests.gateway.conftest import Town

START = 5_000_000_00


async def ended(market: Services, lot: LotId) -> Phase:
    """Wait until a session has ended, at most a minute."""
    async with asyncio.timeout(60):
        while True:
            state = await market.engine.load(lot)
            if state is not None and state.phase.is_final:
                return state.phase
            await asyncio.sleep(0.05)


async def test_a_sold_lot_and_an_unsold_one_are_learnt_once_with_what_was_paid_and_what_nobody_paid(
    market: Services, town: Town
):
    soon = t.Closing(opens_at_us=InstantUs(market.now_us), first_bid_clock_us=DurationUs(1_500_000))
    closing = t.Closing(opens_at_us=InstantUs(market.now_us), closes_at_us=InstantUs(market.now_us + 2_000_000))
    await town.lot("sold", closing=soon, start_price=Amount(START), increment=t.FixedIncrement(Amount(10_000_00)))
    await town.lot(
        "unsold", closing=closing, start_price=Amount(START), reserve=t.Reserve(amount=Amount(2 * START), public=True)
    )
    bidder = await town.person(Role.BIDDER)
    await bidder.post("/api/v1/lots/sold/admission", {"id": str(uuid4())})
    status, answer = await bidder.post("/api/v1/lots/sold/bids", {"id": str(uuid4()), "amount": str(START)})
    assert status == 200, answer
    assert await ended(market, LotId("sold")) is Phase.SOLD
    assert await ended(market, LotId("unsold")) is Phase.PASSED
    desk = PricingDesk(market.pricing.store, lambda: market.now_us)
    await desk.open()
    try:
        vault = Vault(read_log_key(market.config.log_key_path))
        feed = OutcomeFeed(market.pool, desk, vault)
        await feed.run()
        await OutcomeFeed(market.pool, desk, vault).run()
    finally:
        desk.close()
    found = {one.ref.split("#")[0]: one.observation async for one in market.pricing.store.observations(0, 100)}
    assert len(found) == 2
    sold, unsold = found["lot/sold"], found["lot/unsold"]
    assert (sold.sold, sold.price_fen, sold.bidders) == (True, START, 1)
    assert (unsold.sold, unsold.price_fen) == (False, 2 * START)
    assert bidder.account is not None
    assert sold.parties == (bidder.account.party,) == (sold.buyer,)
    assert [line.log_price is None for line in reversed(await market.pricing.store.outcomes())].count(True) == 1
    assert (await desk.answer("state", {}))["head"] == 2
