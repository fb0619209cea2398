"""Compiles engine/layout/compiled.c beside its source, where there is a C compiler and Python's headers; else says what follows.

Run by tools/setup.sh (nothing to do when the result is newer than the source) and by the build of a wheel (tools/hatch_build.py).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "engine" / "layout" / "compiled.c"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-shared", "-fPIC")


def target() -> Path:
    """Return where this interpreter looks for the module."""
    return SOURCE.with_name(f"compiled{sysconfig.get_config_var('EXT_SUFFIX')}")


def compile_layout() -> str:
    """Compile if needed; return what stands in the way, or an empty text."""
    made = target()
    newest_ns = max(source.stat().st_mtime_ns for source in SOURCE.parent.glob("*.[ch]"))
    if made.exists() and made.stat().st_mtime_ns > newest_ns:
        return ""
    compiler = shlex.split(os.environ.get("CC", "")) or [shutil.which("gcc") or shutil.which("cc") or ""]
    if not compiler[0]:
        return "no C compiler"
    fresh = made.with_suffix(f".{os.getpid()}")
    command = [*compiler, *FLAGS, f"-I{sysconfig.get_path('include')}", str(SOURCE), "-o", str(fresh)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return done.stderr.strip().partition("\n")[0]
    fresh.replace(made)
    return ""


def main() -> int:
    """Entry of `python tools/compile_layout.py`: never fails, because the market runs without."""
    hindrance = compile_layout()
    if hindrance:
        target().unlink(missing_ok=True)  # of an older source
        print(f"setup: the hot way stays in Python, about a third slower ({hindrance})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
