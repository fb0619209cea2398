"""From an achievement and a wish to what is handed in: the content of the notice and the terms in force."""

from __future__ import annotations

from typing import Final

from engine.catalogue.achievements.store import is_achievement_id
from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.codes.publicity_rules import publicity_rules
from engine.rules.achievement.checking import Stage, problems
from engine.rules.achievement.record import Achievement, RightKind, RightStatus
from engine.rules.achievement.rights import foreign_blocked, rights_block
from engine.rules.conflicts import May, standing
from engine.rules.publicity import content as nc
from engine.rules.publicity.terms import Declaration, DeclarerRole, Ladder, NoticeTerms
from engine.rules.rejections import Reject
from engine.values import Amount, DurationUs, InstantUs, PartyId
from gateway.errors import Code, Refused
from gateway.http.api.notice_wishes import BasisWish, NoticeWish, PaymentWish
from gateway.services import Services

MINUTE_US: Final = 60_000_000


async def achievement_of(services: Services, owner: PartyId, achievement_id: str) -> Version:
    """Return the public version of an achievement that this party owns.

    Raises:
        Refused: NOT_FOUND: it is not his or not published.
    """
    if not is_achievement_id(achievement_id):
        raise Refused(Code.NOT_FOUND)
    version = await services.achievements.public(AchievementId(achievement_id))
    if version is None or version.owner != owner:
        raise Refused(Code.NOT_FOUND)
    return version


def rights_problems(version: Version, wish: NoticeWish, now_us: int) -> list[str]:
    """Return what in the record forbids to sell it in this mode (a lapsed patent, a co-owner's consent that is missing)."""
    at_us = InstantUs(now_us)
    found = [*problems(version.record, Stage.LIST, at_us), *rights_block(version.record, wish.mode, at_us)]
    return list(dict.fromkeys(f"achievement.{one.path}: {one.code}" for one in found if one.blocking))


async def content_of(services: Services, version: Version, wish: NoticeWish, notice_id: str) -> nc.NoticeContent:
    """Return the content to record.

    Raises:
        Refused: TERMS_INVALID: the record forbids it; NOT_FOUND: the buyer's party; CONFLICT_OF_INTEREST: staff never buys;
            RELATED_NOT_MARKED: the buyer himself declared a tie that the notice does not mark.
    """
    forbidden = rights_problems(version, wish, services.now_us)
    if forbidden:
        raise Refused(Reject.TERMS_INVALID, problems="; ".join(forbidden))
    record, seller = version.record, await services.parties.read(version.owner)
    files = await services.attachments.of_subject(f"notice/{notice_id}")
    return nc.NoticeContent(
        achievement_id=version.id,
        achievement_version=version.number,
        achievement_digest=version.digest.hex(),
        title_zh=wish.title_zh or record.title_zh,
        title_en=wish.title_en or record.title_en,
        title_mn=record.title_mn,
        abstract_zh=wish.abstract_zh or record.abstract_zh,
        abstract_en=wish.abstract_en or record.abstract_en,
        field=record.fields[0] if record.fields else "",
        region=record.region,
        seller_name_zh=record.holder_zh,
        seller_name_en=record.holder_en,
        mode=wish.mode,
        scope_zh=wish.scope_zh,
        scope_en=wish.scope_en,
        price=Amount(int(wish.price)),
        buyer=await _buyer(services, wish, version.owner),
        completers=completers_of(record),
        basis=tuple(_basis(one) for one in wish.basis),
        payment=_payment(wish.payment),
        related=tuple(nc.Related(kind=one.kind, text=one.text) for one in wish.related),
        confidential=wish.confidential,
        unit_place=wish.unit_place,
        objections_to=wish.objections_to,
        files=tuple(nc.AttachedFile(id=one.id, name=one.name, sha256=one.sha256) for one in files),
        demonstration=seller is not None and seller.demonstration,
    )


