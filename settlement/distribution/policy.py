"""A unit's policy of distribution by versions (促进科技成果转化法 art. 44: heard with the staff, public in the unit). Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from settlement.deals.fees import ALL_BPS
from settlement.distribution.floors import floors
from settlement.distribution.splitting import Band

BANDS_MAX: Final = 10
TEXT_MAX: Final = 500
FEN_MAX: Final = 10**15


class Policy(Struct, frozen=True, kw_only=True):
    """What a unit adopted."""

    title: str
    adopted_ref: str
    """Number or place of the document, and how the staff was heard."""
    bands: tuple[Band, ...]
    main_bps: int
    """Least part of the reward for the main contributors."""
    staff_bps: int = 0
    """Part of the reward for the tech-transfer office's staff and technology managers."""
    publicity_days: int = 15


def problems_of(policy: Policy) -> tuple[str, ...]:
    """Return what is wrong with a policy, by code; empty where it may be adopted."""
    law = floors()
    found = []
    if (
        not policy.title.strip()
        or not policy.adopted_ref.strip()
        or max(len(policy.title), len(policy.adopted_ref)) > TEXT_MAX
    ):
        found.append("adopted_ref")
    starts = [band.from_fen for band in policy.bands]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)) or len(starts) > BANDS_MAX or starts[-1] > FEN_MAX:
        found.append("bands")
    for band in policy.bands:
        shares = (band.reward_bps, band.college_bps, band.office_bps, band.broker_bps)
        if min(shares) < 0 or sum(shares) > ALL_BPS:
            found.append("shares")
        if band.reward_bps < law.reward_bps.value:
            found.append("reward_below_floor")
    if not law.main_bps.value <= policy.main_bps <= ALL_BPS:
        found.append("main_below_floor")
    if not 0 <= policy.staff_bps <= ALL_BPS - policy.main_bps:
        found.append("staff")
    if not law.publicity_days.value <= policy.publicity_days <= 365:
        found.append("publicity_too_short")
    return tuple(dict.fromkeys(found))
