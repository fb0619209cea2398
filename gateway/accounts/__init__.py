"""Accounts: who there is, how they prove it, what was taken back, who did what."""
