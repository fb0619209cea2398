"""The text of a contract: clauses of data/clauses.json that its kind needs, filled with its facts. Pure."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.calendar import day_of, format_day
from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.catalogue.codes.ip_types import IP_TYPES
from engine.catalogue.codes.payment_modes import PAYMENT_MODES
from engine.catalogue.codes.tables import Confidence
from engine.money_words import in_chinese
from engine.values import InstantUs
from settlement.contracts.amounts import Assessment, amount_rules, assess
from settlement.contracts.facts import ContractFacts, RightFact, Royalty, RoyaltyBase
from settlement.contracts.kinds import belongs, five_kind

FILE: Final = Path(__file__).parent / "data" / "clauses.json"
_LICENCE_KINDS: Final = {
    "EXCLUSIVE": "独占许可（许可人也不得实施）", "SOLE": "排他许可（许可人可以实施，不得再许可他人）", "PLAIN": "普通许可",
}  # fmt: skip
_BASES: Final = {
    RoyaltyBase.PRODUCT_PRICE: "产品价格", RoyaltyBase.NEW_OUTPUT: "新增产值", RoyaltyBase.PROFIT: "利润", RoyaltyBase.SALES: "产品销售额",
}  # fmt: skip
_SUBLICENCE: Final = {
    True: "被许可人可以再许可他人，再许可为普通许可。",
    False: "未经许可人书面同意，被许可人不得再许可他人。",
}
UNWRITTEN: Final = "（未填写）"
WHEN_SIGNED: Final = "本合同签订之日"
"""When a contract begins that names no day: its text is the same before and after it is signed."""
"""Stands in a text where a fact is missing; the checks refuse a contract that has it where the law wants an answer."""


class Article(Struct, frozen=True, kw_only=True):
    """Where a clause comes from."""

    law: str
    article: str
    source: str
    confidence: Confidence

    @property
    def cited(self) -> str:
        """As it is cited in the document."""
        return f"{self.law}第{self.article}条" if self.article != "-" else self.law


class ClauseRule(Struct, frozen=True, kw_only=True):
    """A clause and the contracts that need it."""

    id: str
    kinds: tuple[str, ...]
    zh: str
    en: str
    text: str
    articles: tuple[Article, ...]
    when: str = ""
    """Only then: `royalty`, `border`, `struck`; empty: always."""


class ClauseTable(Struct, frozen=True, kw_only=True):
    """All clauses of one version."""

    version: str
    note: str
    clauses: tuple[ClauseRule, ...]


class Clause(Struct, frozen=True, kw_only=True):
    """A clause of one contract."""

    id: str
    zh: str
    en: str
    text: str
    articles: tuple[Article, ...]


class Draft(Struct, frozen=True, kw_only=True):
    """The whole contract as text."""

    title: str
    title_en: str
    facts: ContractFacts
    amount: Assessment
    clauses: tuple[Clause, ...]
    templates: str
    """Version of the clauses."""


@cache
def clause_table() -> ClauseTable:
    """Return the clauses in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=ClauseTable)


def required_clauses(kind: str) -> tuple[ClauseRule, ...]:
    """Return the clauses that every contract of a kind has, whatever its facts."""
    return tuple(rule for rule in clause_table().clauses if not rule.when and belongs(kind, rule.kinds))


def draft(facts: ContractFacts) -> Draft:
    """Return the contract.

    Raises:
        ValueError: the kind is unknown, or a part of the price cannot be assessed.
    """
    path = CONTRACT_TYPES.path(facts.kind)
    if not path:
        raise ValueError(f"no such kind of contract: {facts.kind}")
    amount = assess(facts.payment, facts.parts)
    words = _words(facts, amount)
    clauses = tuple(
        Clause(id=rule.id, zh=rule.zh, en=rule.en, text=rule.text.format_map(words).strip(), articles=rule.articles)
        for rule in clause_table().clauses
        if belongs(facts.kind, rule.kinds) and _applies(rule.when, facts)
    ) + tuple(
        Clause(id=f"extra_{number}", zh=f"特别约定（{number}）", en=f"Special term {number}", text=text, articles=())
        for number, text in enumerate(facts.extra_clauses, start=1)
    )
    leaf = path[-1]
    return Draft(
        title=title_of(facts.kind), title_en=f"Technology contract: {leaf.en.lower()}", facts=facts, amount=amount,
        clauses=clauses, templates=clause_table().version,
    )  # fmt: skip


def title_of(kind: str) -> str:
    """Return the title of a contract, `技术转让（专利权转让）合同`."""
    path = CONTRACT_TYPES.path(kind)
    return f"{path[0].zh}（{path[-1].zh}）合同" if len(path) > 1 else f"{path[-1].zh}合同"


def yuan(fen: int) -> str:
    """Return an amount in yuan with two decimals and thousands, `3,000,000.00`."""
    return f"{fen // 100:,}.{fen % 100:02d}"


def _applies(when: str, facts: ContractFacts) -> bool:
    match when:
        case "royalty":
            return facts.payment.royalty is not None
        case "border":
            return facts.crosses_border
        case "struck":
            return facts.struck_at_us > 0
        case _:
            return True


