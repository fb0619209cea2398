"""Whether a notice can be handed in as it is: every problem as a stable word (`field: problem`), and what counts as a slip of the pen."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Any, Final

import msgspec

from engine.calendar import parse_day
from engine.rules.conflicts import RelationKind
from engine.rules.publicity.content import TYPO_FIELDS, Basis, BasisKind, NoticeContent
from engine.rules.publicity.terms import PUBLICITY_RULE_VERSION, Ladder, NoticeTerms
from engine.values import AMOUNT_MAX

ALL_BP: Final = 10_000
TITLE_MAX: Final = 200
ABSTRACT_MAX: Final = 4_000
LINE_MAX: Final = 500
LIST_MAX: Final = 50
BASIS_MAX: Final = 10
DAYS_MAX: Final = 366
WORKING_DAYS_MAX: Final = 60
_HOUR_US: Final = 3_600_000_000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_BODY_CODE: Final = re.compile(r"[a-z0-9_]{1,40}")
_LONG: Final = frozenset({"abstract_zh", "abstract_en", "text", "scope_zh", "scope_en", "objections_to"})
_PERSONAL: Final = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|1[3-9][0-9]{9})(?![0-9])|[\w.+-]+@[\w-]+\.[\w.]+")


def names_person(text: str) -> bool:
    """Tell whether a text that is to be published holds a resident number, a mobile number or a mail address (PIPL art. 25)."""
    return _PERSONAL.search(text) is not None


def is_plain(text: str) -> bool:
    """Tell whether a text has no control characters but line breaks and tabs."""
    return all(character.isprintable() or character in "\n\t\r" or ord(character) > 0x9F for character in text)


def terms_problems(terms: NoticeTerms) -> list[str]:
    """Return what is wrong with terms, empty when nothing is."""
    found = ladder_problems(terms.ladder)
    if not 1 <= terms.least_days <= terms.days <= DAYS_MAX:
        found.append("days: fewer_than_the_law_asks" if terms.days < terms.least_days else "days: out_of_range")
    clocks = (terms.receipt_working_days, terms.decision_working_days, terms.extension_working_days)
    if any(not 1 <= days <= WORKING_DAYS_MAX for days in clocks):
        found.append("clocks: out_of_range")
    if not 0 <= terms.downtime_per_day_us < 24 * _HOUR_US or not 0 <= terms.certify_after_us <= 24 * 7 * _HOUR_US:
        found.append("downtime: out_of_range")
    if not 1 <= terms.panel_least <= 15:
        found.append("panel_least: out_of_range")
    if not 0 <= terms.typo_characters <= 50:
        found.append("typo_characters: out_of_range")
    if terms.rule_version != PUBLICITY_RULE_VERSION:
        found.append("rule_version: unknown")
    return found


def ladder_problems(ladder: Ladder) -> list[str]:
    """Return what is wrong with a ladder of approvals."""
    found = []
    codes = [body.code for body in ladder.bodies]
    if not 1 <= len(codes) <= 20 or len(set(codes)) != len(codes) or not all(map(_BODY_CODE.fullmatch, codes)):
        found.append("ladder: bodies")
    if any(not body.name_zh.strip() or len(body.name_zh) > TITLE_MAX for body in ladder.bodies):
        found.append("ladder: body_without_name")
    amounts = [rung.up_to for rung in ladder.rungs]
    bounded = [amount for amount in amounts[:-1] if amount is not None]
    if not 1 <= len(amounts) <= 20 or amounts[-1] is not None or len(bounded) != len(amounts) - 1:
        found.append("ladder: last_rung_open")
    if any(amount <= 0 for amount in bounded) or any(a >= b for a, b in pairwise(bounded)):
        found.append("ladder: amounts_rise")
    named = {code for rung in ladder.rungs for code in rung.bodies} | set(ladder.related_bodies)
    if not named <= set(codes) or any(not rung.bodies for rung in ladder.rungs):
        found.append("ladder: unknown_body")
    return found


def content_problems(content: NoticeContent) -> list[str]:
    """Return what is wrong with the content, empty when it can be published."""
    return [
        *_text_problems(content),
        *_subject_problems(content),
        *_money_problems(content),
        *_people_problems(content),
    ]


def _text_problems(content: NoticeContent) -> list[str]:
    found = []
    for path, text in _texts(msgspec.to_builtins(content), ""):
        name = path.rpartition(".")[2]
        limit = ABSTRACT_MAX if name in _LONG else LINE_MAX
        if len(text) > (TITLE_MAX if name.startswith("title") else limit):
            found.append(f"{path}: too_long")
        if not is_plain(text):
            found.append(f"{path}: control_characters")
    return found


def _texts(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        dot = f"{path}." if path else ""
        return [pair for name, part in value.items() for pair in _texts(part, dot + name)]
    if isinstance(value, list | tuple):
        return [pair for place, part in enumerate(value) for pair in _texts(part, f"{path}[{place}]")]
    return []


def _subject_problems(content: NoticeContent) -> list[str]:
    needed = {
        "title_zh": content.title_zh, "abstract_zh": content.abstract_zh, "seller_name_zh": content.seller_name_zh,
        "buyer": content.buyer.name_zh, "objections_to": content.objections_to,
    }  # fmt: skip
    found = [f"{name}: needed" for name, text in needed.items() if not text.strip()]
    if (
        not content.achievement_id
        or content.achievement_version < 1
        or not _DIGEST.fullmatch(content.achievement_digest)
    ):
        found.append("achievement: needed")
    if len(content.files) > LIST_MAX or any(not _DIGEST.fullmatch(file.sha256) for file in content.files):
        found.append("files: out_of_range")
    return found


def _money_problems(content: NoticeContent) -> list[str]:
    found = []
    if not 0 < content.price <= AMOUNT_MAX:
        found.append("price: out_of_range")
    parts = [part.amount for part in content.payment.instalments]
    if len(parts) > LIST_MAX or any(not 0 < amount <= AMOUNT_MAX for amount in parts):
        found.append("payment: out_of_range")
    elif parts and sum(parts) != content.price:
        found.append("payment: parts_are_not_the_price")
    if not 0 <= content.payment.royalty_bps <= ALL_BP:
        found.append("payment.royalty_bps: out_of_range")
    if not 1 <= len(content.basis) <= BASIS_MAX:
        found.append("basis: needed")
    return found + [problem for place, one in enumerate(content.basis) for problem in _basis_problems(one, place)]


def _basis_problems(one: Basis, place: int) -> list[str]:
    path, found = f"basis[{place}]", []
    if one.amount is not None and not 0 < one.amount <= AMOUNT_MAX:
        found.append(f"{path}.amount: out_of_range")
    found += [
        f"{path}.{name}: no_such_day"
        for name, text in (("on", one.on), ("valid_until", one.valid_until))
        if text and parse_day(text) is None
    ]
    if not one.reference.strip() and not one.text.strip():
        found.append(f"{path}: reference_or_text")
    if one.kind is BasisKind.VALUATION:  # 资产评估法: who valued, from which day, for how long
        asked = {"reference": one.reference, "made_by": one.made_by, "on": one.on, "valid_until": one.valid_until}
        found += [f"{path}.{name}: needed" for name, text in asked.items() if not text.strip()]
        if one.amount is None:
            found.append(f"{path}.amount: needed")
    return found


def _people_problems(content: NoticeContent) -> list[str]:
    found = []
    if len(content.completers) > LIST_MAX or len(content.related) > LIST_MAX:
        found.append("completers: too_many")
    shares = [one.share_bp for one in content.completers]
    if any(not 0 <= share <= ALL_BP for share in shares) or sum(shares) not in (0, ALL_BP):
        found.append("completers: shares_are_not_the_whole")
    if any(
        one.kind is RelationKind.STAFF for one in content.related
    ):  # 网络司法拍卖规定 art. 8, as for every sale here
        found.append("related: staff_may_not_buy")
    if content.buyer.person and content.buyer.credit_code:
        found.append("buyer.credit_code: of_a_person")
    return found


def is_slip(begun: NoticeContent, new: NoticeContent, most: int) -> bool:
    """Tell whether a new content differs from the one the round began with by no more than slips of the pen.

    Only texts may differ, each by at most `most` characters altogether over all corrections of the round, and no figure in them.
    """
    for name in NoticeContent.__struct_fields__:
        before, after = getattr(begun, name), getattr(new, name)
        if before == after:
            continue
        if name not in TYPO_FIELDS or not after.strip() or _figures(before) != _figures(after):
            return False
        if distance(before, after, most) > most:
            return False
    return True


def _figures(text: str) -> str:
    return "".join(
        character for character in text if character.isnumeric() or unicodedata.normalize("NFKC", character) in ".%‰"
    )


def distance(before: str, after: str, most: int) -> int:
    """Return how many characters must be put in, left out or replaced to turn one text into another; above `most` any larger number."""
    if abs(len(before) - len(after)) > most:
        return most + 1
    row = list(range(len(after) + 1))
    for place, character in enumerate(before, 1):
        low, high = max(1, place - most), min(len(after), place + most)
        fresh = [most + 1] * (len(after) + 1)
        if place <= most:
            fresh[0] = place
        for at in range(low, high + 1):
            fresh[at] = min(row[at] + 1, fresh[at - 1] + 1, row[at - 1] + (character != after[at - 1]))
        row = fresh
    return min(row[len(after)], most + 1)
