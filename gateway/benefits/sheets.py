"""From a deal to the reference sheet of a side: what the market knows of it, beside what the party types in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.calendar import day_of
from engine.catalogue.codes.party_natures import PARTY_NATURES, NatureKind
from engine.catalogue.codes.regions import is_home
from engine.catalogue.parties.party import Party
from engine.typesetting.request import Frame, Language
from engine.values import CNY, InstantUs, PartyId, parse_amount
from gateway.accounts.model import Caller
from gateway.deals import acting
from gateway.errors import Code, Refused
from gateway.pages.i18n import catalogue
from gateway.services import Services
from settlement.benefits.documents import SHEET_TEMPLATE, sheet_data
from settlement.benefits.parameters import NotInForce, parameters_on
from settlement.benefits.sheet import ASSUMED_MAX, Assumed, Basis, Sheet, sheet_of
from settlement.benefits.subsidy import Claimant
from settlement.deals.deal import DealSide
from settlement.deals.process import Process
from settlement.registration.evolving import Registration
from settlement.registration.store import Shelf

ASSUMED: Final = ("cost", "fees", "reward", "other_income", "deductions")
"""Names of what may be typed in, yuan."""
_NONPROFIT: Final = ("021", "022")
"""Natures of research institutes and universities (domain.md §5.10)."""


async def find(services: Services, caller: Caller, deal_id: str, typed: Mapping[str, str]) -> tuple[Process, Sheet]:
    """Return a deal and the sheet of the caller's side; staff may choose the side (`side`).

    Raises:
        Refused: NOT_FOUND: no such deal for him. MALFORMED (`fields`): what was typed is no amount.
    """
    return await reckoned(services, caller, deal_id, typed.get("side", ""), assumed_of(typed))


async def reckoned(
    services: Services, caller: Caller, deal_id: str, wanted: str, assumed: Assumed
) -> tuple[Process, Sheet]:
    """Return a deal and the sheet of the caller's side, or for staff of the `wanted` one (seller, buyer).

    Raises:
        Refused: NOT_FOUND: no such deal for him. UNAVAILABLE: no parameters hold today.
    """
    process, own = await acting.find(services, caller, deal_id)
    side = own or (DealSide.BUYER if wanted == DealSide.BUYER.value else DealSide.SELLER)
    party_id = process.deal.seller_id if side is DealSide.SELLER else process.deal.buyer_id
    party = await services.parties.read(PartyId(party_id))
    registration = await Shelf(services.pool, push=False).find("of_deal", process.id)
    basis = basis_of(process, side, party, registration)
    today = day_of(InstantUs(services.now_us))
    try:
        return process, sheet_of(basis, assumed, parameters_on(today))
    except NotInForce:
        raise Refused(Code.UNAVAILABLE) from None


def basis_of(process: Process, side: DealSide, party: Party | None, registration: Registration | None) -> Basis:
    """Return what the market knows. Until the registrar has decided, the technical amount is the price."""
    deal = process.deal
    nature = "" if party is None else party.nature
    number = process.registration_no or ("" if registration is None else registration.number)
    known = registration is not None and registration.registered_at_us
    registered_us = registration.registered_at_us if registration is not None and known else deal.struck_at_us
    technical = registration.technical_fen if registration is not None and known else deal.price_fen
    return Basis(
        deal=deal.id,
        side=Claimant(side.value),
        registration_no=number,
        registered_on=day_of(InstantUs(registered_us)),
        technical_fen=technical,
        paid_fen=min(process.received_fen, technical),
        exemptable=True,  # the market trades transfers and licences only
        enterprise=nature in PARTY_NATURES and PARTY_NATURES[nature].kind is NatureKind.ENTERPRISE,
        nonprofit=nature.startswith(_NONPROFIT),
        in_region=party is not None and is_home(party.region),
    )


def assumed_of(typed: Mapping[str, str]) -> Assumed:
    """Return what was typed.

    Raises:
        Refused: MALFORMED (`fields`): no amount, or more than anybody has.
    """
    return Assumed(
        cost_fen=_fen(typed, "cost"), fees_fen=_fen(typed, "fees"), reward_fen=_fen(typed, "reward"),
        other_income_fen=_fen(typed, "other_income"), deductions_fen=_fen(typed, "deductions"),
    )  # fmt: skip


def _fen(typed: Mapping[str, str], name: str) -> int:
    text = typed.get(name, "").strip().replace(",", "").replace("，", "")
    if not text:
        return 0
    amount = parse_amount(text[:20], CNY)
    if amount is None or amount > ASSUMED_MAX:
        raise Refused(Code.MALFORMED, fields=name)
    return int(amount)


async def sheet_pdf(services: Services, process: Process, sheet: Sheet, language: Language, origin: str) -> bytes:
    """Return a sheet as PDF.

    Raises:
        TypesettingFailed: why not.
    """
    say = catalogue(language)
    deal = process.deal
    title = (deal.title_en or deal.title_zh) if language == "en" else deal.title_zh
    frame = Frame(
        title=say["benefits.title"], market=services.config.market_name, number=f"{deal.id} · {sheet.basis.side.value}",
        verify_url=f"{origin}/deals/{deal.id}/benefits", dated_us=services.now_us, language=language,
    )  # fmt: skip
    return await services.typesetter.set(SHEET_TEMPLATE, frame, sheet_data(sheet, title, say))
