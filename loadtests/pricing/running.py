"""T12 .. T15: how quick quotes are, that they are the same bytes, that explanations add up, and what scale and order change."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from engine.typesetting.request import Frame
from engine.typesetting.typesetter import Typesetter
from gateway.pages.i18n import translate
from gateway.pages.pricing import TEMPLATE, charts_of
from gateway.pages.pricing_charts import on_paper
from gateway.pages.pricing_report import report_data
from gateway.pages.pricing_words import rough
from loadtests.stand import Postgres, Server
from pricing.market import Market
from pricing.observations import Observation, Observed
from pricing.priors.tables import packaged_priors
from pricing.quotes import Facts, Origin, Wish, quote_text
from pricing.store import StoredQuote
from pricing.valuing import value

START_US: Final = 1_600_000_000_000_000
HOUR_US: Final = 3_600_000_000
SETTLES_S: Final = 8.0
"""After the start, so that the pricing process has made its first model."""


def observed(count: int, seed: int = 1, factor: float = 1.0) -> list[Observed]:
    """Return a made-up market of sold and unsold achievements."""
    rng = np.random.default_rng(seed)
    codes = [row.code for row in packaged_priors().royalty]
    found = []
    for number in range(count):
        which, trl = int(rng.integers(len(codes))), int(rng.integers(2, 10))
        log = math.log(30_000_000) + 0.25 * trl + 0.2 * (which % 3) + 0.6 * float(rng.standard_normal())
        one = Observation(
            sold=bool(rng.random() > 0.2), price_fen=max(round(math.exp(log) * factor), 2_000_000), mode="english",
            industry=codes[which], trl=trl, remaining_years=float(rng.uniform(2, 20)), title=f"{codes[which]}{number % 23}",
            bidders=int(rng.integers(1, 6)),
        )  # fmt: skip
        found.append(Observed(seq=number + 1, ref=f"lot/x{number}", at_us=START_US + number * HOUR_US, observation=one))
    return found


def wish(number: int = 0) -> Wish:
    """Return one of many wishes."""
    facts = Facts(
        industry=("software", "food", "energy")[number % 3], trl=3 + number % 6, sales_fen=500_000_000 + number * 1_000_000,
        spent_fen=200_000_000, remaining_years=5.0 + number % 12, title=f"成果{number % 40}",
    )  # fmt: skip
    return Wish(facts=facts, as_of_us=START_US + 60_000 * HOUR_US)


def origin() -> Origin:
    """Return an origin for quotes that are not stored."""
    priors = packaged_priors().version
    return Origin(fit=1, fit_head=0, head=0, snapshot="", edits=0, priors=priors, code="", seed=5)


def speed(deals: int, quotes: int = 60) -> tuple[float, float, float]:
    """Return p95 of a quote and the time to learn a deal in ms, and the time to fit in s: process time, which others cannot lengthen."""
    begun = time.process_time()
    market = Market(observed(deals), packaged_priors(), 1)
    fitted = time.process_time() - begun
    times = []
    for number in range(quotes):
        begun = time.process_time()
        value(market, wish(number), origin())
        times.append(time.process_time() - begun)
    more = observed(deals + 10)[-10:]
    begun = time.process_time()
    for one in more:
        market.learn(one)
    learnt = (time.process_time() - begun) / len(more)
    return float(np.quantile(times, 0.95)) * 1_000, learnt * 1_000, fitted


def digest(deals: int = 150) -> str:
    """Return the digest of some quotes of a market made from nothing."""
    market = Market(observed(deals), packaged_priors(), 1)
    text = "".join(quote_text(value(market, wish(n), origin())) for n in range(5))
    return hashlib.sha256(text.encode()).hexdigest()


def same_bytes() -> list[str]:
    """Return the digests of two runs with one thread and two with two."""
    found = []
    for threads in ("1", "1", "2", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        program = "from loadtests.pricing.running import digest; print(digest())"
        out = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        found.append(out.stdout.strip())
    return found


def explained(deals: int = 200, quotes: int = 30) -> tuple[int, float]:
    """Return the greatest remainder of a waterfall in fen, and how far the deals' weights miss the process's mean (logs)."""
    market = Market(observed(deals), packaged_priors(), 1)
    remainder, miss = 0, 0.0
    for number in range(quotes):
        quote = value(market, wish(number), origin())
        whole = quote.explained_from_fen + sum(part.fen for part in quote.explanation)
        remainder = max(remainder, abs(whole - quote.approaches[0].p50_fen))
        lots = market.lots_of(wish(number).facts, "english", wish(number).as_of_us)
        weights = market.model.explain(lots).weights
        by_deals = sum(weight * float(market.model.y[place]) for place, weight in weights)
        process = float(market.model._process(market.model.encoder.encode(lots.full()))[0][0])
        miss = max(miss, abs(by_deals - process))
    return remainder, miss


def engine_memory() -> dict[str, bool]:
    """Return which numeric packages the market's own process loads: none may be."""
    program = (
        "import sys, json, gateway.serve; "
        "print(json.dumps({n: n in sys.modules for n in ('numpy', 'scipy', 'sklearn', 'crepes')}))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return dict(json.loads(out.stdout))


def report_seconds(language: str = "zh") -> tuple[float, int]:
    """Return how long a report with everything in it takes on paper (wall time of the child that sets it), and its bytes."""
    market, asked = Market(observed(200), packaged_priors(), 1), wish()
    quote = value(market, asked, origin())
    kept = StoredQuote(
        id="q0000000000000001", number=1, owner="", subject="", wish=asked, quote=quote, body=quote_text(quote), digest=bytes(32),
        quoted_at_us=START_US,
    )  # fmt: skip
    t, money = partial(translate, language), partial(rough, language=language)
    frame = Frame(
        title="report", market="bench", number=kept.id, verify_url="http://localhost/", dated_us=START_US, language="zh"
    )

    async def set_once() -> bytes:
        drawn = {name: on_paper(chart) for name, chart in charts_of(kept, t, money).items()}
        return await Typesetter().set(TEMPLATE, frame, {**report_data(kept, t, language), "charts": drawn})

    begun = time.perf_counter()
    body = asyncio.run(set_once())
    return time.perf_counter() - begun, len(body)


def memory_beside() -> tuple[float, float]:
    """Return what the market's own process holds in MB (proportional set) with pricing beside it, and without."""

    async def held(folder: Path, pricing: str) -> float:
        postgres = Postgres(folder / "postgres")
        await postgres.start()
        server = Server(folder, postgres.dsn, more={"ORTOO_PRICING_PROCESS": pricing})
        try:
            await server.start()
            await asyncio.sleep(SETTLES_S)
            lines = Path(f"/proc/{server.pid}/smaps_rollup").read_text().splitlines()
            return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024
        finally:
            await server.stop()
            await postgres.stop()

    found = []
    for pricing in ("true", "false"):
        with TemporaryDirectory() as folder:
            found.append(asyncio.run(held(Path(folder), pricing)))
    return found[0], found[1]
