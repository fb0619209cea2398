"""The demonstration's listed trade: invented institutions with checked identities, their achievements in the catalogue, listings."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from engine.catalogue.achievements.versions import AchievementId, Version
from engine.catalogue.parties.party import BankAccount, PartyKind, Registration
from engine.rules.achievement import record as r
from engine.rules.achievement.states import Act, Actor
from engine.rules.listing import commands as c
from engine.rules.real_name import RealNameAct
from engine.values import ListingId, PartyId
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.model import Account, Caller, MemberRole
from gateway.demo.lots import LOTS, DemoLot
from gateway.http.api.listing_wishes import ListedWish, ListingTermsWish
from gateway.listings.asking import ask_listing
from gateway.listings.terms import SEEDS, listed_subject, listing_terms
from gateway.services import Services

_ORIGIN: Final = Origin(NOBODY, "demo")
YUAN: Final = 100
HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True)
class DemoParty:
    """An invented organisation for which a demonstration login acts."""

    name_zh: str
    name_en: str
    holder_kind: str
    region: str
    credit_code: str
    """Well formed and given to nobody."""


PARTIES: Final[Mapping[str, DemoParty]] = {
    "seller": DemoParty(
        "包头稀土材料研究所（演示）", "Baotou Institute of Rare Earths (demonstration)", "public_institution", "150207",
        "12150200MA0000001L",
    ),
    "bidder1": DemoParty("草原合作社（演示）", "Grassland Cooperative (demonstration)", "cooperative", "152502", "93152502MA0000002H"),
    "bidder2": DemoParty("青山新材料公司（演示）", "Qingshan New Materials (demonstration)", "company", "150204", "91150204MA0000003F"),
}  # fmt: skip

LISTED: Final[Mapping[str, tuple[str, str, ListingTermsWish]]] = {
    "flow-battery-sale": (
        "flow-battery",
        "disclosed",
        ListingTermsWish.model_validate(
            {
                "mode": "TRANSFER",
                "way": "disclosed",
                "list_price": str(1_200_000 * YUAN),
                "disclosure_working_days": 10,
                "extension": {"cycle_working_days": 5, "cycles_max": 2},
                "deposit": {"share_bps": 1_000, "release": "working_days_3"},
                "session": {
                    "increment": {"kind": "fixed", "step": str(10_000 * YUAN)},
                    "free_period_us": 24 * HOUR_US,
                    "limited_cycle_us": 120_000_000,
                },
            },
            strict=False,
        ),
    ),
    "dairy-licences": (
        "dairy-culture",
        "posted",
        ListingTermsWish.model_validate(
            {"mode": "PLAIN", "way": "posted", "list_price": str(38_000 * YUAN), "seats": 5, "offers": {}}, strict=False
        ),
    ),
    "mutton-trace-sale": (
        "mutton-trace",
        "submitted",
        ListingTermsWish.model_validate(
            {
                "mode": "TRANSFER",
                "way": "disclosed",
                "list_price": str(460_000 * YUAN),
                "disclosure_working_days": 5,
                "session": {"increment": {"kind": "percent", "rate_ppm": 20_000}, "open_for_us": 24 * HOUR_US},
            },
            strict=False,
        ),
    ),
}
"""Listing -> which of the demonstration's achievements, how far it is brought, its terms."""


async def open_fair(services: Services, accounts: Mapping[str, Account], bank: Mapping[str, str]) -> dict[str, Account]:
    """Let the demonstration logins act for organisations, fill the catalogue, list; what is there already stays.

    Args:
        services: The market.
        accounts: The demonstration logins.
        bank: Account numbers at the sandbox bank by login.

    Returns:
        The logins as they are now.
    """
    joined = {**accounts}
    for login, party in PARTIES.items():
        joined[login] = await _join(services, accounts[login], party, bank.get(login))
    seller = joined["seller"]
    published = await _publish_achievements(services, seller)
    for name, (lot, until, wish) in LISTED.items():
        if await services.engine.listings.load(ListingId(name)) is None:
            await _list(services, joined, ListingId(name), published[lot], wish, until)
    return joined


