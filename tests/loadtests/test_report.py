"""The report: medians, spread, verdicts, ratios first."""

from __future__ import annotations

import json

from loadtests.client.driver import SeenChange
from loadtests.machine import placement
from loadtests.report import Figure, json_line, ratios, table
from loadtests.watchers import spread


def test_ratios_are_taken_round_by_round() -> None:
    figure = ratios("r", "over", [10.0, 30.0, 20.0], [20.0, 30.0, 80.0], floor=0.4, aim=0.6)
    assert figure.values == [0.5, 1.0, 0.25]
    assert (figure.value, figure.verdict()) == (0.5, "reached")


def test_verdicts_know_their_direction() -> None:
    def verdict(value: float) -> str:
        return Figure(key="k", title="t", values=[value], floor=2.0, aim=1.2, less_is_better=True).verdict()

    assert [verdict(value) for value in (1.0, 1.5, 2.5)] == ["aim reached", "reached", "NOT REACHED"]
    assert Figure(key="k", title="t", values=[1.0]).verdict() == ""


def test_what_was_promised_stands_first() -> None:
    plain = Figure(key="p", title="plain number", values=[1.0])
    asked = Figure(key="a", title="asked ratio", values=[0.1, 0.2, 0.3], floor=0.4)
    text = table([plain, asked], ["a fact"])
    assert text.index("asked ratio") < text.index("plain number") < text.index("a fact")
    assert "NOT REACHED" in text
    assert json.loads(json_line([plain, asked], []))["figures"]["a"]["value"] == 0.2


def test_the_last_watcher_counts_and_half_served_changes_do_not() -> None:
    acks_us = {5: 1_000, 6: 1_400, 7: 2_000, 8: 9_000}
    changes = [SeenChange(6, 3, 1_500, 1_900), SeenChange(7, 2, 2_100, 2_200), SeenChange(8, 3, 9_100, 9_300)]
    result = spread(acks_us, changes, watchers=3, gaps=0)
    assert (result.newest_us, result.incomplete) == (400, 1)
    assert result.every_us == (500 + 900) / 2  # of 900, 500, 7300, 300


def test_every_party_has_its_cores() -> None:
    assert [sorted(part) for part in placement([4, 5, 6, 7])] == [[4], [5], [6, 7]]
    assert [sorted(part) for part in placement([0, 1])] == [[0], [1], [0, 1]]
    assert [sorted(part) for part in placement([3])] == [[3], [3], [3]]
