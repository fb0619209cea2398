"""Contracts and registrations for their sides: what stands in the form and where it comes from, what is missing, documents."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from engine.calendar import day_of
from engine.typesetting.typesetter import TypesettingFailed
from engine.values import InstantUs
from gateway.deposits.acting import read_yuan
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.registrations import acting, changing, documents
from gateway.services import SERVICES, Services
from settlement.contracts.amounts import amount_rules
from settlement.contracts.checks import check_contract, refusal_rules
from settlement.contracts.drafting import clause_table, draft
from settlement.contracts.facts import Approval, Part
from settlement.contracts.life import Contract
from settlement.registration.events import RegistrationState
from settlement.registration.evolving import Registration
from settlement.registration.files import File
from settlement.registration.form import FieldKind, FormField, form_fields, form_table, registration_rules

A_PAGE: Final = 50
OPEN: Final = (RegistrationState.DRAFT, RegistrationState.RETURNED)
PARTS_SHOWN: Final = 3
APPROVALS: Final = (
    "asset_transfer", "plant_variety", "export_licence", "export_registration", "import_licence", "import_registration",
)  # fmt: skip
"""Approvals that a registrar asks for (settlement/contracts/checks.py)."""
SECTIONS: Final = ("contract", "seller", "buyer", "amount", "project")
TONES: Final = {
    "draft": "", "submitted": "info", "pre_check": "info", "returned": "bad", "resubmitted": "info", "accepted": "info",
    "first_review": "info", "expert_review": "info", "second_review": "info", "registered": "good", "changed": "good",
    "refused": "bad", "cancelled": "bad", "revoked": "bad", "objected": "bad", "archived": "",
}  # fmt: skip


async def show_own(request: web.Request) -> web.Response:
    """GET /me/registrations: one's own contracts and their registrations."""
    services, caller = request.app[SERVICES], request[CALLER]
    after = request.query.get("after", "")[:100]
    found = await services.registering.contracts.of_party(caller.party_id, after, A_PAGE + 1)
    rows = [(one, await services.registering.registrations.of_deal(one.facts.deal)) for one in found[:A_PAGE]]
    more = found[A_PAGE - 1].id if len(found) > A_PAGE else None
    return page(request, "registrations/mine.html", rows=rows, more=more, tones=TONES)


