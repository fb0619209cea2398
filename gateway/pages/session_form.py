"""The form of a session of another format: only the fields of its format, turned into the wish that REST takes.

What the server knows better is not asked: the end of a falling clock follows from the clock, officers' keys come from the register.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict

from engine.canonical import canonical_bytes
from engine.replay.crowds import Crowd
from engine.replay.rehearsal import BIDDERS_MAX
from engine.rules.auction.clearing.descending import Clock, runs_us
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.priority import PriorityMode
from engine.rules.auction.clearing.rounds import CUT_MAX_BPS
from engine.rules.auction.clearing.sealed import Tie
from engine.rules.auction.formats.terms import SealedPricing
from engine.values import Amount, InstantUs, is_lot_id
from gateway.pages.lot_form import CHECKBOXES, TEXT_MAX, FormReader, read_subject

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
GROUNDS: Final = ("completer", "commissioner", "co_developer", "shareholder", "contract")
_CLOCK: Final = ("clock_start", "clock_step", "clock_seconds", "clock_floor", "secret_floor")
_RESERVE: Final = ("reserve_kind", "reserve_amount")
_OPENING: Final = ("officer_1", "officer_2", "recovery", "opening_minutes", "opening_days")
_PRIORITY: Final = ("priority_mode", "priority_holders", "priority_minutes", "priority_notified")
OWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "falling": (*_CLOCK, "units", *_PRIORITY),
    "sealed": ("closes_at", "pricing", "tie", "replaceable", *_RESERVE, "ceiling", "bid_floor", *_OPENING, *_PRIORITY),
    "hybrid": (*_CLOCK, "sealed_minutes", "best_minutes", *_OPENING, *_PRIORITY),
    "weighted": (
        "closes_at", "price_weight", "criteria", "assessors", "replaceable", *_RESERVE, *_OPENING, *_PRIORITY,
    ),
    "units": ("closes_at", "units", "unit_pricing", "per_bidder_max", "replaceable", *_RESERVE, *_OPENING),
    "packages": ("closes_at", "package_lots", "bids_each_max", "replaceable", *_OPENING),
    "ascending": ("closes_at", "start_price", "increment_fixed", "extension_seconds", *_RESERVE, *_PRIORITY),
}  # fmt: skip
"""Which fields a format has, besides what is sold and when it opens."""
FORMATS: Final = tuple(OWN_FIELDS)
_COMMON: Final = (
    "format", "lot_id", "title_zh", "title_en", "summary_zh", "summary_en", "field", "region", "seller", "achievement", "seller_name_zh",
    "seller_name_en", "defects_zh", "defects_en", "opens_at", "admission", "rounds_max", "cut_percent", "sell_off", "round_no",
    "previous_lot",
)  # fmt: skip
TICKS: Final = ("secret_floor", "replaceable", "sell_off")
SESSION_FIELDS: Final = tuple(dict.fromkeys([*_COMMON, *(name for names in OWN_FIELDS.values() for name in names)]))
SESSION_DEFAULTS: Final[Mapping[str, str]] = {
    "admission": "approved", "clock_seconds": "60", "units": "1", "pricing": "first", "tie": "earliest", "reserve_kind": "none",
    "opening_minutes": "30", "opening_days": "5", "sealed_minutes": "30", "best_minutes": "15", "price_weight": "60",
    "unit_pricing": "pay_as_bid", "bids_each_max": "20", "extension_seconds": "300", "priority_minutes": "60",
}  # fmt: skip
assert not set(TICKS) & set(CHECKBOXES), "one text for one box"


CROWD_DEFAULTS: Final[Mapping[str, str]] = {
    "crowd_bidders": "6", "crowd_middle": "", "crowd_spread": "30", "crowd_seed": "1",
}  # fmt: skip
"""The fields of a rehearsal: bidders, middle value in yuan, spread in percent, seed."""


class SessionForm(Struct, frozen=True):
    """What a form says: the wish without its id and its people when it is complete, else what is wrong, by field."""

    body: dict[str, Any]
    logins: dict[str, tuple[str, ...]]
    """Fields that name people by login: `seller`, `assessors`, `priority_holders`."""
    wrong: dict[str, str]


def typed_session(form: Mapping[str, object]) -> dict[str, str]:
    """Return the known fields of a posted form as typed, bounded in length; an unticked box is an empty string."""
    return {name: str(form.get(name, ""))[:TEXT_MAX] for name in SESSION_FIELDS}


def digest_of(values: Mapping[str, str]) -> str:
    """Return a digest of what was typed: what is published is what was previewed."""
    return sha256(canonical_bytes({name: values.get(name, "") for name in SESSION_FIELDS})).hexdigest()[:32]


def read_session(values: Mapping[str, str]) -> SessionForm:
    """Turn typed values into a wish. People stay logins here; who they are is in the database."""
    reader = FormReader(values)
    name = reader.choice("format", set(FORMATS))
    subject = read_subject(reader)
    lot_id = reader.text("lot_id", 45)
    if not is_lot_id(lot_id):
        reader.wrong["lot_id"] = "lot_id"
    kind, terms = _kind(reader, name)
    play: dict[str, Any] = {"format": {"format": name, **kind}, **_rounds(reader)}
    logins: dict[str, tuple[str, ...]] = {"seller": (reader.required("seller", 60),)}
    if name == "weighted":
        logins["assessors"] = tuple(_lines(reader, "assessors"))
    if "priority_mode" in OWN_FIELDS[name] and reader.text("priority_mode"):
        play["priority"], logins["priority_holders"] = _priority(reader)
    subject_of = {key: value for key, value in asdict(subject).items() if key != "demonstration"}
    what = {"lot": lot_id, "subject": subject_of, "achievement": reader.text("achievement", 60)}
    body = {**what, "terms": terms, "play": play, **_opening(reader, name)}
    return SessionForm(body, logins, reader.wrong)


def _kind(reader: FormReader, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a format, and the terms that every session has."""
    opens_at_us = reader.instant("opens_at") or InstantUs(0)
    closes_at_us, step, start = opens_at_us, Amount(1), Amount(0)
    clock = _clock(reader) if "clock_start" in OWN_FIELDS[name] else None
    if clock is not None:
        closes_at_us, step, start = InstantUs(opens_at_us + runs_us(clock)), clock.step, clock.start
    else:
        closes_at_us = reader.instant("closes_at") or InstantUs(0)
    if name == "ascending":
        step, start = reader.amount("increment_fixed"), reader.amount("start_price")
    closing: dict[str, Any] = {"opens_at_us": opens_at_us, "closes_at_us": closes_at_us}
    if name == "ascending":
        closing["extension_us"] = reader.length("extension_seconds", 1, optional=True)
    terms = {
        "closing": closing,
        "increment": {"kind": "fixed", "step": str(step)},
        "start_price": str(start),
        "reserve": _reserve(reader, name),
        "admission": reader.choice("admission", {"open", "approved"}),
    }
    return _own(reader, name, clock), terms


