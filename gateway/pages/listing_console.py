"""The institution's console for listings: what happens next and who must act; a guided form; answers to buyers.

A form becomes the same wish as over REST. Every step is saved; the last page shows the notice as everybody will read it and what is
still wrong, with the way to the step.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from engine.calendar import civil_of, period_end
from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.codes.listing_rules import listing_rules, sources
from engine.money_words import in_chinese, in_english
from engine.rules.listing.state import ListingPhase, ListingState
from engine.rules.listing.terms import OfferedMode, SaleWay
from engine.rules.listing.terms_checking import listing_terms_problems
from engine.rules.listing.visibility import sellers_listing
from engine.values import CNY, InstantUs, parse_amount
from gateway.accounts.model import MemberRole
from gateway.errors import Code, Refused
from gateway.http.api import listing_wishes as w
from gateway.http.api import listings as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.wishes import ReasonWish
from gateway.http.asking import CALLER, origin_of
from gateway.http.commands import outcome_of
from gateway.listings import steps
from gateway.listings.answers import answers_of
from gateway.listings.asking import find_visible, is_seller
from gateway.listings.drafts import ListingDraft
from gateway.listings.problems import all_shown
from gateway.listings.standing import must_be_listable
from gateway.listings.terms import listed_version
from gateway.pages.i18n import language_of
from gateway.pages.listing_desk import Problem
from gateway.pages.listing_words import price_words, sentences
from gateway.pages.rendering import page, see_other
from gateway.pages.typed import command_id, digits, must_be_digits, reason_of, yuan
from gateway.parties.names import names_of
from gateway.services import SERVICES

ACHIEVEMENTS_SHOWN: Final = 50
ASKED_TWICE: Final = frozenset({"withdraw", "accept_offer"})
"""A withdrawal may cost, an accepted offer is a contract (民法典 art. 483)."""


async def show_mine(request: web.Request) -> web.Response:
    """GET /console/listings: what is listed, what is prepared, what could be."""
    services, caller = request.app[SERVICES], request[CALLER]
    listings = await services.listings.of_seller(caller.party_id)
    owned = await services.achievements.of_owner(caller.party_id, limit=ACHIEVEMENTS_SHOWN)
    published = [one for one in owned.items if one.published]
    return page(
        request, "listing_console/mine.html", listings=listings,
        drafts=await services.listing_drafts.of_party(caller.party_id),
        titles={one.id: (one.record.title_zh, one.record.title_en) for one in published}, published=published, now_us=services.now_us,
    )  # fmt: skip


async def begin(request: web.Request) -> web.Response:
    """POST /console/listings: begin a draft from an achievement, or from a listing that ended or came back."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    achievement, listing, answers = str(form.get("achievement", "")), "", steps.defaults()
    if "listing" in form:
        state = await find_visible(services, caller, str(form["listing"]))
        if not is_seller(caller, state):
            raise Refused(Code.FORBIDDEN)
        achievement = state.subject.achievement_id
        answers = answers_of(state.terms, state.subject)
        if state.phase in (ListingPhase.CORRECTION, ListingPhase.LISTED):
            listing = state.listing_id
        else:
            answers["relists"] = state.listing_id
    version = await services.achievements.public(AchievementId(achievement)) if achievement else None
    if version is None or version.owner != caller.party_id:
        raise Refused(Code.NOT_FOUND)
    if "listing" not in form:
        answers |= {"defects_zh": version.record.defects, "mode": _modes(version)[0]}
    draft_id = await services.listing_drafts.create(caller.party_id, caller.login_id, achievement, answers, listing)
    if draft_id is None:
        raise Refused(Code.CONFLICT)
    return see_other(f"/console/listings/drafts/{draft_id}/offer")


async def show_step(request: web.Request) -> web.Response:
    """GET /console/listings/drafts/{id}/{step}."""
    draft = await _draft(request)
    if request.match_info["step"] == steps.CHECK:
        return await _check_page(request, draft, None)
    return await _step_page(request, draft, draft.form, {}, "")


