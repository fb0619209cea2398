"""Who sees what of a notice. Separate shapes for each audience; nothing is ever "removed" from a fuller one.

Public: what was published and how its period stands, versions with their differences, the number, ground, stage, outcome and reasons of
objections ([L-SD-PSTT 14]: the result is public). Of an unpublished patent or a trade secret only name, price and abstract (促进科技成果
转化法 art. 11), beside the publisher, the field and the region that the board is sorted by, and the mark of a related party, none of
which describes the technology. Never: who objected, who sits on the panel, who approved, files that are not public, leads.

The institution and the staff of the market see everything the log holds; personal data of objectors is not in the log at all.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.calendar import day_of
from engine.rules.achievement.differences import Difference, differences
from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.rules.publicity.content import (
    AttachedFile,
    Basis,
    Buyer,
    Confidential,
    NamedCompleter,
    NoticeContent,
    Payment,
    Related,
)
from engine.rules.publicity.periods import full_days
from engine.rules.publicity.state import NoticePhase, NoticeState, NoticeVersion, Objection, ObjectionPhase
from engine.values import InstantUs, NoticeId

_RANK: Final = tuple(RelationKind)


class PublicObjection(Struct, frozen=True, kw_only=True):
    """An objection as everybody sees it: no names, no text of the objector."""

    no: int
    ground: str
    filed_at_us: InstantUs
    phase: str
    due_us: InstantUs | None
    overdue: bool
    extended: bool
    reasons: str
    closed_at_us: InstantUs | None


class PublicVersion(Struct, frozen=True, kw_only=True):
    """A published version and what it changed against the one before."""

    no: int
    round_no: int
    cause: str
    at_us: InstantUs
    reason: str
    changes: tuple[Difference, ...]
    """Places with their values before and after; only of what may be shown."""


class PublicAgreement(Struct, frozen=True, kw_only=True):
    """The deal as everybody sees it."""

    price: str
    struck_at_us: InstantUs
    signed: bool


class PublicNotice(Struct, frozen=True, kw_only=True):
    """A notice as everybody sees it at one instant. Amounts are digit strings in fen, instants microseconds, shares basis points."""

    notice: NoticeId
    seq: int
    phase: str
    title_zh: str
    title_en: str
    title_mn: str
    abstract_zh: str
    abstract_en: str
    seller_name_zh: str
    seller_name_en: str
    field: str
    region: str
    price: str
    currency: str
    exponent: int
    confidential: str
    limited: bool
    """Only name, price and abstract may be shown: the fields from here to `public_files` are empty."""
    achievement: str
    achievement_version: int | None
    mode: Mode | None
    scope_zh: str
    scope_en: str
    buyer: Buyer | None
    """Without credit code and party id; a natural person appears with the name he is published under."""
    completers: tuple[NamedCompleter, ...]
    basis: tuple[Basis, ...]
    payment: Payment | None
    public_files: tuple[AttachedFile, ...]
    related: RelationKind | None
    """The mark: the closest tie between the buyer and the seller's side, None for none."""
    ties: tuple[Related, ...]
    """The ties in the words that are published; empty where `limited`."""
    unit_place: str
    objections_to: str
    demonstration: bool
    round_no: int
    version_no: int
    first_published_at_us: InstantUs | None
    published_at_us: InstantUs
    """Beginning of this round."""
    days: int
    """Length of the period."""
    day_no: int
    """Day n of `days`: the day of the period that is running, 0 on the day of publication; `days` when over."""
    days_left: int
    """Days until the end, today included; 0 when over. While it stands still: the days that are left to be shown."""
    ends_at_us: InstantUs | None
    certain: bool
    calendar_version: str
    lost_days: int
    stands_still_since_us: InstantUs | None
    objection_state: str
    """`none`, `open` (filed), `under_review`, `sustained`, or `closed` (there were some, all decided)."""
    takes_objections: bool
    objections: tuple[PublicObjection, ...]
    versions: tuple[PublicVersion, ...]
    certificate_no: str
    certified_at_us: InstantUs | None
    agreement: PublicAgreement | None
    reason: str


def public_notice(state: NoticeState, at_us: InstantUs) -> PublicNotice | None:
    """Return the notice as everybody may see it at an instant; None if it was never published."""
    if not state.versions:
        return None
    version = state.versions[-1]
    limited = version.content.confidential is not Confidential.NO
    shown = shown_part(version.content, limited=limited)
    return PublicNotice(
        notice=state.notice_id,
        seq=state.seq,
        phase=state.phase.value,
        title_zh=shown.title_zh,
        title_en=shown.title_en,
        title_mn=shown.title_mn,
        abstract_zh=shown.abstract_zh,
        abstract_en=shown.abstract_en,
        seller_name_zh=shown.seller_name_zh,
        seller_name_en=shown.seller_name_en,
        field=shown.field,
        region=shown.region,
        price=str(shown.price),
        currency=state.terms.currency.code,
        exponent=state.terms.currency.exponent,
        confidential=shown.confidential.value,
        limited=limited,
        achievement=shown.achievement_id,
        achievement_version=None if limited else shown.achievement_version,
        mode=None if limited else shown.mode,
        scope_zh=shown.scope_zh,
        scope_en=shown.scope_en,
        buyer=None if limited else shown.buyer,
        completers=shown.completers,
        basis=shown.basis,
        payment=None if limited else shown.payment,
        public_files=shown.files,
        related=closest_tie(version.content),
        ties=shown.related,
        unit_place=shown.unit_place,
        objections_to=shown.objections_to,
        demonstration=shown.demonstration,
        round_no=state.round_no,
        version_no=version.no,
        first_published_at_us=state.first_published_at_us,
        published_at_us=state.legs[0].from_us if state.legs else version.at_us,
        days=state.terms.days,
        day_no=day_no(state, at_us),
        days_left=days_left(state, at_us),
        ends_at_us=state.ends_at_us,
        certain=state.certain,
        calendar_version=state.calendar_version,
        lost_days=state.lost_days,
        stands_still_since_us=stands_still_since(state),
        objection_state=objection_state(state),
        takes_objections=state.phase in (NoticePhase.PUBLISHED, NoticePhase.OBJECTED),
        objections=tuple(_objection(one) for one in state.objections if one.phase is not ObjectionPhase.LEAD),
        versions=_versions(state.versions),
        certificate_no=state.certificate_no,
        certified_at_us=state.certified_at_us,
        agreement=_agreement(state),
        reason=state.reason if state.phase in (NoticePhase.WITHDRAWN, NoticePhase.TERMINATED) else "",
    )


