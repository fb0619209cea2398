"""What makes a session one of another format, and what goes around it: who opens sealed bids, who has priority, what may follow.

The common part of the terms (times, currency, reserve, increment, admission) stays in `engine.rules.auction.terms.Terms`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.envelopes import is_public_key
from engine.rules.auction.clearing.descending import Clock, runs_us, steps_of
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.packages import LOTS_MAX
from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.clearing.rounds import CUT_MAX_BPS, RoundRules
from engine.rules.auction.clearing.sealed import Tie
from engine.rules.auction.clearing.weighted import Criterion
from engine.rules.auction.terms import DURATION_MAX, RULE_VERSION, Terms, terms_problems
from engine.values import AMOUNT_MAX, Amount, DurationUs, LotId, PartyId, is_lot_id

UNITS_MAX: Final = 10_000
CRITERIA_MAX: Final = 20
ASSESSORS_MAX: Final = 15
HOLDERS_MAX: Final = 20
FALLS_MAX: Final = 100_000
RULE_VERSIONS: Final = {
    "ascending": "ascending/1",
    "falling": "falling/1",
    "sealed": "sealed/1",
    "hybrid": "hybrid/1",
    "weighted": "weighted/1",
    "units": "units/1",
    "packages": "packages/1",
}


class SealedPricing(StrEnum):
    """What a sealed round of one unit asks for."""

    FIRST = "first"
    SECOND = "second"
    LOWEST = "lowest"


class Ascending(Struct, frozen=True, kw_only=True, tag_field="format", tag="ascending", forbid_unknown_fields=True):
    """The open ascending session, with rights of priority or a round that follows another."""


class Falling(Struct, frozen=True, kw_only=True, tag_field="format", tag="falling", forbid_unknown_fields=True):
    """The price falls until somebody takes (减价). With several units it falls on until all are taken."""

    clock: Clock
    units: int = 1
    secret_floor: bool = False
    """Nobody is told at which price the clock ends."""


class Sealed(Struct, frozen=True, kw_only=True, tag_field="format", tag="sealed", forbid_unknown_fields=True):
    """One sealed bid each (一次报价); `LOWEST` is the procurement of a need (揭榜) within floor and ceiling."""

    pricing: SealedPricing
    tie: Tie = Tie.EARLIEST
    replaceable: bool = False
    ceiling: Amount | None = None
    floor: Amount | None = None


class Hybrid(Struct, frozen=True, kw_only=True, tag_field="format", tag="hybrid", forbid_unknown_fields=True):
    """Falling price, then a sealed round of the others, then one best bid of the taker."""

    clock: Clock
    sealed_round_us: DurationUs
    best_bid_us: DurationUs
    secret_floor: bool = False


class Weighted(Struct, frozen=True, kw_only=True, tag_field="format", tag="weighted", forbid_unknown_fields=True):
    """Price and plan (权重报价). Assessors are named before the session and score before prices are opened."""

    price_weight: int
    criteria: tuple[Criterion, ...]
    assessors: tuple[PartyId, ...]
    replaceable: bool = False


class Units(Struct, frozen=True, kw_only=True, tag_field="format", tag="units", forbid_unknown_fields=True):
    """n equal units (licence seats), one sealed bid each with a quantity."""

    units: int
    pricing: Pricing
    per_bidder_max: int | None = None
    replaceable: bool = False


class PackageLot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several lots that are sold at once."""

    name: str
    title_zh: str
    title_en: str
    reserve: Amount | None = None


class Packages(Struct, frozen=True, kw_only=True, tag_field="format", tag="packages", forbid_unknown_fields=True):
    """Several lots at once, sealed bids on parts and on the whole; each bidder sends all his bids in one envelope."""

    lots: tuple[PackageLot, ...]
    bids_each_max: int = 20
    replaceable: bool = False


Format = Ascending | Falling | Sealed | Hybrid | Weighted | Units | Packages


