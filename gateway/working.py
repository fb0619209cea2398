"""Endless work of a running market: what ends by an error is written down and begun again, never silently missing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

from engine.catalogue.attachments import Attachments
from engine.catalogue.codes.publicity_rules import publicity_rules
from engine.catalogue.needs.store import Needs
from gateway.accounts.accounts import Accounts
from gateway.accounts.model import UNREACHABLE
from gateway.notices.objectors import Objectors

SWEEP_S: Final = 600.0
EXPIRE_S: Final = 60.0
AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


def keep_at(stack: AsyncExitStack, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run endless work until the stack unwinds."""

    async def keep_at_it() -> None:
        task = asyncio.current_task()
        assert task is not None, "it runs in a task"
        while True:
            try:
                await work()
            except asyncio.CancelledError:
                if task.cancelling():
                    raise
                # Something inside was cancelled, not this work: a connection that a closing pool took away.
                log.warning("work_cancelled", extra={"work": repr(work)})
            except Exception:
                log.exception("work_failed", extra={"work": repr(work)})
            await asyncio.sleep(AGAIN_S)

    task = asyncio.get_running_loop().create_task(keep_at_it())

    async def end() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


async def sweep_accounts(accounts: Accounts) -> None:
    """Log-ins and tokens that have ended are removed."""
    while True:
        try:
            await accounts.sweep()
        except UNREACHABLE:
            log.warning("sweep_failed")
        await asyncio.sleep(SWEEP_S)


async def expire_needs(needs: Needs) -> None:
    """Needs end with their last day."""
    while True:
        try:
            while await needs.expire():
                pass
        except UNREACHABLE:
            log.warning("needs_not_expired")
        await asyncio.sleep(EXPIRE_S)


async def sweep_objectors(objectors: Objectors) -> None:
    """Objections that were not sent are forgotten, and the persons of those that were settled long ago."""
    while True:
        try:
            while await objectors.sweep(publicity_rules().personal_data_days):
                pass
        except UNREACHABLE:
            log.warning("objectors_not_swept")
        await asyncio.sleep(SWEEP_S)


async def rescan_attachments(attachments: Attachments) -> None:
    """Files that came while the virus scanner was silent are scanned when it answers again."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            await attachments.rescan()
        except UNREACHABLE:
            log.warning("rescan_failed")
