"""What is written down about an achievement: domain.md §3.2, groups identity, achievement and rights.

Every field may be empty while somebody is still writing; `checking.problems` says what is missing for which stage. Days are ISO texts
(`2024-02-29`, a calendar day in Asia/Shanghai), shares are basis points, codes are those of the national lists (domain.md §5.11–5.13).
The canonical bytes of a record (engine/canonical.py) are what a published version commits to, so fields are added, never renamed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

TITLE_MAX: Final = 200
LINE_MAX: Final = 300
ABSTRACT_MAX: Final = 4_000
TEXT_MAX: Final = 15_000
"""Characters of the full text, which only signers of the confidentiality text read."""
LIST_MAX: Final = 50
"""Entries of any list in a record."""
ALL_BP: Final = 10_000
"""All of something in basis points."""
TRL_LEVELS: Final = range(1, 10)


class Secrecy(StrEnum):
    """密级. Only PUBLIC may be on an open platform (domain.md §1.11: secret items go through a closed channel)."""

    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"
    """内部: not for the public, though not a state secret."""
    CONFIDENTIAL = "CONFIDENTIAL"
    """秘密"""
    SECRET = "SECRET"  # noqa: S105
    """机密"""
    TOP_SECRET = "TOP_SECRET"  # noqa: S105
    """绝密"""
    DEFENCE = "DEFENCE"
    """国防专利"""


class ExportClass(StrEnum):
    """Technology import and export regulation, domain.md §1.10."""

    FREE = "FREE"
    RESTRICTED = "RESTRICTED"
    PROHIBITED = "PROHIBITED"


class HolderKind(StrEnum):
    """Whose rules apply to disposal (domain.md §0.2 no. 19)."""

    STATE_INSTITUTE = "STATE_INSTITUTE"
    """University, institute, hospital: the PSTT Law."""
    STATE_ENTERPRISE = "STATE_ENTERPRISE"
    COMPANY = "COMPANY"
    PERSON = "PERSON"
    OTHER = "OTHER"

    @property
    def is_state(self) -> bool:
        """The holder is a state-owned unit."""
        return self in (HolderKind.STATE_INSTITUTE, HolderKind.STATE_ENTERPRISE)


class Maturity(StrEnum):
    """阶段: 实验室, 小试, 中试, 量产."""

    LAB = "LAB"
    BENCH = "BENCH"
    PILOT = "PILOT"
    PRODUCTION = "PRODUCTION"


class Mode(StrEnum):
    """What may be offered (domain.md §3.2, glossary §10)."""

    TRANSFER = "TRANSFER"
    EXCLUSIVE = "EXCLUSIVE"
    SOLE = "SOLE"
    PLAIN = "PLAIN"
    OPEN = "OPEN"
    EQUITY = "EQUITY"
    COOPERATION = "COOPERATION"


class RightKind(StrEnum):
    """Types of intellectual property (domain.md §5.11)."""

    INVENTION = "INVENTION"
    UTILITY_MODEL = "UTILITY_MODEL"
    DESIGN = "DESIGN"
    KNOW_HOW = "KNOW_HOW"
    SOFTWARE = "SOFTWARE"
    PLANT_VARIETY = "PLANT_VARIETY"
    LAYOUT = "LAYOUT"
    """集成电路布图设计"""
    BIO_VARIETY = "BIO_VARIETY"
    """生物、医药新品种"""

    @property
    def is_patent(self) -> bool:
        """Invention, utility model or design."""
        return self in (RightKind.INVENTION, RightKind.UTILITY_MODEL, RightKind.DESIGN)


class RightStatus(StrEnum):
    """Where a right stands."""

    HELD = "HELD"
    """Exists without registration: know-how."""
    PENDING = "PENDING"
    """Applied for."""
    GRANTED = "GRANTED"
    """Granted or registered."""
    LAPSED = "LAPSED"
    """Ended: not paid, given up, term over."""
    INVALID = "INVALID"
    """Refused or declared invalid."""


class Visibility(StrEnum):
    """Whom a document may reach."""

    PUBLIC = "PUBLIC"
    NDA = "NDA"
    """Signers of the confidentiality text."""
    OWNER = "OWNER"
    """The owner and the staff of the market."""


class Special(StrEnum):
    """Subjects that need an approval or an ethics opinion of their own."""

    HUMAN_SUBJECTS = "HUMAN_SUBJECTS"
    HUMAN_GENETIC = "HUMAN_GENETIC"
    PATHOGENS = "PATHOGENS"
    GENE_MODIFIED = "GENE_MODIFIED"
    ANIMALS = "ANIMALS"


class Evidence(Struct, frozen=True, kw_only=True):
    """What shows that a readiness level was reached."""

    level: int
    text: str = ""
    attachment: str = ""
    """Id of an attachment, empty for none."""


class Indicator(Struct, frozen=True, kw_only=True):
    """A key figure: `yield · 92 % · tested by …`."""

    name: str
    value: str
    basis: str = ""


class Award(Struct, frozen=True, kw_only=True):
    """A prize won."""

    name: str
    year: int | None = None


class Project(Struct, frozen=True, kw_only=True):
    """Where the work comes from."""

    plan: str = ""
    """Plan or programme (计划来源), in words."""
    number: str = ""
    fiscal: bool | None = None
    """Paid from public funds; None: not answered."""
    obligations: str = ""
    """What the funder demands before a disposal."""


class Completer(Struct, frozen=True, kw_only=True):
    """A person who completed the work. Names are personal data: the public sees them only with consent (PIPL art. 25)."""

    name: str
    unit: str = ""
    share_bp: int = 0
    """Contribution in basis points; all together 10,000."""
    named_publicly: bool = False
    """The person agreed to be named on public pages."""


class CoOwner(Struct, frozen=True, kw_only=True):
    """Somebody who owns the right, too."""

    name: str
    consent: str = ""
    """Document of consent to a sale or an exclusive or sole licence: number, or id of an attachment."""


class RunningLicence(Struct, frozen=True, kw_only=True):
    """A licence that others hold already."""

    mode: Mode
    until_on: str = ""
    """Last day, empty if without end."""
    recorded: bool = False
    note: str = ""


class Right(Struct, frozen=True, kw_only=True):
    """One piece of intellectual property; fields that its kind does not have stay empty."""

    kind: RightKind
    name: str = ""
    number: str = ""
    """Patent, registration or variety number."""
    status: RightStatus = RightStatus.GRANTED
    owner: str = ""
    """Registered owner in words; empty: the holder alone."""
    co_owners: tuple[CoOwner, ...] = ()
    filed_on: str = ""
    granted_on: str = ""
    expires_on: str = ""
    """Last day of protection, for kinds whose term is not reckoned from the filing day."""
    annuity_paid_to: str = ""
    """Last day covered by the fees paid."""
    pledged: bool = False
    pledge_consent: str = ""
    """Document of the pledgee's consent."""
    licences: tuple[RunningLicence, ...] = ()
    disputes: str = ""
    """Disputes, invalidation requests, stays of procedure: in words, empty for none."""
    family: tuple[str, ...] = ()
    """Numbers of the same invention elsewhere."""
    evaluation_report: str = ""
    """专利权评价报告 of a utility model or design: number, or id of an attachment."""
    approval: str = ""
    """Approval of the competent department (plant varieties of state units): number, or id of an attachment."""


