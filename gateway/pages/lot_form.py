"""The form of a lot: what an operator types, turned into terms, with what is wrong named at its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.rules.auction.commands import Subject
from engine.rules.auction.terms import (
    Admission,
    Closing,
    ExtensionFrom,
    ExtensionScope,
    FixedIncrement,
    Increment,
    LadderIncrement,
    LegalMode,
    PercentIncrement,
    Reserve,
    Terms,
    terms_problems,
)
from engine.values import CNY, Amount, DurationUs, InstantUs, is_lot_id, parse_amount
from gateway.formatting import read_local
from gateway.pages.codes import FIELDS, REGIONS

TITLE_MAX: Final = 120
TEXT_MAX: Final = 4_000
_SECOND: Final = 1_000_000
_NUMBER = re.compile(r"[0-9]{1,9}")

DEFAULTS: Final[Mapping[str, str]] = {
    "way": "dynamic", "legal_mode": LegalMode.NETWORK_BIDDING.value, "increment_kind": "fixed", "reserve_kind": "none",
    "first_bid_at_start": "1", "show_reserve_met": "1", "limited_if_no_free_bid": "1", "extension_from": "bid",
    "extension_scope": "lot", "admission": "approved", "free_minutes": "1440", "cycle_seconds": "120",
    "resume_notice_minutes": "10", "outage_shift_minutes": "60", "jump_confirm_steps": "20", "first_bid_minutes": "1440",
}  # fmt: skip
PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    "dynamic": {
        "way": "dynamic",
        "free_minutes": "1440",
        "cycle_seconds": "120",
        "multiple_only": "1",
        "extension_seconds": "",
    },
    "court": {"way": "fixed", "extension_seconds": "300", "window_seconds": "300", "multiple_only": ""},
    "proxy": {"way": "fixed", "extension_seconds": "180", "window_seconds": "180", "proxy": "1", "proxy_lowering": "1"},
    "first_bid": {"way": "first_bid", "first_bid_minutes": "1440", "extension_seconds": "900", "window_seconds": "900"},
}
CHECKBOXES: Final = (
    "first_bid_at_start", "multiple_only", "show_reserve_met", "proxy", "proxy_lowering", "leader_may_raise",
    "require_free_bid", "limited_if_no_free_bid",
)  # fmt: skip
FIELDS_OF_FORM: Final = (
    "lot_id", "title_zh", "title_en", "summary_zh", "summary_en", "field", "region", "seller", "achievement", "seller_name_zh",
    "seller_name_en", "defects_zh", "defects_en", "legal_mode", "start_price", "increment_kind", "increment_fixed", "increment_percent",
    "increment_ladder", "jump_confirm_steps", "reserve_kind", "reserve_amount", "way", "opens_at", "closes_at",
    "first_bid_minutes", "free_minutes", "cycle_seconds", "extension_seconds", "window_seconds", "extension_from",
    "extension_scope", "hard_end", "extensions_max", "admission", "resume_notice_minutes", "outage_shift_minutes", *CHECKBOXES,
)  # fmt: skip


class LotForm(Struct, frozen=True):
    """What a form says: terms and subject when it is complete, else what is wrong, by field (keys of `form.wrong.*`)."""

    terms: Terms | None
    subject: Subject
    lot_id: str
    wrong: dict[str, str]


def typed(form: Mapping[str, object]) -> dict[str, str]:
    """Return the known fields of a posted form as typed, bounded in length; an unticked box is an empty string."""
    return {name: str(form.get(name, ""))[:TEXT_MAX] for name in FIELDS_OF_FORM}


def read_form(values: Mapping[str, str]) -> LotForm:
    """Turn typed values into terms."""
    reader = FormReader(values)
    subject = read_subject(reader)
    lot_id = reader.text("lot_id", 45)
    if not is_lot_id(lot_id):
        reader.wrong["lot_id"] = "lot_id"
    terms = _terms(reader)
    if not reader.wrong:
        for problem in terms_problems(terms):
            place = problem.partition(":")[0]
            reader.wrong.setdefault(place, f"terms.{problem.replace(': ', '.')}")
    return LotForm(None if reader.wrong else terms, subject, lot_id, reader.wrong)


class FormReader:
    """Reads fields and remembers what is wrong with which."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.wrong: dict[str, str] = {}

    def text(self, name: str, most: int = TEXT_MAX) -> str:
        """Return a text without the blanks around it."""
        return self._values.get(name, "").strip()[:most]

    def required(self, name: str, most: int) -> str:
        """Return a text that must be there."""
        text = self.text(name, most)
        if not text:
            self.wrong[name] = "required"
        return text

    def ticked(self, name: str) -> bool:
        """Tell whether a box is ticked."""
        return self._values.get(name) == "1"

    def amount(self, name: str) -> Amount:
        """Return an amount typed in yuan, above nought."""
        amount = parse_amount(self.text(name).replace(",", "").replace("\uff0c", ""), CNY)
        if amount is None or amount == 0:
            self.wrong[name] = "amount"
            return Amount(1)
        return amount

    def number(self, name: str, *, optional: bool = False) -> int | None:
        """Return a whole number above nought."""
        text = self.text(name)
        if not text and optional:
            return None
        if _NUMBER.fullmatch(text) is None or int(text) == 0:
            self.wrong[name] = "number"
            return 1
        return int(text)

    def length(self, name: str, unit_s: int, *, optional: bool = False) -> DurationUs | None:
        """Return so many units of time."""
        number = self.number(name, optional=optional)
        return None if number is None else DurationUs(number * unit_s * _SECOND)

    def instant(self, name: str, *, optional: bool = False) -> InstantUs | None:
        """Return an instant typed in local time."""
        text = self.text(name)
        if not text and optional:
            return None
        at_us = read_local(text)
        if at_us is None:
            self.wrong[name] = "instant"
        return None if at_us is None else InstantUs(at_us)

    def choice(self, name: str, options: Mapping[str, object] | set[str]) -> str:
        """Return one of these."""
        chosen = self.text(name)
        if chosen not in options:
            self.wrong[name] = "choice"
            return next(iter(options))
        return chosen


