"""What is wrong with a record at a stage: DRAFT (kept while written), PUBLISH (catalogue), LIST (offered on the market).

Problems come in the order of the record's fields. A secret is refused at every stage, for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from engine.rules.achievement.days import day_number
from engine.rules.achievement.record import (
    ABSTRACT_MAX,
    ALL_BP,
    LINE_MAX,
    LIST_MAX,
    TEXT_MAX,
    TITLE_MAX,
    TRL_LEVELS,
    Achievement,
    ExportClass,
    Right,
    RightStatus,
    Secrecy,
)
from engine.rules.achievement.rights import Problem, foreign_blocked, is_alive, remaining_days, rights_block
from engine.rules.achievement.statutory import TERMS
from engine.values import InstantUs

__all__ = ["Problem", "Stage", "foreign_blocked", "problems", "rights_block", "shares_missing_bp"]

ABSTRACT_MIN: Final = 50
"""Characters; less tells a buyer nothing."""
FIELDS_MAX: Final = 3
SOON_OVER_DAYS: Final = 365
_LENGTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("title_zh", "title_en", "title_mn", "holder_zh", "holder_en"), TITLE_MAX),
    **dict.fromkeys(("abstract_zh", "abstract_en", "defects", "nda_text"), ABSTRACT_MAX),
    "full_text": TEXT_MAX,
}
_FIELD: Final = re.compile(r"0[1-9]|1[01]")
_INDUSTRY: Final = re.compile(r"[A-T]|[A-T]?[0-9]{2,4}")
_REGION: Final = re.compile(r"[1-9][0-9]{5}")
_LEVELS_WITH_EVIDENCE_FROM: Final = 4
"""Below the laboratory stage the abstract is evidence enough (design)."""


class Stage(StrEnum):
    """What a record is about to be used for."""

    DRAFT = "DRAFT"
    PUBLISH = "PUBLISH"
    LIST = "LIST"


def problems(record: Achievement, stage: Stage, at_us: InstantUs) -> list[Problem]:
    """Return what is wrong with a record for a stage at an instant, in the order of its fields."""
    if record.secrecy not in (None, Secrecy.PUBLIC):
        return [Problem("secrecy", "secret_refused")]
    found = _bounds(record)
    if stage is Stage.DRAFT:
        return found
    found += _identity(record) + _facts(record) + _people(record) + _classes(record) + _rights(record, at_us)
    if stage is Stage.LIST:
        found += _listing(record, at_us)
    return list(dict.fromkeys(found))


def shares_missing_bp(record: Achievement) -> int:
    """Return how many basis points the completers' shares lack to all; negative when there are too many."""
    return ALL_BP - sum(one.share_bp for one in record.completers)


def _bounds(record: Achievement) -> list[Problem]:
    """P10: every text and list is bounded, in drafts as well."""
    found = []
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, tuple) and len(value) > LIST_MAX:
            found.append(Problem(name, "too_many"))
        elif isinstance(value, str):
            if len(value) > _LENGTHS.get(name, LINE_MAX):
                found.append(Problem(name, "too_long"))
        elif value is not None and _longest(msgspec.to_builtins(value)) > ABSTRACT_MAX:
            found.append(Problem(name, "too_long"))
    return found


def _longest(value: object) -> int:
    """Return the length of the longest text, or list, in plain values; lists count as too long beyond their bound."""
    if isinstance(value, str):
        return len(value)
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    if len(parts) > LIST_MAX:
        return ABSTRACT_MAX + 1
    return max(map(_longest, parts), default=0)


def _identity(record: Achievement) -> list[Problem]:
    found = []
    if not record.title_zh.strip():
        found.append(Problem("title_zh", "required"))
    length = len(record.abstract_zh.strip())
    if length < ABSTRACT_MIN:
        found.append(Problem("abstract_zh", "abstract_short" if length else "required"))
    if not record.title_en.strip() or not record.abstract_en.strip():
        found.append(Problem("title_en", "english_missing", blocking=False))
    if not record.holder_zh.strip():
        found.append(Problem("holder_zh", "required"))
    if record.holder_kind is None:
        found.append(Problem("holder_kind", "required"))
    return found


def _facts(record: Achievement) -> list[Problem]:
    found = []
    if not record.fields:
        found.append(Problem("fields", "required"))
    elif len(record.fields) > FIELDS_MAX or len(set(record.fields)) != len(record.fields):
        found.append(Problem("fields", "fields_count"))
    elif not all(_FIELD.fullmatch(code) for code in record.fields):
        found.append(Problem("fields", "code_unknown"))
    for name, pattern in (("industry", _INDUSTRY), ("region", _REGION)):
        text = getattr(record, name)
        if not text:
            found.append(Problem(name, "required"))
        elif pattern.fullmatch(text) is None:
            found.append(Problem(name, "code_unknown"))
    return found + _readiness(record)


