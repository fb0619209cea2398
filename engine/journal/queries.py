"""Named SQL: a .sql file holds blocks that begin with `-- name: word` and a comment of purpose."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load_queries(path: Path) -> dict[str, str]:
    """Return the statements of a .sql file by name.

    Raises:
        ValueError: the file has no named block or two blocks of one name.
    """
    parts = _BLOCK.split(path.read_text(encoding="utf-8"))
    names, texts = parts[1::2], parts[2::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{path.name}: blocks need distinct names")
    return {name: text.strip().rstrip(";") for name, text in zip(names, texts, strict=True)}