def read_subject(reader: FormReader) -> Subject:
    """Return what is sold."""
    return Subject(
        title_zh=reader.required("title_zh", TITLE_MAX),
        title_en=reader.text("title_en", TITLE_MAX) or reader.text("title_zh", TITLE_MAX),
        summary_zh=reader.required("summary_zh", TEXT_MAX),
        summary_en=reader.text("summary_en"),
        field=reader.choice("field", FIELDS),
        region=reader.choice("region", REGIONS),
        seller_name_zh=reader.required("seller_name_zh", TITLE_MAX),
        seller_name_en=reader.text("seller_name_en", TITLE_MAX),
        defects_zh=reader.required("defects_zh", TEXT_MAX),
        defects_en=reader.text("defects_en"),
    )


def _terms(reader: FormReader) -> Terms:
    reserve_kind = reader.choice("reserve_kind", {"none", "public", "secret"})
    reserve = None if reserve_kind == "none" else Reserve(reader.amount("reserve_amount"), reserve_kind == "public")
    return Terms(
        closing=_closing(reader),
        increment=_increment(reader),
        start_price=reader.amount("start_price"),
        reserve=reserve,
        legal_mode=LegalMode(reader.choice("legal_mode", {mode.value for mode in LegalMode})),
        first_bid_at_start=reader.ticked("first_bid_at_start"),
        multiple_only=reader.ticked("multiple_only"),
        jump_confirm_steps=reader.number("jump_confirm_steps", optional=True),
        proxy=reader.ticked("proxy"),
        proxy_lowering=reader.ticked("proxy_lowering"),
        leader_may_raise=reader.ticked("leader_may_raise"),
        show_reserve_met=reader.ticked("show_reserve_met"),
        admission=Admission(reader.choice("admission", {"open", "approved"})),
        resume_notice_us=reader.length("resume_notice_minutes", 60) or DurationUs(0),
        outage_shift_max_us=reader.length("outage_shift_minutes", 60) or DurationUs(0),
    )


def _closing(reader: FormReader) -> Closing:
    way = reader.choice("way", {"fixed", "first_bid", "dynamic"})
    extends = way != "dynamic"
    extension_us = reader.length("extension_seconds", 1, optional=True) if extends else None
    return Closing(
        opens_at_us=reader.instant("opens_at") or InstantUs(0),
        closes_at_us=reader.instant("closes_at") if way == "fixed" else None,
        first_bid_clock_us=reader.length("first_bid_minutes", 60) if way == "first_bid" else None,
        free_period_us=reader.length("free_minutes", 60) if way == "dynamic" else None,
        limited_cycle_us=reader.length("cycle_seconds", 1) if way == "dynamic" else None,
        require_free_bid=way == "dynamic" and reader.ticked("require_free_bid"),
        limited_if_no_free_bid=way != "dynamic" or reader.ticked("limited_if_no_free_bid"),
        extension_us=extension_us,
        extension_window_us=reader.length("window_seconds", 1, optional=True) if extension_us is not None else None,
        extension_from=ExtensionFrom(reader.choice("extension_from", {one.value for one in ExtensionFrom})),
        extension_scope=ExtensionScope(reader.choice("extension_scope", {one.value for one in ExtensionScope})),
        hard_end_us=reader.instant("hard_end", optional=True),
        extensions_max=reader.number("extensions_max", optional=True),
    )


def _increment(reader: FormReader) -> Increment:
    match reader.choice("increment_kind", {"fixed", "percent", "ladder"}):
        case "percent":
            rate = parse_amount(reader.text("increment_percent"), CNY._replace(exponent=4))
            if not rate:
                reader.wrong["increment_percent"] = "percent"
            return PercentIncrement(rate or 1)
        case "ladder":
            return LadderIncrement(_ladder(reader))
        case _:
            return FixedIncrement(reader.amount("increment_fixed"))


def _ladder(reader: FormReader) -> tuple[tuple[Amount, Amount], ...]:
    steps = []
    for line in reader.text("increment_ladder").splitlines():
        parts = [parse_amount(part.replace(",", ""), CNY) for part in line.split()]
        if not parts:
            continue
        if len(parts) != 2 or parts[0] is None or parts[1] is None:
            reader.wrong["increment_ladder"] = "ladder"
            break
        steps.append((parts[0], parts[1]))
    if not steps:
        reader.wrong["increment_ladder"] = "ladder"
    return tuple(steps)
