"""The text of a contract: the clauses that the Civil Code asks for each kind, with their articles."""

from __future__ import annotations

import pytest

from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from settlement.contracts.drafting import UNWRITTEN, WHEN_SIGNED, clause_table, draft, required_clauses, title_of
from settlement.contracts.facts import Instalment, Licence, Part, Payment, RightFact, Royalty, RoyaltyBase
from settlement.contracts.kinds import KINDS, five_kind, kind_of_deal
from settlement.contracts.life import text_digest
from settlement.registration.filling import fill
from tests.settlement.registration.case import PATENT, WAN, facts, signed, unsigned

LEAVES = [code for code in CONTRACT_TYPES if CONTRACT_TYPES.is_leaf(code) and CONTRACT_TYPES[code].in_use]
ALWAYS = {
    "project",
    "content",
    "delivery",
    "price",
    "technical_amount",
    "acceptance",
    "confidential",
    "registration",
    "breach",
    "disputes",
    "form",
}


@pytest.mark.parametrize("kind", LEAVES)
def test_every_kind_has_what_art_845_names_and_what_its_own_articles_ask(kind: str) -> None:
    ids = {rule.id for rule in required_clauses(kind)}
    assert ids >= ALWAYS
    own = {"KF": "development", "ZR": "transfer", "XK": "licence", "ZX": "consulting", "FW": "service"}[five_kind(kind)]
    assert own in ids
    assert ("patents" in ids) == (kind in ("ZR2", "ZR3", "XK1")), "art. 845: patent contracts state the patents"


def test_the_five_kinds_are_the_roots_of_the_code_list() -> None:
    assert set(KINDS) == {entry.code for entry in CONTRACT_TYPES.children()}


def test_every_clause_names_its_articles_and_how_sure_they_are() -> None:
    for rule in clause_table().clauses:
        assert rule.articles and all(one.law and one.article and one.source for one in rule.articles), rule.id
    assert len({rule.id for rule in clause_table().clauses}) == len(clause_table().clauses)


def test_the_facts_stand_in_the_text() -> None:
    made = draft(facts())
    text = "\n".join(clause.text for clause in made.clauses)
    for wanted in (
        "3,000,000.00",
        "叁佰万元整",
        PATENT.number,
        "2038-02-06",
        "DL-a1-1",
        "listing/1",
        "磁能积不低于 50 MGOe",
    ):
        assert wanted in text, wanted
    assert UNWRITTEN not in text
    assert made.title == "技术转让（专利权转让）合同"
    transfer = next(clause for clause in made.clauses if clause.id == "transfer_effect")
    assert [article.cited for article in transfer.articles] == ["专利法第10条"]


def test_a_licence_says_its_kind_territory_and_term() -> None:
    made = draft(facts(kind="XK1", licence=Licence(kind="EXCLUSIVE", until_on="2031-03-01")))
    text = next(clause.text for clause in made.clauses if clause.id == "licence")
    assert "独占许可" in text and "2031-03-01" in text and "不得再许可" in text
    unlimited = draft(facts(kind="XK1", licence=Licence(kind="PLAIN", sublicence=True)))
    text = next(clause.text for clause in unlimited.clauses if clause.id == "licence")
    assert "不受期限限制" in text and "再许可为普通许可" in text, "L-TECH arts. 25, 28"


def test_a_royalty_brings_the_audit_right() -> None:
    royalty = Royalty(base=RoyaltyBase.SALES, rates_bps=(300, 200), cap_fen=100 * WAN, floor_fen=WAN)
    made = draft(facts(payment=Payment(mode="ROYALTY_PLUS_ENTRY", total_fen=50 * WAN, royalty=royalty)))
    text = next(clause.text for clause in made.clauses if clause.id == "royalty")
    assert "产品销售额的 3.00%、2.00%" in text and "查阅有关会计账目" in text and "10,000.00" in text
    assert not any(clause.id == "royalty" for clause in draft(facts()).clauses)


def test_instalments_and_subtracted_parts_are_listed() -> None:
    payment = Payment(
        mode="INSTALMENT", total_fen=500 * WAN,
        instalments=(Instalment(amount_fen=300 * WAN, due="签订后 5 日"), Instalment(amount_fen=200 * WAN, due="验收后 30 日")),
    )  # fmt: skip
    made = draft(facts(payment=payment, parts=(Part(kind="EQUIPMENT", name="反应釜", amount_fen=120 * WAN),)))
    texts = {clause.id: clause.text for clause in made.clauses}
    assert "第 2 期：人民币 2,000,000.00" in texts["price"]
    assert "3,800,000.00" in texts["technical_amount"] and "反应釜" in texts["technical_amount"]


@pytest.mark.parametrize(
    "mode, right, kind",
    [
        ("TRANSFER", "INVENTION", "ZR2"), ("TRANSFER", "KNOW_HOW", "ZR1"), ("TRANSFER", "SOFTWARE", "ZR5"), ("TRANSFER", "LAYOUT", "ZR6"),
        ("TRANSFER", "PLANT_VARIETY", "ZR7"), ("TRANSFER", "BIO_VARIETY", "ZR8"), ("EQUITY", "INVENTION", "ZR2"),
        ("EXCLUSIVE", "UTILITY_MODEL", "XK1"), ("SOLE", "KNOW_HOW", "XK2"), ("PLAIN", "SOFTWARE", "XK3"), ("PLAIN", "LAYOUT", "XK4"),
        ("OPEN", "INVENTION", "XK1"), ("PLAIN", "PLANT_VARIETY", "XK5"), ("PLAIN", "BIO_VARIETY", "XK6"),
    ],
)  # fmt: skip
def test_the_kind_follows_from_what_is_sold_and_how(mode: str, right: str, kind: str) -> None:
    assert kind_of_deal(mode, [RightFact(kind=right)]) == kind


def test_a_patent_that_is_not_granted_yet_is_a_right_to_apply_and_no_right_is_know_how() -> None:
    assert kind_of_deal("TRANSFER", [RightFact(kind="INVENTION", status="PENDING")]) == "ZR3"
    assert kind_of_deal("TRANSFER", []) == "ZR1" and kind_of_deal("PLAIN", []) == "XK2"


def test_the_digest_changes_with_every_word_of_the_text() -> None:
    first = text_digest(draft(facts()))
    assert first == text_digest(draft(facts()))
    assert first != text_digest(draft(facts(acceptance="按样品验收。")))
    assert title_of("ZX") == "技术咨询合同"


@pytest.mark.parametrize("begins_on", ["", "2026-03-02"])
def test_signing_changes_no_word_of_the_text(begins_on: str) -> None:
    """A contract that names no first day begins with its signing, and says so before; the form has the day (D12)."""
    contract = signed(facts(begins_on=begins_on))
    before, after = draft(unsigned(facts(begins_on=begins_on))), draft(contract.signed_facts)
    assert text_digest(after) == text_digest(before)
    delivery = next(clause.text for clause in after.clauses if clause.id == "delivery")
    assert (begins_on or WHEN_SIGNED) in delivery
    assert fill(contract.signed_facts)["contractbegindate"].value == (begins_on or contract.signed_on)
