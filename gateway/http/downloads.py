"""Files that go out: as something to save, never to run."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web

from engine.catalogue.attachments import Attachment
from gateway.errors import Code, Refused
from gateway.services import Services


def as_download(services: Services, attachment: Attachment) -> web.FileResponse:
    """Return a file that the caller may read.

    Raises:
        Refused: NOT_FOUND: its bytes are in quarantine or gone.
    """
    path = services.attachments.file_of(attachment)
    if path is None or not path.is_file():
        raise Refused(Code.NOT_FOUND)
    response = web.FileResponse(path)
    response.content_type = attachment.media_type
    extension = attachment.name.rpartition(".")[2]
    response.headers[hdrs.CONTENT_DISPOSITION] = (
        f"attachment; filename=\"file.{extension}\"; filename*=UTF-8''{quote(attachment.name, safe='')}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


async def download_of(services: Services, file_id: str, subject: str) -> web.FileResponse:
    """Return a file of a subject that the caller may read.

    Raises:
        Refused: NOT_FOUND: it does not belong there.
    """
    attachment = await services.attachments.read(file_id)
    if attachment is None or attachment.subject != subject:
        raise Refused(Code.NOT_FOUND)
    return as_download(services, attachment)
