"""The stages of the other formats: the diagram in docs/RULES-FORMATS.md is what the rules do."""

from __future__ import annotations

import re
from pathlib import Path

from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.values import Amount, DurationUs, PartyId
from tests.engine.rules.formats.session import CLOCK, FormatSession
from tests.engine.rules.transcript import at

DOCUMENT = (Path(__file__).parents[4] / "docs" / "RULES-FORMATS.md").read_text(encoding="utf-8")
HYBRID = ft.Hybrid(clock=CLOCK, sealed_round_us=DurationUs(600_000_000), best_bid_us=DurationUs(300_000_000))
SEALED = ft.Sealed(pricing=ft.SealedPricing.FIRST)
ASKED = ft.PriorityTerms(
    mode=PriorityMode.AFTERWARDS,
    holders=(Holder(party="H", rank=1, ground="completer"),),
    window_us=DurationUs(10),
    notified="x",
)


class Watched(FormatSession):
    """A session that remembers its moves."""

    moves: set[tuple[str, str]]

    def _decide(self, command, at_us):
        before = None if self.state is None else self.state.phase.value
        decision = super()._decide(command, at_us)
        if self.state is not None and before not in (None, self.state.phase.value):
            MOVES.add((before, self.state.phase.value))
        return decision


MOVES: set[tuple[str, str]] = set()


def test_the_diagram_is_what_the_rules_do() -> None:
    MOVES.clear()
    falling = Watched(ft.Falling(clock=CLOCK), "A")
    falling.take("09:01", "A", 900)
    falling.reach(at("09:01"))
    for kind, bids in ((ft.Falling(clock=CLOCK), 0), (HYBRID, 0), (SEALED, 0), (SEALED, 1)):
        lot = Watched(kind, "A")
        if bids:
            lot.seal("09:30", "A", 500)
        lot.reach(at("6+10:00"))
    for priority in (None, ASKED):
        sold = Watched(SEALED, "A", priority=priority)
        sold.seal("09:30", "A", 500)
        sold.opened()
        sold.reach(at("11:00"))
    for challenged in (False, True):
        lot = Watched(HYBRID, "A", "B")
        lot.take("09:01", "A", 900)
        if challenged:
            lot.seal("09:05", "B", 990)
            lot.open("09:12", 0), lot.open("09:12", 1)
            lot.send(fc.PlaceBestBid(bidder_id=PartyId("A"), amount=Amount(1_000)), at("09:13"))
        lot.reach(at("10:00"))
    opened = Watched(ft.Ascending(), "A", "H", priority=ASKED, more={"start_price": Amount(100)})
    opened.bid("09:10", "A", 200)
    opened.reach(at("11:00"))
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", DOCUMENT, re.MULTILINE))
    assert drawn == {(before, after) for before, after in MOVES if before is not None}
