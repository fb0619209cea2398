"""What comes in about notices. Who sends it fills in applicant, approver and handler; amounts are strings of digits in fen."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.rules.publicity import terms as nt
from engine.rules.publicity.commands import GapSource, Ruling
from engine.rules.publicity.content import BasisKind, Confidential
from engine.rules.publicity.state import NoticePhase
from engine.values import Amount
from gateway.http.api.listing_wishes import PartyId_
from gateway.http.api.wishes import CommandWish, Digits, Instant, Query, ShortText, Text, Wish

NOTICE_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,35}$"
_PHASES = re.compile(rf"({'|'.join(phase.value for phase in NoticePhase)}|,)*")


def _are_phases(text: str) -> str:
    if _PHASES.fullmatch(text) is None:
        raise ValueError("names no phase")
    return text


NoticeName = Annotated[str, StringConstraints(pattern=NOTICE_PATTERN)]
Line = Annotated[str, StringConstraints(max_length=500)]
DayText = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Share = Annotated[int, Field(ge=0, le=10_000)]


class PublicityQuery(Query):
    """Search what was ever published."""

    words: Annotated[str, StringConstraints(max_length=100)] = ""
    field: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,2}$")] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,6}$")] = ""
    phases: Annotated[str, AfterValidator(_are_phases)] = Field("", description="Comma-separated; empty for all.")
    seller: Annotated[str, StringConstraints(pattern=r"^([op][0-9a-f]{16})?$")] = ""
    from_us: Instant | None = None
    until_us: Instant | None = None
    after: ShortText = ""
    limit: int = Field(20, ge=1, le=100)


class BuyerWish(Wish):
    """Who buys: a party of the market by its id, or somebody named."""

    party: PartyId_ | None = None
    name_zh: ShortText = ""
    name_en: ShortText = ""
    credit_code: Annotated[str, StringConstraints(pattern=r"^([0-9A-Z]{18})?$")] = ""
    person: bool = False
    foreign: bool = False


class BasisWish(Wish):
    """One thing that the price rests on."""

    kind: BasisKind = Field(strict=False)
    reference: Line = ""
    made_by: ShortText = ""
    amount: Digits | None = None
    on: DayText = ""
    valid_until: DayText = ""
    text: Text = ""


class InstalmentWish(Wish):
    """A part of the price."""

    amount: Digits
    due: Line


class PaymentWish(Wish):
    """How it is paid."""

    mode: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$")] = "ONE_TIME"
    text: Text = ""
    instalments: list[InstalmentWish] = Field([], max_length=50)
    royalty_bps: Share = 0


class RelatedWish(Wish):
    """A tie between the buyer and the seller's side, in the words that are published."""

    kind: RelationKind = Field(strict=False)
    text: Line = ""


class CompleterWish(Wish):
    """A completer's declaration, in rank order: `declared` and, if he is tied to the buyer, how."""

    declared: bool = False
    relation: RelationKind | None = Field(None, strict=False)


class NoticeWish(Wish):
    """What an agreement says. Title, abstract, publisher and completers come from the achievement unless given."""

    mode: Mode = Field(strict=False)
    price: Digits
    buyer: BuyerWish
    title_zh: ShortText = ""
    title_en: ShortText = ""
    abstract_zh: Text = ""
    abstract_en: Text = ""
    scope_zh: Text = ""
    scope_en: Text = ""
    basis: list[BasisWish] = Field(min_length=1, max_length=10)
    payment: PaymentWish = Field(default_factory=lambda: PaymentWish(instalments=[]))
    related: list[RelatedWish] = Field([], max_length=50)
    confidential: Confidential = Field(Confidential.NO, strict=False)
    unit_place: Line = ""
    objections_to: Text
    days: int = Field(0, ge=0, le=366, description="Length of the period; 0 for the market's usual one.")
    applicant_relation: RelationKind | None = Field(None, strict=False, description="The applicant's tie to the buyer.")
    completers: list[CompleterWish] = Field([], max_length=50)


