"""Import of many on the web: template, upload, dry run with its report, the choice, progress."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from engine.catalogue.importing.columns import BY_KEY, COLUMNS
from engine.catalogue.importing.jobs import Choice, ImportRefused, Job, Target, is_job_id
from engine.catalogue.importing.reading import BULK_BYTES_MAX, BYTES_MAX, ROWS_MAX
from engine.catalogue.importing.template import template_csv, template_xlsx
from gateway.accounts.model import Role
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.http.uploads import upload_of
from gateway.pages.i18n import catalogue, language_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

PROBLEMS_A_PAGE: Final = 50
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def show_imports(request: web.Request) -> web.Response:
    """GET /me/imports."""
    return await _list(request, request.query.get("wrong", "")[:20])


async def _list(request: web.Request, wrong: str, status: int = 200) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    jobs = await services.imports.of_party(caller.party_id)
    return page(
        request,
        "catalogue/imports.html",
        status,
        jobs=jobs,
        wrong=wrong if f"import.refused.{wrong}" in catalogue("zh") else "",
        megabytes=BYTES_MAX // 1_048_576,
        rows_max=ROWS_MAX,
        may_publish=caller.role is Role.OPERATOR,
    )


async def take_import(request: web.Request) -> web.Response:
    """POST /me/imports: a file; the same file leads to the job it has already."""
    services, caller = request.app[SERVICES], request[CALLER]
    upload = await upload_of(request, BULK_BYTES_MAX if caller.role is Role.OPERATOR else BYTES_MAX)
    if not upload.name:
        return await _list(request, "empty", 422)
    target = target_of(upload.fields.get("target", ""), caller.role)
    assert caller.account is not None, "the door lets no anonymous caller in"
    try:
        job, new = await services.imports.take(caller.party_id, caller.account.id, upload.name, upload.chunks(), target)
    except ImportRefused as refused:
        return await _list(request, refused.why, 422)
    if new:
        await services.accounts.note(caller, network_of(request), "import.take", job.id)
    return see_other(f"/me/imports/{job.id}" + ("" if new else "?same=1"))


def target_of(text: str, role: Role | None) -> Target:
    """Return what rows become; only operators publish at once.

    Raises:
        Refused: FORBIDDEN.
    """
    if text != Target.PUBLISH:
        return Target.DRAFT
    if role is not Role.OPERATOR:
        raise Refused(Code.FORBIDDEN)
    return Target.PUBLISH


async def show_import(request: web.Request) -> web.Response:
    """GET /me/imports/{id}: progress, report, choice."""
    return await _job_page(request, await own_job(request))


async def _job_page(request: web.Request, job: Job, wrong: str = "", status: int = 200) -> web.Response:
    after = request.query.get("after", "")
    place = int(after) if after.isascii() and after.isdigit() and len(after) < 8 else -1
    problems = await request.app[SERVICES].imports.problems(job.id, place, PROBLEMS_A_PAGE)
    language = language_of(request)
    response = page(
        request,
        "catalogue/import.html",
        status,
        job=job,
        wrong=wrong,
        same=bool(request.query.get("same")),
        problems=[_problem(one, language) for _, one in problems],
        more=problems[-1][0] if len(problems) == PROBLEMS_A_PAGE else None,
    )
    if job.is_moving:
        response.headers["Refresh"] = "2"  # the page polls by itself, also without scripts
    return response


def _problem(one: Any, language: str) -> dict[str, Any]:
    column = BY_KEY.get(one.column)
    key = f"import.problem.{one.code}"
    known = key if key in catalogue(language) else "import.problem.other"
    return {
        "line": one.line,
        "column": one.column if column is None else column.en if language == "en" else column.zh,
        "value": one.value,
        "blocking": one.blocking,
        "key": known,
        "code": one.code,
    }


async def decide_import(request: web.Request) -> web.Response:
    """POST /me/imports/{id}: bring in all rows or the good ones, or call it off."""
    services, job, form = request.app[SERVICES], await own_job(request), await request.post()
    act = str(form.get("act", ""))
    try:
        if act in set(Choice):
            await services.imports.start(job.id, Choice(act))
        elif act == "cancel":
            await services.imports.cancel(job.id)
        else:
            raise Refused(Code.MALFORMED, fields="act")
    except ImportRefused as refused:
        return await _job_page(request, job, f"import.refused.{refused.why}", 422)
    await services.accounts.note(request[CALLER], network_of(request), f"import.{act}", job.id)
    return see_other(f"/me/imports/{job.id}")


async def template(request: web.Request) -> web.Response:
    """GET /imports/template: the workbook, or with ?format=csv the plain file."""
    language, plain = language_of(request), request.query.get("format") == "csv"
    body = template_csv(language) if plain else template_xlsx(language)
    name = f"ortoo-achievements-{language}.{'csv' if plain else 'xlsx'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type="text/csv" if plain else XLSX, headers=headers)


async def own_job(request: web.Request) -> Job:
    """Return the job in the path.

    Raises:
        Refused: NOT_FOUND: there is none, or it is somebody else's.
    """
    job_id = request.match_info["id"]
    job = await request.app[SERVICES].imports.read(job_id) if is_job_id(job_id) else None
    if job is None or job.party != request[CALLER].party_id:
        raise Refused(Code.NOT_FOUND)
    return job


ROUTES = [
    web.get("/imports/template", template),
    web.get("/me/imports", show_imports),
    web.post("/me/imports", take_import),
    web.get("/me/imports/{id}", show_import),
    web.post("/me/imports/{id}", decide_import),
]
assert len(COLUMNS) == len(BY_KEY), "column keys are distinct"
