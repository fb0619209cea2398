"""The institution's console: my achievements and what happens next, the guided form step by step, files, acts, history, signers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from msgspec.structs import replace

from engine.catalogue.achievements.store import Working
from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES, SECTIONS
from engine.catalogue.codes.regions import PREFECTURES, PROVINCES, REGIONS
from engine.catalogue.codes.trl import LEVELS
from engine.rules.achievement import record as r
from engine.rules.achievement.checking import Stage, problems, shares_missing_bp
from engine.rules.achievement.differences import differences
from engine.rules.achievement.disclosure import Viewer
from engine.rules.achievement.rights import rights_block
from engine.rules.achievement.states import EDITABLE, WAITS_FOR, Act, acts_of
from engine.values import InstantUs, PartyId
from gateway.achievements import filing
from gateway.achievements.access import STANDARD_NDA, actors_of, find_own
from gateway.achievements.history import history_rows
from gateway.achievements.steps import BY_NAME, STEPS, Step, Wrong, read_right, read_step, step_of
from gateway.errors import Code, Refused
from gateway.http.answers import json_answer
from gateway.http.asking import CALLER, network_of
from gateway.http.uploads import upload_of
from gateway.pages.achievements import VERSIONS_SHOWN, record_context, said, top
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services

A_PAGE: Final = 50
SIGNERS_SHOWN: Final = 100
SPARE_ROWS: Final = 2
"""Empty rows at the end of a list in a form; saving makes room for more."""


async def show_console(request: web.Request) -> web.Response:
    """GET /console."""
    services, caller = request.app[SERVICES], request[CALLER]
    found = await services.achievements.of_owner(caller.party_id, request.query.get("after", ""), A_PAGE)
    counts = await services.achievements.count_states(caller.party_id)
    rows = [
        {"working": one, "missing": _missing(one, services), "waits_for": WAITS_FOR[one.state]} for one in found.items
    ]
    return page(request, "achievements/console.html", rows=rows, more=found.next, counts=counts)


def _missing(working: Working, services: Services) -> int:
    found = problems(working.record, Stage.PUBLISH, InstantUs(services.now_us))
    return sum(one.blocking for one in found)


async def create(request: web.Request) -> web.Response:
    """POST /console/achievements: a new record, and its first question."""
    achievement_id = await filing.begin(request.app[SERVICES], request[CALLER])
    return see_other(f"/console/achievements/{achievement_id}/steps/{STEPS[0].name}")


async def overview(request: web.Request) -> web.Response:
    """GET /console/achievements/{id}: where it stands, what is missing, what can be done, who signed."""
    services, caller = request.app[SERVICES], request[CALLER]
    working = await find_own(services, caller, request.match_info["id"])
    return await _overview_page(request, working)


async def _overview_page(request: web.Request, working: Working, wrong: str = "") -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    at_us = InstantUs(services.now_us)
    signers = await services.confidentiality.signatures(working.id, limit=SIGNERS_SHOWN)
    names = await services.accounts.by_ids([PartyId(one.account) for one in signers.items])
    found = problems(working.record, Stage.LIST, at_us)
    now = {(one.path, one.code) for one in problems(working.record, Stage.PUBLISH, at_us) if one.blocking}
    versions = await services.achievements.versions(working.id)
    return page(
        request,
        "achievements/overview.html",
        422 if wrong else 200,
        working=working,
        record=working.record,
        steps=progress(working.record, at_us),
        blocking=[one for one in found if (one.path, one.code) in now],
        later=[one for one in found if one.blocking and (one.path, one.code) not in now],
        hints=[one for one in found if not one.blocking],
        step_of=step_of,
        top=top,
        acts=[one.value for one in acts_of(working.state, actors_of(caller, working.owner))],
        waits_for=WAITS_FOR[working.state],
        history=await services.achievements.acts(working.id),
        rows=history_rows(versions, Viewer.OWNER)[:VERSIONS_SHOWN],
        said=said,
        signers=signers.items,
        names=names,
        wrong=wrong,
    )


def progress(record: r.Achievement, at_us: InstantUs) -> list[dict[str, Any]]:
    """Return the steps with how many of their questions block publication, and whether anything was answered."""
    found = problems(record, Stage.PUBLISH, at_us)
    empty = r.Achievement()
    return [
        {
            "name": step.name,
            "blocking": sum(one.blocking and step_of(one) == step.name for one in found),
            "touched": any(getattr(record, name) != getattr(empty, name) for name in step.fields),
        }
        for step in STEPS
    ]


async def act_on(request: web.Request) -> web.Response:
    """POST /console/achievements/{id}: submit, release, send back, recall, withdraw, revise."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    working = await find_own(services, caller, request.match_info["id"])
    what, reason = str(form.get("act", "")), str(form.get("reason", "")).strip()
    if what not in set(Act):
        raise Refused(Code.MALFORMED, fields="act")
    try:
        await filing.act(services, caller, working, Act(what), version=_number(form.get("version")), reason=reason)
    except Refused as refused:
        if refused.code not in (Code.RECORD_INCOMPLETE, Code.CONFLICT, Code.WRONG_STATE):
            raise
        why = "reason" if refused.data.get("why") == "reason" else refused.code.value
        working = await find_own(services, caller, working.id)
        return await _overview_page(request, working, f"achievement.act_refused.{why}")
    await services.accounts.note(caller, network_of(request), f"achievement.{what.lower()}", working.id)
    if what == Act.REVISE:
        return see_other(f"/console/achievements/{working.id}/steps/{STEPS[0].name}")
    return see_other(f"/console/achievements/{working.id}")