def completers_of(record: Achievement) -> tuple[nc.NamedCompleter, ...]:
    """Return the completers in rank order; who did not agree to be named has a rank and a share (PIPL art. 25)."""
    return tuple(
        nc.NamedCompleter(
            name=one.name if one.named_publicly else "",
            unit=one.unit if one.named_publicly else "",
            share_bp=one.share_bp,
        )
        for one in record.completers
    )


def proposed_confidential(record: Achievement) -> nc.Confidential:
    """Return what a record suggests: a patent that is only applied for may not be published yet, know-how is a secret."""
    if any(one.kind.is_patent and one.status is RightStatus.PENDING for one in record.rights):
        return nc.Confidential.UNPUBLISHED_PATENT
    if any(one.kind is RightKind.KNOW_HOW for one in record.rights):
        return nc.Confidential.TRADE_SECRET
    return nc.Confidential.NO


def declarations_of(wish: NoticeWish, applicant: str) -> tuple[Declaration, ...]:
    """Return the declarations of the applicant and of every completer who has made one, by rank."""
    return (
        Declaration(role=DeclarerRole.APPLICANT, who=applicant, relation=wish.applicant_relation),
        *(
            Declaration(role=DeclarerRole.COMPLETER, who=str(rank), relation=one.relation)
            for rank, one in enumerate(wish.completers, 1)
            if one.declared
        ),
    )


def terms_of(wish: NoticeWish, version: Version, ladder: Ladder) -> NoticeTerms:
    """Return the terms to record: the parameters in force now, and the institution's ladder."""
    rules = publicity_rules()
    return NoticeTerms(
        days=wish.days or rules.days,
        least_days=rules.least_days,
        downtime_per_day_us=DurationUs(rules.downtime_per_day_minutes * MINUTE_US),
        certify_after_us=DurationUs(rules.certify_after_minutes * MINUTE_US),
        receipt_working_days=rules.receipt_working_days,
        decision_working_days=rules.decision_working_days,
        extension_working_days=rules.extension_working_days,
        panel_least=rules.panel_least,
        typo_characters=rules.typo_characters,
        foreign_blocked=foreign_blocked(version.record),
        ladder=ladder,
    )


async def _buyer(services: Services, wish: NoticeWish, seller: PartyId) -> nc.Buyer:
    """A party of the market is shown under its registered name; what it declared about the seller must be marked."""
    given = wish.buyer
    if not given.party:
        return nc.Buyer(
            name_zh=given.name_zh,
            name_en=given.name_en,
            credit_code=given.credit_code,
            person=given.person,
            foreign=given.foreign,
        )
    party = await services.parties.read(PartyId(given.party))
    if party is None or not party.verified:
        raise Refused(Code.NOT_FOUND)
    answer = standing(party.id, seller, is_staff=False, relations=await services.ties.relations(party.id))
    if answer.may is May.NEVER:
        raise Refused(Code.CONFLICT_OF_INTEREST if answer.kind is not None else Reject.SELLER_MAY_NOT_BUY)
    if answer.kind is not None and all(answer.kind is not one.kind for one in wish.related):
        raise Refused(Reject.RELATED_NOT_MARKED, relation=answer.kind.value)
    return nc.Buyer(
        name_zh=party.name_zh,
        name_en=party.name_en,
        party_id=party.id,
        credit_code=party.credit_code or "",
        person=party.credit_code is None,
        foreign=party.foreign,
    )


def _basis(one: BasisWish) -> nc.Basis:
    return nc.Basis(
        kind=one.kind,
        reference=one.reference,
        made_by=one.made_by,
        amount=None if one.amount is None else Amount(int(one.amount)),
        on=one.on,
        valid_until=one.valid_until,
        text=one.text,
    )


def _payment(one: PaymentWish) -> nc.Payment:
    parts = tuple(nc.Instalment(amount=Amount(int(part.amount)), due=part.due) for part in one.instalments)
    return nc.Payment(mode=one.mode, text=one.text, instalments=parts, royalty_bps=one.royalty_bps)
