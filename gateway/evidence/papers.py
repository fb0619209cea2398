"""What the pages of an evidence file say: rows of text, made from the same records that lie in the archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.evidence.editions import Edition, Withheld
from engine.journal.codec import encode_event
from engine.journal.records import Record
from engine.rules.auction.state import LotState
from engine.rules.publicity.content import Confidential
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.values import PartyId
from gateway.evidence.deals import Deal
from gateway.formatting import money, until, when
from gateway.pages.i18n import catalogue, translate
from pricing.evidence import Shown
from pricing.lognormal import LogNormal
from settlement.evidence import Document, LedgerEntry, Step

ROWS_MAX: Final = 1_000
"""Lines of one table; what is more stands in the archive only, and the page says so."""
_BIDS: Final = frozenset(
    {
        "lot.bid_accepted", "lot.bid_rejected", "lot.bidder_admitted", "lot.price_taken", "lot.envelope_taken",
        "lot.best_bid_placed", "lot.priority_exercised", "lot.priority_waived",
    }
)  # fmt: skip
_AMOUNTS: Final = ("price", "amount", "quote")
_INSTANTS: Final = (
    "discloses_until_us",
    "closes_at_us",
    "ends_at_us",
    "sign_by_us",
    "until_us",
    "resumes_at_us",
    "decides_at_us",
)
_TEXTS: Final = (
    "reason",
    "reasons",
    "text",
    "approval_no",
    "minutes",
    "contract_ref",
    "certificate_no",
    "calendar_version",
)
_CODED: Final = ("way", "outcome", "cause", "ground", "ruling", "by", "stage")


class Rows:
    """Collects the lines of the bidding record and of the course of the procedure while records go by."""

    def __init__(self, deal: Deal, language: str) -> None:
        self._deal = deal
        self._language = language
        self._currency = deal.state.terms.currency
        self.course: list[list[str]] = []
        self.bids: list[list[str]] = []
        self.left = {"course": 0, "bids": 0}

    def take(self, record: Record, event: Any, closed: Withheld | None) -> None:
        """Take one record; what is withheld appears with what may be shown of it, or not at all."""
        plain = closed.shown if closed is not None else msgspec.json.decode(encode_event(event)[2])
        if plain is None:
            return
        if record.type in _BIDS:
            self._bid(record, plain)
        else:
            row = [str(record.stream_seq), when(record.at_us, seconds=True), self._who(record, event)]
            self._keep("course", self.course, [*row, event_name(record.type, self._language), self._detail(plain)])

    def _bid(self, record: Record, plain: dict[str, Any]) -> None:
        if record.type == "lot.bid_rejected":
            why = translate(self._language, f"short.{plain.get('reject', '')}")
            what = translate(self._language, "evidence.refused", code=why)
        elif record.type != "lot.bid_accepted":
            what = event_name(record.type, self._language)
        else:
            what = translate(self._language, "evidence.automatic" if plain.get("automatic") else "evidence.bid")
        price = plain.get("price") or plain.get("amount")
        row = [str(record.stream_seq), when(record.at_us, seconds=True), str(plain.get("code") or ""), what]
        self._keep("bids", self.bids, [*row, self._money(price), str(plain.get("leader_code") or "")])

    def _keep(self, name: str, rows: list[list[str]], row: list[str]) -> None:
        if len(rows) < ROWS_MAX:
            rows.append(row)
        else:
            self.left[name] += 1

    def _who(self, record: Record, event: Any) -> str:
        if record.actor in ("", "engine", "market"):
            role = "market"
        elif record.actor == self._deal.seller_id:
            role = "seller"
        elif record.actor in self._deal.buyers:
            role = "buyer"
        elif record.actor == getattr(event, "buyer_id", None):
            role = "other"
        else:
            role = "operator"
        return translate(self._language, f"evidence.who.{role}")

    def _detail(self, plain: Mapping[str, Any]) -> str:
        parts = [self._part(name, self._money(plain[name])) for name in _AMOUNTS if plain.get(name)]
        parts += [self._part(name, until(plain[name])) for name in _INSTANTS if plain.get(name)]
        parts += [self._part(name, str(plain[name])) for name in (*_CODED, *_TEXTS) if plain.get(name)]
        return translate(self._language, "evidence.joint").join(parts)

    def _part(self, name: str, value: str) -> str:
        return translate(self._language, f"evidence.part.{name}", value=value)

    def _money(self, digits: Any) -> str:
        return money(digits, self._currency.exponent, self._currency.code) if digits else ""


def event_name(wire: str, language: str) -> str:
    """Return what an event is called; one without a text by its name on the wire."""
    texts = catalogue(language)
    kind, _, name = wire.partition(".")
    return texts.get(f"evidence.event.{wire}") or texts.get(f"{kind}.event.{name}") or wire


def facts(deal: Deal, edition: Edition, names: Mapping[PartyId, str], language: str) -> list[list[str]]:
    """Return the first table: what, who, for how much, when."""
    state, currency = deal.state, deal.state.terms.currency

    def row(key: str, value: str) -> list[str]:
        return [translate(language, f"evidence.fact.{key}"), value]

    unnamed = translate(language, "evidence.unnamed")
    rows = [row("title", deal.title_zh)]
    if deal.title_en:
        rows.append(row("title_en", deal.title_en))
    rows += [
        row("kind", translate(language, f"evidence.kind.{deal.kind}")),
        row("id", deal.id),
        row("seller", names.get(deal.seller_id, unnamed)),
        row(
            "phase",
            translate(language, ("phase." if deal.kind == "lot" else f"{deal.kind}.phase.") + state.phase.value),
        ),
    ]
    if isinstance(state, LotState):
        if state.winner is not None and state.price is not None:
            buyer = f"{names.get(state.winner, unnamed)} · {state.codes[state.winner]}"
            rows += [
                row("buyer", buyer),
                row("price", money(state.price, currency.exponent, currency.code)),
                row("struck", when(state.ended_at_us, seconds=True)),
            ]
        for share in () if state.play is None else state.play.allocated:
            units = f"{money(share.price, currency.exponent, currency.code)} × {share.quantity}"
            rows.append(
                row("share", f"{names.get(share.bidder_id, unnamed)} · {share.code} · {units} {' '.join(share.lots)}")
            )
    elif isinstance(state, NoticeState):
        rows += _notice_facts(state, names, unnamed, row)
    else:
        for struck in state.deals:
            amount = money(struck.price, currency.exponent, currency.code)
            rows += [
                row("buyer", names.get(struck.buyer_id, unnamed)),
                row("price", f"{amount} · {translate(language, f'deal.way.{struck.way.value}')}"),
                row(
                    "struck",
                    f"{when(struck.struck_at_us, seconds=True)} · {translate(language, f'deal.phase.{struck.phase.value}')}",
                ),
            ]
    rows.append(row("edition", translate(language, f"evidence.edition.{edition.value}")))
    rule_version = getattr(state.terms, "rule_version", "")
    return [*rows, row("rules", rule_version)] if rule_version else rows


def _notice_facts(
    state: NoticeState, names: Mapping[PartyId, str], unnamed: str, row: Callable[[str, str], list[str]]
) -> list[list[str]]:
    content, currency = state.content, state.terms.currency
    buyer = content.buyer
    rows = [
        row("buyer", names.get(PartyId(buyer.party_id), unnamed if buyer.party_id else buyer.name_zh)),
        row("price", money(content.price, currency.exponent, currency.code)),
        row("published", when(state.first_published_at_us, seconds=True)),
        row("period_end", until(state.ends_at_us)),
    ]
    if state.certificate_no:
        rows.append(row("certificate", f"{state.certificate_no} · {when(state.certified_at_us)}"))
    return [*rows, row("struck", when(state.struck_at_us, seconds=True))] if state.struck_at_us else rows


def objections(deal: Deal, language: str) -> list[list[str]]:
    """Return the objections to a notice as everybody sees them."""
    state = deal.state
    if not isinstance(state, NoticeState):
        return []
    public = public_notice(state, state.last_at_us)
    return [
        [
            str(one.no),
            when(one.filed_at_us),
            translate(language, f"evidence.ground.{one.ground}"),
            translate(language, f"evidence.objection.{one.phase}"),
            one.reasons,
        ]
        for one in (public.objections if public is not None else ())
    ]


def basis(deal: Deal, edition: Edition, language: str) -> list[list[str]]:
    """Return what the price rests on, as far as the terms of the procedure say it; to a buyer only what was published."""
    terms, currency = deal.state.terms, deal.state.terms.currency

    def row(key: str, value: str) -> list[str]:
        return [translate(language, f"evidence.basis.{key}"), value]

    def amount(value: Any) -> str:
        return money(value, currency.exponent, currency.code)

    if isinstance(deal.state, LotState):
        rows = [row("start", amount(terms.start_price))]
        reserve = terms.reserve
        if reserve is not None and (reserve.public or edition is not Edition.BUYER):
            rows.append(row("reserve", amount(reserve.amount)))
        return rows
    if isinstance(deal.state, NoticeState):
        if edition is Edition.BUYER and deal.state.content.confidential is not Confidential.NO:
            return []
        return [
            row(
                one.kind.value,
                " · ".join(part for part in (amount(one.amount), one.reference, one.made_by, one.on, one.text) if part),
            )
            for one in deal.state.content.basis
        ]
    rows = [] if terms.list_price is None else [row("list", amount(terms.list_price))]
    asset = terms.state_asset
    if asset is not None and edition is not Edition.BUYER:
        rows += [
            row("valuation", f"{amount(asset.valuation)} · {asset.valuation_no} · {when(asset.valued_at_us)[:10]}"),
            row("floor", f"{asset.floor_bps / 100:g}%"),
        ]
    return rows


def step_row(step: Step, language: str) -> list[str]:
    """Return a step of settlement: a deposit's, the deal's, its contract's or its registration's."""
    texts = catalogue(language)
    what = texts.get(f"evidence.step.{step.type}") or step.type
    return [translate(language, f"evidence.settled.{step.kind.value}"), step.id, what, when(step.at_us, seconds=True)]


def entry_row(entry: LedgerEntry, language: str) -> list[str]:
    """Return an entry of the ledger."""
    what = catalogue(language).get(f"evidence.money.{entry.fact}") or entry.fact
    return [str(entry.number), what, money(entry.amount_fen), when(entry.at_us, seconds=True)]


def quote_row(one: Shown, price_fen: int | None) -> list[str]:
    """Return a price estimate: number, when, its 80 % range and grade, where the deal came to stand, decisions recorded on it."""
    at = one.quote.range
    spread = LogNormal(one.quote.log_median, one.quote.log_sd)
    place = "–" if price_fen is None else f"{spread.cdf(price_fen):.0%}"
    ends = f"{money(at.p10)} – {money(at.p90)}"
    return [one.id, when(one.quoted_at_us, seconds=True), f"{ends} ({one.quote.grade})", place, str(one.decisions)]


def paper_row(paper: Document, language: str) -> list[str]:
    """Return a paper of the deal."""
    what = catalogue(language).get(f"evidence.paper.{paper.kind}") or paper.kind
    return [what, paper.about, when(paper.at_us, seconds=True), paper.digest]
