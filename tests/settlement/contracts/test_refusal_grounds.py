"""The nine grounds on which a registrar refuses (domain.md §5.5), each met by a contract that is spoiled in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine.calendar import parse_day
from settlement.contracts.checks import Finding, Ground, Level, check_contract, explained, refusal_rules
from settlement.contracts.drafting import draft
from settlement.contracts.facts import Approval, ContractFacts, Instalment, Payment, RightFact, Royalty, RoyaltyBase
from tests.settlement.registration.case import BUYER, PATENT, SELLER, WAN, facts

TODAY = parse_day("2026-03-10")
assert TODAY is not None


def found(given: ContractFacts) -> tuple[Finding, ...]:
    assert TODAY is not None
    return check_contract(draft(given), TODAY)


def words(given: ContractFacts) -> list[str]:
    return [one.word for one in found(given)]


def test_a_sound_contract_has_no_finding() -> None:
    assert found(facts()) == ()


ROYALTY = Royalty(base=RoyaltyBase.SALES, rates_bps=(300,))
SPOILED: list[tuple[str, Ground, dict[str, Any]]] = [
    ("not_signed", Ground.NOT_IN_EFFECT, {"signed_on": ""}),
    ("signed_later", Ground.NOT_IN_EFFECT, {"signed_on": "2026-03-11"}),
    ("expired", Ground.NOT_IN_EFFECT, {"ends_on": "2026-03-09"}),
    ("export_prohibited", Ground.NOT_IN_EFFECT, {"export_class": "PROHIBITED", "buyer": replace(BUYER, country="MN")}),
    ("no_targets", Ground.NOT_TECHNOLOGY, {"kind": "KF2", "project": "工艺开发", "targets": ()}),
    ("party_unnamed", Ground.UNCLEAR, {"buyer": replace(BUYER, name=" ", seal_name="x")}),
    ("same_party", Ground.UNCLEAR, {"buyer": replace(BUYER, party_id=SELLER.party_id)}),
    ("kind_unclear", Ground.UNCLEAR, {"kind": "ZR"}),
    ("kind_unclear", Ground.UNCLEAR, {"kind": "ZR4"}),
    ("no_content", Ground.UNCLEAR, {"content": " "}),
    ("licence_unclear", Ground.UNCLEAR, {"kind": "XK1", "project": "专利实施许可"}),
    ("clause_blank", Ground.UNCLEAR, {"rights": ()}),
    ("ends_before_begin", Ground.UNCLEAR, {"begins_on": "2027-03-02"}),
    ("no_price", Ground.UNCLEAR, {"payment": Payment(mode="ONE_TIME", total_fen=0)}),
    ("instalments_differ", Ground.UNCLEAR, {"payment": Payment(mode="INSTALMENT", total_fen=3, instalments=(Instalment(amount_fen=1, due="a"), Instalment(amount_fen=1, due="b")))}),
    ("no_instalments", Ground.UNCLEAR, {"payment": Payment(mode="INSTALMENT", total_fen=300 * WAN)}),
    ("royalty_unclear", Ground.UNCLEAR, {"payment": Payment(mode="ROYALTY", total_fen=0)}),
    ("royalty_unclear", Ground.UNCLEAR, {"payment": Payment(mode="ONE_TIME", total_fen=WAN, royalty=ROYALTY)}),
    ("rate_unclear", Ground.UNCLEAR, {"payment": Payment(mode="ROYALTY", total_fen=0, royalty=replace(ROYALTY, rates_bps=(0,)))}),
    ("asset_approval", Ground.APPROVAL_MISSING, {"state_asset": True}),
    ("variety_approval", Ground.APPROVAL_MISSING, {"state_seller": True, "kind": "ZR7", "rights": (RightFact(kind="PLANT_VARIETY", number="CNA20191001234"),)}),
    ("export_licence_missing", Ground.APPROVAL_MISSING, {"export_class": "RESTRICTED", "buyer": replace(BUYER, country="MN")}),
    ("export_registration_missing", Ground.APPROVAL_MISSING, {"buyer": replace(BUYER, country="RU")}),
    ("import_missing", Ground.APPROVAL_MISSING, {"seller": replace(SELLER, country="JP")}),
    ("co_owner", Ground.APPROVAL_MISSING, {"rights": (replace(PATENT, co_owners=("甲大学",), co_owners_consented=False),)}),
    ("pledged", Ground.APPROVAL_MISSING, {"rights": (replace(PATENT, pledged=True),)}),
    ("name_unfit", Ground.NAME_UNFIT, {"project": "稀土永磁材料技术服务"}),
    ("not_granted", Ground.NAME_UNFIT, {"rights": (replace(PATENT, status="PENDING"),)}),
    ("granted_already", Ground.NAME_UNFIT, {"kind": "ZR3"}),
    ("right_unnumbered", Ground.CERTIFICATE, {"rights": (replace(PATENT, number=" "),)}),
    ("patent_number", Ground.CERTIFICATE, {"rights": (replace(PATENT, number="ZL201810123456.3"),)}),
    ("right_ended", Ground.CERTIFICATE, {"rights": (replace(PATENT, status="LAPSED"),)}),
    ("right_expired", Ground.CERTIFICATE, {"rights": (replace(PATENT, expires_on="2026-03-09"),)}),
    ("unsealed", Ground.SEAL, {"buyer": replace(BUYER, seal_name="")}),
    ("seal_differs", Ground.SEAL, {"seller": replace(SELLER, seal_name="包头稀土材料研究院")}),
]  # fmt: skip


@pytest.mark.parametrize(
    "word, ground, spoiling", SPOILED, ids=[f"{row[0]}-{place}" for place, row in enumerate(SPOILED)]
)
def test_each_ground_is_seen(word: str, ground: Ground, spoiling: dict[str, Any]) -> None:
    hits = [one for one in found(facts(**spoiling)) if one.word == word]
    assert hits and all(one.ground is ground and one.level is Level.REFUSAL for one in hits), words(facts(**spoiling))


MONOPOLY = [
    ("grant_back", "乙方对标的技术的后续改进成果应当无偿提供给甲方。"),
    ("grant_back", "后续改进成果归甲方所有。"),
    ("other_sources", "乙方不得从其他渠道获得类似技术。"),
    ("output", "乙方产品的销售价格不得低于甲方规定的价格。"),
    ("output", "乙方不得出口上述产品。"),
    ("tying", "乙方必须购买甲方指定的原材料。"),
    ("source_limits", "乙方只能从甲方指定的供应商处采购设备。"),
    ("no_challenge", "乙方不得对专利权的有效性提出异议。"),
]


@pytest.mark.parametrize("case, text", MONOPOLY)
def test_the_six_monopoly_cases_are_seen(case: str, text: str) -> None:
    assert words(facts(extra_clauses=(text,))) == [f"monopoly_{case}"]


def test_all_six_cases_of_the_interpretation_have_signs() -> None:
    assert [case.id for case in refusal_rules().monopoly] == [
        "grant_back",
        "other_sources",
        "output",
        "tying",
        "source_limits",
        "no_challenge",
    ]
    assert {case for case, _ in MONOPOLY} == {case.id for case in refusal_rules().monopoly}
    assert [ground.number for ground in refusal_rules().grounds] == list(Ground)


@pytest.mark.parametrize(
    "text",
    [
        "双方友好合作，乙方按期付款。",
        "甲方不得要求乙方购买非必需的设备。",
        "改进成果归改进方所有。",
        "乙方可以自行选择原材料供应商。",
    ],
)
def test_harmless_clauses_pass(text: str) -> None:
    assert words(facts(extra_clauses=(text,))) == []


def test_an_explained_wording_is_a_doubt_and_the_explanation_goes_with_it() -> None:
    given = facts(extra_clauses=("乙方必须购买甲方指定的原材料。",))
    done = explained(found(given), {"monopoly_tying": "该原料为专利产品，别无来源。"})
    assert [(one.level, one.data["explanation"]) for one in done] == [(Level.DOUBT, "该原料为专利产品，别无来源。")]
    unsealed = facts(buyer=replace(BUYER, seal_name=""))
    assert explained(found(unsealed), {"unsealed": "以后补"})[0].level is Level.REFUSAL, "facts are not explained away"


ALLOWED: list[Callable[[], ContractFacts]] = [
    lambda: facts(state_asset=True, approvals=(Approval(kind="asset_transfer", number="国资 2026-3"),)),
    lambda: facts(
        buyer=replace(BUYER, country="MN"),
        export_class="RESTRICTED",
        approvals=(Approval(kind="export_licence", number="X1"),),
    ),
    lambda: facts(rights=(replace(PATENT, co_owners=("甲大学",)),)),
]


@pytest.mark.parametrize("given", ALLOWED)
def test_an_approval_on_file_clears_its_ground(given: Callable[[], ContractFacts]) -> None:
    assert words(given()) == []


def test_fees_due_and_an_open_royalty_are_doubts_only() -> None:
    given = facts(
        rights=(replace(PATENT, fees_paid_to="2026-03-09"),),
        payment=Payment(mode="ROYALTY", total_fen=0, royalty=ROYALTY),
    )
    assert {(one.word, one.level) for one in found(given)} == {
        ("fees_unpaid", Level.DOUBT),
        ("undetermined", Level.DOUBT),
    }


def test_a_name_like_plain_works_is_a_doubt_because_the_list_is_from_memory() -> None:
    assert [(one.word, one.level, one.data) for one in found(facts(project="稀土车间施工专利权转让"))] == [
        ("not_technology", Level.DOUBT, {"sign": "施工"})
    ]
