"""Would a registrar refuse this contract? The nine grounds of domain.md §5.5, one small check each. Pure.

A finding of level REFUSAL keeps a contract from being handed in: a thing is missing, contradicts another, or is worded like one of the
six monopoly cases. The last are signs only: an explanation for the registrar makes them a DOUBT (`explained`). A DOUBT is shown to both
the applicant and the registrar and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum, StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.calendar import Day, format_day, parse_day
from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.catalogue.codes.tables import Confidence
from engine.rules.identity import IdentityProblem, check_patent_number, tidy
from settlement.contracts.drafting import UNWRITTEN, Draft, required_clauses
from settlement.contracts.facts import ContractFacts, RightFact
from settlement.contracts.kinds import CONSULTING, DEVELOPMENT, LICENCE, SERVICE, TRANSFER, five_kind

FILE: Final = Path(__file__).parent / "data" / "refusal.json"
FINDINGS_MAX: Final = 100


class Ground(IntEnum):
    """Why a contract is not registered (不予登记), Torch Center FAQ of 2021 (P-FAQ). The number is the official order."""

    NOT_IN_EFFECT = 1
    NOT_TECHNOLOGY = 2
    UNCLEAR = 3
    APPROVAL_MISSING = 4
    NAME_UNFIT = 5
    MONOPOLY = 6
    CERTIFICATE = 7
    SEAL = 8
    OTHER = 9


class Level(StrEnum):
    """How sure the prediction is."""

    REFUSAL = "refusal"
    DOUBT = "doubt"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that stands in the way. Its texts: `finding.<word>` what is wrong, `finding.<word>.mend` what to do."""

    word: str
    ground: Ground
    level: Level
    where: str
    """Key of the form's field, or `clause:<id>`."""
    data: dict[str, str] = {}


class GroundText(Struct, frozen=True, kw_only=True):
    """A ground with its names and source."""

    number: Ground
    zh: str
    en: str
    source: str
    confidence: Confidence


class MonopolyCase(Struct, frozen=True, kw_only=True):
    """One of the six cases of L-TECH art. 10, and the wordings that look like it."""

    id: str
    zh: str
    en: str
    article: str
    confidence: Confidence
    signs: tuple[str, ...]


class _Words(Struct, frozen=True, kw_only=True):
    words: tuple[str, ...]
    source: str
    confidence: Confidence


class RefusalRules(Struct, frozen=True, kw_only=True):
    """The data of one version."""

    version: str
    source: str
    grounds: tuple[GroundText, ...]
    monopoly: tuple[MonopolyCase, ...]
    not_technology: _Words
    names: dict[str, tuple[str, ...]]


@cache
def refusal_rules() -> RefusalRules:
    """Return the grounds and signs in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=RefusalRules)


def check_contract(draft: Draft, today: Day) -> tuple[Finding, ...]:
    """Return what a registrar would find, by ground, at most `FINDINGS_MAX`.

    Args:
        draft: The contract.
        today: The day on which it would be handed in.
    """
    facts = draft.facts
    found = [
        *_effect(facts, today), *_is_technology(facts), *_clarity(draft), *_approvals(facts), *_name(facts),
        *_monopoly(facts.extra_clauses), *_certificates(facts, today), *_seals(facts),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.ground)[:FINDINGS_MAX])


def explained(findings: Iterable[Finding], explanations: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings with those about wording as doubts that the applicant has explained; the explanation goes with them.

    Args:
        findings: What was found.
        explanations: `word` of a finding -> why the clause is not what it looks like.
    """
    return tuple(
        Finding(
            word=one.word, ground=one.ground, level=Level.DOUBT, where=one.where,
            data={**one.data, "explanation": explanations[one.word]},
        )
        if one.ground is Ground.MONOPOLY and explanations.get(one.word, "").strip()
        else one
        for one in findings
    )  # fmt: skip


def _effect(facts: ContractFacts, today: Day) -> Iterator[Finding]:
    """Ground 1; D12: apply after the contract takes effect and within its validity."""
    signed, ends = parse_day(facts.signed_on), parse_day(facts.ends_on)
    begins = parse_day(facts.begins_on or facts.signed_on)
    if signed is None:
        yield _refusal("not_signed", Ground.NOT_IN_EFFECT, "signdate")
    elif signed > today:
        yield _refusal("signed_later", Ground.NOT_IN_EFFECT, "signdate", day=facts.signed_on)
    if ends is not None and ends < today:
        yield _refusal("expired", Ground.NOT_IN_EFFECT, "contractenddate", day=facts.ends_on)
    if begins is not None and ends is not None and ends < begins:
        yield _refusal("ends_before_begin", Ground.UNCLEAR, "contractenddate")


