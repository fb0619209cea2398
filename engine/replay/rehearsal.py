"""Rehearsing a session: its terms are run with the real rules against simulated bidders, many times, to see how outcomes spread.

What bidders are taken to do is simple and said on the page (engine/replay/crowds.py).
"""

from __future__ import annotations

from random import Random
from typing import Final

from engine.replay.crowds import Crowd, act
from engine.replay.stage import Stage, party
from engine.rules.auction import commands as c

RUNS: Final = 200
BIDDERS_MAX: Final = 50


def rehearse_once(session: c.PublishSession, crowd: Crowd, run: int) -> int | None:
    """Return what one rehearsal brings, in fen; None without a sale. The same crowd and run give the same."""
    draw = Random(f"{crowd.seed} {run}")  # noqa: S311  # made-up bidders, nothing secret
    stage = Stage(session)
    for number in range(crowd.bidders):
        stage.send(c.AdmitBidder(bidder_id=party(number)), stage.published_at_us)
    act(stage, crowd, draw)
    stage.end()
    return stage.proceeds()
