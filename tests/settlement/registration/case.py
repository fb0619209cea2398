"""A contract that a registrar would register at once, and how to spoil it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from settlement.contracts.facts import ContractFacts, Payment, Profile, RightFact, Side
from settlement.contracts.life import Contract, ContractState

WAN = 10_000 * 100
"""10,000 yuan in fen."""
PATENT = RightFact(
    kind="INVENTION", name="一种稀土永磁材料的制备方法", number="ZL201810123456.5", status="GRANTED", owner="包头稀土材料研究所",
    filed_on="2018-02-06", granted_on="2020-05-12", expires_on="2038-02-06", fees_paid_to="2027-02-06",
)  # fmt: skip
INSTITUTE = Profile(
    address="包头市稀土高新区黄河大街36号", legal_representative="测试代表甲", zip_code="014030", industry="73",
    is_transfer_institution=False, is_research_institution=True, is_converted_institute=False,
)  # fmt: skip
FACTORY = Profile(
    address="包头市青山区装备大道8号", legal_representative="测试代表乙", zip_code="014033", industry="38",
    is_transfer_institution=False, is_research_institution=False, is_converted_institute=False, in_high_tech_zone=True,
    is_listed=False, size="MEDIUM",
)  # fmt: skip
SELLER = Side(
    party_id="o00000000000000aa", name="包头稀土材料研究所", credit_code="12150200MB0T00011T", nature="0211", region="150207",
    contact="测试联系人甲", phone="0472-5000001", profile=INSTITUTE, seal_name="包头稀土材料研究所",
)  # fmt: skip
BUYER = Side(
    party_id="o00000000000000bb", name="青山新材料有限公司", credit_code="91150204MA0QABCD2Q", nature="150", region="150204",
    contact="测试联系人乙", phone="0472-5000002", profile=FACTORY, seal_name="青山新材料有限公司",
)  # fmt: skip
ANSWERS = {
    "projectplantype": "NONE", "objective": "10", "expected_input": "2000000.00", "expected_output": "15000000.00",
}  # fmt: skip


def facts(**changes: Any) -> ContractFacts:
    """The facts of a signed contract: a patent sold for three million yuan."""
    base: dict[str, Any] = {
        "contract_id": "C-DL-a1-1",
        "deal": "DL-a1-1",
        "kind": "ZR2",
        "project": "稀土永磁材料制备方法专利权转让",
        "seller": SELLER,
        "buyer": BUYER,
        "payment": Payment(mode="ONE_TIME", total_fen=300 * WAN),
        "way": "LISTING",
        "struck_at_us": 1_772_416_800_000_000,
        "rule_version": "listing/1",
        "achievement": "a-magnets",
        "achievement_version": 2,
        "content": "专利权及实施所需的全部技术资料，包括工艺规程和检验规范。",
        "targets": ("磁能积不低于 50 MGOe",),
        "acceptance": "资料交付齐全，按工艺规程试制三批合格。",
        "rights": (PATENT,),
        "signed_on": "2026-03-02",
        "begins_on": "2026-03-02",
        "ends_on": "2027-03-01",
        "field": "05",
        "industry_served": "38",
    }
    return ContractFacts(**{**base, **changes})


def unsigned(given: ContractFacts) -> ContractFacts:
    """The same before anybody signed."""
    return replace(
        given, signed_on="", seller=replace(given.seller, seal_name=""), buyer=replace(given.buyer, seal_name="")
    )


def signed(given: ContractFacts, version: int = 1) -> Contract:
    """The contract of some facts, signed."""
    return Contract(
        id=given.contract_id, seq=2, state=ContractState.SIGNED, version=version, facts=unsigned(given), text="0" * 64,
        templates="t", signed_on=given.signed_on, seller_seal=given.seller.name, buyer_seal=given.buyer.name,
    )  # fmt: skip
