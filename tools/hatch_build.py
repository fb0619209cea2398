"""Puts the compiled layout into the wheel; without a compiler the wheel is pure Python and slower."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from compile_layout import SOURCE, compile_layout, target


class LayoutHook(BuildHookInterface):  # type: ignore[misc]  # hatchling is there only while a wheel is built
    """Compiles before the wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling calls it so
        """Add the module to what is packed, and say for which interpreter the wheel is."""
        if not compile_layout():
            made = target()
            build_data["force_include"][str(made)] = str(made.relative_to(SOURCE.parents[2]))
            build_data["pure_python"], build_data["infer_tag"] = False, True
