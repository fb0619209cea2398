"""What is asked of the pricing module and what it answers. Money is whole fen; shares and logs are floats, rounded when shown.

Nothing here needs numbers to be crunched: the gateway reads quotes with this file alone.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

FEN_MAX: Final = 10**14
"""One trillion yuan: a greater amount is a typing error."""
Purpose = Literal["start", "reserve", "ask", "fairness", "mode"]
SaleMode = Literal["english", "sealed_first", "dutch", "listing", "listing_bidding", "agreement"]
Licence = Literal["assign", "exclusive", "sole", "ordinary"]
Grade = Literal["A", "B", "C", "D"]


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known about an achievement. The first five are what the wizard asks for; everything else is optional."""

    industry: str
    """Row of the royalty table: medicine, software, …"""
    trl: int
    sales_fen: int | None = None
    """Expected yearly sales of the product made with it, in a normal year."""
    spent_fen: int | None = None
    """Spent on research and development so far."""
    remaining_years: float | None = None
    """Legal or economic life that is left, the shorter one."""
    title: str = ""
    field: str = ""
    region: str = ""
    licence: Licence = "assign"
    state_owned: bool = False
    valuation_fen: int | None = None
    """Of a licensed agency, if there is one."""
    family: int = 0
    bidders: float | None = None
    """How many qualified bidders are expected; None: the market's mean."""
    complex_contract: bool = False
    single_buyer: bool = False
    royalty_percent: float | None = None
    discount_percent: float | None = None
    success_percent: float | None = None
    own_value_fen: int | None = None
    """What it is worth to the seller if it is not sold."""
    completion_fen: int | None = None
    """What must still be spent until it can be sold as a product."""
    option_contract: bool = False
    """The contract is a right to decide later (选择权, 先使用后付费)."""
    option_years: float | None = None
    """How long the holder of that right may wait."""


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for a quote. `as_of_us` is the valuation date."""

    facts: Facts
    purpose: Purpose = "ask"
    subject: str = ""
    as_of_us: int = 0
    permitted: tuple[str, ...] = ()
    """Modes of sale that the law and the holder permit; empty: all."""
    without: tuple[str, ...] = ()
    """Refs of deals that must not speak, three at most: whoever thinks that they do not compare."""
    after: str = ""
    """The quote that this one varies, empty for a first one."""


class Range(Struct, frozen=True, kw_only=True):
    """A distribution of prices, fen."""

    p05: int
    p10: int
    p25: int
    p50: int
    p75: int
    p90: int
    p95: int


class Input(Struct, frozen=True, kw_only=True):
    """A number that an approach used: what, how much, where it is from, how sure. `given`: by the person who asked."""

    name: str
    value: str
    source: str
    date: str = ""
    confidence: str = ""
    given: bool = False


class Approach(Struct, frozen=True, kw_only=True):
    """One approach. `dropped` is the code of the reason why it has no weight, empty where it has one."""

    name: Literal["market", "comparables", "income", "option", "cost", "valuation"]
    weight: float
    p10_fen: int
    p50_fen: int
    p90_fen: int
    log_median: float
    log_sd: float
    inputs: tuple[Input, ...]
    steps: tuple[tuple[str, str], ...] = ()
    """Names of intermediate results and what they came to, as text with the unit."""
    dropped: str = ""


class Part(Struct, frozen=True, kw_only=True):
    """A bar of the waterfall."""

    factor: str
    log: float
    fen: int


class ComparableDeal(Struct, frozen=True, kw_only=True):
    """A deal that the range rests on: its weight, its price as adjusted to this one, and the range's middle without it."""

    ref: str
    title: str
    field: str
    trl: int
    sold: bool
    mode: str
    weight: float
    price_fen: int
    adjusted_fen: int
    without_fen: int | None
    at_us: int


class NormalDeal(Struct, frozen=True, kw_only=True):
    """A deal of the comparison: the logs that make its price one for this achievement, and what it weighs.

    `steps` in this order: rights, payment, competition (with the mode's own effect), time, features.
    """

    ref: str
    title: str
    mode: str
    price_fen: int
    steps: tuple[tuple[str, float], ...]
    adjusted_fen: int
    distance: float
    age_years: float
    quality: float
    weight: float


class OptionLine(Struct, frozen=True, kw_only=True):
    """The right to wait, fen: exercised at any time, only at the end, investing at once; and by other volatilities."""

    american_fen: int
    european_fen: int
    now_fen: int
    volatility: float
    by_volatility: tuple[tuple[float, int], ...]


class Swing(Struct, frozen=True, kw_only=True):
    """A bar of the tornado."""

    name: str
    low_input: float
    high_input: float
    low_fen: int
    high_fen: int


class Histogram(Struct, frozen=True, kw_only=True):
    """Result of the simulation: draws that fail bring nothing, the others fall into equal bins up to `top_fen`."""

    draws: int
    worthless: float
    bins: tuple[int, ...]
    top_fen: int
    mean_fen: int
    p10_fen: int
    p50_fen: int
    p90_fen: int
    works_p10_fen: int
    works_p50_fen: int
    works_p90_fen: int


class FrontierPoint(Struct, frozen=True, kw_only=True):
    """A reserve with what is expected of it."""

    reserve_fen: int
    revenue_fen: int
    sold: float


class ModeLine(Struct, frozen=True, kw_only=True):
    """A mode of sale with what is expected of it."""

    mode: str
    net_fen: int
    p10_fen: int
    sold: float
    best_chance: float
    behind: float
    days: int
    asking_fen: int


