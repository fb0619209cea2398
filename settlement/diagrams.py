"""State machines as Mermaid diagrams, made from the tables that the code runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


def mermaid(transitions: Mapping[tuple[Any, type[Any]], tuple[Any, ...]], final: Iterable[StrEnum]) -> str:
    """Return a machine as a Mermaid state diagram; events that leave the state as it is are left out."""
    lines = [
        f"    {state.value if state else '[*]'} --> {target.value}: {event.__name__}"
        for (state, event), targets in transitions.items()
        for target in targets
        if state is not target
    ]
    return "\n".join(["stateDiagram-v2", *lines, *(f"    {state.value} --> [*]" for state in final)])
