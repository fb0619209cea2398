"""Every struck deal opens exactly one process, whatever way it was struck, whatever dies in between."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from engine.rules.achievement.record import Mode
from engine.rules.auction import events as ae
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.commands import SoldAchievement, Subject
from engine.rules.auction.events import SessionPublished
from engine.rules.auction.formats.events import LotAllocated, Share
from engine.rules.auction.formats.terms import Format, Sealed, SealedPricing, SessionTerms, Units
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Terms
from engine.rules.listing import events as le
from engine.rules.listing.commands import Side
from engine.rules.listing.terms import OfferedMode, SaleWay
from engine.rules.publicity.content import Buyer, Payment
from engine.rules.publicity.events import AgreementStruck
from engine.values import CNY, Amount, Currency, InstantUs, PartyId
from settlement.deals.deal import Deal, Way
from settlement.deals.following import DealFollowing
from settlement.deals.phases import Phase
from settlement.deals.striking import Place, Unusable, deal_of_notice
from settlement.deposits.events import DepositState as S
from tests.settlement.conftest import BUYER, OTHER, PRICE, START_US
from tests.settlement.deals.conftest import SELLER, DealHouse
from tests.settlement.test_following import SUBJECT, TERMS, Log, following, two_held


async def test_a_sold_lot_is_a_deal_with_its_legal_moment_and_rule_version(house: DealHouse) -> None:
    await house.sell_lot("a1", 12_345_00)
    await house.following.catch_up()
    process = await house.deal("DA-a1")
    deal = process.deal
    assert (deal.way, deal.struck_by, deal.seller_id, deal.buyers) == (Way.AUCTION, "hammer", SELLER, (BUYER,))
    assert (deal.price_fen, deal.struck_at_us, deal.rule_version) == (12_345_00, house.clock.now_us, "english/1")
    assert (deal.source.stream, deal.source.stream_seq) == ("lot/a1", 2)
    assert process.phase is Phase.CONFIRMING


async def test_a_lot_that_names_its_achievement_strikes_a_deal_of_that_version(house: DealHouse) -> None:
    await house.sell_lot("a1", achievement=SoldAchievement(id="ach-1", version=3, digest="ab" * 32))
    await house.following.catch_up()
    deal = (await house.deal("DA-a1")).deal
    assert (deal.achievement_id, deal.achievement_version, deal.achievement_digest) == ("ach-1", 3, "ab" * 32)


async def test_a_session_that_a_listing_ordered_strikes_no_deal_of_its_own(house: DealHouse) -> None:
    await house.sell_lot("abc.1", admission=Admission.LISTING)
    log = await two_held(house)
    await log.sell(1, BUYER)
    await house.following.catch_up()
    (process,) = await house.deals.newest()
    deal = process.deal
    assert (deal.id, deal.way, deal.struck_by) == ("DL-abc-1", Way.LISTING, "session")
    assert (deal.achievement_id, deal.achievement_version, deal.mode) == ("a1", 1, "TRANSFER")
    assert (deal.deposit_ids, deal.intent_no, deal.rule_version) == (("abc.1",), 1, "listing/1")


async def test_every_seat_of_a_licence_is_a_deal(house: DealHouse) -> None:
    terms = replace(
        TERMS,
        mode=OfferedMode.PLAIN,
        way=SaleWay.POSTED,
        disclosure_working_days=0,
        deposit=None,
        session=None,
        seats=3,
    )
    log = Log(house)
    await log.add(
        le.ListingSubmitted(terms=terms, subject=SUBJECT, seller_id=PartyId(SELLER)),
        le.ListingPublished(discloses_until_us=None, certain=True, calendar_version="t", working_days=0),
    )
    for number, buyer in enumerate((BUYER, OTHER), start=1):
        await log.add(
            le.DealStruck(
                deal_no=number, buyer_id=PartyId(buyer), intent_no=None, price=Amount(500), way=le.DealWay.POSTED,
                seat_no=number, sign_by_us=InstantUs(house.clock.now_us), rule_version="listing/1",
            )
        )  # fmt: skip
    await house.following.catch_up()
    deals = [one.deal for one in await house.deals.of_stream("listing/abc")]
    assert [(deal.id, deal.buyer_id, deal.seat_no) for deal in deals] == [
        ("DL-abc-1", BUYER, 1),
        ("DL-abc-2", OTHER, 2),
    ]


async def test_each_deal_opens_once_however_many_look(house: DealHouse) -> None:
    for number in range(5):
        await house.sell_lot(f"a{number}")
    others = [DealFollowing(house.pool, house.second_deals()) for _ in range(3)]
    await asyncio.gather(*(one.catch_up() for one in (house.following, *others)))
    await house.following.catch_up()
    assert len(await house.deals.newest()) == 5
    assert await house.pool.fetchval("SELECT count(*) FROM deal_event") == 5


async def test_what_dies_before_the_commit_is_done_again(house: DealHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.sell_lot()
    with monkeypatch.context() as patch:
        patch.setattr(house.deals, "take_deposits", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await house.following.catch_up()
    assert await house.deals.newest() == []
    await house.following.catch_up()
    assert len(await house.deals.newest()) == 1


@pytest.mark.parametrize(
    ("price", "currency", "code"), [(10**16, Currency("CNY", 2), "price"), (5, Currency("ETH", 18), "currency")]
)
async def test_what_cannot_be_settled_is_shown_to_an_operator(
    house: DealHouse, price: int, currency: Currency, code: str
) -> None:
    await house.sell_lot(price=price, currency=currency)
    await house.following.catch_up()
    assert await house.deals.newest() == []
    assert [(one.deposit, one.wanted, one.code) for one in await house.deposits.problems()] == [
        ("DA-a1", "OpenDeal", code)
    ]


@pytest.mark.parametrize("deposits_first", [True, False])
async def test_a_deposit_becomes_price_in_whichever_order_the_consumers_run(
    house: DealHouse, deposits_first: bool
) -> None:
    log = await two_held(house)
    await log.sell(1, BUYER)
    signed = le.DealSigned(deal_no=1, buyer_id=PartyId(BUYER), intent_no=1, contract_ref="技转-1")
    await log.add(signed)
    consumers = [following(house), house.following]
    for consumer in consumers if deposits_first else reversed(consumers):
        await consumer.catch_up()  # type: ignore[attr-defined]
    process = await house.deal("DL-abc-1")
    assert (await house.read("abc.1")).state is S.CONVERTED
    assert (process.phase, process.received_fen, process.escrow_fen) == (Phase.PAYING, PRICE, PRICE)
    assert process.contract_ref == "技转-1"
    await house.sound()


async def test_a_default_on_the_listing_ends_the_deal_and_the_deposit_takes_its_way(house: DealHouse) -> None:
    log = await two_held(house)
    await log.sell(1, BUYER)
    await house.following.catch_up()
    await log.add(le.DealDefaulted(deal_no=1, buyer_id=PartyId(BUYER), intent_no=1, side=Side.BUYER, reason="拒签"))
    await following(house).catch_up()
    await house.following.catch_up()
    process = await house.deal("DL-abc-1")
    assert (process.phase, process.reason) == (Phase.RESELLING, "拒签")
    assert (await house.read("abc.1")).state is S.FORFEIT_PENDING
    await house.sound()


def published_as(kind: Format) -> SessionPublished:
    """A session of another format."""
    terms = Terms(
        closing=Closing(opens_at_us=InstantUs(1), closes_at_us=InstantUs(2)), increment=FixedIncrement(Amount(1)),
        start_price=Amount(1), admission=Admission.APPROVED,
    )  # fmt: skip
    subject = Subject(title_zh="成果", title_en="Achievement")
    return SessionPublished(terms=terms, play=SessionTerms(format=kind), subject=subject, seller_id=PartyId(SELLER))


async def test_every_winner_of_several_seats_has_a_deal_of_his_own(house: DealHouse) -> None:
    shares = (
        Share(bidder_id=PartyId(BUYER), code="B1", quantity=2, price=Amount(500)),
        Share(bidder_id=PartyId(OTHER), code="B2", quantity=1, price=Amount(400)),
    )
    allocated = LotAllocated(shares=shares, price=Amount(400), unsold=(), ended_at_us=InstantUs(2))
    await house.write("seats", published_as(Units(units=3, pricing=Pricing.PAY_AS_BID)), allocated)
    await house.following.catch_up()
    deals = [one.deal for one in await house.deals.of_stream("lot/seats")]
    assert sorted((deal.id, deal.buyer_id, deal.price_fen, deal.mode) for deal in deals) == [
        ("DA-seats.s1", BUYER, 1_000, "PLAIN"), ("DA-seats.s2", OTHER, 400, "PLAIN"),
    ]  # fmt: skip


async def test_in_a_procurement_the_publisher_pays_the_winner(house: DealHouse) -> None:
    sold = ae.LotSold(winner_id=PartyId(OTHER), code="B1", price=Amount(700), ended_at_us=InstantUs(2))
    await house.write("need", published_as(Sealed(pricing=SealedPricing.LOWEST)), sold)
    await house.following.catch_up()
    deal = (await house.deal("DA-need")).deal
    assert (deal.seller_id, deal.buyers, deal.struck_by, deal.needs_registry) == (
        OTHER,
        (SELLER,),
        "procurement",
        False,
    )


async def test_an_event_that_cannot_be_read_holds_nothing_up(house: DealHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.sell_lot("a1")
    with monkeypatch.context() as patch:
        patch.setattr("settlement.deals.following.deals_of_lot", lambda *_: 1 / 0)
        await house.following.catch_up()
    await house.sell_lot("a2")
    await house.following.catch_up()
    assert [(one.stream, one.code) for one in await house.deposits.problems()] == [("lot/a1", "unreadable")]
    assert [one.id for one in await house.deals.newest()] == ["DA-a2"]


def test_an_agreement_after_publicity_is_a_deal_if_its_buyer_is_a_party(house: DealHouse) -> None:
    place, with_ = Place("notice/n1", 7, START_US, "0" * 64), house.deals.conditions()
    struck = AgreementStruck(
        seller_id=PartyId(SELLER), buyer=Buyer(name_zh="买方甲", party_id=BUYER), achievement_id="a1", achievement_version=2,
        achievement_digest="0" * 64, title_zh="成果", title_en="", mode=Mode.TRANSFER, price=Amount(900), currency=CNY,
        payment=Payment(), related=None, certificate_no="GS-1", content_digest="", confirmed_by="x",
        rule_version="publicity/1", calendar_version="t",
    )  # fmt: skip
    deal = deal_of_notice("n1", place, struck, with_)
    assert isinstance(deal, Deal)
    assert (deal.id, deal.way, deal.buyers, deal.price_fen, deal.rule_version) == (
        "DN-n1",
        Way.NOTICE,
        (BUYER,),
        900,
        "publicity/1",
    )
    stranger = deal_of_notice("n1", place, replace(struck, buyer=Buyer(name_zh="某公司")), with_)
    assert stranger == Unusable("DN-n1", "buyer")
