"""`ortoo demo`: the market opened with believable demonstration lots, and a session in which really recorded bids arrive."""

from __future__ import annotations

from gateway.demo.opening import main

__all__ = ["main"]
