"""Technical amount: every worked number of domain.md §5.7, the carrier rule, and the sum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalogue.codes.tables import Confidence
from settlement.contracts.amounts import amount_rules, assess, needs_experts
from settlement.contracts.facts import Part, Payment, Royalty, RoyaltyBase
from tests.settlement.registration.case import WAN


def once(yuan_wan: int) -> Payment:
    return Payment(mode="ONE_TIME", total_fen=yuan_wan * WAN)


def test_equipment_is_subtracted_5_000_000_less_1_200_000_is_3_800_000() -> None:
    done = assess(once(500), (Part(kind="EQUIPMENT", name="反应釜", amount_fen=120 * WAN),))
    assert (done.total_fen, done.technical_fen, done.subtracted_fen) == (500 * WAN, 380 * WAN, 120 * WAN)
    assert done.lines[0].source.startswith("P-RULE")


def test_a_pure_patent_sale_counts_whole_3_000_000() -> None:
    assert assess(once(300)).technical_fen == 300 * WAN


def test_a_royalty_deal_registers_the_entry_fee_now_and_supplements_later() -> None:
    royalty = Royalty(base=RoyaltyBase.SALES, rates_bps=(300,))
    done = assess(Payment(mode="ROYALTY_PLUS_ENTRY", total_fen=50 * WAN, royalty=royalty))
    assert done.technical_fen == 50 * WAN and done.undetermined
    assert not assess(once(50)).undetermined


@pytest.mark.parametrize(
    "kind, quantity, needed, subtracted",
    [
        ("INSTRUMENTS", 1, 1, 600), ("COMPONENTS", 3, 3, 600), ("RAW_MATERIALS", 1, 0, 600), ("OTHER", 1, 1, 600),
        # Carriers stay in as far as they are needed; complete equipment one or two sets (P-CARRIER).
        ("DOCUMENTS", 6, 6, 0), ("DOCUMENTS", 6, 4, 200), ("SAMPLES", 10, 0, 600),
        ("COMPLETE_SET", 2, 9, 0), ("COMPLETE_SET", 3, 3, 200), ("COMPLETE_SET", 6, 6, 400),
    ],
)  # fmt: skip
def test_carriers_of_a_reasonable_number_stay_in(kind: str, quantity: int, needed: int, subtracted: int) -> None:
    part = Part(kind=kind, name="x", amount_fen=600, quantity=quantity, needed=needed)
    assert assess(once(1), (part,)).subtracted_fen == subtracted


def test_half_a_fen_goes_up() -> None:
    part = Part(kind="DOCUMENTS", name="x", amount_fen=5, quantity=2, needed=1)
    assert assess(once(1), (part,)).subtracted_fen == 3


@given(
    st.lists(
        st.builds(
            Part,
            kind=st.sampled_from(list(amount_rules().parts)),
            name=st.just("x"),
            amount_fen=st.integers(0, 10**9),
            quantity=st.integers(1, 50),
            needed=st.integers(0, 60),
        ),
        max_size=8,
    )
)
def test_the_parts_and_the_technical_amount_make_the_whole(parts: list[Part]) -> None:
    done = assess(Payment(mode="ONE_TIME", total_fen=10**10), tuple(parts))
    assert done.technical_fen + sum(line.subtracted_fen for line in done.lines) == done.total_fen
    assert all(0 <= line.subtracted_fen <= line.amount_fen for line in done.lines)


def test_parts_above_the_total_and_unknown_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the total"):
        assess(once(1), (Part(kind="EQUIPMENT", name="x", amount_fen=2 * WAN),))
    with pytest.raises(ValueError, match="no such part"):
        assess(once(1), (Part(kind="GIFT", name="x", amount_fen=1),))


def test_experts_from_5_000_000_yuan_or_when_disputed() -> None:
    assert not needs_experts(500 * WAN - 1, disputed=False)
    assert needs_experts(500 * WAN, disputed=False)
    assert needs_experts(1, disputed=True)
    assert amount_rules().expert_review_confidence is Confidence.UNCONFIRMED, "a number of the draft"
