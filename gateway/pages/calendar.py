"""The market's calendar: sessions that open and end, disclosures that end; as pages and as a calendar file. Public facts only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from aiohttp import web

from engine.rules.listing.state import ListingPhase
from engine.rules.visibility import public_end_us
from gateway.formatting import until
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page
from gateway.services import SERVICES, Services

DAYS_SHOWN: Final = 60
DAY_US: Final = 86_400_000_000
EVENTS_MAX: Final = 500


class Due(NamedTuple):
    """Something that happens at an instant."""

    at_us: int
    kind: str
    title_zh: str
    title_en: str
    address: str


def dues(services: Services) -> list[Due]:
    """Return what comes in the next days, soonest first."""
    now_us = services.now_us
    found = []
    for lot in services.engine.lots():
        title, address = (lot.subject.title_zh, lot.subject.title_en), f"/lots/{lot.lot_id}"
        if lot.phase.value == "scheduled":
            found.append(Due(lot.opens_at_us, "session_opens", *title, address))
        elif lot.phase.is_bidding and (ends_us := public_end_us(lot) or lot.free_ends_at_us) is not None:
            found.append(Due(ends_us, "session_ends", *title, address))
    for listing in services.engine.listings.states():
        subject = listing.subject
        title, address = (subject.title_zh, subject.title_en), f"/listings/{listing.listing_id}"
        if listing.phase is ListingPhase.LISTED and listing.discloses_until_us is not None:
            found.append(Due(listing.discloses_until_us, "disclosure_ends", *title, address))
    return sorted(due for due in found if now_us <= due.at_us <= now_us + DAYS_SHOWN * DAY_US)[:EVENTS_MAX]


async def show_calendar(request: web.Request) -> web.Response:
    """GET /calendar."""
    days: dict[str, list[Due]] = {}
    for due in dues(request.app[SERVICES]):
        days.setdefault(until(due.at_us)[:10], []).append(due)
    return page(request, "listings/calendar.html", days=list(days.items()), days_shown=DAYS_SHOWN)


async def calendar_file(request: web.Request) -> web.Response:
    """GET /calendar.ics (RFC 5545)."""
    services, language = request.app[SERVICES], language_of(request)
    origin = f"{request.scheme}://{request.host}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Ortoo//Calendar//EN", "CALSCALE:GREGORIAN"]
    stamp = _stamp(services.now_us)
    for due in dues(services):
        title = due.title_zh if language == "zh" or not due.title_en else due.title_en
        summary = translate(language, f"calendar.{due.kind}") + " " + title
        lines += [
            "BEGIN:VEVENT", f"UID:{due.kind}-{due.address.strip('/').replace('/', '-')}@ortoo", f"DTSTAMP:{stamp}",
            f"DTSTART:{_stamp(due.at_us)}", *_folded(f"SUMMARY:{_escaped(summary)}"), f"URL:{origin}{due.address}", "END:VEVENT",
        ]  # fmt: skip
    lines.append("END:VCALENDAR")
    return web.Response(text="\r\n".join(lines) + "\r\n", content_type="text/calendar")


def _stamp(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", " ")


def _folded(line: str) -> list[str]:
    """Return a line in parts of at most 75 octets, the rest indented by a space."""
    parts, part = [], ""
    for character in line:
        if len((part + character).encode()) > 73:
            parts.append(part)
            part = " "
        part += character
    return [*parts, part]


ROUTES = [web.get("/calendar", show_calendar), web.get("/calendar.ics", calendar_file)]
