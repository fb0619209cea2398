"""From looks to stretches: what a prober that sees, fails or sleeps proves about a period."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.availability.coverage import Look, Stretch, away, coverage, total_us
from engine.values import DurationUs, InstantUs

LONGEST = DurationUs(10)
FROM, TO = InstantUs(100), InstantUs(200)


def spans(text: str, first: int = 100, until: int = 200) -> str:
    """Looks as `105+ 112-`; what is known as `shown 100-112 away ...`."""
    looks = [Look(InstantUs(int(word[:-1])), word[-1] == "+") for word in text.split()]
    found = coverage(looks, InstantUs(first), InstantUs(until), LONGEST)
    return " ".join(f"{span.kind.value} {span.from_us}-{span.to_us}" for span in found)


def every(step: int, begin: int = 100, end: int = 200) -> str:
    return " ".join(f"{at}+" for at in range(begin, end + 1, step))


@pytest.mark.parametrize(
    ("name", "looks", "known"),
    [
        ("looks near enough to each other prove the whole period", every(10), "shown 100-200"),
        ("a look just after the publication proves the time before it", every(10, 108), "shown 100-200"),
        ("a first look that comes late proves nothing before it", every(10, 120), "unseen 100-120 shown 120-200"),
        ("no look at all is no proof of anything", "", "unseen 100-200"),
        ("one failed look: away from the good one before it to the good one after it", "100+ 110+ 115- 120+ 130+ 140+ 150+ 160+ 170+ 180+ 190+ 200+", "shown 100-110 away 110-120 shown 120-200"),
        ("several failures in a row are one stretch", "100+ 109+ 111- 130- 150- 152+ 160+ 170+ 180+ 190+ 200+", "shown 100-109 away 109-152 shown 152-200"),
        ("still failing: away up to now", "100+ 109+ 111- 195-", "shown 100-109 away 109-200"),
        ("never once good: away from the beginning", "105- 150-", "away 100-200"),
        ("a prober that slept is no outage", "100+ 110+ 170+ 180+ 190+ 200+", "shown 100-110 unseen 110-170 shown 170-200"),
        ("exactly the longest time between two looks still proves", "100+ 110+ 120+ 131+ 141+ 151+ 161+ 171+ 181+ 191+ 200+", "shown 100-120 unseen 120-131 shown 131-200"),
        ("the last look is too old to speak of now", "100+ 110+", "shown 100-110 unseen 110-200"),
        ("a failure after a sleep makes the sleep doubtful: it counts as away", "100+ 110+ 170- 175+ 185+ 195+", "shown 100-110 away 110-175 shown 175-200"),
        ("what was seen before the period says how it began", "95+ 104+ 110+ 120+ 130+ 140+ 150+ 160+ 170+ 180+ 190+ 200+", "shown 100-200"),
        ("it was away when the period began", "80+ 90- 104+ 110+ 120+ 130+ 140+ 150+ 160+ 170+ 180+ 190+ 200+", "away 100-104 shown 104-200"),
        ("looks after the end say what the end was like", every(10, 100, 190) + " 195- 205+", "shown 100-190 away 190-200"),
    ],
)  # fmt: skip
def test_what_looks_prove(name: str, looks: str, known: str) -> None:
    assert spans(looks) == known, name


def test_a_period_that_has_not_begun_has_no_spans() -> None:
    assert spans("", 100, 100) == ""
    assert spans("90+ 95+", 100, 100) == ""


def test_only_what_was_away_is_reported() -> None:
    looks = [Look(InstantUs(at), at != 150) for at in (100, 110, 150, 160, 199)]
    assert [(span.from_us, span.to_us) for span in away(looks, FROM, TO, LONGEST)] == [(110, 160)]


looks_of = st.lists(
    st.builds(Look, st.integers(50, 260).map(InstantUs), st.booleans()), max_size=40, unique_by=lambda look: look.at_us
).map(lambda found: sorted(found, key=lambda look: look.at_us))


@given(looks_of, st.integers(1, 40))
def test_spans_fill_the_period_without_holes_and_neighbours_differ(looks: list[Look], longest: int) -> None:
    found = coverage(looks, FROM, TO, DurationUs(longest))
    assert [span.from_us for span in found] == [FROM, *(span.to_us for span in found[:-1])]
    assert found[-1].to_us == TO
    assert all(a.kind is not b.kind for a, b in pairwise(found))
    assert sum(total_us(found, kind) for kind in Stretch) == TO - FROM


@given(looks_of, st.integers(1, 40))
def test_no_failed_look_lies_in_time_that_counts_as_shown(looks: list[Look], longest: int) -> None:
    shown = [span for span in coverage(looks, FROM, TO, DurationUs(longest)) if span.kind is Stretch.SHOWN]
    for look in looks:
        assert look.good or not any(span.from_us < look.at_us < span.to_us for span in shown)


@given(looks_of, st.integers(1, 40))
def test_time_without_a_failed_look_never_counts_as_away(looks: list[Look], longest: int) -> None:
    good = [look for look in looks if look.good]
    assert away(good, FROM, TO, DurationUs(longest)) == []