def _words(facts: ContractFacts, amount: Assessment) -> dict[str, str]:
    path = CONTRACT_TYPES.path(facts.kind)
    achievement = f"{facts.achievement}（第 {facts.achievement_version} 版）" if facts.achievement else UNWRITTEN
    return {
        "project": facts.project or UNWRITTEN,
        "kind_path": " — ".join(entry.zh for entry in path),
        "achievement": achievement,
        "content": facts.content or UNWRITTEN,
        "targets": "\n".join(f"{number}. {target}" for number, target in enumerate(facts.targets, start=1)),
        "rights": "\n".join(_right(number, right, facts) for number, right in enumerate(facts.rights, start=1))
        or UNWRITTEN,
        "earlier_licences": "；".join(facts.earlier_licences) or "无",
        "begins_on": facts.begins_on or WHEN_SIGNED,
        "ends_on": facts.ends_on or UNWRITTEN,
        "total": yuan(facts.payment.total_fen),
        "total_words": in_chinese(facts.payment.total_fen),
        "pay_mode": PAYMENT_MODES.name(facts.payment.mode, "zh"),
        "schedule": _schedule(facts),
        "technical": yuan(amount.technical_fen),
        "parts": _parts(amount),
        "royalty": "" if facts.payment.royalty is None else _royalty(facts.payment.royalty),
        "acceptance": facts.acceptance or UNWRITTEN,
        "deal": facts.deal,
        "struck": "" if not facts.struck_at_us else format_day(day_of(InstantUs(facts.struck_at_us))),
        "rule_version": facts.rule_version or UNWRITTEN,
        "registrant": "受让方（境内）" if facts.is_import else _seller_word(facts.kind),
        **_licence_words(facts),
    }


def _seller_word(kind: str) -> str:
    return {"ZR": "让与人", "XK": "许可人", "KF": "研究开发人"}.get(five_kind(kind), "受托人")


def side_words(kind: str) -> tuple[str, str]:
    """Return what seller and buyer are called in a contract of a kind."""
    buyer = {"ZR": "受让人", "XK": "被许可人"}.get(five_kind(kind), "委托人")
    return _seller_word(kind), buyer


def _right(number: int, right: RightFact, facts: ContractFacts) -> str:
    status = {"PENDING": "申请中", "GRANTED": "已授权（登记）", "HELD": "持有"}.get(right.status, right.status)
    owner = right.owner or facts.seller.name
    parts = [
        IP_TYPES.name(right.kind, "zh"),
        right.name,
        f"号码 {right.number}" if right.number else "",
        f"权利人 {owner}",
    ]
    if right.co_owners:
        parts.append(f"共有人 {'、'.join(right.co_owners)}")
    for word, day in (("申请日", right.filed_on), ("授权日", right.granted_on), ("有效期至", right.expires_on)):
        if day:
            parts.append(f"{word} {day}")
    return f"{number}. " + "，".join(part for part in [*parts, status] if part)


def _licence_words(facts: ContractFacts) -> dict[str, str]:
    licence = facts.licence
    if licence is None:
        return {"licence_kind": UNWRITTEN, "territory": UNWRITTEN, "licence_term": UNWRITTEN, "sublicence": ""}
    return {
        "licence_kind": _LICENCE_KINDS.get(licence.kind, UNWRITTEN),
        "territory": licence.territory,
        "licence_term": f"至 {licence.until_on}" if licence.until_on else "不受期限限制",
        "sublicence": _SUBLICENCE[licence.sublicence],
    }  # fmt: skip


def _schedule(facts: ContractFacts) -> str:
    payment = facts.payment
    return "\n".join(
        f"第 {number} 期：人民币 {yuan(one.amount_fen)}，{one.due}"
        for number, one in enumerate(payment.instalments, start=1)
    )


def _parts(amount: Assessment) -> str:
    rules = amount_rules().parts
    lines = [
        f"{rules[line.kind].zh}“{line.name}” {yuan(line.amount_fen)} 元，扣除 {yuan(line.subtracted_fen)} 元"
        for line in amount.lines
    ]
    if amount.undetermined:
        lines.append("提成部分在登记时尚未确定，先就固定部分登记，在申请减免税或者提取奖酬金前补充登记。")
    return "\n".join(lines) or "本合同价款中没有非技术性费用。"


def _royalty(royalty: Royalty) -> str:
    rates = "、".join(f"{rate // 100}.{rate % 100:02d}%" for rate in royalty.rates_bps) or UNWRITTEN
    by_period = "（依次适用于各期，末项适用于以后各期）" if len(royalty.rates_bps) > 1 else ""
    text = f"按{_BASES[royalty.base]}的 {rates}{by_period} 提成，每 {royalty.report_months} 个月结算一次"
    if royalty.floor_fen:
        text += f"，每期不低于 {yuan(royalty.floor_fen)} 元"
    if royalty.cap_fen:
        text += f"，累计不超过 {yuan(royalty.cap_fen)} 元"
    return text + "。"
