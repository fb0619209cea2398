"""The pre-check: what a registrar would send back or refuse, field by field, and how to mend it. Pure.

Texts of a finding: `finding.<word>` and `finding.<word>.mend` in gateway/locales; `where` is the field or clause to go to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from engine.calendar import Day, parse_day
from engine.catalogue.codes.contract_types import ContractType
from engine.rules.identity import check_credit_code
from settlement.contracts.checks import Finding, Ground, Level, check_contract, explained
from settlement.contracts.drafting import Draft
from settlement.contracts.facts import ContractFacts
from settlement.contracts.kinds import five_kind
from settlement.registration.filling import Filled, applies, fen_of
from settlement.registration.form import NO, YES, FieldKind, FormField, form_fields, registration_rules

PROVINCE: Final = "15"
"""Inner Mongolia in GB/T 2260."""
_PHONE = re.compile(r"\+?[0-9][0-9() -]{5,38}[0-9]")
_ZIP = re.compile(r"[0-9]{6}")
_NUMBER = re.compile(r"[0-9]{4}[0-9]{2}[0-9]{2}[0-9]{2}[0-9]{6}")


class PreCheck(Struct, frozen=True):
    """The verdict."""

    findings: tuple[Finding, ...]

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """What keeps the contract from being handed in."""
        return tuple(one for one in self.findings if one.level is Level.REFUSAL)

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """What somebody should look at."""
        return tuple(one for one in self.findings if one.level is Level.DOUBT)

    @property
    def clear(self) -> bool:
        """Nothing stands in the way."""
        return not self.refusals

    def at(self, where: str) -> tuple[Finding, ...]:
        """Return what was found at a field or clause."""
        return tuple(one for one in self.findings if one.where == where)


def pre_check(
    draft: Draft,
    form: Mapping[str, Filled],
    today: Day,
    *,
    explanations: Mapping[str, str] | None = None,
    registered_already: str = "",
) -> PreCheck:
    """Predict what becomes of a contract that is handed in today.

    Args:
        draft: The contract.
        form: The form filled from it.
        today: The day.
        explanations: Why a clause is not what it looks like, by the finding's word.
        registered_already: Number under which this deal is registered; empty if it is not (D11: once).
    """
    found = [*_form(form, draft.facts), *explained(check_contract(draft, today), explanations or {})]
    if registered_already:
        found.append(_finding("registered_already", Ground.OTHER, "registration_number", number=registered_already))
    order = {key: place for place, key in enumerate(form_fields())}
    return PreCheck(tuple(sorted(found, key=lambda one: (one.level is Level.DOUBT, order.get(one.where, len(order))))))


def number_warnings(number: str, year: int | None = None) -> tuple[str, ...]:
    """Return what is unusual about a registration number: warnings only, the parts are an inference (domain.md §5.16).

    16 digits: year, province, city, registrar (two each), serial of six. `year`: of the registration.
    """
    if len(number) != registration_rules().number_digits.value:
        return ("number_length",)
    if not _NUMBER.fullmatch(number):
        return ("number_digits",)
    found = []
    if number[4:6] != PROVINCE:
        found.append("number_province")
    if year is not None and int(number[:4]) != year:
        found.append("number_year")
    if number[10:] == "000000":
        found.append("number_serial")
    return tuple(found)


def _form(form: Mapping[str, Filled], facts: ContractFacts) -> Iterator[Finding]:
    for key, field in form_fields().items():
        if not applies(field, facts):
            continue
        value = form[key].value if key in form else ""
        if not value:
            if field.required:
                yield _finding("missing", _ground(field), key)
        elif (word := _wrong(field, value)) is not None:
            yield _finding(word, _ground(field), key, value=value)
    yield from _together(form, facts)


def _together(form: Mapping[str, Filled], facts: ContractFacts) -> Iterator[Finding]:
    """What no field can say alone."""

    def value(key: str) -> str:
        return form[key].value if key in form else ""

    total, technical = fen_of(value("totalamount")), fen_of(value("technicalamount"))
    if total is not None and technical is not None and technical > total:
        yield _finding("technical_above_total", Ground.UNCLEAR, "technicalamount")
    signed, begins, ends = (parse_day(value(key)) for key in ("signdate", "contractbegindate", "contractenddate"))
    if signed is not None and begins is not None and begins < signed:
        yield _finding("begins_before_signed", Ground.UNCLEAR, "contractbegindate", level=Level.DOUBT)
    if signed is not None and ends is not None and ends < signed:
        yield _finding("ends_before_signed", Ground.UNCLEAR, "contractenddate")
    ipr = value("ipr")
    if five_kind(facts.kind) in ("ZR", "XK") and ipr == "NONE":
        yield _finding("ip_needed", Ground.CERTIFICATE, "ipr")
    for side in ("seller", "buyer"):
        code = value(f"{side}_credit_code")
        if code and value(f"{side}_country") == "142" and check_credit_code(code) is not None:
            yield _finding("credit_code", Ground.CERTIFICATE, f"{side}_credit_code", value=code)


def _wrong(field: FormField, value: str) -> str | None:
    """Return the word for what is wrong with a value that stands alone."""
    if len(value) > field.max:
        return "too_long"
    match field.kind:
        case FieldKind.CODE | FieldKind.LEAF:
            return _wrong_code(field, value)
        case FieldKind.DAY:
            return None if parse_day(value) is not None else "no_day"
        case FieldKind.MONEY:
            fen = fen_of(value)
            least = 0 if field.key.startswith("expected_") else 1
            return None if fen is not None and fen >= least else "no_amount"
        case FieldKind.YES_NO:
            return None if value in (YES, NO) else "no_yes_no"
        case FieldKind.PHONE:
            return None if _PHONE.fullmatch(value) else "phone"
        case FieldKind.ZIP:
            return None if _ZIP.fullmatch(value) else "zip"
        case _:
            return None


def _wrong_code(field: FormField, value: str) -> str | None:
    table = field.entries()
    assert table is not None, "a code has a table"
    if value not in table:
        return "not_in_list"
    if field.kind is FieldKind.LEAF and not table.is_leaf(value):
        return "not_a_leaf"
    entry = table[value]
    return "replaced" if isinstance(entry, ContractType) and not entry.in_use else None


def _ground(field: FormField) -> Ground:
    return (
        Ground.CERTIFICATE
        if field.section in ("seller", "buyer") and field.origin.value == "profile"
        else Ground.UNCLEAR
    )


def _finding(word: str, ground: Ground, where: str, *, level: Level = Level.REFUSAL, **data: str) -> Finding:
    return Finding(word=word, ground=ground, level=level, where=where, data=data)
