"""The market as the model sees it: observations turned into rows, fitted once, then learnt one by one. A pure function of its inputs."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.advice.demand import Demand
from pricing.advice.estimating import Spread, fit_spread
from pricing.hedonic import Hedonic, Sold, fit_hedonic
from pricing.learning.deals import Deals, Lots
from pricing.learning.encoding import table
from pricing.learning.level import Prior
from pricing.learning.model import Forecast, Look, Model, Settings
from pricing.normalising import competition_step, payment_step, rights_step
from pricing.observations import Observed
from pricing.priors.tables import Priors
from pricing.quotes import Facts

NUMBERS: Final = ("trl", "remaining_years", "family")
CATEGORIES: Final = ("industry", "field", "region", "licence", "mode")
TEXT_WIDTH: Final = 128
YEAR_US: Final = 365.25 * 86_400 * 1_000_000
FEN_A_YUAN: Final = 100
SPREAD_LOTS_MAX: Final = 300
SIGMA_MIN, SIGMA_MAX = 0.2, 1.5


class Market:
    """The model over the sold and unsold lots of technology, with what past auctions say about bidders.

    Certificates that are sold for some hundred yuan are another population and left out.
    """

    def __init__(self, observed: Sequence[Observed], priors: Priors, seed: int) -> None:
        self.priors = priors
        self.known: list[Observed] = [one for one in observed if _belongs(one)]
        self.latest_us = max((one.at_us for one in self.known), default=0)
        settings = Settings(
            prior=Prior(
                log_median=priors.figure_of("category_log_median") + math.log(FEN_A_YUAN),
                log_sd=priors.figure_of("category_log_sd"),
                valued_log_sd=priors.figure_of("expert_log_sd"),
            ),
            seed=seed,
            number_names=NUMBERS,
            category_names=CATEGORIES,
            has_text=True,
            has_time=True,
        )
        self.origin_us = min((one.at_us for one in self.known), default=0)
        self.model = Model(_deals(self.known, priors, self.origin_us), settings)
        self.demand = Demand(priors.figure_of("bidders_shape"), priors.figure_of("bidders_rate")).after(
            [one.observation.bidders for one in self.known if one.observation.bidders]
        )
        self.spread = self._fit_spread()
        self.told = _told(self.model.deals.lots)
        self.hedonic = self._fit_hedonic()

    @property
    def sigma(self) -> float:
        """Spread (log sd) of what bidders would pay, within what can be believed."""
        return min(max(self.spread.sigma, SIGMA_MIN), SIGMA_MAX)

    def _fit_spread(self) -> Spread:
        lots = []
        for one in reversed(self.known):
            dropped = [fen for fen in one.observation.dropped_fen if fen > 0]
            if dropped and one.observation.sold:
                middle = math.log(one.observation.price_fen)
                lots.append([math.log(fen) - middle for fen in dropped])
            if len(lots) == SPREAD_LOTS_MAX:
                break
        return fit_spread(lots)

    def _fit_hedonic(self) -> Hedonic:
        places = np.flatnonzero(self.model.used & ~self.model.deals.unsold)
        chosen = [self.known[place] for place in places]
        log_price = [
            float(self.model.deals.log_price[place]) + competition_step(one.observation.mode, one.observation.bidders, self.sigma)
            for place, one in zip(places, chosen, strict=True)
        ]  # fmt: skip
        sold = Sold(
            self.model.rows.take(places), self.told[places], np.array(log_price), tuple(one.observation.mode for one in chosen),
            np.array([one.at_us for one in chosen], dtype=np.int64), 1 / self.model.deals.scale[places],
        )  # fmt: skip
        figure = self.priors.figure_of
        return fit_hedonic(
            sold, drift=figure("index_drift_sd") ** 2, noise=figure("category_log_sd") ** 2, bandwidth=figure("bandwidth"),
            decay=figure("yearly_decay"), now_us=self.latest_us,
        )  # fmt: skip

    def places_of(self, refs: Sequence[str]) -> frozenset[int]:
        """Return the places of outcomes by their refs; those that are not known are passed over."""
        wanted = frozenset(refs)
        return frozenset(place for place, one in enumerate(self.known) if one.ref in wanted) if wanted else frozenset()

    def look(
        self, facts: Facts, mode: str, at_us: int, shown: int, removed: int, left_out: frozenset[int] = frozenset()
    ) -> Look:
        """Forecast the price of the whole right in an achievement; the kind of licence is applied by whoever asks."""
        return self.model.look(self.lots_of(facts, mode, at_us), shown, removed, left_out)

    def lots_of(self, facts: Facts, mode: str, at_us: int) -> Lots:
        """Return an achievement as a row."""
        years = (at_us - self.origin_us) / YEAR_US if self.known else 0.0
        return _lots(
            [[facts.trl, _nan(facts.remaining_years), facts.family]],
            [[facts.industry, facts.field, facts.region, facts.licence, mode]],
            [facts.title],
            [years],
            [_nan(facts.valuation_fen)],
        )

    def learn(self, one: Observed) -> bool:
        """Learn one more outcome; tell whether it was set aside for a person to look at."""
        if not _belongs(one):
            return False
        if not self.known:
            self.origin_us = one.at_us
        deals = _deals([one], self.priors, self.origin_us)
        strange = self.model.update(deals)
        self.known.append(one)
        self.told = np.vstack((self.told, _told(deals.lots)))
        self.latest_us = max(self.latest_us, one.at_us)
        if one.observation.bidders:
            self.demand = self.demand.after([one.observation.bidders])
        return strange

    def forecast_of(self, one: Observed) -> tuple[Forecast, float] | None:
        """Forecast an outcome before it is learnt; with the log of its normalised price. None for another population."""
        if not _belongs(one):
            return None
        deals = _deals([one], self.priors, self.origin_us if self.known else one.at_us)
        return self.model.forecast(deals.lots)[0], float(deals.log_price[0])


def _belongs(one: Observed) -> bool:
    return one.observation.stratum == "technology" and one.observation.price_fen > 0


def _nan(value: float | int | None) -> float:
    return math.nan if value is None else float(value)


def _told(lots: Lots) -> NDArray[np.bool_]:
    """Return which numbers of which lots are known, the valuation last."""
    return np.asarray(~np.isnan(np.column_stack((lots.table.numbers, lots.log_valuation))))


def _deals(known: Sequence[Observed], priors: Priors, origin_us: int) -> Deals:
    """Return observations as deals: prices stand for the whole right, paid at once."""
    rows = [one.observation for one in known]
    numbers = [[_nan(o.trl), _nan(o.remaining_years), o.family] for o in rows]
    categories = [[o.industry, o.field, o.region, o.licence, o.mode] for o in rows]
    lots = _lots(
        numbers,
        categories,
        [o.title for o in rows],
        [(one.at_us - origin_us) / YEAR_US for one in known],
        [_nan(o.valuation_fen) for o in rows],
    )
    log_price = np.array(
        [math.log(o.price_fen) + rights_step(o.licence, priors) + payment_step(o, priors) for o in rows]
    )
    unsold = np.array([not o.sold for o in rows], dtype=bool)
    return Deals(lots, log_price, unsold, np.array([1 / o.quality for o in rows]))


def _lots(
    numbers: list[list[float]], categories: list[list[str]], titles: list[str], years: list[float], valuations: list[float]
) -> Lots:  # fmt: skip
    n = len(titles)
    return Lots(
        table(
            np.array(numbers, dtype=np.float64).reshape(n, len(NUMBERS)),
            np.array(categories, dtype=np.str_).reshape(n, len(CATEGORIES)),
            np.array([embedding(title) for title in titles]).reshape(n, TEXT_WIDTH),
            np.array(years, dtype=np.float64),
        ),
        np.log(np.array(valuations, dtype=np.float64)),
    )


def embedding(text: str) -> NDArray[np.float32]:
    """Return a unit vector of a title: its one to three characters, hashed. Equal titles are equal, other ones nearly at right angles."""
    found = np.zeros(TEXT_WIDTH)
    plain = "".join(text.split()).lower()
    for size in (1, 2, 3):
        for start in range(len(plain) - size + 1):
            code = zlib.crc32(plain[start : start + size].encode())
            found[code % TEXT_WIDTH] += 1.0 if code & 0x8000_0000 else -1.0
    length = float(np.linalg.norm(found))
    return (found / length if length else found).astype(np.float32)
