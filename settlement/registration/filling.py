"""Fill the form from what the market knows, so that nothing is typed twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.catalogue.codes.countries import customs_code
from engine.catalogue.codes.industries import industry_of
from engine.catalogue.codes.ip_types import IP_TYPES, NO_IP
from engine.catalogue.codes.party_natures import NATURAL_PERSON, PARTY_NATURES, NatureKind
from settlement.contracts.amounts import assess
from settlement.contracts.facts import ContractFacts, Profile, Side
from settlement.contracts.kinds import TRANSFER, five_kind
from settlement.registration.form import NO, YES, FieldKind, FormField, Origin, form_fields

_IP_OF_KIND: Final = {
    "ZR1": "KNOW_HOW", "ZR5": "SOFTWARE", "ZR6": "LAYOUT", "ZR7": "PLANT_VARIETY", "ZR8": "BIO_VARIETY",
    "XK2": "KNOW_HOW", "XK3": "SOFTWARE", "XK4": "LAYOUT", "XK5": "PLANT_VARIETY", "XK6": "BIO_VARIETY",
}  # fmt: skip
"""What a contract is about where no right is written down."""


class Filled(Struct, frozen=True):
    """A value and where it came from."""

    value: str
    origin: Origin


Form = Mapping[str, Filled]
"""Every field that is asked, by key; an empty value is still missing."""


def applies(field: FormField, facts: ContractFacts) -> bool:
    """Tell whether a field is asked for this contract."""
    side, _, condition = field.when.rpartition("_")
    if not side:
        return field.when == "" or (field.when == "transfer" and five_kind(facts.kind) == TRANSFER)
    who = facts.seller if side == "seller" else facts.buyer
    match condition:
        case "home":
            return who.country == "CN"
        case "organisation":
            return not who.is_person
        case _:
            nature = PARTY_NATURES.get(who.nature)
            return nature is not None and nature.kind is NatureKind.ENTERPRISE


def fill(facts: ContractFacts, answers: Mapping[str, str] | None = None) -> dict[str, Filled]:
    """Return the form of a contract.

    Args:
        facts: The contract.
        answers: What the registrant answered, by key; only `answerable` fields are taken from it.

    Raises:
        ValueError: a part of the price cannot be assessed.
    """
    known = {**_contract(facts), **_side("seller", facts.seller), **_side("buyer", facts.buyer)}
    answers = answers or {}
    form: dict[str, Filled] = {}
    for key, field in form_fields().items():
        if not applies(field, facts):
            continue
        value = known.get(key, "")
        answer = _written(field, answers.get(key, "").strip()) if field.answerable else ""
        form[key] = Filled(answer, Origin.ANSWER) if answer else Filled(value, field.origin)
    return form


def _written(field: FormField, answer: str) -> str:
    """Return an answer as the form writes it: an amount has two decimals; what cannot be read stays for the pre-check to name."""
    fen = fen_of(answer) if field.kind is FieldKind.MONEY else None
    return answer if fen is None else plain_yuan(fen)


def profile_of(answers: Mapping[str, str], side: str, before: Profile) -> Profile:
    """Return a party's profile with what was answered about it, so that its next contract is not asked again."""
    said = {name: answers.get(f"{side}_{key}", "").strip() for name, key in _PROFILE.items()}
    changes = {name: value for name, value in said.items() if value}
    flags = {name: _FLAG.get(answers.get(f"{side}_{key}", ""), getattr(before, name)) for name, key in _FLAGS.items()}
    return Profile(**{**_as_dict(before), **changes, **flags})


_PROFILE: Final = {
    "address": "address", "legal_representative": "representative", "zip_code": "zipcode", "industry": "industry", "size": "scale",
}  # fmt: skip
_FLAGS: Final = {
    "is_transfer_institution": "jszyjg", "is_research_institution": "isyfjg", "is_converted_institute": "zzkyys",
    "in_high_tech_zone": "countrygxqqy", "is_listed": "islist",
}  # fmt: skip
_FLAG: Final = {YES: True, NO: False}


def _as_dict(profile: Profile) -> dict[str, str | bool | None]:
    return {name: getattr(profile, name) for name in (*_PROFILE, *_FLAGS)}


def _contract(facts: ContractFacts) -> dict[str, str]:
    amount = assess(facts.payment, facts.parts)
    served = industry_of(facts.industry_served) if facts.industry_served else None
    return {
        "projectname": facts.project,
        "contracttype": facts.kind,
        "signdate": facts.signed_on,
        "contractbegindate": facts.begins_on or facts.signed_on,
        "contractenddate": facts.ends_on,
        "totalamount": plain_yuan(amount.total_fen),
        "technicalamount": plain_yuan(amount.technical_fen),
        "paymethod": facts.payment.mode,
        "isrelated": YES if facts.related else NO,
        "ipr": _ip(facts),
        "techarea": facts.field,
        "service_industry": "" if served is None else served.code,
    }


def _ip(facts: ContractFacts) -> str:
    if facts.rights and facts.rights[0].kind in IP_TYPES:
        return facts.rights[0].kind
    return _IP_OF_KIND.get(facts.kind, NO_IP)


def _side(name: str, side: Side) -> dict[str, str]:
    profile = side.profile
    nature = side.nature or (NATURAL_PERSON if side.is_person else "")
    first, second = ("buyername", "buyertype") if name == "buyer" else ("seller_name", "seller_nature")
    industry = industry_of(profile.industry) if profile.industry else None
    return {
        first: side.name,
        second: nature,
        f"{name}_credit_code": side.credit_code,
        f"{name}_country": customs_code(side.country),
        f"{name}_area": side.region,
        f"{name}_address": profile.address,
        f"{name}_representative": profile.legal_representative,
        f"{name}_contact": side.contact,
        f"{name}_contacttel": side.phone,
        f"{name}_zipcode": profile.zip_code,
        f"{name}_scale": profile.size,
        f"{name}_industry": "" if industry is None else industry.code,
        **{f"{name}_{key}": _flag(getattr(profile, attribute)) for attribute, key in _FLAGS.items()},
    }


def _flag(value: bool | None) -> str:
    return "" if value is None else YES if value else NO


def plain_yuan(fen: int) -> str:
    """Return an amount as the form writes it: yuan, two decimals, no separators."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen_of(text: str) -> int | None:
    """Return fen of an amount as the form writes it; None if it is none."""
    whole, dot, rest = text.partition(".")
    if not (
        whole.isascii() and whole.isdigit() and len(whole) <= 13 and (not dot or (rest.isdigit() and len(rest) <= 2))
    ):
        return None
    return int(whole) * 100 + int((rest + "00")[:2])
