"""Endpoints of evidence files: ask for the file of a deal, see how far it is. The bytes come from gateway/pages/evidence.py."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from pydantic import Field

from gateway.evidence import files
from gateway.evidence.files import EvidenceFile
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Wish


class EvidenceWish(Wish):
    """A deal whose evidence file is wanted."""

    kind: Literal["lot", "listing", "notice"] = Field(description="What was traded.")
    subject: str = Field(min_length=1, max_length=45, description="Its id.")
    language: Literal["zh", "en"] = Field("zh", description="Of the pages; the data are the same.")


class EvidenceFileView(Struct, frozen=True):
    """An evidence file. `archive` and `document` are addresses once it is `ready`, null before."""

    number: str
    kind: str
    subject: str
    edition: str
    """`supervisor`, `operator`, `seller` or `buyer`: who reads decides what is in it."""
    language: str
    state: str
    """`waiting`, `making`, `ready` or `failed`."""
    done: int
    total: int
    """Events written, and in all."""
    size: int
    sha256: str
    asked_at_us: int
    archive: str | None
    document: str | None


async def ask(call: Call, wish: EvidenceWish) -> EvidenceFileView:
    """The caller's edition of a deal's evidence file; it is made in the background."""
    return _view(await files.ask(call.services, call.caller, wish.kind, wish.subject, wish.language))


async def show(call: Call) -> EvidenceFileView:
    """How far a file is."""
    return _view(await files.own_file(call.services, call.caller, call.path["number"]))


def _view(file: EvidenceFile) -> EvidenceFileView:
    ready = file.state == "ready"
    return EvidenceFileView(
        number=file.number,
        kind=file.kind,
        subject=file.subject,
        edition=file.edition.value,
        language=file.language,
        state=file.state,
        done=file.done,
        total=file.total,
        size=file.size,
        sha256=file.sha256,
        asked_at_us=file.asked_at_us,
        archive=f"/evidence/{file.number}/archive.zip" if ready else None,
        document=f"/evidence/{file.number}/document.pdf" if ready else None,
    )
