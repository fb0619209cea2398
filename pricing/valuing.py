"""From a wish to a quote: the approaches side by side, one range, and the advice. Pure: the same market and wish give the same quote."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from pricing.advising import advise
from pricing.approaches.comparables import COMPARABLES_MIN
from pricing.approaches.income import InputProblem
from pricing.approaches.pooling import Estimate, Pooled, pool
from pricing.comparing import compare
from pricing.learning.explaining import contributions, in_fen
from pricing.learning.model import Explanation, Forecast, Look
from pricing.lognormal import NORMAL, Z_90
from pricing.market import Market
from pricing.quotes import Approach, ComparableDeal, Grade, Input, Origin, Part, Quote, Range, Wish
from pricing.uses import Estimates, comparison_approach, cost_approach, income_approach, valuation_approach

VALID_US: Final = 90 * 86_400 * 1_000_000
COMPARABLES_SHOWN: Final = 12
WITHOUT_SHOWN: Final = 3
SALES_MAX_FEN: Final = 10**13
"""A hundred billion yuan a year: more than any one technology sells."""


def seed_of(snapshot: bytes, wish_text: str, version: str) -> int:
    """Return the seed of a quote: fixed by what is known, what is asked and by which program."""
    return int.from_bytes(sha256(snapshot + wish_text.encode() + version.encode()).digest()[:8], "big") >> 1


def value(market: Market, wish: Wish, origin: Origin, coverage: tuple[float, int] | None = None) -> Quote:
    """Return the quote for a wish. `coverage` is the share of past outcomes within their range, and of how many."""
    facts = wish.facts
    mode = wish.permitted[0] if len(wish.permitted) == 1 else "english"
    left_out = market.places_of(wish.without)
    look = market.look(facts, mode, wish.as_of_us, COMPARABLES_SHOWN, WITHOUT_SHOWN, left_out)
    compared = compare(market, facts, mode, wish.as_of_us, left_out, COMPARABLES_SHOWN)
    forecast = look.forecast
    licence = math.log(market.priors.rights_of(facts.licence).factor)
    market_line = _market_approach(market, forecast, licence)
    estimates: Estimates = income_approach(wish, market.priors, origin.seed)
    lines = [
        line
        for line in (
            market_line,
            None if compared is None else comparison_approach(market, compared, market_line.log_sd),
            estimates.income,
            estimates.option_line,
            cost_approach(wish, market.priors),
            valuation_approach(wish, market),
        )
        if line is not None
    ]
    pooled, lines = _pooled(lines, market)
    warnings = [*estimates.warnings, *_warnings(wish, forecast, pooled, market)]
    if left_out:
        warnings.append(InputProblem.DEALS_LEFT_OUT.value)
    advice = advise(market, wish, pooled, origin.seed)
    base, parts = _waterfall(look.explanation, licence)
    coverage = coverage if coverage is not None and coverage[1] >= 10 else None
    return Quote(
        purpose=wish.purpose, as_of_us=wish.as_of_us, valid_until_us=wish.as_of_us + VALID_US, origin=origin,
        grade=_grade(pooled, forecast, market_line), n_eff=forecast.n_eff, success=estimates.success,
        range=range_of(pooled.log_value, pooled.log_sd), log_median=pooled.log_value, log_sd=pooled.log_sd,
        approaches=tuple(lines), statistic=pooled.statistic, p_value=pooled.p_value, explanation=parts,
        explained_from_fen=base, comparables=_comparables(market, look, licence),
        tornado=estimates.tornado, histogram=estimates.histogram, suggestion=advice.suggestion, frontier=advice.frontier,
        advised_mode=advice.mode, mode_rule=advice.rule, modes=advice.modes, competition=advice.competition,
        bidders=advice.bidders, lump_p50_fen=round(pooled.median), royalty_plan_p50_fen=estimates.royalty_plan_fen,
        warnings=tuple(dict.fromkeys((*warnings, *advice.warnings))), observed=len(market.known),
        coverage=None if coverage is None else coverage[0], coverage_of=0 if coverage is None else coverage[1],
        comparison=() if compared is None else compared.deals, option=estimates.option, option_reason=estimates.option_reason,
        without=tuple(sorted(market.known[place].ref for place in left_out)),
    )  # fmt: skip


def range_of(log_median: float, log_sd: float) -> Range:
    """Return the quantiles of a lognormal price in whole fen."""
    at = [
        max(round(math.exp(log_median + log_sd * NORMAL.inv_cdf(share))), 1)
        for share in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    ]
    return Range(p05=at[0], p10=at[1], p25=at[2], p50=at[3], p75=at[4], p90=at[5], p95=at[6])


def _market_approach(market: Market, forecast: Forecast, licence: float) -> Approach:
    median = forecast.log_median + licence
    sd = forecast.sd * forecast.reach_80 / Z_90
    sold = sum(one.observation.sold for one in market.known)
    dropped = ""
    if not sold:
        dropped = InputProblem.NO_COMPARABLES.value
    elif forecast.n_eff < COMPARABLES_MIN:
        dropped = InputProblem.FEW_COMPARABLES.value
    row = market.priors.figure_row("category_log_median")
    inputs = [
        Input(name="deals_sold", value=str(sold), source="ortoo"),
        Input(name="lots_unsold", value=str(len(market.known) - sold), source="ortoo"),
    ]
    if not sold:
        inputs.append(
            Input(
                name="category_log_median",
                value=repr(row.value),
                source=row.source,
                date=row.date,
                confidence=row.confidence,
            )
        )
    return Approach(
        name="market", weight=0.0, p10_fen=_fen(median - Z_90 * sd), p50_fen=_fen(median), p90_fen=_fen(median + Z_90 * sd),
        log_median=median, log_sd=sd, inputs=tuple(inputs), dropped=dropped,
    )  # fmt: skip


def _pooled(lines: list[Approach], market: Market) -> tuple[Pooled, list[Approach]]:
    """Pool what may be pooled; where nothing else is there, the market's line speaks alone, with all its doubt."""
    used = [line for line in lines if not line.dropped] or lines[:1]
    estimates = [Estimate(name=line.name, log_value=line.log_median, log_sd=line.log_sd) for line in used]
    closer = {("market", "comparables"): market.priors.figure_of("market_correlation")}
    pooled = pool(estimates, market.priors.figure_of("approach_correlation"), closer)
    weights = {line.name: weight for line, weight in zip(used, pooled.weights, strict=True)}
    return pooled, [_weighted(line, weights.get(line.name, 0.0)) for line in lines]


