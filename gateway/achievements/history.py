"""What each published version changed, as far as it may reach a viewer."""

from __future__ import annotations

from typing import Any

from engine.catalogue.achievements.versions import Version
from engine.rules.achievement.differences import Difference, differences
from engine.rules.achievement.disclosure import Viewer, part_for


def history_rows(versions: list[Version], viewer: Viewer) -> list[dict[str, Any]]:
    """Return versions, newest first, each with what it changed of the part that may reach the viewer."""
    rows = []
    before = None
    for version in versions:
        part = part_for(version.record, viewer)
        changes: list[Difference] = [] if before is None else differences(before, part)
        rows.append({"version": version, "changes": changes, "first": before is None})
        before = part
    return rows[::-1]
