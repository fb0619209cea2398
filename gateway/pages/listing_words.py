"""The terms of a listing in plain sentences, for the notice, the console and the desk: what is offered, and what happens when."""

from __future__ import annotations

from engine.money_words import in_chinese, in_english
from engine.rules.auction.terms import Admission, FixedIncrement, LadderIncrement, PercentIncrement
from engine.rules.listing import terms as lt
from engine.rules.listing.deposits import deposit_for
from engine.rules.listing.terms_checking import floor_of
from engine.values import Amount
from gateway.formatting import duration, money
from gateway.pages.i18n import translate


def sentences(terms: lt.ListingTerms, language: str) -> list[str]:
    """Return the terms, one sentence each, in the order in which a buyer asks for them."""
    return [
        *_offer(terms, language),
        *_way(terms, language),
        *_deposit(terms, language),
        *_bidding(terms, language),
        *_after(terms, language),
    ]


def price_words(terms: lt.ListingTerms, amount: Amount | None, language: str) -> str:
    """Return an amount with its words: `¥1,200,000 (壹佰贰拾万元整)`; a dash for none."""
    if amount is None:
        return "—"
    shown = money(amount, terms.currency.exponent, terms.currency.code)
    if terms.currency.code != "CNY":
        return shown
    words = in_chinese(amount) if language == "zh" else in_english(amount)
    return translate(language, "terms.amount", amount=shown, words=words) if words else shown


def _offer(terms: lt.ListingTerms, language: str) -> list[str]:
    said = [translate(language, f"terms.mode.{terms.mode.value}")]
    if terms.list_price is None:
        said.append(translate(language, "terms.no_price"))
    else:
        said.append(translate(language, "terms.price", price=price_words(terms, terms.list_price, language)))
    if terms.seats is None:
        said.append(translate(language, "terms.seats_unlimited"))
    elif terms.seats > 1:
        said.append(translate(language, f"terms.seats.{terms.seat_method.value}", seats=terms.seats))
    if terms.foreign_blocked:
        said.append(translate(language, "terms.foreign_blocked"))
    return said


def _way(terms: lt.ListingTerms, language: str) -> list[str]:
    if terms.way is not lt.SaleWay.DISCLOSED:
        taken = "_open" if terms.way is lt.SaleWay.POSTED and terms.admission is Admission.OPEN else ""
        said = [translate(language, f"terms.way.{terms.way.value}{taken}")]
    else:
        said = [translate(language, "terms.way.disclosed", days=terms.disclosure_working_days)]
        if terms.extension is None:
            said.append(translate(language, "terms.no_extension"))
        else:
            extension = terms.extension
            said.append(
                translate(language, "terms.extension", days=extension.cycle_working_days, cycles=extension.cycles_max)
            )
        said.append(translate(language, "terms.one_buyer" if not terms.always_bid else "terms.always_bid"))
        said.append(translate(language, "terms.change"))
    if terms.offers is not None:
        said.append(translate(language, "terms.offers"))
    if terms.admission is Admission.APPROVED:
        agrees = "terms.silence_agrees" if terms.seller_silence_agrees else "terms.silence_refuses"
        said.append(translate(language, agrees, days=terms.seller_answer_working_days))
    return said


def _deposit(terms: lt.ListingTerms, language: str) -> list[str]:
    deposit, amount = terms.deposit, deposit_for(terms, terms.list_price)
    if deposit is None or amount is None:
        return [translate(language, "terms.no_deposit")]
    return [
        translate(
            language, "terms.deposit", amount=price_words(terms, amount, language), days=deposit.due_working_days
        ),
        translate(language, f"terms.release.{deposit.release.value}"),
        translate(language, "terms.forfeit", days=deposit.appeal_working_days),
    ]


def _bidding(terms: lt.ListingTerms, language: str) -> list[str]:
    session = terms.session
    if session is None:
        return []
    minute = f"{session.opens_at_minute // 60:02}:{session.opens_at_minute % 60:02}"
    said = [
        translate(language, "terms.session", days=session.opens_after_working_days, minute=minute),
        translate(language, "terms.increment", step=_increment(terms, session, language)),
    ]
    if session.free_period_us is not None and session.limited_cycle_us is not None:
        free, cycle = duration(session.free_period_us, language), duration(session.limited_cycle_us, language)
        said.append(translate(language, "terms.dynamic", free=free, cycle=cycle))
    elif session.open_for_us is not None:
        said.append(translate(language, "terms.fixed", length=duration(session.open_for_us, language)))
        if session.extension_us is not None:
            said.append(translate(language, "terms.lengthened", by=duration(session.extension_us, language)))
    return said


def _increment(terms: lt.ListingTerms, session: lt.SessionTerms, language: str) -> str:
    code, exponent = terms.currency.code, terms.currency.exponent
    match session.increment:
        case FixedIncrement(step=step):
            return money(step, exponent, code)
        case PercentIncrement(rate_ppm=rate_ppm):
            percent = f"{rate_ppm // 10_000}.{rate_ppm % 10_000:04d}".rstrip("0").rstrip(".")
            return translate(language, "rule.increment.percent", percent=percent)
        case LadderIncrement(steps=steps):
            return translate(language, "rule.increment.join").join(
                translate(
                    language,
                    "rule.increment.step",
                    price=money(price, exponent, code),
                    step=money(step, exponent, code),
                )
                for price, step in steps
            )


def _after(terms: lt.ListingTerms, language: str) -> list[str]:
    said = [translate(language, "terms.sign", days=terms.sign_working_days)]
    if terms.withdrawal_cost:
        cost = price_words(terms, terms.withdrawal_cost, language)
        said.append(translate(language, "terms.withdrawal", cost=cost))
    if terms.state_asset is not None:
        floor = price_words(terms, floor_of(terms.state_asset), language)
        said.append(translate(language, "terms.state_asset", floor=floor))
    return said
