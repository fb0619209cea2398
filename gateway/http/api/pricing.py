"""Endpoints of pricing: quotes, what-if, fairness, decisions, the public record of calibration, cases for reviewers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call, Endpoint
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import Digits, Instant, Query
from gateway.http.api.wishes import Wish as Body
from gateway.pricing import asking
from gateway.pricing.record import Calibration, calibration_of
from pricing.quotes import FEN_MAX, WITHOUT_MAX, Facts, IndexPoint, Quote, SaleMode, Wish
from pricing.store import StoredQuote

V1 = "/api/v1"
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class FactsWish(Body):
    """What is known about an achievement. Amounts are fen in digits."""

    industry: str = Field(max_length=40, description="Row of the royalty table.")
    trl: int = Field(ge=1, le=9)
    sales_fen: Digits | None = Field(None, description="Expected yearly sales in a normal year.")
    spent_fen: Digits | None = Field(None, description="Spent on research so far.")
    remaining_years: float | None = Field(None, gt=0, le=60)
    title: str = Field("", max_length=200)
    licence: Literal["assign", "exclusive", "sole", "ordinary"] = "assign"
    state_owned: bool = False
    valuation_fen: Digits | None = None
    family: int = Field(0, ge=0, le=200)
    bidders: float | None = Field(None, gt=0, le=50)
    complex_contract: bool = False
    single_buyer: bool = False
    royalty_percent: float | None = Field(None, gt=0, le=60)
    discount_percent: float | None = Field(None, gt=0, le=80)
    success_percent: float | None = Field(None, gt=0, le=100)
    own_value_fen: Digits | None = None
    completion_fen: Digits | None = Field(
        None, description="What must still be spent until it can be sold as a product."
    )
    option_contract: bool = Field(False, description="The contract is a right to decide later.")
    option_years: float | None = Field(None, gt=0, le=20)

    def facts(self) -> Facts:
        """Return the module's form."""
        values: dict[str, Any] = dict(self)
        for name in ("sales_fen", "spent_fen", "valuation_fen", "own_value_fen", "completion_fen"):
            values[name] = None if values[name] is None else min(int(values[name]), FEN_MAX + 1)
        return Facts(**values)


class QuoteWish(Body):
    """A request for a quote; `as_of_us` 0 is now."""

    facts: FactsWish
    purpose: Literal["start", "reserve", "ask", "fairness", "mode"] = "ask"
    achievement: str = Field("", max_length=60)
    as_of_us: Instant = 0
    permitted: tuple[SaleMode, ...] = Field(
        (), max_length=6, description="Modes that law and holder permit; empty: all."
    )
    without: tuple[Annotated[str, StringConstraints(min_length=1, max_length=120)], ...] = Field(
        (), max_length=WITHOUT_MAX, description="Refs of comparable deals that must not speak."
    )
    after: str = Field("", max_length=20, description="Id of an own quote that this one varies.")


class FairnessWish(Body):
    """An agreed price beside a quote that was made before."""

    quote: str = Field(max_length=40)
    price_fen: Digits
    related: bool = False


class DecisionWish(Body):
    """What the decision-makers chose. A departure from the advice is allowed and needs its reason."""

    chosen_mode: SaleMode
    chosen_price_fen: Digits
    reason: Text
    people: tuple[Annotated[str, StringConstraints(min_length=1, max_length=60)], ...] = Field(
        min_length=1, max_length=30
    )
    conflicts: str = Field(
        "", max_length=1_000, description="Declared conflicts of interest, in words; empty: none declared."
    )


class VerdictWish(Body):
    """A reviewer's verdict; no verdict punishes anybody."""

    verdict: Literal["harmless", "watch", "referred"]
    reason: Text


class CalibrationQuery(Query):
    """Of one mode of sale, or of all."""

    mode: str = Field("", max_length=40)


class QuoteView(Struct, frozen=True, kw_only=True):
    """A stored quote. Money is whole fen."""

    id: str
    digest: str
    subject: str
    quoted_at_us: int
    currency: str
    unit: str
    quote: Quote


class PreviewQuoteView(Struct, frozen=True, kw_only=True):
    """A quote that was not stored."""

    quote: Quote


class RecomputeView(Struct, frozen=True, kw_only=True):
    """Whether a quote made again is the same, byte by byte; with another program it may not be."""

    same: bool
    same_snapshot: bool
    same_code: bool


class FairnessView(Struct, frozen=True, kw_only=True):
    """Where a price stands. One deal proves little."""

    percentile: float
    z: float
    light: str


class FitView(Struct, frozen=True, kw_only=True):
    """The card of a model version."""

    number: int
    observations: int
    code: str
    champion: bool
    fitted_at_us: int
    metrics: dict[str, float | None]


class IndexView(Struct, frozen=True, kw_only=True):
    """The index of prices by quarter, the first one 100, of the model in use. Quarters with fewer than five deals tell no number."""

    base: float
    points: list[IndexPoint]


class CaseView(Struct, frozen=True, kw_only=True):
    """A case for reviewers: a pattern, how likely it is by accident, and the rows."""

    id: str
    screen: str
    subjects: tuple[str, ...]
    p_value: float
    evidence: list[dict[str, Any]]
    verdict: str


class CasesView(Struct, frozen=True, kw_only=True):
    """The list for people, undecided ones first."""

    cases: list[CaseView]


async def quote(call: Call, wish: QuoteWish) -> QuoteView:
    """Ask for a quote."""
    return _view(await asking.ask_quote(call.services, call.caller, _wish(call, wish)))


