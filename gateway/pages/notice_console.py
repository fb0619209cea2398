"""The institution's console for notices: what happens next and by when, a guided form, approval, and every act of the institution.

A form becomes the same wish as over REST. Every step is saved; the last page shows the notice as everybody will read it and what is
still wrong, with the way to the step.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.attachments import NotTaken
from engine.catalogue.codes.publicity_rules import publicity_rules, publicity_sources
from engine.money_words import in_chinese, in_english
from engine.rules.conflicts import RelationKind
from engine.rules.publicity.checking import content_problems, terms_problems
from engine.rules.publicity.periods import publicity_end
from engine.rules.publicity.state import Leg, NoticePhase, NoticeState
from engine.rules.publicity.terms import Body, needed_bodies
from engine.rules.publicity.visibility import public_notice
from engine.values import Amount, InstantUs
from gateway.accounts.model import MemberRole
from gateway.errors import Code, Refused
from gateway.http.api import notice_wishes as w
from gateway.http.api import notices as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.wishes import ReasonWish
from gateway.http.asking import CALLER, origin_of
from gateway.http.commands import outcome_of
from gateway.http.downloads import download_of
from gateway.http.uploads import upload_of
from gateway.listings.drafts import ListingDraft
from gateway.notices import steps
from gateway.notices.asking import find_visible, is_seller
from gateway.notices.content import completers_of, content_of, terms_of
from gateway.pages.i18n import language_of
from gateway.pages.listing_desk import Problem
from gateway.pages.pricing_words import rough
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.pricing.judging import judged, judged_notice
from gateway.services import SERVICES, Services

ACHIEVEMENTS_SHOWN: Final = 50
FILES_OF_NOTICE: Final = "notice/{}"


async def show_mine(request: web.Request) -> web.Response:
    """GET /console/notices: what is published, what is prepared, what could be."""
    services, caller = request.app[SERVICES], request[CALLER]
    owned = await services.achievements.of_owner(caller.party_id, limit=ACHIEVEMENTS_SHOWN)
    published = [one for one in owned.items if one.published]
    return page(
        request, "notice_console/mine.html", notices=await services.publicity.of_seller(caller.party_id),
        drafts=await services.notice_drafts.of_party(caller.party_id), published=published,
        titles={one.id: one.record.title_zh for one in published},
    )  # fmt: skip


async def begin(request: web.Request) -> web.Response:
    """POST /console/notices: begin a draft from an achievement, or from a notice that came back or is to be revised."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    if "notice" in form:
        state = await find_visible(services, caller, str(form["notice"]))
        if not is_seller(caller, state):
            raise Refused(Code.FORBIDDEN)
        achievement, name = state.content.achievement_id, str(state.notice_id)
        answers = steps.answers_from(state.content, state.terms.days)
    else:
        achievement, name = str(form.get("achievement", "")), ""
        version = await services.achievements.public(AchievementId(achievement)) if achievement else None
        if version is None or version.owner != caller.party_id:
            raise Refused(Code.NOT_FOUND)
        answers = steps.defaults(version.record, *await _known(services, request))
    draft_id = await services.notice_drafts.create(caller.party_id, caller.login_id, achievement, answers, name)
    if draft_id is None:
        raise Refused(Code.CONFLICT)
    return see_other(f"/console/notices/drafts/{draft_id}/{steps.STEPS[0].name}")


async def _known(services: Services, request: web.Request) -> tuple[Any, str]:
    """Return the party's last notice and its telephone: what was said once is not asked again."""
    party = await services.parties.read(request[CALLER].party_id)
    rows = await services.publicity.of_seller(request[CALLER].party_id)
    last = None
    if rows:
        state = await find_visible(services, request[CALLER], rows[0].notice)
        last = state.content
    contact = "" if party is None else " ".join(part for part in (party.contact, party.phone) if part)
    return last, contact


async def show_step(request: web.Request) -> web.Response:
    """GET /console/notices/drafts/{id}/{step}."""
    draft = await _draft(request)
    if request.match_info["step"] == steps.CHECK:
        return await _check_page(request, draft, None)
    return await _step_page(request, draft, draft.form, {}, "")


