"""One document, in a process of its own that can be killed: request on standard input, PDF on standard output.

Never run by hand: `engine.typesetting.typesetter` starts it. Limits of the operating system bound what a broken template can take.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import typst

from engine.typesetting.legible import font_file, legible_values
from engine.typesetting.request import EXIT_BROKEN, EXIT_TOO_LARGE, PDF_MAX, STANDARD, Request

MEMORY_MAX: Final = 2 * 1024**3
NICE: Final = 10
"""Documents wait for bids, never the other way round."""


def main() -> int:
    """Set the document; the exit status says what went wrong."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (request.seconds_max, request.seconds_max + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    try:
        pdf = set_document(request)
    except typst.TypstError as problem:
        print(problem, file=sys.stderr)
        return EXIT_BROKEN
    if len(pdf) > PDF_MAX:
        return EXIT_TOO_LARGE
    sys.stdout.buffer.write(pdf)
    return 0


def set_document(request: Request) -> bytes:
    """Return the PDF. Templates see the frame, their own file and the data; no other file, no network, no package, no clock."""
    with tempfile.TemporaryDirectory(prefix="ortoo-typeset-") as scratch:
        root = Path(scratch)
        shutil.copy(Path(__file__).with_name("frame.typ"), root / "frame.typ")
        shutil.copy(request.template, root / "document.typ")
        pdf: bytes = typst.compile(
            root / "document.typ",
            root=root,
            font_paths=typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=[font_file().parent]
            ),
            ignore_system_fonts=True,
            sys_inputs={
                "frame": msgspec.json.encode(legible_values(msgspec.to_builtins(request.frame))).decode(),
                "data": msgspec.json.encode(legible_values(request.data)).decode(),
            },
            package_path=root,
            package_cache_path=root,
            pdf_standards=[STANDARD],
            timestamp=request.frame.dated_us // 1_000_000,
        )
        return pdf


if __name__ == "__main__":
    sys.exit(main())
