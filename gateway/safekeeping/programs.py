"""PostgreSQL's own programs, run to their end; what they say is what goes wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from engine.journal.embedded import PostgresUnavailable, as_unprivileged, find_binaries

TEXT_MAX = 800


class ProgramFailed(Exception):
    """A program of PostgreSQL did not succeed; the text is what it said last."""


async def run_program(name: str, *arguments: str, bin_dir: Path | None = None, unprivileged: bool = False) -> str:
    """Run one of PostgreSQL's programs and return what it printed.

    Args:
        name: `pg_basebackup`, `pg_verifybackup`, …
        arguments: As on its command line.
        bin_dir: Where it is, if not beside the `postgres` that is found first.
        unprivileged: It refuses to run as root.

    Raises:
        ProgramFailed: it ended otherwise than well, or is not there.
    """
    try:
        program = _find(name, bin_dir)
    except PostgresUnavailable as error:
        raise ProgramFailed(str(error)) from error
    process = await asyncio.create_subprocess_exec(
        *(as_unprivileged() if unprivileged else ()),
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LC_MESSAGES": "C"},
    )
    try:
        printed, _ = await process.communicate()
    except BaseException:
        process.terminate()
        await process.wait()
        raise
    text = printed.decode(errors="replace").strip()
    if process.returncode:
        raise ProgramFailed(f"{name}: {text[-TEXT_MAX:]}")
    return text


def _find(name: str, bin_dir: Path | None) -> str:
    beside = find_binaries(bin_dir) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ProgramFailed(f"{name} is not installed: it comes with PostgreSQL's client programs")
    return found


def conninfo(dsn: str, **more: str) -> str:
    """Return the address of a server (not of a database on it) in the form that PostgreSQL's programs and settings take."""
    parts = urlsplit(dsn)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found = {
        "host": asked.get("host") or parts.hostname or "",
        "port": asked.get("port") or (str(parts.port) if parts.port else ""),
        "user": asked.get("user") or unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "sslmode": asked.get("sslmode", ""),
        **more,
    }
    return " ".join(f"{name}={_quoted(value)}" for name, value in found.items() if value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def settings_lines(settings: Sequence[tuple[str, str]]) -> str:
    """Return lines for a PostgreSQL configuration file."""
    return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings)
