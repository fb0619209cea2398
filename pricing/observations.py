"""A price observation as it is stored: one outcome of the market, normalised, each step reversible. Canonical bytes make the snapshot."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct

EMPTY: Final = sha256(b"ortoo-pricing-snapshot-1\0").digest()
"""Digest of no observations."""
COMMODITY_BELOW_FEN: Final = 2_000_000
"""Below 20,000 yuan a price is one of certificates, not of technology: another population, never mixed."""

Stratum = Literal["technology", "commodity_certificate"]


class Observation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sold or unsold thing. `price_fen` is what was paid; for an unsold one what nobody paid, with `sold` false."""

    sold: bool
    price_fen: int
    mode: str
    industry: str = "other"
    field: str = ""
    region: str = ""
    trl: int | None = None
    remaining_years: float | None = None
    family: int = 0
    licence: str = "assign"
    title: str = ""
    valuation_fen: int | None = None
    bidders: int = 0
    reserve_fen: int | None = None
    seller: str = ""
    buyer: str = ""
    parties: tuple[str, ...] = ()
    """Who took part; shown to reviewers alone."""
    related: bool = False
    settled: bool = True
    dropped_fen: tuple[int, ...] = ()
    """Last bids of the losers, where the auction showed them; for reviewers and for the spread of bidders alone."""
    droppers: tuple[str, ...] = ()
    """Whose those bids are, in the same order."""
    quote: str = ""
    """The quote that the seller had seen: its advice may have made the price."""
    followed: bool | None = None
    """Whether what the seller set is within ten per cent of what that quote advised; None without a quote."""
    instalments_fen: tuple[int, ...] = ()
    """Parts in which the price is paid, in their order; empty: at once, or not told."""
    royalty_bps: int = 0
    """Share of the buyer's sales that is paid besides."""
    withdrawn: tuple[str, ...] = ()
    """Parties that were admitted, or had bid, and dropped out before the end."""

    @property
    def quality(self) -> float:
        """How much it counts: related parties and unpaid deals count less, and those whose price is not all of what is paid."""
        share = (0.3 if self.related else 1.0) * (1.0 if self.settled else 0.5)
        return share * (0.5 if self.royalty_bps else 1.0)

    @property
    def stratum(self) -> Stratum:
        """Which population it belongs to."""
        return "commodity_certificate" if self.price_fen < COMMODITY_BELOW_FEN else "technology"


class Observed(Struct, frozen=True, kw_only=True):
    """An observation with its place in the snapshot."""

    seq: int
    ref: str
    at_us: int
    observation: Observation


_ENCODER = msgspec.json.Encoder(order="deterministic")


def observation_text(observation: Observation) -> str:
    """Return the text that is stored."""
    return _ENCODER.encode(observation).decode()


def read_observation(text: str) -> Observation:
    """Read a stored observation."""
    return msgspec.json.decode(text, type=Observation)


def next_digest(before: bytes, ref: str, at_us: int, text: str) -> bytes:
    """Return the digest of a snapshot with one more observation."""
    line = _ENCODER.encode([ref, at_us, text])
    return sha256(before + len(line).to_bytes(8, "big") + line).digest()
