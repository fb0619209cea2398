"""A sandbox bank: a program of its own with accounts, transfers, payouts, signed callbacks and statements, that misbehaves on demand.

No real money, no real bank: it stands in for one in the demonstration and in tests, and says so on every page.
"""
