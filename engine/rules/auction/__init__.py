"""Auction sessions: one file per concern (terms, closing clock, increments, proxy bids, deciding, evolving)."""