def _weighted(line: Approach, weight: float) -> Approach:
    silent = line.name == "comparables" and not line.dropped and weight == 0.0
    return replace(line, weight=weight, dropped=InputProblem.NOTHING_MORE.value if silent else line.dropped)


def _grade(pooled: Pooled, forecast: Forecast, market_line: Approach) -> Grade:
    """Return the grade by width and evidence: A at most 2 times and ten deals, B 4 times and five, C 10 times, else D."""
    spread = math.exp(2 * Z_90 * pooled.log_sd)
    evidence = 0.0 if market_line.dropped else forecast.n_eff
    if forecast.far:
        return "D"
    if spread <= 2 and evidence >= 10:
        return "A"
    if spread <= 4 and evidence >= 5:
        return "B"
    return "C" if spread <= 10 else "D"


def _warnings(wish: Wish, forecast: Forecast, pooled: Pooled, market: Market) -> list[str]:
    found = []
    sold = sum(one.observation.sold for one in market.known)
    if not sold:
        found.append(InputProblem.NO_COMPARABLES.value)
    elif forecast.n_eff < COMPARABLES_MIN:
        found.append(InputProblem.FEW_COMPARABLES.value)
    if forecast.far and sold:
        found.append(InputProblem.FAR_FROM_KNOWN.value)
    if pooled.disagree:
        found.append(InputProblem.APPROACHES_DISAGREE.value)
    facts = wish.facts
    if facts.sales_fen is not None and facts.sales_fen > SALES_MAX_FEN:
        found.append(InputProblem.SALES_IMPLAUSIBLE.value)
    if facts.sales_fen is not None and facts.spent_fen is not None and facts.sales_fen > 1_000 * facts.spent_fen:
        found.append(InputProblem.SALES_IMPLAUSIBLE.value)
    if facts.spent_fen is not None and facts.sales_fen is not None and facts.spent_fen > 20 * facts.sales_fen:
        found.append(InputProblem.COST_IMPLAUSIBLE.value)
    if facts.remaining_years is not None and facts.remaining_years > 20:
        found.append(InputProblem.LIFE_BEYOND_LEGAL.value)
    if facts.trl <= 3 and facts.sales_fen is not None and facts.success_percent is None:
        found.append(InputProblem.SALES_BEFORE_READY.value)
    return found


def _waterfall(explanation: Explanation, licence: float) -> tuple[int, tuple[Part, ...]]:
    """Return the start in fen and the bars; they add up to the market's middle to the fen."""
    effects = dict(explanation.effects)
    if licence:
        effects["licence_factor"] = licence
    price, parts = contributions(math.exp(explanation.start), effects)
    base_fen, price_fen = round(math.exp(explanation.start)), round(price)
    fen = in_fen(base_fen, price_fen, parts)
    return base_fen, tuple(
        Part(factor=part.factor, log=part.log, fen=amount) for part, amount in zip(parts, fen, strict=True)
    )


def _comparables(market: Market, look: Look, licence: float) -> tuple[ComparableDeal, ...]:
    """Return the deals that carry most weight, each adjusted to the lot by what the model knows of both."""
    found = []
    for beside in look.beside:
        one = market.known[beside.place]
        found.append(
            ComparableDeal(
                ref=one.ref, title=one.observation.title, field=one.observation.field, trl=one.observation.trl or 0,
                sold=one.observation.sold, mode=one.observation.mode, weight=beside.weight,
                price_fen=one.observation.price_fen, adjusted_fen=_fen(beside.paid + beside.moved + licence),
                without_fen=None if beside.without is None else _fen(beside.without + licence), at_us=one.at_us,
            )
        )  # fmt: skip
    return tuple(found)


def _fen(log_value: float) -> int:
    return max(round(math.exp(min(log_value, 60.0))), 1)
