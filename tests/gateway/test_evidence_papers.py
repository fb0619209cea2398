"""What the pages of an evidence file say of the price: to a buyer only what was published."""

from __future__ import annotations

import pytest

from engine.evidence.editions import Edition
from engine.rules.publicity.content import Confidential
from engine.values import PartyId
from gateway.evidence.deals import Deal
from gateway.evidence.papers import basis, objections
from tests.engine.rules.listing import transcript as listing
from tests.engine.rules.publicity import transcript as notice


def deal(kind: str, state: object) -> Deal:
    return Deal(
        kind=kind, id="d", title_zh="成果", title_en="", seller_id=PartyId("s"), buyers=(), streams=(f"{kind}/d",), state=state,
        ready=True,
    )  # fmt: skip


def test_a_buyer_reads_the_list_price_and_not_the_valuation_behind_it() -> None:
    of_state = deal("listing", listing.Record(listing.state_asset()).now)
    seller, buyer = (dict(basis(of_state, edition, "en")) for edition in (Edition.SELLER, Edition.BUYER))
    assert set(seller) == {"List price", "Valuation", "Floor (share of the valuation)"}
    assert set(buyer) == {"List price"}


@pytest.mark.parametrize(("confidential", "rows"), [(Confidential.NO, True), (Confidential.TRADE_SECRET, False)])
def test_the_basis_of_a_confidential_notice_stays_with_the_institution(confidential: Confidential, rows: bool) -> None:
    story = notice.Story().published(confidential=confidential)
    story.tell("03-03 09:00", notice.objection())
    of_notice = deal("notice", story.notice)
    assert basis(of_notice, Edition.SELLER, "zh")
    assert bool(basis(of_notice, Edition.BUYER, "zh")) is rows
    assert [row[2:4] for row in objections(of_notice, "zh")] == [["权属", "已提出"]]