class Officer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who holds a key of the opening: his party and his public key."""

    party: PartyId
    key: str


class Opening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who opens sealed bids, and until when. Two officers open; the supervisor's recovery share helps when one cannot (开标)."""

    officers: tuple[Officer, Officer]
    recovery: Officer
    due_us: DurationUs = DurationUs(30 * 60 * 1_000_000)
    """From the close: later than this the opening is late, which is published, and the recovery share may be used."""
    last_us: DurationUs = DurationUs(5 * 86_400 * 1_000_000)
    """From the close: what is not opened by then ends without a sale."""


class PriorityTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may buy at the price that others make, and how."""

    mode: PriorityMode
    holders: tuple[Holder, ...]
    window_us: DurationUs = DurationUs(0)
    """How long the holders are waited for after the bidding (P2, P3, P5)."""
    notified: str = ""
    """The notification on record: when and how the holders were told (网络司法拍卖规定 art. 16)."""


class SessionTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The format of a session and what goes around it; fixed at publication like all terms."""

    format: Format
    opening: Opening | None = None
    priority: PriorityTerms | None = None
    rounds: RoundRules | None = None
    round_no: int = 1
    previous_lot: LotId | None = None
    """The lot without a sale that this one follows."""


def format_of(play: SessionTerms) -> str:
    """Return the name of a format."""
    return str(type(play.format).__struct_config__.tag)


def clock_of(play: SessionTerms) -> Clock | None:
    """Return the falling clock of a format that has one."""
    return play.format.clock if isinstance(play.format, (Falling, Hybrid)) else None


def takes_envelopes(play: SessionTerms) -> bool:
    """Tell whether bids of a format are sealed, at some stage."""
    return not isinstance(play.format, (Ascending, Falling))


def session_problems(terms: Terms, play: SessionTerms) -> list[str]:
    """Return what is wrong with the terms of a session, as stable words, empty when it can be held."""
    found = terms_problems(replace(terms, format="english", rule_version=RULE_VERSION))
    if terms.format != format_of(play):
        found.append("format: contradicts")
    if terms.rule_version != RULE_VERSIONS[format_of(play)]:
        found.append("rule_version: unknown")
    if not isinstance(play.format, Ascending) and terms.closing.closes_at_us is None:
        found.append("closing: fixed_end_needed")
    if not isinstance(play.format, Ascending) and (terms.proxy or terms.closing.extension_us is not None):
        found.append("closing: nothing_extends_here")
    found += _clock_problems(terms, play) + _format_problems(play.format)
    return found + _opening_problems(play) + _priority_problems(play) + _round_problems(terms, play)


def is_sell_off(play: SessionTerms) -> bool:
    """Tell whether this is the sell-off after the last round: one price, the last start, for the first who takes it (变卖)."""
    rounds = play.rounds or RoundRules()
    return isinstance(play.format, Falling) and rounds.sell_off and play.round_no == rounds.rounds_max + 1


def _clock_problems(terms: Terms, play: SessionTerms) -> list[str]:
    clock = clock_of(play)
    if clock is None:
        return []
    lowest = clock.floor + (0 if is_sell_off(play) else 1)
    if (
        not 0 <= clock.floor <= lowest <= clock.start <= AMOUNT_MAX
        or clock.step <= 0
        or not 0 < clock.step_us <= DURATION_MAX
    ):
        return ["clock: out_of_range"]
    if steps_of(clock) > FALLS_MAX or runs_us(clock) > DURATION_MAX:
        return ["clock: too_many_steps"]
    found = [] if terms.reserve is None else ["reserve: the_floor_is_the_reserve"]
    if terms.closing.closes_at_us != terms.closing.opens_at_us + runs_us(clock):
        found.append("closing: not_the_end_of_the_clock")
    return found