async def show_step(request: web.Request) -> web.Response:
    """GET /console/achievements/{id}/steps/{step}."""
    services, caller, step = request.app[SERVICES], request[CALLER], _step(request)
    working = await find_own(services, caller, request.match_info["id"])
    if working.state not in EDITABLE:
        return see_other(f"/console/achievements/{working.id}")
    return await _step_page(request, working, step, working.record)


async def save_step(request: web.Request) -> web.Response:
    """POST /console/achievements/{id}/steps/{step}: save, then on, back or stay; the script saves with `act=autosave`."""
    services, caller, step, form = request.app[SERVICES], request[CALLER], _step(request), await request.post()
    working = await find_own(services, caller, request.match_info["id"])
    wish = str(form.get("act", "next"))
    record, wrong = read_step(step, working.record, form)  # type: ignore[arg-type]  # the gate let only text through
    saved: int | None = working.draft_version
    try:
        if _number(form.get("version")) != working.draft_version:
            saved = None
        elif record != working.record:
            saved = await filing.save(services, caller, working, record, working.draft_version)
    except Refused as refused:
        if wish == "autosave" or refused.code is not Code.WRONG_STATE:
            raise
        return see_other(f"/console/achievements/{working.id}")
    if wish == "autosave":
        if saved is None:
            raise Refused(Code.CONFLICT)
        return json_answer({"version": saved, "wrong": [one._asdict() for one in wrong]})
    if saved is None:
        return await _conflict(request, step, record)
    if wrong or wish == "stay":
        working = await find_own(services, caller, working.id)
        return await _step_page(request, working, step, record, wrong=wrong, saved=not wrong)
    return see_other(_after(working.id, step, wish))


def _after(achievement_id: str, step: Step, wish: str) -> str:
    """Return where to go on: the next step, the one before, the list of rights, or the check list after the last."""
    place = STEPS.index(step) + (-1 if wish == "back" else 1)
    if wish == "right":
        return f"/console/achievements/{achievement_id}/rights/new"
    if wish == "check" or not 0 <= place < len(STEPS):
        return f"/console/achievements/{achievement_id}"
    return f"/console/achievements/{achievement_id}/steps/{STEPS[place].name}"


