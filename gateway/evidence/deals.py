"""A deal and who may have its evidence file. A session that a listing ordered belongs to the listing's deal."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from engine.evidence.editions import Edition
from engine.journal.folding import CorruptLog
from engine.journal.log import JournalUnavailable
from engine.journal.streams import LISTINGS, LOTS, NOTICES
from engine.rules.auction.state import LotState
from engine.rules.listing.sessions import lot_of
from engine.rules.listing.state import ListingState
from engine.rules.publicity.state import NoticeState
from engine.rules.rejections import Reject
from engine.values import CNY, LotId, NoticeId, PartyId, group_of, is_lot_id, is_notice_id
from gateway.accounts.model import UNREACHABLE, Caller, Role
from gateway.errors import Code, Refused
from gateway.http.commands import find_lot
from gateway.listings.asking import find_listing
from gateway.services import Services

KINDS: Final = ("lot", "listing", "notice")


class Deal(Struct, frozen=True, kw_only=True):
    """What was traded, and the streams of the journal that are about it; the first one is the deal's own."""

    kind: str
    id: str
    title_zh: str
    title_en: str
    seller_id: PartyId
    buyers: tuple[PartyId, ...]
    """Who bought; one, or one for each seat."""
    streams: tuple[str, ...]
    state: Any
    ready: bool
    """Something was struck, or it has ended: before that there is nothing to prove, and bids are still secret."""
    achievement: str = ""
    achievement_version: int = 0
    achievement_digest: str = ""
    price_fen: int | None = None
    """What it came to, of the newest deal where there are several; None while nothing was struck, or in another currency."""


async def find_deal(services: Services, kind: str, subject_id: str) -> Deal:
    """Return a deal by its kind and id.

    Raises:
        Refused: NO_SUCH_LOT, NO_SUCH_LISTING, NO_SUCH_NOTICE, NOT_FOUND, UNAVAILABLE.
    """
    if kind == "notice":
        return _of_notice(await _find_notice(services, subject_id))
    if kind == "listing":
        return await _of_listing(services, await find_listing(services, subject_id))
    if kind != "lot" or not is_lot_id(subject_id):
        raise Refused(Code.NOT_FOUND)
    state = await find_lot(services, subject_id)
    if "." in subject_id:
        try:
            return await _of_listing(services, await find_listing(services, group_of(LotId(subject_id))))
        except Refused as refused:
            if refused.code is not Reject.NO_SUCH_LISTING:
                raise
    return _of_lot(state)


def edition_for(caller: Caller, deal: Deal) -> Edition:
    """Return which edition a caller may have.

    Raises:
        Refused: NOT_FOUND: none; whether there is a deal is not his business.
    """
    if caller.role is Role.SUPERVISOR:
        return Edition.SUPERVISOR
    if caller.role is Role.OPERATOR:
        return Edition.OPERATOR
    party = caller.party_on(deal.id)
    if party == deal.seller_id:
        return Edition.SELLER
    if party in deal.buyers:
        return Edition.BUYER
    raise Refused(Code.NOT_FOUND)


def _of_lot(state: LotState) -> Deal:
    sold, named = state.winner is not None and state.price is not None, state.achievement
    return Deal(
        kind="lot",
        id=state.lot_id,
        title_zh=state.subject.title_zh,
        title_en=state.subject.title_en,
        seller_id=state.seller_id,
        buyers=_buyers(state),
        streams=(LOTS.stream(state.lot_id),),
        state=state,
        ready=state.phase.is_final,
        price_fen=int(state.price or 0) if sold and state.terms.currency == CNY else None,
        achievement="" if named is None else named.id,
        achievement_version=0 if named is None else named.version,
        achievement_digest="" if named is None else named.digest,
    )


async def _find_notice(services: Services, notice_id: str) -> NoticeState:
    if not is_notice_id(notice_id):
        raise Refused(Reject.NO_SUCH_NOTICE)
    try:
        state = await services.engine.notices.load(NoticeId(notice_id))
    except CorruptLog as damage:
        raise Refused(Reject.LOT_UNREADABLE) from damage
    except (JournalUnavailable, *UNREACHABLE) as error:
        raise Refused(Code.UNAVAILABLE) from error
    if state is None:
        raise Refused(Reject.NO_SUCH_NOTICE)
    return state


def _of_notice(state: NoticeState) -> Deal:
    buyer = state.content.buyer.party_id if state.deal is None else state.deal.buyer.party_id
    return Deal(
        kind="notice",
        id=state.notice_id,
        title_zh=state.content.title_zh,
        title_en=state.content.title_en,
        seller_id=state.seller_id,
        buyers=(PartyId(buyer),) if buyer and state.deal is not None else (),
        streams=(NOTICES.stream(state.notice_id),),
        state=state,
        ready=bool(state.versions),
        price_fen=int(state.deal.price) if state.deal is not None and state.deal.currency == CNY else None,
        achievement=state.content.achievement_id,
        achievement_version=state.content.achievement_version,
        achievement_digest=state.content.achievement_digest,
    )


def _buyers(state: LotState) -> tuple[PartyId, ...]:
    shares = () if state.play is None else state.play.allocated
    winners = [share.bidder_id for share in shares] if state.winner is None else [state.winner]
    return tuple(dict.fromkeys(winners))


async def _of_listing(services: Services, state: ListingState) -> Deal:
    streams = [LISTINGS.stream(state.listing_id)]
    for number in range(1, state.sessions + 1):
        session = await services.engine.load(lot_of(state.listing_id, number))
        if session is not None and session.phase.is_final:
            streams.append(LOTS.stream(session.lot_id))
    return Deal(
        kind="listing",
        id=state.listing_id,
        title_zh=state.subject.title_zh,
        title_en=state.subject.title_en,
        seller_id=state.seller_id,
        buyers=tuple(dict.fromkeys(deal.buyer_id for deal in state.deals)),
        streams=tuple(streams),
        state=state,
        ready=bool(state.deals) or (state.phase.is_final and state.first_published_at_us is not None),
        achievement=state.subject.achievement_id,
        achievement_version=state.subject.achievement_version,
        achievement_digest=state.subject.achievement_digest,
        price_fen=int(state.deals[-1].price) if state.deals and state.terms.currency == CNY else None,
    )
