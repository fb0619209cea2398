"""From the range to start, reserve, increments, deposit and mode of sale, with the statutory floor checked."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from pricing.advice.demand import WANTED
from pricing.advice.modes import Mode, Situation, advise_mode
from pricing.advice.reserve import relisting_plan, second_value_factor
from pricing.advice.steps import deposit, dutch_terms, ladder, round_step_down
from pricing.advice.uncertain import Belief, ReserveAdvice, advise_reserve
from pricing.approaches.income import InputProblem
from pricing.approaches.pooling import Pooled
from pricing.lognormal import NORMAL, LogNormal
from pricing.market import Market
from pricing.quotes import FrontierPoint, ModeLine, Suggestion, Wish

FLOOR_BASIS: Final = "state_first_listing"
DECAY_BY_RELIST: Final = 0.8
START_SHARE: Final = 0.08


class Advice(Struct, frozen=True, kw_only=True):
    """Everything that is advised."""

    suggestion: Suggestion
    frontier: tuple[FrontierPoint, ...]
    mode: str
    rule: str
    modes: tuple[ModeLine, ...]
    competition: float
    bidders: float
    warnings: tuple[str, ...]


def belief_of(market: Market, wish: Wish, pooled: Pooled) -> Belief:
    """Return what is believed about bidders: a price is the second highest value, so the median value is taken out of it."""
    facts = wish.facts
    bidders = facts.bidders if facts.bidders is not None else market.demand.mean
    sigma = market.sigma
    competing = min(max(round(bidders), 2), 10)
    mu = pooled.log_value - math.log(second_value_factor(sigma, competing))
    median = math.exp(pooled.log_value)
    own = (
        facts.own_value_fen if facts.own_value_fen is not None else market.priors.figure_of("own_value_share") * median
    )
    return Belief(
        mu=mu, sigma=sigma, tau=pooled.log_sd, bidders=bidders, dispersion=market.demand.shape, own_value=min(own, 20 * median)
    )  # fmt: skip


def advise(market: Market, wish: Wish, pooled: Pooled, seed: int) -> Advice:
    """Return the advice for a range."""
    belief = belief_of(market, wish, pooled)
    reserve = advise_reserve(belief)
    permitted = tuple(mode for mode in Mode if not wish.permitted or mode.value in wish.permitted) or tuple(Mode)
    facts = wish.facts
    situation = Situation(
        permitted=permitted, complex_contract=facts.complex_contract, single_buyer=facts.single_buyer,
        remaining_years=20.0 if facts.remaining_years is None else facts.remaining_years,
    )  # fmt: skip
    modes = advise_mode(belief, situation, seed, reserve=reserve.best.reserve)
    warnings = [InputProblem.FEW_BIDDERS.value] if belief.bidders < WANTED else []
    suggestion = _suggestion(market, wish, pooled, belief, reserve)
    if suggestion.floor_fen and suggestion.reserve_fen < suggestion.floor_fen:
        warnings.append(InputProblem.BELOW_FLOOR.value)
    return Advice(
        suggestion=suggestion,
        frontier=tuple(
            FrontierPoint(reserve_fen=_step(p.reserve), revenue_fen=round(p.revenue), sold=p.sold)
            for p in reserve.frontier
            if p.sold > 0.02
        ),
        mode=modes.advised.value, rule=modes.rule,
        modes=tuple(
            ModeLine(
                mode=o.mode.value, net_fen=round(o.net), p10_fen=round(o.p10), sold=o.sold, best_chance=o.best_chance,
                behind=o.behind, days=o.days, asking_fen=_step(o.asking),
            )
            for o in modes.outcomes
        ),
        competition=modes.competition, bidders=belief.bidders, warnings=tuple(warnings),
    )  # fmt: skip


def _suggestion(market: Market, wish: Wish, pooled: Pooled, belief: Belief, reserve: ReserveAdvice) -> Suggestion:
    reserve_fen = _step(reserve.advised.reserve)
    low = pooled.log_value + pooled.log_sd * NORMAL.inv_cdf(START_SHARE)
    start_fen = min(_step(math.exp(low)), reserve_fen)
    high = math.exp(pooled.log_value + pooled.log_sd * NORMAL.inv_cdf(0.975))
    dutch = dutch_terms(round(pooled.median), _step(high), reserve_fen)
    floor = wish.facts.valuation_fen if wish.facts.state_owned and wish.facts.valuation_fen is not None else 0
    price = round(pooled.median)
    second = round(pooled.median * math.exp(-belief.sigma / 2))
    values = LogNormal(belief.mu, math.hypot(belief.sigma, belief.tau))
    plan = relisting_plan(values, min(max(round(belief.bidders), 1), 10), DECAY_BY_RELIST, 0.0)
    first = max(plan[0].reserve, 1.0)
    return Suggestion(
        start_fen=start_fen, reserve_fen=reserve_fen, ask_fen=max(reserve_fen, floor),
        ladder=ladder(start_fen, round(high)),
        deposit_fen=deposit(start_fen, price, second, market.priors.figure_of("default_chance")),
        dutch_start_fen=dutch.start_fen, dutch_step_fen=dutch.step_fen, dutch_floor_fen=dutch.floor_fen,
        dutch_tick_s=dutch.tick_s,
        relist_fen=tuple(_step(reserve.advised.reserve * one.reserve / first) for one in plan[1:]),
        floor_fen=floor, floor_basis=FLOOR_BASIS if floor else "",
    )  # fmt: skip


def _step(fen: float) -> int:
    """Round down to two or three leading digits: advice that looks exact would lie."""
    whole = max(int(fen), 1)
    unit = max(round_step_down(max(whole // 100, 1)), 1)
    return max(whole // unit * unit, 1)
