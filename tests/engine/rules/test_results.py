"""Results of struck deals: what the board shows of them, and until when they must be there at least."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from engine.calendar import parse_day, start_of
from engine.rules.auction.commands import Subject
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Reserve, Terms
from engine.rules.listing.commands import ListedSubject
from engine.rules.listing.events import DealWay
from engine.rules.listing.state import Deal, DealPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ListingTerms, OfferedMode, SaleWay, StateAsset
from engine.rules.results import listing_results, lot_result
from engine.values import Amount, InstantUs, ListingId, LotId, PartyId
from tests.engine.rules.listing.transcript import CALENDAR

WEDNESDAY = parse_day("2026-03-04")
assert WEDNESDAY is not None
STRUCK = InstantUs(start_of(WEDNESDAY) + 1)
SECRET = (PartyId("p-buyer"), "p-buyer", "777777")


def lot(**more: Any) -> LotState:
    terms = Terms(
        closing=Closing(opens_at_us=InstantUs(1)), increment=FixedIncrement(Amount(1)), start_price=Amount(100),
        reserve=Reserve(Amount(777_777), False), **more.pop("terms", {}),
    )  # fmt: skip
    given = {
        "lot_id": LotId("a1"), "seq": 9, "last_at_us": STRUCK, "phase": Phase.SOLD, "terms": terms,
        "subject": Subject(title_zh="名", title_en="Name", region="150100"), "seller_id": PartyId("p-seller"),
        "published_at_us": InstantUs(1), "opens_at_us": InstantUs(1), "codes": {SECRET[0]: "K42"}, "leader": SECRET[0],
        "winner": SECRET[0], "price": Amount(900), "leader_maximum": Amount(777_777), "ended_at_us": STRUCK, **more,
    }  # fmt: skip
    return LotState(**given)


def listing(*deals: Deal, **more: Any) -> ListingState:
    asset = StateAsset(
        valuation=Amount(800), valuation_no="v", valued_at_us=InstantUs(1), floor_bps=9_000, least_working_days=10,
        only_price_changed_working_days=5,
    )  # fmt: skip
    terms = ListingTerms(mode=OfferedMode.TRANSFER, way=SaleWay.DISCLOSED, list_price=Amount(850), state_asset=asset)
    subject = ListedSubject(achievement_id="ach-1", achievement_version=1, achievement_digest="", title_zh="名")
    return ListingState(
        listing_id=ListingId("l1"), seq=5, last_at_us=STRUCK, phase=ListingPhase.DEAL, terms=terms, subject=subject,
        seller_id=PartyId("p-seller"), submitted_at_us=InstantUs(1), price=Amount(850), round_no=1, deals=deals, **more,
    )  # fmt: skip


def deal(no: int, **more: Any) -> Deal:
    return Deal(
        no=no,
        buyer_id=SECRET[0],
        price=Amount(900),
        way=DealWay.SESSION,
        struck_at_us=STRUCK,
        sign_by_us=STRUCK,
        **more,
    )


def test_a_sold_lot_shows_price_start_and_code_and_neither_buyer_nor_reserve_nor_maximum() -> None:
    found = lot_result(lot(), CALENDAR)
    assert found is not None
    assert (found.price, found.base_price, found.buyer_code, found.way) == (900, 100, "K42", "auction")
    shown = str(to_builtins(found))
    assert not any(secret in shown for secret in SECRET)


def test_only_a_sold_lot_has_a_result_and_a_session_of_a_listing_leaves_it_to_the_listing() -> None:
    assert lot_result(lot(phase=Phase.PASSED), CALENDAR) is None
    assert lot_result(lot(phase=Phase.OPEN), CALENDAR) is None
    assert lot_result(lot(terms={"admission": Admission.LISTING}), CALENDAR) is None


def test_a_result_is_on_display_for_five_working_days_after_the_day_of_the_deal() -> None:
    found = lot_result(lot(), CALENDAR)
    last = parse_day("2026-03-12")  # struck on Wednesday the 4th: Thu, Fri, Mon, Tue, Wed the 11th; it ends at 24:00
    assert found is not None and last is not None
    assert found.notice_until_us == start_of(last)


def test_a_state_asset_shows_its_valuation_and_no_deal_names_its_buyer() -> None:
    first, second = listing_results(listing(deal(1), deal(2, phase=DealPhase.DEFAULTED)), CALENDAR)
    assert (first.valuation, first.base_price, first.price, first.mode) == (800, 850, 900, "TRANSFER")
    assert (first.phase, second.phase, second.deal_no) == ("struck", "defaulted", 2)
    assert not any(secret in str(to_builtins([first, second])) for secret in SECRET)


def test_a_listing_without_a_deal_has_no_result() -> None:
    assert listing_results(listing(), CALENDAR) == []
    plain = listing(deal(1))
    private = replace(plain, terms=replace(plain.terms, state_asset=None))
    assert listing_results(private, CALENDAR)[0].valuation is None