async def save_step(request: web.Request) -> web.Response:
    """POST /console/listings/drafts/{id}/{step}: keep the answer and go on; on the last page: hand in, or delete."""
    services, draft, form = request.app[SERVICES], await _draft(request), await request.post()
    if request.match_info["step"] == steps.CHECK:
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
        return await _finish(request, draft, typed)
    step = _step(request)
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    answers = steps.merged(draft.form, step, typed)
    version = str(form.get("version", "0"))
    saved = await services.listing_drafts.save(
        draft, answers, int(version) if version.isdigit() and len(version) < 9 else 0, request[CALLER].login_id
    )
    if saved is None:  # another tab or a colleague was faster: what was typed here is shown again over what is kept now
        return await _step_page(request, await _draft(request), answers, {}, "lcon.conflict", 409)
    state_owned = await _state_owned(request)
    wrong = {field: word for field, word in steps.read(answers, state_owned).wrong.items() if field in step.fields}
    if wrong:
        return await _step_page(request, await _draft(request), answers, wrong, "", 422)
    names = [one.name for one in steps.steps_for(answers, state_owned)] + [steps.CHECK]
    after = names[names.index(step.name) + 1] if step.name in names else steps.CHECK
    return see_other(f"/console/listings/drafts/{draft.id}/{after}")


async def show_one(request: web.Request) -> web.Response:
    """GET /console/listings/{listing}: one's own listing."""
    return await _one_page(request, await _own(request), None, {})


async def act_on_one(request: web.Request) -> web.Response:
    """POST /console/listings/{listing}: price, withdrawal, answers to buyers, offers."""
    state, form = await _own(request), await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if act in ASKED_TWICE and form.get("sure") != "1":
        must_be_digits(typed)
        return await _one_page(request, state, None, {**typed, "ask": act})
    path = {**request.match_info, **({"no": typed["no"]} if typed.get("no", "").isdigit() else {})}
    try:
        await _ACTS[act](Call(request.app[SERVICES], request[CALLER], origin_of(request), path), typed)
    except RefusedByEngine as refused:
        return await _one_page(request, state, Problem(outcome_of(refused.receipt), refused.receipt.data), typed)
    except Refused as refused:
        return await _one_page(request, state, Problem(refused.code.value, refused.data), typed)
    return see_other(f"/console/listings/{state.listing_id}")


async def _step_page(
    request: web.Request,
    draft: ListingDraft,
    form: dict[str, str],
    wrong: dict[str, str],
    notice: str,
    status: int = 200,
) -> web.Response:
    services, step, language = request.app[SERVICES], _step(request), language_of(request)
    names = [one.name for one in steps.steps_for(form, await _state_owned(request))]
    version, cap = await services.achievements.public(AchievementId(draft.achievement)), sources()["deposit_cap_bps"]
    days, last_day, certain = form.get("days", ""), "", True
    if days.isdigit() and 0 < int(days) <= 250:
        end = period_end(services.calendar, InstantUs(services.now_us), working_days=int(days))
        year, month, day = civil_of(end.last_day)
        last_day, certain = f"{year}-{month:02}-{day:02}", end.certain
    price = parse_amount(form.get("price", "").replace(",", ""), CNY)
    words = "" if price is None else (in_chinese(price) if language == "zh" else in_english(price))
    return page(
        request, "listing_console/step.html", status, draft=draft, form=form, wrong=wrong, notice=notice, step=step,
        names=names, place=names.index(step.name) if step.name in names else 0, last_day=last_day, certain=certain,
        title=(version.record.title_zh, version.record.title_en) if version else ("", ""), cap_bps=listing_rules().deposit_cap_bps,
        cap_source=cap.source_zh if language == "zh" and cap.source_zh else cap.source, price_words=words,
        modes=_modes(version), ways=_ways(form.get("mode", "")),
    )  # fmt: skip


