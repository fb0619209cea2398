"""The registration desk: queues with age and clocks, one case with everything beside its acts, the feed with its dead letters."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from engine.catalogue.codes.regions import PREFECTURES
from engine.values import PartyId
from gateway.accounts.model import Role
from gateway.deposits.acting import read_yuan
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.registrations import TONES, WORDS, sections_of
from gateway.pages.rendering import page, see_other
from gateway.registrations import acting
from gateway.registrations.acting import ACTS, RegistrarAct
from gateway.services import SERVICES
from settlement.contracts.amounts import needs_experts
from settlement.registration.deciding import allowed_states
from settlement.registration.events import ExpertView, RegistrationState
from settlement.registration.files import File
from settlement.registration.form import form_table, registration_rules
from settlement.registration.precheck import number_warnings
from settlement.registration.registrations import QUEUES

A_PAGE: Final = 50
EXPERTS_SHOWN: Final = 5
DONE: Final = "done"


async def show_queue(request: web.Request) -> web.Response:
    """GET /desk/registrations: one queue, the first that is not empty unless one is asked for."""
    services = request.app[SERVICES]
    desk, outbox = services.registering.registrations, services.registering.outbox
    figures = await desk.figures()
    counts = {name: int(getattr(figures, name)) for name in QUEUES}
    chosen = request.query.get("queue", "")
    if chosen not in (*counts, DONE):
        chosen = next((name for name in counts if counts[name]), QUEUES[0])
    prefecture = request.query.get("prefecture", "")
    prefecture = prefecture if prefecture in {region.code for region in PREFECTURES} else ""
    waiting = await desk.queue(chosen, _position(request.query.get("after", "")), A_PAGE + 1, prefecture)
    more = None
    if len(waiting) > A_PAGE:
        more = f"{waiting[A_PAGE - 1].since_us}~{waiting[A_PAGE - 1].registration.id}"
    return page(
        request, "registrations/desk.html", counts=counts, chosen=chosen, waiting=waiting[:A_PAGE], more=more,
        feed=await outbox.figures(), now_us=services.now_us, tones=TONES, prefecture=prefecture,
        prefectures=[(region.code, region.zh, region.en) for region in PREFECTURES],
    )  # fmt: skip


async def show_one(request: web.Request) -> web.Response:
    """GET /desk/registrations/{id}."""
    return await _one_page(request, await _file(request), None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /desk/registrations/{id}."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    registration_id = request.match_info["id"]
    try:
        await acting.act(services, caller, network_of(request), registration_id, read_act(form))
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _one_page(request, await _file(request), refused)
    return see_other(f"/desk/registrations/{registration_id}")


async def show_feed(request: web.Request) -> web.Response:
    """GET /desk/registrar-feed: what an outside system was told, what waits, what it will never take."""
    services = request.app[SERVICES]
    outbox = services.registering.outbox
    return page(
        request, "registrations/feed.html", figures=await outbox.figures(), dead=await outbox.dead(limit=A_PAGE),
        waiting=await outbox.waiting(A_PAGE), connected=bool(services.config.registrar_url), now_us=services.now_us,
    )  # fmt: skip


async def requeue(request: web.Request) -> web.Response:
    """POST /desk/registrar-feed: send a dead letter again."""
    services, form = request.app[SERVICES], await request.post()
    message_id = str(form.get("message", ""))[:100]
    if not await services.registering.outbox.requeue(message_id, services.now_us):
        raise Refused(Code.NOT_FOUND)
    await services.accounts.note(request[CALLER], network_of(request), "registrar_feed.requeued", message_id)
    return see_other("/desk/registrar-feed")


def read_act(form: Any) -> RegistrarAct:
    """Return what a form of the desk wishes.

    Raises:
        Refused: MALFORMED: an amount or a ground cannot be read.
    """

    def text(name: str) -> str:
        return str(form.get(name, "")).strip()

    experts = tuple(
        ExpertView(name=text(f"expert_{n}"), unit=text(f"unit_{n}"), agrees=text(f"agrees_{n}") == "1")
        for n in range(EXPERTS_SHOWN)
        if text(f"expert_{n}")
    )
    ground = text("ground")
    if ground and not (ground.isascii() and ground.isdigit() and len(ground) < 3):
        raise Refused(Code.MALFORMED, fields="ground")
    return RegistrarAct(
        act=text("act"), reason=text("reason"), fields=tuple(str(value) for value in form.getall("fields", [])[:60]),
        outcome=text("outcome") or "register", technical_fen=_amount(text("technical")), total_fen=_amount(text("total")),
        ground=int(ground or 0), number=text("number"), confirmed=text("confirmed") == "1", experts=experts, cause=text("cause"),
        revocation=text("revocation"), by=text("by"), upheld=text("upheld") == "1",
    )  # fmt: skip


async def _one_page(request: web.Request, file: File, refused: Refused | None) -> web.Response:
    services, registration = request.app[SERVICES], file.registration
    registering = services.registering
    possible = {name for name, kind in ACTS.items() if registration.state in allowed_states(kind)}
    return page(
        request, "registrations/desk_one.html", 200 if refused is None else 422, file=file, registration=registration,
        refused=refused, sections=sections_of(file), possible=possible, tones=TONES, now_us=services.now_us,
        history=await registering.registrations.history(registration.id), letters=await registering.outbox.of_registration(registration.id),
        answers=await registering.answers.of_registration(registration.id), table=form_table(), rules=registration_rules(),
        large=needs_experts(registration.technical_fen, disputed=bool(registration.disputed)),
        series=services.config.registrar_number_prefix, warnings=number_warnings(registration.number) if registration.number else (),
        experts_shown=range(EXPERTS_SHOWN),
        may_act=request[CALLER].role is Role.REGISTRAR,
        names=await _names(request, file), open_states=(RegistrationState.DRAFT, RegistrationState.RETURNED), **WORDS,
    )  # fmt: skip


async def _names(request: web.Request, file: File) -> dict[str, str]:
    services = request.app[SERVICES]
    logins = {file.registration.registrar, file.registration.first_reviewer, file.registration.second_reviewer} - {""}
    history = await services.registering.registrations.history(file.registration.id)
    logins |= {line.actor for line in history}
    known = await services.accounts.by_ids([PartyId(login) for login in sorted(logins)])
    return {login: known[PartyId(login)].display_name if PartyId(login) in known else login for login in logins}


async def _file(request: web.Request) -> File:
    file = await request.app[SERVICES].registering.registrations.files.file(request.match_info["id"])
    if file is None:
        raise Refused(Code.NOT_FOUND)
    return file


def _amount(text: str) -> int | None:
    return read_yuan(text) if text else None


def _position(text: str) -> tuple[int, str]:
    since, _, key = text.partition("~")
    return (int(since), key[:100]) if since.isascii() and since.isdigit() and len(since) < 19 else (0, "")


ROUTES = [
    web.get("/desk/registrations", show_queue),
    web.get("/desk/registrations/{id}", show_one),
    web.post("/desk/registrations/{id}", act_on_one),
    web.get("/desk/registrar-feed", show_feed),
    web.post("/desk/registrar-feed", requeue),
]