def _readiness(record: Achievement) -> list[Problem]:
    if record.trl is None:
        return [Problem("trl", "required")]
    if record.trl not in TRL_LEVELS:
        return [Problem("trl", "trl_range")]
    shown = {one.level for one in record.trl_evidence if one.text.strip() or one.attachment}
    found = [
        Problem(f"trl_evidence[{place}].level", "trl_range")
        for place, one in enumerate(record.trl_evidence)
        if one.level not in TRL_LEVELS
    ]
    if record.trl >= _LEVELS_WITH_EVIDENCE_FROM and record.trl not in shown:
        found.append(Problem("trl_evidence", "trl_evidence_missing"))
    if any(level > record.trl for level in shown):
        found.append(Problem("trl_evidence", "trl_evidence_above", blocking=False))
    return found


def _people(record: Achievement) -> list[Problem]:
    if not record.completers:
        return [Problem("completers", "required")]
    found = [
        Problem(f"completers[{place}].name", "required")
        for place, one in enumerate(record.completers)
        if not one.name.strip()
    ]
    found += [
        Problem(f"completers[{place}].share_bp", "share_range")
        for place, one in enumerate(record.completers)
        if not 0 <= one.share_bp <= ALL_BP
    ]
    if shares_missing_bp(record) != 0:
        found.append(Problem("completers", "shares_sum"))
    if len({(one.name.strip(), one.unit.strip()) for one in record.completers}) != len(record.completers):
        found.append(Problem("completers", "completer_twice"))
    return found


def _classes(record: Achievement) -> list[Problem]:
    found = []
    if record.secrecy is None:
        found.append(Problem("secrecy", "required"))
    if record.export_class is None:
        found.append(Problem("export_class", "required"))
    elif record.export_class is ExportClass.PROHIBITED:  # L-TIE 29
        found.append(Problem("export_class", "export_prohibited"))
    elif foreign_blocked(record):  # L-TIE 33
        found.append(Problem("export_letter", "foreign_blocked", blocking=False))
    if record.special and not record.ethics_approval.strip():
        found.append(Problem("ethics_approval", "approval_missing"))
    return found


def _rights(record: Achievement, at_us: InstantUs) -> list[Problem]:
    if record.without_rights:
        return [Problem("rights", "rights_contradict")] if record.rights else []
    if not record.rights:
        return [Problem("rights", "required")]
    found: list[Problem] = []
    for place, right in enumerate(record.rights):
        found += _one_right(right, f"rights[{place}]", at_us)
    numbers = [(right.kind, right.number.strip()) for right in record.rights if right.number.strip()]
    if len(set(numbers)) != len(numbers):
        found.append(Problem("rights", "right_twice"))
    return found


def _one_right(right: Right, path: str, at_us: InstantUs) -> list[Problem]:
    if len(right.name) > LINE_MAX or len(right.number) > LINE_MAX or len(right.disputes) > ABSTRACT_MAX:
        return [Problem(f"{path}.name", "too_long")]
    found = [
        Problem(f"{path}.{name}", "day_unreadable")
        for name in ("filed_on", "granted_on", "expires_on", "annuity_paid_to")
        if (text := getattr(right, name)) and day_number(text) is None
    ]
    # Know-how has no number; everything else is registered or applied for under one.
    if right.status is not RightStatus.HELD and not right.number.strip():
        found.append(Problem(f"{path}.number", "required"))
    if right.kind in TERMS and not right.filed_on:
        found.append(Problem(f"{path}.filed_on", "required"))
    filed, granted = day_number(right.filed_on), day_number(right.granted_on)
    if filed is not None and granted is not None and granted < filed:
        found.append(Problem(f"{path}.granted_on", "granted_before_filed"))
    if not is_alive(right, at_us):
        found.append(Problem(f"{path}.status", "right_over", blocking=False))
    else:
        left = remaining_days(right, at_us)
        if left is not None and left < SOON_OVER_DAYS:
            found.append(Problem(f"{path}.filed_on", "right_soon_over", blocking=False))
    return found


def _listing(record: Achievement, at_us: InstantUs) -> list[Problem]:
    found: list[Problem] = []
    if not record.defects.strip():
        found.append(Problem("defects", "required"))
    if record.project.fiscal is None:
        found.append(Problem("project.fiscal", "required"))
    if not record.modes:
        found.append(Problem("modes", "required"))
    for mode in record.modes:
        found += rights_block(record, mode, at_us)
    return found
