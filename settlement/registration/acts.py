"""What may be wished of a registration. Who may wish it is decided by the doors (gateway/permissions.py); `deciding.py` judges the rest."""

from __future__ import annotations

from msgspec import Struct

from settlement.registration.events import Cause, ExpertView, Outcome, OutsideAnswer


class OpenCase(Struct, frozen=True, kw_only=True):
    """Begin the registration of a contract. One deal has one (D11: registered once)."""

    deal: str
    contract_id: str
    contract_version: int
    applicant: str
    kind: str
    project: str
    region: str
    seller: str
    buyer: str
    total_fen: int
    technical_fen: int
    demonstration: bool = False


class SaveForm(Struct, frozen=True, kw_only=True):
    """Keep what was answered; `clear`: the pre-check finds nothing that stands in the way."""

    answers: dict[str, str]
    explanations: dict[str, str]


class TakeVersion(Struct, frozen=True, kw_only=True):
    """Another version of the contract is to be registered."""

    contract_version: int
    kind: str
    project: str
    total_fen: int
    technical_fen: int


class Submit(Struct, frozen=True, kw_only=True):
    """Hand it in, or hand it in again after a return. `package`: digest of the package handed in."""

    package: str
    clear: bool


class StartPreCheck(Struct, frozen=True, kw_only=True):
    """A registrar takes it up."""


class Return(Struct, frozen=True, kw_only=True):
    """Send it back for correction (补正)."""

    reason: str
    fields: tuple[str, ...] = ()


class Accept(Struct, frozen=True, kw_only=True):
    """Accept it (受理); the clock of 15 working days starts."""

    due_at_us: int
    certain: bool
    calendar: str


class StartReview(Struct, frozen=True, kw_only=True):
    """The first review begins."""


class RaiseDispute(Struct, frozen=True, kw_only=True):
    """Kind or amount are disputed: experts have to be asked."""

    reason: str


class GiveOpinion(Struct, frozen=True, kw_only=True):
    """End the first review with a proposal; the experts' clock is used if they have to be asked."""

    outcome: Outcome
    technical_fen: int
    ground: int = 0
    reason: str = ""
    expert_due_at_us: int = 0
    expert_certain: bool = True
    calendar: str = ""


class GiveExpertOpinion(Struct, frozen=True, kw_only=True):
    """The experts have spoken."""

    experts: tuple[ExpertView, ...]
    outcome: Outcome
    technical_fen: int
    ground: int = 0
    reason: str = ""


class SendBack(Struct, frozen=True, kw_only=True):
    """The second reviewer does not agree: first review again."""

    reason: str


class Register(Struct, frozen=True, kw_only=True):
    """Register it (second review by another person). `check`: the certificate's secret for its page."""

    number: str
    check: str
    confirmed: bool = False
    """The unusual form of the number was looked at."""


class Refuse(Struct, frozen=True, kw_only=True):
    """Refuse it (second review by another person)."""


class Change(Struct, frozen=True, kw_only=True):
    """变更: the contract changed, or an amount is supplemented after a royalty came in."""

    cause: Cause
    reason: str
    contract_version: int
    total_fen: int
    technical_fen: int
    check: str


class Cancel(Struct, frozen=True, kw_only=True):
    """注销: the contract was rescinded, annulled, or found void."""

    cause: Cause
    reason: str


class Revoke(Struct, frozen=True, kw_only=True):
    """撤销 for one of the grounds of domain.md §5.17."""

    ground: str
    reason: str


class Raise(Struct, frozen=True, kw_only=True):
    """异议 by the registrant or a finance or tax body (D17)."""

    by: str
    text: str


class DecideObjection(Struct, frozen=True, kw_only=True):
    """Decide it; the clock is used where a refusal is reviewed again."""

    upheld: bool
    reason: str
    due_at_us: int = 0
    certain: bool = True
    calendar: str = ""


class Archive(Struct, frozen=True, kw_only=True):
    """Nothing more will happen."""


class Recount(Struct, frozen=True, kw_only=True):
    """Count the end of the clock again by a newer calendar."""

    due_at_us: int
    certain: bool
    calendar: str


class TakeOutside(Struct, frozen=True, kw_only=True):
    """What an outside registrar's system answered (webhook)."""

    answer: OutsideAnswer
    system: str
    number: str = ""
    certificate: str = ""
    """SHA-256 of the certificate that came with it."""
    check: str = ""
    ground: int = 0
    reason: str = ""
    fields: tuple[str, ...] = ()
    due_at_us: int = 0
    certain: bool = True
    calendar: str = ""


Act = (
    OpenCase | SaveForm | TakeVersion | Submit | StartPreCheck | Return | Accept | StartReview | RaiseDispute | GiveOpinion
    | GiveExpertOpinion | SendBack | Register | Refuse | Change | Cancel | Revoke | Raise | DecideObjection | Archive | Recount
    | TakeOutside
)  # fmt: skip
