"""The endpoint of reference sheets: taxes and subsidies of a side of a deal. Amounts are strings of digits in fen."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from pydantic import Field

from gateway.benefits import sheets
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Digits, Query
from settlement.benefits.parameters import Parameter
from settlement.benefits.sheet import ASSUMED_MAX, Assumed


class BenefitParameterView(Struct, frozen=True, kw_only=True):
    """A parameter that a part goes by. `value` None: not known; `unit`: bps, ppm, fen, months, days, flag, steps."""

    code: str
    value: int | None
    unit: str
    source: str
    article: str
    valid_from: str
    valid_until: str | None
    confidence: str
    """confirmed, memory or unconfirmed."""


class BenefitLineView(Struct, frozen=True, kw_only=True):
    """A line; `amount` None: the parameters are not known."""

    word: str
    amount: str | None


class BenefitPartView(Struct, frozen=True, kw_only=True):
    """One benefit: vat, corporate, reward, stamp or subsidy."""

    section: str
    applies: bool
    sure: bool
    """All of its parameters are confirmed; otherwise it is an estimate only."""
    notes: list[str]
    lines: list[BenefitLineView]
    parameters: list[BenefitParameterView]


class BenefitSheetView(Struct, frozen=True, kw_only=True):
    """The reference sheet of a side; no tax advice."""

    deal: str
    side: str
    registration_no: str
    """Empty: not registered, so no benefit applies yet."""
    technical: str
    paid: str
    parameters_version: str
    window_first: str
    """First and last day of the evidence window of the subsidy."""
    window_last: str
    parts: list[BenefitPartView]


class BenefitQuery(Query):
    """What only the party knows; nothing of it is kept. Staff chooses the side."""

    side: Literal["", "seller", "buyer"] = Field("", description="For staff; a party reads its own side.")
    cost: Digits = "0"
    fees: Digits = "0"
    reward: Digits = "0"
    other_income: Digits = "0"
    deductions: Digits = "0"


async def show(call: Call, query: BenefitQuery) -> BenefitSheetView:
    """Reckon the sheet of one's own side, or for staff of either."""
    given = {name: int(getattr(query, name)) for name in sheets.ASSUMED}
    wrong = [name for name, fen in given.items() if fen > ASSUMED_MAX]
    if wrong:
        raise Refused(Code.MALFORMED, fields=", ".join(wrong))
    assumed = Assumed(**{f"{name}_fen": fen for name, fen in given.items()})
    _, sheet = await sheets.reckoned(call.services, call.caller, call.path["deal"], query.side, assumed)
    basis = sheet.basis
    return BenefitSheetView(
        deal=basis.deal, side=basis.side.value, registration_no=basis.registration_no, technical=str(basis.technical_fen),
        paid=str(basis.paid_fen), parameters_version=sheet.parameters_version, window_first=sheet.window[0],
        window_last=sheet.window[1],
        parts=[
            BenefitPartView(
                section=part.section.value, applies=part.applies, sure=part.sure, notes=list(part.notes),
                lines=[
                    BenefitLineView(word=line.word, amount=None if line.amount_fen is None else str(line.amount_fen))
                    for line in part.lines
                ],
                parameters=[_parameter(row) for row in part.parameters],
            )
            for part in sheet.parts
        ],
    )  # fmt: skip


def _parameter(row: Parameter) -> BenefitParameterView:
    return BenefitParameterView(
        code=row.code, value=row.value, unit=row.unit, source=row.source, article=row.article, valid_from=row.valid_from,
        valid_until=row.valid_until, confidence=row.confidence.value,
    )  # fmt: skip