async def show_one(request: web.Request) -> web.Response:
    """GET /registrations/{id}."""
    services, caller = request.app[SERVICES], request[CALLER]
    return await _one_page(request, await acting.own_file(services, caller, request.match_info["id"]), None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /registrations/{id}: save answers, hand in, object."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    registration_id, network, act = request.match_info["id"], network_of(request), str(form.get("act", ""))
    try:
        match act:
            case "save" | "submit":
                answers = {
                    key: str(form[key]) for key, field in form_fields().items() if field.answerable and key in form
                }
                reasons = {
                    key.removeprefix("why_"): str(value)
                    for key, value in form.items()
                    if key.startswith("why_monopoly_")
                }
                await acting.save(services, caller, network, registration_id, answers, reasons)
                if act == "submit":
                    await acting.submit(services, caller, network, registration_id)
            case "object":
                await acting.object_to(services, caller, network, registration_id, str(form.get("text", "")).strip())
            case _:
                raise Refused(Code.MALFORMED, fields="act")
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _one_page(request, await acting.own_file(services, caller, registration_id), refused)
    return see_other(f"/registrations/{registration_id}")


async def _one_page(request: web.Request, file: File, refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    registration = file.registration
    applicant = caller.party_id == registration.applicant
    history = await services.registering.registrations.history(registration.id)
    return page(
        request, "registrations/one.html", 200 if refused is None else 422, file=file, registration=registration,
        applicant=applicant, may_answer=applicant and registration.state in OPEN, refused=refused, history=history,
        sections=sections_of(file), tones=TONES, table=form_table(), rules=registration_rules(),
        labels=LABELS,
        may_object=registration.state.value in ("registered", "changed", "refused", "revoked"), **WORDS,
    )  # fmt: skip


def sections_of(file: File) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the form as the page shows it: sections in their order, each field with value, name of the code, findings, options."""
    fields = form_fields()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in SECTIONS}
    for key, filled in file.form.items():
        field = fields[key]
        found[field.section].append(
            {
                "field": field,
                "value": filled.value,
                "shown": field.shown(filled.value),
                "origin": filled.origin.value,
                "findings": file.found.at(key),
                "options": options_of(field),
            }
        )
    return [(name, rows) for name, rows in found.items() if rows]


def options_of(field: FormField) -> list[tuple[str, str, str, int]]:
    """Return the choices of a field that is answered here: code, names, depth in its tree."""
    table = field.entries() if field.answerable and field.kind in (FieldKind.CODE, FieldKind.LEAF) else None
    if table is None:
        return []
    return [(code, entry.zh, entry.en, len(table.path(code)) - 1) for code, entry in table.items()]


LABELS: Final = {
    **{f"clause:{rule.id}": (rule.zh, rule.en) for rule in clause_table().clauses},
    **{key: (field.zh, field.en) for key, field in form_fields().items()},
}
"""What a finding's place is called."""
WORDS: Final[dict[str, Any]] = {
    "ground_names": {ground.number: (ground.zh, ground.en) for ground in refusal_rules().grounds},
    "revocations": registration_rules().revocation_grounds,
    "parts": amount_rules().parts,
}


async def package_json(request: web.Request) -> web.Response:
    """GET /registrations/{id}/package.json."""
    registration, body = await _package(request)
    return _file(body, "application/json", f"{registration.id}.json")


async def form_xlsx(request: web.Request) -> web.Response:
    """GET /registrations/{id}/form.xlsx."""
    registration, body = await _package(request)
    return _file(documents.form_workbook(registration, body), documents.XLSX, f"{registration.id}.xlsx")


async def form_pdf(request: web.Request) -> web.Response:
    """GET /registrations/{id}/form.pdf."""
    registration, body = await _package(request)
    made = documents.form_pdf(request.app[SERVICES], registration, body, origin_of_market(request))
    return await _pdf(made, f"{registration.id}.pdf")


async def certificate_pdf(request: web.Request) -> web.Response:
    """GET /registrations/{id}/certificate.pdf."""
    registration = await _seen(request)
    made = acting.certificate(request.app[SERVICES], registration, origin_of_market(request))
    return await _pdf(made, f"{registration.number or registration.id}.pdf")


async def show_contract(request: web.Request) -> web.Response:
    """GET /contracts/{id}."""
    return await _contract_page(request, await _contract(request), None)


async def _contract_page(request: web.Request, contract: Contract, refused: Refused | None) -> web.Response:
    services = request.app[SERVICES]
    made = draft(contract.signed_facts)
    return page(
        request, "registrations/contract.html", 200 if refused is None else 422, refused=refused, contract=contract,
        parts_options=[(kind, part.zh if language_of(request) == "zh" else part.en) for kind, part in amount_rules().parts.items()],
        approvals=APPROVALS, parts_shown=range(PARTS_SHOWN), approved={one.kind: one.number for one in contract.facts.approvals},
        draft=made,
        found=check_contract(made, day_of(InstantUs(services.now_us))), versions=await services.registering.contracts.versions(contract.id),
        registration=await services.registering.registrations.of_deal(contract.facts.deal), tones=TONES, **WORDS,
    )  # fmt: skip


async def act_on_contract(request: web.Request) -> web.Response:
    """POST /contracts/{id}: record what both sides have agreed on, or the contract's end."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    contract_id, network = request.match_info["id"], network_of(request)
    try:
        match str(form.get("act", "")):
            case "change":
                await changing.change(services, caller, network, contract_id, read_change(form))
            case "rescind" | "annul" as act:
                reason, on = str(form.get("reason", "")), str(form.get("on", ""))
                await changing.end(
                    services, caller, network, contract_id, annulled=act == "annul", reason=reason, on=on
                )
            case _:
                raise Refused(Code.MALFORMED, fields="act")
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _contract_page(request, await _contract(request), refused)
    return see_other(f"/contracts/{contract_id}")


def read_change(form: Any) -> changing.AgreedChange:
    """Return the change that a form records.

    Raises:
        Refused: MALFORMED: an amount or a number cannot be read.
    """

    def text(name: str) -> str:
        return str(form.get(name, "")).strip()

    def count(name: str) -> int:
        value = text(name) or "1"
        if not (value.isascii() and value.isdigit() and len(value) < 6):
            raise Refused(Code.MALFORMED, fields=name)
        return int(value)

    parts = tuple(
        Part(
            kind=text(f"part_{n}"), name=text(f"part_name_{n}"), amount_fen=read_yuan(text(f"part_amount_{n}")),
            quantity=count(f"part_quantity_{n}"), needed=count(f"part_needed_{n}"),
        )
        for n in range(PARTS_SHOWN)
        if text(f"part_{n}")
    )  # fmt: skip
    approvals = tuple(
        Approval(kind=kind, number=text(f"approval_{kind}")) for kind in APPROVALS if text(f"approval_{kind}")
    )
    return changing.AgreedChange(
        reason=text("reason"), signed_on=text("signed_on"), project=text("project"), content=text("content"),
        acceptance=text("acceptance"), begins_on=text("begins_on"), ends_on=text("ends_on"), total_fen=read_yuan(text("total")),
        parts=parts, approvals=approvals, extra_clauses=tuple(line.strip() for line in text("extra").splitlines() if line.strip()),
        related=text("related") == "1",
    )  # fmt: skip


async def contract_docx(request: web.Request) -> web.Response:
    """GET /contracts/{id}/contract.docx."""
    contract = await _contract(request)
    return _file(documents.contract_file(contract), documents.DOCX, f"{contract.id}-v{contract.version}.docx")


async def contract_pdf(request: web.Request) -> web.Response:
    """GET /contracts/{id}/contract.pdf."""
    contract = await _contract(request)
    made = documents.contract_pdf(request.app[SERVICES], contract, origin_of_market(request))
    return await _pdf(made, f"{contract.id}-v{contract.version}.pdf")


async def show_certificate(request: web.Request) -> web.Response:
    """GET /verify/registration/{number}/{check}: what anybody with a certificate in hand can check."""
    services = request.app[SERVICES]
    number, check = request.match_info["number"][:60], request.match_info["check"][:60]
    registration = await services.registering.registrations.of_number(number)
    checks = [] if registration is None else await _checks(services, registration)
    if registration is None or check not in checks:
        raise Refused(Code.NOT_FOUND)
    return page(
        request, "registrations/certificate.html", registration=registration, newest=check == registration.check,
        tones=TONES, registrar=documents.market_title(services.config), **WORDS,
    )  # fmt: skip


async def _checks(services: Services, registration: Registration) -> list[str]:
    history = await services.registering.registrations.history(registration.id, limit=500)
    return [check for line in history if (check := getattr(line.event, "check", ""))]


async def _seen(request: web.Request) -> Registration:
    """Return the registration of the path for who may see it: its sides, the registrar, the market's staff."""
    services, caller = request.app[SERVICES], request[CALLER]
    if sees_all(caller.role):
        registration = await services.registering.registrations.read(request.match_info["id"])
        if registration is None:
            raise Refused(Code.NOT_FOUND)
        return registration
    return (await acting.own_file(services, caller, request.match_info["id"])).registration


async def _package(request: web.Request) -> tuple[Registration, bytes]:
    registration = await _seen(request)
    files = request.app[SERVICES].registering.registrations.files
    body = None if registration.state in OPEN else await files.package_of(registration)
    body = body or await files.preview(registration.id)
    assert body is not None, "it was read just now"
    return registration, body


async def _contract(request: web.Request) -> Contract:
    services, caller = request.app[SERVICES], request[CALLER]
    contract = await services.registering.contracts.read(request.match_info["id"])
    if contract is None or not (sees_all(caller.role) or caller.party_id in acting.sides(contract)):
        raise Refused(Code.NOT_FOUND)
    return contract


def sees_all(role: object) -> bool:
    """Tell whether a role sees every contract: the desk, and who supervises it."""
    return getattr(role, "value", "") in ("registrar", "operator", "supervisor")


def origin_of_market(request: web.Request) -> str:
    """Return scheme and host that links on documents begin with: as configured, else as asked."""
    config = request.app[SERVICES].config
    if config.public_origins:
        return config.public_origins[0]
    return f"{request.scheme}://{request.host}"


def _file(body: bytes, kind: str, name: str) -> web.Response:
    return web.Response(
        body=body,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _pdf(made: Any, name: str) -> web.Response:
    try:
        return _file(await made, "application/pdf", name)
    except TypesettingFailed:
        raise Refused(Code.UNAVAILABLE) from None


ROUTES = [
    web.get("/me/registrations", show_own),
    web.get("/registrations/{id}", show_one),
    web.post("/registrations/{id}", act_on_one),
    web.get("/registrations/{id}/package.json", package_json),
    web.get("/registrations/{id}/form.xlsx", form_xlsx),
    web.get("/registrations/{id}/form.pdf", form_pdf),
    web.get("/registrations/{id}/certificate.pdf", certificate_pdf),
    web.get("/contracts/{id}", show_contract),
    web.post("/contracts/{id}", act_on_contract),
    web.get("/contracts/{id}/contract.docx", contract_docx),
    web.get("/contracts/{id}/contract.pdf", contract_pdf),
    web.get("/verify/registration/{number}/{check}", show_certificate),
]
