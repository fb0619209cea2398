"""The registration form: its fields in their order with national names, code lists, sources and how sure they are (domain.md §5.8).

The form is data (data/form.json). Every value is a text: a code of its table, a day `2026-11-28`, an amount in yuan with two decimals, `1`
or `0` for yes and no.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.catalogue.codes.countries import COUNTRIES
from engine.catalogue.codes.enterprise_sizes import ENTERPRISE_SIZES
from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES
from engine.catalogue.codes.ip_types import IP_TYPES
from engine.catalogue.codes.objectives import OBJECTIVES
from engine.catalogue.codes.party_natures import PARTY_NATURES
from engine.catalogue.codes.payment_modes import PAYMENT_MODES
from engine.catalogue.codes.plan_sources import PLAN_SOURCES
from engine.catalogue.codes.regions import REGIONS, full_name
from engine.catalogue.codes.tables import CodeTable, Confidence, Entry

FILE: Final = Path(__file__).parent / "data" / "form.json"
RULES_FILE: Final = Path(__file__).parent / "data" / "rules.json"
TABLES: Final[Mapping[str, CodeTable[Entry]]] = {
    "contract_types": CONTRACT_TYPES, "countries": COUNTRIES, "enterprise_sizes": ENTERPRISE_SIZES, "fields": FIELDS,
    "industries": INDUSTRIES, "ip_types": IP_TYPES, "objectives": OBJECTIVES, "party_natures": PARTY_NATURES,
    "payment_modes": PAYMENT_MODES, "plan_sources": PLAN_SOURCES, "regions": REGIONS,
}  # fmt: skip
YES: Final = "1"
NO: Final = "0"


class FieldKind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    CODE = "code"
    """Any code of its table."""
    LEAF = "leaf"
    """A code of its table with nothing below it."""
    DAY = "day"
    MONEY = "money"
    """Yuan with two decimals."""
    YES_NO = "yes_no"
    PHONE = "phone"
    ZIP = "zip"
    NUMBER = "number"
    """The registration number."""


class Origin(StrEnum):
    """Where a value comes from."""

    CONTRACT = "contract"
    ACHIEVEMENT = "achievement"
    PARTY = "party"
    """The register of parties."""
    PROFILE = "profile"
    """What a party said once for all its contracts."""
    ANSWER = "answer"
    """Asked of the registrant for this contract."""
    REGISTRAR = "registrar"


class FormField(Struct, frozen=True, kw_only=True):
    """One field."""

    key: str
    """The national name where it is known, else ours."""
    national: str
    """Name in the national client of 2021; empty: not known."""
    zh: str
    en: str
    section: str
    kind: FieldKind
    required: bool
    origin: Origin
    source: str
    confidence: Confidence
    table: str = ""
    when: str = ""
    """Only then asked: `transfer`, `<side>_enterprise`, `<side>_organisation`, `<side>_home`; empty: always."""
    max: int = 200

    def name(self, language: str) -> str:
        """Return the label."""
        return self.en if language == "en" else self.zh

    @property
    def answerable(self) -> bool:
        """The registrant may answer it here; anything else is changed where it comes from, so that the two never differ."""
        return self.origin in (Origin.ANSWER, Origin.PROFILE) or self.key in ("techarea", "service_industry")

    def entries(self) -> CodeTable[Entry] | None:
        """Return the table of its codes, None for fields without."""
        return TABLES.get(self.table)

    def shown(self, value: str, language: str = "zh") -> str:
        """Return a value as it is read and copied: the name of a code, 是 or 否, everything else as it is."""
        if not value:
            return ""
        if self.kind is FieldKind.YES_NO:
            return (
                {YES: "是", NO: "否"}.get(value, value)
                if language != "en"
                else {YES: "yes", NO: "no"}.get(value, value)
            )
        if self.table == "regions":
            return full_name(value, language)
        table = self.entries()
        return value if table is None else table.name(value, language)


class FormTable(Struct, frozen=True, kw_only=True):
    """The form of one version."""

    version: str
    form_no: str
    source: str
    fields: tuple[FormField, ...]


class Parameter(Struct, frozen=True, kw_only=True):
    """A number with where it comes from."""

    value: int
    source: str
    confidence: Confidence


class RevocationGround(Struct, frozen=True, kw_only=True):
    """Why a registration is revoked (撤销, domain.md §5.17)."""

    code: str
    zh: str
    en: str
    source: str
    confidence: Confidence


class RegistrationRules(Struct, frozen=True, kw_only=True):
    """Clocks and formats of one version."""

    version: str
    review_working_days: Parameter
    expert_review_working_days: Parameter
    experts_min: Parameter
    number_digits: Parameter
    objection_days: Parameter
    revocation_grounds: tuple[RevocationGround, ...]


@cache
def form_table() -> FormTable:
    """Return the form in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=FormTable)


@cache
def form_fields() -> Mapping[str, FormField]:
    """Return the fields by key, in the order of the form."""
    return {field.key: field for field in form_table().fields}


@cache
def registration_rules() -> RegistrationRules:
    """Return the clocks and formats in force."""
    return msgspec.json.decode(RULES_FILE.read_bytes(), type=RegistrationRules)


def code_versions() -> dict[str, Any]:
    """Return the versions of every list that a form is filled by; they are kept with it."""
    return {name: table.version for name, table in sorted(TABLES.items())}
