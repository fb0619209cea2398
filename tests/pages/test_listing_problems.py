"""Whatever the rules find wrong with a listing's terms has words in both languages that say what to do, and a step where to do it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import engine.rules.listing
import gateway.listings
from gateway.listings import steps
from gateway.listings.problems import all_shown, shown
from gateway.pages.i18n import catalogue

WORD = re.compile(r'f?"([a-z_]+|\{field\}): ([a-z_]+)"')
FIELDS = re.compile(r'^\s*(?:\(")?"?([a-z_]+)"(?:, |: )terms\.', re.MULTILINE)
NAMES = [step.name for step in steps.STEPS]


def problems() -> list[str]:
    """Every problem that the sources name; those with a field filled in stand for all such fields."""
    found = set()
    for package in (engine.rules.listing, gateway.listings):
        for path in Path(package.__path__[0]).glob("*.py"):
            for function in path.read_text().split("\ndef "):
                for field, word in WORD.findall(function):
                    names = FIELDS.findall(function) if field == "{field}" else [field]
                    found |= {f"{name}: {word}" for name in names}
    return sorted(found)


def test_the_sources_name_problems() -> None:
    assert len(problems()) > 60
    assert {"list_price: below_valuation", "session: only_where_disclosed", "achievement: listed_already"} <= {
        *problems()
    }


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("problem", problems())
def test_a_problem_has_words_and_a_step(problem: str, language: str) -> None:
    one = shown(problem, NAMES)
    assert one.step in NAMES
    for key in one.keys:
        assert key in catalogue(language), key


def test_what_the_bidding_or_the_record_lacks_is_shown_in_its_own_words() -> None:
    bidding = shown("session.increment: out_of_range", NAMES)
    assert bidding == (("form.wrong.terms.increment.out_of_range",), "bidding")
    record = shown("achievement.trl_evidence[2]: required", NAMES)
    assert record == (("achievement.field.trl_evidence", "achievement.problem.required"), "")


def test_each_problem_is_shown_once_in_the_order_of_the_steps() -> None:
    found = all_shown(["deposit: above_the_cap", "list_price: needed", "deposit: above_the_cap", "mode: x"], NAMES)
    assert [one.step for one in found] == ["offer", "price", "deposit"]


def test_a_step_that_is_not_asked_leads_to_the_first_one() -> None:
    assert shown("state_asset: valuation_number", ["offer", "way"]).step == "offer"
