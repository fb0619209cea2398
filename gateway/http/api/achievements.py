"""Endpoints of the catalogue's records: what is public, what a signature opens, writing and publishing, files, who signed."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from msgspec import Struct
from pydantic import Field, StringConstraints, model_validator

from engine.catalogue.achievements.confidentiality import Signature, text_digest
from engine.catalogue.achievements.store import PAGE_MAX, REASON_MAX, Done, Working
from engine.catalogue.achievements.versions import Version
from engine.rules.achievement.checking import Problem, Stage, problems
from engine.rules.achievement.differences import Difference
from engine.rules.achievement.disclosure import Viewer, part_for
from engine.rules.achievement.record import Achievement, Visibility
from engine.rules.achievement.rights import foreign_blocked, last_day, remaining_days
from engine.rules.achievement.states import Act, State
from engine.values import InstantUs
from gateway.achievements import filing
from gateway.achievements.access import find_own, find_public, find_working, nda_text, viewer_of
from gateway.achievements.history import history_rows
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import SHAPE, Query, Wish
from gateway.http.asking import is_text

DEPTH_MAX = 8


class RightTermView(Struct, frozen=True):
    """How long a right lasts: its last day (Asia/Shanghai) and the days left, today included; null where the record does not tell."""

    last_day: str | None
    remaining_days: int | None


class AchievementView(Struct, frozen=True, kw_only=True):
    """A published achievement, as much of it as may reach the caller."""

    id: str
    number: int
    owner: str
    published_at_us: int
    digest: str
    """Of this version; it commits to all versions before it."""
    viewer: Viewer
    record: Achievement
    terms: list[RightTermView]
    """In the order of `record.rights`."""
    foreign_blocked: bool
    nda_digest: str
    """SHA-256 of the confidentiality text that opens the rest."""


class ChangeView(Struct, frozen=True, kw_only=True):
    """A version and what it changed of the part that may reach the caller."""

    number: int
    published_at_us: int
    digest: str
    changes: list[Difference]


class VersionsView(Struct, frozen=True):
    """Versions, newest first."""

    versions: list[ChangeView]


class DraftView(Struct, frozen=True, kw_only=True):
    """A working copy."""

    id: str
    state: State
    version: int
    """To be named when saving: another one means that somebody saved meanwhile."""
    published: int
    saved_at_us: int
    state_at_us: int
    record: Achievement
    problems: list[Problem]
    """What stands against publishing (`blocking`) or should be known."""
    history: list[Done]


class DraftLineView(Struct, frozen=True, kw_only=True):
    """A working copy in a list."""

    id: str
    title_zh: str
    title_en: str
    state: State
    version: int
    published: int
    saved_at_us: int
    state_at_us: int


class DraftsView(Struct, frozen=True):
    """A page of working copies; `next` continues it."""

    drafts: list[DraftLineView]
    next: str | None


class SignaturesView(Struct, frozen=True):
    """Who signed, newest first."""

    signatures: list[Signature]
    next: str | None


class NdaView(Struct, frozen=True):
    """A confidentiality text and the digest that names it."""

    text: str
    digest: str


class FileView(Struct, frozen=True, kw_only=True):
    """A file that was taken."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    scan: str


class RecordWish(Wish):
    """A whole record; what is left out is empty. The shape is `Achievement`."""

    record: Annotated[dict[str, Any], Field(json_schema_extra={SHAPE: "Achievement"})]

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if not _holds_text(self.record, DEPTH_MAX):
            raise ValueError("control characters")
        return self

    def achievement(self) -> Achievement:
        """Return the record.

        Raises:
            Refused: MALFORMED: the place in it is named.
        """
        try:
            return msgspec.convert(self.record, Achievement)
        except msgspec.ValidationError as error:
            raise Refused(Code.MALFORMED, fields=str(error)[-100:]) from None


class SaveWish(RecordWish):
    """A record to save over the version that was read."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class AchievementActWish(Wish):
    """An act on a record; `reason` where one is demanded."""

    act: Act = Field(strict=False)
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    reason: Annotated[str, StringConstraints(max_length=REASON_MAX)] = ""


class SignWish(Wish):
    """A promise to keep confidential; `digest` names the text that was read."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class DraftsQuery(Query):
    """Which page of a list."""

    after: Annotated[str, StringConstraints(max_length=60)] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX, strict=False)] = 50


