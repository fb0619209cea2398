"""What a form or a program does with a record: begin one, save a step, add and drop files. Each is bounded and says what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from msgspec.structs import replace

from engine.catalogue.achievements.store import ActRefused, NotReady, Working
from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.attachments import Attachment, NotTaken
from engine.rules.achievement import record as r
from engine.rules.achievement.checking import Problem, Stage, problems
from engine.rules.achievement.states import EDITABLE, Act, Actor
from engine.values import InstantUs
from gateway.accounts.model import Caller
from gateway.achievements.access import actors_of, nda_text, require_member
from gateway.achievements.steps import first_record
from gateway.errors import Code, Refused
from gateway.services import Services

UNFINISHED_MAX: Final = 2_000
"""Working copies of one owner that are not published; import of many included."""
PROBLEMS_SHOWN: Final = 10
RETRIES: Final = 5

Change = Callable[[tuple[r.Document, ...]], tuple[r.Document, ...]]


async def begin(services: Services, caller: Caller) -> AchievementId:
    """Begin a record that repeats what the owner said in the last one.

    Raises:
        Refused: FORBIDDEN, CONFLICT: too many are unfinished.
    """
    assert caller.account is not None, "the door lets no anonymous caller in"
    require_member(caller)
    owner = caller.party_id
    counts = await services.achievements.count_states(owner)
    if sum(number for state, number in counts.items() if state in EDITABLE) >= UNFINISHED_MAX:
        raise Refused(Code.CONFLICT, limit=UNFINISHED_MAX)
    last = (await services.achievements.of_owner(owner, limit=1)).items
    record = first_record(last[0].record if last else None, caller.account.display_name)
    return await services.achievements.create(owner, caller.account.id, record)


async def save(services: Services, caller: Caller, working: Working, record: r.Achievement, version: int) -> int | None:
    """Save over the draft version that was read; None if another stands there now.

    A record that turns out to be no public matter is erased and refused for ever, before anything of it is stored.

    Raises:
        Refused: FORBIDDEN, WRONG_STATE, MALFORMED (`fields`): something is longer than it may be.
    """
    assert caller.account is not None, "the door lets no anonymous caller in"
    require_member(caller)
    if working.state not in EDITABLE:
        raise Refused(Code.WRONG_STATE, state=working.state.value)
    found = problems(record, Stage.DRAFT, InstantUs(services.now_us))
    if any(one.code == "secret_refused" for one in found):
        await _erase(services, caller, working)
        raise Refused(Code.WRONG_STATE, state="REFUSED")
    if found:
        raise Refused(Code.MALFORMED, fields=", ".join(one.path for one in found[:PROBLEMS_SHOWN]))
    return await services.achievements.save(working.id, record, version, caller.account.id)


async def act(
    services: Services, caller: Caller, working: Working, what: Act, *, version: int | None, reason: str = ""
) -> Working:
    """Submit, release, publish, send back, withdraw, ...

    Raises:
        Refused: WRONG_STATE, CONFLICT (another draft version stands there), RECORD_INCOMPLETE (`problems`).
    """
    assert caller.account is not None, "the door lets no anonymous caller in"
    actors = actors_of(caller, working.owner)
    try:
        after = await services.achievements.act(
            working.id,
            what,
            actors=actors,
            account=caller.account.id,
            party=caller.party_id,
            version=version,
            reason=reason,
        )
    except ActRefused as refused:
        raise Refused(Code.WRONG_STATE, state=refused.state.value, why=refused.why) from None
    except NotReady as not_ready:
        raise Refused(Code.RECORD_INCOMPLETE, problems=problems_text(not_ready.problems)) from None
    if after is None:
        raise Refused(Code.CONFLICT)
    if what is Act.SUBMIT and Actor.APPROVER in actors:
        # Who may release need not say so twice; in an institution with roles the applicant stops here.
        return await act(services, caller, after, Act.RELEASE, version=after.draft_version)
    return after


def problems_text(found: list[Problem]) -> str:
    """Return problems as one line for programs."""
    return ", ".join(f"{one.path}: {one.code}" for one in found[:PROBLEMS_SHOWN])


async def add_file(
    services: Services,
    caller: Caller,
    working: Working,
    name: str,
    stream: AsyncIterator[bytes],
    visibility: r.Visibility,
) -> Attachment:
    """Receive a file and put it on the record.

    Raises:
        Refused: FORBIDDEN, WRONG_STATE, FILE_REFUSED (`why`), CONFLICT (somebody kept saving at the same time).
    """
    assert caller.account is not None, "the door lets no anonymous caller in"
    require_member(caller)
    if working.state not in EDITABLE:
        raise Refused(Code.WRONG_STATE, state=working.state.value)
    taken = await services.attachments.put(working.owner, name, stream, subject=working.id, author=caller.account.id)
    if isinstance(taken, NotTaken):
        raise Refused(Code.FILE_REFUSED, why=taken.why, limit=taken.limit)
    document = r.Document(id=taken.id, name=taken.name, sha256=taken.sha256, visibility=visibility)
    if not await _change_documents(services, caller, working.id, lambda now: (*now, document)):
        await services.attachments.unlink(taken.id, working.id)
        raise Refused(Code.CONFLICT)
    return taken


async def drop_file(services: Services, caller: Caller, working: Working, file_id: str) -> None:
    """Take a file off the record; published versions keep it.

    Raises:
        Refused: NOT_FOUND, WRONG_STATE, CONFLICT.
    """
    if not any(one.id == file_id for one in working.record.documents):
        raise Refused(Code.NOT_FOUND)
    if working.state not in EDITABLE:
        raise Refused(Code.WRONG_STATE, state=working.state.value)
    if not await _change_documents(
        services, caller, working.id, lambda now: tuple(one for one in now if one.id != file_id)
    ):
        raise Refused(Code.CONFLICT)
    await services.attachments.unlink(file_id, working.id)


async def sign(services: Services, caller: Caller, version: Version, network: str) -> None:
    """Put a signature on record.

    Raises:
        Refused: FORBIDDEN: staff and the owner read without signing; some members do not sign for their organisation.
    """
    assert caller.account is not None, "the door lets no anonymous caller in"
    if caller.party_id == version.owner or caller.account.role.is_staff:
        raise Refused(Code.FORBIDDEN)
    require_member(caller)
    await services.confidentiality.sign(
        version.id, caller.party_id, caller.account.id, version.number, nda_text(version.record)
    )
    await services.accounts.note(caller, network, "achievement.nda_signed", version.id)


async def _change_documents(services: Services, caller: Caller, achievement_id: AchievementId, change: Change) -> bool:
    """Change the list of documents over whatever stands there now: a file is not typed text, nothing unseen gets lost."""
    for _ in range(RETRIES):
        working = await services.achievements.read(achievement_id)
        if working is None:
            return False
        record = replace(working.record, documents=change(working.record.documents))
        if await save(services, caller, working, record, working.draft_version) is not None:
            return True
    return False


async def _erase(services: Services, caller: Caller, working: Working) -> None:
    assert caller.account is not None, "the door lets no anonymous caller in"
    await services.achievements.act(
        working.id,
        Act.REFUSE,
        actors=frozenset({Actor.SYSTEM}),
        account=caller.account.id,
        party=caller.party_id,
    )
    await services.attachments.erase(working.id)
