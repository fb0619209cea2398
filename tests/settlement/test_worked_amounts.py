"""Every row of the worked numbers of the trade (domain.md §5.7, §6.2, §6.3, §6.4) in one table, exact to the fen.

The rules are explained by the tests beside each of them; this table is for whoever checks the figures against the page that they
stand on: one row there, one row here, in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.calendar import day_from_civil
from engine.catalogue.codes.price_floors import price_floors
from engine.values import Amount
from settlement.benefits.parameters import parameters_on
from settlement.benefits.taxes import corporate_tax, reward_tax, stamp_tax, vat
from settlement.contracts.amounts import assess
from settlement.contracts.facts import Part
from settlement.contracts.facts import Payment as ContractPayment
from settlement.contracts.facts import Royalty as ContractRoyalty
from settlement.contracts.facts import RoyaltyBase as ContractBase
from settlement.deals.fees import commission, scales
from settlement.deals.payment import EntryRoyalty, Royalty, RoyaltyBase, lines_of, royalty_fen
from settlement.deposits.terms import Settlement, SurplusPolicy, settle_default
from settlement.distribution.floors import at_least, floors
from settlement.distribution.splitting import Band, Cost, CostKind, Group, Person, Split, band_of, net_income, split

YUAN = 100
WAN = 10_000 * YUAN
NOW = parameters_on(day_from_civil(2026, 11, 28))
COSTS = (
    Cost(kind=CostKind.VALUATION, amount_fen=2 * WAN), Cost(kind=CostKind.UPKEEP, amount_fen=3 * WAN),
    Cost(kind=CostKind.BROKER, amount_fen=9 * WAN), Cost(kind=CostKind.TAX, amount_fen=900 * YUAN),
)  # fmt: skip
MAIN, STAFF = Person(name="甲", group=Group.MAIN, weight=1), Person(name="丙", group=Group.STAFF, weight=1)
NEFU = (
    Band(from_fen=0, reward_bps=9_000, college_bps=200),
    Band(from_fen=50 * WAN, reward_bps=9_500, college_bps=100),
)


def shared(net_wan: int) -> Split:
    """Share by the table of NEFU 2025."""
    return split(band_of(NEFU, net_wan * WAN), 0, 5_000, net_wan * WAN, (), (MAIN,))


def default(policy: SurplusPolicy) -> Settlement:
    """Settle the example of §6.2."""
    return settle_default(
        first_price_fen=180 * WAN, second_price_fen=155 * WAN, costs_fen=2 * WAN, deposit_fen=30 * WAN, policy=policy
    )


def royalties(*sales_wan: int) -> list[int]:
    """Return the entry fee of 500,000 yuan and what 3 % of each year's sales come to."""
    terms = EntryRoyalty(
        working_days=5, royalty=Royalty(base=RoyaltyBase.SALES, rates_bps=(300,), months=12, periods=len(sales_wan))
    )
    entry = lines_of(terms, 50 * WAN, 0)[0].known_fen
    return [entry, *(royalty_fen(terms.royalty, no, sales * WAN, 0) for no, sales in enumerate(sales_wan, 1))]


def floor(code: str) -> int:
    """Return a price floor of a valuation of 2,000,000 yuan."""
    return {one.rule.code: one.least_fen for one in price_floors(Amount(200 * WAN))}[code]


def court_fee(price_wan: int) -> int:
    """Return the commission of the court's sliding scale."""
    scale = scales()["court-buyer"]
    return commission(scale.bands, scale.minimum_fen, price_wan * WAN)


def technical(total_wan: int, *parts: Part, royalty: bool = False) -> int:
    """Return the technical amount of a contract (§5.7)."""
    rate = ContractRoyalty(base=ContractBase.SALES, rates_bps=(300,)) if royalty else None
    mode = "ROYALTY_PLUS_ENTRY" if royalty else "ONE_TIME"
    return assess(ContractPayment(mode=mode, total_fen=total_wan * WAN, royalty=rate), parts).technical_fen