def _is_technology(facts: ContractFacts) -> Iterator[Finding]:
    """Ground 2, domain.md §5.6."""
    for word in refusal_rules().not_technology.words:
        if word in facts.project:
            yield _doubt("not_technology", Ground.NOT_TECHNOLOGY, "projectname", sign=word)
    if five_kind(facts.kind) == DEVELOPMENT and not facts.targets:
        yield _refusal("no_targets", Ground.NOT_TECHNOLOGY, "clause:development")
    if five_kind(facts.kind) in (DEVELOPMENT, CONSULTING, SERVICE) and not facts.acceptance:
        yield _doubt("no_acceptance", Ground.NOT_TECHNOLOGY, "clause:acceptance")


def _clarity(draft: Draft) -> Iterator[Finding]:
    """Ground 3: parties, subject and price."""
    facts = draft.facts
    for side, where in ((facts.seller, "seller_name"), (facts.buyer, "buyername")):
        if not side.name.strip():
            yield _refusal("party_unnamed", Ground.UNCLEAR, where)
    if facts.seller.party_id == facts.buyer.party_id:
        yield _refusal("same_party", Ground.UNCLEAR, "buyername")
    if not CONTRACT_TYPES.is_leaf(facts.kind) or not CONTRACT_TYPES[facts.kind].in_use:
        yield _refusal("kind_unclear", Ground.UNCLEAR, "contracttype", kind=facts.kind)
    if not facts.content.strip():
        yield _refusal("no_content", Ground.UNCLEAR, "clause:content")
    if not facts.acceptance and five_kind(facts.kind) in (TRANSFER, LICENCE):
        yield _doubt("no_acceptance", Ground.UNCLEAR, "clause:acceptance")
    if five_kind(facts.kind) == LICENCE and facts.licence is None:
        yield _refusal("licence_unclear", Ground.UNCLEAR, "clause:licence")
    missing = {rule.id for rule in required_clauses(facts.kind)} - {clause.id for clause in draft.clauses}
    for clause in sorted(missing):
        yield _refusal("clause_missing", Ground.UNCLEAR, f"clause:{clause}", clause=clause)
    for clause_id in ("patents", "rights", "delivery"):
        if any(clause.id == clause_id and UNWRITTEN in clause.text for clause in draft.clauses):
            yield _refusal("clause_blank", Ground.UNCLEAR, f"clause:{clause_id}", clause=clause_id)
    yield from _price(draft)


def _price(draft: Draft) -> Iterator[Finding]:
    payment, facts = draft.facts.payment, draft.facts
    if payment.total_fen <= 0 and payment.royalty is None:
        yield _refusal("no_price", Ground.UNCLEAR, "totalamount")
    if payment.instalments and sum(one.amount_fen for one in payment.instalments) != payment.total_fen:
        yield _refusal("instalments_differ", Ground.UNCLEAR, "paymethod")
    if payment.mode == "INSTALMENT" and len(payment.instalments) < 2:
        yield _refusal("no_instalments", Ground.UNCLEAR, "paymethod")
    if (payment.mode in ("ROYALTY", "ROYALTY_PLUS_ENTRY")) != (payment.royalty is not None):
        yield _refusal("royalty_unclear", Ground.UNCLEAR, "paymethod")
    rates = () if payment.royalty is None else payment.royalty.rates_bps
    if payment.royalty is not None and not (rates and all(0 < rate <= 10_000 for rate in rates)):
        yield _refusal("rate_unclear", Ground.UNCLEAR, "paymethod")
    if draft.amount.technical_fen == 0 and payment.total_fen > 0:
        yield _refusal("nothing_technical", Ground.NOT_TECHNOLOGY, "technicalamount")
    if facts.payment.royalty is not None:
        yield _doubt("undetermined", Ground.UNCLEAR, "technicalamount")


