"""What the board shows of a struck deal (成交结果公示), and for how long it must stand there at least.

* Title, way, mode, seller and price: always. The result of public trading is public; in a session the deal itself is a public sign
  (拍卖法 art. 51).
* Start or list price: always, it was public during the sale. Valuation: of state assets. A result notice holds name, valuation, base
  price and deal price and stands at least 5 working days on the site (32号令, domain.md §1.5).
* The buyer: never by name. 拍卖法 art. 21 keeps his identity secret on his request, and the result notice of 32号令 does not name him.
  Of a session's winner the bidder code is shown, which was public all the time.
* Reserve, maxima, offers that failed: never (P6).

The result of a deal stays readable for ever; `notice_until_us` says until when it must at least be on the board's front.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.calendar import Calendar, period_end
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import Admission
from engine.rules.listing.state import Deal, ListingState
from engine.values import Amount, InstantUs

RESULT_WORKING_DAYS: Final = 5
"""Least time of a result notice (企业国有资产交易监督管理办法, domain.md §1.5); shown as long for every deal."""


class PublicResult(Struct, frozen=True, kw_only=True):
    """A struck deal as everybody may see it. Amounts in minor units of `currency`."""

    subject_id: str
    """The lot, or the listing."""
    deal_no: int
    """Place among the deals of a listing; 0 for a lot."""
    title_zh: str
    title_en: str
    achievement_id: str
    """Empty where the sale names no achievement of the catalogue."""
    seller_id: str
    seller_zh: str
    seller_en: str
    field: str
    region: str
    way: str
    """`auction`, or the `DealWay` of a listing."""
    mode: str
    """What the buyer gets (`OfferedMode`); empty for a lot outside a listing."""
    price: Amount
    base_price: Amount | None
    """Start price of the session or list price."""
    valuation: Amount | None
    """State assets only."""
    currency: str
    exponent: int
    buyer_code: str
    """Bidder code in the session; empty where there was none."""
    phase: str
    """`struck`, `signed`, `defaulted`."""
    struck_at_us: InstantUs
    notice_until_us: InstantUs
    certain: bool
    """False: the notice period runs past the official calendar."""
    demonstration: bool


def lot_result(state: LotState, calendar: Calendar) -> PublicResult | None:
    """Return the result of a sold lot; None if it was not sold, or if a listing ordered the session and tells the result itself."""
    if state.phase is not Phase.SOLD or state.terms.admission is Admission.LISTING:
        return None
    assert state.price is not None and state.winner is not None and state.ended_at_us is not None
    period = period_end(calendar, state.ended_at_us, working_days=RESULT_WORKING_DAYS)
    subject, terms = state.subject, state.terms
    return PublicResult(
        subject_id=state.lot_id, deal_no=0, title_zh=subject.title_zh, title_en=subject.title_en,
        achievement_id="" if state.achievement is None else state.achievement.id,
        seller_id=state.seller_id, seller_zh=subject.seller_name_zh, seller_en=subject.seller_name_en,
        field=subject.field, region=subject.region, way="auction", mode="", price=state.price,
        base_price=terms.start_price, valuation=None, currency=terms.currency.code, exponent=terms.currency.exponent,
        buyer_code=state.codes[state.winner], phase="struck", struck_at_us=state.ended_at_us,
        notice_until_us=period.ends_at_us, certain=period.certain, demonstration=subject.demonstration,
    )  # fmt: skip


def listing_results(state: ListingState, calendar: Calendar) -> list[PublicResult]:
    """Return the results of a listing's deals in order."""
    return [_listing_result(state, deal, calendar) for deal in state.deals]


def _listing_result(state: ListingState, deal: Deal, calendar: Calendar) -> PublicResult:
    period = period_end(calendar, deal.struck_at_us, working_days=RESULT_WORKING_DAYS)
    subject, terms, asset = state.subject, state.terms, state.terms.state_asset
    return PublicResult(
        subject_id=state.listing_id, deal_no=deal.no, title_zh=subject.title_zh, title_en=subject.title_en,
        achievement_id=subject.achievement_id, seller_id=state.seller_id, seller_zh=subject.seller_name_zh,
        seller_en=subject.seller_name_en, field=subject.field, region=subject.region, way=deal.way.value,
        mode=terms.mode.value, price=deal.price, base_price=state.price,
        valuation=None if asset is None else asset.valuation, currency=terms.currency.code,
        exponent=terms.currency.exponent, buyer_code="", phase=deal.phase.value, struck_at_us=deal.struck_at_us,
        notice_until_us=period.ends_at_us, certain=period.certain, demonstration=subject.demonstration,
    )  # fmt: skip
