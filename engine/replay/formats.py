"""Recorded sessions of other formats: their terms, and the envelopes that a recording's bidders would have sent.

The officers of a replay are made up with it, their keys and all randomness follow from the lot's name: a replay gives the same
bytes, and draws ties in the same way, whenever it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from engine.envelopes import context_of, open_box, private_key, public_text, read_envelope, seal
from engine.replay.errors import BadLine
from engine.replay.terms import MS_US, LotLine, amount_of, common_terms, optional_amount, units_of
from engine.rules.auction.clearing.descending import Clock, runs_us
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.sealed import Tie
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.commands import ContributeShares
from engine.rules.auction.formats.sealing import Content, Part
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Reserve, Terms
from engine.values import Amount, Currency, DurationUs, InstantUs, PartyId

SEALED: Final = {
    "sealed_first": ft.SealedPricing.FIRST,
    "sealed_second": ft.SealedPricing.SECOND,
    "sealed_lowest": ft.SealedPricing.LOWEST,
}
UNITS: Final = {"multi_pay_as_bid": Pricing.PAY_AS_BID, "multi_uniform": Pricing.LOWEST_ACCEPTED}
FORMATS: Final = ("english", "dutch", *SEALED, *UNITS)


def session_of(line: LotLine, currency: Currency) -> tuple[Terms, ft.SessionTerms | None]:
    """Return the terms of a recorded lot and, for other formats than `english`, those of its format.

    Raises:
        BadLine: no session can be held under what the line says.
    """
    terms = common_terms(line, currency)
    if line.format == "english":
        return terms, None
    play = _play_of(line, currency)
    clock = ft.clock_of(play)
    closing = terms.closing
    if clock is not None:
        closes_at_us = InstantUs(closing.opens_at_us + runs_us(clock))
        closing = msgspec.structs.replace(closing, closes_at_us=closes_at_us)
    name = ft.format_of(play)
    reserve = optional_amount(line.reserve, currency) if line.format != "sealed_lowest" else None
    terms = msgspec.structs.replace(
        terms,
        closing=closing,
        format=name,
        rule_version=ft.RULE_VERSIONS[name],
        reserve=Reserve(reserve, bool(line.reserve_public)) if reserve else None,
    )
    problems = ft.session_problems(terms, play)
    if problems:
        raise BadLine(f"no session can be held under these terms: {'; '.join(problems)}")
    return terms, play


def _play_of(line: LotLine, currency: Currency) -> ft.SessionTerms:
    if line.format == "dutch":
        if line.step is None or line.step_ms is None:
            raise BadLine("a falling price needs step and step_ms")
        clock = Clock(
            start=amount_of(line.start, currency),
            step=amount_of(line.step, currency),
            step_us=DurationUs(line.step_ms * MS_US),
            floor=optional_amount(line.floor, currency) or Amount(0),
        )
        return ft.SessionTerms(format=ft.Falling(clock=clock, units=units_of(line.quantity)))
    kind: ft.Format
    if line.format in SEALED:
        lowest = line.format == "sealed_lowest"
        kind = ft.Sealed(
            pricing=SEALED[line.format],
            tie=Tie(line.tie or "earliest"),
            replaceable=True,
            ceiling=optional_amount(line.reserve, currency) if lowest else None,
            floor=optional_amount(line.floor, currency) if lowest else None,
        )
    else:
        kind = ft.Units(units=units_of(line.quantity), pricing=UNITS[line.format], replaceable=True)
    first, second, recovery = (
        ft.Officer(party=PartyId(f"replay officer {place}"), key=public_text(officer_key(line.lot, place)))
        for place in range(3)
    )
    return ft.SessionTerms(format=kind, opening=ft.Opening(officers=(first, second), recovery=recovery))


def officer_key(lot: str, place: int) -> EllipticCurvePrivateKey:
    """Return the key of a made-up officer."""
    return private_key(stream_of(f"officer {place} of {lot}"))


def stream_of(seed: str) -> Callable[[int], bytes]:
    """Return a source of bytes that follow from a text."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        count += 1
        return (sha256(f"{seed}\n{count}".encode()).digest() * (length // 32 + 1))[:length]

    return draw


def envelope_of(
    state: LotState, bidder: PartyId, amount: Amount, quantity: int, number: int, parts: tuple[Part, ...] = ()
) -> str:
    """Return the envelope of a recorded bid; `number` makes it another than the bidder's earlier ones."""
    assert state.play is not None and state.play.terms.opening is not None
    opening = state.play.terms.opening
    plain = msgspec.json.encode(Content(amount=str(amount), quantity=quantity, parts=parts))
    keys = [*(one.key for one in opening.officers), opening.recovery.key]
    return seal(plain, keys, context_of(state.lot_id, state.codes[bidder]), stream_of(f"{state.lot_id} {number}"))


def shares_of(state: LotState, lot: str, place: int) -> ContributeShares:
    """Return what a made-up officer brings to the opening."""
    assert state.play is not None
    shares = {}
    key = officer_key(lot, place)
    for party, held in state.play.envelopes.items():
        code = state.codes[party]
        share = open_box(read_envelope(held.envelope), place, key, context_of(state.lot_id, code))
        assert share is not None, "a replay's own envelope opens"
        shares[code] = share.hex()
    return ContributeShares(officer_id=PartyId(f"replay officer {place}"), shares=shares)