def _format_problems(kind: Format) -> list[str]:
    match kind:
        case Falling(units=units):
            return [] if 1 <= units <= UNITS_MAX else ["units: out_of_range"]
        case Sealed(pricing=pricing, floor=floor, ceiling=ceiling):
            bounded = floor is not None or ceiling is not None
            if bounded and pricing is not SealedPricing.LOWEST:
                return ["ceiling: only_for_lowest"]
            return ["ceiling: below_floor"] if None not in (floor, ceiling) and ceiling < floor else []  # type: ignore[operator]
        case Hybrid(sealed_round_us=sealed_us, best_bid_us=best_us):
            return [] if 0 < sealed_us <= DURATION_MAX and 0 < best_us <= DURATION_MAX else ["hybrid: out_of_range"]
        case Weighted():
            return _weights_problems(kind)
        case Units(units=units, per_bidder_max=most):
            fits = 1 <= units <= UNITS_MAX and (most is None or 1 <= most <= units)
            return [] if fits else ["units: out_of_range"]
        case Packages(lots=lots, bids_each_max=most):
            names = {lot.name for lot in lots}
            fits = 2 <= len(lots) <= LOTS_MAX and len(names) == len(lots) and 1 <= most <= 100 and "" not in names
            return [] if fits else ["packages: two_to_twelve_named_lots"]
        case Ascending():
            return []


def _weights_problems(kind: Weighted) -> list[str]:
    found = []
    weights = [kind.price_weight, *(one.weight for one in kind.criteria)]
    if sum(weights) != 100 or any(not 0 < weight <= 100 for weight in weights):
        found.append("weights: sum_to_100")
    names = {one.name for one in kind.criteria}
    if not 1 <= len(kind.criteria) <= CRITERIA_MAX or len(names) != len(kind.criteria):
        found.append("criteria: one_to_twenty_named")
    if not 1 <= len(kind.assessors) <= ASSESSORS_MAX or len(set(kind.assessors)) != len(kind.assessors):
        found.append("assessors: one_to_fifteen_people")
    return found


def _opening_problems(play: SessionTerms) -> list[str]:
    opening = play.opening
    if opening is None:
        return ["opening: officers_needed"] if takes_envelopes(play) else []
    if not takes_envelopes(play):
        return ["opening: nothing_to_open"]
    people = (*opening.officers, opening.recovery)
    found = []
    if len({one.party for one in people}) != len(people) or len({one.key for one in people}) != len(people):
        found.append("opening: three_different_people")
    if not all(is_public_key(one.key) for one in people):
        found.append("opening: not_a_public_key")
    if not 0 < opening.due_us < opening.last_us <= DURATION_MAX:
        found.append("opening: times_out_of_range")
    return found


def _priority_problems(play: SessionTerms) -> list[str]:
    priority = play.priority
    if priority is None:
        return []
    found = []
    if not 1 <= len(priority.holders) <= HOLDERS_MAX or any(
        not 1 <= one.rank <= HOLDERS_MAX for one in priority.holders
    ):
        found.append("priority: holders_out_of_range")
    if len({one.party for one in priority.holders}) != len(priority.holders):
        found.append("priority: a_holder_twice")
    afterwards = priority.mode in (PriorityMode.ASKED_AT_TOP, PriorityMode.AFTERWARDS, PriorityMode.IN_WRITING)
    if afterwards != (0 < priority.window_us <= DURATION_MAX):
        found.append("priority: window")
    if priority.mode is PriorityMode.IN_ROOM and not isinstance(play.format, Ascending):
        found.append("priority: in_room_needs_open_bids")
    if isinstance(play.format, (Units, Packages)) or (isinstance(play.format, Falling) and play.format.units > 1):
        found.append("priority: one_unit_only")
    if not priority.notified.strip():
        found.append("priority: notification_needed")
    return found


def _round_problems(terms: Terms, play: SessionTerms) -> list[str]:
    rounds = play.rounds or RoundRules()
    found = []
    last = rounds.rounds_max + rounds.sell_off  # the sell-off follows the last round
    if not 1 <= play.round_no <= last or not 1 <= rounds.rounds_max <= 9 or not 0 <= rounds.cut_max_bps <= CUT_MAX_BPS:
        found.append("rounds: out_of_range")
    if (play.round_no > 1) != (play.previous_lot is not None):
        found.append("rounds: previous_lot")
    if play.previous_lot is not None and not is_lot_id(play.previous_lot):
        found.append("rounds: previous_lot_malformed")
    return found if terms.start_price >= 0 else [*found, "start_price: out_of_range"]
