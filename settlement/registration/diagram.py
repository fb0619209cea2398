"""`python -m settlement.registration.diagram` prints the state machine for docs/REGISTRATION.md."""

from __future__ import annotations

from settlement import diagrams
from settlement.registration.events import RegistrationState
from settlement.registration.evolving import TRANSITIONS


def mermaid() -> str:
    """Return the machine as a Mermaid state diagram; acts that leave the state as it is are left out."""
    return diagrams.mermaid(TRANSITIONS, [RegistrationState.ARCHIVED])


if __name__ == "__main__":
    print(mermaid())
