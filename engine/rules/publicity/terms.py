"""The terms of a notice: lengths, bounds and the ladder of approvals, copied in when it is handed in together with the rule version.

What no source fixes for this market stands here as data of each notice; the values proposed, with source and confidence, are in
engine/catalogue/codes/data/publicity_rules.json.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.rules.conflicts import RelationKind
from engine.values import CNY, Amount, Currency, DurationUs

PUBLICITY_RULE_VERSION: Final = "publicity/1"


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organ of the institution that must approve."""

    code: str
    """Stable within the institution, lower case ASCII: `office`, `vice_president`, `presidents_meeting`."""
    name_zh: str
    name_en: str = ""
    collective: bool = False
    """Decides as a meeting: the number of its minutes is asked for."""


class Rung(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the ladder: prices up to and including `up_to` need these bodies. None: every price above the rung before."""

    up_to: Amount | None
    bodies: tuple[str, ...]


class Ladder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The institution's ladder of amounts in force at submission."""

    version: int
    bodies: tuple[Body, ...]
    rungs: tuple[Rung, ...]
    """By rising amount; the last one has no bound."""
    related_bodies: tuple[str, ...] = ()
    """Needed besides where the buyer is a related party [P-UNI15]."""


class DeclarerRole(StrEnum):
    """Who declares."""

    APPLICANT = "applicant"
    COMPLETER = "completer"
    APPROVER = "approver"


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declaration about conflicts of interest with the buyer (利益冲突声明)."""

    role: DeclarerRole
    who: str
    """Account of an applicant or approver; rank (`1`, `2`, ...) of a completer."""
    relation: RelationKind | None = None
    """None: no interest in the buyer, nor a close relative's."""


class NoticeTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules of one notice."""

    currency: Currency = CNY
    days: int = 15
    """Length of the period in natural days."""
    least_days: int = 15
    """What the law asks for at least, from configuration when the notice was handed in."""
    downtime_per_day_us: DurationUs = DurationUs(4 * 3_600_000_000)
    """A day on which the public page was away longer does not count."""
    certify_after_us: DurationUs = DurationUs(2 * 3_600_000_000)
    """Time between the end of the period and the certificate in which late reports of gaps are still counted."""
    receipt_working_days: int = 2
    decision_working_days: int = 10
    extension_working_days: int = 10
    panel_least: int = 3
    typo_characters: int = 8
    """Most characters that corrections may change in one text of one round, all together."""
    foreign_blocked: bool = False
    """A foreign buyer may not be dealt with yet (技术进出口管理条例 art. 33)."""
    ladder: Ladder
    rule_version: str = PUBLICITY_RULE_VERSION


def needed_bodies(ladder: Ladder, price: Amount, *, related: bool) -> tuple[str, ...]:
    """Return the bodies that must approve, in the order of the ladder; empty if no rung fits."""
    fitting = next((rung.bodies for rung in ladder.rungs if rung.up_to is None or price <= rung.up_to), ())
    more = ladder.related_bodies if related else ()
    wanted = frozenset((*fitting, *more))
    return tuple(body.code for body in ladder.bodies if body.code in wanted)