async def _conflict(request: web.Request, step: Step, typed: r.Achievement) -> web.Response:
    """Somebody saved meanwhile: show what was typed here over what stands there now, and say where they differ."""
    services, caller = request.app[SERVICES], request[CALLER]
    working = await find_own(services, caller, request.match_info["id"])
    mine = replace(working.record, **{name: getattr(typed, name) for name in step.fields})
    changes = differences(working.record, mine)
    return await _step_page(request, working, step, mine, conflict=changes)


async def _step_page(
    request: web.Request,
    working: Working,
    step: Step,
    record: r.Achievement,
    *,
    wrong: Sequence[Wrong] = (),
    saved: bool = False,
    conflict: Sequence[Any] | None = None,
    file_wrong: str = "",
) -> web.Response:
    services = request.app[SERVICES]
    at_us = InstantUs(services.now_us)
    found = [one for one in problems(record, Stage.LIST, at_us) if step_of(one) == step.name]
    bad = conflict is not None or wrong or file_wrong
    return page(
        request,
        "achievements/step.html",
        409 if conflict is not None else 422 if bad else 200,
        working=working,
        step=step.name,
        place=STEPS.index(step),
        steps=progress(record, at_us),
        wrong=wrong,
        saved=saved,
        conflict=conflict,
        file_wrong=file_wrong,
        found=found if saved or "check" in request.query else [],
        files={one.id: one for one in await services.attachments.of_subject(working.id)},
        file_max=services.config.attachment_bytes_max // 1_000_000,
        spare=SPARE_ROWS,
        said=said,
        top=top,
        standard_nda=STANDARD_NDA,
        missing_bp=shares_missing_bp(record),
        choices=_choices(language_of(request)),
        blocks={mode.value: rights_block(record, mode, at_us) for mode in r.Mode} if step.name == "offer" else {},
        **record_context(request, record, services),
    )


def _choices(language: str) -> dict[str, Any]:
    """Return the lists that the form chooses from, in their official order."""
    home = [(one.code, one.name(language), REGIONS.children(one.code)) for one in PREFECTURES]
    return {
        "fields": [(entry.code, entry.name(language)) for entry in FIELDS.values() if not entry.parent],
        "industries": [
            (section.name(language), [(one.code, one.name(language)) for one in INDUSTRIES.children(section.code)])
            for section in SECTIONS
        ],
        "home": [(code, name, [(one.code, one.name(language)) for one in below]) for code, name, below in home],
        "provinces": [(one.code, one.name(language)) for one in PROVINCES],
        "levels": [
            (one.number, one.name(language), one.meaning(language), one.evidence(language)) for one in LEVELS.values()
        ],
        **{
            name: [one.value for one in kind]
            for name, kind in (
                ("secrecy", r.Secrecy), ("holder_kind", r.HolderKind), ("maturity", r.Maturity), ("mode", r.Mode),
                ("export_class", r.ExportClass), ("special", r.Special), ("visibility", r.Visibility),
                ("kind", r.RightKind), ("status", r.RightStatus),
            )
        },
    }  # fmt: skip


async def show_right(request: web.Request) -> web.Response:
    """GET /console/achievements/{id}/rights/{place}: one right; `new` is the next."""
    services, caller = request.app[SERVICES], request[CALLER]
    working = await find_own(services, caller, request.match_info["id"])
    if working.state not in EDITABLE:
        return see_other(f"/console/achievements/{working.id}")
    place = _place(request, working)
    right = working.record.rights[place] if place < len(working.record.rights) else None
    return _right_page(request, working, place, right)


