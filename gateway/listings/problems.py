"""What is wrong with the terms of a listing, as people read it: the keys of its words, and the step of the form where it is mended."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.listings.steps import STEPS

_STEP_OF: Final = {
    "list_price": "price", "currency": "price", "withdrawal_cost": "price", "offers": "price", "admission": "price", "mode": "offer",
    "achievement": "offer", "way": "way", "seats": "way", "seat_method": "way", "disclosure_working_days": "period",
    "extension": "period", "session": "bidding", "always_bid": "bidding", "deposit": "deposit", "decide_working_days": "deposit",
    "open_licence": "statement", "state_asset": "asset",
}  # fmt: skip
_RECORD: Final = "achievement."
_SESSION: Final = "session."


class Shown(NamedTuple):
    """A problem for the page. `keys`: one text, or the name of a field and what is wrong with it."""

    keys: tuple[str, ...]
    step: str
    """The step of the form; empty where the achievement's own record is to be mended."""


def shown(problem: str, steps: list[str]) -> Shown:
    """Return how a problem (`field: word`) is shown.

    Args:
        problem: As the rules name it.
        steps: Names of the steps that the form asks, in order.
    """
    field, _, word = problem.partition(": ")
    if problem.startswith(_RECORD):
        name = field.removeprefix(_RECORD).partition(".")[0].partition("[")[0]
        return Shown((f"achievement.field.{name}", f"achievement.problem.{word}"), "")
    step = _STEP_OF.get(field.partition(".")[0], "offer")
    step = step if step in steps else steps[0]
    if problem.startswith(_SESSION):
        return Shown((f"form.wrong.terms.{field.removeprefix(_SESSION)}.{word}",), step)
    return Shown((f"lcon.problem.{field}.{word}",), step)


def all_shown(problems: list[str], steps: list[str]) -> list[Shown]:
    """Return each problem once, in the order of the form's steps."""
    order = {step.name: place for place, step in enumerate(STEPS)}
    return sorted(
        (shown(problem, steps) for problem in dict.fromkeys(problems)), key=lambda one: order.get(one.step, len(order))
    )
