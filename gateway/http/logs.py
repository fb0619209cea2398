"""Log lines: JSON (or text for people), UTC, on standard error.

Modules of all packages log through `logging`, requests through structlog; both end in one form. No secrets, no names, no amounts.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor


def set_up_logs(form: str, level: str) -> None:
    """Write everything in one form.

    Args:
        form: `json` or `text`.
        level: Lowest level to write.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    writer: Processor = structlog.dev.ConsoleRenderer(colors=False)
    if form == "json":
        writer = structlog.processors.JSONRenderer(ensure_ascii=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info if form == "json" else _keep,
            writer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # aiohttp's own access lines would repeat ours, with paths and addresses.
    logging.getLogger("aiohttp.access").setLevel(logging.ERROR)


def _keep(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ARG001
    return event
