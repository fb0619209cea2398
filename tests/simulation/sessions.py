"""One session of another format, acted out: bidders, officers, assessors, holders and an operator who all make mistakes."""

from __future__ import annotations

import asyncio
import json
import random
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from engine.envelopes import Envelope, context_of, open_box, private_key, public_text, read_envelope, seal
from engine.rules.auction import commands as c
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.falling import standing_price
from engine.rules.auction.formats.play import Play
from engine.rules.auction.formats.results import is_challenged
from engine.rules.auction.formats.sealing import sealed_phase
from engine.rules.auction.state import LotState, Phase
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from tests.simulation import formats
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.witness import Truth

if TYPE_CHECKING:
    from tests.simulation.market import Market

SUBJECT = c.Subject(title_zh="模拟", title_en="Simulated")
SECOND, STEP = formats.SECOND, formats.STEP


class Stage:
    """Holds one session from its publication to its end."""

    def __init__(self, market: Market, lot_id: LotId, kind: str) -> None:
        self.market = market
        self.lot_id = lot_id
        self.kind = kind
        self.chance = random.Random(market.chance.getrandbits(64))
        self.cast = formats.draw_cast(self.chance, lot_id)
        self.sealed: dict[PartyId, str] = {}
        """The envelope that each bidder made last."""

    @property
    def state(self) -> LotState | None:
        return self.market.watcher.states.get(self.lot_id)

    async def hold(self) -> None:
        """Publish, admit, let everybody act, and return when it has ended."""
        terms, play = formats.draw_session(self.chance, self.kind, VirtualClock().now_us(), self.cast)
        published = c.PublishSession(terms=terms, play=play, subject=SUBJECT, seller_id=PartyId("seller"))
        await self.send(published, "operator")
        if self.state is None:
            return  # it came too late for its own terms and was refused
        for party in self.cast.bidders:
            await self.send(c.AdmitBidder(bidder_id=party), "operator")
        loop = asyncio.get_running_loop()
        people = [loop.create_task(self._bidder(party)) for party in (*self.cast.bidders, PartyId("stranger"))]
        people += [loop.create_task(self._officer(place)) for place in range(3)]
        people += [loop.create_task(self._assessor(party)) for party in formats.ASSESSORS]
        people.append(loop.create_task(self._operator()))
        try:
            await self._until_ended()
        finally:
            for person in people:
                person.cancel()

    def send(self, command: c.Command, actor: str) -> asyncio.Future[None]:
        self.market.outcome.sent += 1
        return self.market.send(self.lot_id, command, actor)

    async def _until_ended(self) -> None:
        while (state := self.state) is None or not state.phase.is_final:
            await asyncio.sleep(0.3)
            if state is not None and state.phase.is_halted and state.resumes_at_us is None:
                resumes_at_us = InstantUs(VirtualClock().now_us() + 2_500_000)
                await self.send(c.ResumeLot(reason="notice given", resumes_at_us=resumes_at_us), "operator")

    # Bidders and holders.

    async def _bidder(self, party: PartyId) -> None:
        worth = self.chance.choice(formats.AMOUNTS)
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / 1.2))
            state = self.state
            wish = None if state is None or state.play is None else self._wish(party, worth, state, state.play)
            if wish is not None:
                answered = self.send(wish, party)
                if self.chance.random() < 0.7:
                    await answered

    def _wish(self, party: PartyId, worth: Amount, state: LotState, play: Play) -> c.Command | None:
        chance = self.chance
        if state.phase is Phase.PRIORITY:
            return self._right(party, state)
        if state.phase is Phase.BEST_BID and (party == play.takings[0].bidder_id or chance.random() < 0.05):
            least = is_challenged(state, play.bids) or Amount(0)
            return fc.PlaceBestBid(bidder_id=party, amount=Amount(least + chance.choice([-STEP, 0, 0, STEP])))
        if isinstance(play.terms.format, ft.Ascending) or chance.random() < 0.02:
            return self._open_bid(party, worth, state)
        if state.phase is Phase.OPEN and ft.clock_of(play.terms) is not None:
            return self._take(party, worth, state, play)
        takes = ft.takes_envelopes(play.terms)
        open_for = state.phase is sealed_phase(state) or chance.random() < 0.02
        if takes and party in state.codes and open_for and (party not in play.envelopes or chance.random() < 0.15):
            envelope = self._envelope(party, state, play)
            return fc.SubmitEnvelope(bidder_id=party, envelope=envelope)
        return None

    def _right(self, party: PartyId, state: LotState) -> c.Command | None:
        price = state.price or Amount(0)
        manner = self.chance.random()
        if manner < 0.5:
            return fc.ExercisePriority(bidder_id=party, price=price)
        if manner < 0.6:
            return fc.WaivePriority(bidder_id=party)
        return fc.ExercisePriority(bidder_id=party, price=Amount(price - 1)) if manner < 0.65 else None

    def _open_bid(self, party: PartyId, worth: Amount, state: LotState) -> c.Command | None:
        if state.price is not None and party in self.cast.holders and self.chance.random() < 0.6:
            return c.PlaceBid(bidder_id=party, amount=state.price)
        next_price = formats.START if state.price is None else Amount(state.price + STEP)
        return c.PlaceBid(bidder_id=party, amount=next_price) if next_price <= worth + STEP * 3 else None

    def _take(self, party: PartyId, worth: Amount, state: LotState, play: Play) -> c.Command | None:
        price = standing_price(state, VirtualClock().now_us())
        if price is None or (price > worth and self.chance.random() < 0.97):
            return None
        shown = Amount(price + self.chance.choice([0, 0, 0, 20_000_000, -20_000_000]))
        kind = play.terms.format
        most = kind.units if isinstance(kind, ft.Falling) else 1
        quantity = self.chance.randrange(1, min(3, most) + 1) if self.chance.random() < 0.9 else most + 1
        return fc.TakePrice(bidder_id=party, shown=shown, quantity=quantity)

    def _envelope(self, party: PartyId, state: LotState, play: Play) -> str:
        """Make an envelope, now and then one with a fault, and tell the witness what is in it."""
        manner = self.chance.random()
        others = [text for other, text in self.sealed.items() if other != party]
        if manner < 0.03:
            return "no envelope"
        if manner < 0.06 and others:
            return self.chance.choice(others)  # copied from somebody: it opens for nobody else
        opening = play.terms.opening
        assert opening is not None
        code = state.codes[party]
        keys = [*(one.key for one in opening.officers), opening.recovery.key]
        lost = [place for place in range(3) if self.chance.random() < 0.05]
        for place in lost:
            keys[place] = public_text(private_key(self.chance.randbytes))
        content = self._content(play.terms.format)
        plain = b"not a bid" if manner < 0.10 else json.dumps(content).encode()
        context = context_of(self.lot_id, code)
        envelope = seal(plain, keys, context, self.chance.randbytes)
        opens = True
        if 0.10 <= manner < 0.13:  # damaged on the way: the shares are good, the content is not
            parts = msgspec.json.decode(envelope, type=Envelope)
            envelope = msgspec.json.encode(replace(parts, sealed="AAAA" + parts.sealed[4:])).decode()
            opens = False
        truth = Truth(code=code, content=content if manner >= 0.10 else None, opens=opens, lost=tuple(lost))
        self.market.watcher.witness.sealed[sha256(envelope.encode()).hexdigest()] = truth
        self.sealed[party] = envelope
        return envelope

    def _content(self, kind: ft.Format) -> dict[str, Any]:
        chance = self.chance
        amount = str(chance.choice(formats.AMOUNTS))
        match kind:
            case ft.Units():
                quantity = chance.randrange(1, (kind.per_bidder_max or kind.units) + 1)
                return {"amount": amount, "quantity": quantity, "partly": chance.random() < 0.7}
            case ft.Packages():
                names = [one.name for one in kind.lots]
                parts = [self._part(names) for _ in range(chance.randrange(1, 3))]
                return {"amount": str(max(int(part["amount"]) for part in parts)), "parts": parts}
            case _:
                return {"amount": amount}

    def _part(self, names: list[str]) -> dict[str, Any]:
        lots = sorted(self.chance.sample(names, self.chance.randrange(1, len(names) + 1)))
        amount = self.chance.choice(formats.AMOUNTS) * len(lots)
        return {"lots": lots, "amount": str(amount), "group": self.chance.choice(["", "g"])}

    # Those who open, score, and hold the session.

    async def _officer(self, place: int) -> None:
        manner = self.cast.officers[place]
        while manner != "absent":
            await asyncio.sleep(self.chance.expovariate(1 / 1.0))
            state = self.state
            if state is None or state.play is None or state.phase is not Phase.CLOSED or state.play.opened:
                continue
            if manner == "late" and not state.play.late:
                continue
            shares = self._shares(state, state.play, place)
            if manner == "forger" and shares:
                shares[self.chance.choice(sorted(shares))] = self.chance.randbytes(32).hex()
            await self.send(fc.ContributeShares(officer_id=PartyId(f"officer-{place}"), shares=shares), f"o{place}")

    def _shares(self, state: LotState, play: Play, place: int) -> dict[str, str]:
        found = {}
        for party, held in play.envelopes.items():
            code = state.codes[party]
            context = context_of(self.lot_id, code)
            share = open_box(read_envelope(held.envelope), place, formats.officer_key(place), context)
            if share is not None:
                found[code] = share.hex()
        return found

    async def _assessor(self, party: PartyId) -> None:
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / 0.5))
            state = self.state
            if state is None or state.play is None or state.phase is not Phase.CLOSED:
                continue
            kind = state.play.terms.format
            if not isinstance(kind, ft.Weighted) or party in state.play.scores:
                continue
            codes = [state.codes[one] for one in state.play.envelopes]
            codes = codes if self.chance.random() < 0.9 else codes[1:]
            scores = {code: {one.name: self.chance.randrange(0, 101) for one in kind.criteria} for code in codes}
            await self.send(fc.GiveScores(assessor_id=party, scores=scores), party)

    async def _operator(self) -> None:
        """Now and then exclude somebody, give more time, halt, void, or refuse a bid of a procurement."""
        chance = self.chance
        while True:
            await asyncio.sleep(chance.expovariate(1 / 3.0))
            state = self.state
            if state is None or state.play is None or state.phase is Phase.SCHEDULED or state.phase.is_halted:
                continue
            manner = chance.random()
            if manner < 0.1 or (state.phase is Phase.PRIORITY and manner < 0.4):
                would_buy = state.leader if state.phase is Phase.PRIORITY else None
                party = would_buy or chance.choice(self.cast.bidders)
                await self.send(fc.ExcludeBidder(bidder_id=party, reason="collusion"), "operator")
            elif manner < 0.12:
                await self.send(c.VoidLot(reason="void"), "operator")
            elif state.phase is Phase.CLOSED and state.play.envelopes:
                code = state.codes[chance.choice(sorted(state.play.envelopes))]
                await self.send(fc.RefuseBid(code=code, reason="no licence for the works"), "operator")
            elif manner < 0.2:
                await self.send(fc.ExtendLot(by_us=DurationUs(SECOND), reason="more time"), "operator")
            elif manner < 0.3:
                await self.send(c.PauseLot(reason="a question"), "operator")
                await asyncio.sleep(chance.uniform(0.2, 2.0))
                await self.send(c.ResumeLot(reason="answered"), "operator")
