"""Gaussian process over log prices: fitted by maximum posterior, leave-one-out in closed form, bad entries set aside."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from pricing.learning.kernel import Array, Rows, Shape, covariance, gradient, likeness, unpack, variance

ITERATIONS: Final = 60
SUSPECT_Z: Final = 4.0
REFITS_MAX: Final = 3
SUSPECTS_SHARE_MAX: Final = 0.05
JITTER: Final = 1e-8


class Posterior(Struct, frozen=True):
    """The process given its rows. `scale` are noise factors per row (1 / quality)."""

    shape: Shape
    theta: Array
    rows: Rows
    y: Array
    scale: Array
    factor: Array
    alpha: Array

    def predict(self, rows: Rows) -> tuple[Array, Array]:
        """Return means and sds of next prices, noise included."""
        at = unpack(self.shape, self.theta)
        k = covariance(self.shape, at, rows, self.rows)
        reach = solve_triangular(self.factor, k.T, lower=True)
        spread = variance(self.shape, at, rows) - (reach**2).sum(0) + at.noise
        return k @ self.alpha, np.sqrt(np.maximum(spread, at.noise))

    def weights(self, rows: Rows) -> Array:
        """Return what each row counts in each prediction: predictions are these weights times y, exactly."""
        k = covariance(self.shape, unpack(self.shape, self.theta), rows, self.rows)
        return np.asarray(cho_solve((self.factor, True), k.T).T, dtype=np.float64)

    def left_out(self) -> tuple[Array, Array]:
        """Return mean and sd of each row's price as the others predict it (closed form)."""
        inverse = cho_solve((self.factor, True), np.eye(len(self.y)))
        diagonal = np.diag(inverse)
        return self.y - self.alpha / diagonal, np.sqrt(1 / diagonal)


def posterior(shape: Shape, theta: Array, rows: Rows, y: Array, scale: Array) -> Posterior:
    """Condition the process on rows with known parameters."""
    at = unpack(shape, theta)
    k = covariance(shape, at, rows, rows)
    k[np.diag_indices_from(k)] += at.noise * scale + JITTER
    factor = cholesky(k, lower=True)
    return Posterior(shape, theta, rows, y, scale, factor, cho_solve((factor, True), y))


def fit(shape: Shape, rows: Rows, y: Array, scale: Array, start: Array | None = None) -> Array:
    """Return the parameters of greatest posterior (L-BFGS with analytic gradient, at most 60 iterations)."""
    centre, sd = shape.prior()

    def loss(theta: Array) -> tuple[float, Array]:
        return _loss(shape, rows, y, scale, theta, centre, sd)

    bounds = list(zip(centre - 6 * sd, centre + 4 * sd, strict=True))
    found = minimize(
        loss, centre if start is None else start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": ITERATIONS, "ftol": 1e-6},
    )  # fmt: skip
    return np.asarray(found.x, dtype=np.float64)


def _loss(
    shape: Shape, rows: Rows, y: Array, scale: Array, theta: Array, centre: Array, sd: Array
) -> tuple[float, Array]:
    at = unpack(shape, theta)
    local = likeness(shape, at, rows, rows)
    k = covariance(shape, at, rows, rows)
    k[np.diag_indices_from(k)] += at.noise * scale + JITTER
    factor = cholesky(k, lower=True)
    alpha = cho_solve((factor, True), y)
    inverse = cho_solve((factor, True), np.eye(len(y)))
    weights = (inverse - np.outer(alpha, alpha)) / 2
    slope = gradient(shape, at, rows, weights, local)
    slope[-1] = at.noise * float(np.diag(weights) @ scale)
    miss = (theta - centre) / sd
    value = float(y @ alpha) / 2 + float(np.log(np.diag(factor)).sum()) + float(miss @ miss) / 2
    return value + len(y) * math.log(2 * math.pi) / 2, slope + miss / sd


class Cleaned(Struct, frozen=True):
    """Parameters, and which rows are kept: the others look like errors of entry and stay listed as such."""

    theta: Array
    kept: NDArray[np.bool_]


def fit_robustly(shape: Shape, rows: Rows, y: Array, scale: Array) -> Cleaned:
    """Fit, set aside rows that the others find impossible, fit again, three times at most."""
    kept = np.ones(len(y), dtype=bool)
    theta: Array | None = None
    for _ in range(REFITS_MAX + 1):
        inside = rows.take(kept)
        theta = fit(shape, inside, y[kept], scale[kept], theta)
        mean, sd = posterior(shape, theta, inside, y[kept], scale[kept]).left_out()
        z = np.abs(y[kept] - mean) / sd
        suspects = np.flatnonzero(kept)[z > SUSPECT_Z]
        room = max(int(SUSPECTS_SHARE_MAX * len(y)), 1) - int((~kept).sum())
        if not len(suspects) or room <= 0:
            break
        kept[suspects[np.argsort(-z[z > SUSPECT_Z], kind="stable")][:room]] = False
    assert theta is not None, "at least one fit was made"
    return Cleaned(theta, kept)
