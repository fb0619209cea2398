"""Matching: reasons that add up, words that only say nothing, the same answer every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.matching import (
    COUNTY_POINTS,
    FIELD_POINTS,
    POINTS_MIN,
    PREFECTURE_POINTS,
    TEXT_POINTS,
    Aspect,
    Match,
    Rarity,
    Side,
    match,
    shared_phrases,
)
from engine.rules.words import fold, terms_of

RARITY = Rarity(
    1_000,
    {
        "技术": 900,
        "研究": 800,
        "术研": 700,
        "稀土": 20,
        "土永": 10,
        "永磁": 12,
        "钕铁": 8,
        "铁硼": 8,
        "n52": 3,
        "草原": 30,
    },
)
ACHIEVEMENT = Side(
    text=fold("稀土永磁钕铁硼 N52 技术研究"), fields=("05",), industry="C39", region="150203", trl=6, modes=("PLAIN",)
)


def section(code: str) -> str:
    return code[:1]


def score(need: Side, rarity: Rarity = RARITY) -> Match:
    return match(ACHIEVEMENT, need, rarity, section)


def test_reasons_add_up_and_come_weightiest_first():
    found = score(
        Side(text="需要稀土永磁材料 n52", fields=("05",), industry="C", region="150203", trl=5, modes=("PLAIN", "OPEN"))
    )
    assert found.points == sum(reason.points for reason in found.reasons)
    assert [reason.points for reason in found.reasons] == sorted(
        (reason.points for reason in found.reasons), reverse=True
    )
    assert {reason.aspect: reason.values for reason in found.reasons} == {
        Aspect.TERMS: ("稀土永磁", "n52"),
        Aspect.FIELD: ("05",),
        Aspect.INDUSTRY: ("C",),
        Aspect.COUNTY: ("150203",),
        Aspect.TRL: ("6",),
        Aspect.MODE: ("PLAIN",),
    }


@pytest.mark.parametrize(
    ("need", "points"),
    [
        (
            Side(text="技术研究", fields=("05",), industry="C", region="150203"),
            0,
        ),  # words that everybody uses are no reason
        (Side(text="牧草种植", fields=("05",), industry="C", region="150203"), 0),  # nothing in common
        (Side(text=""), 0),
    ],
)
def test_without_a_telling_word_nothing_matches(need: Side, points: int):
    assert score(need) == Match(points)


def test_place_counts_by_how_near_it_is():
    text = "钕铁硼 n52"
    base = score(Side(text=text)).points
    assert base > 0
    assert score(Side(text=text, region="150203")).points == base + COUNTY_POINTS
    assert score(Side(text=text, region="150207")).points == base + PREFECTURE_POINTS
    assert score(Side(text=text, region="150402")).points == base
    assert score(Side(text=text, fields=("05", "06"))).points == base + FIELD_POINTS


@pytest.mark.parametrize(("least", "fits"), [(5, True), (6, True), (7, False), (None, False)])
def test_readiness_fits_from_the_level_that_is_asked(least: int | None, fits: bool):
    found = score(Side(text="钕铁硼 n52", trl=least))
    assert any(reason.aspect is Aspect.TRL for reason in found.reasons) is fits


def test_a_rare_word_in_common_counts_more_than_a_frequent_one():
    assert score(Side(text="n52 加工设备")).points > score(Side(text="稀土加工设备")).points


def test_weak_matches_are_no_suggestion():
    weak = score(Side(text="稀土" + "牧草种植畜牧养殖水肥灌溉乳品加工冷链物流" * 3))
    assert 0 < weak.points < POINTS_MIN
    assert weak.reasons == ()


def test_what_is_in_common_is_said_in_whole_stretches():
    ours, theirs = "稀土永磁体晶界扩散", "用晶界扩散的稀土永磁体"
    shared = terms_of(ours) & terms_of(theirs)
    assert set(shared_phrases(ours, theirs, {t for t in shared if len(t) > 1}, RARITY)) == {"稀土永磁体", "晶界扩散"}


@given(
    st.text("稀土永磁钕铁硼草原技术研究N52 ，", max_size=60), st.text("稀土永磁钕铁硼草原技术研究N52 ，", max_size=60)
)
def test_points_have_bounds_and_are_the_same_every_time(one: str, other: str):
    first = match(Side(text=fold(one)), Side(text=fold(other)), RARITY, section)
    assert 0 <= first.points <= TEXT_POINTS
    assert first == match(Side(text=fold(one)), Side(text=fold(other)), RARITY, section)
    for reason in first.reasons:
        assert all(value in fold(one) and value in fold(other) for value in reason.values)