def _own(reader: FormReader, name: str, clock: Clock | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if clock is not None:
        found["clock"] = {key: str(value) if key != "step_us" else value for key, value in asdict(clock).items()}
        found["secret_floor"] = reader.ticked("secret_floor")
    if "replaceable" in OWN_FIELDS[name]:
        found["replaceable"] = reader.ticked("replaceable")
    match name:
        case "falling":
            found["units"] = reader.number("units")
        case "sealed":
            found["pricing"] = reader.choice("pricing", {one.value for one in SealedPricing})
            found["tie"] = reader.choice("tie", {one.value for one in Tie})
            if found["pricing"] == SealedPricing.LOWEST:
                found["ceiling"], found["floor"] = _optional(reader, "ceiling"), _optional(reader, "bid_floor")
        case "hybrid":
            found["sealed_round_us"] = reader.length("sealed_minutes", MINUTE_S)
            found["best_bid_us"] = reader.length("best_minutes", MINUTE_S)
        case "weighted":
            found["price_weight"] = reader.number("price_weight")
            found["criteria"] = _criteria(reader)
            found["assessors"] = ()
        case "units":
            found["units"] = reader.number("units")
            found["pricing"] = reader.choice("unit_pricing", {one.value for one in Pricing})
            found["per_bidder_max"] = reader.number("per_bidder_max", optional=True)
        case "packages":
            found["lots"] = _package_lots(reader)
            found["bids_each_max"] = reader.number("bids_each_max")
    return found


def _clock(reader: FormReader) -> Clock:
    floor = reader.amount("clock_floor") if reader.text("clock_floor") not in ("", "0") else Amount(0)
    seconds = reader.length("clock_seconds", 1)
    assert seconds is not None, "it is not optional"
    return Clock(start=reader.amount("clock_start"), step=reader.amount("clock_step"), step_us=seconds, floor=floor)


def _optional(reader: FormReader, name: str) -> str | None:
    return str(reader.amount(name)) if reader.text(name) else None


def _reserve(reader: FormReader, name: str) -> dict[str, Any] | None:
    lowest = name == "sealed" and reader.text("pricing") == SealedPricing.LOWEST
    if "reserve_kind" not in OWN_FIELDS[name] or lowest:
        return None
    kind = reader.choice("reserve_kind", {"none", "public", "secret"})
    return None if kind == "none" else {"amount": str(reader.amount("reserve_amount")), "public": kind == "public"}


def _opening(reader: FormReader, name: str) -> dict[str, Any]:
    if "officer_1" not in OWN_FIELDS[name]:
        return {}
    people = [reader.required(field, 40) for field in ("officer_1", "officer_2", "recovery")]
    for place, field in enumerate(("officer_1", "officer_2", "recovery")):
        if people[place] and people[place] in people[:place]:
            reader.wrong[field] = "terms.opening.three_different_people"
    due_us, last_us = reader.length("opening_minutes", MINUTE_S), reader.length("opening_days", DAY_S)
    return {"officers": people[:2], "recovery": people[2], "opening_due_us": due_us, "opening_last_us": last_us}


def _lines(reader: FormReader, name: str) -> list[str]:
    lines = [line.strip() for line in reader.text(name).splitlines() if line.strip()]
    if not lines:
        reader.wrong[name] = "required"
    return lines[:100]


def _criteria(reader: FormReader) -> list[dict[str, Any]]:
    found = []
    for line in _lines(reader, "criteria"):
        name, _, weight = line.rpartition(" ")
        if not name.strip() or not weight.isascii() or not weight.isdigit() or len(weight) > 3:
            reader.wrong["criteria"] = "criteria"
            return []
        found.append({"name": name.strip()[:60], "weight": int(weight)})
    return found


def _package_lots(reader: FormReader) -> list[dict[str, Any]]:
    found = []
    for line in _lines(reader, "package_lots"):
        parts = [part.strip()[:120] for part in line.replace("\uff5c", "|").split("|")]
        if not 2 <= len(parts) <= 4 or not parts[0] or not parts[1]:
            reader.wrong["package_lots"] = "package_lots"
            return []
        title_en, reserve = [*parts[2:], "", ""][:2]
        row = FormReader({"package_lots": reserve})
        amount = str(row.amount("package_lots")) if reserve else None
        reader.wrong.update(row.wrong)
        found.append({"name": parts[0], "title_zh": parts[1], "title_en": title_en or parts[1], "reserve": amount})
    return found


def _priority(reader: FormReader) -> tuple[dict[str, Any], tuple[str, ...]]:
    mode = reader.choice("priority_mode", {one.value for one in PriorityMode})
    afterwards = mode in (PriorityMode.ASKED_AT_TOP, PriorityMode.AFTERWARDS, PriorityMode.IN_WRITING)
    holders, logins = [], []
    for line in _lines(reader, "priority_holders"):
        parts = line.split()
        if (
            len(parts) != 3
            or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 3)
            or parts[2] not in GROUNDS
        ):
            reader.wrong["priority_holders"] = "holders"
            break
        logins.append(parts[0][:60])
        holders.append({"party": "", "rank": int(parts[1]), "ground": parts[2]})
    window_us = reader.length("priority_minutes", MINUTE_S) if afterwards else 0
    notified = reader.required("priority_notified", 500)
    return {"mode": mode, "holders": holders, "window_us": window_us, "notified": notified}, tuple(logins)


