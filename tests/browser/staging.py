"""Sessions of every format brought to the stage that a picture or a test wants to see: real commands in a running market."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

from engine.envelopes import context_of, open_box, public_text, read_envelope, seal
from engine.rules.auction import commands as c
from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.clearing.weighted import Criterion
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.sealing import closed_codes
from engine.rules.auction.state import LotState
from engine.values import Amount, DurationUs, LotId
from gateway.accounts.model import Role
from tests.browser.conftest import SECOND, LiveMarket
from tests.time_travel import travel

WAIT_S = 60
OFFICERS = (("opener1", Role.OPERATOR), ("opener2", Role.SUPERVISOR), ("opener3", Role.SUPERVISOR))
ASSESSORS = ("assessor1", "assessor2", "assessor3")
SLOW = Clock(
    start=Amount(5_000_000_00), step=Amount(50_000_00), step_us=DurationUs(600 * SECOND), floor=Amount(4_000_000_00)
)
QUICK = Clock(
    start=Amount(5_000_000_00), step=Amount(500_000_00), step_us=DurationUs(SECOND), floor=Amount(4_000_000_00)
)
CRITERIA = (Criterion(name="技术路线", weight=25), Criterion(name="团队", weight=15))
LOTS = (
    ft.PackageLot(name="A", title_zh="快繁培养基专利", title_en="Culture medium patent", reserve=Amount(300_000_00)),
    ft.PackageLot(name="B", title_zh="移栽装置专利", title_en="Transplanting device patent"),
    ft.PackageLot(name="C", title_zh="品种权", title_en="Plant variety right"),
)  # fmt: skip


@lru_cache
def officer_key(place: int) -> EllipticCurvePrivateKey:
    return derive_private_key(50_000 + place, SECP256R1())


@dataclass
class Staged:
    """One session in a running market."""

    market: LiveMarket
    lot: str

    @property
    def state(self) -> LotState:
        state = self.market.services.engine.state(LotId(self.lot))
        assert state is not None
        return state

    def until(self, *phases: str) -> Staged:
        """Wait for a phase that the engine reaches by itself."""
        return self.wait(lambda: self.state.phase.value in phases)

    def wait(self, holds: Callable[[], bool]) -> Staged:
        until = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < until, f"it stays {self.state.phase}"
            time.sleep(0.02)
        return self

    def pass_stage(self) -> Staged:
        """Put the market's clock forward to the end of the stage that runs."""
        ends_us = next_deadline(self.state)
        assert ends_us is not None
        self.market.do(travel(self.market.services.engine, ends_us))
        return self

    def say(self, command: c.Command, login: str = "test") -> Staged:
        receipt = self.market.say(self.lot, command, login)
        assert receipt.code is None, receipt
        return self

    def take(self, login: str, quantity: int = 1) -> Staged:
        shown = Amount(9_000_000_00)
        return self.say(fc.TakePrice(bidder_id=self.market.account(login).id, shown=shown, quantity=quantity), login)

    def seal(self, login: str, yuan: int, **more: Any) -> Staged:
        """Leave a sealed bid."""
        assert self.state.play is not None and self.state.play.terms.opening is not None
        opening, party = self.state.play.terms.opening, self.market.account(login).id
        keys = [*(one.key for one in opening.officers), opening.recovery.key]
        plain = json.dumps({"amount": str(yuan * 100), **more}).encode()
        envelope = seal(plain, keys, context_of(self.lot, self.state.codes[party]), os.urandom)
        return self.say(fc.SubmitEnvelope(bidder_id=party, envelope=envelope), login)

    def score(self, done: tuple[str, ...] = ()) -> Staged:
        """Let every assessor score every plan, but those who have done it."""
        for number, login in enumerate(one for one in ASSESSORS if one not in done):
            codes = closed_codes(self.state)
            scores = {
                code: {one.name: 60 + (7 * number + 11 * place) % 40 for one in CRITERIA}
                for place, code in enumerate(codes)
            }
            self.say(fc.GiveScores(assessor_id=self.market.account(login, Role.BIDDER).id, scores=scores), login)
        return self

    def bring(self, place: int) -> Staged:
        """Let one of those who open bring his shares."""
        assert self.state.play is not None
        shares = {}
        for party, held in self.state.play.envelopes.items():
            code = self.state.codes[party]
            share = open_box(read_envelope(held.envelope), place, officer_key(place), context_of(self.lot, code))
            assert share is not None
            shares[code] = share.hex()
        login, role = OFFICERS[place]
        return self.say(fc.ContributeShares(officer_id=self.market.account(login, role).id, shares=shares), login)

    def open(self) -> Staged:
        return self.bring(0).bring(1)


def stage(market: LiveMarket, kind: ft.Format, *bidders: str, lasts_s: float = 3_600, **around: Any) -> Staged:
    """Publish a session that is open now."""
    if ft.takes_envelopes(ft.SessionTerms(format=kind)):
        around.setdefault("opening", opening(market))
    return Staged(market, market.open_session(kind, *bidders, lasts_s=lasts_s, **around))


def opening(market: LiveMarket, due_s: int = 1_800) -> ft.Opening:
    people = [
        ft.Officer(party=market.account(login, role).id, key=public_text(officer_key(place)))
        for place, (login, role) in enumerate(OFFICERS)
    ]
    return ft.Opening(officers=(people[0], people[1]), recovery=people[2], due_us=DurationUs(due_s * SECOND))


def rights(market: LiveMarket, mode: PriorityMode, *holders: str) -> ft.PriorityTerms:
    afterwards = mode not in (PriorityMode.IN_ROOM, PriorityMode.AS_BIDDER)
    return ft.PriorityTerms(
        mode=mode,
        holders=tuple(
            Holder(party=market.account(login).id, rank=rank, ground="completer")
            for rank, login in enumerate(holders, start=1)
        ),
        window_us=DurationUs(3_600 * SECOND if afterwards else 0),
        notified="2026-11-01 书面通知",
    )


def weighted(market: LiveMarket) -> ft.Weighted:
    assessors = tuple(market.account(login, Role.BIDDER).id for login in ASSESSORS)
    return ft.Weighted(price_weight=60, criteria=CRITERIA, assessors=assessors)


def hybrid(clock: Clock = SLOW, sealed_s: int = 1_800, best_s: int = 900) -> ft.Hybrid:
    return ft.Hybrid(
        clock=clock, sealed_round_us=DurationUs(sealed_s * SECOND), best_bid_us=DurationUs(best_s * SECOND)
    )


FIRST = ft.Sealed(pricing=ft.SealedPricing.FIRST, replaceable=True)
SECOND_PRICE = ft.Sealed(pricing=ft.SealedPricing.SECOND)
LOWEST = ft.Sealed(pricing=ft.SealedPricing.LOWEST, ceiling=Amount(600_000_00), floor=Amount(200_000_00))
SEATS = ft.Units(units=6, pricing=Pricing.LOWEST_ACCEPTED, per_bidder_max=4)
PACKAGES = ft.Packages(lots=LOTS)
