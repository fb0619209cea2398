"""Rights: how long they last, whether they are alive, and which mode of offering which right closes (domain.md §0.2, §1.8–1.10)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.achievement.days import DAY_US, SHANGHAI_US, day_number, last_day_of_years, today_number
from engine.rules.achievement.record import Achievement, ExportClass, Mode, Right, RightKind, RightStatus
from engine.rules.achievement.statutory import (
    CLOSED_BY_EXCLUSIVE,
    DESIGN_LAW_FROM,
    LIVING,
    NEEDS_ALL_CO_OWNERS,
    TERMS,
)
from engine.values import InstantUs

_SHUTTING: Final = frozenset({Mode.EXCLUSIVE, Mode.SOLE})


class Problem(Struct, frozen=True):
    """Something that is missing, wrong or forbidden at a place of the record."""

    path: str
    """Like `rights[0].annuity_paid_to`; the first word is the field."""
    code: str
    """Stable; its text is the catalogue entry `achievement.problem.<code>`."""
    blocking: bool = True
    """False: worth telling, to be disclosed or checked."""


def last_day(right: Right) -> str | None:
    """Return the last day of protection; None if the record does not tell."""
    term = TERMS.get(right.kind)
    if term is not None:
        return last_day_of_years(right.filed_on, term.years)
    return right.expires_on if day_number(right.expires_on) is not None else None


def remaining_days(right: Right, at_us: InstantUs) -> int | None:
    """Return how many days of protection are left, today included; 0 when it is over, None if the record does not tell."""
    text = last_day(right)
    number = None if text is None else day_number(text)
    return None if number is None else max(0, number - today_number(at_us) + 1)


def ends_at_us(right: Right) -> InstantUs | None:
    """Return when protection ends: 24:00 of the last day in Chinese time; None if the record does not tell."""
    text = last_day(right)
    number = None if text is None else day_number(text)
    return None if number is None else InstantUs((number + 1) * DAY_US - SHANGHAI_US)


def is_alive(right: Right, at_us: InstantUs) -> bool:
    """Tell whether a right is neither ended nor over its term. A term that the record does not tell is not over."""
    return right.status in LIVING and remaining_days(right, at_us) != 0


def annuity_problem(right: Right, at_us: InstantUs) -> str | None:
    """Return `annuity_unpaid` or `annuity_unknown` for a granted patent whose fees are not known to be paid (L-PAT 43, 44)."""
    if not right.kind.is_patent or right.status is not RightStatus.GRANTED:
        return None
    paid_to = day_number(right.annuity_paid_to)
    if paid_to is None:
        return "annuity_unknown"
    return "annuity_unpaid" if paid_to < today_number(at_us) else None


def running(right: Right, at_us: InstantUs) -> frozenset[Mode]:
    """Return the kinds of licence that run on a right at an instant."""
    today = today_number(at_us)
    return frozenset(
        licence.mode for licence in right.licences if (until := day_number(licence.until_on)) is None or until >= today
    )


def foreign_blocked(record: Achievement) -> bool:
    """Tell whether foreign buyers must be kept away: L-TIE 29, 33 — the letter comes before any substantive negotiation.

    Unclassified technology is blocked as well: nobody has said yet that it is free.
    """
    match record.export_class:
        case ExportClass.FREE:
            return False
        case ExportClass.RESTRICTED:
            return record.export_letter is None or not record.export_letter.number.strip()
        case _:
            return True


def rights_block(record: Achievement, mode: Mode, at_us: InstantUs) -> list[Problem]:
    """Return what stands against offering a record in a mode now; blocking entries forbid it, the others must be told."""
    found: list[Problem] = []
    for place, right in enumerate(record.rights):
        path = f"rights[{place}]"
        if not is_alive(right, at_us):
            found.append(Problem(f"{path}.status", "right_over"))
            continue
        found += _co_owners(right, mode, path)
        found += _licences(right, mode, at_us, path)
        found += _open_licence(right, at_us, path) if mode is Mode.OPEN else _burdens(right, at_us, path)
        if (
            right.kind is RightKind.PLANT_VARIETY
            and mode in (Mode.TRANSFER, Mode.EQUITY)
            and _lacks_approval(record, right)
        ):
            found.append(Problem(f"{path}.approval", "variety_approval_missing"))
    if mode is Mode.OPEN and not any(right.kind.is_patent for right in record.rights):
        found.append(Problem("modes", "open_needs_patent"))
    return found


def _lacks_approval(record: Achievement, right: Right) -> bool:
    return record.holder_kind is not None and record.holder_kind.is_state and not right.approval.strip()


def _co_owners(right: Right, mode: Mode, path: str) -> list[Problem]:
    missing = [place for place, one in enumerate(right.co_owners) if not one.consent.strip()]
    if mode in NEEDS_ALL_CO_OWNERS:
        return [Problem(f"{path}.co_owners[{place}].consent", "co_owner_consent_missing") for place in missing]
    if mode is Mode.OPEN:  # whether one co-owner may declare it alone was not read: told, not forbidden
        return [Problem(f"{path}.co_owners[{place}].consent", "co_owner_to_ask", blocking=False) for place in missing]
    return []


def _licences(right: Right, mode: Mode, at_us: InstantUs, path: str) -> list[Problem]:
    held = running(right, at_us)
    found = []
    if held & _SHUTTING and mode in CLOSED_BY_EXCLUSIVE:
        found.append(Problem(f"{path}.licences", "exclusive_runs"))
    if Mode.OPEN in held and mode in _SHUTTING:  # L-PAT 51
        found.append(Problem(f"{path}.licences", "open_excludes"))
    if held and not found and mode is not Mode.OPEN:  # L-TECH 24: earlier licences survive a transfer
        found.append(Problem(f"{path}.licences", "licences_survive", blocking=False))
    return found


def _open_licence(right: Right, at_us: InstantUs, path: str) -> list[Problem]:
    """L-PAT 50–51, L-PATR 85–86."""
    if not right.kind.is_patent:
        return []
    found = []
    if right.status is not RightStatus.GRANTED:
        found.append(Problem(f"{path}.status", "open_needs_grant"))
    annuity = annuity_problem(right, at_us)
    if annuity is not None:
        found.append(Problem(f"{path}.annuity_paid_to", annuity))
    if right.pledged and not right.pledge_consent.strip():
        found.append(Problem(f"{path}.pledge_consent", "pledge_consent_missing"))
    if right.kind is not RightKind.INVENTION and not right.evaluation_report.strip():
        found.append(Problem(f"{path}.evaluation_report", "evaluation_report_missing"))
    if right.disputes.strip():
        found.append(Problem(f"{path}.disputes", "dispute_disclosed", blocking=False))
    return found


def _burdens(right: Right, at_us: InstantUs, path: str) -> list[Problem]:
    """What a buyer must be told."""
    found = []
    annuity = annuity_problem(right, at_us)
    if annuity is not None:
        found.append(Problem(f"{path}.annuity_paid_to", annuity, blocking=False))
    if right.pledged and not right.pledge_consent.strip():
        found.append(Problem(f"{path}.pledge_consent", "pledge_consent_missing", blocking=False))
    if right.disputes.strip():
        found.append(Problem(f"{path}.disputes", "dispute_disclosed", blocking=False))
    filed = day_number(right.filed_on)
    if right.kind is RightKind.DESIGN and filed is not None and filed < (day_number(DESIGN_LAW_FROM) or 0):
        found.append(Problem(f"{path}.filed_on", "design_term_to_check", blocking=False))
    return found
