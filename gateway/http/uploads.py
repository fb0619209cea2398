"""Files that come in: multipart forms read as a stream, bounded, their secret checked before a byte of the file is taken.

A route in `STREAMED` gets its body unread; `upload_of` gives the text fields and the file, part by part. In a form the fields stand
before the file, `csrf` first: browsers send parts in the order of the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.multipart import MultipartReader

from gateway.errors import Code, Refused
from gateway.http.asking import is_text, require_csrf

STREAMED: Final = frozenset(
    {
        "/me/imports",
        "/api/v1/me/imports",
        "/api/v1/achievements/{id}/files",
        "/console/achievements/{id}/files",
        "/console/notices/drafts/{id}/files",
        "/objections/{id}/files",
        "/api/v1/bank/statements",
        "/api/v1/bank/statements/check",
        "/desk/bank/statements/check",
        "/verify/evidence/{number}",
        "/verify/notice/{number}",
    }
)
"""Routes whose bodies are files."""
FIELD_MAX: Final = 2_000
FIELDS_MAX: Final = 10
SPARE: Final = 65_536
"""Bytes of a form beside its file."""
CHUNK: Final = 65_536
CHUNK_S: Final = 15.0
"""A sender that is silent for longer is gone."""
WHOLE_S: Final = 600.0


@dataclass(frozen=True)
class Upload:
    """A file on its way."""

    fields: Mapping[str, str]
    """Text fields that stand before the file."""
    name: str
    """As the sender calls it: not cleaned, not believed."""
    part: BodyPartReader

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file.

        Raises:
            Refused: MALFORMED: the sender fell silent, or the form is cut off.
        """
        deadline = asyncio.get_running_loop().time() + WHOLE_S
        while not self.part.at_eof():
            try:
                async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + CHUNK_S)):
                    chunk = await self.part.read_chunk(CHUNK)
            except (TimeoutError, ValueError, AssertionError, web.RequestPayloadError):
                raise Refused(Code.MALFORMED, fields="file") from None
            if chunk:
                yield chunk


_UPLOAD: Final = web.RequestKey("upload", MultipartReader)
_FIELDS: Final = web.RequestKey("upload_fields", dict[str, str])


async def open_upload(request: web.Request, *, checked: bool) -> None:
    """Begin to read a form with a file; what carries no valid secret is refused before its file is read.

    Args:
        request: Of a route in `STREAMED`.
        checked: The caller proved himself otherwise (a token): no secret is needed.

    Raises:
        Refused: CSRF_FAILED, MALFORMED.
    """
    header = request.headers.get("X-CSRF-Token")
    if header is not None and not checked:
        require_csrf(request, header)
        checked = True
    if hdrs.UPGRADE in request.headers:
        raise Refused(Code.MALFORMED, fields="body")
    if request.content_type != "multipart/form-data":
        if not checked:
            raise Refused(Code.CSRF_FAILED)
        return
    try:
        reader = await request.multipart()
        first = None if checked else await reader.next()
    except (ValueError, AssertionError):
        raise Refused(Code.MALFORMED, fields="form") from None
    if not checked:
        named = isinstance(first, BodyPartReader) and first.name == "csrf"
        require_csrf(request, await _text(first) if named and isinstance(first, BodyPartReader) else None)
    request[_UPLOAD], request[_FIELDS] = reader, {}


async def upload_of(request: web.Request, size_max: int) -> Upload:
    """Return the file of a form, after its text fields.

    Args:
        request: Of a route in `STREAMED`.
        size_max: Bytes of the file; a body that says it is longer is not read at all.

    Raises:
        Refused: TOO_LARGE, MALFORMED: no file, or a field that is no text or too long.
    """
    reader = request.get(_UPLOAD)
    if reader is None:
        raise Refused(Code.MALFORMED, fields="content-type")
    if (request.content_length or 0) > size_max + SPARE:
        raise Refused(Code.TOO_LARGE, limit_bytes=size_max)
    fields: dict[str, str] = request[_FIELDS]
    while len(fields) <= FIELDS_MAX:
        try:
            async with asyncio.timeout(CHUNK_S):
                part = await reader.next()
        except (TimeoutError, ValueError, AssertionError, web.RequestPayloadError):
            raise Refused(Code.MALFORMED, fields="form") from None
        if not isinstance(part, BodyPartReader) or part.name is None:
            break
        if part.filename is not None:
            if not is_text(part.filename):
                raise Refused(Code.MALFORMED, fields="file")
            return Upload(fields, part.filename, part)
        fields[part.name] = await _text(part)
    raise Refused(Code.MALFORMED, fields="file")


async def no_upload(size_max: int) -> Upload:  # noqa: ARG001  # stands where a request's own would
    """Refuse: this call carries no file.

    Raises:
        Refused: MALFORMED.
    """
    raise Refused(Code.MALFORMED, fields="file")


async def _text(part: BodyPartReader) -> str:
    """Read a short text field."""
    try:
        async with asyncio.timeout(CHUNK_S):
            raw = b""
            while not part.at_eof() and len(raw) <= FIELD_MAX:
                raw += await part.read_chunk(FIELD_MAX + 1)
            text = raw.decode()
    except (TimeoutError, ValueError, AssertionError, web.RequestPayloadError):
        raise Refused(Code.MALFORMED, fields="form") from None
    if len(raw) > FIELD_MAX or not is_text(text):
        raise Refused(Code.MALFORMED, fields="form")
    return text