def _approvals(facts: ContractFacts) -> Iterator[Finding]:
    """Ground 4."""
    if facts.state_asset and not facts.approved("asset_transfer"):
        yield _refusal("asset_approval", Ground.APPROVAL_MISSING, "approvals")
    if facts.state_seller:
        for right in facts.rights:
            if right.kind == "PLANT_VARIETY" and not (right.approval or facts.approved("plant_variety")):
                yield _refusal("variety_approval", Ground.APPROVAL_MISSING, "approvals", right=right.number)
    if facts.export_class == "PROHIBITED" and facts.crosses_border:
        yield _refusal("export_prohibited", Ground.NOT_IN_EFFECT, "buyer_country")
    if facts.crosses_border and not facts.is_import:
        wanted = ("export_licence",) if facts.export_class == "RESTRICTED" else ("export_registration",)
        if not facts.approved(*wanted):
            yield _refusal(wanted[0] + "_missing", Ground.APPROVAL_MISSING, "approvals")
    if facts.is_import and not facts.approved("import_licence", "import_registration"):
        yield _refusal("import_missing", Ground.APPROVAL_MISSING, "approvals")
    # 专利法 art. 14: a sale, an exclusive or a sole licence needs every co-owner; a plain licence one of them may give alone.
    alone = facts.licence is not None and facts.licence.kind == "PLAIN"
    for right in facts.rights:
        if right.co_owners and not right.co_owners_consented and not alone:
            yield _refusal("co_owner", Ground.APPROVAL_MISSING, "ipr", right=right.number or right.name)
        if right.pledged and not right.pledgee_consented:
            yield _refusal("pledged", Ground.APPROVAL_MISSING, "ipr", right=right.number or right.name)


def _name(facts: ContractFacts) -> Iterator[Finding]:
    """Ground 5: the name says another kind than the rights and duties (L-TECH art. 42: the content decides)."""
    own = five_kind(facts.kind)
    names = refusal_rules().names
    if any(word in facts.project for word in names.get(own, ())):
        return
    for kind, words in names.items():
        named = [word for word in words if word in facts.project]
        # 开发, 服务 … are also plain words of technology: as the last word of the name they name the contract.
        if kind != own and any(re.search(f"{word}(合同|协议|项目)?$", facts.project) for word in named):
            yield _refusal("name_unfit", Ground.NAME_UNFIT, "projectname", sign=named[0])
            return


def _monopoly(texts: Iterable[str]) -> Iterator[Finding]:
    """Ground 6: wordings like the six cases of L-TECH art. 10."""
    for number, text in enumerate(texts, start=1):
        for case in refusal_rules().monopoly:
            match = next((match for sign in case.signs if (match := re.search(sign, text))), None)
            if match is not None:
                clause = f"clause:extra_{number}"
                yield _refusal(f"monopoly_{case.id}", Ground.MONOPOLY, clause, clause=str(number), words=match[0])


def _certificates(facts: ContractFacts, today: Day) -> Iterator[Finding]:
    """Ground 7: what proves the rights."""
    if five_kind(facts.kind) in (TRANSFER, LICENCE):
        for right in facts.rights:
            yield from _certificate(right, facts, today)


def _certificate(right: RightFact, facts: ContractFacts, today: Day) -> Iterator[Finding]:
    name = right.number or right.name
    if right.kind != "KNOW_HOW" and not right.number.strip():
        yield _refusal("right_unnumbered", Ground.CERTIFICATE, "ipr", right=right.name)
    if right.kind in ("INVENTION", "UTILITY_MODEL", "DESIGN") and right.number:
        problem = check_patent_number(right.number, today)
        if problem is not None:
            yield _refusal(
                "patent_number", Ground.CERTIFICATE, "ipr", right=name, problem=IdentityProblem(problem).value
            )
        if right.status == "PENDING" and facts.kind == "ZR2":
            yield _refusal("not_granted", Ground.NAME_UNFIT, "contracttype", right=name)
        if right.status == "GRANTED" and facts.kind == "ZR3":
            yield _refusal("granted_already", Ground.NAME_UNFIT, "contracttype", right=name)
    if right.status in ("LAPSED", "INVALID"):
        yield _refusal("right_ended", Ground.CERTIFICATE, "ipr", right=name)
    expires, paid_to = parse_day(right.expires_on), parse_day(right.fees_paid_to)
    if expires is not None and expires < today:
        yield _refusal("right_expired", Ground.CERTIFICATE, "ipr", right=name, day=format_day(expires))
    if paid_to is not None and paid_to < today:
        yield _doubt("fees_unpaid", Ground.CERTIFICATE, "ipr", right=name, day=format_day(paid_to))


def _seals(facts: ContractFacts) -> Iterator[Finding]:
    """Ground 8."""
    for side, where in ((facts.seller, "seller_name"), (facts.buyer, "buyername")):
        if not side.seal_name:
            yield _refusal("unsealed", Ground.SEAL, where, name=side.name)
        elif tidy(side.seal_name) != tidy(side.name):
            yield _refusal("seal_differs", Ground.SEAL, where, name=side.name, seal=side.seal_name)


def _refusal(word: str, ground: Ground, where: str, **data: str) -> Finding:
    return Finding(word=word, ground=ground, level=Level.REFUSAL, where=where, data=data)


def _doubt(word: str, ground: Ground, where: str, **data: str) -> Finding:
    return Finding(word=word, ground=ground, level=Level.DOUBT, where=where, data=data)