ROWS: dict[str, tuple[Callable[[], Any], Any]] = {
    "5.7 total 5,000,000 with equipment of 1,200,000": (
        lambda: technical(500, Part(kind="EQUIPMENT", name="反应釜", amount_fen=120 * WAN)), 380 * WAN,
    ),
    "5.7 pure patent sale 3,000,000": (lambda: technical(300), 300 * WAN),
    "5.7 royalty: entry 500,000 + 3 %": (lambda: technical(50, royalty=True), 50 * WAN),
    "6.2 shortfall": (lambda: default(SurplusPolicy.KEEP).shortfall_fen, 27 * WAN),
    "6.2 due": (lambda: default(SurplusPolicy.KEEP).due_fen, 0),
    "6.2 surplus 30,000 kept": (lambda: default(SurplusPolicy.KEEP).returned_fen, 0),
    "6.2 surplus 30,000 returned": (lambda: default(SurplusPolicy.RETURN).returned_fen, 3 * WAN),
    "6.3 court scale 2,000,000": (lambda: court_fee(200), 10 * WAN),
    "6.3 court scale 12,000,000": (lambda: court_fee(1_200), 38 * WAN),
    "6.3 court scale 60,000,000": (lambda: court_fee(6_000), 124 * WAN),
    "6.3 court scale 150,000,000": (lambda: court_fee(15_000), 189 * WAN),
    "6.4 net income": (lambda: net_income(300 * WAN, COSTS), 2_859_100_00),
    "6.4 national floor 50 %": (lambda: at_least(2_859_100_00, floors().reward_bps.value), 1_429_550_00),
    "6.4 rule of 70 %": (lambda: at_least(2_859_100_00, 7_000), 2_001_370_00),
    "6.4 Zhejiang: reward, main, staff": (
        lambda: (lambda found: (found.reward_fen, found.main_least_fen, found.staff_fen))(
            split(Band(from_fen=0, reward_bps=7_000), 500, 7_000, 200 * WAN, (), (MAIN, STAFF))
        ),
        (140 * WAN, 98 * WAN, 7 * WAN),
    ),
    "6.4 equity of 10,000,000 at 50 %": (lambda: at_least(1_000 * WAN, floors().equity_bps.value), 500 * WAN),
    "6.4 equity of 10,000,000 at 70 %": (lambda: at_least(1_000 * WAN, 7_000), 700 * WAN),
    "6.4 own implementation, 3,000,000 a year": (lambda: at_least(300 * WAN, floors().own_profit_bps.value), 15 * WAN),
    "6.4 NEFU 400,000": (
        lambda: (shared(40).reward_fen, shared(40).unit_fen, shared(40).college_fen), (36 * WAN, 3_2000_00, 8_000_00),
    ),
    "6.4 NEFU 1,000,000": (
        lambda: (shared(100).reward_fen, shared(100).unit_fen, shared(100).college_fen), (95 * WAN, 4 * WAN, 1 * WAN),
    ),
    "6.4 CIT 9,000,000 - 2,200,000 - 200,000: income": (
        lambda: corporate_tax(900 * WAN, 220 * WAN, 20 * WAN, NOW).income_fen, 660 * WAN,
    ),
    "6.4 CIT tax": (lambda: corporate_tax(900 * WAN, 220 * WAN, 20 * WAN, NOW).tax_fen, 20 * WAN),
    "6.4 CIT without relief": (lambda: corporate_tax(900 * WAN, 220 * WAN, 20 * WAN, NOW).without_fen, 165 * WAN),
    "6.4 CIT saved": (lambda: corporate_tax(900 * WAN, 220 * WAN, 20 * WAN, NOW).saved_fen, 145 * WAN),
    "6.4 CIT edge 5,000,000": (lambda: corporate_tax(500 * WAN, 0, 0, NOW).tax_fen, 0),
    "6.4 CIT edge 5,000,001": (lambda: corporate_tax(500 * WAN + YUAN, 0, 0, NOW).tax_fen, 13),
    "6.4 CIT edge 8,000,000": (lambda: corporate_tax(800 * WAN, 0, 0, NOW).tax_fen, 375_000_00),
    "6.4 CIT edge 20,000,000": (lambda: corporate_tax(2_000 * WAN, 0, 0, NOW).tax_fen, 1_875_000_00),
    "6.4 IIT counted": (lambda: reward_tax(100 * WAN, 0, NOW).counted_fen, 50 * WAN),
    "6.4 IIT tax": (lambda: reward_tax(100 * WAN, 0, NOW).tax_fen, 79_080_00),
    "6.4 IIT without the rule": (lambda: reward_tax(100 * WAN, 0, NOW).without_fen, 243_080_00),
    "6.4 IIT saved": (lambda: reward_tax(100 * WAN, 0, NOW).saved_fen, 164_000_00),
    "6.4 IIT beside a salary of 200,000: salary only": (lambda: reward_tax(100 * WAN, 20 * WAN, NOW).before_fen, 11_480_00),
    "6.4 IIT beside it, half": (lambda: reward_tax(100 * WAN, 20 * WAN, NOW).tax_fen, 139_080_00),
    "6.4 IIT beside it, half adds": (lambda: reward_tax(100 * WAN, 20 * WAN, NOW).added_fen, 127_600_00),
    "6.4 IIT beside it, full": (lambda: reward_tax(100 * WAN, 20 * WAN, NOW).without_fen, 331_080_00),
    "6.4 IIT beside it, full adds": (
        lambda: reward_tax(100 * WAN, 20 * WAN, NOW).without_fen - reward_tax(100 * WAN, 20 * WAN, NOW).before_fen, 319_600_00,
    ),
    "6.4 VAT net": (lambda: vat(106 * WAN, NOW, exempt=False).net_fen, 100 * WAN),
    "6.4 VAT tax": (lambda: vat(106 * WAN, NOW, exempt=False).tax_fen, 6 * WAN),
    "6.4 VAT exempt": (lambda: vat(106 * WAN, NOW, exempt=True).due_fen, 0),
    "6.4 stamp tax of 3,000,000, each side": (lambda: stamp_tax(300 * WAN, NOW), 900_00),
    "6.4 royalty: each part": (lambda: royalties(800, 1_200, 1_500), [50 * WAN, 24 * WAN, 36 * WAN, 45 * WAN]),
    "6.4 royalty: 1,550,000 in all": (lambda: sum(royalties(800, 1_200, 1_500)), 155 * WAN),
    "6.4 floor: state asset, free cut to 1,800,000": (lambda: floor("state_free_cut"), 180 * WAN),
    "6.4 floor: court, first round 1,400,000": (lambda: floor("court_first"), 140 * WAN),
    "6.4 floor: court, second round 1,120,000": (lambda: floor("court_second"), 112 * WAN),
    "6.4 floor: old sell-off 1,000,000": (lambda: floor("sell_off_old"), 100 * WAN),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_worked_number(row: str) -> None:
    compute, wanted = ROWS[row]
    assert compute() == wanted


def test_the_shares_of_a_floor_are_those_that_the_sale_goes_by() -> None:
    """The table for readers and the rules that refuse say the same: the listing's 90 %, the session's cut of a fifth."""
    from engine.catalogue.codes.listing_rules import listing_rules
    from engine.rules.auction.clearing.rounds import RoundRules, least_start

    assert floor("state_free_cut") == 200 * WAN * listing_rules().state_asset_floor_bps // 10_000
    assert floor("court_second") == least_start(RoundRules(), Amount(floor("court_first")))


def test_a_floor_is_rounded_up_to_the_fen() -> None:
    """Three fen: 90 % are 2.7, so three; 70 % are 2.1, so three, and four fifths of these are 2.4, so three; half are 1.5, so two."""
    assert [one.least_fen for one in price_floors(Amount(3))] == [3, 3, 3, 2]
    assert all(one.rule.source for one in price_floors(Amount(1)))
