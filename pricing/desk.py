"""What the pricing process does when asked or told: quote, check fairness, learn an outcome, fit again, make a quote again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pricing.integrity.fairness import fairness
from pricing.integrity.watching import suspicions
from pricing.learning.conformal import credible_quantile
from pricing.learning.promotion import Verdict, promoted
from pricing.learning.scores import crps_normal, winkler
from pricing.lognormal import NORMAL, Z_90, LogNormal
from pricing.market import Market
from pricing.observations import Observed
from pricing.priors.tables import Priors
from pricing.quotes import Origin, Quote, Wish, WishInvalid, check_wish, quote_text, wish_text
from pricing.store import Case, Fit, OutcomeLine, PricingStore
from pricing.valuing import seed_of, value

T = TypeVar("T")

REFIT_AFTER: Final = 20
REFIT_CHECK_S: Final = 60.0
REFIT_DAY_US: Final = 86_400 * 1_000_000
FEW: Final = 10
WATCHED_MAX: Final = 5_000
ANCHOR_MIN, ANCHOR_LOTS, ANCHOR_MAX = 5, 50, 2_000
"""Deals on each side, lots that are looked at, and the market above which a second fit at each fit would cost too much."""


@cache
def code_hash() -> str:
    """Return the digest of the program that quotes: another program may give another quote."""
    digest = sha256()
    here = Path(__file__).parent
    for path in sorted((*here.rglob("*.py"), *here.rglob("*.json"))):
        digest.update(str(path.relative_to(here)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class PricingDesk:
    """One model, one worker thread, the store."""

    def __init__(self, store: PricingStore, now_us: Callable[[], int]) -> None:
        self.store, self._now_us = store, now_us
        self._worker = ThreadPoolExecutor(1, "pricing")
        self._turn = asyncio.Lock()
        self._market: Market | None = None
        self._fit: Fit | None = None
        self._head = 0
        self._snapshot = b""
        self._tried: int | None = None
        self._tried_us, self._tried_edits = 0, 0

    async def open(self) -> None:
        """Take the model in use up to the head of the observations; fit a first one where there is none."""
        async with self._turn:
            fit = await self.store.champion()
            if fit is None or fit.code != code_hash():
                await self._fit_anew((await self.store.head())[0])
                return
            head, snapshot = await self.store.head()
            market = await self._rebuilt(fit, head)
            self._market, self._fit, self._head, self._snapshot = market, fit, head, snapshot

    def close(self) -> None:
        """End the worker; what it does now is finished first."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    async def answer(self, ask: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request of the socket."""
        if ask == "quote":
            wish = msgspec.convert(request["wish"], Wish)
            return await self.quote(str(request["owner"])[:64], wish)
        if ask == "preview":
            quote = await self.preview(msgspec.convert(request["wish"], Wish))
            return {"quote": msgspec.to_builtins(quote)}
        if ask == "fairness":
            return await self.fairness(str(request["quote"])[:40], int(request["price_fen"]), bool(request["related"]))
        if ask == "recompute":
            return await self.recompute(str(request["quote"])[:40])
        if ask == "state":
            return {"head": self._head, "fit": 0 if self._fit is None else self._fit.number}
        return {"error": "malformed", "field": "ask"}

    async def quote(self, owner: str, wish: Wish) -> dict[str, Any]:
        """Work out a quote and store it before anybody can know the outcome."""
        quote = await self.preview(wish)
        kept = await self.store.keep_quote(owner, wish, quote, self._now_us())
        return {"id": kept.id, "digest": kept.digest.hex()}

    async def preview(self, wish: Wish) -> Quote:
        """Work out a quote without storing it.

        Raises:
            WishInvalid: a fact is out of bounds.
        """
        check_wish(wish, await self._industries())
        async with self._turn:
            market, fit = self._market, self._fit
            assert market is not None and fit is not None, "the desk is open"
            if len(market.places_of(wish.without)) != len(wish.without):
                raise WishInvalid("without")
            origin = self._origin(fit, self._head, self._snapshot, market, wish)
            coverage = await self._coverage()
            return await self._work(value, market, wish, origin, coverage)

    async def fairness(self, quote_id: str, price_fen: int, related: bool) -> dict[str, Any]:
        """Say where a price stands in the range that was quoted before it was agreed."""
        kept = await self.store.quote(quote_id)
        if kept is None:
            return {"error": "not_found", "field": "quote"}
        if price_fen <= 0:
            return {"error": "malformed", "field": "price_fen"}
        found = fairness(LogNormal(kept.quote.log_median, kept.quote.log_sd), float(price_fen), related=related)
        return {"percentile": found.percentile, "z": found.z, "light": found.light.value}

    async def recompute(self, quote_id: str) -> dict[str, Any]:
        """Make a stored quote again from its snapshot and tell whether every byte is the same."""
        kept = await self.store.quote(quote_id)
        if kept is None:
            return {"error": "not_found", "field": "quote"}
        same_code = kept.quote.origin.code == code_hash()
        fit = await self.store.fit(kept.quote.origin.fit)
        assert fit is not None, "a quote names the fit it was made with"
        market = await self._rebuilt(fit, kept.quote.origin.head)
        coverage = None if kept.quote.coverage is None else (kept.quote.coverage, kept.quote.coverage_of)
        again = await self._work(value, market, kept.wish, kept.quote.origin, coverage)
        snapshot = (await self.store.digest_at(kept.quote.origin.head)).hex() == kept.quote.origin.snapshot
        return {"same": quote_text(again) == kept.body, "same_snapshot": snapshot, "same_code": same_code}

    async def learn(self, added: Sequence[Observed]) -> None:
        """Score the forecast of each outcome, then learn it; model and snapshot move together."""
        async with self._turn:
            market, fit = self._market, self._fit
            assert market is not None and fit is not None, "the desk is open"
            for one in added:
                if one.seq != self._head + 1:
                    continue
                line = await self._work(_score, market, fit, one, self._now_us())
                if line is not None:
                    await self.store.add_outcome(line)
                self._head, self._snapshot = one.seq, await self.store.digest_at(one.seq)
                if self._is_due():
                    await self._fit_anew(self._head)
                    assert self._market is not None and self._fit is not None, "there was a model"
                    market, fit = self._market, self._fit
            await self._watch()

    async def _watch(self) -> None:
        """Look for patterns in all outcomes and put what people should see on their list."""
        outcomes = {
            line.observation: (line.log_price - line.log_median) / line.log_sd
            for line in await self.store.outcomes()
            if line.log_price is not None
        }
        observed = [one async for one in self.store.observations(max(self._head - WATCHED_MAX, 0), self._head)]
        shared, parties = await self.store.shared()
        found = await self._work(suspicions, observed, outcomes, shared, parties)
        cases = [
            (
                Case(
                    id=one.id, screen=one.screen, subjects=one.subjects, p_value=one.p_value, evidence=one.evidence,
                    opened_at_us=self._now_us(),
                ),
                one.listed,
            )
            for one in found
        ]  # fmt: skip
        if cases:
            await self.store.put_cases(cases, self._now_us())

    async def refit_when_due(self) -> None:
        """Fit again after a day or twenty outcomes; the new model is used if it is not worse."""
        while True:
            fit = self._fit
            assert fit is not None, "the desk is open"
            tried_us, tried_edits = max(self._tried_us, fit.fitted_at_us), max(self._tried_edits, fit.edits)
            old = self._now_us() - tried_us > REFIT_DAY_US and self._head > (self._tried or fit.head)
            if old or len(await self.store.edits()) != tried_edits:
                async with self._turn:
                    await self._fit_anew(self._head)
            await asyncio.sleep(REFIT_CHECK_S)

    def _is_due(self) -> bool:
        """A model of few deals is fitted again after each quarter more, a large one after twenty: units and groups are those of a fit."""
        assert self._fit is not None, "the desk is open"
        tried = self._tried if self._tried is not None else self._fit.head
        return self._head - tried >= min(REFIT_AFTER, max(tried // 4, 1))

    async def _fit_anew(self, head: int) -> None:
        snapshot = await self.store.digest_at(head)
        priors, edits = await self.store.priors()
        observed = [one async for one in self.store.observations(0, head)]
        seed = int.from_bytes(sha256(snapshot + code_hash().encode()).digest()[:8], "big") >> 1
        market = await self._work(Market, observed, priors, seed)
        self._tried, self._tried_us, self._tried_edits = head, self._now_us(), edits
        verdict = await self._verdict(market)
        promote = verdict.promote or (self._fit is not None and edits != self._fit.edits)
        anchored = await self._work(anchoring, market, observed, priors, seed)
        fit = await self.store.record_fit(
            head=head, edits=edits, code=code_hash(), seed=seed, metrics={**verdict.metrics, **anchored}, champion=promote,
            now_us=self._now_us(), index=market.hedonic.periods(),
        )  # fmt: skip
        if promote or self._market is None:
            self._market, self._fit, self._head, self._snapshot = market, fit, head, snapshot

    async def _verdict(self, challenger: Market) -> Verdict:
        """Compare champion and challenger on the outcomes that the champion forecast before it knew them."""
        fit, champion = self._fit, self._market
        if fit is None or champion is None or fit.code != code_hash():
            return Verdict(promote=True, metrics={"deals": float(len(challenger.known))})
        lines = [line for line in await self.store.outcomes() if line.crps is not None and line.fit == fit.number]
        theirs = await self._work(left_out_losses, challenger)
        paired = [
            (line.crps, theirs[line.observation], bool(line.covered))
            for line in lines
            if line.crps is not None and line.observation in theirs
        ]
        return promoted(
            [one for one, _, _ in paired], [other for _, other, _ in paired], challenger.model.scores,
            [covered for _, _, covered in paired], len(challenger.known),
        )  # fmt: skip

    async def _rebuilt(self, fit: Fit, head: int) -> Market:
        """Make a market again: fitted where it was fitted, then learnt outcome by outcome, as it was."""
        observed = [one async for one in self.store.observations(0, head)]
        priors, _ = await self.store.priors(fit.edits)
        return await self._work(_replayed, observed, fit, priors)

    async def _industries(self) -> frozenset[str]:
        priors, _ = await self.store.priors(0)
        return frozenset(row.code for row in priors.royalty)

    async def _coverage(self) -> tuple[float, int] | None:
        lines = [line.covered for line in await self.store.outcomes(200) if line.covered is not None]
        return (sum(lines) / len(lines), len(lines)) if len(lines) >= FEW else None

    def _origin(self, fit: Fit, head: int, snapshot: bytes, market: Market, wish: Wish) -> Origin:
        return Origin(
            fit=fit.number, fit_head=fit.head, head=head, snapshot=snapshot.hex(), edits=fit.edits,
            priors=market.priors.version, code=fit.code, seed=seed_of(snapshot, wish_text(wish), fit.code),
        )  # fmt: skip

    async def _work(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, function, *arguments)


def _replayed(observed: Sequence[Observed], fit: Fit, priors: Priors) -> Market:
    market = Market([one for one in observed if one.seq <= fit.head], priors, fit.seed)
    for one in observed:
        if one.seq > fit.head:
            market.learn(one)
    return market


def left_out_losses(market: Market) -> dict[int, float]:
    """Return, by place in the snapshot, the score of each sold deal as the others forecast it."""
    reach = credible_quantile(market.model.scores, 0.2) / Z_90
    return {
        market.known[place].seq: crps_normal(middle, unit * reach, float(market.model.deals.log_price[place]))
        for place, (middle, unit) in market.model.left_out.items()
    }


def anchoring(market: Market, observed: Sequence[Observed], priors: Priors, seed: int) -> dict[str, float | None]:
    """Say how much the market's own advice made the prices that it learns from (specification §7 no. 3).

    Returns:
        `followed`: deals whose sellers set what a quote advised; `advised`: deals with a quote; `anchor_shift`: by how much (log) the
        middle of the newest lots would move if the deals that followed were not learnt, None while those are few.
    """
    exposed = [one for one in observed if one.observation.followed is not None]
    followed = frozenset(one.seq for one in exposed if one.observation.followed)
    found: dict[str, float | None] = {
        "advised": float(len(exposed)), "followed": float(len(followed)), "anchor_shift": None,
    }  # fmt: skip
    rest = [one for one in observed if one.seq not in followed]
    if len(followed) < ANCHOR_MIN or len(rest) < ANCHOR_MIN or len(observed) > ANCHOR_MAX:
        return found
    other = Market(rest, priors, seed)
    newest = [one for one in observed[-ANCHOR_LOTS:] if one.observation.stratum == "technology"]
    pairs = [(market.forecast_of(one), other.forecast_of(one)) for one in newest]
    moves = [with_all[0].log_median - without[0].log_median for with_all, without in pairs if with_all and without]
    return {**found, "anchor_shift": sum(moves) / len(moves) if moves else None}


def _score(market: Market, fit: Fit, one: Observed, now_us: int) -> OutcomeLine | None:
    """Score the forecast that stood before the outcome, then learn it. None for things that are another population."""
    found = market.forecast_of(one)
    strange = market.learn(one)
    if found is None:
        return None
    forecast, log_price = found
    sd = forecast.sd * forecast.reach_80 / Z_90
    spread = math.exp(2 * Z_90 * sd)
    grade = (
        "D" if forecast.far or spread > 10 else "C" if spread > 4 or forecast.n_eff < 5 else "B" if spread > 2 else "A"
    )
    sold = one.observation.sold
    m = forecast.log_median
    return OutcomeLine(
        observation=one.seq, fit=fit.number, mode=one.observation.mode, grade=grade, log_median=m, log_sd=sd,
        log_price=log_price if sold else None, pit=NORMAL.cdf((log_price - m) / sd) if sold else None,
        crps=crps_normal(m, sd, log_price) if sold else None,
        winkler=winkler(m - Z_90 * sd, m + Z_90 * sd, log_price) if sold else None,
        covered=abs(log_price - m) <= Z_90 * sd if sold else None, quarantined=strange, at_us=now_us,
    )  # fmt: skip
