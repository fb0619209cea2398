"""Everything that the market knows about a deal, as one record for contract and form: nothing is typed twice.

From the deal: parties, price, payment, moment, rules. From the register of parties: names, numbers, natures, places. From the published
version of the achievement that was on the market: rights, content, targets, field, industry.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from engine.calendar import Day, civil_of, day_from_civil, day_of, format_day, parse_day
from engine.catalogue.achievements.store import Achievements
from engine.catalogue.achievements.versions import AchievementId
from engine.catalogue.parties.party import HolderKind, Party, PartyKind
from engine.catalogue.parties.store import Parties
from engine.catalogue.parties.ties import Ties
from engine.rules.achievement.record import Achievement, Right
from engine.rules.achievement.rights import last_day
from engine.values import InstantUs, PartyId
from settlement.contracts.facts import (
    Approval,
    ContractFacts,
    Instalment,
    Licence,
    Payment,
    Profile,
    RightFact,
    Royalty,
    RoyaltyBase,
    Side,
)
from settlement.contracts.kinds import DEVELOPMENT, LICENCE, LICENCE_MODES, TRANSFER, five_kind, kind_of_deal
from settlement.contracts.store import Contracts, contract_id_of
from settlement.deals.deal import Deal, Way
from settlement.deals.payment import EntryRoyalty, Instalments, Lump, PaymentTerms, Trigger, lines_of
from settlement.deals.payment import Royalty as RoyaltyTerms
from settlement.deals.process import Process
from settlement.deals.signing import payment_of

ACCEPTANCE: Final = (
    "甲方按本合同交付全部技术资料后，由乙方在三十日内按前述指标和要求验收并出具书面意见；逾期未出具的视为验收合格。"
)
"""What acceptance means where the parties have agreed on nothing else; a proposal of the market, to be changed by agreement."""
_NAME: Final = "SELECT display_name FROM account WHERE id = $1"
"""Name of a login that the register of parties does not know."""
_WAYS: Final = {Way.AUCTION: "AUCTION", Way.LISTING: "LISTING", Way.NOTICE: "AGREEMENT"}
_TRIGGERS: Final = {Trigger.SIGNING: "合同签订", Trigger.DELIVERY: "技术交付", Trigger.REPORT: "提成报告"}
_NAMES: Final = {TRANSFER: ("转让", "作价", "入股"), LICENCE: ("许可",), DEVELOPMENT: ("开发", "研发", "研制")}
_WORDS: Final = {TRANSFER: "转让", LICENCE: "许可", DEVELOPMENT: "开发"}
_STATE: Final = (HolderKind.PUBLIC_INSTITUTION, HolderKind.STATE_ENTERPRISE)


class Gathering:
    """Gathers."""

    def __init__(self, pool: asyncpg.Pool, parties: Parties, achievements: Achievements, contracts: Contracts) -> None:
        self._pool = pool
        self._parties = parties
        self._ties = Ties(parties)
        self._achievements = achievements
        self._contracts = contracts

    async def facts_of(self, process: Process) -> ContractFacts | None:
        """Return the facts of a deal's contract; None while it is open how the price is paid."""
        deal, terms = process.deal, payment_of(process)
        if terms is None:
            return None
        record = await self._record(deal)
        rights = tuple(right_fact(right) for right in record.rights)
        kind = kind_of_deal(deal.mode or "TRANSFER", rights)
        seller, buyer = await self._side(deal.seller_id), await self._side(deal.buyer_id)
        others = [await self._side(party) for party in deal.buyers[1:]]
        struck = day_of(InstantUs(deal.struck_at_us))
        holder = await self._parties.read(PartyId(deal.seller_id))
        return ContractFacts(
            contract_id=contract_id_of(deal.id),
            deal=deal.id,
            kind=kind,
            project=project_name(deal.title_zh, kind),
            seller=seller,
            buyer=buyer,
            co_buyers=tuple(one.name for one in others),
            payment=payment_facts(terms, deal.price_fen),
            way=_WAYS[deal.way],
            struck_at_us=deal.struck_at_us,
            rule_version=deal.rule_version,
            achievement=deal.achievement_id,
            achievement_version=deal.achievement_version,
            content=_content(record, deal),
            targets=tuple(f"{one.name}：{one.value}" for one in record.indicators if one.name),
            acceptance=ACCEPTANCE,
            rights=rights,
            licence=_licence(deal, record) if five_kind(kind) == LICENCE else None,
            begins_on="",
            ends_on=format_day(_ends(struck, record, kind)),
            related=await self._related(deal),
            state_seller=holder is not None and holder.holder_kind in _STATE,
            state_asset=deal.state_asset,
            export_class="FREE" if record.export_class is None else record.export_class.value,
            approvals=_approvals(record),
            field=(record.fields[0] if record.fields else "") or deal.field,
            industry_served=record.industry,
            region_of_use=record.region or deal.region,
            earlier_licences=tuple(
                f"{licence.mode.value} {licence.until_on or '无期限'}" for right in record.rights for licence in right.licences
            ),
            demonstration=deal.demonstration,
        )  # fmt: skip

    async def _related(self, deal: Deal) -> bool:
        """Say whether one side declared a relation with the other."""
        sides = {deal.seller_id, *deal.buyers}
        declared = [one.other for party in sides for one in await self._ties.declared(PartyId(party))]
        return any(other in sides for other in declared)

    async def _record(self, deal: Deal) -> Achievement:
        if not deal.achievement_id:
            return Achievement(title_zh=deal.title_zh)
        achievement = AchievementId(deal.achievement_id)
        version = await self._achievements.version(achievement, deal.achievement_version)
        return Achievement(title_zh=deal.title_zh) if version is None else version.record

    async def _side(self, party_id: str) -> Side:
        party = await self._parties.read(PartyId(party_id))
        profile = await self._contracts.profile(party_id)
        if party is None:
            name = await self._pool.fetchval(_NAME, party_id)
            return Side(party_id=party_id, name=name or party_id, is_person=True, profile=profile)
        return side_of(party, profile)