async def what_if(call: Call, wish: QuoteWish) -> PreviewQuoteView:
    """Try other facts without storing anything."""
    return PreviewQuoteView(quote=await asking.ask_preview(call.services, call.caller, _wish(call, wish)))


async def show(call: Call) -> QuoteView:
    """Return a stored quote."""
    return _view(await asking.stored(call.services, call.caller, call.path["id"]))


async def recompute(call: Call) -> RecomputeView:
    """Make it again."""
    return RecomputeView(**await asking.ask_again(call.services, call.caller, call.path["id"]))


async def fairness(call: Call, wish: FairnessWish) -> FairnessView:
    """Judge an agreed price."""
    price = int(wish.price_fen)
    if not 0 < price <= FEN_MAX:
        raise Refused(Code.MALFORMED, fields="price_fen")
    return FairnessView(**await asking.ask_fairness(call.services, call.caller, wish.quote, price, wish.related))


async def decide(call: Call, wish: DecisionWish) -> DoneView:
    """Record what was chosen."""
    kept = await asking.stored(call.services, call.caller, call.path["id"])
    await call.services.pricing.store.record_decision(
        kept.id, wish.model_dump(), _account(call.caller), call.services.now_us
    )
    return DoneView()


async def calibration(call: Call, query: CalibrationQuery) -> Calibration:
    """Return the public record of past forecasts."""
    return calibration_of(await call.services.pricing.store.outcomes(), query.mode)


async def index(call: Call) -> IndexView:
    """Return the index of prices: what the same thing would have fetched in each quarter."""
    return IndexView(base=100.0, points=await call.services.pricing.store.index())


async def model(call: Call) -> FitView:
    """Return the card of a model version."""
    number = call.path["number"]
    fit = await call.services.pricing.store.fit(int(number)) if number.isdigit() and len(number) < 10 else None
    if fit is None:
        raise Refused(Code.NOT_FOUND)
    return FitView(
        number=fit.number, observations=fit.head, code=fit.code, champion=fit.champion, fitted_at_us=fit.fitted_at_us,
        metrics=dict(fit.metrics),
    )  # fmt: skip


async def cases(call: Call) -> CasesView:
    """Return what waits for reviewers."""
    found = await call.services.pricing.store.cases()
    return CasesView(
        cases=[
            CaseView(
                id=one.id, screen=one.screen, subjects=one.subjects, p_value=one.p_value,
                evidence=[dict(row) for row in one.evidence], verdict=one.verdict,
            )
            for one in found
        ]
    )  # fmt: skip


async def verdict(call: Call, wish: VerdictWish) -> DoneView:
    """Record a reviewer's verdict."""
    store = call.services.pricing.store
    if await store.case(call.path["id"][:40]) is None:
        raise Refused(Code.NOT_FOUND)
    await store.decide(call.path["id"], wish.verdict, wish.reason, _account(call.caller), call.services.now_us)
    return DoneView()


def _wish(call: Call, wish: QuoteWish) -> Wish:
    return Wish(
        facts=wish.facts.facts(), purpose=wish.purpose, subject=f"achievement/{wish.achievement}" if wish.achievement else "",
        as_of_us=wish.as_of_us or call.services.now_us, permitted=tuple(wish.permitted),
        without=tuple(wish.without), after=wish.after,
    )  # fmt: skip


def _view(kept: StoredQuote) -> QuoteView:
    return QuoteView(
        id=kept.id, digest=kept.digest.hex(), subject=kept.subject, quoted_at_us=kept.quoted_at_us, currency="CNY", unit="fen",
        quote=kept.quote,
    )  # fmt: skip


def _account(caller: Caller) -> str:
    assert caller.account is not None, "the door lets no anonymous caller in"
    return str(caller.account.id)


_ASKED = (Code.MALFORMED, Code.NOT_FOUND, Code.UNAVAILABLE)

PRICING_ENDPOINTS = (
    Endpoint("POST", f"{V1}/pricing/quotes", "Ask what an achievement may be worth", quote, QuoteView, QuoteWish, _ASKED),
    Endpoint("POST", f"{V1}/pricing/what-if", "The same, not stored", what_if, PreviewQuoteView, QuoteWish, _ASKED),
    Endpoint("GET", f"{V1}/pricing/quotes/{{id}}", "A stored quote", show, QuoteView, refuses=(Code.NOT_FOUND,)),
    Endpoint(
        "POST", f"{V1}/pricing/quotes/{{id}}/recompute", "Make it again, byte by byte", recompute, RecomputeView,
        refuses=(Code.NOT_FOUND, Code.UNAVAILABLE),
    ),
    Endpoint(
        "POST", f"{V1}/pricing/quotes/{{id}}/decisions", "Record what was chosen", decide, DoneView, DecisionWish,
        (Code.NOT_FOUND,),
    ),
    Endpoint("POST", f"{V1}/pricing/fairness", "Judge an agreed price", fairness, FairnessView, FairnessWish, _ASKED),
    Endpoint("GET", f"{V1}/pricing/calibration", "How forecasts have done", calibration, Calibration, CalibrationQuery),
    Endpoint("GET", f"{V1}/pricing/index", "Prices of like things by quarter", index, IndexView),
    Endpoint("GET", f"{V1}/pricing/models/{{number}}", "Card of a model version", model, FitView, refuses=(Code.NOT_FOUND,)),
    Endpoint("GET", f"{V1}/surveillance/cases", "Patterns that wait for reviewers", cases, CasesView),
    Endpoint(
        "POST", f"{V1}/surveillance/cases/{{id}}/verdicts", "Record a verdict", verdict, DoneView, VerdictWish,
        (Code.NOT_FOUND,),
    ),
)  # fmt: skip