def _rounds(reader: FormReader) -> dict[str, Any]:
    if not reader.text("rounds_max"):
        return {}
    percent = reader.number("cut_percent") or 0
    if percent * 100 > CUT_MAX_BPS:
        reader.wrong["cut_percent"] = "cut"
    rules = {
        "rounds_max": reader.number("rounds_max"), "cut_max_bps": percent * 100, "sell_off": reader.ticked("sell_off"),
    }  # fmt: skip
    previous = reader.text("previous_lot", 45)
    number = reader.number("round_no", optional=True) or 1
    return {"rounds": rules, "round_no": number, "previous_lot": previous or None}


_FIELD_OF: Final = {
    "clock": "clock_start", "opening": "officer_1", "priority": "priority_mode", "rounds": "rounds_max",
    "weights": "price_weight", "packages": "package_lots", "hybrid": "sealed_minutes", "reserve": "reserve_amount",
    "increment": "increment_fixed", "rule_version": "format",
}  # fmt: skip


def problem_field(problem: str, name: str) -> tuple[str, str]:
    """Return the field of a format at which a problem of its terms (`place: what`) is shown, and the key of its text."""
    place, _, what = problem.partition(": ")
    field = _FIELD_OF.get(place, place)
    if place == "closing":
        field = "closes_at" if "closes_at" in OWN_FIELDS[name] else "opens_at"
    return field, f"terms.{place}.{what}"


def read_crowd(values: Mapping[str, str]) -> tuple[Crowd | None, dict[str, str]]:
    """Return the simulated bidders that a form describes, or what is wrong, by field."""
    reader = FormReader(values)
    bidders, middle = reader.number("crowd_bidders") or 1, reader.amount("crowd_middle")
    spread, seed = reader.number("crowd_spread") or 1, reader.number("crowd_seed") or 1
    if bidders > BIDDERS_MAX:
        reader.wrong["crowd_bidders"] = "crowd"
    if spread > 200:
        reader.wrong["crowd_spread"] = "crowd"
    crowd = Crowd(bidders=bidders, middle=middle, spread=spread / 100, seed=seed)
    return (None if reader.wrong else crowd), reader.wrong
