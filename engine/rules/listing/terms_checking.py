"""Whether a listing can be held under given terms: every problem as a stable word (`field: problem`)."""

from __future__ import annotations

from typing import Final

from engine.rules.auction.terms import DURATION_MAX, Admission, terms_problems
from engine.rules.listing.deposits import deposit_cap
from engine.rules.listing.sessions import SEATS_OF_A_SESSION, session_terms
from engine.rules.listing.terms import (
    ALL_BPS,
    LISTING_RULE_VERSION,
    DepositTerms,
    FixedDeposit,
    ListingTerms,
    OfferedMode,
    OfferTerms,
    SaleWay,
    SeatMethod,
    SessionTerms,
    StateAsset,
)
from engine.values import AMOUNT_MAX, Amount, DurationUs, InstantUs, ceil_div

WORKING_DAYS_MAX: Final = 250
"""About a year: longer than anything a listing waits for."""
CYCLES_MAX: Final = 100
SEATS_MAX: Final = 2_000
LONGEST_MAX: Final = DurationUs(20 * 366 * 86_400 * 1_000_000)
"""The life of an invention patent."""
_SEVERAL: Final = frozenset({OfferedMode.PLAIN, OfferedMode.OPEN})


def listing_terms_problems(terms: ListingTerms) -> list[str]:
    """Return what is wrong with terms, as stable words (`field: problem`), empty when they can be published."""
    return [
        *_price_problems(terms),
        *_way_problems(terms),
        *_seat_problems(terms),
        *_length_problems(terms),
        *([] if terms.deposit is None else _deposit_problems(terms, terms.deposit)),
        *([] if terms.offers is None else _offer_problems(terms, terms.offers)),
        *([] if terms.session is None else _session_problems(terms, terms.session)),
        *([] if terms.state_asset is None else _state_asset_problems(terms, terms.state_asset)),
    ]


def floor_of(asset: StateAsset) -> Amount:
    """Return the price below which the approving body must have consented: the share of the valuation, rounded up."""
    return Amount(ceil_div(asset.valuation * asset.floor_bps, ALL_BPS))


def _price_problems(terms: ListingTerms) -> list[str]:
    found = []
    if terms.rule_version != LISTING_RULE_VERSION:
        found.append("rule_version: unknown")
    if not 0 <= terms.currency.exponent <= 24 or not 1 <= len(terms.currency.code) <= 8:
        found.append("currency: malformed")
    if terms.list_price is None:
        if terms.way is not SaleWay.POSTED or terms.offers is None:
            found.append("list_price: needed")
    elif not 0 < terms.list_price <= AMOUNT_MAX:
        found.append("list_price: out_of_range")
    if not 0 <= terms.withdrawal_cost <= AMOUNT_MAX:
        found.append("withdrawal_cost: out_of_range")
    if not 0 <= terms.code_seed <= 10**9:
        found.append("code_seed: out_of_range")
    return found


def _way_problems(terms: ListingTerms) -> list[str]:
    found = []
    if terms.admission is Admission.LISTING:
        found.append("admission: only_of_a_session")
    if terms.way is SaleWay.DISCLOSED:
        if not 1 <= terms.disclosure_working_days <= WORKING_DAYS_MAX:
            found.append("disclosure_working_days: out_of_range")
        if terms.admission is not Admission.APPROVED:
            found.append("admission: disclosed_needs_approval")
        if terms.session is None:
            found.append("session: needed")
        if terms.deposit is not None and terms.seller_answer_working_days >= terms.decide_working_days:
            found.append("decide_working_days: no_time_for_the_deposit")
    else:
        found += [
            f"{field}: only_where_disclosed"
            for field, given in (
                ("disclosure_working_days", terms.disclosure_working_days != 0),
                ("extension", terms.extension is not None),
                ("session", terms.session is not None),
                ("always_bid", terms.always_bid),
                ("state_asset", terms.state_asset is not None),
            )
            if given
        ]
    return found + _open_licence_problems(terms)


def _open_licence_problems(terms: ListingTerms) -> list[str]:
    """Patent law arts. 50-52, implementing rules arts. 85-88: no exclusive or sole licence beside an open one."""
    is_open = terms.way is SaleWay.OPEN_LICENCE
    found = []
    if is_open != (terms.mode is OfferedMode.OPEN):
        found.append("mode: open_licence_conflict")
    if is_open and terms.admission is not Admission.OPEN:
        found.append("admission: open_licence_is_open")
    if is_open != (terms.open_licence is not None):
        found.append("open_licence: statement_needed" if is_open else "open_licence: only_with_an_open_licence")
    if terms.open_licence is not None:
        most = terms.open_licence.fixed_fee_max
        if not 0 < len(terms.open_licence.statement_no.strip()) <= 100:
            found.append("open_licence: statement_number")
        if most is not None and terms.list_price is not None and terms.list_price > most:
            found.append("list_price: above_the_open_licence_fee_cap")
    return found


def _seat_problems(terms: ListingTerms) -> list[str]:
    found = []
    if terms.seats is not None and not 1 <= terms.seats <= SEATS_MAX:
        found.append("seats: out_of_range")
    if terms.seats != 1 and terms.mode not in _SEVERAL:
        found.append("seats: only_plain_and_open_licences")
    if terms.seat_method is SeatMethod.BIDDING and (terms.session is None or terms.seats is None):
        found.append("seat_method: bidding_needs_a_session")
    if terms.way is SaleWay.DISCLOSED and terms.seats != SEATS_OF_A_SESSION:
        found.append("seats: more_than_a_session_can_sell")
    return found


