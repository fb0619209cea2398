"""A notice's part of an evidence file: objections with persons masked (sealed beside them for the supervisor), and what the prober saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from engine.canonical import canonical_bytes
from engine.catalogue.availability.sightings import looks
from engine.evidence.editions import Edition
from engine.journal.queries import load_queries
from engine.rules.availability.coverage import Stretch, coverage, total_us
from engine.rules.availability.probing import Place, Sighting
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.values import InstantUs
from gateway.board.availability import longest_us
from gateway.services import Services

SEALED: Final = "objections/sealed.json"
QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


async def publicity_members(services: Services, state: Any, edition: Edition) -> list[tuple[str, bytes]]:
    """Return the members about a notice's objections and availability; none for other deals."""
    if not isinstance(state, NoticeState):
        return []
    public = public_notice(state, state.last_at_us)
    assert public is not None, "a file is made of what was published"
    shown = [msgspec.to_builtins(one) for one in public.objections]
    members = [("objections/objections.json", canonical_bytes(shown))]
    if edition is Edition.SUPERVISOR:
        members.append((SEALED, canonical_bytes(await _sealed(services, state))))
    members += await _availability(services, state)
    return members


async def _sealed(services: Services, state: NoticeState) -> list[dict[str, Any]]:
    """Return who objected and what he wrote, with the salt by which the digests in the log bind it; erased persons are empty."""
    found = []
    for one in state.objections:
        person = await services.objectors.read(one.objection_id)
        salt = await services.pool.fetchval(QUERIES["objector_salt"], one.objection_id)
        if person is None or salt is None:
            continue
        found.append(
            {
                "objection_no": one.no,
                "salt": salt.hex(),
                "personal": {
                    "name": person.name, "id_last4": person.id_last4, "contact": person.contact,
                    "relation": person.relation, "person_key": person.person_key, "party": person.party,
                },
                "statement": person.statement,
                "erased": person.erased_at_us is not None,
            }
        )  # fmt: skip
    return found


async def looked_at(services: Services, state: NoticeState) -> tuple[InstantUs, InstantUs, list[Sighting]]:
    """Return from first publication to the end of the period, or the last look while it runs, and the looks in between."""
    begins = state.first_published_at_us
    assert begins is not None, "a file is made of what was published"
    ends = InstantUs(max(begins, min(state.ends_at_us or state.last_at_us, services.now_us)))
    sightings = await services.sightings.of_notice(state.notice_id, begins, ends)
    until = ends if state.ends_at_us == ends or not sightings else sightings[-1].at_us
    return begins, InstantUs(max(begins, until)), sightings


async def _availability(services: Services, state: NoticeState) -> list[tuple[str, bytes]]:
    """Return the looks of the prober from first publication to the end of the period, and each content that it saw."""
    begins, until, sightings = await looked_at(services, state)
    spans = tuple(coverage(looks(sightings), begins, until, longest_us(services.config)))
    told = {
        "from_us": begins,
        "to_us": until,
        "shown_us": total_us(spans, Stretch.SHOWN),
        "away_us": total_us(spans, Stretch.AWAY),
        "unseen_us": total_us(spans, Stretch.UNSEEN),
        "looks": sum(one.place is Place.PAGE for one in sightings),
        "gaps": [[gap.from_us, gap.to_us] for gap in state.gaps],
        "sightings": [_look(one) for one in sightings],
    }
    members = [("availability/availability.json", canonical_bytes(told))]
    for digest in sorted({one.shown for one in sightings if one.shown}):
        body = await services.sightings.shown(digest)
        if body is not None:
            members.append((f"availability/shown-{digest}.html", body))
    return members


def _look(one: Sighting) -> list[Any]:
    return [one.at_us, one.place.value, one.status, one.problem.value, one.record, one.shown]
