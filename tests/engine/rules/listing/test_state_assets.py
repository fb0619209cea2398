"""State-owned assets: valuation, the 90 % floor with approval, least periods (domain.md §1.5). Numbers are terms, not constants."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.rules.listing import commands as c
from engine.rules.listing.state import ListingRejected
from engine.rules.listing.terms import ExtensionTerms, ListingTerms
from engine.rules.listing.terms_checking import floor_of, listing_terms_problems
from engine.values import Amount
from tests.engine.rules.listing.transcript import Record, state_asset, when

VALUATION = Amount(10_000_000_00)


def asset_terms(price: int, **more: object) -> ListingTerms:
    terms = state_asset(list_price=Amount(price))
    assert terms.state_asset is not None
    return replace(terms, state_asset=replace(terms.state_asset, **more))


# 32号令 art. 17: the first list price is not below the valuation; art. 18 and 2009 rules art. 21: from 90 % on freely, below with consent.
@pytest.mark.parametrize(
    ("price", "more", "says"),
    [
        (10_000_000_00, {}, None),
        (9_999_999_99, {}, "below_valuation"),
        (9_999_999_99, {"first_at_valuation": False}, None),
        (9_000_000_00, {"first_at_valuation": False}, None),
        (8_999_999_99, {"first_at_valuation": False}, "approval_required"),
        (8_999_999_99, {"first_at_valuation": False, "approval_no": "蒙国资批2026-1号"}, None),
        (9_500_000_00, {"first_at_valuation": False, "floor_bps": 9_501}, "approval_required"),
    ],
)
def test_the_first_price_and_the_price_of_a_relisting(price: int, more: dict[str, object], says: str | None) -> None:
    decision = Record(asset_terms(price, **more), publish=False).submit_decision
    assert (decision.code.value if isinstance(decision, ListingRejected) else None) == says


def test_the_floor_is_rounded_up() -> None:
    asset = state_asset().state_asset
    assert asset is not None
    assert floor_of(asset) == 9_000_000_00
    assert floor_of(replace(asset, valuation=Amount(11))) == 10


def change(price: int, approval: str = "") -> c.ChangePrice:
    return c.ChangePrice(price=Amount(price), reason="首次公告期满无受让方", approval_no=approval)


def test_after_a_period_without_a_buyer_the_price_goes_down_to_the_floor_freely_and_below_it_with_consent() -> None:
    record = Record(state_asset())
    assert record.say("03-05 10:00", change(9_500_000_00)) == "approval_required", "what was announced stands"
    record.reach("03-17 09:00")
    assert record.now.cycles == 1
    assert record.say("03-17 10:00", change(8_999_999_99)) == "approval_required"
    assert record.say("03-17 10:00", change(9_000_000_00)) == "price_changed"
    assert when(record.now.discloses_until_us) == "03-24 24:00", (
        "only the price changed: five working days by these terms"
    )
    record.reach("03-25 09:00")
    assert record.say("03-25 10:00", change(8_500_000_00)) == "approval_required"
    assert record.say("03-25 10:00", change(8_500_000_00, "批复-2")) == "price_changed"


def test_a_refused_price_change_says_where_the_floor_is() -> None:
    record = Record(state_asset())
    decision = record.send("03-05 10:00", change(8_000_000_00))
    assert isinstance(decision, ListingRejected) and decision.data == {"floor": "900000000"}


def test_once_a_buyer_has_come_the_price_stays() -> None:
    record = Record(state_asset())
    record.apply("03-17 09:00", "A")
    assert record.say("03-17 10:00", change(9_500_000_00)) == "approval_required"


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        (state_asset(disclosure_working_days=9), "disclosure_working_days: too_short_for_a_state_asset"),
        (state_asset(extension=ExtensionTerms(cycle_working_days=4, cycles_max=1)), "extension: too_short_for_a_state_asset"),
        (asset_terms(10_000_000_00, valuation_no=" "), "state_asset: valuation_number"),
        (asset_terms(10_000_000_00, floor_bps=0), "state_asset: floor_out_of_range"),
        (asset_terms(9_000_000_00), "list_price: below_valuation"),
        (asset_terms(8_000_000_00, first_at_valuation=False), "list_price: below_floor_without_approval"),
    ],
)  # fmt: skip
def test_problems_of_a_state_asset(terms: ListingTerms, problem: str) -> None:
    assert listing_terms_problems(terms) == [problem]
