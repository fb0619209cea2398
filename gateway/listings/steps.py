"""The guided form of a listing: one question a step, sensible answers filled in, and from what was typed to the wish that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from engine.catalogue.codes.listing_rules import listing_rules
from engine.rules.auction.terms import Admission
from engine.rules.listing.terms import OfferedMode, ReleaseClock, SaleWay
from engine.values import CNY, parse_amount
from gateway.formatting import read_local
from gateway.http.api.listing_wishes import ListedWish, ListingTermsWish

HOUR_US: Final = 3_600_000_000
MINUTE_US: Final = 60_000_000
FORM_MAX: Final = 4_000
"""Characters kept of one field."""


class Step(NamedTuple):
    """A step and the fields that it asks for."""

    name: str
    fields: tuple[str, ...]
    ways: tuple[str, ...] = ()
    """Ways of sale that need it; empty for all."""


STEPS: Final = (
    Step("offer", ("mode",)),
    Step("way", ("way", "seats")),
    Step("price", ("price", "offers", "admission", "withdrawal_cost")),
    Step("period", ("days", "cycle_days", "cycles"), (SaleWay.DISCLOSED.value,)),
    Step(
        "bidding", ("bidding", "step_yuan", "free_hours", "cycle_seconds", "open_hours", "always_bid"),
        (SaleWay.DISCLOSED.value,),
    ),
    Step("deposit", ("deposit", "share_percent", "deposit_yuan", "release"), (SaleWay.DISCLOSED.value, SaleWay.POSTED.value)),
    Step("statement", ("statement_no",), (SaleWay.OPEN_LICENCE.value,)),
    Step("asset", ("valuation_yuan", "valuation_no", "valued_on", "approval_no"), (SaleWay.DISCLOSED.value,)),
    Step("notice", ("conditions_zh", "conditions_en", "defects_zh", "defects_en", "payment")),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Step]] = {step.name: step for step in STEPS}
CHECK: Final = "check"
TICKS: Final = frozenset({"offers", "always_bid"})


class Read(NamedTuple):
    """What was typed, as wishes; `wrong` names fields that cannot be read (field -> word)."""

    terms: ListingTermsWish | None
    notice: ListedWish
    wrong: dict[str, str]


def defaults() -> dict[str, str]:
    """Return the answers that are filled in before anybody types."""
    return {
        "mode": OfferedMode.TRANSFER.value, "way": SaleWay.DISCLOSED.value, "seats": "1",
        "days": str(listing_rules().disclosure_working_days), "cycle_days": "5", "cycles": "2", "bidding": "dynamic",
        "admission": Admission.APPROVED.value, "step_yuan": "10000", "free_hours": "24", "cycle_seconds": "120",
        "open_hours": "24", "deposit": "share", "share_percent": "10", "release": ReleaseClock.WORKING_DAYS_3.value,
        "payment": "ONE_TIME", "withdrawal_cost": "0",
    }  # fmt: skip


def steps_for(form: Mapping[str, str], state_owned: bool) -> list[Step]:
    """Return the steps that this listing needs, in order: nothing is asked that the answers before have settled."""
    way = form.get("way", "")
    unasked = set() if state_owned else {"asset"}
    if _is_open(form):
        unasked.add("deposit")
    return [step for step in STEPS if (not step.ways or way in step.ways) and step.name not in unasked]


def _is_open(form: Mapping[str, str]) -> bool:
    """Tell whether everybody may take a posted price without applying."""
    return form.get("way") == SaleWay.POSTED.value and form.get("admission") == Admission.OPEN.value


def merged(form: Mapping[str, str], step: Step, typed: Mapping[str, Any]) -> dict[str, str]:
    """Return the form with what a step's page sent; other steps stay as they were."""
    given = {name: str(typed.get(name, ""))[:FORM_MAX] for name in step.fields if name in typed or name in TICKS}
    return {**form, **given}


def read(form: Mapping[str, str], state_owned: bool) -> Read:
    """Return what the whole form says."""
    reader = _Reader(form)
    notice = ListedWish(
        conditions_zh=reader.text("conditions_zh"), conditions_en=reader.text("conditions_en"),
        defects_zh=reader.text("defects_zh"), defects_en=reader.text("defects_en"),
        payment=form.get("payment", "") or "ONE_TIME", relists=form.get("relists", ""),
    )  # fmt: skip
    wish = _terms(reader, state_owned)
    if reader.wrong:
        return Read(None, notice, reader.wrong)
    try:
        return Read(ListingTermsWish.model_validate(wish, strict=False), notice, {})
    except ValidationError as error:
        fields = {
            str(one["loc"][0]) if one["loc"] else "mode" for one in error.errors(include_url=False, include_input=False)
        }
        return Read(None, notice, dict.fromkeys(sorted(fields), "range"))


