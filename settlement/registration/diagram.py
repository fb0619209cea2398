"""`python -m settlement.registration.diagram` prints the state machine for docs/REGISTRATION.md."""

from __future__ import annotations

from settlement.registration.evolving import TRANSITIONS


def mermaid() -> str:
    """Return the machine as a Mermaid state diagram; acts that leave the state as it is are left out."""
    lines = [
        f"    {state.value if state else '[*]'} --> {target.value}: {event.__name__}"
        for (state, event), targets in TRANSITIONS.items()
        for target in targets
        if state is not target
    ]
    return "\n".join(["stateDiagram-v2", *lines, "    archived --> [*]"])


if __name__ == "__main__":
    print(mermaid())
