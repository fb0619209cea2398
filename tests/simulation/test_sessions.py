"""Every other format under crashes, lost answers, repeated messages and two owners, against naive oracles; and planted bugs."""

from __future__ import annotations

import logging
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest

from engine.rules import visibility
from engine.rules.auction.clearing.descending import price_at
from engine.rules.auction.clearing.packages import PackageBid, PackagesCleared
from engine.rules.auction.clearing.priority import winner_among
from engine.rules.auction.clearing.sealed import Tie, first_price, lowest_price
from engine.rules.auction.formats import deadlines, deciding, evolving, falling, results, rights, sealing, showing
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.events import FORMAT_WIRE_NAMES
from engine.rules.auction.formats.play import Play
from engine.rules.auction.formats.terms import clock_of
from engine.rules.auction.state import LotState, Phase
from engine.values import Amount, InstantUs
from tests.simulation.fault_log import Faults
from tests.simulation.formats import KINDS
from tests.simulation.market import Plan, simulate
from tests.simulation.promises import Broken

SEALED = ("first", "second", "lowest", "weighted", "units", "packages")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_format_comes_to_what_the_naive_rules_say_whatever_happens() -> None:
    acts, ended = Counter[str](), Counter[str]()
    for seed in (1, 2, 3):
        outcome = simulate(Plan(seed=seed, bids=2_500, lots=0, sessions=20))
        acts += outcome.watcher.witness.acts
        ended += outcome.watcher.witness.ended
    missing = {name for name, _ in FORMAT_WIRE_NAMES.values()} - set(acts)
    assert not missing, "every event of every format happened"
    for kind in ("ascending", "falling", "sealed", "hybrid", "weighted"):
        assert ended[f"{kind} LotSold"] > 2, ended
    for kind in ("falling", "units", "packages"):
        assert ended[f"{kind} LotAllocated"] > 2, ended


def test_a_fresh_seed_of_all_formats() -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")  # shown when the test fails: it replays the run
    assert simulate(Plan(seed=seed, bids=1_500, lots=0, sessions=20)).watcher.witness.ended


def test_a_seed_of_all_formats_replays_to_the_last_digest() -> None:
    traces = {simulate(Plan(seed=78, bids=300, lots=0, sessions=len(KINDS))).trace for _ in range(2)}
    assert len(traces) == 1


# Planted bugs: each is a mistake that somebody could make, several were made while this was built.

Patch = pytest.MonkeyPatch


def opened_by_one_officer(patch: Patch) -> None:
    for module in (deadlines, deciding):
        patch.setattr(module, "is_ready", lambda state: len(state.play.shares) >= 1)


def recovery_share_at_any_time(patch: Patch) -> None:
    patch.setattr(sealing, "lacking", lambda state: ("everything",))


def false_share_counts(patch: Patch) -> None:
    patch.setattr(sealing, "_fits", lambda state, code, place, share: True)


def first_envelope_stays_in_force(patch: Patch) -> None:
    right = evolving._play_event

    def first(state: LotState, play: Play, event: fe.FormatEvent, at_us: InstantUs) -> LotState:
        replaced = isinstance(event, fe.EnvelopeTaken) and event.bidder_id in play.envelopes
        return state if replaced else right(state, play, event, at_us)

    patch.setattr(evolving, "_play_event", first)


def tie_by_arrival_where_the_terms_say_by_lot(patch: Patch) -> None:
    patch.setattr(
        results, "first_price", lambda bids, least, tie, digest: first_price(bids, least, Tie.EARLIEST, digest)
    )


def second_price_pays_his_own(patch: Patch) -> None:
    patch.setattr(results, "second_price", first_price)


def refused_bid_of_a_procurement_counts(patch: Patch) -> None:
    patch.setattr(results, "lowest_price", lambda bids, refused, **more: lowest_price(bids, refused={}, **more))


def excluded_bidder_wins(patch: Patch) -> None:
    patch.setattr(results, "counting", lambda state: list(state.play.bids))


def totals_of_before_the_exclusion(patch: Patch) -> None:
    """A winner of a weighted session who was excluded after the opening bought all the same."""
    right = results.totals_of
    patch.setattr(results, "totals_of", lambda state, bids: state.play.totals or right(state, bids))


