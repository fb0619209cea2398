"""The guided form of a notice: one question a step, sensible answers filled in, and from what was typed to the wish that is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from engine.calendar import parse_day
from engine.catalogue.codes.publicity_rules import publicity_rules
from engine.rules.achievement.record import Achievement
from engine.rules.conflicts import RelationKind
from engine.rules.publicity.content import BasisKind, NoticeContent
from engine.values import CNY, format_amount, parse_amount
from gateway.http.api.notice_wishes import NoticeWish
from gateway.notices.content import proposed_confidential

FORM_MAX: Final = 4_000
"""Characters kept of one field."""
TIES: Final = tuple(kind for kind in RelationKind if kind is not RelationKind.STAFF)
COMPLETERS_SHOWN: Final = 50
FILES: Final = "files"
CHECK: Final = "check"
_COMPLETER_FIELD: Final = re.compile(r"c([1-9][0-9]?)_(declared|relation)")


class Step(NamedTuple):
    """A step and the fields that it asks for."""

    name: str
    fields: tuple[str, ...]


STEPS: Final = (
    Step("price", ("price", "mode", "days")),
    Step("buyer", ("buyer_zh", "buyer_en", "credit_code", "buyer_party", "person", "foreign")),
    Step("basis", ("basis", "reference", "made_by", "basis_amount", "basis_on", "valid_until", "basis_text", "negotiation")),
    Step("payment", ("payment", "payment_text", "instalments", "royalty_percent")),
    Step("content", ("title_zh", "title_en", "abstract_zh", "abstract_en", "scope_zh", "scope_en", "confidential")),
    Step("related", (*(f"tie_{kind.value}" for kind in TIES), "tie_text", "applicant_relation")),
    Step("place", ("unit_place", "objections_to")),
    Step(FILES, ()),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Step]] = {step.name: step for step in STEPS}
TICKS: Final = frozenset({"person", "foreign", *(f"tie_{kind.value}" for kind in TIES)})


class Read(NamedTuple):
    """What was typed, as a wish; `wrong` names fields that cannot be read (field -> word)."""

    wish: NoticeWish | None
    wrong: dict[str, str]


def defaults(record: Achievement, last: NoticeContent | None, contact: str) -> dict[str, str]:
    """Return the answers that are filled in before anybody types: from the record, and from the party's last notice."""
    return {
        "mode": record.modes[0].value if record.modes else "TRANSFER",
        "days": str(publicity_rules().days),
        "basis": BasisKind.INQUIRY.value,
        "payment": "ONE_TIME",
        "title_zh": record.title_zh,
        "title_en": record.title_en,
        "abstract_zh": record.abstract_zh,
        "abstract_en": record.abstract_en,
        "confidential": proposed_confidential(record).value,
        "unit_place": "" if last is None else last.unit_place,
        "objections_to": contact if last is None else last.objections_to,
    }


def answers_from(content: NoticeContent, days: int) -> dict[str, str]:
    """Return the answers that say what a notice says: for a correction or a revision, nothing is typed again."""
    given = {
        name: getattr(content, name)
        for name in ("title_zh", "title_en", "abstract_zh", "abstract_en", "scope_zh", "scope_en")
    }
    main = content.basis[0]
    talks = next((one.text for one in content.basis[1:] if one.kind is BasisKind.NEGOTIATION), "")
    return {
        **given, "price": _yuan(content.price), "mode": content.mode.value, "days": str(days),
        "buyer_zh": content.buyer.name_zh, "buyer_en": content.buyer.name_en, "credit_code": content.buyer.credit_code,
        "buyer_party": content.buyer.party_id, "person": "1" if content.buyer.person else "",
        "foreign": "1" if content.buyer.foreign else "", "basis": main.kind.value, "reference": main.reference,
        "made_by": main.made_by, "basis_amount": "" if main.amount is None else _yuan(main.amount), "basis_on": main.on,
        "valid_until": main.valid_until, "basis_text": main.text, "negotiation": talks, "payment": content.payment.mode,
        "payment_text": content.payment.text,
        "instalments": "\n".join(f"{_yuan(part.amount)} {part.due}" for part in content.payment.instalments),
        "royalty_percent": "" if not content.payment.royalty_bps else _yuan(content.payment.royalty_bps),
        "confidential": content.confidential.value,
        "tie_text": next((one.text for one in content.related), ""), "unit_place": content.unit_place,
        "objections_to": content.objections_to, **{f"tie_{one.kind.value}": "1" for one in content.related},
    }  # fmt: skip


def merged(form: Mapping[str, str], step: Step, typed: Mapping[str, Any]) -> dict[str, str]:
    """Return the form with what a step's page sent; other steps stay as they were."""
    given = {name: str(typed.get(name, ""))[:FORM_MAX] for name in step.fields if name in typed or name in TICKS}
    if step.name != "related":
        return {**form, **given}
    kept = {name: text for name, text in form.items() if _COMPLETER_FIELD.fullmatch(name) is None}
    people = {name: str(text)[:40] for name, text in typed.items() if _COMPLETER_FIELD.fullmatch(name)}
    return {**kept, **given, **people}