class Suggestion(Struct, frozen=True, kw_only=True):
    """The advice. The reserve is the seller's secret."""

    start_fen: int
    reserve_fen: int
    ask_fen: int
    ladder: tuple[tuple[int, int], ...]
    deposit_fen: int
    dutch_start_fen: int
    dutch_step_fen: int
    dutch_floor_fen: int
    dutch_tick_s: int
    relist_fen: tuple[int, ...]
    floor_fen: int
    """Below this the statutes ask for an approval; 0 where they say nothing."""
    floor_basis: str = ""


class Origin(Struct, frozen=True, kw_only=True):
    """From what a quote was made: with this it can be made again, bit for bit."""

    fit: int
    fit_head: int
    head: int
    snapshot: str
    """Hexadecimal SHA-256 of the observations up to `head`."""
    edits: int
    priors: str
    code: str
    seed: int


class Quote(Struct, frozen=True, kw_only=True):
    """The answer: a range, what it rests on, and what to do."""

    purpose: Purpose
    as_of_us: int
    valid_until_us: int
    origin: Origin
    grade: Grade
    n_eff: float
    success: float
    range: Range
    log_median: float
    log_sd: float
    approaches: tuple[Approach, ...]
    statistic: float
    p_value: float
    explanation: tuple[Part, ...]
    explained_from_fen: int
    comparables: tuple[ComparableDeal, ...]
    tornado: tuple[Swing, ...]
    histogram: Histogram | None
    suggestion: Suggestion
    frontier: tuple[FrontierPoint, ...]
    advised_mode: str
    mode_rule: str
    modes: tuple[ModeLine, ...]
    competition: float
    bidders: float
    lump_p50_fen: int
    royalty_plan_p50_fen: int | None
    warnings: tuple[str, ...]
    observed: int
    """Sold deals and unsold lots in the snapshot."""
    coverage: float | None = None
    """Share of past outcomes within their 80 % range, None while there are fewer than ten."""
    coverage_of: int = 0
    comparison: tuple[NormalDeal, ...] = ()
    """The comparison step by step, heaviest first."""
    option: OptionLine | None = None
    option_reason: str = ""
    """Why the achievement is, or is not, priced as an option: `early`, `contract`, or `ready`, `no_sales`, `no_completion`."""
    without: tuple[str, ...] = ()
    """Deals that were left out by whoever asked."""


class IndexPoint(Struct, frozen=True, kw_only=True):
    """A quarter of the index of prices, the first one 100. `deals` 0: too few to be told; `published`: it stands on its own deals,
    otherwise it leans on the quarter before.
    """

    quarter: str
    level: float
    deals: int
    published: bool


_ENCODER = msgspec.json.Encoder(order="deterministic")


def quote_text(quote: Quote) -> str:
    """Return a quote as the text that is stored: the same quote is the same text."""
    return _ENCODER.encode(quote).decode()


def wish_text(wish: Wish) -> str:
    """Return a wish as the text that is stored."""
    return _ENCODER.encode(wish).decode()


def read_quote(text: str) -> Quote:
    """Read a stored quote."""
    return msgspec.json.decode(text, type=Quote)


def read_wish(text: str) -> Wish:
    """Read a stored wish."""
    return msgspec.json.decode(text, type=Wish)


def is_about(wish: Wish, achievement: str, title: str) -> bool:
    """Tell whether a wish was about an achievement; by its title where one of both names no record."""
    if achievement and wish.subject:
        return wish.subject == f"achievement/{achievement}"
    return bool(title) and wish.facts.title == title


class WishInvalid(ValueError):
    """A wish is out of bounds; the argument names the field."""


WITHOUT_MAX: Final = 3
_AMOUNTS: Final = ("sales_fen", "spent_fen", "valuation_fen", "own_value_fen", "completion_fen")
_PERCENTS: Final = {"royalty_percent": 60.0, "discount_percent": 80.0, "success_percent": 100.0}


def check_wish(wish: Wish, industries: frozenset[str]) -> None:
    """Check bounds; implausible values within them are warned about in the quote.

    Raises:
        WishInvalid: the argument names the first field that is out of bounds.
    """
    facts = wish.facts
    if facts.industry not in industries:
        raise WishInvalid("industry")
    if not 1 <= facts.trl <= 9:
        raise WishInvalid("trl")
    for name in _AMOUNTS:
        amount = getattr(facts, name)
        if amount is not None and not 0 < amount <= FEN_MAX:
            raise WishInvalid(name)
    for name, most in _PERCENTS.items():
        share = getattr(facts, name)
        if share is not None and not 0 < share <= most:
            raise WishInvalid(name)
    if facts.remaining_years is not None and not 0 < facts.remaining_years <= 60:
        raise WishInvalid("remaining_years")
    if facts.bidders is not None and not 0 < facts.bidders <= 50:
        raise WishInvalid("bidders")
    _check_variant(wish)
    if not 0 <= facts.family <= 200:
        raise WishInvalid("family")
    if len(facts.title) > 200 or len(facts.field) > 40 or len(facts.region) > 12 or len(wish.subject) > 120:
        raise WishInvalid("title")


def _check_variant(wish: Wish) -> None:
    years = wish.facts.option_years
    if years is not None and not 0 < years <= 20:
        raise WishInvalid("option_years")
    if len(set(wish.without)) != len(wish.without) or len(wish.without) > WITHOUT_MAX:
        raise WishInvalid("without")
    if any(not 0 < len(ref) <= 120 for ref in wish.without):
        raise WishInvalid("without")
    if len(wish.after) > 20:
        raise WishInvalid("after")
