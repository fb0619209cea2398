"""Sessions of the other formats in test form: officers with keys, bidders who seal envelopes, clocks that fall."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

from engine.envelopes import context_of, open_box, public_text, read_envelope, seal
from engine.rules.auction.clearing.descending import Clock, runs_us
from engine.rules.auction.commands import AdmitBidder, PublishSession, Subject
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.play import Play
from engine.rules.auction.state import Decision, Rejected
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.values import Amount, DurationUs, InstantUs, PartyId
from tests.engine.rules.transcript import LOT, SELLER, Session, at

MINUTE_US = 60_000_000


@lru_cache
def officer_key(place: int) -> EllipticCurvePrivateKey:
    """The private key of an officer of the tests."""
    return derive_private_key(10_000 + place, SECP256R1())


def officer(place: int) -> ft.Officer:
    return ft.Officer(party=PartyId(f"officer-{place}"), key=public_text(officer_key(place)))


OPENING = ft.Opening(officers=(officer(0), officer(1)), recovery=officer(2))
CLOCK = Clock(start=Amount(1000), step=Amount(100), step_us=DurationUs(MINUTE_US), floor=Amount(500))


def session_terms(play: ft.SessionTerms, **more: Any) -> Terms:
    """Terms of a session from 09:00 to 10:00, or as long as its clock runs."""
    clock = ft.clock_of(play)
    closes_at_us = at("10:00") if clock is None else InstantUs(at("09:00") + runs_us(clock))
    closing: dict[str, Any] = {"opens_at_us": at("09:00"), "closes_at_us": closes_at_us, **more.pop("closing", {})}
    name = ft.format_of(play)
    given = {"increment": FixedIncrement(Amount(10)), "start_price": Amount(0), **more}
    return Terms(closing=Closing(**closing), format=name, rule_version=ft.RULE_VERSIONS[name], **given)


class FormatSession(Session):
    """One session of another format."""

    def __init__(self, kind: ft.Format, *bidders: str, more: dict[str, Any] | None = None, **around: Any) -> None:
        probe = ft.SessionTerms(format=kind)
        if ft.takes_envelopes(probe):
            around.setdefault("opening", OPENING)
        play = ft.SessionTerms(format=kind, **around)
        terms = session_terms(play, **(more or {}))
        self.state, self.events = None, []
        published_at_us = InstantUs(terms.closing.opens_at_us - 86_400_000_000)
        subject = Subject(title_zh="测", title_en="T")
        decision = self.send(PublishSession(terms=terms, play=play, subject=subject, seller_id=SELLER), published_at_us)
        self.published: Decision = decision
        for bidder in bidders:
            self.send(AdmitBidder(bidder_id=PartyId(bidder)), published_at_us)

    @property
    def play(self) -> Play:
        assert self.lot.play is not None
        return self.lot.play

    def code(self, bidder: str) -> str:
        return self.lot.codes[PartyId(bidder)]

    def party(self, code: str) -> str:
        return next(party for party, one in self.lot.codes.items() if one == code)

    def said(self, decision: Decision) -> str:
        """Return the code of a refusal, "" for yes."""
        return decision.code.value if isinstance(decision, Rejected) else ""

    def take(self, clock: str, bidder: str, shown: int, quantity: int = 1) -> str:
        wish = fc.TakePrice(bidder_id=PartyId(bidder), shown=Amount(shown), quantity=quantity)
        return self.said(self.send(wish, at(clock)))

    def envelope(self, bidder: str, content: Any, context: bytes | None = None) -> str:
        plain = content if isinstance(content, bytes) else json.dumps(content).encode()
        keys = [OPENING.officers[0].key, OPENING.officers[1].key, OPENING.recovery.key]
        return seal(plain, keys, context or context_of(LOT, self.code(bidder)), os.urandom)

    def seal(self, clock: str, bidder: str, amount: int, **more: Any) -> str:
        """Leave a sealed bid."""
        return self.submit(clock, bidder, self.envelope(bidder, {"amount": str(amount), **more}))

    def submit(self, clock: str, bidder: str, envelope: str) -> str:
        return self.said(self.send(fc.SubmitEnvelope(bidder_id=PartyId(bidder), envelope=envelope), at(clock)))

    def shares_of(self, place: int) -> dict[str, str]:
        """What an officer finds in his boxes."""
        found = {}
        for party, held in self.play.envelopes.items():
            code = self.lot.codes[party]
            share = open_box(read_envelope(held.envelope), place, officer_key(place), context_of(LOT, code))
            if share is not None:
                found[code] = share.hex()
        return found

    def open(self, clock: str, place: int, shares: dict[str, str] | None = None) -> str:
        """Let an officer (2: the supervisor) bring his shares."""
        self.reach(at(clock))
        brought = self.shares_of(place) if shares is None else shares
        wish = fc.ContributeShares(officer_id=PartyId(f"officer-{place}"), shares=brought)
        said = self.said(self.send(wish, at(clock)))
        self.reach(at(clock))
        return said

    def opened(self, clock: str = "10:01") -> str:
        """Let both officers open, and return the result."""
        assert (self.open(clock, 0), self.open(clock, 1)) == ("", "")
        return self.result()

    def result(self) -> str:
        """Return the state in words: `"sold A 900"`, `"passed no_bid"`, `"allocated A 2×90, B 1×80"`, or the phase."""
        lot = self.lot
        if lot.phase.value == "passed":
            assert lot.pass_reason is not None
            return f"passed {lot.pass_reason.value}"
        if lot.phase.value == "sold" and lot.winner is None:
            shares = (
                f"{one.bidder_id} {'+'.join(one.lots) or f'{one.quantity}×'}{' ' if one.lots else ''}{one.price}"
                for one in self.play.allocated
            )
            return "allocated " + ", ".join(shares)
        return f"sold {lot.winner} {lot.price}" if lot.phase.value == "sold" else lot.phase.value