def read(form: Mapping[str, str], completers: int) -> Read:
    """Return what the whole form says.

    Args:
        form: As typed.
        completers: How many the achievement has; each must have declared.
    """
    reader = _Reader(form)
    wish = {
        "mode": form.get("mode", ""), "price": reader.fen("price") or "1", "days": reader.number("days", 1, 366),
        "buyer": reader.buyer(), "basis": reader.bases(), "payment": reader.payment(),
        "confidential": form.get("confidential", "") or "no", "related": reader.ties(),
        "applicant_relation": form.get("applicant_relation") or None, "completers": reader.people(completers),
        **{
            name: reader.text(name)
            for name in (
                "title_zh", "title_en", "abstract_zh", "abstract_en", "scope_zh", "scope_en", "unit_place", "objections_to",
            )
        },
    }  # fmt: skip
    if not wish["objections_to"]:
        reader.wrong["objections_to"] = "needed"
    if reader.wrong:
        return Read(None, reader.wrong)
    try:
        return Read(NoticeWish.model_validate(wish), {})
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return Read(None, {_field(one["loc"]): "range" for one in found})


def step_of(field: str) -> str:
    """Return the step that asks for a field; people's declarations stand with the ties."""
    if _COMPLETER_FIELD.fullmatch(field):
        return "related"
    return next((step.name for step in STEPS if field in step.fields), STEPS[0].name)


_INSIDE: Final = {
    "buyer": "buyer_zh",
    "basis": "reference",
    "payment": "payment_text",
    "related": "tie_text",
    "completers": "c1_declared",
}


def _field(place: tuple[int | str, ...]) -> str:
    name = str(place[0]) if place else "price"
    return _INSIDE.get(name, name)


class _Reader:
    """Reads fields; what cannot be read is remembered, and reads as something harmless."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.wrong: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self.form.get(name, "").replace("\r\n", "\n").strip()

    def fen(self, name: str, *, optional: bool = False) -> str | None:
        typed = self.text(name)
        if not typed and optional:
            return None
        amount = _fen(typed)
        if not amount:
            self.wrong[name] = "amount" if typed else "needed"
            return None
        return amount

    def number(self, name: str, low: int, high: int) -> int:
        typed = self.text(name)
        if not typed.isdigit() or len(typed) > 6 or not low <= int(typed) <= high:
            self.wrong[name] = "number"
            return low
        return int(typed)

    def day(self, name: str) -> str:
        typed = self.text(name)
        if typed and parse_day(typed) is None:
            self.wrong[name] = "day"
            return ""
        return typed

    def buyer(self) -> dict[str, Any]:
        party = self.text("buyer_party")
        if not party and not self.text("buyer_zh"):
            self.wrong["buyer_zh"] = "needed"
        return {
            "party": party or None,
            "name_zh": self.text("buyer_zh")[:200],
            "name_en": self.text("buyer_en")[:200],
            "credit_code": self.text("credit_code").upper()[:18],
            "person": self.form.get("person") == "1",
            "foreign": self.form.get("foreign") == "1",
        }

    def bases(self) -> list[dict[str, Any]]:
        kind, talks = self.form.get("basis", ""), self.text("negotiation")
        valued = kind == BasisKind.VALUATION.value
        main = {
            "kind": kind,
            "reference": self.text("reference")[:500],
            "made_by": self.text("made_by")[:200],
            "amount": self.fen("basis_amount", optional=not valued),
            "on": self.day("basis_on"),
            "valid_until": self.day("valid_until"),
            "text": self.text("basis_text"),
        }
        if not main["reference"] and not main["text"]:
            self.wrong["reference"] = "needed"
        for name, field in (("made_by", "made_by"), ("on", "basis_on"), ("valid_until", "valid_until")):
            if valued and not main[name]:
                self.wrong[field] = "needed"
        return [main, {"kind": BasisKind.NEGOTIATION.value, "text": talks}] if talks else [main]

    def payment(self) -> dict[str, Any]:
        parts = []
        for line in self.text("instalments").splitlines():
            amount, _, due = line.strip().partition(" ")
            fen = _fen(amount)
            if not line.strip():
                continue
            if not fen or not due.strip():
                self.wrong["instalments"] = "instalments"
                continue
            parts.append({"amount": fen, "due": due.strip()[:500]})
        share = self.text("royalty_percent") or "0"
        match = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?", share)
        bps = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else -1
        if not 0 <= bps <= 10_000:
            self.wrong["royalty_percent"], bps = "percent", 0
        return {
            "mode": self.form.get("payment", "") or "ONE_TIME",
            "text": self.text("payment_text"),
            "instalments": parts,
            "royalty_bps": bps,
        }

    def ties(self) -> list[dict[str, str]]:
        text = self.text("tie_text")[:500]
        return [{"kind": kind.value, "text": text} for kind in TIES if self.form.get(f"tie_{kind.value}") == "1"]

    def people(self, many: int) -> list[dict[str, Any]]:
        found = []
        for rank in range(1, min(many, COMPLETERS_SHOWN) + 1):
            declared = self.form.get(f"c{rank}_declared") == "1"
            if not declared:
                self.wrong[f"c{rank}_declared"] = "declare"
            found.append({"declared": declared, "relation": self.form.get(f"c{rank}_relation") or None})
        return found


def _fen(typed: str) -> str:
    amount = parse_amount(typed.replace(",", "").replace("，", "").removeprefix("¥"), CNY)
    return str(amount) if amount else ""


def _yuan(amount: Any) -> str:
    return format_amount(amount, CNY)