class Document(Struct, frozen=True, kw_only=True):
    """A file that belongs to the record; a published version commits to its bytes by their digest."""

    id: str
    """Id of the attachment (engine/catalogue/attachments.py)."""
    name: str
    sha256: str
    """Hexadecimal."""
    visibility: Visibility = Visibility.NDA


class ExportLetter(Struct, frozen=True, kw_only=True):
    """技术出口许可意向书."""

    number: str
    issued_on: str = ""
    attachment: str = ""


class Achievement(Struct, frozen=True, kw_only=True):
    """The whole record. What everybody may see: `disclosure.public_part`."""

    # identity
    title_zh: str = ""
    title_en: str = ""
    title_mn: str = ""
    """Mongolian, either script."""
    abstract_zh: str = ""
    abstract_en: str = ""
    full_text: str = ""
    """After signing the confidentiality text."""
    keywords: tuple[str, ...] = ()
    holder_zh: str = ""
    holder_en: str = ""
    holder_kind: HolderKind | None = None

    # achievement
    fields: tuple[str, ...] = ()
    """Technical fields `01`–`11`; the first is the main one."""
    industry: str = ""
    """GB/T 4754: a letter, or 2 to 4 digits."""
    region: str = ""
    """GB/T 2260, six digits."""
    trl: int | None = None
    trl_evidence: tuple[Evidence, ...] = ()
    scenes: tuple[str, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    maturity: Maturity | None = None
    awards: tuple[Award, ...] = ()
    project: Project = Project()
    completers: tuple[Completer, ...] = ()
    """In rank order."""
    secrecy: Secrecy | None = None
    export_class: ExportClass | None = None
    export_letter: ExportLetter | None = None
    special: tuple[Special, ...] = ()
    ethics_approval: str = ""
    """Opinion or approval for `special`: number, or id of an attachment."""
    defects: str = ""
    """What a buyer must know: faults, limits, doubts. Public. `none` in words if there are none."""

    # rights
    without_rights: bool = False
    """未涉及知识产权."""
    rights: tuple[Right, ...] = ()
    modes: tuple[Mode, ...] = ()
    """What the holder is ready to offer."""
    nda_text: str = ""
    """The holder's confidentiality text; empty: the market's standard text."""
    documents: tuple[Document, ...] = ()
