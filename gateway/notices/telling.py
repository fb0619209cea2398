"""Everybody concerned is told: a consumer of the notices' log that puts lines into inboxes, each once, cursor and lines together.

Told are the institution, the buyer where he is a party of the market, and the objector where he has an account; who objected is told to
nobody, and nothing of what he wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from engine.bus.local import Change
from engine.catalogue.search.notices import NewNotice, tell
from engine.journal.codec import decode_event
from engine.journal.follower import Connection, Follower
from engine.journal.streams import NOTICES
from engine.rules.publicity import events as e
from engine.rules.publicity.state import NoticeState
from engine.values import NOTICE_SHARDS, NoticeId, shard_of_notice
from gateway.notices.objectors import Objectors

CONSUMER: Final = "publicity_news"

_TO_SELLER: Final[dict[type[Any], str]] = {
    e.NoticeSubmitted: "publicity.submitted",
    e.NoticeResubmitted: "publicity.submitted",
    e.NoticeRevised: "publicity.submitted",
    e.NoticeReturned: "publicity.returned",
    e.NoticePublished: "publicity.published",
    e.ObjectionFiled: "publicity.objected",
    e.ObjectionReceived: "publicity.received",
    e.ObjectionNotAdmitted: "publicity.not_admitted",
    e.DecisionExtended: "publicity.extended",
    e.ObjectionDecided: "publicity.decided",
    e.ObjectionWithdrawn: "publicity.objection_withdrawn",
    e.ObjectionOverdue: "publicity.overdue",
    e.PeriodResumed: "publicity.resumed",
    e.PeriodEnded: "publicity.ended",
    e.NoticeCertified: "publicity.certified",
    e.AgreementStruck: "publicity.struck",
    e.NoticeWithdrawn: "publicity.withdrawn",
    e.NoticeTerminated: "publicity.terminated",
}
_TO_BUYER: Final = frozenset(
    {
        e.NoticePublished, e.ObjectionFiled, e.ObjectionDecided, e.PeriodResumed, e.NoticeRevised, e.NoticeCertified,
        e.AgreementStruck, e.NoticeWithdrawn, e.NoticeTerminated,
    }
)  # fmt: skip
_TO_OBJECTOR: Final[dict[type[Any], str]] = {
    e.ObjectionFiled: "objection.filed",
    e.ObjectionReceived: "objection.received",
    e.ObjectionNotAdmitted: "objection.not_admitted",
    e.DecisionExtended: "objection.extended",
    e.ObjectionDecided: "objection.decided",
    e.ObjectionWithdrawn: "objection.withdrawn",
}


class Telling:
    """The consumer."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load: Callable[[NoticeId], Awaitable[NoticeState | None]],
        objectors: Objectors,
        now_us: Callable[[], int],
    ) -> None:
        self._load = load
        self._objectors = objectors
        self._now_us = now_us
        self._follower = Follower(pool, CONSUMER, NOTICE_SHARDS, self._lines, self._write)
        self.follow = self._follower.follow
        self.catch_up = self._follower.catch_up

    def notice(self, changes: Sequence[Change[e.NoticeEvent, NoticeState]]) -> None:
        """Listener of the engine: something happened to these notices."""
        self._follower.notice({shard_of_notice(NoticeId(change.subject_id)) for change in changes})

    async def _lines(self, page: Sequence[asyncpg.Record]) -> list[NewNotice]:
        lines: list[NewNotice] = []
        for row in page:
            if not row["stream"].startswith(NOTICES.prefix):
                continue
            notice_id = NoticeId(NOTICES.subject(row["stream"]))
            state = await self._load(notice_id)
            if state is not None:
                event = decode_event(row["type"], row["version"], row["body"])
                lines += await self._of_event(state, event, f"{notice_id}/{row['stream_seq']}")
        return lines

    async def _of_event(self, state: NoticeState, event: Any, once: str) -> list[NewNotice]:
        about = _TO_SELLER.get(type(event))
        number = str(getattr(event, "objection_no", ""))
        lead = isinstance(event, e.ObjectionFiled) and event.lead
        data = {"title": state.content.title_zh, "no": number}
        lines = []
        if about is not None and not lead:
            link = f"/console/notices/{state.notice_id}"
            lines.append(NewNotice(party=state.seller_id, once=once, about=about, link=link, data=data))
            buyer = state.content.buyer.party_id
            if buyer and state.versions and type(event) in _TO_BUYER:
                link = f"/board/notices/{state.notice_id}"
                lines.append(NewNotice(party=buyer, once=once, about=about, link=link, data=data))
        said = _TO_OBJECTOR.get(type(event))
        if said is not None:
            filed = state.objections[event.objection_no - 1]
            stored = await self._objectors.read(filed.objection_id)
            if stored is not None and stored.party:
                data = {**data, "receipt": filed.receipt_no}
                link = f"/objections/{filed.objection_id}"
                lines.append(NewNotice(party=stored.party, once=f"{once}/o", about=said, link=link, data=data))
        return lines

    async def _write(self, connection: Connection, lines: list[NewNotice]) -> None:
        await tell(connection, lines, self._now_us())
