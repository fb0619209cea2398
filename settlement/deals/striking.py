"""From the log to the deal: which event strikes one, and what it says. Pure.

A session that a listing ordered strikes no deal of its own: its listing does, once it has recorded the result. So every sale makes
exactly one deal, whatever way it went (docs/adr/0011).
"""

from __future__ import annotations

from msgspec import Struct

from engine.calendar import Calendar, period_end
from engine.rules.auction.events import LotPublished, LotSold, SessionPublished
from engine.rules.auction.formats.events import LotAllocated
from engine.rules.auction.formats.terms import Sealed, SealedPricing, Units
from engine.rules.auction.terms import Admission
from engine.rules.listing.commands import Side
from engine.rules.listing.events import DealDefaulted, DealSigned, DealStruck
from engine.rules.listing.state import ListingState
from engine.rules.publicity.events import AgreementStruck, ContractRecorded
from engine.values import CNY, Currency, InstantUs
from settlement.deals.acts import NoteDefault, NoteSigned
from settlement.deals.deal import Deal, DealSide, Source, Way, deal_id_of
from settlement.deals.fees import FeeTerms
from settlement.deals.rules_data import DealRules
from settlement.ledger.postings import FEN_MAX


class Place(Struct, frozen=True):
    """Where an event stands in the log."""

    stream: str
    stream_seq: int
    at_us: int
    digest: str
    """Hexadecimal."""

    @property
    def source(self) -> Source:
        """As the deal keeps it."""
        return Source(stream=self.stream, stream_seq=self.stream_seq, event_digest=self.digest)


class Conditions(Struct, frozen=True):
    """What is copied into every deal when it is struck."""

    rules: DealRules
    fees: FeeTerms
    calendar: Calendar


class Unusable(Struct, frozen=True):
    """A deal that cannot be settled here; an operator sees why. `code`: currency, price, buyer (no party of the
    market), unreadable.
    """

    deal_id: str
    code: str


Published = LotPublished | SessionPublished
"""How a lot begins: an ascending session, or one of another format."""


def deals_of_lot(
    lot_id: str, place: Place, published: Published, ended: LotSold | LotAllocated, with_: Conditions
) -> list[Deal | Unusable]:
    """Return the deals of a lot that was sold: one, or one for each winner; none where its listing strikes it.

    In a procurement (sealed, lowest) the publisher is who pays: the winner is the seller of the deal.
    """
    if published.terms.admission is Admission.LISTING:
        return []
    kind = published.play.format if isinstance(published, SessionPublished) else None
    if isinstance(ended, LotSold):
        procures = isinstance(kind, Sealed) and kind.pricing is SealedPricing.LOWEST
        how = Striking("procurement", "DEVELOPMENT") if procures else Striking("hammer", "")
        seller, buyer = (ended.winner_id, published.seller_id) if procures else (published.seller_id, ended.winner_id)
        return [_lot_deal(deal_id_of(Way.AUCTION, lot_id), place, published, seller, buyer, ended.price, how, with_)]
    mode = "PLAIN" if isinstance(kind, Units) else ""
    return [
        _lot_deal(
            f"{deal_id_of(Way.AUCTION, lot_id)}.s{number}", place, published, published.seller_id, share.bidder_id,
            share.price if share.lots else share.price * share.quantity,
            Striking("allocation", mode, number, ", ".join(share.lots) or f"×{share.quantity}"), with_,
        )
        for number, share in enumerate(ended.shares, start=1)
    ]  # fmt: skip


class Striking(Struct, frozen=True):
    """How a lot was struck: the word, what the buyer gets, and for a share its number and what it is."""

    struck_by: str
    mode: str
    number: int = 0
    what: str = ""


