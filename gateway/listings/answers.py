"""From recorded terms back to the answers of the form: who corrects, changes or lists anew types nothing twice."""

from __future__ import annotations

from typing import Final

from engine.calendar import civil_of, day_of
from engine.rules.auction.terms import FixedIncrement
from engine.rules.listing import terms as lt
from engine.rules.listing.commands import ListedSubject
from engine.values import CNY, Amount, format_amount
from gateway.listings.steps import HOUR_US, defaults

SECOND_US: Final = 1_000_000


def answers_of(terms: lt.ListingTerms, subject: ListedSubject) -> dict[str, str]:
    """Return the answers that made these terms; what the form does not ask (a percentage as increment) keeps its default."""
    return {
        **defaults(),
        "mode": terms.mode.value,
        "way": terms.way.value,
        "seats": "" if terms.seats is None else str(terms.seats),
        "price": "" if terms.list_price is None else format_amount(terms.list_price, terms.currency),
        "offers": "" if terms.offers is None else "1",
        "admission": terms.admission.value,
        "withdrawal_cost": format_amount(terms.withdrawal_cost, terms.currency),
        "statement_no": "" if terms.open_licence is None else terms.open_licence.statement_no,
        "conditions_zh": subject.conditions_zh,
        "conditions_en": subject.conditions_en,
        "defects_zh": subject.defects_zh,
        "defects_en": subject.defects_en,
        "payment": subject.payment,
        "relists": subject.relists,
        **_period(terms),
        **_deposit(terms),
        **_asset(terms),
    }


def _period(terms: lt.ListingTerms) -> dict[str, str]:
    session = terms.session
    if terms.way is not lt.SaleWay.DISCLOSED or session is None:
        return {}
    cycles = terms.extension
    form = {"days": str(terms.disclosure_working_days), "cycles": "0", "always_bid": "1" if terms.always_bid else ""}
    if cycles is not None:
        form |= {"cycle_days": str(cycles.cycle_working_days), "cycles": str(cycles.cycles_max)}
    if isinstance(session.increment, FixedIncrement):
        form["step_yuan"] = format_amount(session.increment.step, terms.currency)
    if session.open_for_us is not None:
        return {**form, "bidding": "court", "open_hours": str(session.open_for_us // HOUR_US)}
    if session.free_period_us is not None and session.limited_cycle_us is not None:
        form["free_hours"] = str(session.free_period_us // HOUR_US)
        form["cycle_seconds"] = str(session.limited_cycle_us // SECOND_US)
    return form


def _deposit(terms: lt.ListingTerms) -> dict[str, str]:
    deposit = terms.deposit
    if deposit is None:
        return {"deposit": "none"}
    form = {"release": deposit.release.value}
    if isinstance(deposit.size, lt.FixedDeposit):
        return {**form, "deposit": "amount", "deposit_yuan": format_amount(deposit.size.amount, terms.currency)}
    share = format_amount(
        Amount(deposit.size.share_bps), CNY
    )  # basis points have two decimals of a per cent, like fen of a yuan
    return {**form, "deposit": "share", "share_percent": share}


def _asset(terms: lt.ListingTerms) -> dict[str, str]:
    asset = terms.state_asset
    if asset is None:
        return {}
    year, month, day = civil_of(day_of(asset.valued_at_us))
    return {
        "valuation_yuan": format_amount(asset.valuation, terms.currency),
        "valuation_no": asset.valuation_no,
        "valued_on": f"{year}-{month:02}-{day:02}",
        "approval_no": asset.approval_no,
    }
