"""From what an institution wishes to what is recorded: with the market's parameters in force and the facts of the achievement."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.calendar import DAY_US
from engine.catalogue.achievements.store import is_achievement_id
from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.codes.listing_rules import ListingRules, listing_rules
from engine.rules.achievement.checking import Stage, problems
from engine.rules.achievement.record import Mode
from engine.rules.achievement.rights import foreign_blocked, rights_block
from engine.rules.auction.terms import Admission
from engine.rules.listing import terms as lt
from engine.rules.listing.commands import ListedSubject
from engine.rules.rejections import Reject
from engine.values import Amount, DurationUs, InstantUs, PartyId
from gateway.errors import Code, Refused
from gateway.http.api.listing_wishes import ListedWish, ListingTermsWish, StateAssetWish
from gateway.services import Services

SEEDS: Final = 900_000


async def listed_version(services: Services, owner: PartyId, achievement_id: str, mode: lt.OfferedMode) -> Version:
    """Return the public version of an achievement that its owner may list in this mode.

    Raises:
        Refused: NOT_FOUND: it is not his or not published; TERMS_INVALID: its record does not allow it, `problems` says why.
    """
    if not is_achievement_id(achievement_id):
        raise Refused(Code.NOT_FOUND)
    version = await services.achievements.public(AchievementId(achievement_id))
    if version is None or version.owner != owner:
        raise Refused(Code.NOT_FOUND)
    at_us = InstantUs(services.now_us)
    found = [*problems(version.record, Stage.LIST, at_us), *rights_block(version.record, Mode(mode.value), at_us)]
    blocking = [f"achievement.{problem.path}: {problem.code}" for problem in found if problem.blocking]
    if blocking:
        raise Refused(Reject.TERMS_INVALID, problems="; ".join(dict.fromkeys(blocking)))
    return version


def listing_terms(
    wish: ListingTermsWish, version: Version, code_seed: int, *, failed_before: bool = False
) -> lt.ListingTerms:
    """Return the terms to record.

    Args:
        wish: What the institution chose.
        version: The achievement as published.
        code_seed: Where bidder codes start; 0 for the digest of what the client meant.
        failed_before: A disclosure at the same valuation found no buyer: a state asset's price may start below it.
    """
    rules = listing_rules()
    price = None if wish.list_price is None else Amount(int(wish.list_price))
    return lt.ListingTerms(
        mode=wish.mode,
        way=wish.way,
        admission=Admission.OPEN if wish.way is lt.SaleWay.OPEN_LICENCE else wish.admission,
        list_price=price,
        currency=wish.currency_terms(),
        disclosure_working_days=wish.disclosure_working_days,
        extension=None if wish.extension is None else wish.extension.terms(),
        seller_answer_working_days=wish.seller_answer_working_days,
        decide_working_days=wish.decide_working_days,
        deposit=None if wish.deposit is None else wish.deposit.terms(rules.deposit_cap_bps),
        session=None if wish.session is None else wish.session.terms(),
        always_bid=wish.always_bid,
        seats=wish.seats,
        seat_method=wish.seat_method,
        offers=None if wish.offers is None else wish.offers.terms(),
        open_licence=_open_licence(wish, rules),
        foreign_blocked=foreign_blocked(version.record),
        state_asset=None
        if wish.state_asset is None
        else _state_asset(wish.state_asset, price, rules, first=not failed_before),
        withdrawal_cost=Amount(int(wish.withdrawal_cost)),
        sign_working_days=wish.sign_working_days,
        suspension_max_us=DurationUs(rules.suspension_max_days * DAY_US),
        rest_after_suspension_working_days=rules.rest_after_suspension_working_days,
        total_after_suspension_working_days=rules.total_after_suspension_working_days,
        longest_us=DurationUs(rules.longest_days * DAY_US),
        code_seed=code_seed,
    )


def without_seed(terms: lt.ListingTerms) -> lt.ListingTerms:
    """Return the terms as the client meant them, for the digest of his wish: the seed is the market's secret."""
    return replace(terms, code_seed=0)


def listed_subject(version: Version, notice: ListedWish) -> ListedSubject:
    """Return what people read about a listing: the public part of the record and the notice."""
    record = version.record
    return ListedSubject(
        achievement_id=version.id,
        achievement_version=version.number,
        achievement_digest=version.digest.hex(),
        title_zh=record.title_zh,
        title_en=record.title_en,
        summary_zh=record.abstract_zh,
        summary_en=record.abstract_en,
        field=record.fields[0] if record.fields else "",
        region=record.region,
        seller_name_zh=record.holder_zh,
        seller_name_en=record.holder_en,
        conditions_zh=notice.conditions_zh,
        conditions_en=notice.conditions_en,
        defects_zh=notice.defects_zh or record.defects,
        defects_en=notice.defects_en,
        payment=notice.payment,
        relists=notice.relists,
    )


def _open_licence(wish: ListingTermsWish, rules: ListingRules) -> lt.OpenLicenceTerms | None:
    if wish.way is not lt.SaleWay.OPEN_LICENCE:
        return None
    return lt.OpenLicenceTerms(
        statement_no=wish.open_licence_statement_no,
        fixed_fee_max=Amount(rules.open_licence_fixed_fee_max_fen),
    )


def _state_asset(wish: StateAssetWish, price: Amount | None, rules: ListingRules, *, first: bool) -> lt.StateAsset:
    return lt.StateAsset(
        valuation=Amount(int(wish.valuation)),
        valuation_no=wish.valuation_no,
        valued_at_us=InstantUs(wish.valued_at_us),
        floor_bps=rules.state_asset_floor_bps,
        first_at_valuation=first,
        least_working_days=rules.least_working_days(price or Amount(0)),
        only_price_changed_working_days=rules.only_price_changed_working_days,
        least_cycle_working_days=rules.least_extension_cycle_working_days,
        approval_no=wish.approval_no,
    )
