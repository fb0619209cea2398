"""What the machine tells about processes: CPU time, resident memory, children, cores. Read from /proc
(Linux).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Placement(NamedTuple):
    """Which cores do what. Fewer than three cores: PostgreSQL and watchers go where the kernel puts them."""

    server: frozenset[int]
    client: frozenset[int]
    rest: frozenset[int]
    """PostgreSQL and the watchers' client."""

    def text(self) -> str:
        """Say it in one line."""
        return (
            f"cores: servers {sorted(self.server)}, client {sorted(self.client)}, "
            f"PostgreSQL and watchers {sorted(self.rest)}"
        )


def placement(cores: Iterable[int]) -> Placement:
    """Give the server one core, the client another, and PostgreSQL the rest if there is any."""
    usable = sorted(cores)
    everything = frozenset(usable)
    if len(usable) == 1:
        return Placement(everything, everything, everything)
    if len(usable) == 2:
        return Placement(frozenset(usable[:1]), frozenset(usable[1:]), everything)
    return Placement(frozenset(usable[:1]), frozenset(usable[1:2]), frozenset(usable[2:]))


def usable_cores() -> frozenset[int]:
    """Return the cores this process may use."""
    return frozenset(os.sched_getaffinity(0))


def pin(pid: int, cores: Iterable[int]) -> None:
    """Keep all threads of a process on these cores; those it starts later inherit that."""
    for thread in _threads(pid):
        try:
            os.sched_setaffinity(thread, cores)
        except ProcessLookupError:
            continue


def family(pid: int) -> list[int]:
    """Return the process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            parent = _parent(int(entry.name))
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu_ns(pids: Iterable[int]) -> int:
    """Return the CPU time used so far by the living threads of the processes, in nanoseconds."""
    return sum(_thread_ns(pid, thread) for pid in pids for thread in _threads(pid))


def busy_ns() -> int:
    """Return the CPU time used so far by everything on this machine, in nanoseconds (resolution 10 ms)."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, (PROC / "stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC / str(pid) / "task")]
    except FileNotFoundError:
        return []


def _thread_ns(pid: int, thread: int) -> int:
    try:
        return int((PROC / str(pid) / "task" / str(thread) / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _parent(pid: int) -> int | None:
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