class SubmitNoticeWish(CommandWish):
    """Hand a notice in for approval inside the institution."""

    notice: NoticeName
    achievement: ShortText
    content: NoticeWish


class NoticeAgainWish(CommandWish):
    """Hand it in again after correction."""

    content: NoticeWish


class NoticeChangeWish(CommandWish):
    """A revision, or a slip of the pen put right: the new content with its reason, which is published."""

    content: NoticeWish
    reason: str = Field(min_length=1, max_length=500)


class TypoWish(CommandWish):
    """Texts put right; empty ones stay as they are."""

    title_zh: ShortText = ""
    title_en: ShortText = ""
    abstract_zh: Text = ""
    abstract_en: Text = ""
    scope_zh: Text = ""
    scope_en: Text = ""
    unit_place: Line = ""
    objections_to: Text = ""
    reason: str = Field(min_length=1, max_length=500)


class ApproveWish(CommandWish):
    """Approve for one body. `relation`: a tie of the approver to the buyer; who has one may not approve."""

    body: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
    minutes: ShortText = ""
    relation: RelationKind | None = Field(None, strict=False)


class PlainWish(CommandWish):
    """An act that needs nothing more."""


class GapWish(CommandWish):
    """The public page could not be reached between the two instants."""

    from_us: Instant
    to_us: Instant
    source: GapSource = Field(GapSource.OPERATOR, strict=False)


class ContractWish(CommandWish):
    """The contract was signed."""

    contract_ref: str = Field(min_length=1, max_length=200)


class ReceiveWish(CommandWish):
    """Take an objection up, or say why not."""

    admitted: bool
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class PanellistWish(Wish):
    """A member of the panel: an account of the market, or a name."""

    account: Annotated[str, StringConstraints(pattern=r"^(p[0-9a-f]{16})?$")] = ""
    name: Annotated[str, StringConstraints(max_length=60)] = ""
    office: Annotated[str, StringConstraints(max_length=100)] = ""
    conflict: bool = False


class PanelWish(CommandWish):
    """Who decides."""

    members: list[PanellistWish] = Field(min_length=1, max_length=15)


class RulingWish(CommandWish):
    """The panel's decision; the reasons are published."""

    ruling: Ruling = Field(strict=False)
    reasons: str = Field(min_length=1, max_length=4_000)


class BodyWish(Wish):
    """An organ that approves."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
    name_zh: str = Field(min_length=1, max_length=100)
    name_en: Annotated[str, StringConstraints(max_length=100)] = ""
    collective: bool = False


class RungWish(Wish):
    """A step: prices up to and including `up_to` (fen; null for the last one) need these bodies."""

    up_to: Digits | None = None
    bodies: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]] = Field(min_length=1, max_length=20)


class LadderWish(Wish):
    """The institution's ladder of amounts."""

    bodies: list[BodyWish] = Field(min_length=1, max_length=20)
    rungs: list[RungWish] = Field(min_length=1, max_length=20)
    related_bodies: list[str] = Field([], max_length=20)
    reason: str = Field(min_length=1, max_length=500)

    def ladder(self) -> nt.Ladder:
        """Return the ladder, without its version."""
        return nt.Ladder(
            version=0,
            bodies=tuple(
                nt.Body(code=one.code, name_zh=one.name_zh, name_en=one.name_en, collective=one.collective)
                for one in self.bodies
            ),
            rungs=tuple(
                nt.Rung(up_to=None if one.up_to is None else Amount(int(one.up_to)), bodies=tuple(one.bodies))
                for one in self.rungs
            ),
            related_bodies=tuple(self.related_bodies),
        )


class ObjectionWish(CommandWish):
    """An objection as one request: who, on what ground, why. With an account the name is known; anonymous ones are leads."""

    anonymous: bool = False
    name: Annotated[str, StringConstraints(max_length=100)] = ""
    number: Annotated[str, StringConstraints(max_length=64)] = Field("", description="Resident number or credit code.")
    contact: ShortText = ""
    relation: Annotated[str, StringConstraints(max_length=40)] = ""
    ground: Annotated[str, StringConstraints(max_length=40)]
    statement: Text
