"""The operator's form: presets make terms, what is wrong stands at its field, nothing typed changes on the way."""

from __future__ import annotations

import pytest

from engine.rules.auction.terms import FixedIncrement, LadderIncrement, PercentIncrement, Reserve, terms_problems
from engine.values import Amount
from gateway.pages.i18n import catalogue
from gateway.pages.lot_form import DEFAULTS, PRESETS, read_form, typed

GOOD = {
    **DEFAULTS, "lot_id": "lot-1", "title_zh": "标题", "summary_zh": "简介", "field": "05", "region": "150200", "seller": "s",
    "seller_name_zh": "研究所", "defects_zh": "无", "start_price": "7,487,968", "increment_fixed": "50000",
    "opens_at": "2030-01-01T10:00", "closes_at": "2030-01-02T10:00",
}  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_terms_that_hold(preset: str) -> None:
    form = read_form({**GOOD, **PRESETS[preset]})
    assert form.wrong == {}
    assert form.terms is not None
    assert terms_problems(form.terms) == []


def test_amounts_are_read_exactly() -> None:
    terms = read_form(GOOD).terms
    assert terms is not None
    assert (terms.start_price, terms.increment) == (7_487_968_00, FixedIncrement(Amount(50_000_00)))


@pytest.mark.parametrize(
    "change, increment",
    [
        ({"increment_kind": "percent", "increment_percent": "2.5"}, PercentIncrement(25_000)),
        (
            {"increment_kind": "ladder", "increment_ladder": "0 100\n1000 500\n"},
            LadderIncrement(((Amount(0), Amount(100_00)), (Amount(1_000_00), Amount(500_00)))),
        ),
    ],
)
def test_other_increments(change: dict[str, str], increment: object) -> None:
    terms = read_form({**GOOD, **change}).terms
    assert terms is not None
    assert terms.increment == increment


def test_a_secret_reserve() -> None:
    terms = read_form({**GOOD, "reserve_kind": "secret", "reserve_amount": "9000000"}).terms
    assert terms is not None
    assert terms.reserve == Reserve(Amount(9_000_000_00), False)


@pytest.mark.parametrize(
    "change, field, why",
    [
        ({"title_zh": " "}, "title_zh", "required"),
        ({"start_price": "1.234"}, "start_price", "amount"),
        ({"start_price": "-5"}, "start_price", "amount"),
        ({"increment_fixed": ""}, "increment_fixed", "amount"),
        ({"opens_at": "tomorrow"}, "opens_at", "instant"),
        ({"cycle_seconds": "0"}, "cycle_seconds", "number"),
        ({"free_minutes": "1e9"}, "free_minutes", "number"),
        ({"lot_id": "Ünicode"}, "lot_id", "lot_id"),
        ({"field": "99"}, "field", "choice"),
        ({"increment_kind": "ladder", "increment_ladder": "0 x"}, "increment_ladder", "ladder"),
        ({"increment_kind": "percent", "increment_percent": "2", "multiple_only": "1"}, "multiple_only", "terms.multiple_only.not_with_percent"),
        ({"way": "fixed", "closes_at": "2029-01-01T10:00"}, "closing", "terms.closing.closes_before_opening"),
        ({"require_free_bid": "1"}, "closing", "terms.closing.require_free_bid_contradiction"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_has_a_text(change: dict[str, str], field: str, why: str) -> None:
    form = read_form({**GOOD, **change})
    assert form.wrong.get(field) == why
    assert form.terms is None
    assert f"form.wrong.{why}" in catalogue("zh")
    assert f"form.{field}" in catalogue("en")


def test_what_was_typed_is_kept_but_bounded() -> None:
    kept = typed({"title_zh": "<b>🐎</b>", "unknown": "x", "summary_zh": "长" * 10_000})
    assert kept["title_zh"] == "<b>🐎</b>"
    assert "unknown" not in kept
    assert len(kept["summary_zh"]) == 4_000
