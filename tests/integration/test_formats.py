"""Sessions of other formats on the real engine: a take-over in the middle goes on, the log alone rebuilds them, verification understands."""

from __future__ import annotations

import asyncio

from engine.envelopes import context_of, open_box, read_envelope
from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.commands import AdmitBidder, PublishSession, Subject
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from tests.engine.rules.formats.session import OPENING, FormatSession, officer_key
from tests.integration.test_engine import SECOND, Desk, is_clean
from tests.integration.test_engine import desk as desk
from tests.time_travel import travel

CLOCK = Clock(start=Amount(1_000), step=Amount(100), step_us=DurationUs(3_600 * SECOND), floor=Amount(500))


async def publish(desk: Desk, lot: str, kind: ft.Format, *bidders: str) -> None:
    play = ft.SessionTerms(format=kind, opening=None if isinstance(kind, ft.Falling) else OPENING)
    now_us = desk.engine.clock.now_us()
    length_us = 6 * 3_600 * SECOND if isinstance(kind, ft.Falling) else 60 * SECOND
    name = ft.format_of(play)
    terms = Terms(
        closing=Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + length_us)),
        increment=FixedIncrement(Amount(10)), start_price=Amount(0), format=name, rule_version=ft.RULE_VERSIONS[name],
    )  # fmt: skip
    subject = Subject(title_zh="测", title_en="T")
    receipt = await desk.say(lot, PublishSession(terms=terms, play=play, subject=subject, seller_id=PartyId("s")))
    assert receipt.code is None, receipt
    for bidder in bidders:
        await desk.say(lot, AdmitBidder(bidder_id=PartyId(bidder)))


async def reached(desk: Desk, lot: str, phase: str) -> LotState:
    async with asyncio.timeout(30):
        while (state := desk.engine.state(LotId(lot))) is None or state.phase.value != phase:
            await asyncio.sleep(0.01)
    return state


async def taken_over(desk: Desk) -> Desk:
    """Let another engine take over without a word from the first; both live at the same time of the test's clock."""
    second = Desk(desk.dsn)
    second.engine.clock._offset_us = desk.engine.clock._offset_us
    await second.engine.start()
    await desk.engine.stop()
    return second


def envelope(state: LotState, bidder: str, amount: int, **more: object) -> fc.SubmitEnvelope:
    session = FormatSession.__new__(FormatSession)
    session.state = state
    content = {"amount": str(amount), **more}
    sealed = session.envelope(bidder, content, context_of(state.lot_id, state.codes[PartyId(bidder)]))
    return fc.SubmitEnvelope(bidder_id=PartyId(bidder), envelope=sealed)


def shares(state: LotState, place: int) -> fc.ContributeShares:
    assert state.play is not None
    found = {}
    for party, held in state.play.envelopes.items():
        code = state.codes[party]
        share = open_box(read_envelope(held.envelope), place, officer_key(place), context_of(state.lot_id, code))
        assert share is not None
        found[code] = share.hex()
    return fc.ContributeShares(officer_id=PartyId(f"officer-{place}"), shares=found)


async def test_a_falling_session_goes_on_after_a_take_over(desk: Desk) -> None:
    await publish(desk, "fall", ft.Falling(clock=CLOCK), "A")
    await reached(desk, "fall", "open")
    second = await taken_over(desk)
    await reached(second, "fall", "open")
    receipt = await second.say("fall", fc.TakePrice(bidder_id=PartyId("A"), shown=Amount(1_000)), "A")
    assert receipt.code is None, receipt
    assert (await reached(second, "fall", "sold")).price == 1_000
    await second.engine.stop()
    assert await is_clean(second.dsn)


async def test_a_sealed_round_is_taken_over_at_every_stage_and_opened_at_last(desk: Desk) -> None:
    await publish(desk, "seats", ft.Units(units=3, pricing=Pricing.PAY_AS_BID), "A", "B")
    state = await reached(desk, "seats", "open")
    for bidder, amount, quantity in (("A", 900, 2), ("B", 800, 2)):
        state = desk.engine.state(LotId("seats")) or state
        receipt = await desk.say("seats", envelope(state, bidder, amount, quantity=quantity), bidder)
        assert receipt.code is None, receipt
    desk = await taken_over(desk)
    state = await reached(desk, "seats", "open")
    assert state.closes_at_us is not None
    await travel(desk.engine, state.closes_at_us)
    state = await reached(desk, "seats", "closed")
    for place in (0, 1):
        desk = await taken_over(desk)
        state = await reached(desk, "seats", "closed")
        receipt = await desk.say("seats", shares(state, place), f"officer-{place}")
        assert receipt.code is None, receipt
    state = await reached(desk, "seats", "sold")
    assert state.play is not None
    assert [(one.bidder_id, one.quantity, one.price) for one in state.play.allocated] == [("A", 2, 900), ("B", 1, 800)]
    await desk.engine.stop()
    assert await is_clean(desk.dsn)
