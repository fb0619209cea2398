"""The covariance of two lots' log prices: hedonic, by groups, by likeness, by text and by time. Every term is positive semi-definite.

Parameters are logs, in the order of `Shape.names`; gradients are those of the log parameters.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Texts = NDArray[Any]

CONSTANT: Final = 1.0
"""Prior variance of the level of standardised log prices."""
UNKNOWN: Final = -1
"""Code of a category that was never seen: its effect is 0 and its variance full."""


class Rows(Struct, frozen=True):
    """Lots as numbers: standardised features, codes of categories, unit embeddings of texts (or no columns), years."""

    z: Array
    codes: Codes
    text: Texts
    years: Array

    def __len__(self) -> int:
        return len(self.z)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Rows:
        """Return some of the rows."""
        return Rows(self.z[places], self.codes[places], self.text[places], self.years[places])

    def joined(self, other: Rows) -> Rows:
        """Return these rows and then the others."""
        return Rows(
            np.concatenate((self.z, other.z)),
            np.concatenate((self.codes, other.codes)),
            np.concatenate((self.text, other.text)),
            np.concatenate((self.years, other.years)),
        )


class Shape(Struct, frozen=True):
    """How many features and categories there are, and whether texts and times are known."""

    numbers: int
    categories: int
    has_text: bool = False
    has_time: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return (
            *(f"slope.{j}" for j in range(self.numbers)),
            *(f"group.{f}" for f in range(self.categories)),
            "local",
            *(f"length.{j}" for j in range(self.numbers)),
            *(f"differ.{f}" for f in range(self.categories)),
            *(("text",) if self.has_text else ()),
            *(("drift", "drift_years") if self.has_time else ()),
            "noise",
        )

    def prior(self) -> tuple[Array, Array]:
        """Return centres and sds of the normal priors on the log parameters."""
        p, f = self.numbers, self.categories
        length = math.sqrt(max(p, 1))
        centre = [math.log(0.06)] * p + [math.log(0.1)] * f + [math.log(0.1)]
        centre += [math.log(length)] * p + [math.log(0.7)] * f
        spread = [1.5] * p + [1.2] * f + [1.2] + [0.7] * p + [1.0] * f
        if self.has_text:
            centre, spread = [*centre, math.log(0.1)], [*spread, 1.2]
        if self.has_time:
            centre, spread = [*centre, math.log(0.05), math.log(2.0)], [*spread, 1.2, 0.7]
        return np.array([*centre, math.log(0.3)]), np.array([*spread, 1.0])


class Parameters(Struct, frozen=True):
    """The parameters by name, out of their logs."""

    slope: Array
    group: Array
    local: float
    length: Array
    differ: Array
    text: float
    drift: float
    drift_years: float
    noise: float


def unpack(shape: Shape, theta: Array) -> Parameters:
    """Return the parameters behind their logs."""
    p, f = shape.numbers, shape.categories
    values = np.exp(theta)
    at = p + f + 1 + p + f
    text = float(values[at]) if shape.has_text else 0.0
    at += shape.has_text
    drift, years = (float(values[at]), float(values[at + 1])) if shape.has_time else (0.0, 1.0)
    return Parameters(
        values[:p], values[p : p + f], float(values[p + f]), values[p + f + 1 : p + f + 1 + p],
        values[p + f + 1 + p : p + f + 1 + p + f], text, drift, years, float(values[-1]),
    )  # fmt: skip


def components(shape: Shape, at: Parameters, a: Rows, b: Rows) -> dict[str, Array]:
    """Return the covariance between two sets of rows, term by term: what an explanation of a price is made of."""
    found: dict[str, Array] = {"level": np.full((len(a), len(b)), CONSTANT)}
    for j in range(shape.numbers):
        found[f"slope.{j}"] = at.slope[j] * np.outer(a.z[:, j], b.z[:, j])
    for f in range(shape.categories):
        found[f"group.{f}"] = at.group[f] * same(a.codes[:, f], b.codes[:, f])
    found["local"] = likeness(shape, at, a, b)
    if shape.has_text:
        found["text"] = at.text * text_likeness(a.text, b.text)
    if shape.has_time:
        found["drift"] = at.drift * np.exp(-np.abs(a.years[:, None] - b.years) / at.drift_years)
    return found


def covariance(shape: Shape, at: Parameters, a: Rows, b: Rows) -> Array:
    """Return the covariance between two sets of rows, without noise."""
    total = CONSTANT + (a.z * at.slope) @ b.z.T + likeness(shape, at, a, b)
    for f in range(shape.categories):
        total += at.group[f] * same(a.codes[:, f], b.codes[:, f])
    if shape.has_text:
        total += at.text * text_likeness(a.text, b.text)
    if shape.has_time:
        total += at.drift * np.exp(-np.abs(a.years[:, None] - b.years) / at.drift_years)
    return np.asarray(total, dtype=np.float64)


def variance(shape: Shape, at: Parameters, a: Rows) -> Array:
    """Return the variance of each row by itself, without noise."""
    total = CONSTANT + (a.z**2) @ at.slope + at.local + at.group.sum()
    return np.asarray(total + (at.text if shape.has_text else 0.0) + (at.drift if shape.has_time else 0.0))


def likeness(shape: Shape, at: Parameters, a: Rows, b: Rows) -> Array:
    """Return the local term: near in every feature that matters, and of the same kinds."""
    left, right = a.z / at.length, b.z / at.length
    distance = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    exponent = np.maximum(distance, 0.0) / 2
    for f in range(shape.categories):
        exponent += at.differ[f] * (1 - same(a.codes[:, f], b.codes[:, f]))
    return np.asarray(at.local * np.exp(-exponent), dtype=np.float64)


def same(a: Codes, b: Codes) -> Array:
    """Return 1 where two rows have the same known category."""
    return np.asarray((a[:, None] == b) & (a[:, None] != UNKNOWN), dtype=np.float64)


def text_likeness(a: Texts, b: Texts) -> Array:
    """Return a radial kernel of unit embeddings: 1 for the same text."""
    distance = np.maximum(2 - 2 * (a @ b.T), 0.0)
    return np.asarray(np.exp(-distance), dtype=np.float64)


def gradient(shape: Shape, at: Parameters, rows: Rows, weights: Array, local: Array) -> Array:
    """Return sum(weights * dK/d log parameter) for every parameter but the noise, which is the last and left at 0."""
    found: list[float] = [float(at.slope[j] * (rows.z[:, j] @ weights @ rows.z[:, j])) for j in range(shape.numbers)]
    inside = weights * local
    total = float(inside.sum())
    sums = inside.sum(1)
    group, differ = [], []
    for f in range(shape.categories):
        equal = same(rows.codes[:, f], rows.codes[:, f])
        group.append(float(at.group[f] * np.vdot(weights, equal)))
        differ.append(float(-at.differ[f] * (total - np.vdot(inside, equal))))
    length = []
    for j in range(shape.numbers):
        z = rows.z[:, j]
        square = 2 * (float(sums @ z**2) - float(z @ inside @ z))
        length.append(square / float(at.length[j]) ** 2)
    found += [*group, total, *length, *differ]
    if shape.has_text:
        found.append(float(at.text * np.vdot(weights, text_likeness(rows.text, rows.text))))
    if shape.has_time:
        apart = np.abs(rows.years[:, None] - rows.years)
        drift = weights * at.drift * np.exp(-apart / at.drift_years)
        found += [float(drift.sum()), float((drift * apart).sum()) / at.drift_years]
    return np.array([*found, 0.0])