async def save_step(request: web.Request) -> web.Response:
    """POST /console/notices/drafts/{id}/{step}: keep the answer and go on; on the last page: hand in, or delete."""
    services, draft, form = request.app[SERVICES], await _draft(request), await request.post()
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    if request.match_info["step"] == steps.CHECK:
        return await _finish(request, draft, typed)
    step = _step(request)
    answers = steps.merged(draft.form, step, typed)
    version = typed.get("version", "0")
    saved = await services.notice_drafts.save(
        draft, answers, int(version) if version.isdigit() and len(version) < 9 else 0, request[CALLER].login_id
    )
    if saved is None:  # another tab or a colleague was faster: what was typed here is shown again over what is kept now
        return await _step_page(request, await _draft(request), answers, {}, "lcon.conflict", 409)
    read = steps.read(answers, await _completers(services, draft))
    wrong = {field: word for field, word in read.wrong.items() if steps.step_of(field) == step.name}
    if wrong:
        return await _step_page(request, await _draft(request), answers, wrong, "", 422)
    names = [one.name for one in steps.STEPS] + [steps.CHECK]
    return see_other(f"/console/notices/drafts/{draft.id}/{names[names.index(step.name) + 1]}")


async def take_file(request: web.Request) -> web.Response:
    """POST /console/notices/drafts/{id}/files: a multipart form with `csrf` and the file."""
    services, caller, draft = request.app[SERVICES], request[CALLER], await _draft(request)
    upload = await upload_of(request, services.config.attachment_bytes_max)
    taken = await services.attachments.put(
        caller.party_id,
        upload.name,
        upload.chunks(),
        subject=FILES_OF_NOTICE.format(draft.listing),
        author=caller.login_id,
    )
    if isinstance(taken, NotTaken):
        return await _step_page(request, draft, draft.form, {"file": taken.why}, "", 422, steps.BY_NAME[steps.FILES])
    return see_other(f"/console/notices/drafts/{draft.id}/{steps.FILES}")


async def show_one(request: web.Request) -> web.Response:
    """GET /console/notices/{notice}: one's own notice."""
    return await _one_page(request, await _own(request), None, {})


async def act_on_one(request: web.Request) -> web.Response:
    """POST /console/notices/{notice}: approval and every act of the institution; what is final is confirmed first."""
    state, form = await _own(request), await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if act in _ASKED_TWICE and form.get("sure") != "1":
        return await _one_page(request, state, None, {**typed, "ask": act})
    try:
        await _ACTS[act](Call(request.app[SERVICES], request[CALLER], origin_of(request), request.match_info), typed)
    except RefusedByEngine as refused:
        return await _one_page(request, state, Problem(outcome_of(refused.receipt), refused.receipt.data), typed)
    except Refused as refused:
        return await _one_page(request, state, Problem(refused.code.value, refused.data), typed)
    return see_other(f"/console/notices/{state.notice_id}")


async def download(request: web.Request) -> web.StreamResponse:
    """GET /console/notices/{notice}/files/{file}: a file behind one's own notice."""
    state = await _own(request)
    return await download_of(request.app[SERVICES], request.match_info["file"], FILES_OF_NOTICE.format(state.notice_id))


async def _step_page(
    request: web.Request,
    draft: ListingDraft,
    form: dict[str, str],
    wrong: dict[str, str],
    notice: str,
    status: int = 200,
    step: steps.Step | None = None,
) -> web.Response:
    services, step, language = request.app[SERVICES], step or _step(request), language_of(request)
    version = await services.achievements.public(AchievementId(draft.achievement))
    names = [one.name for one in steps.STEPS]
    price = steps.read({**form, "objections_to": "-"}, 0).wish
    words = ""
    if price is not None:
        amount = Amount(int(price.price))
        words = in_chinese(amount) if language == "zh" else in_english(amount)
    return page(
        request, "notice_console/step.html", status, draft=draft, form=form, wrong=wrong, notice=notice, step=step,
        names=names, place=names.index(step.name), title=version.record.title_zh if version else "",
        modes=[mode.value for mode in version.record.modes] if version and version.record.modes else ["TRANSFER", "PLAIN"],
        ties=[kind.value for kind in steps.TIES], completers=completers_of(version.record) if version else (),
        files=await services.attachments.of_subject(FILES_OF_NOTICE.format(draft.listing)), price_words=words,
        limit_mb=services.config.attachment_bytes_max // 1_000_000,
        least_days=publicity_rules().least_days, least_source=publicity_sources()["least_days"].source,
    )  # fmt: skip


