"""T8 .. T10: screens and lights. What they are worth where the truth is known, and on real cartel labels where they hardly are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import hypergeom
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from loadtests.pricing.datasets import Array, Tender, tsuchiura
from pricing.integrity.across import discoveries
from pricing.integrity.bids import bid_pattern
from pricing.integrity.fairness import Light, fairness, rolling
from pricing.lognormal import LogNormal

RING_SIZE, RINGS = 3, 4


class Rings(NamedTuple):
    """How pairs of a simulated market were ranked, and how clean the list for people is."""

    ap: float
    auc: float
    false_share: float


def rings(bidders: int, lots: int, attend: float, mean_bidders: float, seed: int) -> Rings:
    """Simulate a market with four rings of three whose members never outbid each other, and rank all pairs."""
    rng = np.random.default_rng(seed)
    ring = {b: b // RING_SIZE for b in range(RING_SIZE * RINGS)}
    came: list[set[int]] = []
    rows: list[tuple[list[int], Array, float]] = []
    for _ in range(lots):
        here = set(rng.choice(bidders, min(1 + rng.poisson(mean_bidders - 1), bidders), replace=False).tolist())
        for b in list(here):
            if b in ring:
                here |= {m for m in ring if ring[m] == ring[b] and rng.random() < attend}
        order = sorted(here)
        values = rng.normal(0.0, 0.5, len(order))
        shown = np.full(len(order), -math.inf)
        leaders: dict[int, tuple[float, int]] = {}
        for i, b in enumerate(order):
            if b in ring:
                best = leaders.get(ring[b])
                if best is None or values[i] > best[0]:
                    leaders[ring[b]] = (float(values[i]), i)
        for i, b in enumerate(order):
            mate = b in ring and leaders[ring[b]][1] != i
            shown[i] = values[i] - abs(rng.normal(0.6, 0.2)) if mate else values[i]
        came.append(here)
        price = float(np.sort(shown)[-2]) if len(order) > 1 else float("nan")
        rows.append((order, shown, price))
    return _ranked(bidders, came, rows, ring)


def _ranked(
    bidders: int, came: list[set[int]], rows: list[tuple[list[int], Array, float]], ring: dict[int, int]
) -> Rings:
    seen = Counter(b for here in came for b in here)
    met: Counter[tuple[int, int]] = Counter()
    close: dict[tuple[int, int], list[float]] = defaultdict(list)
    low: dict[tuple[int, int], list[float]] = defaultdict(list)
    expected = _by_count(rows)
    for order, shown, price in rows:
        if len(order) < 2:
            continue
        residual = price - expected(len(order))
        ranks = np.argsort(np.argsort(shown)) / (len(order) - 1)
        for (i, a), (j, b) in combinations(enumerate(order), 2):
            met[(a, b)] += 1
            close[(a, b)].append(float(min(ranks[i], ranks[j])))
            low[(a, b)].append(residual)
    pairs = list(combinations(range(bidders), 2))
    together = np.array([hypergeom.sf(met[p] - 1, len(rows), seen[p[0]], seen[p[1]]) for p in pairs])
    lift = -np.log(np.maximum(together, 1e-300))
    # A mate never challenges his mate: the lower of the two stands low, and prices are low where both are there.
    gap = np.array([_z(close[p], 1 / 3, 0.236) for p in pairs])
    below = np.array([_z(low[p], 0.0, 0.35) for p in pairs])
    score = _norm(lift) - 1.2 * gap - below
    truth = np.array([p[0] in ring and p[1] in ring and ring[p[0]] == ring[p[1]] for p in pairs])
    listed = np.array(discoveries([float(p) for p in together]))
    false_share = float((listed & ~truth).sum() / listed.sum()) if listed.any() else 0.0
    return Rings(float(average_precision_score(truth, score)), float(roc_auc_score(truth, score)), false_share)


def _by_count(rows: list[tuple[list[int], Array, float]]) -> Callable[[int], float]:
    groups: dict[int, list[float]] = defaultdict(list)
    for order, _, price in rows:
        if len(order) > 1:
            groups[len(order)].append(price)
    means = {n: float(np.mean(values)) for n, values in groups.items()}
    return lambda n: means.get(n, 0.0)


def _z(values: list[float], mean: float, sd: float) -> float:
    """Return how far a mean lies below what is usual; pairs that hardly met say little."""
    n = len(values)
    return 0.0 if n == 0 else (float(np.mean(values)) - mean) / sd * math.sqrt(n)


def _norm(values: Array) -> Array:
    spread = float(values.std()) or 1.0
    return np.asarray((values - values.mean()) / spread)


def cartel_labels() -> tuple[float, float, int]:
    """T9: area under the curve on Tsuchiura, years never mixed between learning and test.

    Returns:
        With screens within the auction alone; with those across the auctions of its year besides, who is known by what he does and
        never by his name: no label and no identity is carried from one year to another; and how many auctions there are.
    """
    within, across, labels, years = [], [], [], []
    for year, tenders in sorted(_by_year(tsuchiura()).items()):
        company = Company(tenders)
        for tender in tenders:
            pattern = bid_pattern([2 - bid for bid in tender.bids])
            if pattern is None:
                continue
            lowest = sorted(tender.bids)
            values = [
                pattern.variation, pattern.spread, pattern.lead, pattern.relative_distance, pattern.gap_ratio, pattern.skewness,
                pattern.kurtosis, pattern.uniform_distance, float(len(tender.bids)), lowest[0], lowest[1], float(np.mean(lowest)),
            ]  # fmt: skip
            within.append([min(max(value, -50.0), 50.0) for value in values])
            across.append(within[-1] + company.of(tender))
            labels.append(tender.cartel)
            years.append(year)
    y, groups = np.array(labels), np.array(years)
    return _by_trees(np.array(within), y, groups), _by_trees(np.array(across), y, groups), len(y)


def _by_year(tenders: list[Tender]) -> dict[int, list[Tender]]:
    found: dict[int, list[Tender]] = defaultdict(list)
    for tender in tenders:
        found[tender.year].append(tender)
    return found


def _by_trees(x: Array, y: Array, groups: Array) -> float:
    scores = np.zeros(len(y))
    for train, test in GroupKFold(n_splits=min(5, len(set(groups)))).split(x, y, groups):
        trees = ExtraTreesClassifier(400, min_samples_leaf=5, n_jobs=1, random_state=9).fit(x[train], y[train])
        scores[test] = trees.predict_proba(x[test])[:, 1]
    return float(roc_auc_score(y, scores))


class Company:
    """Who keeps company with whom in one year: meetings beside chance, order among two, wins of each, prices by number of bidders."""

    def __init__(self, tenders: list[Tender]) -> None:
        self._count = len(tenders)
        self._seen = Counter(b for t in tenders for b in set(t.firms))
        self._met: Counter[tuple[str, str]] = Counter()
        self._below: Counter[tuple[str, str]] = Counter()
        self._won: Counter[str] = Counter()
        prices: dict[int, list[float]] = defaultdict(list)
        for tender in tenders:
            bids = dict(zip(tender.firms, tender.bids, strict=True))
            for pair in combinations(sorted(bids), 2):
                self._met[pair] += 1
                self._below[pair] += bids[pair[0]] < bids[pair[1]]
            self._won[min(bids, key=lambda one: bids[one])] += 1
            prices[min(len(bids), 12)].append(min(tender.bids))
        self._usual = {n: float(np.mean(found)) for n, found in prices.items()}

    def of(self, tender: Tender) -> list[float]:
        """Return the figures of one auction's company."""
        bidders = sorted(set(tender.firms))
        pairs = list(combinations(bidders, 2))
        lift = [
            -math.log10(
                max(float(hypergeom.sf(self._met[p] - 1, self._count, self._seen[p[0]], self._seen[p[1]])), 1e-12)
            )
            for p in pairs
        ]
        order = [abs(self._below[p] / self._met[p] - 0.5) for p in pairs if self._met[p] >= 3]
        rates = [self._won[b] / self._seen[b] for b in bidders]
        seen = [float(self._seen[b]) for b in bidders]
        usual = self._usual[min(len(bidders), 12)]
        return [
            float(np.mean(lift)), float(np.max(lift)), float(np.mean(order)) if order else 0.25, float(np.mean(rates)),
            float(np.std(rates)), float(np.mean(seen)) / self._count, float(np.min(seen)) / self._count, min(tender.bids) - usual,
        ]  # fmt: skip


class Lights(NamedTuple):
    """T10: share of honest deals below each line, and how often the rolling test sees 40 % under-pricing."""

    amber: float
    red: float
    power: float


def lights(deals: int, sigma: float = 0.45) -> Lights:
    """Judge honest deals, and rows of five deals that are 40 % too low."""
    rng = np.random.default_rng(10)
    forecast = LogNormal(math.log(300), sigma)
    found = [fairness(forecast, float(p)) for p in np.exp(rng.normal(math.log(300), sigma, deals))]
    below = [one.light in (Light.AMBER, Light.RED) for one in found]
    low = rng.normal(math.log(300 * 0.6), sigma, (deals // 5, 5))
    caught = [rolling([(x - forecast.mu) / sigma for x in row]).p_value < 0.1 for row in low]
    return Lights(
        float(np.mean(below)), float(np.mean([one.light is Light.RED for one in found])), float(np.mean(caught))
    )


PLACES: Final = ("easy", "sometimes", "never")