def price_falls_while_the_clock_stands(patch: Patch) -> None:
    def fallen(state: LotState, at_us: InstantUs) -> Amount | None:
        assert state.play is not None
        clock = clock_of(state.play.terms)
        if clock is None or state.phase is not Phase.OPEN:
            return None
        return price_at(clock, max(0, at_us - state.terms.closing.opens_at_us)) or clock.floor

    patch.setattr(falling, "standing_price", fallen)


def more_units_than_there_are(patch: Patch) -> None:
    patch.setattr(Play, "taken", property(lambda play: 0))


def any_best_bid_will_do(patch: Patch) -> None:
    patch.setattr(deciding, "is_challenged", lambda state, bids: Amount(1))


def packages_by_the_highest_bid_first(patch: Patch) -> None:
    def greedy(lots: Sequence[str], bids: Sequence[PackageBid], reserves: Mapping[str, Amount]) -> PackagesCleared:
        left, groups, won = set(lots), set[tuple[str, str]](), []
        for bid in sorted(bids, key=lambda one: (-one.amount, one.seq)):
            free = not bid.group or (bid.code, bid.group) not in groups
            if bid.lots <= left and free and bid.amount >= sum(reserves.get(lot, 0) for lot in bid.lots):
                left -= bid.lots
                groups.add((bid.code, bid.group))
                won.append(bid)
        return PackagesCleared(winners=tuple(won), total=Amount(0), unsold=frozenset(left))

    patch.setattr(results, "clear_packages", greedy)


def rank_of_holders_ignored(patch: Patch) -> None:
    right = winner_among
    patch.setattr(rights, "winner_among", lambda said, price, **more: right(list(said)[-1:], price, **more))


def holders_not_asked_again(patch: Patch) -> None:
    """Who would have bought was excluded while holders were asked: the next one bought without their being asked."""
    right = rights.window_after

    def once(state: LotState, *more: object) -> fe.PriorityOpened | None:
        return None if state.phase is Phase.PRIORITY else right(state, *more)  # type: ignore[arg-type]

    patch.setattr(deciding, "window_after", once)


def a_pause_tells_the_secret_end(patch: Patch) -> None:
    hides = showing.hides_end
    patch.setattr(visibility, "hides_end", lambda state: not state.phase.is_halted and hides(state))


PLANTED: list[tuple[Callable[[Patch], None], tuple[str, ...], str]] = [
    (opened_by_one_officer, SEALED, "opened without two people"),
    (recovery_share_at_any_time, SEALED, "the recovery share without need"),
    (false_share_counts, SEALED, "a false share counts"),
    (first_envelope_stays_in_force, SEALED, "another commitment"),
    (tie_by_arrival_where_the_terms_say_by_lot, ("first",), "should be|at another price than"),
    (second_price_pays_his_own, ("second",), "should be|at another price than"),
    (refused_bid_of_a_procurement_counts, ("lowest",), "should be|at another price than"),
    (excluded_bidder_wins, ("first", "second", "units", "packages"), "should be|at another price than|was not asked"),
    (totals_of_before_the_exclusion, ("weighted",), "should be|at another price than|was not asked"),
    (price_falls_while_the_clock_stands, ("falling", "falling_units", "hybrid"), "at another price than stood"),
    (more_units_than_there_are, ("falling_units",), "more was sold than there is"),
    (any_best_bid_will_do, ("hybrid",), "a best bid that is not best"),
    (packages_by_the_highest_bid_first, ("packages",), "should be"),
    (rank_of_holders_ignored, ("first",), "should be"),
    (holders_not_asked_again, ("first", "weighted"), "was not asked"),
    (a_pause_tells_the_secret_end, ("falling", "hybrid"), "P6: the end"),
]


@pytest.mark.parametrize(("plant", "kinds", "seen"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_bug_of_a_format_is_caught(
    plant: Callable[[Patch], None], kinds: tuple[str, ...], seen: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    faults = partial(Faults, lost_before=0.002, lost_after=0.002, slow=0.01, unreachable=0.01)
    for seed in range(60):
        plan = Plan(seed=seed, bids=600, lots=0, sessions=16, kinds=kinds, crash_every_s=1.5, faults=faults())
        try:
            simulate(plan)
        except Broken as broken:
            found = str(broken)
            break
    else:
        pytest.fail("sixty seeds did not see the bug")
    assert re.search(seen, found), f"seed {seed} saw something else: {found}"
