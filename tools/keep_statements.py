"""`python -m tools.keep_statements`: keep the statements that this program runs, as the next one's measure.

Run it when a release is made. tests/integration/test_migrations.py holds them against the schema of later programs: a machine that still
runs this release goes on beside one that has migrated already.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine.journal.queries import load_queries
from engine.journal.records import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests" / "vectors" / "statements_before.json"


def statements(root: Path) -> dict[str, str]:
    """Return every named statement by `<file>#<name>`."""
    found = {}
    for package in ("engine", "gateway", "pricing", "settlement"):
        for path in sorted((root / package).rglob("*.sql")):
            if "migrations" not in path.parts and "-- name:" in path.read_text(encoding="utf-8"):
                for name, text in load_queries(path).items():
                    found[f"{path.relative_to(root)}#{name}"] = text
    return found


def main() -> int:
    """Write the file."""
    kept = {"columns": list(COLUMNS), "statements": statements(ROOT)}
    KEPT.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