async def _check_page(request: web.Request, draft: ListingDraft, problem: Problem | None) -> web.Response:
    services, caller, language = request.app[SERVICES], request[CALLER], language_of(request)
    state_owned = await _state_owned(request)
    read, said, found, price = steps.read(draft.form, state_owned), [], [], ""
    version = await services.achievements.public(AchievementId(draft.achievement))
    if read.terms is not None and version is not None:
        call = Call(services, caller, origin_of(request), {})
        terms = await api.recorded_terms(call, caller.party_id, version, read.terms, read.notice, 0)
        said, found = sentences(terms, language), listing_terms_problems(terms)
        price = price_words(terms, terms.list_price, language)
        for check in (
            listed_version(services, caller.party_id, draft.achievement, read.terms.mode),
            must_be_listable(services, caller.party_id, terms, version.id, draft.listing),
        ):
            try:
                await check
            except Refused as refused:
                found += str(refused.data.get("problems", "")).split("; ")
    names = [one.name for one in steps.steps_for(draft.form, state_owned)]
    before = await services.engine.listings.load(draft.listing)
    if problem is not None and problem.data.get("problems"):
        found += str(problem.data["problems"]).split("; ")
    places = {field: step.name for step in steps.STEPS for field in step.fields}
    return page(
        request, "listing_console/check.html", 200 if problem is None else 422, draft=draft, version=version,
        sentences=said, problems=all_shown([one for one in found if one], names), price=price, problem=problem,
        revises=before is not None and before.phase is ListingPhase.LISTED,
        wrong={field: places.get(field, "offer") for field in read.wrong}, names=names, notice=read.notice,
        may_release=caller.may_as(MemberRole.APPROVER),
        command_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{draft.id}/{draft.version}")),
    )  # fmt: skip


async def _finish(request: web.Request, draft: ListingDraft, typed: dict[str, str]) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    if typed.get("act") == "delete":
        await services.listing_drafts.delete(draft)
        return see_other("/console/listings")
    read = steps.read(draft.form, await _state_owned(request))
    if read.terms is None:
        return await _check_page(request, draft, Problem(Code.MALFORMED.value, {"fields": ", ".join(read.wrong)}))
    call = Call(services, caller, origin_of(request), {"listing": draft.listing})
    try:
        identity = uuid.UUID(typed.get("command_id", ""))
        before = await services.engine.listings.load(draft.listing)
        if before is not None and before.phase is ListingPhase.CORRECTION:
            await api.resubmit(call, w.ResubmitListingWish(id=identity, terms=read.terms, notice=read.notice))
        elif before is not None and before.phase is ListingPhase.LISTED:
            await api.revise(
                call,
                w.ReviseListingWish(
                    id=identity, terms=read.terms, notice=read.notice, reason=reason_of(typed),
                    approval_no=typed.get("approval_no", "").strip()[:200],
                ),
            )  # fmt: skip
        else:
            wish = w.SubmitListingWish(
                id=identity, listing=draft.listing, achievement=draft.achievement, terms=read.terms, notice=read.notice
            )
            await api.submit(call, wish)
    except RefusedByEngine as refused:
        return await _check_page(request, draft, Problem(outcome_of(refused.receipt), refused.receipt.data))
    except Refused as refused:
        return await _check_page(request, draft, Problem(refused.code.value, refused.data))
    except ValueError:
        raise Refused(Code.MALFORMED, fields="command_id") from None
    await services.listing_drafts.delete(draft)
    return see_other(f"/console/listings/{draft.listing}")


async def _one_page(
    request: web.Request, state: ListingState, problem: Problem | None, typed: dict[str, str]
) -> web.Response:
    services, language = request.app[SERVICES], language_of(request)
    seen = sellers_listing(state)
    parties = [*(i.buyer for i in seen.intents), *(o.buyer for o in seen.offers), *(t.buyer for t in seen.takings)]
    parties += [deal.buyer for deal in seen.deals]
    return page(
        request, "listing_console/one.html", 200 if problem is None else 409, state=state, seen=seen, problem=problem,
        typed=typed, sentences=sentences(state.terms, language), price=price_words(state.terms, state.price, language),
        names=await names_of(services, parties), command_id=typed.get("command_id") or str(uuid.uuid4()),
        cost=price_words(state.terms, state.terms.withdrawal_cost, language), now_us=services.now_us,
    )  # fmt: skip