async def save_right(request: web.Request) -> web.Response:
    """POST /console/achievements/{id}/rights/{place}: save or remove one right."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    working = await find_own(services, caller, request.match_info["id"])
    place, rights = _place(request, working), list(working.record.rights)
    before = rights[place] if place < len(rights) else None
    right = read_right(form, before)  # type: ignore[arg-type]  # the gate let only text through
    if form.get("act") == "remove":
        del rights[place : place + 1]
    elif right is None:
        return _right_page(request, working, place, before, wrong="achievement.right.kind_missing")
    else:
        rights[place : place + 1] = [right]
    record = replace(working.record, rights=tuple(rights), without_rights=working.record.without_rights and not rights)
    saved = None
    if _number(form.get("version")) == working.draft_version:
        saved = await filing.save(services, caller, working, record, working.draft_version)
    if saved is None:
        working = await find_own(services, caller, working.id)
        return _right_page(request, working, place, right, wrong="achievement.conflict.title")
    return see_other(f"/console/achievements/{working.id}/steps/rights")


def _right_page(
    request: web.Request, working: Working, place: int, right: r.Right | None, *, wrong: str = ""
) -> web.Response:
    services = request.app[SERVICES]
    rights = [*working.record.rights[:place], *([right] if right else [])]
    shown = replace(working.record, rights=tuple(rights), without_rights=False)
    found = problems(shown, Stage.PUBLISH, InstantUs(services.now_us)) if right else []
    return page(
        request,
        "achievements/right.html",
        422 if wrong else 200,
        working=working,
        place=place,
        is_new=place >= len(working.record.rights),
        right=right or r.Right(kind=r.RightKind.INVENTION),
        record=working.record,
        found=[one for one in found if one.path.startswith(f"rights[{place}]")],
        choices=_choices(language_of(request)),
        licence_modes=[r.Mode.EXCLUSIVE.value, r.Mode.SOLE.value, r.Mode.PLAIN.value, r.Mode.OPEN.value],
        wrong=wrong,
    )


async def take_file(request: web.Request) -> web.Response:
    """POST /console/achievements/{id}/files: a multipart form with `csrf`, `visibility` and the file."""
    services, caller = request.app[SERVICES], request[CALLER]
    working = await find_own(services, caller, request.match_info["id"])
    upload = await upload_of(request, services.config.attachment_bytes_max)
    shown = upload.fields.get("visibility", "")
    visibility = r.Visibility(shown) if shown in set(r.Visibility) else r.Visibility.NDA
    try:
        await filing.add_file(services, caller, working, upload.name, upload.chunks(), visibility)
    except Refused as refused:
        if refused.code is not Code.FILE_REFUSED:
            raise
        why = str(refused.data.get("why", ""))
        return await _step_page(request, working, BY_NAME["documents"], working.record, file_wrong=why)
    return see_other(f"/console/achievements/{working.id}/steps/documents")


async def drop_file(request: web.Request) -> web.Response:
    """POST /console/achievements/{id}/files/{file}: take a file off the record."""
    services, caller = request.app[SERVICES], request[CALLER]
    working = await find_own(services, caller, request.match_info["id"])
    await filing.drop_file(services, caller, working, request.match_info["file"])
    return see_other(f"/console/achievements/{working.id}/steps/documents")


def _step(request: web.Request) -> Step:
    step = BY_NAME.get(request.match_info["step"])
    if step is None:
        raise Refused(Code.NOT_FOUND)
    return step


def _place(request: web.Request, working: Working) -> int:
    text, have = request.match_info["place"], len(working.record.rights)
    if text == "new" and have < r.LIST_MAX:
        return have
    if not (text.isascii() and text.isdigit() and len(text) < 4) or int(text) >= have:
        raise Refused(Code.NOT_FOUND)
    return int(text)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


ROUTES = [
    web.get("/console", show_console),
    web.post("/console/achievements", create),
    web.get("/console/achievements/{id}", overview),
    web.post("/console/achievements/{id}", act_on),
    web.get("/console/achievements/{id}/steps/{step}", show_step),
    web.post("/console/achievements/{id}/steps/{step}", save_step),
    web.get("/console/achievements/{id}/rights/{place}", show_right),
    web.post("/console/achievements/{id}/rights/{place}", save_right),
    web.post("/console/achievements/{id}/files", take_file),
    web.post("/console/achievements/{id}/files/{file}", drop_file),
]