def _lot_deal(
    deal_id: str,
    place: Place,
    published: Published,
    seller: str,
    buyer: str,
    price: int,
    how: Striking,
    with_: Conditions,
) -> Deal | Unusable:
    terms, subject, sold = published.terms, published.subject, published.achievement
    problem = _problem(terms.currency, price)
    if problem:
        return Unusable(deal_id, problem)
    days, suffix = with_.rules.sign_working_days, f" ({how.what})" if how.what else ""
    return Deal(
        id=deal_id, way=Way.AUCTION, struck_by=how.struck_by, source=place.source, struck_at_us=place.at_us,
        rule_version=terms.rule_version, calendar_version=with_.calendar.version, seller_id=seller, buyers=(buyer,),
        title_zh=subject.title_zh + suffix, title_en=subject.title_en + suffix if subject.title_en else "",
        achievement_id="" if sold is None else sold.id, achievement_version=0 if sold is None else sold.version,
        achievement_digest="" if sold is None else sold.digest,
        field=subject.field, region=subject.region, mode=how.mode, price_fen=price, deal_no=how.number or 1,
        seat_no=how.number if how.mode == "PLAIN" else 0, demonstration=subject.demonstration,
        sign_by_us=period_end(with_.calendar, InstantUs(place.at_us), working_days=days).ends_at_us,
        rules=with_.rules, fees=with_.fees,
    )  # fmt: skip


def deal_of_listing(place: Place, struck: DealStruck, state: ListingState, with_: Conditions) -> Deal | Unusable:
    """Return a deal of a listing: sole buyer, session, posted price, offer, or the seat of a licence."""
    terms, subject = state.terms, state.subject
    deal_id = deal_id_of(Way.LISTING, state.listing_id, struck.deal_no)
    problem = _problem(terms.currency, struck.price)
    if problem:
        return Unusable(deal_id, problem)
    intent = None if struck.intent_no is None else state.intents[struck.intent_no - 1]
    return Deal(
        id=deal_id, way=Way.LISTING, struck_by=struck.way.value, source=place.source, struck_at_us=place.at_us,
        rule_version=struck.rule_version, calendar_version=with_.calendar.version, seller_id=state.seller_id,
        buyers=(struck.buyer_id, *(() if intent is None else intent.joint_with)), title_zh=subject.title_zh,
        title_en=subject.title_en, achievement_id=subject.achievement_id,
        achievement_version=subject.achievement_version, achievement_digest=subject.achievement_digest,
        field=subject.field, region=subject.region, mode=terms.mode.value, payment=subject.payment,
        price_fen=struck.price, deal_no=struck.deal_no, seat_no=struck.seat_no or 0, intent_no=struck.intent_no or 0,
        deposit_ids=() if intent is None or intent.deposit_id is None else (intent.deposit_id,),
        relists=subject.relists, sign_by_us=struck.sign_by_us, state_asset=terms.state_asset is not None,
        demonstration=subject.demonstration, rules=with_.rules, fees=with_.fees,
    )  # fmt: skip


def deal_of_notice(notice_id: str, place: Place, struck: AgreementStruck, with_: Conditions) -> Deal | Unusable:
    """Return the deal of an agreement after its publicity; its buyer must be a party of the market, who can sign and pay here."""
    deal_id = deal_id_of(Way.NOTICE, notice_id)
    problem = _problem(struck.currency, struck.price) or ("" if struck.buyer.party_id else "buyer")
    if problem:
        return Unusable(deal_id, problem)
    days = with_.rules.sign_working_days
    return Deal(
        id=deal_id, way=Way.NOTICE, struck_by="agreement", source=place.source, struck_at_us=place.at_us,
        rule_version=struck.rule_version, calendar_version=with_.calendar.version, seller_id=struck.seller_id,
        buyers=(struck.buyer.party_id,), title_zh=struck.title_zh, title_en=struck.title_en,
        achievement_id=struck.achievement_id, achievement_version=struck.achievement_version,
        achievement_digest=struck.achievement_digest, mode=struck.mode.value, payment=struck.payment.mode,
        price_fen=struck.price, sign_by_us=period_end(with_.calendar, InstantUs(place.at_us), working_days=days).ends_at_us,
        rules=with_.rules, fees=with_.fees,
    )  # fmt: skip


def note_of(event: DealSigned | DealDefaulted | ContractRecorded) -> NoteSigned | NoteDefault:
    """Return what a listing's or a notice's word about a deal means for its process."""
    if isinstance(event, DealSigned | ContractRecorded):
        return NoteSigned(contract_ref=event.contract_ref)
    return NoteDefault(side=DealSide.SELLER if event.side is Side.SELLER else DealSide.BUYER, reason=event.reason)


def _problem(currency: Currency, price: int) -> str:
    if tuple(currency) != tuple(CNY):
        return "currency"
    return "" if 0 < price <= FEN_MAX else "price"