async def _draft(request: web.Request) -> ListingDraft:
    draft = await request.app[SERVICES].listing_drafts.read(request.match_info["id"], request[CALLER].party_id)
    if draft is None:
        raise Refused(Code.NOT_FOUND)
    return draft


async def _own(request: web.Request) -> ListingState:
    state = await find_visible(request.app[SERVICES], request[CALLER], request.match_info["listing"])
    if not is_seller(request[CALLER], state):
        raise Refused(Code.FORBIDDEN)
    return state


def _modes(version: Version | None) -> list[str]:
    """Return what an achievement may be listed as, in the order of its record."""
    said = [mode.value for mode in version.record.modes] if version is not None else []
    return [mode for mode in said if mode in set(OfferedMode)] or [OfferedMode.TRANSFER.value, OfferedMode.PLAIN.value]


def _ways(mode: str) -> list[str]:
    """Return the ways of sale of a mode: an open licence has its own."""
    is_open = mode == OfferedMode.OPEN.value
    return [way.value for way in SaleWay if (way is SaleWay.OPEN_LICENCE) == is_open]


async def _state_owned(request: web.Request) -> bool:
    """Tell whether the seller is a state-owned enterprise: then valuation and floors are asked for (32号令)."""
    party = await request.app[SERVICES].parties.read(request[CALLER].party_id)
    return party is not None and party.holder_kind == "state_enterprise"


def _step(request: web.Request) -> steps.Step:
    step = steps.BY_NAME.get(request.match_info["step"])
    if step is None:
        raise Refused(Code.NOT_FOUND)
    return step


async def _price(call: Call, typed: dict[str, str]) -> Any:
    wish = w.PriceWish(
        id=command_id(typed),
        reason=reason_of(typed),
        price=yuan(typed, "price"),
        approval_no=typed.get("approval_no", "")[:200],
    )
    return await api.change_price(call, wish)


async def _withdraw(call: Call, typed: dict[str, str]) -> Any:
    return await api.withdraw(call, ReasonWish(id=command_id(typed), reason=reason_of(typed)))


def _answer(agrees: bool) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        reason = "" if agrees else reason_of(typed)
        return await api.answer_intent(call, w.AnswerWish(id=command_id(typed), agrees=agrees, reason=reason))

    return send


async def _accept_offer(call: Call, typed: dict[str, str]) -> Any:
    return await api.accept_offer(call, w.OfferAnswerWish(id=command_id(typed), amount=digits(typed, "amount")))


async def _reject_offer(call: Call, typed: dict[str, str]) -> Any:
    return await api.reject_offer(call, w.OfferAnswerWish(id=command_id(typed), reason=typed.get("reason", "")[:500]))


async def _counter_offer(call: Call, typed: dict[str, str]) -> Any:
    return await api.counter_offer(call, w.OfferWish(id=command_id(typed), amount=yuan(typed, "counter")))


def _taking(paid: bool) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        reason = "" if paid else reason_of(typed)
        return await api.confirm_taking(call, w.TakingAnswerWish(id=command_id(typed), paid=paid, reason=reason))

    return send


_ACTS: Final[dict[str, Callable[[Call, dict[str, str]], Awaitable[Any]]]] = {
    "price": _price,
    "withdraw": _withdraw,
    "agree": _answer(True),
    "object": _answer(False),
    "accept_offer": _accept_offer,
    "reject_offer": _reject_offer,
    "counter_offer": _counter_offer,
    "taking_yes": _taking(True),
    "taking_no": _taking(False),
}

ROUTES = [
    web.get("/console/listings", show_mine),
    web.post("/console/listings", begin),
    web.get("/console/listings/drafts/{id}/{step}", show_step),
    web.post("/console/listings/drafts/{id}/{step}", save_step),
    web.get("/console/listings/{listing}", show_one),
    web.post("/console/listings/{listing}", act_on_one),
]
