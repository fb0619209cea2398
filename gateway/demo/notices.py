"""The demonstration's agreements in publicity: a plain one, one with a related buyer, one about a trade secret."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from engine.catalogue.achievements.versions import Version
from engine.journal.codec import request_digest
from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.rules.publicity import commands as c
from engine.rules.publicity.content import (
    Basis,
    BasisKind,
    Buyer,
    Confidential,
    NamedCompleter,
    NoticeContent,
    Payment,
    Related,
)
from engine.rules.publicity.terms import Body, Declaration, DeclarerRole, Ladder, NoticeTerms, Rung
from engine.values import Amount, InstantUs, NoticeId
from gateway.accounts.model import Account
from gateway.services import Services

YUAN: Final = 100
_ACTOR: Final = "demo"
_LADDER: Final = Ladder(
    version=1,
    bodies=(
        Body(code="office", name_zh="科技处（演示）", name_en="Technology office (demonstration)"),
        Body(code="meeting", name_zh="所务会（演示）", name_en="Meeting (demonstration)", collective=True),
    ),
    rungs=(
        Rung(up_to=Amount(2_000_000 * YUAN), bodies=("office",)),
        Rung(up_to=None, bodies=("office", "meeting")),
    ),
    related_bodies=("meeting",),
)
AGREEMENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "demo-agreement-1": {
        "price": Amount(860_000 * YUAN),
        "buyer": Buyer(name_zh="青山新材料公司（演示）", name_en="Qingshan Materials (demonstration)"),
        "title_mn": "ᠦᠵᠡᠭᠦᠯᠦᠯᠲᠡ",
    },
    "demo-agreement-2": {
        "price": Amount(2_350_000 * YUAN),
        "mode": Mode.PLAIN,
        "buyer": Buyer(name_zh="鹿城驱动公司（演示）", name_en="Lucheng Drives (demonstration)"),
        "related": (Related(kind=RelationKind.STUDENT, text="受让方由完成人甲指导的学生创办（演示）"),),
    },
    "demo-agreement-3": {
        "price": Amount(420_000 * YUAN),
        "buyer": Buyer(name_zh="草原合作社（演示）", name_en="Steppe Cooperative (demonstration)"),
        "confidential": Confidential.TRADE_SECRET,
    },
}


async def publish_notices(services: Services, seller: Account) -> None:
    """Publish the demonstration's agreements, each about another achievement of the seller; done once."""
    known = await services.achievements.of_owner(seller.party)
    versions = await services.achievements.public_many([one.id for one in known.items])
    for (name, more), version in zip(AGREEMENTS.items(), versions.values(), strict=False):
        if await services.engine.notices.load(NoticeId(name)) is None:
            await _publish(services, name, seller, _content(version, more))


def _content(version: Version, more: Mapping[str, Any]) -> NoticeContent:
    record = version.record
    given: dict[str, Any] = {
        "mode": Mode.TRANSFER,
        "completers": (NamedCompleter(share_bp=6_000), NamedCompleter(share_bp=4_000)),
        "basis": (Basis(kind=BasisKind.INQUIRY, reference="询价记录（演示）"),),
        "payment": Payment(text="合同生效后五个工作日内一次付清（演示）"),
        "scope_zh": "全国范围，含全部衍生改进（演示）",
        "scope_en": "Nationwide, with all improvements (demonstration)",
        **more,
    }
    return NoticeContent(
        achievement_id=version.id,
        achievement_version=version.number,
        achievement_digest=version.digest.hex(),
        title_zh=record.title_zh,
        title_en=record.title_en,
        abstract_zh=record.abstract_zh,
        abstract_en=record.abstract_en,
        field=record.fields[0],
        region=record.region,
        seller_name_zh=record.holder_zh,
        seller_name_en=record.holder_en,
        unit_place="单位公告栏（演示）",
        objections_to="科技处（演示）",
        demonstration=True,
        **given,
    )


async def _publish(services: Services, name: str, seller: Account, content: NoticeContent) -> None:
    tie = content.related[0].kind if content.related else None
    declared = (
        Declaration(role=DeclarerRole.APPLICANT, who=seller.id),
        *(
            Declaration(role=DeclarerRole.COMPLETER, who=str(rank), relation=tie if rank == 1 else None)
            for rank, _ in enumerate(content.completers, 1)
        ),
    )
    submission = c.SubmitNotice(
        terms=NoticeTerms(ladder=_LADDER), content=content, seller_id=seller.party, applicant=seller.id, declarations=declared
    )  # fmt: skip
    await _say(services, name, submission)
    state = services.engine.notices.state(NoticeId(name))
    for body in () if state is None else state.bodies:
        who = f"{_ACTOR}-{body}"
        declaration = Declaration(role=DeclarerRole.APPROVER, who=who)
        await _say(services, name, c.ApproveNotice(body=body, approver=who, declaration=declaration, minutes="演示"))
    await _say(services, name, c.PublishNotice())


async def _say(services: Services, name: str, command: c.NoticeCommand) -> None:
    receipt = await services.engine.notices.ask(
        NoticeId(name), command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor=_ACTOR,
        arrived_at_us=InstantUs(services.now_us),
    )  # fmt: skip
    if receipt.code is not None:
        raise OSError(f"the demonstration notice {name} cannot be published: {receipt.code.value} {receipt.data}")
