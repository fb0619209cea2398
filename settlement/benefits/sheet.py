"""The reference sheet of one side of a registered deal: what each benefit comes to, by which parameters, and how sure they are. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.calendar import Day, format_day
from settlement.benefits.parameters import Confidence, Parameter, Parameters
from settlement.benefits.subsidy import Claimant, subsidy
from settlement.benefits.taxes import corporate_tax, reward_tax, stamp_tax, vat

ASSUMED_MAX: Final = 10**15
"""Ten trillion yuan: beyond it somebody mistyped."""


class Section(StrEnum):
    """Parts of a sheet."""

    VAT = "vat"
    CORPORATE = "corporate"
    REWARD = "reward"
    STAMP = "stamp"
    SUBSIDY = "subsidy"


_USED: Final = {
    Section.VAT: ("vat_rate_bps", "vat_exempt", "vat_waiver_months"),
    Section.CORPORATE: ("cit_exempt_fen", "cit_rate_bps", "cit_above_bps"),
    Section.REWARD: ("iit_counted_bps", "iit_reward_months", "iit_standard_fen"),
    Section.STAMP: ("stamp_rate_ppm", "stamp_days"),
    Section.SUBSIDY: ("subsidy_buyer_bps", "subsidy_seller_bps", "subsidy_contract_cap_fen", "subsidy_unit_cap_fen"),
}
"""Which parameters a section goes by."""


class Basis(Struct, frozen=True, kw_only=True):
    """What the market knows of the deal. Amounts in fen."""

    deal: str
    side: Claimant
    registration_no: str
    registered_on: Day
    """Day of registration; of the deal where none is known."""
    technical_fen: int
    paid_fen: int
    exemptable: bool
    """Transfer or development, or what belongs to it in the same contract."""
    enterprise: bool
    """The side pays corporate income tax."""
    nonprofit: bool
    """A non-profit research body or university: its rewards count by half."""
    in_region: bool


class Assumed(Struct, frozen=True, kw_only=True):
    """What only the party knows and types in; nothing of it is kept."""

    cost_fen: int = 0
    fees_fen: int = 0
    reward_fen: int = 0
    other_income_fen: int = 0
    deductions_fen: int = 0


class Line(Struct, frozen=True):
    """A line: its word in the catalogue, and an amount (None: not known)."""

    word: str
    amount_fen: int | None
    strong: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """One benefit."""

    section: Section
    applies: bool
    notes: tuple[str, ...]
    """Words of conditions and hurdles."""
    lines: tuple[Line, ...]
    parameters: tuple[Parameter, ...]

    @property
    def sure(self) -> bool:
        """All of its parameters are confirmed."""
        return all(row.confidence is Confidence.CONFIRMED for row in self.parameters)


class Sheet(Struct, frozen=True, kw_only=True):
    """The whole."""

    basis: Basis
    assumed: Assumed
    parameters_version: str
    parts: tuple[Part, ...]
    window: tuple[str, str]


def sheet_of(basis: Basis, assumed: Assumed, parameters: Parameters) -> Sheet:
    """Return the sheet of a side."""
    seller = basis.side is Claimant.SELLER
    asked = subsidy(
        basis.side, basis.paid_fen, parameters, on=basis.registered_on, registered=bool(basis.registration_no),
        in_region=basis.in_region,
    )  # fmt: skip
    parts = [_vat(basis, parameters)]
    if seller:
        parts += [_corporate(basis, assumed, parameters), _reward(basis, assumed, parameters)]
    stamp = (Line("base", basis.technical_fen), Line("due", stamp_tax(basis.technical_fen, parameters), True))
    parts.append(_part(Section.STAMP, parameters, True, ("each_side", "without_vat"), stamp))
    window = (format_day(asked.window_first), format_day(asked.window_last))
    lines = (Line("paid", asked.paid_fen), Line("granted", asked.amount_fen, True))
    notes = (*(hurdle.value for hurdle in asked.hurdles), *(("rates_unknown",) if asked.amount_fen is None else ()))
    parts.append(_part(Section.SUBSIDY, parameters, not asked.hurdles, notes, lines))
    return Sheet(basis=basis, assumed=assumed, parameters_version=parameters.version, parts=tuple(parts), window=window)


def _vat(basis: Basis, parameters: Parameters) -> Part:
    exempt = basis.exemptable and bool(basis.registration_no)
    tax = vat(basis.technical_fen, parameters, exempt=exempt)
    seller = basis.side is Claimant.SELLER
    notes = ("separate_books", "no_input_credit", "waiver_locks") if seller else ("buyer_no_credit",)
    lines = (
        Line("price", tax.price_fen), Line("net", tax.net_fen), Line("tax", tax.tax_fen),
        Line("due" if seller else "credit", tax.due_fen, True),
    )  # fmt: skip
    return _part(Section.VAT, parameters, exempt, notes, lines)


def _corporate(basis: Basis, assumed: Assumed, parameters: Parameters) -> Part:
    tax = corporate_tax(basis.technical_fen, assumed.cost_fen, assumed.fees_fen, parameters)
    lines = (
        Line("revenue", basis.technical_fen), Line("cost", assumed.cost_fen), Line("fees", assumed.fees_fen),
        Line("income", tax.income_fen), Line("exempt", tax.exempt_fen), Line("halved", tax.halved_fen),
        Line("without", tax.without_fen), Line("due_relief", tax.tax_fen, True), Line("saved", tax.saved_fen, True),
    )  # fmt: skip
    notes = (
        "whole_year",
        "ownership_or_five_years",
        "separate_books",
        *(() if basis.enterprise else ("no_enterprise",)),
    )
    return _part(Section.CORPORATE, parameters, basis.enterprise and bool(basis.registration_no), notes, lines)


def _reward(basis: Basis, assumed: Assumed, parameters: Parameters) -> Part:
    tax = reward_tax(assumed.reward_fen, assumed.other_income_fen, parameters, assumed.deductions_fen)
    lines = (
        Line("reward", assumed.reward_fen), Line("counted", tax.counted_fen), Line("other_income", assumed.other_income_fen),
        Line("before", tax.before_fen), Line("without", tax.without_fen), Line("due_relief", tax.tax_fen, True),
        Line("added", tax.added_fen), Line("saved", tax.saved_fen, True),
    )  # fmt: skip
    notes = ("within_months", "after_publicity", *(() if basis.nonprofit else ("no_nonprofit",)))
    return _part(Section.REWARD, parameters, basis.nonprofit and bool(basis.registration_no), notes, lines)


def _part(
    section: Section, parameters: Parameters, applies: bool, notes: tuple[str, ...], lines: tuple[Line, ...]
) -> Part:
    rows = [parameters.row(code) for code in _USED[section]]
    if section is Section.REWARD:
        table = parameters.iit_brackets
        rows.append(
            Parameter(
                code="iit_brackets", zh="综合所得税率表（年）", en="Progressive table, a year", value=len(table.rows), unit="steps",
                source=table.source, article=table.article, valid_from=table.valid_from, valid_until=table.valid_until,
                confidence=table.confidence,
            )
        )  # fmt: skip
    return Part(section=section, applies=applies, notes=notes, lines=lines, parameters=tuple(rows))