async def _join(services: Services, account: Account, said: DemoParty, bank_number: str | None) -> Account:
    if account.party != account.id:
        return account
    registration = Registration(
        kind=PartyKind.ORGANISATION, name_zh=said.name_zh, name_en=said.name_en, number=said.credit_code,
        holder_kind=said.holder_kind, region=said.region, contact="演示联系人",
    )  # fmt: skip
    party_id = await services.parties.register(registration, account.id, demonstration=True)
    for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
        await services.parties.act(party_id, act, "demo")
    if bank_number is not None:
        bank = BankAccount(holder=said.name_zh, number=bank_number, bank="沙箱银行（演示）")
        await services.parties.set_bank_account(party_id, bank, account.id)
    return await services.accounts.join(account.id, party_id, MemberRole, _ORIGIN)


async def _publish_achievements(services: Services, seller: Account) -> dict[str, AchievementId]:
    """Return the demonstration's achievements by the name of their lot, made at the first start."""
    known = await services.achievements.of_owner(seller.party, limit=len(LOTS))
    titles = {one.record.title_zh: one.id for one in known.items if one.published}
    return {lot.name: titles.get(_title(lot)) or await _publish(services, seller, lot) for lot in LOTS}


async def _publish(services: Services, seller: Account, lot: DemoLot) -> AchievementId:
    one = await services.achievements.create(seller.party, seller.id, _record(lot))
    for act, actor in ((Act.SUBMIT, Actor.APPLICANT), (Act.RELEASE, Actor.APPROVER), (Act.PUBLISH, Actor.OPERATOR)):
        await services.achievements.act(one, act, actors=frozenset({actor}), account=seller.id, party=seller.party)
    return one


def _title(lot: DemoLot) -> str:
    return f"{lot.title_zh}（演示）"


def _record(lot: DemoLot) -> r.Achievement:
    right = r.Right(
        kind=r.RightKind.INVENTION, number="示例专利（演示）", filed_on="2022-03-01", annuity_paid_to="2027-03-01",
    )  # fmt: skip
    return r.Achievement(
        title_zh=_title(lot),
        title_en=f"{lot.title_en} (demonstration)",
        abstract_zh=f"{lot.summary_zh}本条为演示内容，成果、单位与数据均为虚构，不构成任何要约，仅用于展示平台功能与流程。",
        abstract_en=f"{lot.summary_en} Invented for demonstration; not an offer of anything.",
        holder_zh=PARTIES["seller"].name_zh,
        holder_en=PARTIES["seller"].name_en,
        holder_kind=r.HolderKind.STATE_INSTITUTE,
        fields=(lot.field,),
        industry="73",
        region=lot.region if len(lot.region) == 6 else "150200",
        trl=7,
        trl_evidence=(r.Evidence(level=7, text="用户现场试用报告（演示）"),),
        scenes=("示范工程（演示）",),
        project=r.Project(fiscal=True),
        completers=(
            r.Completer(name="完成人甲（演示）", share_bp=6_000),
            r.Completer(name="完成人乙（演示）", share_bp=4_000),
        ),
        secrecy=r.Secrecy.PUBLIC,
        export_class=r.ExportClass.FREE,
        rights=(right,),
        modes=(r.Mode.TRANSFER, r.Mode.PLAIN),
        defects="演示内容，无。",
    )


async def _list(
    services: Services,
    accounts: Mapping[str, Account],
    name: ListingId,
    achievement: AchievementId,
    wish: ListingTermsWish,
    until: str,
) -> None:
    version = await services.achievements.public(achievement)
    assert version is not None, "it was just published"
    seller, operator = Caller(account=accounts["seller"]), Caller(account=accounts["operator"])
    await _say(services, seller, name, _submission(version, wish, seller.party_id))
    if until == "submitted":
        return
    await _say(services, operator, name, c.PublishListing())
    if until == "disclosed":
        buyer = accounts["bidder2"]
        intent = c.RegisterIntent(buyer_id=buyer.party, statement="拟用于扩建永磁材料生产线（演示）")
        await _say(services, Caller(account=buyer), name, intent)


def _submission(version: Version, wish: ListingTermsWish, seller_id: PartyId) -> c.SubmitListing:
    subject = replace(
        listed_subject(version, ListedWish(conditions_zh="在中国境内依法设立的单位（演示）")), demonstration=True
    )
    terms = listing_terms(wish, version, secrets.randbelow(SEEDS))
    return c.SubmitListing(terms=terms, subject=subject, seller_id=seller_id)


async def _say(services: Services, caller: Caller, name: ListingId, command: c.ListingCommand) -> None:
    receipt = await ask_listing(services, caller, name, command, uuid.uuid4().bytes)
    if receipt.code is not None:
        raise OSError(f"the demonstration listing {name}: {receipt.code.value} {dict(receipt.data)}")
