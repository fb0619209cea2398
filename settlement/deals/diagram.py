"""`python -m settlement.deals.diagram` prints the state machine for docs/RULES-SETTLEMENT.md."""

from __future__ import annotations

from settlement import diagrams
from settlement.deals.evolving import TRANSITIONS
from settlement.deals.phases import FINAL, Phase


def mermaid() -> str:
    """Return the machine as a Mermaid state diagram; events that leave the phase as it is are left out."""
    order = {phase: number for number, phase in enumerate((None, *Phase))}
    table = dict(sorted(TRANSITIONS.items(), key=lambda row: (order[row[0][0]], row[0][1].__name__)))
    return diagrams.mermaid(table, sorted(FINAL))


if __name__ == "__main__":
    print(mermaid())