def _length_problems(terms: ListingTerms) -> list[str]:
    days = {
        "seller_answer_working_days": terms.seller_answer_working_days,
        "decide_working_days": terms.decide_working_days,
        "sign_working_days": terms.sign_working_days,
        "rest_after_suspension_working_days": terms.rest_after_suspension_working_days,
        "total_after_suspension_working_days": terms.total_after_suspension_working_days,
    }
    found = [f"{field}: out_of_range" for field, count in days.items() if not 1 <= count <= WORKING_DAYS_MAX]
    if not 0 < terms.suspension_max_us <= DURATION_MAX:
        found.append("suspension_max_us: out_of_range")
    if not 0 <= terms.outage_max_us <= DURATION_MAX:
        found.append("outage_max_us: out_of_range")
    if not 0 < terms.longest_us <= LONGEST_MAX:
        found.append("longest_us: out_of_range")
    if terms.extension is not None:
        if not 1 <= terms.extension.cycle_working_days <= WORKING_DAYS_MAX:
            found.append("extension: cycle_out_of_range")
        if not 1 <= terms.extension.cycles_max <= CYCLES_MAX:
            found.append("extension: cycles_out_of_range")
    return found


def _deposit_problems(terms: ListingTerms, deposit: DepositTerms) -> list[str]:
    found = []
    if terms.admission is not Admission.APPROVED:
        found.append("deposit: needs_approval")
    if terms.list_price is None:
        found.append("deposit: needs_a_list_price")
    if not 0 < deposit.cap_bps <= ALL_BPS:
        found.append("deposit: cap_out_of_range")
    if (
        not 1 <= deposit.due_working_days <= WORKING_DAYS_MAX
        or not 1 <= deposit.appeal_working_days <= WORKING_DAYS_MAX
    ):
        found.append("deposit: days_out_of_range")
    size = deposit.size
    if isinstance(size, FixedDeposit):
        if not 0 < size.amount <= AMOUNT_MAX:
            found.append("deposit: out_of_range")
        elif terms.list_price is not None and size.amount > deposit_cap(deposit, terms.list_price):
            found.append("deposit: above_the_cap")
    else:
        if not 0 < size.share_bps <= ALL_BPS or (size.at_most is not None and not 0 < size.at_most <= AMOUNT_MAX):
            found.append("deposit: out_of_range")
        elif size.share_bps > deposit.cap_bps:
            found.append("deposit: above_the_cap")
    return found


def _offer_problems(terms: ListingTerms, offers: OfferTerms) -> list[str]:
    found = []
    if terms.way is not SaleWay.POSTED:
        found.append("offers: only_beside_a_posted_price")
    if offers.must_rise and not offers.one_standing:
        found.append("offers: rising_needs_one_standing")
    if offers.expires_after_us is not None and not 0 < offers.expires_after_us <= DURATION_MAX:
        found.append("offers: expiry_out_of_range")
    if offers.lowest is not None and not 0 < offers.lowest <= AMOUNT_MAX:
        found.append("offers: lowest_out_of_range")
    return found


def _session_problems(terms: ListingTerms, session: SessionTerms) -> list[str]:
    found = []
    if not 1 <= session.opens_after_working_days <= WORKING_DAYS_MAX:
        found.append("session: opens_after_out_of_range")
    if not 0 <= session.opens_at_minute < 1_440:
        found.append("session: opens_at_out_of_range")
    if session.open_for_us is not None and not 0 < session.open_for_us <= DURATION_MAX:
        found.append("session: open_for_out_of_range")
    # Any opening will do: what the auction rules ask for does not depend on it.
    held = session_terms(terms, terms.list_price or Amount(1), InstantUs(0))
    return found + [f"session.{problem}" for problem in terms_problems(held)]


def _state_asset_problems(terms: ListingTerms, asset: StateAsset) -> list[str]:
    found = []
    if not 0 < asset.valuation <= AMOUNT_MAX:
        found.append("state_asset: valuation_out_of_range")
    if not asset.valuation_no.strip():
        found.append("state_asset: valuation_number")
    if not 0 < asset.floor_bps <= ALL_BPS:
        found.append("state_asset: floor_out_of_range")
    lengths = (asset.least_working_days, asset.only_price_changed_working_days, asset.least_cycle_working_days)
    if any(not 1 <= days <= WORKING_DAYS_MAX for days in lengths):
        found.append("state_asset: days_out_of_range")
    if terms.disclosure_working_days < asset.least_working_days:
        found.append("disclosure_working_days: too_short_for_a_state_asset")
    if terms.extension is not None and terms.extension.cycle_working_days < asset.least_cycle_working_days:
        found.append("extension: too_short_for_a_state_asset")
    price = terms.list_price
    if price is not None and asset.first_at_valuation and price < asset.valuation:
        found.append("list_price: below_valuation")
    if price is not None and price < floor_of(asset) and not asset.approval_no.strip():
        found.append("list_price: below_floor_without_approval")
    return found