def side_of(party: Party, profile: Profile) -> Side:
    """Return a party as a side of a contract."""
    return Side(
        party_id=party.id, name=party.name_zh, name_en=party.name_en, is_person=party.kind is PartyKind.PERSON,
        credit_code=party.credit_code or "", nature=party.nature, region=party.region, country=party.country,
        contact=party.contact or party.name_zh, phone=party.phone, profile=profile,
    )  # fmt: skip


def right_fact(right: Right) -> RightFact:
    """Return a right of a published record as the contract states it (民法典 art. 845)."""
    consented = all(owner.consent.strip() for owner in right.co_owners)
    return RightFact(
        kind=right.kind.value, name=right.name, number=right.number, status=right.status.value, owner=right.owner,
        co_owners=tuple(owner.name for owner in right.co_owners), co_owners_consented=consented, filed_on=right.filed_on,
        granted_on=right.granted_on, expires_on=last_day(right) or "", fees_paid_to=right.annuity_paid_to,
        pledged=right.pledged, pledgee_consented=bool(right.pledge_consent.strip()), approval=right.approval,
    )  # fmt: skip


def payment_facts(terms: PaymentTerms, price_fen: int) -> Payment:
    """Return how the price is paid as the contract states it."""
    match terms:
        case Lump():
            return Payment(mode="ONE_TIME", total_fen=price_fen)
        case Instalments(parts=parts):
            lines = [line for line in lines_of(terms, price_fen, 0) if line.amount_fen is not None]
            due = [f"{_TRIGGERS[part.after]}之日起 {part.days} 日内" for part in parts]
            instalments = tuple(
                Instalment(amount_fen=line.known_fen, due=text) for line, text in zip(lines, due, strict=True)
            )
            return Payment(mode="INSTALMENT", total_fen=price_fen, instalments=instalments)
        case RoyaltyTerms():
            return Payment(mode="ROYALTY", total_fen=0, royalty=_royalty(terms))
        case EntryRoyalty():
            return Payment(mode="ROYALTY_PLUS_ENTRY", total_fen=price_fen, royalty=_royalty(terms.royalty))


def project_name(title: str, kind: str) -> str:
    """Return the project's name: the title, and the kind where the title does not say it, so that name and content agree (ground 5)."""
    own = five_kind(kind)
    return title if any(name in title for name in _NAMES[own]) else f"{title}（技术{_WORDS[own]}）"


def _royalty(terms: RoyaltyTerms) -> Royalty:
    return Royalty(
        base=RoyaltyBase(terms.base.value.upper()), rates_bps=terms.rates_bps, floor_fen=terms.floor_fen,
        cap_fen=terms.cap_fen, report_months=terms.months,
    )  # fmt: skip


def _content(record: Achievement, deal: Deal) -> str:
    name = record.title_zh or deal.title_zh
    scope = record.abstract_zh.strip()
    return f"“{name}”的全部技术内容及实施所需的技术资料。{scope}"


def _licence(deal: Deal, record: Achievement) -> Licence:
    kind = {"EXCLUSIVE": "EXCLUSIVE", "SOLE": "SOLE"}.get(deal.mode, "PLAIN")
    assert deal.mode in LICENCE_MODES, "the kind is a licence"
    ends = [day for right in record.rights if (day := last_day(right))]
    return Licence(kind=kind, until_on=min(ends) if ends else "")


def _ends(struck: Day, record: Achievement, kind: str) -> Day:
    """Return the last day of the contract: of a licence the last day of its shortest right, else a year after the deal."""
    ends = [last for right in record.rights if (last := parse_day(last_day(right) or "")) is not None]
    if five_kind(kind) == LICENCE and ends:
        return min(ends)
    year, month, day = civil_of(struck)
    return day_from_civil(year + 1, month, min(day, 28))


def _approvals(record: Achievement) -> tuple[Approval, ...]:
    letter = record.export_letter
    return () if letter is None or not letter.number else (Approval(kind="export_letter", number=letter.number),)
