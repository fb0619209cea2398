"""Outcomes reach the model from the log: a sold lot and an unsold one, each once, demonstration lots never."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from msgspec.structs import replace

from engine.catalogue.achievements.versions import AchievementId
from engine.journal.secrecy import Vault, read_log_key
from engine.rules.auction import terms as t
from engine.rules.auction.events import BidAccepted, BidKind
from engine.rules.auction.state import Phase
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from gateway.accounts.model import Role
from gateway.services import Services
from pricing.desk import PricingDesk
from pricing.following import OutcomeFeed
from pricing.observations import Observed
from pricing.outcomes import bids_of
from pricing.quotes import Facts, Wish
from tests.gateway.agreed import Agreement, look
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


async def learnt(market: Services) -> list[Observed]:
    """Let a desk follow the log twice and return what it observed."""
    desk = PricingDesk(market.pricing.store, lambda: market.now_us)
    await desk.open()
    try:
        vault = Vault(read_log_key(market.config.log_key_path))
        for _ in range(2):
            await OutcomeFeed(market.pool, desk, vault).run()
    finally:
        desk.close()
    return [one async for one in market.pricing.store.observations(0, 100)]


async def test_an_agreement_is_learnt_with_its_record_its_payment_and_whether_the_seller_did_as_he_was_advised(
    market: Services, town: Town
):
    agreed = await Agreement(town).open()
    parts = [{"amount": "50000000", "due": "签约时"}, {"amount": "30000000", "due": "验收后"}]
    desk = PricingDesk(market.pricing.store, lambda: market.now_us)
    await desk.open()
    try:
        facts = Facts(industry="software", trl=5, own_value_fen=1_000_000, valuation_fen=80_000_000)
        wish = Wish(facts=facts, subject=f"achievement/{agreed.achievement}", as_of_us=market.now_us)
        quoted = (await desk.quote(str(agreed.party), wish))["id"]
    finally:
        desk.close()
    await agreed.published(payment={"mode": "INSTALMENT", "instalments": parts})
    await agreed.certified()
    status, answer = await agreed.act(agreed.approver, "confirm")
    assert status == 200, answer
    found = await learnt(market)
    assert len(found) == 1
    one = found[0].observation
    published = await market.achievements.public(AchievementId(agreed.achievement))
    assert published is not None
    assert (one.mode, one.sold, one.price_fen, one.bidders) == ("agreement", True, 80_000_000, 1)
    assert one.instalments_fen == (50_000_000, 30_000_000)
    assert (one.trl, one.seller) == (published.record.trl, str(agreed.party)) and one.remaining_years is not None
    assert one.quote == quoted and one.followed is not None
    assert one.buyer.startswith("outside-") and "北疆" not in one.buyer


async def test_who_lost_is_remembered_with_his_last_open_bid_and_proxies_stay_secret(market: Services, town: Town):
    soon = t.Closing(opens_at_us=InstantUs(market.now_us), first_bid_clock_us=DurationUs(2_500_000))
    await town.lot("fought", closing=soon, start_price=Amount(START), increment=t.FixedIncrement(Amount(10_000_00)))
    first, second = await town.person(Role.BIDDER), await town.person(Role.BIDDER)
    for person, amount in ((first, START), (second, START + 10_000_00)):
        await person.post("/api/v1/lots/fought/admission", {"id": str(uuid4())})
        status, answer = await person.post("/api/v1/lots/fought/bids", {"id": str(uuid4()), "amount": str(amount)})
        assert status == 200, answer
    assert await ended(market, LotId("fought")) is Phase.SOLD
    one = (await learnt(market))[0].observation
    assert first.account is not None and second.account is not None
    assert one.buyer == second.account.party
    assert (one.droppers, one.dropped_fen) == ((first.account.party,), (START,))
    assert one.withdrawn == () and one.quote == "" and one.followed is None


def test_a_leaders_automatic_answer_does_not_tell_more_of_a_loser_than_he_bid_openly():
    def bid(who: str, amount: int | None, price: int, maximum: int | None = None) -> BidAccepted:
        return BidAccepted(
            bidder_id=PartyId(who), code=who, kind=BidKind.BID, amount=None if amount is None else Amount(amount),
            maximum=None if maximum is None else Amount(maximum), price=Amount(price), price_changed=True, leader_code="a",
            automatic=False, closes_at_us=None, extended=False,
        )  # fmt: skip

    found = bids_of(
        "a", ("c",), [bid("b", 100, 120), bid("c", 90, 90), bid("d", None, 110, maximum=900), bid("a", 130, 130)]
    )
    assert found.lost == (("d", 110), ("b", 100), ("c", 90)) and found.dropped_out == ("c",)


async def test_an_agreed_price_is_judged_on_the_sellers_page_by_the_range_quoted_before_publication_alone(
    market: Services, town: Town
):
    agreed = await Agreement(town).open()
    await agreed.submit()
    where = f"/console/notices/{agreed.name}"
    status, text = await look(agreed.approver, where)
    assert status == 200 and "无法比较约定价格" in text
    desk = PricingDesk(market.pricing.store, lambda: market.now_us)
    await desk.open()
    try:
        wish = Wish(
            facts=Facts(industry="software", trl=5, spent_fen=30_000_000_000),
            subject=f"achievement/{agreed.achievement}", as_of_us=market.now_us,
        )  # fmt: skip
        quoted = (await desk.quote(str(agreed.party), wish))["id"]
        for act, body in (("approve", {"body": "office"}), ("publish", {})):
            assert (await agreed.act(agreed.approver, act, **body))[0] == 200
        await desk.quote(str(agreed.party), replace(wish, facts=replace(wish.facts, spent_fen=60_000_000)))
    finally:
        desk.close()
    status, text = await look(agreed.approver, where)
    assert status == 200 and "light--red" in text and quoted in text
    assert quoted not in (await look(await town.person(None), f"/board/notices/{agreed.name}"))[1]
