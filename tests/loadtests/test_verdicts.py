"""What the long load tests call a failure."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loadtests.checker import Verdict
from loadtests.client.driver import Run
from loadtests.closing_rush import Outcome, Plan, read_told

KEPT = Verdict(told_accepted=8, told_rejected=2, rows=12, lots_ended=2, problems=[])
RUN = Run(
    seconds=1.0, answers=10, all=10, sent=10, accepted=8, rejected=2, undecided=0, echoed=0, errors=0, strange=0,
    closed=0, gaps=0, first_error="", p50_us=1.0, p99_us=2.0, p999_us=2.0, max_us=2.0, codes={"late": 2},
)  # fmt: skip
GOOD = Outcome(verdict=KEPT, runs=[RUN], lateness_ms=[10.0, 60.0], lots=2)


def test_a_good_rush_has_no_problems() -> None:
    assert GOOD.problems() == []
    assert "every promise kept" in GOOD.text()


@pytest.mark.parametrize(
    ("run", "outcome", "words"),
    [
        ({"all": 9}, {}, "1 bids were never answered"),
        ({"strange": 1}, {}, "1 bids were answered twice"),
        ({"codes": {"bid_below_minimum": 2}}, {}, "missed the closing instant"),
        ({"accepted": 0}, {}, "missed the closing instant"),
        ({}, {"lateness_ms": [51.0, 52.0]}, "announced 51.5 ms late"),
        ({}, {"lateness_ms": [1.0]}, "1 ends were announced"),
        ({}, {"verdict": msgspec.structs.replace(KEPT, problems=["a: lost"])}, "a: lost"),
    ],
)
def test_every_broken_promise_fails_the_rush(run: dict[str, object], outcome: dict[str, object], words: str) -> None:
    bad = msgspec.structs.replace(GOOD, runs=[msgspec.structs.replace(RUN, **run)])
    bad = msgspec.structs.replace(bad, **outcome)
    assert any(words in problem for problem in bad.problems())
    assert "verdict: FAILED" in bad.text()


def test_the_clients_log_is_read_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        '1 {"t":"accepted","id":"a-b","lot":"l","seq":4,"at_us":9,"digest":"d"}\n'
        '2 {"t":"rejected","id":"a-c","lot":"l","code":"busy","seq":null,"at_us":null,"digest":null}\n'
    )
    assert [(told.command_id, told.seq, told.accepted) for told in read_told(log)] == [("ab", 4, True)]


def test_the_plan_divides_bids_and_lots_over_the_waves() -> None:
    plan = Plan(bids=100_000, lots=40, waves=4, rate=12_500)
    assert plan.wave_s() == 2.0
    assert len({lot for wave in range(4) for lot in plan.lots_of(wave)}) == 40
