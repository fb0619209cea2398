"""Receipts, checkpoints, verification: what a bidder can prove without asking the market."""