def _holds_text(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return is_text(value)
    parts = [*value.values(), *value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return depth > 0 and all(_holds_text(part, depth - 1) for part in parts)


async def show(call: Call) -> AchievementView:
    """A published achievement, as much of it as may reach the caller."""
    version = await find_public(call.services, call.path["id"])
    viewer = await viewer_of(call.services, call.caller, version)
    return _view(version, viewer, InstantUs(call.services.now_us))


def _view(version: Version, viewer: Viewer, at_us: InstantUs) -> AchievementView:
    return AchievementView(
        id=version.id,
        number=version.number,
        owner=version.owner,
        published_at_us=version.published_at_us,
        digest=version.digest.hex(),
        viewer=viewer,
        record=part_for(version.record, viewer),
        terms=[RightTermView(last_day(one), remaining_days(one, at_us)) for one in version.record.rights],
        foreign_blocked=foreign_blocked(version.record),
        nda_digest=text_digest(nda_text(version.record)).hex(),
    )


async def versions(call: Call) -> VersionsView:
    """Published versions and what each changed."""
    version = await find_public(call.services, call.path["id"])
    viewer = await viewer_of(call.services, call.caller, version)
    rows = history_rows(await call.services.achievements.versions(version.id), viewer)
    return VersionsView(
        [
            ChangeView(
                number=row["version"].number,
                published_at_us=row["version"].published_at_us,
                digest=row["version"].digest.hex(),
                changes=row["changes"],
            )
            for row in rows
        ]
    )


async def read_nda(call: Call) -> NdaView:
    """The confidentiality text of an achievement."""
    text = nda_text((await find_public(call.services, call.path["id"])).record)
    return NdaView(text, text_digest(text).hex())


async def sign_nda(call: Call, wish: SignWish) -> AchievementView:
    """Sign the text that was read; answers with what it opens."""
    version = await find_public(call.services, call.path["id"])
    if wish.digest != text_digest(nda_text(version.record)).hex():
        raise Refused(Code.CONFLICT)
    await filing.sign(call.services, call.caller, version, call.origin.network)
    return _view(version, Viewer.SIGNER, InstantUs(call.services.now_us))


async def signatures(call: Call, query: DraftsQuery) -> SignaturesView:
    """Who signed: for the owner and the staff of the market."""
    working = await find_working(call.services, call.caller, call.path["id"])
    page = await call.services.confidentiality.signatures(working.id, query.after, query.limit)
    return SignaturesView(page.items, page.next)


async def own(call: Call, query: DraftsQuery) -> DraftsView:
    """Own working copies, last saved first."""
    page = await call.services.achievements.of_owner(call.caller.party_id, query.after, query.limit)
    return DraftsView([_line(one) for one in page.items], page.next)


async def queue(call: Call, query: DraftsQuery) -> DraftsView:
    """Records that wait for the operator's check, oldest first."""
    page = await call.services.achievements.in_state(State.SUBMITTED, query.after, query.limit)
    return DraftsView([_line(one) for one in page.items], page.next)


def _line(working: Working) -> DraftLineView:
    return DraftLineView(
        id=working.id,
        title_zh=working.record.title_zh,
        title_en=working.record.title_en,
        state=working.state,
        version=working.draft_version,
        published=working.published,
        saved_at_us=working.saved_at_us,
        state_at_us=working.state_at_us,
    )


async def create(call: Call, wish: RecordWish) -> DraftView:
    """Keep a new record as a draft."""
    record = wish.achievement()
    achievement_id = await filing.begin(call.services, call.caller)
    working = await find_own(call.services, call.caller, achievement_id)
    await filing.save(call.services, call.caller, working, record, working.draft_version)
    return await _draft(call, achievement_id)


async def draft(call: Call) -> DraftView:
    """A working copy: for its owner and the staff of the market."""
    return await _draft(call, call.path["id"])


async def save(call: Call, wish: SaveWish) -> DraftView:
    """Save a working copy over the version that was read."""
    working = await find_own(call.services, call.caller, call.path["id"])
    # Files come and go by their own doors: a record cannot name one that was not taken.
    record = msgspec.structs.replace(wish.achievement(), documents=working.record.documents)
    if await filing.save(call.services, call.caller, working, record, wish.version) is None:
        raise Refused(Code.CONFLICT)
    return await _draft(call, working.id)


async def act(call: Call, wish: AchievementActWish) -> DraftView:
    """Submit, release, recall, send back, publish, withdraw or revise a record."""
    working = await find_working(call.services, call.caller, call.path["id"])
    await filing.act(call.services, call.caller, working, wish.act, version=wish.version, reason=wish.reason)
    await call.services.accounts.note(
        call.caller, call.origin.network, f"achievement.{wish.act.value.lower()}", working.id
    )
    return await _draft(call, working.id)


async def take_file(call: Call) -> FileView:
    """Add a file: a multipart form with `visibility` (PUBLIC, NDA, OWNER) before the file."""
    working = await find_own(call.services, call.caller, call.path["id"])
    upload = await call.upload(call.services.config.attachment_bytes_max)
    shown = upload.fields.get("visibility", Visibility.NDA.value)
    if shown not in set(Visibility):
        raise Refused(Code.MALFORMED, fields="visibility")
    taken = await filing.add_file(call.services, call.caller, working, upload.name, upload.chunks(), Visibility(shown))
    return FileView(
        id=taken.id,
        name=taken.name,
        media_type=taken.media_type,
        size=taken.size,
        sha256=taken.sha256,
        scan=taken.scan.value,
    )


async def drop_file(call: Call) -> DoneView:
    """Take a file off the record; published versions keep it."""
    working = await find_own(call.services, call.caller, call.path["id"])
    await filing.drop_file(call.services, call.caller, working, call.path["file"])
    return DoneView()


async def _draft(call: Call, text: str) -> DraftView:
    working = await find_working(call.services, call.caller, text)
    return DraftView(
        id=working.id,
        state=working.state,
        version=working.draft_version,
        published=working.published,
        saved_at_us=working.saved_at_us,
        state_at_us=working.state_at_us,
        record=working.record,
        problems=problems(working.record, Stage.PUBLISH, InstantUs(call.services.now_us)),
        history=await call.services.achievements.acts(working.id),
    )
