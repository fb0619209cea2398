"""Which model is used, when an alarm sounds, what the public record shows."""

from __future__ import annotations

from gateway.pricing.record import calibration_of
from pricing.drift import drift_alarms
from pricing.learning.promotion import diebold_mariano, promoted
from pricing.store import OutcomeLine


def line(number, pit=0.5, covered=True, mode="english"):
    return OutcomeLine(
        observation=number, fit=1, mode=mode, grade="B", log_median=0.0, log_sd=1.0, log_price=0.0, pit=pit, crps=0.2, winkler=2.6,
        covered=covered, quarantined=False, at_us=number,
    )  # fmt: skip


def mixed(middle, count):
    """Losses around a middle, not all the same."""
    return [middle + 0.02 * (n % 5 - 2) for n in range(count)]


GOOD = [0.1 * (n % 14) for n in range(80)]
GROWING = [0.02 * n for n in range(80)]
HELD = [True] * 32 + [False] * 8


def test_more_data_win_until_thirty_outcomes_are_known_unless_the_champion_is_proven_better():
    assert promoted(mixed(0.2, 10), list(reversed(mixed(0.205, 10))), GOOD, [True] * 10, 50).promote
    found = promoted(
        mixed(0.2, 10), [loss + 0.1 + 0.01 * (n % 3) for n, loss in enumerate(mixed(0.2, 10))], GOOD, [True] * 10, 50
    )
    assert not found.promote and (found.metrics["challenger_worse_p"] or 0.0) < 0.1
    assert promoted([], [], [], [], 3).promote


def test_from_thirty_outcomes_on_a_challenger_must_score_no_worse_and_hold_its_promise():
    assert promoted(mixed(0.2, 40), mixed(0.19, 40), GOOD, HELD, 90).promote
    assert not promoted(mixed(0.2, 40), mixed(0.21, 40), GOOD, HELD, 90).promote
    assert not promoted(mixed(0.2, 40), mixed(0.19, 40), GROWING, HELD, 90).promote
    out = [True] * 20 + [False] * 20
    assert promoted(mixed(0.2, 40), mixed(0.19, 40), GROWING, out, 90).promote
    worse = [loss + 0.1 + 0.01 * (n % 3) for n, loss in enumerate(mixed(0.2, 40))]
    assert not promoted(mixed(0.2, 40), worse, GROWING, out, 90).promote


def test_the_paired_test_tells_the_better_forecaster():
    first, second = [0.1 + 0.01 * (n % 3) for n in range(40)], [0.2 + 0.01 * (n % 5) for n in range(40)]
    assert diebold_mariano(first, second) < 0.001 < 0.999 < diebold_mariano(second, first)
    assert diebold_mariano([0.1], [0.2]) == 1.0


def test_alarms_sound_for_coverage_and_for_a_shift_and_not_for_few_outcomes():
    even = [(n % 50 + 0.5) / 50 for n in range(50)]
    assert drift_alarms([True] * 40 + [False] * 10, even) == ()
    assert drift_alarms([True] * 30 + [False] * 20, even) == ("coverage",)
    assert drift_alarms([True] * 50, even) == ("coverage",)
    assert drift_alarms([True] * 40 + [False] * 10, [0.8] * 50) == ("shift",)
    assert drift_alarms([False] * 49, [0.9] * 49) == ()


def test_the_public_record_counts_by_mode_and_hides_groups_from_which_one_price_could_be_read():
    lines = [line(n, pit=(n + 0.5) / 20, covered=2 <= n < 18) for n in range(20)] + [
        line(30 + n, mode="dutch") for n in range(3)
    ]
    found = calibration_of(lines)
    assert found.sold == 23
    assert {row.group for row in found.rows} == {"all", "mode.english", "grade.B"}
    english = calibration_of(lines, "english")
    assert english.pit == (2,) * 10
    assert [round(one.held, 2) for one in english.promises] == [0.5, 0.8, 0.9]
    assert calibration_of(lines, "dutch").pit == () and calibration_of([]).rows == ()
