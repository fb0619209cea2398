"""What a contract and its registration are made from: one frozen record of the deal, the parties, the rights and the money.

It is gathered once from the deal, the register of parties and the published version of the achievement, so that nothing is typed twice
(gateway/registrations/gathering.py). Days are ISO texts of Asia/Shanghai, amounts fen, shares basis points; empty means: not known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

RIGHTS_MAX: Final = 50
LINES_MAX: Final = 50
"""Instalments, deductions, extra clauses: each at most so many."""
TEXT_MAX: Final = 4_000
NAME_MAX: Final = 200
FEN_MAX: Final = 10**15
"""Ten trillion yuan: beyond it somebody mistyped."""


class Profile(Struct, frozen=True, kw_only=True):
    """What the registration form asks about a party and the register of parties does not know; asked once, kept for the next contract."""

    address: str = ""
    legal_representative: str = ""
    zip_code: str = ""
    industry: str = ""
    """GB/T 4754: section letter or division."""
    is_transfer_institution: bool | None = None
    is_research_institution: bool | None = None
    is_converted_institute: bool | None = None
    """转制科研院所"""
    in_high_tech_zone: bool | None = None
    """Enterprises only."""
    is_listed: bool | None = None
    size: str = ""


class Side(Struct, frozen=True, kw_only=True):
    """A side of the contract."""

    party_id: str
    name: str
    name_en: str = ""
    is_person: bool = False
    credit_code: str = ""
    nature: str = ""
    region: str = ""
    country: str = "CN"
    """ISO 3166-1 alpha-2."""
    contact: str = ""
    phone: str = ""
    profile: Profile = Profile()
    seal_name: str = ""
    """Name on the seal or signature as it was put under the contract; empty: not signed yet."""


class RightFact(Struct, frozen=True, kw_only=True):
    """A right that the contract is about."""

    kind: str
    """As in engine/rules/achievement/record.py RightKind."""
    name: str = ""
    number: str = ""
    status: str = "GRANTED"
    owner: str = ""
    co_owners: tuple[str, ...] = ()
    co_owners_consented: bool = True
    """Every co-owner's consent is on file (专利法 art. 14)."""
    filed_on: str = ""
    granted_on: str = ""
    expires_on: str = ""
    fees_paid_to: str = ""
    pledged: bool = False
    pledgee_consented: bool = False
    approval: str = ""
    """Number of the competent department's approval (plant varieties of state units)."""


class RoyaltyBase(StrEnum):
    """What a royalty is reckoned from (民法典 art. 846)."""

    PRODUCT_PRICE = "PRODUCT_PRICE"
    NEW_OUTPUT = "NEW_OUTPUT"
    PROFIT = "PROFIT"
    SALES = "SALES"


class Instalment(Struct, frozen=True, kw_only=True):
    """One payment of a schedule."""

    amount_fen: int
    due: str
    """A day, or the event after which it is due."""


class Royalty(Struct, frozen=True, kw_only=True):
    """A share in the buyer's result."""

    base: RoyaltyBase
    rates_bps: tuple[int, ...]
    """Rate of each period, the last one holds on: one is fixed, several rise or fall."""
    floor_fen: int = 0
    cap_fen: int = 0
    """0: none."""
    report_months: int = 12


class Payment(Struct, frozen=True, kw_only=True):
    """How the price is paid."""

    mode: str
    """Code of PAYMENT_MODES."""
    total_fen: int
    """Fixed part: the whole price, or the entry fee where a royalty follows."""
    instalments: tuple[Instalment, ...] = ()
    royalty: Royalty | None = None


class Licence(Struct, frozen=True, kw_only=True):
    """What a licence covers."""

    kind: str
    """EXCLUSIVE, SOLE or PLAIN."""
    territory: str = "中华人民共和国境内"
    until_on: str = ""
    """Last day; empty: no time limit (L-TECH art. 28)."""
    sublicence: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """A part of the price that may not count as technical amount."""

    kind: str
    """Key of data/amount_rules.json."""
    name: str
    amount_fen: int
    quantity: int = 1
    needed: int = 1
    """How many the buyer needs to test and master the technology."""


class Approval(Struct, frozen=True, kw_only=True):
    """An approval on file."""

    kind: str
    """`asset_transfer`, `export_licence`, `export_registration`, `import_licence`, `plant_variety`, …"""
    number: str


class ContractFacts(Struct, frozen=True, kw_only=True):
    """Everything that a contract says."""

    contract_id: str
    deal: str
    """Reference of the deal, unique in the market."""
    kind: str
    """Leaf of CONTRACT_TYPES."""
    project: str
    seller: Side
    buyer: Side
    co_buyers: tuple[str, ...] = ()
    """Others who buy together with the buyer and are jointly liable (联合体)."""
    payment: Payment
    way: str = ""
    """How the price was found: AUCTION, LISTING, AGREEMENT."""
    struck_at_us: int = 0
    rule_version: str = ""
    achievement: str = ""
    achievement_version: int = 0
    content: str = ""
    """What is delivered: scope and requirements."""
    targets: tuple[str, ...] = ()
    """Quantified targets and indicators."""
    acceptance: str = ""
    rights: tuple[RightFact, ...] = ()
    licence: Licence | None = None
    parts: tuple[Part, ...] = ()
    signed_on: str = ""
    begins_on: str = ""
    ends_on: str = ""
    related: bool = False
    state_seller: bool = False
    state_asset: bool = False
    """A state-owned enterprise's asset: needs the decision of the approving body."""
    export_class: str = "FREE"
    approvals: tuple[Approval, ...] = ()
    field: str = ""
    industry_served: str = ""
    region_of_use: str = ""
    extra_clauses: tuple[str, ...] = ()
    earlier_licences: tuple[str, ...] = ()
    demonstration: bool = False

    @property
    def crosses_border(self) -> bool:
        """One side is not Chinese."""
        return "CN" in (self.seller.country, self.buyer.country) and self.seller.country != self.buyer.country

    @property
    def is_import(self) -> bool:
        """The technology comes from abroad: the domestic buyer registers (D11)."""
        return self.seller.country != "CN" and self.buyer.country == "CN"

    @property
    def registrant(self) -> Side:
        """Who has to register (D11: the seller, for imports the domestic buyer)."""
        return self.buyer if self.is_import else self.seller

    def approved(self, *kinds: str) -> bool:
        """Tell whether an approval of one of these kinds is on file."""
        return any(approval.kind in kinds and approval.number.strip() for approval in self.approvals)
