"""The public side of an achievement: its page, the confidentiality text, its files, its versions and what changed between them."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

from engine.catalogue.achievements.confidentiality import text_digest
from engine.catalogue.achievements.versions import Version
from engine.catalogue.attachments import Attachment
from engine.catalogue.codes.industries import industry_of
from engine.catalogue.codes.regions import REGIONS
from engine.catalogue.codes.trl import level_of
from engine.catalogue.search.entries import Kind
from engine.rules.achievement.disclosure import Viewer, part_for
from engine.rules.achievement.record import Achievement, Visibility
from engine.rules.achievement.rights import foreign_blocked, is_alive, last_day, remaining_days
from engine.values import InstantUs
from gateway.accounts.model import Caller
from gateway.achievements.access import achievement_id_of, find_public, nda_text, viewer_of
from gateway.achievements.filing import sign
from gateway.achievements.history import history_rows
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.http.downloads import as_download
from gateway.pages.catalogue import suggestions
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services

VERSIONS_SHOWN: Final = 50


async def show(request: web.Request) -> web.Response:
    """GET /achievements/{id}."""
    services, caller = request.app[SERVICES], request[CALLER]
    version = await find_public(services, request.match_info["id"])
    viewer = await viewer_of(services, caller, version)
    files = {one.id: one for one in await services.attachments.of_subject(version.id)}
    return page(
        request,
        "achievements/show.html",
        version=version,
        viewer=viewer.value,
        files=files,
        locked=_locked(version.record, viewer),
        may_sign=viewer is Viewer.PUBLIC,
        matches=await suggestions(request, Kind.ACHIEVEMENT, version.id),
        **record_context(request, part_for(version.record, viewer), services),
    )


def record_context(request: web.Request, record: Achievement, services: Services) -> dict[str, Any]:
    """Return what the templates need to show a record: the part to show, and names for its codes."""
    language, at_us = language_of(request), InstantUs(services.now_us)
    industry, level = industry_of(record.industry), level_of(record.trl or 0)
    return {
        "record": record,
        "region_path": " ".join(entry.name(language) for entry in REGIONS.path(record.region)) or record.region,
        "industry_name": record.industry if industry is None else f"{industry.code} {industry.name(language)}",
        "level": None if level is None else {"name": level.name(language), "meaning": level.meaning(language)},
        "rights": [
            {
                "right": right,
                "last_day": last_day(right),
                "remaining": remaining_days(right, at_us),
                "alive": is_alive(right, at_us),
            }
            for right in record.rights
        ],
        "foreign_blocked": foreign_blocked(record),
        "percent": percent,
    }


def percent(share_bp: int) -> str:
    """Return basis points as percent: 3333 is `33.33`, 5000 is `50`."""
    whole, rest = divmod(share_bp, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def _locked(record: Achievement, viewer: Viewer) -> dict[str, Any]:
    """Say what a signature would open, without a word of it."""
    documents = sum(one.visibility is Visibility.NDA for one in record.documents)
    return {
        "text": bool(record.full_text) and viewer is Viewer.PUBLIC,
        "files": documents if viewer is Viewer.PUBLIC else 0,
    }


async def show_nda(request: web.Request) -> web.Response:
    """GET /achievements/{id}/nda: the text to sign, or that it is signed."""
    services, caller = request.app[SERVICES], request[CALLER]
    version = await find_public(services, request.match_info["id"])
    return await _nda_page(request, services, caller, version)


async def sign_nda(request: web.Request) -> web.Response:
    """POST /achievements/{id}/nda: sign the text that was shown, and no other."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    version = await find_public(services, request.match_info["id"])
    text = nda_text(version.record)
    if str(form.get("text", "")) != text_digest(text).hex():
        return await _nda_page(request, services, caller, version, wrong="achievement.nda.changed")
    if form.get("agree") != "1":
        return await _nda_page(request, services, caller, version, wrong="achievement.nda.tick")
    await sign(services, caller, version, network_of(request))
    return see_other(f"/achievements/{version.id}#full")


async def _nda_page(
    request: web.Request, services: Services, caller: Caller, version: Version, wrong: str = ""
) -> web.Response:
    text = nda_text(version.record)
    viewer = await viewer_of(services, caller, version)
    found = None if caller.account is None else await services.confidentiality.signature(version.id, caller.party_id)
    return page(
        request,
        "achievements/nda.html",
        422 if wrong else 200,
        version=version,
        record=version.record,
        text=text,
        text_digest=text_digest(text).hex(),
        viewer=viewer.value,
        signature=found if viewer is Viewer.SIGNER else None,
        wrong=wrong,
    )


async def download(request: web.Request) -> web.StreamResponse:
    """GET /achievements/{id}/files/{file}: to whom the file may reach, as something to save, never to run."""
    services, caller = request.app[SERVICES], request[CALLER]
    attachment = await readable_file(services, caller, request.match_info["id"], request.match_info["file"])
    return as_download(services, attachment)


async def readable_file(services: Services, caller: Caller, achievement: str, file_id: str) -> Attachment:
    """Return a file that this caller may read.

    The owner and the staff read what is on the working copy or in a version; others what the public version holds for them.

    Raises:
        Refused: NOT_FOUND: nothing there, or nothing for this caller: the answers do not differ.
    """
    achievement_id = achievement_id_of(achievement)
    attachment = await services.attachments.read(file_id)
    if attachment is None or attachment.subject != achievement_id:
        raise Refused(Code.NOT_FOUND)
    if caller.account is not None and (caller.account.role.is_staff or caller.party_id == attachment.owner):
        return attachment
    version = await services.achievements.public(achievement_id)
    if version is None:
        raise Refused(Code.NOT_FOUND)
    part = part_for(version.record, await viewer_of(services, caller, version))
    if not any(one.id == file_id and one.sha256 == attachment.sha256 for one in part.documents):
        raise Refused(Code.NOT_FOUND)
    return attachment


async def show_history(request: web.Request) -> web.Response:
    """GET /achievements/{id}/history: published versions and what changed, as far as it may reach the visitor."""
    services, caller = request.app[SERVICES], request[CALLER]
    version = await find_public(services, request.match_info["id"])
    viewer = await viewer_of(services, caller, version)
    versions = await services.achievements.versions(version.id)
    return page(
        request,
        "achievements/history.html",
        version=version,
        record=version.record,
        rows=history_rows(versions, viewer)[:VERSIONS_SHOWN],
        broken=await services.achievements.first_broken(version.id),
        said=said,
        top=top,
    )


def top(path: str) -> str:
    """Return the field of the record that a path begins with."""
    return path.partition(".")[0].partition("[")[0]


def said(value: Any) -> str:
    """Return a plain value as a person reads it in a comparison."""
    if value in (None, "", [], {}):
        return "—"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, dict):
        return " · ".join(said(part) for part in value.values() if part not in (None, "", [], {}, False))
    if isinstance(value, list):
        return " / ".join(said(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)


ROUTES = [
    web.get("/achievements/{id}", show),
    web.get("/achievements/{id}/nda", show_nda),
    web.post("/achievements/{id}/nda", sign_nda),
    web.get("/achievements/{id}/history", show_history),
    web.get("/achievements/{id}/files/{file}", download),
]