async def _check_page(request: web.Request, draft: ListingDraft, problem: Problem | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    version = await services.achievements.public(AchievementId(draft.achievement))
    read = steps.read(draft.form, 0 if version is None else len(version.record.completers))
    found: list[str] = []
    bodies: tuple[Body, ...] = ()
    content, last_day_us, certain = None, None, True
    if read.wish is not None and version is not None:
        try:
            content = await content_of(services, version, read.wish, draft.listing)
            terms = terms_of(read.wish, version, await services.ladders.of(caller.party_id))
            found = terms_problems(terms) + content_problems(content)
            needed = needed_bodies(terms.ladder, content.price, related=bool(content.related))
            bodies = tuple(body for body in terms.ladder.bodies if body.code in needed)
            end = publicity_end(terms, (Leg(from_us=InstantUs(services.now_us)),), (), services.calendar)
            last_day_us, certain = end.ends_at_us, end.certain
        except Refused as refused:
            found = str(refused.data.get("problems", f"buyer: {refused.code.value}")).split("; ")
    before = await services.engine.notices.load(draft.listing)
    return page(
        request, "notice_console/check.html", 200 if problem is None else 422, draft=draft, content=content, version=version,
        problems=found, wrong={field: steps.step_of(field) for field in read.wrong}, problem=problem, bodies=bodies,
        light=None if content is None else await judged(services.pricing.store, str(caller.party_id), content, services.now_us),
        rough=partial(rough, language=language_of(request)),
        ends_at_us=last_day_us, certain=certain, names=[one.name for one in steps.STEPS], before=before,
        command_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{draft.id}/{draft.version}")),
    )  # fmt: skip


async def _finish(request: web.Request, draft: ListingDraft, typed: dict[str, str]) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    if typed.get("act") == "delete":
        await services.notice_drafts.delete(draft)
        return see_other("/console/notices")
    if typed.get("act") == "drop":
        await services.attachments.unlink(typed.get("drop", ""), FILES_OF_NOTICE.format(draft.listing))
        return see_other(f"/console/notices/drafts/{draft.id}/{steps.FILES}")
    read = steps.read(draft.form, await _completers(services, draft))
    if read.wish is None:
        return await _check_page(request, draft, Problem(Code.MALFORMED.value, {"fields": ", ".join(read.wrong)}))
    call = Call(services, caller, origin_of(request), {"notice": draft.listing})
    before = await services.engine.notices.load(draft.listing)
    try:
        identity = _id(typed)
        if before is None:
            wish = w.SubmitNoticeWish(
                id=identity, notice=draft.listing, achievement=draft.achievement, content=read.wish
            )
            await api.submit(call, wish)
        elif before.phase is NoticePhase.RETURNED:
            await api.resubmit(call, w.NoticeAgainWish(id=identity, content=read.wish))
        else:
            await api.revise(call, w.NoticeChangeWish(id=identity, content=read.wish, reason=_reason(typed)))
    except RefusedByEngine as refused:
        return await _check_page(request, draft, Problem(outcome_of(refused.receipt), refused.receipt.data))
    except Refused as refused:
        return await _check_page(request, draft, Problem(refused.code.value, refused.data))
    await services.notice_drafts.delete(draft)
    return see_other(f"/console/notices/{draft.listing}")


async def _one_page(
    request: web.Request, state: NoticeState, problem: Problem | None, typed: dict[str, str]
) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    people = {state.applicant, *(one.approver for one in (*state.approvals, *state.past_approvals))}
    bodies = {body.code: body for body in state.terms.ladder.bodies}
    return page(
        request, "notice_console/one.html", 200 if problem is None else 409, state=state, content=state.content,
        public=public_notice(state, InstantUs(services.now_us)), problem=problem, typed=typed, bodies=bodies,
        approved={one.body: one for one in state.approvals},
        names=await names_of(services, people), may_approve=caller.may_as(MemberRole.APPROVER),
        me=caller.login_id, ties=[kind.value for kind in steps.TIES],
        command_id=typed.get("command_id") or str(uuid.uuid4()), now_us=services.now_us,
        light=await judged_notice(services.pricing.store, state, services.now_us), rough=partial(rough, language=language_of(request)),
    )  # fmt: skip


async def _draft(request: web.Request) -> ListingDraft:
    draft = await request.app[SERVICES].notice_drafts.read(request.match_info["id"], request[CALLER].party_id)
    if draft is None:
        raise Refused(Code.NOT_FOUND)
    return draft


async def _completers(services: Services, draft: ListingDraft) -> int:
    version: Version | None = await services.achievements.public(AchievementId(draft.achievement))
    return 0 if version is None else len(version.record.completers)


async def _own(request: web.Request) -> NoticeState:
    state = await find_visible(request.app[SERVICES], request[CALLER], request.match_info["notice"])
    if not is_seller(request[CALLER], state):
        raise Refused(Code.FORBIDDEN)
    return state


def _step(request: web.Request) -> steps.Step:
    step = steps.BY_NAME.get(request.match_info["step"])
    if step is None:
        raise Refused(Code.NOT_FOUND)
    return step


def _id(typed: dict[str, str]) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get("command_id", ""))
    except ValueError:
        return uuid.uuid4()


