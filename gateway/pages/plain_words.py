"""The terms of a session in plain sentences, for the preview on the desk and for every bidder on the lot page."""

from __future__ import annotations

from engine.rules.auction.terms import (
    Closing,
    ExtensionFrom,
    ExtensionScope,
    FixedIncrement,
    LadderIncrement,
    PercentIncrement,
    Terms,
)
from gateway.formatting import duration, money, when
from gateway.pages.i18n import translate


def sentences(terms: Terms, language: str) -> list[str]:
    """Return the rules of a session, one sentence each, in the order a bidder asks for them. A secret reserve stays secret."""
    return [
        *_price(terms, language),
        *_closing(terms.closing, language),
        *_maxima(terms, language),
        translate(language, f"rule.admission.{terms.admission.value}"),
        translate(
            language,
            "rule.outage",
            notice=duration(terms.resume_notice_us, language),
            longest=duration(terms.outage_shift_max_us, language),
        ),
        translate(language, "rule.exclusion"),
        translate(language, "rule.no_retraction"),
        translate(language, "rule.codes"),
    ]


def increment_words(terms: Terms, language: str) -> str:
    """Return the increment in words."""
    currency = terms.currency
    match terms.increment:
        case FixedIncrement(step=step):
            return money(step, currency.exponent, currency.code)
        case PercentIncrement(rate_ppm=rate_ppm):
            percent = f"{rate_ppm // 10_000}.{rate_ppm % 10_000:04d}".rstrip("0").rstrip(".")
            return translate(language, "rule.increment.percent", percent=percent)
        case LadderIncrement(steps=steps):
            parts = [
                translate(
                    language,
                    "rule.increment.step",
                    price=money(price, currency.exponent, currency.code),
                    step=money(step, currency.exponent, currency.code),
                )
                for price, step in steps
            ]
            return translate(language, "rule.increment.join").join(parts)


def _price(terms: Terms, language: str) -> list[str]:
    code, exponent = terms.currency.code, terms.currency.exponent
    start = money(terms.start_price, exponent, code)
    words = [translate(language, "rule.start_at" if terms.first_bid_at_start else "rule.start_above", price=start)]
    words.append(translate(language, "rule.increment", step=increment_words(terms, language)))
    if terms.multiple_only:
        words.append(translate(language, "rule.multiple"))
    if terms.jump_confirm_steps is not None:
        words.append(translate(language, "rule.jump", steps=terms.jump_confirm_steps))
    if terms.reserve is None:
        words.append(translate(language, "rule.reserve.none"))
    elif terms.reserve.public:
        words.append(translate(language, "rule.reserve.public", price=money(terms.reserve.amount, exponent, code)))
    else:
        words.append(
            translate(language, "rule.reserve.secret_shown" if terms.show_reserve_met else "rule.reserve.secret")
        )
    return words


def _closing(closing: Closing, language: str) -> list[str]:
    opens = when(closing.opens_at_us)
    words = []
    if closing.free_period_us is not None and closing.limited_cycle_us is not None:
        since = "bid" if closing.extension_from is ExtensionFrom.BID_TIME else "cycle"
        words.append(
            translate(
                language,
                f"rule.dynamic.{since}",
                opens=opens,
                free_ends=when(closing.opens_at_us + closing.free_period_us),
                cycle=duration(closing.limited_cycle_us, language),
            )
        )
        if closing.require_free_bid:
            words.append(translate(language, "rule.dynamic.require_free_bid"))
        no_bid = "rule.dynamic.runs_without_bid" if closing.limited_if_no_free_bid else "rule.dynamic.ends_without_bid"
        words.append(translate(language, no_bid))
    elif closing.first_bid_clock_us is not None:
        clock = duration(closing.first_bid_clock_us, language)
        words.append(translate(language, "rule.first_bid_clock", opens=opens, clock=clock))
    else:
        words.append(translate(language, "rule.fixed", opens=opens, closes=when(closing.closes_at_us)))
    return words + _extension(closing, language)


def _extension(closing: Closing, language: str) -> list[str]:
    words = []
    if closing.extension_us is not None:
        since = "bid" if closing.extension_from is ExtensionFrom.BID_TIME else "end"
        words.append(
            translate(
                language,
                f"rule.extension.{since}",
                window=duration(closing.window_us(), language),
                length=duration(closing.extension_us, language),
            )
        )
    elif closing.limited_cycle_us is None:
        words.append(translate(language, "rule.extension.none"))
    if closing.hard_end_us is not None:
        words.append(translate(language, "rule.hard_end", at=when(closing.hard_end_us)))
    if closing.extensions_max is not None:
        words.append(translate(language, "rule.extensions_max", most=closing.extensions_max))
    if closing.extension_scope is ExtensionScope.GROUP:
        words.append(translate(language, "rule.group"))
    return words


def _maxima(terms: Terms, language: str) -> list[str]:
    if not terms.proxy:
        return [translate(language, "rule.proxy.none")]
    words = [translate(language, "rule.proxy")]
    if terms.proxy_lowering:
        words.append(translate(language, "rule.proxy.lowering"))
    return words
