"""The terms of other formats in plain sentences, for every bidder on the lot page."""

from __future__ import annotations

from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.terms import Terms
from gateway.formatting import duration, money, when
from gateway.pages.i18n import translate


def format_sentences(terms: Terms, play: ft.SessionTerms, language: str) -> list[str]:
    """Return the rules of a format, one sentence each, in the order a bidder asks for them. Secret floors stay secret."""
    words = _Words(terms, language)
    kind, opening, priority, rounds = play.format, play.opening, play.priority, play.rounds
    said = [words.say(f"format.{ft.format_of(play)}"), *words.course(kind)]
    if opening is not None:
        said.append(words.say("sealed.nobody_reads"))
        said.append(words.say("sealed.opening", due=words.long(opening.due_us), last=words.long(opening.last_us)))
        said.append(words.say("sealed.broken"))
    if priority is not None:
        said.append(words.say(f"priority.{priority.mode.value}", window=words.long(priority.window_us)))
    if rounds is not None:
        cut = f"{rounds.cut_max_bps / 100:g}"
        if ft.is_sell_off(play):
            said.append(words.say("sell_off.now"))
        else:
            said.append(words.say("rounds", no=play.round_no, most=rounds.rounds_max, cut=cut))
            said += [words.say("sell_off")] if rounds.sell_off else []
    if not isinstance(kind, ft.Ascending):  # said with the open terms there
        said.append(words.say("exclusion.falling" if isinstance(kind, ft.Falling) else "exclusion.sealed"))
    return [*said, words.say("no_retraction"), words.say("codes")]


class _Words:
    def __init__(self, terms: Terms, language: str) -> None:
        self._terms = terms
        self._language = language

    def say(self, key: str, **values: object) -> str:
        return translate(self._language, f"rule.{key}", **values)

    def amount(self, value: int) -> str:
        return money(value, self._terms.currency.exponent, self._terms.currency.code)

    def long(self, length_us: int) -> str:
        return duration(length_us, self._language)

    def course(self, kind: ft.Format) -> list[str]:
        """Return what is offered how, and until when."""
        closing = self._terms.closing
        match kind:
            case ft.Ascending():
                return []
            case ft.Falling(clock=clock, units=units, secret_floor=secret):
                return [*self._clock(clock, secret), *([self.say("falling.units", units=units)] if units > 1 else [])]
            case ft.Hybrid(clock=clock, secret_floor=secret):
                stages = {"sealed": self.long(kind.sealed_round_us), "best": self.long(kind.best_bid_us)}
                return [*self._clock(clock, secret), self.say("hybrid.stages", **stages)]
        said = [self.say("sealed.until", opens=when(closing.opens_at_us), closes=when(closing.closes_at_us))]
        said.append(self.say("sealed.replace" if kind.replaceable else "sealed.once"))
        match kind:
            case ft.Sealed():
                said += self._sealed(kind)
            case ft.Weighted():
                parts = "，" if self._language == "zh" else ", "
                criteria = parts.join(f"{one.name} {one.weight}" for one in kind.criteria)
                said.append(
                    self.say("weighted", price=kind.price_weight, criteria=criteria, people=len(kind.assessors))
                )
            case ft.Units():
                said.append(self.say(f"units.{kind.pricing.value}", units=kind.units))
                said.append(self.say("units.margin"))
            case ft.Packages():
                said.append(self.say("packages", lots=len(kind.lots)))
        return said

    def _clock(self, clock: Clock, secret: bool) -> list[str]:
        opens = when(self._terms.closing.opens_at_us)
        falls = {"start": self.amount(clock.start), "step": self.amount(clock.step), "every": self.long(clock.step_us)}
        floor = self.say("falling.secret") if secret else self.say("falling.floor", floor=self.amount(clock.floor))
        return [self.say("falling", opens=opens, **falls), floor, self.say("falling.first")]

    def _sealed(self, kind: ft.Sealed) -> list[str]:
        said = [self.say(f"sealed.{kind.pricing.value}"), self.say(f"tie.{kind.tie.value}")]
        if kind.ceiling is not None:
            said.append(self.say("sealed.ceiling", ceiling=self.amount(kind.ceiling)))
        if kind.floor is not None:
            said.append(self.say("sealed.floor", floor=self.amount(kind.floor)))
        return said
