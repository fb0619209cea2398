"""Sets documents one after another, each in a process that is killed when it takes too long.

A template is a `.typ` file beside the code that fills it. It imports `/frame.typ` and reads its data as JSON; text never becomes
markup, because nothing is ever pasted into a template.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import segno

from engine.typesetting.request import EXIT_TOO_LARGE, REQUEST_MAX, Frame, Request, data_digest

SECONDS_MAX: Final = 30
WAITING_MAX: Final = 64
ERROR_TEXT_MAX: Final = 500


class Outcome(StrEnum):
    """What became of a document."""

    SET = "set"
    BUSY = "busy"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    BROKEN = "broken"


class TypesettingFailed(Exception):
    """The document was not made; `outcome` says why. `BUSY` and `TIMED_OUT` may succeed later."""

    def __init__(self, outcome: Outcome, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


def qr_svg(text: str) -> str:
    """Return a QR code (ISO/IEC 18004, error correction M, quiet zone of 4 modules) as SVG."""
    drawn = BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", xmldecl=False, border=4)
    return drawn.getvalue().decode()


class Typesetter:
    """Makes PDFs. One of these per process; documents beyond `waiting_max` are refused, not queued."""

    def __init__(
        self,
        *,
        seconds_max: int = SECONDS_MAX,
        waiting_max: int = WAITING_MAX,
        on_set: Callable[[str, Outcome, float], None] = lambda template, outcome, seconds: None,
    ) -> None:
        """`on_set` hears of every document: name of its template, what became of it, seconds with the waiting."""
        self._seconds_max = seconds_max
        self._waiting_max = waiting_max
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._on_set = on_set

    async def set(self, template: Path, frame: Frame, data: Any) -> bytes:
        """Return the document as PDF/A-2u; the same arguments give the same bytes.

        Args:
            template: The `.typ` file.
            frame: What stands on every page; digest and QR code are filled in here.
            data: Plain values (dict, list, str, int, bool, None); what the template shows.

        Raises:
            TypesettingFailed: why not.
            NotCanonical: the data have no canonical form.
        """
        begun = time.monotonic()
        outcome = Outcome.BROKEN
        try:
            pdf = await self._set(template, frame, data)
            outcome = Outcome.SET
            return pdf
        except TypesettingFailed as failure:
            outcome = failure.outcome
            raise
        finally:
            self._on_set(template.stem, outcome, time.monotonic() - begun)

    async def _set(self, template: Path, frame: Frame, data: Any) -> bytes:
        digest = data_digest(template, frame, data)
        frame = msgspec.structs.replace(frame, digest=digest, verify_qr=qr_svg(frame.verify_url))
        request = msgspec.json.encode(
            Request(template=str(template), frame=frame, data=data, seconds_max=self._seconds_max)
        )
        if len(request) > REQUEST_MAX:
            raise TypesettingFailed(Outcome.TOO_LARGE, f"the data are larger than {REQUEST_MAX} bytes")
        if self._waiting >= self._waiting_max:
            raise TypesettingFailed(Outcome.BUSY, f"{self._waiting_max} documents wait already")
        self._waiting += 1
        try:
            async with self._turn:
                return await _run_worker(request, self._seconds_max)
        finally:
            self._waiting -= 1


async def _run_worker(request: bytes, seconds_max: int) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.typesetting.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds_max):
            pdf, problem = await process.communicate(request)
    except TimeoutError as error:
        raise TypesettingFailed(Outcome.TIMED_OUT, f"not done after {seconds_max} seconds") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == EXIT_TOO_LARGE:
        raise TypesettingFailed(Outcome.TOO_LARGE, "the document is too large")
    if process.returncode != 0:
        raise TypesettingFailed(Outcome.BROKEN, problem.decode(errors="replace")[-ERROR_TEXT_MAX:] or "no answer")
    return pdf