def shown_part(content: NoticeContent, *, limited: bool) -> NoticeContent:
    """Return what of a version may be published; what may not is empty. Differences of versions are differences of this.

    Args:
        content: One version.
        limited: Only name, price and abstract.
    """
    buyer = content.buyer
    seen = replace(
        content,
        achievement_digest="",
        buyer=Buyer(name_zh=buyer.name_zh, name_en=buyer.name_en, person=buyer.person, foreign=buyer.foreign),
        files=tuple(file for file in content.files if file.public),
    )
    if not limited:
        return seen
    return replace(
        seen,
        achievement_id="",
        achievement_version=0,
        mode=Mode.TRANSFER,
        scope_zh="",
        scope_en="",
        buyer=Buyer(name_zh=""),
        completers=(),
        basis=(),
        payment=Payment(),
        related=(),
        files=(),
    )


def closest_tie(content: NoticeContent) -> RelationKind | None:
    """Return the closest tie between the buyer and the seller's side, None for none (标明, [L-ZJ-PSTT 17])."""
    return min((one.kind for one in content.related), key=_RANK.index, default=None)


def day_no(state: NoticeState, at_us: InstantUs) -> int:
    """Return which day of the period it is: whole days shown before, and the running one."""
    if state.phase not in (NoticePhase.PUBLISHED, NoticePhase.OBJECTED):
        over = state.phase not in (
            NoticePhase.SUSTAINED,
            NoticePhase.APPROVAL,
            NoticePhase.RETURNED,
            NoticePhase.APPROVED,
        )
        return state.terms.days if over and state.ends_at_us is not None else 0
    shown = full_days(state, at_us)
    leg = state.legs[-1]
    running = leg.to_us is None and day_of(at_us) > day_of(leg.from_us)
    return min(state.terms.days, shown + running)


def days_left(state: NoticeState, at_us: InstantUs) -> int:
    """Return the days until the end, today included; while the period stands still, those that are left to be shown."""
    if state.phase is NoticePhase.PUBLISHED and state.ends_at_us is not None:
        return max(0, day_of(InstantUs(state.ends_at_us - 1)) - day_of(at_us) + 1)
    if state.phase is NoticePhase.OBJECTED:
        return max(1, state.terms.days - full_days(state, at_us))
    return 0


def stands_still_since(state: NoticeState) -> InstantUs | None:
    """Return since when an objection has stopped the period, None if none has."""
    return state.legs[-1].to_us if state.phase in (NoticePhase.OBJECTED, NoticePhase.SUSTAINED) else None


def objection_state(state: NoticeState) -> str:
    """Return where the objections stand, the most pressing first."""
    phases = {one.phase for one in state.objections if one.phase is not ObjectionPhase.LEAD}
    if ObjectionPhase.FILED in phases:
        return "open"
    if ObjectionPhase.UNDER_REVIEW in phases:
        return "under_review"
    if state.phase is NoticePhase.SUSTAINED:
        return "sustained"
    return "closed" if phases else "none"


def _objection(one: Objection) -> PublicObjection:
    return PublicObjection(
        no=one.no,
        ground=one.ground.value,
        filed_at_us=one.filed_at_us,
        phase=one.phase.value,
        due_us=one.due_us,
        overdue=one.overdue,
        extended=one.extended,
        reasons=one.reasons,
        closed_at_us=one.closed_at_us,
    )


def _versions(versions: tuple[NoticeVersion, ...]) -> tuple[PublicVersion, ...]:
    """Where either of two versions is confidential, only what is shown in any case is compared in the open."""
    found = []
    for place, version in enumerate(versions):
        changed: list[Difference] = []
        if place:
            pair = (versions[place - 1].content, version.content)
            limited = any(one.confidential is not Confidential.NO for one in pair)
            changed = differences(*(shown_part(one, limited=limited) for one in pair))
        found.append(
            PublicVersion(
                no=version.no,
                round_no=version.round_no,
                cause=version.cause.value,
                at_us=version.at_us,
                reason=version.reason,
                changes=tuple(changed),
            )
        )
    return tuple(found)


def _agreement(state: NoticeState) -> PublicAgreement | None:
    if state.deal is None or state.struck_at_us is None:
        return None
    return PublicAgreement(
        price=str(state.deal.price), struck_at_us=state.struck_at_us, signed=bool(state.contract_ref)
    )
