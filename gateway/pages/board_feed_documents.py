"""The board as feeds: Atom (RFC 4287, paged by RFC 5005) and JSON Feed 1.1. The same entries, addresses and digests in both."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from msgspec import Struct

from gateway import formatting
from gateway.board.showing import Row
from gateway.pages.code_names import region_name
from gateway.pages.i18n import translate

ATOM: Final = "http://www.w3.org/2005/Atom"
OWN: Final = "urn:ortoo:board:1"
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FeedPage(Struct, frozen=True, kw_only=True):
    """One page of a feed. Addresses are absolute."""

    rows: list[Row]
    title: str
    site: str
    """Address of the market."""
    home: str
    """The board with the same filters, for people."""
    own: str
    first: str
    next: str | None
    language: str
    updated_us: int


def atom(page: FeedPage) -> bytes:
    """Return the page as Atom."""
    ET.register_namespace("", ATOM)
    ET.register_namespace("ortoo", OWN)
    feed = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": _tag(page.language)})
    _add(feed, "id", page.first)
    _add(feed, "title", page.title)
    _add(feed, "updated", formatting.iso(page.updated_us))
    _link(feed, "self", page.own, "application/atom+xml")
    _link(feed, "alternate", page.home, "text/html")
    _link(feed, "first", page.first, "application/atom+xml")
    if page.next is not None:
        _link(feed, "next", page.next, "application/atom+xml")
    author = ET.SubElement(feed, f"{{{ATOM}}}author")
    _add(author, "name", translate(page.language, "brand.name"))
    for row in page.rows:
        _entry(feed, page, row)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(feed, encoding="unicode")}'.encode()


def json_feed(page: FeedPage) -> bytes:
    """Return the page as JSON Feed; `_ortoo` holds what the widget and other programs need."""
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": page.title,
        "home_page_url": page.home,
        "feed_url": page.own,
        "language": _tag(page.language),
        "authors": [{"name": translate(page.language, "brand.name"), "url": page.site}],
    }
    if page.next is not None:
        feed["next_url"] = page.next
    feed["items"] = [_item(page, row) for row in page.rows]
    return json.dumps(feed, ensure_ascii=False).encode("utf-8", "replace")


def _entry(feed: ET.Element, page: FeedPage, row: Row) -> None:
    entry, address = ET.SubElement(feed, f"{{{ATOM}}}entry"), page.site + row.path
    _add(entry, "id", address)
    _add(entry, "title", title_of(row, page.language))
    _add(entry, "published", formatting.iso(row.entry.published_at_us))
    _add(entry, "updated", formatting.iso(row.entry.changed_at_us))
    _link(entry, "alternate", address, "text/html")
    if row.is_notice:
        _link(entry, "via", f"{address}/record.json", "application/json")
    for term in (row.entry.kind, row.group):
        ET.SubElement(entry, f"{{{ATOM}}}category", {"term": term})
    _add(entry, "summary", summary_of(row, page.language))
    if row.digest:
        ET.SubElement(entry, f"{{{OWN}}}record", {"digest": row.digest, "version": str(row.entry.version)})


def _item(page: FeedPage, row: Row) -> dict[str, Any]:
    entry, address = row.entry, page.site + row.path
    return {
        "id": address,
        "url": address,
        "title": title_of(row, page.language),
        "content_text": summary_of(row, page.language),
        "date_published": formatting.iso(entry.published_at_us),
        "date_modified": formatting.iso(entry.changed_at_us),
        "tags": [entry.kind, row.group],
        "_ortoo": {
            "kind": entry.kind,
            "state": entry.state,
            "group": row.group,
            "group_text": translate(page.language, f"board.group.{row.group}"),
            "seller": entry.seller,
            "seller_name": _pick(entry.seller_zh, entry.seller_en, page.language),
            "region": entry.region,
            "price": str(entry.price),
            "price_text": formatting.money(entry.price, entry.exponent, entry.currency),
            "currency": entry.currency,
            "ends_at_us": entry.ends_at_us,
            "period_text": period_text(row, page.language),
            "title_mn": entry.title_mn,
            "version": entry.version,
            "digest": row.digest or None,
            "record_url": f"{address}/record.json" if row.is_notice else None,
        },
    }


def title_of(row: Row, language: str) -> str:
    """Return the title as lists name it."""
    kind = translate(language, f"board.kind.{row.entry.kind}")
    title = _pick(row.entry.title_zh, row.entry.title_en, language)
    return translate(language, "board.feed_title", kind=kind, title=title)


def summary_of(row: Row, language: str) -> str:
    """Return the facts in one line of text."""
    entry = row.entry
    parts = [
        _pick(entry.seller_zh, entry.seller_en, language),
        formatting.money(entry.price, entry.exponent, entry.currency),
        translate(language, f"catalogue.mode.{entry.mode}") if entry.mode else "",
        region_name(entry.region, language),
        translate(language, f"board.group.{row.group}"),
        period_text(row, language),
    ]
    return " · ".join(part for part in parts if part)


def period_text(row: Row, language: str) -> str:
    """Return how the period stands: day n of 15 and its end, or since when a result is public."""
    notice, entry = row.notice, row.entry
    if notice is None:
        return translate(language, "board.struck_at", at=formatting.when(entry.published_at_us))
    if row.group == "running" and notice.ends_at_us is not None:
        return translate(
            language, "board.day_of", day=notice.day_no, days=notice.days, at=formatting.until(notice.ends_at_us)
        )
    if row.group == "objected":
        return translate(language, "board.stands_still", days=notice.days_left)
    return (
        ""
        if notice.ends_at_us is None
        else translate(language, "board.ended_at", at=formatting.until(notice.ends_at_us))
    )


def newest(rows: Sequence[Row], otherwise_us: int) -> int:
    """Return when the newest entry changed."""
    return max((row.entry.changed_at_us for row in rows), default=otherwise_us)


def _pick(chinese: str, english: str, language: str) -> str:
    return (english or chinese) if language == "en" else (chinese or english)


def _tag(language: str) -> str:
    return "zh-CN" if language == "zh" else "en"


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = _NOT_XML.sub("\ufffd", text)


def _link(parent: ET.Element, relation: str, address: str, kind: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}link", {"rel": relation, "href": address, "type": kind})
