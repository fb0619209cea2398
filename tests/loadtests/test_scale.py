"""What the measurement of scale computes from its runs."""

from __future__ import annotations

import msgspec

from loadtests.client.driver import Run
from loadtests.faults.ground import CLUSTER
from loadtests.scale.__main__ import FULL, PLAIN, SECTIONS, shape
from loadtests.scale.load import Spread

GOOD = Run(
    seconds=2.0, answers=200, all=230, sent=230, accepted=150, rejected=80, undecided=0, echoed=0, errors=0, strange=0, closed=0,
    gaps=0, first_error="", p50_us=1_000, p99_us=5_000, p999_us=9_000, max_us=9_500, codes={},
)  # fmt: skip


def test_several_clients_count_as_one_and_the_slowest_speaks_for_the_waits() -> None:
    both = Spread([GOOD, msgspec.structs.replace(GOOD, answers=100, p50_us=2_000, p99_us=4_000)])
    assert (both.rate, both.answers, both.p50_ms, both.p99_ms) == (150.0, 460, 2.0, 5.0)
    assert both.wrong() == []


def test_a_lost_answer_a_second_answer_and_a_closed_line_are_said() -> None:
    for wrong in ({"all": 229}, {"strange": 1}, {"closed": 1}, {"errors": 1, "first_error": "boom"}):
        assert len(Spread([GOOD, msgspec.structs.replace(GOOD, **wrong)]).wrong()) == 1


def test_measured_stacks_have_nothing_in_the_way() -> None:
    layouts = {layout for _, several in SECTIONS.values() for layout in several}
    assert {PLAIN, FULL, shape(1, 1), shape(2, 2)} <= layouts
    assert not any(layout.breakable for layout in layouts)
    assert (FULL.engines, FULL.gateways, FULL.clustered, FULL.standby) == (2, 2, True, True) and CLUSTER.breakable
