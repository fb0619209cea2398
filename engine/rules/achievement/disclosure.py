"""Staged disclosure: which parts of a record whom it may reach (domain.md §1.11, §3.2).

Everybody reads the abstract and the facts of the rights; the full text only a signer of the confidentiality text; documents of
consent, names of people who did not agree and the funder's demands only the owner and the staff of the market.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from engine.rules.achievement.record import Achievement, Completer, Right, Visibility


class Viewer(StrEnum):
    """How close somebody stands to an achievement."""

    PUBLIC = "PUBLIC"
    SIGNER = "SIGNER"
    """Signed the confidentiality text of this achievement."""
    OWNER = "OWNER"
    """Acts for the owner, or is staff of the market."""


_CLOSENESS: Final = {Viewer.PUBLIC: 0, Viewer.SIGNER: 1, Viewer.OWNER: 2}
_NEEDED: Final = {Visibility.PUBLIC: 0, Visibility.NDA: 1, Visibility.OWNER: 2}


def may_see(viewer: Viewer, visibility: Visibility) -> bool:
    """Tell whether an attachment of this visibility may reach this viewer."""
    return _CLOSENESS[viewer] >= _NEEDED[visibility]


def part_for(record: Achievement, viewer: Viewer) -> Achievement:
    """Return what of a record may reach a viewer; what may not is empty."""
    if viewer is Viewer.OWNER:
        return record
    return replace(
        record,
        full_text=record.full_text if viewer is Viewer.SIGNER else "",
        completers=tuple(_completer(one) for one in record.completers),
        rights=tuple(_right(one) for one in record.rights),
        project=replace(record.project, obligations=""),
        ethics_approval="",
        export_letter=None,
        trl_evidence=tuple(replace(one, attachment="") for one in record.trl_evidence),
        nda_text="",
        documents=tuple(one for one in record.documents if may_see(viewer, one.visibility)),
    )


def public_part(record: Achievement) -> Achievement:
    """Return what everybody may see; search and matching use this and nothing else."""
    return part_for(record, Viewer.PUBLIC)


def _completer(one: Completer) -> Completer:
    """Without consent neither name nor unit nor share: rank alone remains (PIPL art. 25)."""
    return one if one.named_publicly else Completer(name="")


def _right(one: Right) -> Right:
    return replace(
        one,
        co_owners=tuple(replace(owner, consent="") for owner in one.co_owners),
        pledge_consent="",
        approval="",
        licences=tuple(replace(licence, note="") for licence in one.licences),
    )
