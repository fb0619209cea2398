"""How income becomes parts: net income, the unit's bands, staff and completers. Parts sum to the whole, always. Pure; amounts in fen."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from settlement.deals.fees import ALL_BPS
from settlement.distribution.floors import at_least

PERSONS_MAX: Final = 200


class CostKind(StrEnum):
    """What is taken off the income. Research money from public funds is no cost (Zhejiang regulation art. 37) and has no kind."""

    VALUATION = "valuation"
    UPKEEP = "upkeep"
    """Fees that keep the right in force."""
    BROKER = "broker"
    NEGOTIATION = "negotiation"
    VENUE_FEE = "venue_fee"
    TAX = "tax"


class Cost(Struct, frozen=True, kw_only=True):
    """One cost."""

    kind: CostKind
    amount_fen: int


class Band(Struct, frozen=True, kw_only=True):
    """How net income is shared where the contract's price is `from_fen` or more; the unit keeps the rest."""

    from_fen: int
    reward_bps: int
    """Completers and those who brought it about (完成人和转化贡献人员)."""
    college_bps: int = 0
    office_bps: int = 0
    """The unit's tech-transfer office."""
    broker_bps: int = 0
    """The outside broker, where he is paid by share."""

    @property
    def unit_bps(self) -> int:
        """What the unit keeps."""
        return ALL_BPS - self.reward_bps - self.college_bps - self.office_bps - self.broker_bps


class Group(StrEnum):
    """Why a person is rewarded."""

    MAIN = "main"
    """Main contributor (主要贡献人员)."""
    OTHER = "other"
    STAFF = "staff"
    """Of the tech-transfer office, technology managers (转化服务人员)."""


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who is rewarded: `weight` among those of the completers' part, or among the staff."""

    name: str
    group: Group
    weight: int


class Paid(Struct, frozen=True, kw_only=True):
    """What one person gets."""

    name: str
    group: Group
    amount_fen: int


class Split(Struct, frozen=True, kw_only=True):
    """The parts of one round; reward, college, office, broker and unit sum to net, and the persons to the reward."""

    income_fen: int
    costs_fen: int
    net_fen: int
    reward_fen: int
    college_fen: int
    office_fen: int
    broker_fen: int
    unit_fen: int
    staff_fen: int
    main_fen: int
    main_least_fen: int
    """Below this the main contributors must not be."""
    persons: tuple[Paid, ...]


def net_income(income_fen: int, costs: Sequence[Cost]) -> int:
    """Return income less costs: of 3,000,000 yuan, less 20,000, 30,000, 90,000 and 900, there are 2,859,100 left."""
    return income_fen - sum(cost.amount_fen for cost in costs)


def largest_remainder(whole: int, weights: Sequence[int]) -> list[int]:
    """Share a whole number by weights: parts sum to the whole, each within 1 of its exact share; ties go to the first.

    Raises:
        ValueError: a negative number, or nothing to share by.
    """
    total = sum(weights)
    if whole < 0 or total <= 0 or min(weights) < 0:
        raise ValueError("weights and the whole are not negative, and some weight is above 0")
    parts = [whole * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(whole * weights[place] % total), place))
    for place in order[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def band_of(bands: Sequence[Band], contract_fen: int) -> Band:
    """Return the band of a contract: the last one that begins at or below its price. The first begins at 0."""
    return [band for band in bands if band.from_fen <= contract_fen][-1]


def split(
    band: Band, staff_bps: int, main_bps: int, income_fen: int, costs: Sequence[Cost], persons: Sequence[Person]
) -> Split:
    """Return who gets what of one income.

    Args:
        band: How the net income is shared.
        staff_bps: Part of the reward that goes to the staff, where any is named.
        main_bps: Least part of the reward for the main contributors.
        income_fen: What came in.
        costs: What is taken off.
        persons: Who is rewarded; at least one who is not staff.

    Raises:
        ValueError: nothing is left to share, or nobody to share it among.
    """
    net = net_income(income_fen, costs)
    if net <= 0:
        raise ValueError("nothing is left")
    weights = (band.reward_bps, band.college_bps, band.office_bps, band.broker_bps, band.unit_bps)
    parts = largest_remainder(net, weights)
    # A floor is a floor: where rounding would leave the reward below its share, the unit gives the fen.
    missing = max(0, at_least(net, band.reward_bps) - parts[0])
    if missing:
        giver = max(range(1, 5), key=lambda place: parts[place])
        parts[0], parts[giver] = parts[0] + missing, parts[giver] - missing
    reward = parts[0]
    staff = [one for one in persons if one.group is Group.STAFF]
    others = [one for one in persons if one.group is not Group.STAFF]
    staff_fen = at_least(reward, staff_bps) if staff else 0
    paid = _among(reward - staff_fen, others) + (_among(staff_fen, staff) if staff else [])
    return Split(
        income_fen=income_fen, costs_fen=income_fen - net, net_fen=net, reward_fen=reward, college_fen=parts[1],
        office_fen=parts[2], broker_fen=parts[3], unit_fen=parts[4], staff_fen=staff_fen,
        main_fen=sum(one.amount_fen for one in paid if one.group is Group.MAIN),
        main_least_fen=at_least(reward, main_bps), persons=tuple(paid),
    )  # fmt: skip


def _among(whole: int, persons: Sequence[Person]) -> list[Paid]:
    parts = largest_remainder(whole, [one.weight for one in persons])
    return [Paid(name=one.name, group=one.group, amount_fen=part) for one, part in zip(persons, parts, strict=True)]
