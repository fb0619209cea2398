"""Sessions of the other formats as the simulated market holds them: drawn terms, and the people with their weaknesses."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

from engine.envelopes import public_text
from engine.rules.auction.clearing.descending import Clock, runs_us
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.clearing.sealed import Tie
from engine.rules.auction.clearing.weighted import Criterion
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.terms import Closing, ExtensionFrom, FixedIncrement, Reserve, Terms
from engine.values import Amount, DurationUs, InstantUs, PartyId

KINDS: Final = (
    "ascending",
    "falling",
    "falling_units",
    "first",
    "second",
    "lowest",
    "hybrid",
    "weighted",
    "units",
    "packages",
)
SECOND: Final = 1_000_000
AMOUNTS: Final = tuple(Amount(341_234_567 + 10_000_000 * n) for n in range(14))
"""What sealed bids offer: few, so that ties are common; no public number has such digits, so that a leak is seen in plain text."""
STEP: Final = Amount(10_000_000)
START: Final = Amount(350_000_000)
ASSESSORS: Final = tuple(PartyId(f"assessor-{n}") for n in range(5))


@lru_cache
def officer_key(place: int) -> EllipticCurvePrivateKey:
    """The private key of one of the three people who open."""
    return derive_private_key(70_000 + place, SECP256R1())


@lru_cache
def officer(place: int) -> ft.Officer:
    return ft.Officer(party=PartyId(f"officer-{place}"), key=public_text(officer_key(place)))


@dataclass(frozen=True)
class Cast:
    """The people of one session and what they are like."""

    bidders: tuple[PartyId, ...]
    holders: tuple[PartyId, ...]
    officers: tuple[str, str, str]
    """`punctual`, `late` (after the due time), `absent`, or `forger` (brings a false share)."""


def draw_cast(chance: random.Random, name: str) -> Cast:
    """Draw the people."""
    bidders = tuple(PartyId(f"{name}-{n}") for n in range(chance.randrange(2, 7)))
    holders = tuple(chance.sample(bidders, min(len(bidders), chance.randrange(1, 4))))
    manner = [chance.choices(["punctual", "late", "absent", "forger"], [14, 2, 1, 2])[0] for _ in range(3)]
    return Cast(bidders, holders, (manner[0], manner[1], manner[2]))


def draw_session(chance: random.Random, kind: str, now_us: int, cast: Cast) -> tuple[Terms, ft.SessionTerms]:
    """Draw terms under which a session of this kind lasts about a minute at most."""
    form = _format(chance, kind)
    sealed = ft.takes_envelopes(ft.SessionTerms(format=form))
    play = ft.SessionTerms(
        format=form,
        opening=_opening(chance) if sealed else None,
        priority=_priority(chance, form, cast),
        rounds=None,
    )
    return _terms(chance, play, now_us), play


def _format(chance: random.Random, kind: str) -> ft.Format:
    replaceable = chance.random() < 0.5
    match kind:
        case "ascending":
            return ft.Ascending()
        case "falling" | "falling_units":
            units = 1 if kind == "falling" else chance.randrange(2, 6)
            return ft.Falling(clock=_clock(chance), units=units, secret_floor=chance.random() < 0.5)
        case "first" | "second":
            pricing = ft.SealedPricing.FIRST if kind == "first" else ft.SealedPricing.SECOND
            return ft.Sealed(pricing=pricing, tie=chance.choice(list(Tie)), replaceable=replaceable)
        case "lowest":
            ceiling = chance.choice([None, Amount(440_000_000)])
            floor = chance.choice([None, Amount(360_000_000)])
            tie = chance.choice(list(Tie))
            return ft.Sealed(
                pricing=ft.SealedPricing.LOWEST, tie=tie, replaceable=replaceable, ceiling=ceiling, floor=floor
            )
        case "hybrid":
            return ft.Hybrid(
                clock=_clock(chance),
                sealed_round_us=DurationUs(chance.randrange(3, 7) * SECOND),
                best_bid_us=DurationUs(chance.randrange(2, 5) * SECOND),
                secret_floor=chance.random() < 0.5,
            )
        case "weighted":
            criteria = (Criterion(name="plan", weight=40), Criterion(name="team", weight=20))
            assessors = ASSESSORS[: chance.choice([1, 3, 5])]
            return ft.Weighted(price_weight=40, criteria=criteria, assessors=assessors, replaceable=replaceable)
        case "units":
            units = chance.randrange(2, 7)
            most = chance.choice([None, 2])
            return ft.Units(
                units=units, pricing=chance.choice(list(Pricing)), per_bidder_max=most, replaceable=replaceable
            )
        case _:
            lots = tuple(
                ft.PackageLot(name=name, title_zh=name, title_en=name, reserve=chance.choice([None, START]))
                for name in "wxyz"[: chance.randrange(2, 5)]
            )
            return ft.Packages(lots=lots, replaceable=replaceable, bids_each_max=3)


def _clock(chance: random.Random) -> Clock:
    return Clock(
        start=Amount(500_000_000),
        step=Amount(chance.choice([20_000_000, 30_000_000])),
        step_us=DurationUs(chance.choice([SECOND // 2, SECOND])),
        floor=Amount(300_000_000),
    )


def _opening(chance: random.Random) -> ft.Opening:
    return ft.Opening(
        officers=(officer(0), officer(1)),
        recovery=officer(2),
        due_us=DurationUs(3 * SECOND),
        last_us=DurationUs(chance.choice([7, 10]) * SECOND),
    )


def _priority(chance: random.Random, form: ft.Format, cast: Cast) -> ft.PriorityTerms | None:
    several = isinstance(form, (ft.Units, ft.Packages)) or (isinstance(form, ft.Falling) and form.units > 1)
    if several or (not isinstance(form, ft.Ascending) and chance.random() < 0.5):
        return None
    modes = [one for one in PriorityMode if one is not PriorityMode.IN_ROOM or isinstance(form, ft.Ascending)]
    mode = chance.choice(modes)
    afterwards = mode not in (PriorityMode.IN_ROOM, PriorityMode.AS_BIDDER)
    return ft.PriorityTerms(
        mode=mode,
        holders=tuple(Holder(party=one, rank=chance.randrange(1, 3), ground="completer") for one in cast.holders),
        window_us=DurationUs(3 * SECOND if afterwards else 0),
        notified="by letter, thirty days before",
    )


def _terms(chance: random.Random, play: ft.SessionTerms, now_us: int) -> Terms:
    opens_at_us = InstantUs(now_us + chance.choice([1, 2, 3]) * SECOND)
    clock, ascending = ft.clock_of(play), isinstance(play.format, ft.Ascending)
    length_us = chance.randrange(5, 11) * SECOND if clock is None else runs_us(clock)
    closing = Closing(
        opens_at_us=opens_at_us,
        closes_at_us=InstantUs(opens_at_us + length_us),
        extension_us=DurationUs(2 * SECOND) if ascending else None,
        extension_from=chance.choice(list(ExtensionFrom)),
        hard_end_us=InstantUs(opens_at_us + 30 * SECOND) if ascending else None,
    )
    reserve = None if clock is not None else chance.choice([None, Reserve(Amount(370_000_000), public=False)])
    name = ft.format_of(play)
    return Terms(
        closing=closing,
        increment=FixedIncrement(STEP),
        start_price=Amount(0) if clock is not None else START,
        reserve=reserve,
        format=name,
        rule_version=ft.RULE_VERSIONS[name],
        resume_notice_us=DurationUs(SECOND),
        outage_shift_max_us=DurationUs(20 * SECOND),
    )