def _reason(typed: dict[str, str]) -> str:
    reason = typed.get("reason", "").strip()[:500]
    if not reason:
        raise Refused(Code.MALFORMED, fields="reason")
    return reason


async def _approve(call: Call, typed: dict[str, str]) -> Any:
    tie = typed.get("relation", "")
    if tie == "":  # neither "none" nor a tie was chosen: nobody declares by saying nothing
        raise Refused(Code.MALFORMED, fields="relation")
    wish = w.ApproveWish(
        id=_id(typed),
        body=typed.get("body", "")[:40],
        minutes=typed.get("minutes", "").strip()[:200],
        relation=RelationKind(tie) if tie in set(RelationKind) else None,
    )
    return await api.approve(call, wish)


async def _correct(call: Call, typed: dict[str, str]) -> Any:
    texts = {
        name: typed.get(name, "").replace("\r\n", "\n").strip()[:4_000]
        for name in ("title_zh", "title_en", "abstract_zh", "abstract_en")
    }
    return await api.correct(call, w.TypoWish(id=_id(typed), reason=_reason(typed), **texts))


async def _contract(call: Call, typed: dict[str, str]) -> Any:
    reference = typed.get("contract_ref", "").strip()[:200]
    if not reference:
        raise Refused(Code.MALFORMED, fields="contract_ref")
    return await api.contract(call, w.ContractWish(id=_id(typed), contract_ref=reference))


def _plain(act: Callable[[Call, w.PlainWish], Awaitable[Any]]) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await act(call, w.PlainWish(id=_id(typed)))

    return send


def _reasoned(act: Callable[[Call, ReasonWish], Awaitable[Any]]) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await act(call, ReasonWish(id=_id(typed), reason=_reason(typed)))

    return send


_ACTS: Final[dict[str, Callable[[Call, dict[str, str]], Awaitable[Any]]]] = {
    "approve": _approve,
    "return": _reasoned(api.send_back),
    "publish": _plain(api.publish),
    "correct": _correct,
    "withdraw": _reasoned(api.withdraw),
    "confirm": _plain(api.confirm),
    "contract": _contract,
    "archive": _plain(api.archive),
}
_ASKED_TWICE: Final = frozenset({"withdraw", "publish", "confirm"})

ROUTES = [
    web.get("/console/notices", show_mine),
    web.post("/console/notices", begin),
    web.post("/console/notices/drafts/{id}/files", take_file),
    web.get("/console/notices/drafts/{id}/{step}", show_step),
    web.post("/console/notices/drafts/{id}/{step}", save_step),
    web.get("/console/notices/{notice}", show_one),
    web.post("/console/notices/{notice}", act_on_one),
    web.get("/console/notices/{notice}/files/{file}", download),
]
