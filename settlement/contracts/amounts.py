"""Technical amount (技术交易额): the total less what is not technology (domain.md §5.7). Pure; the rules are data/amount_rules.json."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.catalogue.codes.tables import Confidence
from settlement.contracts.facts import Part, Payment

FILE: Final = Path(__file__).parent / "data" / "amount_rules.json"


class PartRule(Struct, frozen=True, kw_only=True):
    """How one kind of part counts."""

    zh: str
    en: str
    counts_up_to: int | None
    """Pieces whose direct cost stays in the technical amount: 0 none, None as many as the buyer needs."""
    source: str
    confidence: Confidence


class AmountRules(Struct, frozen=True, kw_only=True):
    """The rules in force."""

    version: str
    expert_review_from_fen: int
    """From this technical amount on experts are asked (draft of 2024, art. 14)."""
    expert_review_source: str
    expert_review_confidence: Confidence
    parts: dict[str, PartRule]


class AmountLine(Struct, frozen=True, kw_only=True):
    """What became of one part."""

    kind: str
    name: str
    amount_fen: int
    subtracted_fen: int
    source: str


class Assessment(Struct, frozen=True, kw_only=True):
    """The technical amount and how it came about. `lines` sum up: total less all that is subtracted is technical."""

    total_fen: int
    technical_fen: int
    lines: tuple[AmountLine, ...]
    undetermined: bool
    """A royalty follows: register the fixed part now, supplement before tax relief or bonus (P-CARRIER art. 51)."""
    rules: str

    @property
    def subtracted_fen(self) -> int:
        """What does not count."""
        return self.total_fen - self.technical_fen


@cache
def amount_rules() -> AmountRules:
    """Return the rules in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=AmountRules)


def assess(payment: Payment, parts: tuple[Part, ...] = ()) -> Assessment:
    """Return the technical amount of a contract.

    Raises:
        ValueError: a part has no rule, a negative amount or no quantity, or the parts are more than the total.
    """
    rules = amount_rules()
    lines = tuple(_line(rules, part) for part in parts)
    subtracted = sum(line.subtracted_fen for line in lines)
    if subtracted > payment.total_fen:
        raise ValueError("the parts are more than the total")
    return Assessment(
        total_fen=payment.total_fen,
        technical_fen=payment.total_fen - subtracted,
        lines=lines,
        undetermined=payment.royalty is not None,
        rules=rules.version,
    )


def needs_experts(technical_fen: int, *, disputed: bool) -> bool:
    """Tell whether experts have to be asked: a large technical amount, or a dispute (draft of 2024, art. 14)."""
    return disputed or technical_fen >= amount_rules().expert_review_from_fen


def _line(rules: AmountRules, part: Part) -> AmountLine:
    rule = rules.parts.get(part.kind)
    if rule is None or part.amount_fen < 0 or part.quantity < 1:
        raise ValueError(f"no such part: {part.kind}")
    stays = part.needed if rule.counts_up_to is None else rule.counts_up_to
    too_many = max(0, part.quantity - max(0, stays))
    # Half a fen goes up, as at every legal amount (domain.md §6.4).
    subtracted = (2 * part.amount_fen * too_many + part.quantity) // (2 * part.quantity)
    return AmountLine(
        kind=part.kind, name=part.name, amount_fen=part.amount_fen, subtracted_fen=subtracted, source=rule.source
    )