def _terms(reader: _Reader, state_owned: bool) -> dict[str, Any]:
    way = reader.form.get("way", "")
    disclosed = way == SaleWay.DISCLOSED.value
    wish: dict[str, Any] = {
        "mode": reader.form.get("mode", ""),
        "way": way,
        "list_price": reader.fen("price", optional=reader.ticked("offers") and not disclosed),
        "seats": reader.seats(),
        "withdrawal_cost": reader.fen("withdrawal_cost", optional=True) or "0",
    }
    if reader.ticked("offers") and not disclosed:
        wish["offers"] = {}
    if disclosed:
        wish["disclosure_working_days"] = reader.number("days", 1, 250)
        cycles = reader.number("cycles", 0, 100)
        if cycles:
            wish["extension"] = {"cycle_working_days": reader.number("cycle_days", 1, 250), "cycles_max": cycles}
        wish["session"] = _session(reader)
        wish["always_bid"] = reader.ticked("always_bid")
        if state_owned and reader.form.get("valuation_no", "").strip():
            wish["state_asset"] = {
                "valuation": reader.fen("valuation_yuan"),
                "valuation_no": reader.text("valuation_no")[:200],
                "valued_at_us": reader.day("valued_on"),
                "approval_no": reader.text("approval_no")[:200],
            }
    if way == SaleWay.OPEN_LICENCE.value:
        wish["open_licence_statement_no"] = reader.text("statement_no")[:200]
    elif _is_open(reader.form):
        wish["admission"] = Admission.OPEN.value
    else:
        wish["deposit"] = _deposit(reader)
    return wish


def _session(reader: _Reader) -> dict[str, Any]:
    step = {"kind": "fixed", "step": reader.fen("step_yuan") or "1"}
    if reader.form.get("bidding") == "court":
        return {
            "increment": step,
            "open_for_us": reader.number("open_hours", 1, 720) * HOUR_US,
            "extension_us": 5 * MINUTE_US,
        }
    return {
        "increment": step,
        "free_period_us": reader.number("free_hours", 1, 720) * HOUR_US,
        "limited_cycle_us": reader.number("cycle_seconds", 10, 3_600) * 1_000_000,
    }


def _deposit(reader: _Reader) -> dict[str, Any] | None:
    kind = reader.form.get("deposit", "")
    if kind == "none":
        return None
    release = reader.form.get("release", "") or ReleaseClock.WORKING_DAYS_3.value
    if kind == "amount":
        return {"amount": reader.fen("deposit_yuan"), "release": release}
    return {"share_bps": reader.percent("share_percent"), "release": release}


class _Reader:
    """Reads fields; what cannot be read is remembered, and reads as something harmless."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.wrong: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self.form.get(name, "").replace("\r\n", "\n").strip()

    def ticked(self, name: str) -> bool:
        return self.form.get(name) == "1"

    def fen(self, name: str, optional: bool = False) -> str | None:
        typed = self.text(name).replace(",", "").replace("，", "").removeprefix("¥")
        if not typed and optional:
            return None
        amount = parse_amount(typed, CNY)
        if amount is None:
            self.wrong[name] = "amount"
        return str(amount or 0)

    def number(self, name: str, least: int, most: int) -> int:
        typed = self.text(name)
        if not typed.isascii() or not typed.isdigit() or len(typed) > 9 or not least <= int(typed) <= most:
            self.wrong[name] = "number"
            return least
        return int(typed)

    def percent(self, name: str) -> int:
        basis_points = parse_amount(self.text(name).removesuffix("%"), CNY)
        if basis_points is None or not 1 <= basis_points <= 10_000:
            self.wrong[name] = "percent"
            return 1
        return int(basis_points)

    def seats(self) -> int | None:
        if self.form.get("mode") not in (OfferedMode.PLAIN.value, OfferedMode.OPEN.value):
            return 1
        return None if not self.text("seats") else self.number("seats", 1, 100_000)

    def day(self, name: str) -> int:
        at_us = read_local(f"{self.text(name)}T00:00")
        if at_us is None:
            self.wrong[name] = "day"
        return at_us or 0
