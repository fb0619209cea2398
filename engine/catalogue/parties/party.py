"""Words of this package: a party, its bank account, what it must say to register."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from engine.calendar import day_of
from engine.catalogue.codes.party_natures import PARTY_NATURES
from engine.catalogue.codes.regions import REGIONS
from engine.rules.identity import check_bank_card, check_credit_code, check_resident_id, tidy
from engine.rules.real_name import RealName
from engine.values import InstantUs, PartyId

NAME_MAX = 200
TEXT_MAX = 500


class PartyKind(StrEnum):
    """What a party is."""

    ORGANISATION = "organisation"
    PERSON = "person"


class HolderKind(StrEnum):
    """Which rules its property follows (domain.md 0.2 no. 19); decides what a listing asks for."""

    PUBLIC_INSTITUTION = "public_institution"
    """University or research institute of the state: 促进科技成果转化法."""
    STATE_ENTERPRISE = "state_enterprise"
    """32号令."""
    COMPANY = "company"
    COOPERATIVE = "cooperative"
    PERSON = "person"
    OTHER = "other"


class Party(Struct, frozen=True, kw_only=True):
    """Who trades. `id_last4` is all that is ever shown of a person's number."""

    id: PartyId
    kind: PartyKind
    name_zh: str
    name_en: str
    credit_code: str | None
    id_last4: str
    nature: str
    holder_kind: str
    region: str
    country: str
    contact: str
    phone: str
    real_name: RealName
    real_name_reason: str
    real_name_since_us: int
    broker: str
    demonstration: bool
    registered_at_us: int
    version: int

    @property
    def verified(self) -> bool:
        """Its identity was checked and holds."""
        return self.real_name is RealName.VERIFIED

    @property
    def foreign(self) -> bool:
        """It is not Chinese: restricted-export technology is closed to it (技术进出口管理条例 art. 33)."""
        return self.country != "CN"


class BankAccount(Struct, frozen=True, kw_only=True):
    """An account in the party's own name."""

    holder: str
    number: str
    bank: str

    @property
    def masked(self) -> str:
        """The number as it is shown."""
        return f"•••• {self.number[-4:]}"


class Registration(Struct, frozen=True, kw_only=True):
    """What a party says about itself. An organisation gives a credit code, a person the number of a resident id."""

    kind: PartyKind
    name_zh: str
    name_en: str = ""
    number: str = ""
    nature: str = ""
    holder_kind: str = ""
    region: str = ""
    country: str = "CN"
    contact: str = ""
    phone: str = ""


class Event(Struct, frozen=True, kw_only=True):
    """A line of a party's history."""

    at_us: int
    actor: str
    act: str
    note: str


def problems(said: Registration, now_us: int) -> dict[str, str]:
    """Return what is wrong with a registration: field -> stable word, texts are `party.problem.<word>`."""
    checks: dict[str, Callable[[], str | None]] = {
        "name_zh": lambda: None if 1 <= len(said.name_zh.strip()) <= NAME_MAX else "length",
        "name_en": lambda: None if len(said.name_en) <= NAME_MAX else "length",
        "number": lambda: _number_problem(said, now_us),
        "nature": lambda: None if not said.nature or said.nature in PARTY_NATURES else "unknown",
        "holder_kind": lambda: None if said.holder_kind in ("", *HolderKind) else "unknown",
        "region": lambda: None if not said.region or said.region in REGIONS else "unknown",
        "country": lambda: None if _is_country(said.country) else "unknown",
        "contact": lambda: None if len(said.contact) <= TEXT_MAX else "length",
        "phone": lambda: None if _is_phone(said.phone) else "phone",
    }
    return {field: problem for field, check in checks.items() if (problem := check()) is not None}


def bank_account_problems(account: BankAccount, party: Party) -> dict[str, str]:
    """Return what is wrong with a bank account: it must be the party's own."""
    found = {}
    if tidy(account.holder) != tidy(party.name_zh):
        found["holder"] = "not_own"
    digits = tidy(account.number)
    if (
        not digits.isdigit()
        or not 8 <= len(digits) <= 32
        or (party.kind is PartyKind.PERSON and check_bank_card(digits) is not None)
    ):
        found["number"] = "bank_number"
    if not 1 <= len(account.bank.strip()) <= NAME_MAX:
        found["bank"] = "length"
    return found


def _number_problem(said: Registration, now_us: int) -> str | None:
    if said.country != "CN":
        return None if 3 <= len(said.number.strip()) <= 64 else "length"
    if said.kind is PartyKind.ORGANISATION:
        problem = check_credit_code(said.number)
    else:
        problem = check_resident_id(said.number, day_of(InstantUs(now_us)))
    return None if problem is None else problem.value


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isupper()


def _is_phone(text: str) -> bool:
    return len(text) <= 40 and all(c.isdigit() or c in "+-() " for c in text)
