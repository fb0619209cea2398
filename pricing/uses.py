"""The approaches as they are used in a quote: defaults from the tables, each with its source, and what the person gave instead."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pricing.approaches.cost import CostInputs, Spending, cost_value
from pricing.approaches.income import (
    HURDLE_MAX,
    SALES_ROYALTY_WARN,
    IncomeInputs,
    InputProblem,
    income_value,
    tornado,
)
from pricing.approaches.option import TRL_MAX, OptionInputs, OptionValue, option_value
from pricing.approaches.payments import PaymentPlan, present_value
from pricing.approaches.readiness import shifted, success_prior
from pricing.approaches.simulation import UncertainIncome, simulate
from pricing.comparing import Compared
from pricing.lognormal import Z_90
from pricing.market import Market
from pricing.priors.tables import Figure, Premium, Priors
from pricing.quotes import Approach, Facts, Histogram, Input, OptionLine, Swing, Wish

YEARS_MAX: Final = 10
YEARS_DEFAULT: Final = 8
DRAWS: Final = 20_000
RAMP: Final = (0.3, 0.6, 1.0)
"""First years of sales as shares of a normal year."""
ROYALTY_STRENGTH: Final = 40.0
PREMIUMS: Final = ("risk_free", "technical", "market", "funding", "management")
TORNADO_SALES: Final = (0.7, 1.3)
OPTION_APT: Final = frozenset({"early", "contract"})
VOLATILITIES: Final = (0.3, 0.45, 0.6)
"""The value of an option hangs on its volatility, which nobody knows: shown at each."""
OPTION_REACH: Final = 0.5
NUDGE: Final = 1.1
STEPS_IN_QUOTES: Final = 200
"""Steps of the tree in a quote: within a thousandth of the limit, and quick."""
LEAKAGE_MAX: Final = 0.3


class Estimates(Struct, frozen=True, kw_only=True):
    """The income side: its line, its uncertainty, and what is wrong with the inputs."""

    income: Approach | None
    success: float
    tornado: tuple[Swing, ...] = ()
    histogram: Histogram | None = None
    royalty_plan_fen: int | None = None
    option_line: Approach | None = None
    option: OptionLine | None = None
    option_reason: str = ""
    warnings: tuple[str, ...] = ()


def success_of(facts: Facts, priors: Priors) -> tuple[float, float, float]:
    """Return the probability of success with the ends of its 80 % interval."""
    row, shift = priors.readiness_of(facts.trl), priors.shift_of(facts.industry)
    mean = row.mean if shift is None else shifted(row.mean, factor=shift.factor, plus=shift.plus)
    if facts.success_percent is not None:
        mean = facts.success_percent / 100
    if mean >= 1:
        return 1.0, 1.0, 1.0
    low, high = success_prior(mean, row.strength).interval(0.8)
    return mean, low, high


def discount_of(facts: Facts, priors: Priors) -> float:
    """Return the discount rate: given, or the build-up from the table."""
    if facts.discount_percent is not None:
        return facts.discount_percent / 100
    return sum(priors.premium_of(code).percent for code in PREMIUMS) / 100


def income_inputs(facts: Facts, priors: Priors) -> IncomeInputs:
    """Return the inputs of the income approach; the sales are known."""
    assert facts.sales_fen is not None, "only with sales"
    years = (
        YEARS_DEFAULT if facts.remaining_years is None else min(max(math.floor(facts.remaining_years), 1), YEARS_MAX)
    )
    shares = [RAMP[year] if year < len(RAMP) else 1.0 for year in range(years)]
    row = priors.royalty_of(facts.industry)
    royalty = facts.royalty_percent if facts.royalty_percent is not None else (row.median_percent or 4.0)
    return IncomeInputs(
        sales=tuple(facts.sales_fen * share for share in shares), royalty=royalty / 100, tax=priors.figure_of("tax_rate"),
        discount=discount_of(facts, priors), success=success_of(facts, priors)[0],
        completion_cost=float(facts.completion_fen or 0),
    )  # fmt: skip


def income_approach(wish: Wish, priors: Priors, seed: int) -> Estimates:
    """Return relief from royalty with its tornado and its simulation; without sales only the probability of success."""
    facts = wish.facts
    success, low, high = success_of(facts, priors)
    if facts.sales_fen is None:
        return Estimates(income=None, success=success, option_reason=option_reason(facts, 0.0))
    inputs = income_inputs(facts, priors)
    factor = priors.rights_of(facts.licence).factor
    found = income_value(inputs)
    warnings = []
    if inputs.success < 1 and inputs.discount > HURDLE_MAX:
        warnings.append(InputProblem.RISK_DOUBLE_COUNT.value)
    if inputs.royalty > SALES_ROYALTY_WARN:
        warnings.append(InputProblem.ROYALTY_HIGH.value)
    log_sd = priors.figure_of("income_log_sd")
    middle = math.log(max(found.value * factor, 1.0))
    row = priors.royalty_of(facts.industry)
    bounds = {
        "sales": TORNADO_SALES,
        "royalty": (max(inputs.royalty * 0.5, 0.001), min(inputs.royalty * 1.5, 1.0)),
        "discount": (inputs.discount + 0.045, max(inputs.discount - 0.035, 0.01)),
        "success": (low, high),
    }
    swings = tuple(
        Swing(
            name=s.name, low_input=s.low_input, high_input=s.high_input, low_fen=round(s.low * factor),
            high_fen=round(s.high * factor),
        )
        for s in tornado(inputs, bounds)
    )  # fmt: skip
    approach = Approach(
        name="income", weight=0.0, p10_fen=_fen(middle - Z_90 * log_sd), p50_fen=_fen(middle),
        p90_fen=_fen(middle + Z_90 * log_sd), log_median=middle, log_sd=log_sd,
        inputs=_income_sources(facts, priors, inputs, row.median_percent or 4.0),
        steps=(
            ("pv_royalties", f"{round(found.if_it_works)}"), ("times_success", f"{round(found.expected)}"),
            ("times_rights", f"{round(found.value * factor)}"),
        ),
        dropped=InputProblem.RISK_DOUBLE_COUNT.value if InputProblem.RISK_DOUBLE_COUNT.value in warnings else "",
    )  # fmt: skip
    reason = option_reason(facts, found.expected)
    option, line = None, None
    if reason in OPTION_APT:
        option, line = option_approach(facts, priors, inputs, found.expected * factor, factor)
        approach = replace(approach, dropped=approach.dropped or InputProblem.OPTION_INSTEAD.value)
    if found.value <= 0:
        warnings.append(InputProblem.BELOW_COMPLETION.value)
        return Estimates(
            income=None,
            success=success,
            option_line=line,
            option=option,
            option_reason=reason,
            warnings=tuple(warnings),
        )
    plan = PaymentPlan(entry=0.3 * found.value * factor, royalty=inputs.royalty * factor * success, sales=inputs.sales)
    return Estimates(
        income=approach, success=success, tornado=swings, histogram=_simulated(inputs, priors, factor, seed),
        royalty_plan_fen=round(present_value(plan, inputs.discount) * (1 - inputs.tax)), warnings=tuple(warnings),
        option_line=line, option=option, option_reason=reason,
    )  # fmt: skip


def option_reason(facts: Facts, worth: float) -> str:
    """Say whether an achievement is priced as an option, and why (specification §3.7): only early technology with money still to be
    spent on it, or a contract that is an option; only where sales and that spending are told; and only where the income is worth
    (`worth`, fen) at least half of that spending: further out the value is made of the volatility alone, which nobody knows.
    """
    if not facts.option_contract and facts.trl > TRL_MAX:
        return "ready"
    if facts.sales_fen is None:
        return "no_sales"
    if facts.completion_fen is None:
        return "no_completion"
    if worth < OPTION_REACH * facts.completion_fen:
        return "out_of_reach"
    return "contract" if facts.option_contract else "early"


def option_approach(
    facts: Facts, priors: Priors, inputs: IncomeInputs, worth: float, factor: float
) -> tuple[OptionLine, Approach]:
    """Return the right to wait instead of the cash flow (worked example WE-06).

    Args:
        facts: What is known.
        priors: The tables.
        inputs: Of the income approach.
        worth: Present value of the income, weighted by success, before what must still be spent.
        factor: Of the kind of licence.
    """
    volatility, years = priors.figure_row("option_volatility"), priors.figure_row("option_years")
    risk_free = priors.premium_of("risk_free")
    waits = facts.option_years if facts.option_years is not None else min(years.value, float(len(inputs.sales)))
    leakage = min(1 / len(inputs.sales), LEAKAGE_MAX)
    cost = max(float(facts.completion_fen or 0) * factor, 1.0)

    def at(sigma: float, times: float = 1.0) -> OptionValue:
        return option_value(
            OptionInputs(
                value=max(worth * times, 1.0), cost=cost, years=waits, volatility=sigma, risk_free=risk_free.percent / 100, leakage=leakage
            ),
            STEPS_IN_QUOTES,
        )  # fmt: skip

    found = at(volatility.value)
    around = tuple((sigma, _whole(at(sigma).american)) for sigma in VOLATILITIES)
    line = OptionLine(
        american_fen=_whole(found.american), european_fen=_whole(found.european), now_fen=round(found.now),
        volatility=volatility.value, by_volatility=around,
    )  # fmt: skip
    ends = [math.log(max(at(volatility.value, times).american, 1.0)) for times in (1 / NUDGE, NUDGE)]
    lever = (ends[1] - ends[0]) / (2 * math.log(NUDGE))
    log_sd = max(lever, 1.0) * priors.figure_of("income_log_sd")  # an option moves more than what it is on
    middle = math.log(max(found.american, 1.0))
    return line, Approach(
        name="option", weight=0.0, p10_fen=_fen(middle - Z_90 * log_sd), p50_fen=_fen(middle), p90_fen=_fen(middle + Z_90 * log_sd),
        log_median=middle, log_sd=log_sd,
        inputs=(
            Input(name="completion_fen", value=str(facts.completion_fen), source="", given=True),
            _from_table("option_years", f"{waits:g}", years) if facts.option_years is None else _given("option_years", waits),
            _from_table("option_volatility", repr(volatility.value), volatility),
            _from_table("premium.risk_free", repr(risk_free.percent), risk_free),
            Input(name="leakage_percent", value=repr(round(100 * leakage, 2)), source="ortoo"),
        ),
        steps=(("option_value_of", f"{round(worth)}"), ("option_cost", f"{round(cost)}"), ("option_now", f"{round(found.now)}"),
               ("option_european", f"{_whole(found.european)}")),
    )  # fmt: skip


def comparison_approach(market: Market, compared: Compared, model_sd: float) -> Approach:
    """Return the market's deals compared step by step; without weight under three effective ones.

    Its range is never narrower than the model's (`model_sd`), which was tried on deals it had not seen: the spread of like deals around
    their own mean promises more than it holds (specification §4.3: coverage .47 to .80 of a promised .80).
    """
    value, hedonic, priors = compared.value, market.hedonic, market.priors
    middle = math.log(value.median)
    log_sd = max((math.log(value.p90) - middle) / Z_90, model_sd)
    decay, width = priors.figure_row("yearly_decay"), priors.figure_row("bandwidth")
    bandwidth = (
        Input(name="bandwidth", value=f"{hedonic.bandwidth:g}", source="ortoo")
        if hedonic.bandwidth_learnt
        else _from_table("bandwidth", repr(width.value), width)
    )
    return Approach(
        name="comparables", weight=0.0, p10_fen=_fen(middle - Z_90 * log_sd), p50_fen=_fen(middle), p90_fen=_fen(middle + Z_90 * log_sd),
        log_median=middle, log_sd=log_sd,
        inputs=(
            Input(name="effective_deals", value=f"{value.n_eff:.2f}", source="ortoo"),
            bandwidth,
            _from_table("yearly_decay", repr(decay.value), decay),
        ),
        dropped="" if value.usable else InputProblem.FEW_COMPARABLES.value,
    )  # fmt: skip


def _whole(value: float) -> int:
    return max(round(value), 0)


def _simulated(inputs: IncomeInputs, priors: Priors, factor: float, seed: int) -> Histogram:
    spread = priors.figure_of("sales_log_sd")
    level = sum(inputs.sales) / len(inputs.sales)
    found = simulate(
        UncertainIncome(
            sales_median=level * math.exp(-(spread**2) / 2), sales_log_sd=spread,
            royalty_a=ROYALTY_STRENGTH * inputs.royalty, royalty_b=ROYALTY_STRENGTH * (1 - inputs.royalty),
            success=inputs.success, years=len(inputs.sales), discount=inputs.discount, tax=inputs.tax,
        ),
        DRAWS, seed,
    )  # fmt: skip
    return Histogram(
        draws=found.draws, worthless=found.worthless, bins=found.histogram, top_fen=round(found.histogram_top * factor),
        mean_fen=round(found.mean * factor), p10_fen=round(found.p10 * factor), p50_fen=round(found.p50 * factor),
        p90_fen=round(found.p90 * factor), works_p10_fen=round(found.works_p10 * factor),
        works_p50_fen=round(found.works_p50 * factor), works_p90_fen=round(found.works_p90 * factor),
    )  # fmt: skip


def _income_sources(facts: Facts, priors: Priors, inputs: IncomeInputs, median: float) -> tuple[Input, ...]:
    row, ready = priors.royalty_of(facts.industry), priors.readiness_of(facts.trl)
    tax = priors.figure_row("tax_rate")
    rights = priors.rights_of(facts.licence)
    royalty = (
        _given("royalty_percent", facts.royalty_percent)
        if facts.royalty_percent is not None
        else Input(
            name="royalty_percent", value=repr(median), source=row.source, date=row.date, confidence=row.confidence
        )
    )
    discount = (
        [_given("discount_percent", facts.discount_percent)]
        if facts.discount_percent is not None
        else [
            Input(name=f"premium.{one.code}", value=repr(one.percent), source=one.source, date=one.date, confidence=one.confidence)
            for one in (priors.premium_of(code) for code in PREMIUMS)
        ]
    )  # fmt: skip
    success = (
        _given("success_percent", facts.success_percent)
        if facts.success_percent is not None
        else Input(
            name="success_percent", value=repr(round(inputs.success * 100, 4)), source=ready.source, date=ready.date,
            confidence=ready.confidence,
        )
    )  # fmt: skip
    return (
        Input(name="sales_fen", value=str(facts.sales_fen), source="", given=True),
        Input(name="years", value=str(len(inputs.sales)), source="", given=facts.remaining_years is not None),
        royalty,
        *discount,
        success,
        Input(name="tax_rate", value=repr(tax.value), source=tax.source, date=tax.date, confidence=tax.confidence),
        Input(
            name="rights_factor", value=repr(rights.factor), source=rights.source, date=rights.date, confidence=rights.confidence
        ),
    )  # fmt: skip


def cost_approach(wish: Wish, priors: Priors) -> Approach | None:
    """Return replacement cost, a floor more than a value; None without spending. Early technology is taken as unfinished."""
    facts = wish.facts
    if facts.spent_fen is None:
        return None
    rate, margin = priors.figure_row("capital_rate"), priors.figure_row("developer_margin")
    inputs = CostInputs(
        spent=(Spending(amount=float(facts.spent_fen), index=100.0, years_ago=2.0),), index_now=100.0,
        capital_rate=rate.value, margin=margin.value, functional_loss=0.0 if facts.trl > TRL_MAX else 0.1,
    )  # fmt: skip
    found = cost_value(inputs)
    factor = priors.rights_of(facts.licence).factor
    log_sd = priors.figure_of("cost_log_sd")
    middle = math.log(max(found.value * factor, 1.0))
    return Approach(
        name="cost", weight=0.0, p10_fen=_fen(middle - Z_90 * log_sd), p50_fen=_fen(middle), p90_fen=_fen(middle + Z_90 * log_sd),
        log_median=middle, log_sd=log_sd,
        inputs=(
            Input(name="spent_fen", value=str(facts.spent_fen), source="", given=True),
            Input(name="capital_rate", value=repr(rate.value), source=rate.source, date=rate.date, confidence=rate.confidence),
            Input(name="developer_margin", value=repr(margin.value), source=margin.source, date=margin.date, confidence=margin.confidence),
        ),
        steps=(("replacement", f"{round(found.replacement)}"), ("capital", f"{round(found.capital)}"), ("gross", f"{round(found.gross)}")),
    )  # fmt: skip


def valuation_approach(wish: Wish, market: Market) -> Approach | None:
    """Return a licensed agency's valuation with the market's markup; None where there is none."""
    amount = wish.facts.valuation_fen
    if amount is None:
        return None
    row = market.priors.figure_row("expert_log_sd")
    middle = math.log(amount) + market.model.level.markup
    return Approach(
        name="valuation", weight=0.0, p10_fen=_fen(middle - Z_90 * row.value), p50_fen=_fen(middle),
        p90_fen=_fen(middle + Z_90 * row.value), log_median=middle, log_sd=row.value,
        inputs=(
            Input(name="valuation_fen", value=str(amount), source="", given=True),
            Input(name="markup_percent", value=repr(round(100 * math.expm1(market.model.level.markup), 2)), source="ortoo"),
            Input(name="expert_log_sd", value=repr(row.value), source=row.source, date=row.date, confidence=row.confidence),
        ),
    )  # fmt: skip


def _from_table(name: str, value: str, row: Figure | Premium) -> Input:
    return Input(name=name, value=value, source=row.source, date=row.date, confidence=row.confidence)


def _given(name: str, value: float | None) -> Input:
    return Input(name=name, value=repr(value), source="", given=True)


def _fen(log_value: float) -> int:
    return max(round(math.exp(min(log_value, 60.0))), 1)
