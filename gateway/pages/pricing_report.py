"""The report's words for paper: the same numbers as the page, as plain text for the typesetter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gateway.formatting import when
from gateway.pages.pricing_words import rough, shown_input, shown_step, width_words
from pricing.quotes import Approach, Input, NormalDeal, OptionLine, Quote
from pricing.store import StoredQuote

Say = Callable[..., str]
STEPS: Final = ("rights", "payment", "competition", "time", "features")


def report_data(kept: StoredQuote, t: Say, language: str) -> dict[str, Any]:
    """Return what the document shows: no numbers, only text."""
    q = kept.quote
    money = partial(rough, language=language)
    return {
        "lead": t("pricing.not_appraisal"),
        "subject": kept.wish.facts.title or kept.subject or t("pricing.untitled"),
        "headline": t("pricing.headline", low=money(q.range.p10), high=money(q.range.p90)),
        "middle": t("pricing.middle", amount=money(q.range.p50)),
        "grade": t(f"pricing.grade.{q.grade}", width=width_words(q)),
        "warnings": [t(f"pricing.warning.{name}") for name in q.warnings],
        "sections": [
            {"title": t("pricing.section.facts"), "rows": _facts(kept, t, money)},
            {"title": t("pricing.section.advice"), "rows": _advice(q, t, money)},
        ],
        "approaches": {
            "title": t("pricing.section.approaches"),
            "head": [t("pricing.approach"), "P10", "P50", "P90", t("pricing.weight_short")],
            "rows": [_approach(one, t, money) for one in q.approaches],
        },
        "assumptions": {
            "title": t("pricing.section.assumptions"),
            "head": [t("pricing.assumption"), t("pricing.value"), t("pricing.source"), t("pricing.confidence")],
            "rows": [_assumption(one, t, language) for line in q.approaches for one in line.inputs],
        },
        "comparables": {
            "title": t("pricing.section.comparables"),
            "head": [t("pricing.deal"), t("pricing.adjusted"), t("pricing.weight_short")],
            "rows": [[d.title or d.ref, money(d.adjusted_fen), f"{100 * d.weight:.1f} %"] for d in q.comparables],
            "none": t("pricing.no_comparables"),
        },
        "comparison": {
            "title": t("pricing.section.comparison"),
            "head": [t("pricing.deal"), t("pricing.paid"), *[t(f"pricing.step.{name}") for name in STEPS], t("pricing.adjusted"),
                     t("pricing.weight_short")],
            "rows": [_compared(d, money) for d in q.comparison],
            "left_out": t("pricing.left_out", refs=", ".join(q.without)) if q.without else "",
        },
        "option": {
            "title": t("pricing.section.option"), "lead": t(f"pricing.option.{q.option_reason}") if q.option_reason else "",
            "rows": [] if q.option is None else _option(q.option, t, money),
        },
        "tornado": {
            "title": t("pricing.section.tornado"),
            "head": [t("pricing.input"), t("pricing.low"), t("pricing.high")],
            "rows": [[t(f"pricing.swing.{s.name}"), money(s.low_fen), money(s.high_fen)] for s in q.tornado],
        },
        "modes": {
            "title": t("pricing.section.modes"),
            "head": [t("pricing.mode"), t("pricing.expected"), t("pricing.chance_of_sale"), t("pricing.behind")],
            "rows": [[t(f"pricing.mode.{m.mode}"), money(m.net_fen), f"{m.sold:.0%}", f"{m.behind:.1%}"] for m in q.modes],
        },
        "limits": {"title": t("pricing.section.limits"), "lines": [t(f"pricing.limit.{n}") for n in range(1, 5)]},
        "origin": {
            "title": t("pricing.section.origin"),
            "rows": [
                [t("pricing.origin.fit"), str(q.origin.fit)],
                [t("pricing.origin.head"), str(q.origin.head)],
                [t("pricing.origin.snapshot"), q.origin.snapshot],
                [t("pricing.origin.priors"), q.origin.priors],
                [t("pricing.origin.code"), q.origin.code],
                [t("pricing.origin.seed"), str(q.origin.seed)],
                [t("pricing.origin.digest"), kept.digest.hex()],
                [t("pricing.quoted_at"), when(kept.quoted_at_us)],
                [t("pricing.valid_until"), when(q.valid_until_us)[:10]],
            ],
        },
    }  # fmt: skip


def _facts(kept: StoredQuote, t: Say, money: Callable[[int], str]) -> list[list[str]]:
    facts = kept.wish.facts
    rows = [
        [t("pricing.fact.trl"), f"TRL {facts.trl}"],
        [t("pricing.fact.sales"), "–" if facts.sales_fen is None else money(facts.sales_fen)],
        [t("pricing.fact.spent"), "–" if facts.spent_fen is None else money(facts.spent_fen)],
        [t("pricing.fact.remaining_years"), "–" if facts.remaining_years is None else f"{facts.remaining_years:g}"],
        [t("pricing.fact.licence"), t(f"pricing.licence.{facts.licence}")],
    ]
    if facts.completion_fen is not None:
        rows.append([t("pricing.fact.completion"), money(facts.completion_fen)])
    if facts.valuation_fen is not None:
        rows.append([t("pricing.fact.valuation"), money(facts.valuation_fen)])
    return rows


def _advice(q: Quote, t: Say, money: Callable[[int], str]) -> list[list[str]]:
    s = q.suggestion
    rows = [
        [t("pricing.advised_mode"), f"{t(f'pricing.mode.{q.advised_mode}')} · {t(f'pricing.rule.{q.mode_rule}')}"],
        [t("pricing.advice.ask"), money(s.ask_fen)],
        [t("pricing.advice.reserve"), money(s.reserve_fen)],
        [t("pricing.advice.start"), money(s.start_fen)],
        [t("pricing.advice.step"), money(s.ladder[0][1])],
        [t("pricing.advice.deposit"), money(s.deposit_fen)],
    ]
    if s.floor_fen:
        rows.append([t("pricing.advice.floor"), f"{money(s.floor_fen)} · {t(f'pricing.basis.{s.floor_basis}')}"])
    return rows


def _compared(one: NormalDeal, money: Callable[[int], str]) -> list[str]:
    steps = [shown_step(log) for _, log in one.steps]
    return [one.title or one.ref, money(one.price_fen), *steps, money(one.adjusted_fen), f"{100 * one.weight:.1f} %"]


def _option(one: OptionLine, t: Say, money: Callable[[int], str]) -> list[list[str]]:
    return [
        [t("pricing.option.now"), money(one.now_fen)],
        [t("pricing.option.european"), money(one.european_fen)],
        [t("pricing.option.american"), money(one.american_fen)],
        *[[t("pricing.option.at", percent=round(100 * sigma)), money(fen)] for sigma, fen in one.by_volatility],
    ]


def _approach(one: Approach, t: Say, money: Callable[[int], str]) -> list[str]:
    weight = t(f"pricing.warning.{one.dropped}") if one.dropped else f"{one.weight:.0%}"
    return [t(f"pricing.approach.{one.name}"), money(one.p10_fen), money(one.p50_fen), money(one.p90_fen), weight]


def _assumption(one: Input, t: Say, language: str) -> list[str]:
    source = t("pricing.given") if one.given else t("pricing.own_deals") if one.source == "ortoo" else one.source
    confidence = t(f"pricing.confidence.{one.confidence}") if one.confidence else "–"
    return [t(f"pricing.input.{one.name}"), shown_input(one, language), f"{source} {one.date}".strip(), confidence]
