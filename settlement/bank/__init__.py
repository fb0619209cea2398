"""The bank side of deposits: what the bank tells is recorded once, matched by rules, and every fen of it is in exactly one place."""
