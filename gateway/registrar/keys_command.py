"""`ortoo registrar-keys FILE list|add|retire`: the keys shared with an outside registrar."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.registrar.keys import Keys, KeysUnusable, added, read_keys, retired, write_keys


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when it cannot, with the reason."""
    parser = argparse.ArgumentParser(prog="ortoo registrar-keys", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON file of the keys")
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("list", help="show ids and times, never secrets")
    add = acts.add_parser("add", help="add a key; give the other side the same file")
    add.add_argument("id", help="name of the key, such as 2026-07")
    add.add_argument("--in-hours", type=int, default=0, help="from when on it signs")
    retire = acts.add_parser("retire", help="end a key")
    retire.add_argument("id")
    retire.add_argument("--in-hours", type=int, default=24, help="until when it is still believed")
    options = parser.parse_args(arguments)
    now_s = int(time.time())
    try:
        if options.act == "add":
            known = read_keys(options.file) if options.file.exists() else Keys(())
            write_keys(options.file, added(known, options.id, now_s + 3_600 * options.in_hours))
        elif options.act == "retire":
            write_keys(options.file, retired(read_keys(options.file), options.id, now_s + 3_600 * options.in_hours))
        for key in read_keys(options.file).keys:
            print(f"{key.id}\tfrom {_when(key.since_s)}\tuntil {_when(key.until_s)}")
    except (KeysUnusable, OSError) as problem:
        print(f"ortoo registrar-keys: {problem}", file=sys.stderr)
        return 1
    return 0


def _when(at_s: int | None) -> str:
    return "-" if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat()
